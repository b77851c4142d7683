"""Recorded traffic held against the contract: where the two part, and what that means for a client.

What would break a client that was built on the contract is breaking:

========= ================= =============== ==================================================================
side      kind              severity        because
========= ================= =============== ==================================================================
request   path              breaking        what was called and found is not in the contract: verb or path
                                            differs. Informational when the API did not know it either
request   refused           warning         what the contract allows was answered with 400 or 422
request   any other         warning         the API took what the contract and the mock refuse or ignore.
                                            Calls answered with 4xx say nothing: there they may agree
response  status            breaking        a client has no branch for it; a warning from 500 on
response  missing, type     breaking        a client reads a value that is not there or is of another type
response  other             breaking        no body, no JSON, another media type
response  enum, format,     warning         a client that looks closer than at the type may stumble
          pattern, range
response  extra             informational   clients leave alone what they do not know
response  of a header       warning         few clients read them
response  in a 4xx or 5xx   at most a       clients go by the status of a refusal
          body              warning
========= ================= =============== ==================================================================
"""

import dataclasses as dc
import html
import re
import typing as t
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace

import orjson

from mockserver.api.near_miss import near_misses
from mockserver.contract.validation import Contract, Violation
from mockserver.traffic.recordings import Exchange
from mockserver.traffic.redaction import REDACTED, redacted

SEVERITIES = ("breaking", "warning", "informational")
BODY_SHOWN = 2000  # bytes of a body in an example
_HIDDEN = (REDACTED, "[Filtered]", "***")  # what recorders put in the place of secrets, ours first
_BREAKING = frozenset({"missing", "type", "other", "status"})
_ID = re.compile(r"[0-9a-fA-F-]{32,36}|[0-9A-Z]{12}|\d+")


@dc.dataclass
class Finding:
    """One difference. `operation` is the operation's id, or the verb and path of a call the contract does not
    know.

    `side` is request or response, `field` its place for any index (`results[].name`), `kind` that of a
    Violation, or path or refused. `sources` are the exchanges that show it, `example` the first: its source,
    request line and status, with the bodies when they were asked for.
    """

    operation: str
    side: str
    status: int
    field: str
    kind: str
    severity: str
    message: str
    example: dict[str, t.Any]
    sources: list[str] = dc.field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.sources)

    def document(self) -> dict:
        return {**dc.asdict(self), "count": self.count}


@dc.dataclass
class Report:
    """All differences, by operation and severity. `calls` counts the exchanges of each operation, `confirmed`
    those of them that were answered with 2xx and that the contract describes completely on both sides."""

    findings: list[Finding]
    calls: Counter[str]
    confirmed: Counter[str]
    addresses: dict[str, str]
    exchanges: int

    @property
    def counts(self) -> dict[str, int]:
        return {severity: sum(finding.severity == severity for finding in self.findings) for severity in SEVERITIES}

    @property
    def breaking(self) -> bool:
        return self.counts["breaking"] > 0

    def summary(self) -> str:
        found = ", ".join(f"{number} {severity}" for severity, number in self.counts.items())
        known = f"{sum(self.calls.values())} of them with {len(self.calls)} operations of the contract"
        return f"{self.exchanges} exchanges, {known}: {found}."

    def groups(self) -> dict[str, list[Finding]]:
        """The findings of each operation, the worst first."""
        found: dict[str, list[Finding]] = {}
        for finding in sorted(self.findings, key=lambda f: (f.operation in self.addresses, f.operation)):
            found.setdefault(finding.operation, []).append(finding)
        return {
            name: sorted(group, key=lambda f: (SEVERITIES.index(f.severity), f.side, f.field))
            for name, group in found.items()
        }

    def text(self) -> str:
        lines = []
        for name, findings in self.groups().items():
            lines.append(f"{name}  {self.addresses[name]}" if name in self.addresses else name)
            for finding in findings:
                lines.append(f"  {finding.severity:13} {_where(finding)}: {finding.message}")
                lines.append(f"                {_evidence(finding)}")
                lines += [
                    f"                {side}: {finding.example[side]}"
                    for side in ("request", "response")
                    if side in finding.example
                ]
            lines.append("")
        return _printable("\n".join([*lines, self.summary()]))

    def document(self) -> dict:
        return {
            "summary": self.counts,
            "exchanges": self.exchanges,
            "calls": dict(self.calls),
            "confirmed": dict(self.confirmed),
            "findings": [finding.document() for group in self.groups().values() for finding in group],
        }

    def write(self, kind: str, path: str | Path) -> None:
        """Write it as json, junit or html. OSError when it cannot be written."""
        content = {"json": self._json, "junit": self._junit, "html": self._html}[kind]()
        Path(path).write_bytes(content)

    def _json(self) -> bytes:
        return orjson.dumps(self.document(), option=orjson.OPT_INDENT_2)

    def _junit(self) -> bytes:
        """A case for each finding, failed if breaking, and a passed one for each operation without any."""
        groups = self.groups()
        suites = ET.Element("testsuites", name="mockserver contract check")
        for name in [*groups, *(name for name in self.calls if name not in groups)]:
            findings = groups.get(name, [])
            failures = sum(finding.severity == "breaking" for finding in findings)
            suite = ET.SubElement(
                suites,
                "testsuite",
                name=_xml(name),
                tests=str(len(findings) or 1),
                failures=str(failures),
                errors="0",
            )
            for finding in findings:
                case = ET.SubElement(
                    suite, "testcase", classname=_xml(name), name=_xml(f"{_where(finding)} ({finding.kind})")
                )
                text = _xml(f"{finding.message}\n{_evidence(finding)}")
                if finding.severity == "breaking":
                    ET.SubElement(case, "failure", message=_xml(finding.message), type=finding.kind).text = text
                else:
                    ET.SubElement(case, "system-out").text = f"{finding.severity}: {text}"
            if not findings:
                ET.SubElement(suite, "testcase", classname=name, name=f"{self.calls[name]} exchanges keep the contract")
        return ET.tostring(suites, encoding="utf-8", xml_declaration=True)

    def _html(self) -> bytes:
        rows = []
        for name, findings in self.groups().items():
            rows.append(
                f"<tr><th colspan=4>{html.escape(name)} "
                f"<small>{html.escape(self.addresses.get(name, ''))}</small></th></tr>"
            )
            rows += [
                "<tr>"
                + f"<td class={finding.severity}>{finding.severity}</td>"
                + "".join(
                    f"<td>{html.escape(text)}</td>" for text in (_where(finding), finding.message, _evidence(finding))
                )
                + "</tr>"
                for finding in findings
            ]
        return _PAGE.format(summary=html.escape(self.summary()), rows="\n".join(rows)).encode()


def check(exchanges: Iterable[Exchange], document: Mapping, show_bodies: bool = False) -> Report:
    """Each exchange matched to its operation in an OpenAPI 3.1 document, and both its sides validated.

    Preflights (OPTIONS), HEAD and the mock's own control plane are left out. Examples are without secrets,
    and hold the bodies only when `show_bodies`.
    """
    contract = Contract(document)
    addresses = {name: f"{place.method} {place.path}" for name, place in contract.places.items()}
    report = Report([], Counter(), Counter(), addresses, 0)
    found: dict[tuple, Finding] = {}
    for exchange in exchanges:
        if exchange.method in ("OPTIONS", "HEAD") or exchange.path.startswith("/__mock__"):
            continue
        report.exchanges += 1
        operation, violations = compare(contract, exchange)
        if operation in contract:
            report.calls[operation] += 1
            report.confirmed[operation] += not violations and 200 <= exchange.status < 300
        told = set()
        for side, violation in violations:
            key = (
                operation,
                side,
                exchange.status if side == "response" else 0,
                violation.place,
                violation.kind,
            )
            if key in told:
                continue  # another item of the same list
            told.add(key)
            if key not in found:
                message = violation.expected if not show_bodies else violation.reason
                found[key] = Finding(
                    operation,
                    side,
                    exchange.status,
                    violation.place,
                    violation.kind,
                    severity(side, violation, exchange.status),
                    message,
                    _example(exchange, show_bodies),
                )
            found[key].sources.append(exchange.source)
    report.findings = list(found.values())
    return report


def compare(contract: Contract, exchange: Exchange) -> tuple[str, list[tuple[str, Violation]]]:
    """(operation, what breaks the contract on which side); of a call it does not know, verb and path stand
    for the operation."""
    match = contract.match(exchange.method, exchange.path)
    if match is None:
        return _unknown(contract, exchange)
    return match[0], _violations(contract, *match, exchange)


def severity(side: str, violation: Violation, status: int) -> str:
    """The table of this module."""
    if violation.kind == "path":
        return "informational" if status in (404, 405) else "breaking"
    if side == "request":
        return "warning"
    if violation.kind == "extra":
        return "informational"
    if violation.kind == "status":
        return "breaking" if status < 500 else "warning"
    if status >= 400 or (violation.field.startswith("header ") and violation.kind != "other"):
        return "warning"
    return "breaking" if violation.kind in _BREAKING else "warning"


def _violations(contract, operation, parameters, exchange) -> list[tuple[str, Violation]]:
    sent = []
    if "request" in exchange.omitted:
        sent = contract.request_violations(operation, exchange.query_string, path_parameters=parameters)
        sent = [violation for violation in sent if violation.field]  # all but the body, which was there
    else:
        sent = contract.request_violations(
            operation, exchange.query_string, exchange.request_headers, exchange.request_body, parameters
        )
    sent += [
        violation
        for violation in contract.unknown_in_request(operation, exchange.query_string, exchange.request_body)
        if violation not in sent
    ]
    sent = [violation for violation in sent if violation.value not in _HIDDEN]
    if exchange.status >= 400:
        sent = [_refused(exchange)] if exchange.status in (400, 422) and not sent and not exchange.omitted else []
    return [
        *(("request", violation) for violation in sent),
        *(("response", violation) for violation in _answered(contract, operation, exchange)),
    ]


def _answered(contract, operation, exchange) -> list[Violation]:
    status, found = exchange.status, []
    if contract.response_key(operation, status) is None:
        found = contract.response_violations(operation, status, {}, b"")
        # Its body can be told from the contract's own success, so that no difference hides behind another.
        success = [
            int(key)
            for key in contract.places[operation].operation["responses"]
            if key.isdigit() and key.startswith("2")
        ]
        if not (200 <= status < 300 and len(success) == 1 and exchange.response_body):
            return found
        status = success[0]
    if "response" not in exchange.omitted:
        shown = contract.response_violations(operation, status, exchange.response_headers, exchange.response_body)
        shown += [
            violation
            for violation in contract.unknown_in_response(operation, status, exchange.response_body)
            if violation not in shown
        ]
        found += [violation for violation in shown if violation.value not in _HIDDEN]
    return found


def _refused(exchange):
    return Violation(
        "",
        "refused",
        f"Answered {exchange.status}, though the contract allows it.",
        f"Answered {exchange.status}, though the contract allows it.",
    )


def _unknown(contract, exchange):
    """(verb and path, the finding) of a call that no operation of the contract is for."""
    path = "/".join("{id}" if _ID.fullmatch(word) else word for word in exchange.path.split("/"))
    known = [
        SimpleNamespace(id=place.name, method=place.method, path=place.path, served=True)
        for place in contract.places.values()
    ]
    near = near_misses(exchange.method, exchange.path, known, most=1)
    message = "The contract has no such operation." + (f" {near[0]['hint']}" if near else "")
    return f"{exchange.method} {path}", [("request", Violation("", "path", message, message))]


def _example(exchange, show_bodies):
    shown = redacted(exchange)
    example = {
        "source": exchange.source,
        "call": f"{shown.method} {shown.path}{'?' if shown.query else ''}{shown.query_string}",
        "status": shown.status,
    }
    if show_bodies:
        example |= {
            side: body[:BODY_SHOWN].decode("utf-8", "replace")
            for side, body in (("request", shown.request_body), ("response", shown.response_body))
            if body
        }
    return example


def _where(finding):
    return " ".join(
        filter(None, (finding.side, str(finding.status) if finding.side == "response" else "", finding.field))
    )


def _evidence(finding):
    times = "once" if finding.count == 1 else f"{finding.count} times"
    example = "{source}: {call} -> {status}".format_map(finding.example)
    return f"{finding.kind}, {times}, such as {example}"


def _printable(text):
    """The text without what would steer a terminal: names come from strangers."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _xml(text):
    """The text without what XML cannot say."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\N{REPLACEMENT CHARACTER}", text)


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Contract check</title>
<style>
body {{ font: 14px/1.4 system-ui, sans-serif; margin: 2em; }} table {{ border-collapse: collapse; }}
td, th {{ padding: .3em .8em; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top; }}
th {{ padding-top: 1.2em; }} small {{ font-weight: normal; }}
.breaking {{ color: #b00020; font-weight: bold; }} .warning {{ color: #a65f00; }}
.informational {{ color: #555; }}
</style>
<h1>Contract check</h1>
<p>{summary}</p>
<table>
{rows}
</table>
</html>
"""
