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
response  wrapped           breaking        the record is a level deeper or higher than a client looks for it;
                                            what is wrong within is told beside
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
import re
import typing as t
from collections import Counter
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from urllib.parse import urlsplit

import orjson

from mockserver.api.near_miss import near_misses
from mockserver.contract.validation import Contract, Violation
from mockserver.traffic.recordings import Exchange
from mockserver.traffic.redaction import REDACTED, redacted

SEVERITIES = ("breaking", "warning", "informational")
BODY_SHOWN = 2000  # bytes of a body in an example
_HIDDEN = (REDACTED, "[Filtered]", "***")  # what recorders put in the place of secrets, ours first
_BREAKING = frozenset({"missing", "type", "wrapped", "other", "status"})
_ID = re.compile(r"[0-9a-fA-F-]{32,36}|[0-9A-Z]{12}|\d+")


@dc.dataclass
class Finding:
    """One difference. `operation` is the operation's id, or the verb and path of a call the contract does not
    know.

    `side` is request or response, `field` its place for any index (`results[].name`), `kind` that of a
    Violation, or path, refused or wrapped. `sources` are the exchanges that show it, `example` the first: its source,
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
    those of them that were answered with 2xx and that the contract describes completely on both sides.
    `addresses` has verb and path of each operation. Not among the `exchanges` are `left_out`, which have no
    answer to judge, and those with other hosts, which `elsewhere` counts."""

    addresses: dict[str, str]
    findings: list[Finding] = dc.field(default_factory=list)
    calls: Counter[str] = dc.field(default_factory=Counter)
    confirmed: Counter[str] = dc.field(default_factory=Counter)
    exchanges: int = 0
    left_out: int = 0
    elsewhere: Counter[str] = dc.field(default_factory=Counter)

    @property
    def counts(self) -> dict[str, int]:
        return {severity: sum(finding.severity == severity for finding in self.findings) for severity in SEVERITIES}

    @property
    def breaking(self) -> bool:
        return self.counts["breaking"] > 0

    def summary(self) -> str:
        found = ", ".join(f"{number} {severity}" for severity, number in self.counts.items())
        known = f"{sum(self.calls.values())} of them with {len(self.calls)} operations of the contract"
        text = f"{self.exchanges} exchanges, {known}: {found}."
        if self.left_out:
            text += f" Left out: {self.left_out} without a recorded answer."
        if self.elsewhere:
            hosts = ", ".join(host for host, _ in self.elsewhere.most_common(3))
            more = ", …" if len(self.elsewhere) > 3 else ""
            text += f" Not of this API: {self.elsewhere.total()} with other hosts ({hosts}{more})."
        return text

    def groups(self) -> dict[str, list[Finding]]:
        """The findings of each operation, the worst first."""
        found: dict[str, list[Finding]] = {}
        for finding in sorted(self.findings, key=lambda f: (f.operation in self.addresses, f.operation)):
            found.setdefault(finding.operation, []).append(finding)
        return {
            name: sorted(group, key=lambda f: (SEVERITIES.index(f.severity), f.side, f.field))
            for name, group in found.items()
        }

    def document(self) -> dict:
        return {
            "summary": self.counts,
            "exchanges": self.exchanges,
            "left_out": self.left_out,
            "elsewhere": dict(self.elsewhere),
            "calls": dict(self.calls),
            "confirmed": dict(self.confirmed),
            "findings": [finding.document() for group in self.groups().values() for finding in group],
        }


def check(exchanges: Iterable[Exchange], document: Mapping, show_bodies: bool = False) -> Report:
    """Each exchange matched to its operation in an OpenAPI 3.1 document, and both its sides validated.

    Preflights (OPTIONS), HEAD and the mock's own control plane are left out, and so are the calls of a host none
    of whose calls the contract knows, if it knows those of another. Examples are without secrets, and hold
    the bodies only when `show_bodies`.
    """
    contract = Contract(document)
    report = Report({name: f"{place.method} {place.path}" for name, place in contract.places.items()})
    found: dict[tuple, Finding] = {}
    unknown: dict[str, dict[tuple, Finding]] = {}  # by host
    asked: dict[str, tuple[str, str]] = {}  # verb and path of calls that the contract does not know
    hosts = set()
    for exchange in exchanges:
        if exchange.method in ("OPTIONS", "HEAD") or exchange.path.startswith("/__mock__"):
            continue
        if exchange.status == 304:  # the answer is in the client's cache
            report.left_out += 1
            continue
        report.exchanges += 1
        match = contract.match(exchange.method, exchange.path)
        if match is None:
            operation, violations = _label(exchange), [("request", _UNKNOWN)]
            asked.setdefault(operation, (exchange.method, exchange.path))
        else:
            operation, violations = match[0], _violations(contract, *match, exchange)
        host = urlsplit(exchange.url).netloc
        if operation in contract:
            hosts.add(host)
            report.calls[operation] += 1
            report.confirmed[operation] += not violations and 200 <= exchange.status < 300
        findings = found if operation in contract else unknown.setdefault(host, {})
        told = set()
        for side, violation in violations:
            key = (operation, side, exchange.status if side == "response" else 0, violation.place, violation.kind)
            if key in told:
                continue  # another item of the same list
            told.add(key)
            if key not in findings:
                findings[key] = Finding(
                    operation,
                    side,
                    exchange.status,
                    violation.place,
                    violation.kind,
                    severity(side, violation, exchange.status),
                    violation.reason if show_bodies else violation.expected,
                    _example(exchange, show_bodies),
                )
            findings[key].sources.append(exchange.source)
    for host, findings in unknown.items():
        if hosts and host and host not in hosts:
            report.elsewhere[host] = sum(finding.count for finding in findings.values())
            report.exchanges -= report.elsewhere[host]
        else:
            for key, finding in findings.items():
                message = _no_such_operation(contract, *asked[finding.operation])
                found.setdefault(key, dc.replace(finding, message=message, sources=[])).sources += finding.sources
    report.findings = list(found.values())
    return report


def compare(contract: Contract, exchange: Exchange) -> tuple[str, list[tuple[str, Violation]]]:
    """(operation, what breaks the contract on which side); of a call it does not know, verb and path stand
    for the operation."""
    match = contract.match(exchange.method, exchange.path)
    if match is None:
        message = _no_such_operation(contract, exchange.method, exchange.path)
        return _label(exchange), [("request", dc.replace(_UNKNOWN, reason=message, expected=message))]
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
    sent = contract.request_violations(operation, exchange.query_string, path_parameters=parameters)
    sent = _with(sent, contract.unknown_in_request(operation, exchange.query_string, b""))
    sent = [violation for violation in sent if violation.field]  # all but the body

    def judge(body):
        shown = contract.request_violations(operation, "", exchange.request_headers, body)
        shown = _with(shown, contract.unknown_in_request(operation, "", body))
        return [violation for violation in shown if not violation.field.startswith("?")]

    if "request" not in exchange.omitted:
        sent += _wrapped(exchange.request_json, judge(exchange.request_body), judge)
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
    if "response" in exchange.omitted:
        return found
    headers = exchange.response_headers
    if not headers and exchange.response_json is not None:
        headers = {"content-type": "application/json"}  # the recorder kept no headers

    def judge(body):
        shown = contract.response_violations(operation, status, headers, body)
        return _with(shown, contract.unknown_in_response(operation, status, body))

    shown = _wrapped(exchange.response_json, judge(exchange.response_body), judge)
    return found + [violation for violation in shown if violation.value not in _HIDDEN]


def _with(violations, others):
    """Violations and those of others that say something else."""
    said = {(one.field, one.kind) for one in violations}
    return [*violations, *(one for one in others if (one.field, one.kind) not in said)]


def _wrapped(value, shown, judge) -> list[Violation]:
    """What is wrong with a JSON body, said once when the record is only a level deeper or higher than the
    contract has it. `judge` returns the violations of other bytes in its place."""
    missing = [one.field for one in shown if one.kind == "missing" and re.fullmatch(r"[^.\[ ]+", one.field)]
    unknown = {one.field for one in shown if one.kind == "extra"}
    another_type = any(one.kind == "type" and not one.field for one in shown)
    if not missing and not another_type:
        return shown

    def is_record(violations):
        return not any(
            one.field in missing if one.kind == "missing" else not one.field and one.kind in ("type", "other")
            for one in violations
        )

    for name, inner in value.items() if isinstance(value, dict) else ():
        if isinstance(inner, dict | list) and (name in unknown or another_type):
            within = judge(orjson.dumps(inner))
            if is_record(within):
                return [
                    _level(f"The {_noun(inner)} is under `{name}`."),
                    *(one for one in shown if one.kind == "extra" and one.field != name),
                    *(dc.replace(one, field=_joined(name, one.field)) for one in within),
                ]
    if len(missing) == 1 and isinstance(value, dict) and value.keys() <= unknown:
        name = missing[0]
        within, empty = judge(orjson.dumps({name: value})), judge(orjson.dumps({name: {}}))
        if len(within) < len(empty) and is_record(within):  # what takes anything tells nothing
            return [
                _level(f"The record is not under `{name}`: it stands alone."),
                *(dc.replace(one, field=one.field.removeprefix(f"{name}.")) for one in within),
            ]
    return shown


def _level(message):
    return Violation("", "wrapped", message, message)


def _noun(value):
    return "list" if isinstance(value, list) else "record"


def _joined(name, field):
    return name + (f".{field}" if field and not field.startswith("[") else field)


def _refused(exchange):
    return Violation(
        "",
        "refused",
        f"Answered {exchange.status}, though the contract allows it.",
        f"Answered {exchange.status}, though the contract allows it.",
    )


_UNKNOWN = Violation("", "path", "The contract has no such operation.", "The contract has no such operation.")


def _label(exchange) -> str:
    """What stands for the operation of a call that the contract does not know."""
    path = "/".join("{id}" if _ID.fullmatch(word) else word for word in exchange.path.split("/"))
    return f"{exchange.method} {path}"


def _no_such_operation(contract, method, path) -> str:
    known = [
        SimpleNamespace(id=place.name, method=place.method, path=place.path, served=True)
        for place in contract.places.values()
    ]
    near = near_misses(method, path, known, most=1)
    return _UNKNOWN.reason + (f" {near[0]['hint']}" if near else "")


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
