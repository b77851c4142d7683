"""What a check found, as text, JSON, JUnit's XML and a page."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import orjson

from mockserver.traffic.check import SEVERITIES, Finding, Report


def text(report: Report) -> str:
    """The findings by operation, the worst first, and a summary."""
    lines = []
    for name, findings in report.groups().items():
        lines.append(f"{name}  {report.addresses[name]}" if name in report.addresses else name)
        for finding in findings:
            lines.append(f"  {finding.severity:13} {_where(finding)}: {finding.message}")
            lines.append(f"                {_evidence(finding)}")
            lines += [
                f"                {side}: {finding.example[side]}"
                for side in ("request", "response")
                if side in finding.example
            ]
        lines.append("")
    return _printable("\n".join([*lines, report.summary()]))


def write(report: Report, kind: str, path: str | Path) -> None:
    """Write it as json, junit or html. OSError when it cannot be written."""
    Path(path).write_bytes({"json": json, "junit": junit, "html": html}[kind](report))


def json(report: Report) -> bytes:
    return orjson.dumps(report.document(), option=orjson.OPT_INDENT_2)


def junit(report: Report) -> bytes:
    """A case for each finding, failed if breaking, and a passed one for each operation without any."""
    groups = report.groups()
    suites = ET.Element("testsuites", name="mockserver contract check")
    for name in [*groups, *(name for name in report.calls if name not in groups)]:
        findings = groups.get(name, [])
        failures = sum(finding.severity == "breaking" for finding in findings)
        suite = ET.SubElement(
            suites, "testsuite", name=_xml(name), tests=str(len(findings) or 1), failures=str(failures), errors="0"
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
            ET.SubElement(suite, "testcase", classname=name, name=f"{report.calls[name]} exchanges keep the contract")
    return ET.tostring(suites, encoding="utf-8", xml_declaration=True)


def html(report: Report) -> bytes:
    """A page in one file: a table of the operations, and a section with the findings of each."""
    import jinja2

    groups = report.groups()
    operations = [
        {
            "name": name,
            "address": report.addresses.get(name, ""),
            "calls": report.calls.get(name, 0),
            "confirmed": report.confirmed.get(name, 0),
            "findings": groups.get(name, []),
            "counts": [
                sum(finding.severity == severity for finding in groups.get(name, [])) for severity in SEVERITIES
            ],
        }
        for name in [*groups, *sorted(name for name in report.calls if name not in groups)]
    ]
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(_PAGE).render(
        report=report, operations=operations, severities=SEVERITIES, where=_where, evidence=_evidence
    )
    return page.encode("utf-8", "replace")


def _where(finding: Finding) -> str:
    return " ".join(
        filter(None, (finding.side, str(finding.status) if finding.side == "response" else "", finding.field))
    )


def _evidence(finding: Finding) -> str:
    times = "once" if finding.count == 1 else f"{finding.count} times"
    example = "{source}: {call} -> {status}".format_map(finding.example)
    return f"{finding.kind}, {times}, such as {example}"


def _printable(text: str) -> str:
    """The text without what would steer a terminal: names come from strangers."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _xml(text: str) -> str:
    """The text without what XML cannot say."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\N{REPLACEMENT CHARACTER}", text)


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Contract check</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; }
table { border-collapse: collapse; width: 100%; }
td, th { padding: .3em .8em .3em 0; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top; }
td.number, th.number { text-align: right; }
section { margin-top: 2.5em; }
h2 { font-size: 1.2em; margin-bottom: .3em; } h2 small { font-weight: normal; color: #555; }
pre { background: #f5f5f5; padding: .5em; margin: .3em 0 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.breaking { color: #b00020; font-weight: bold; } .warning { color: #a65f00; } .informational { color: #555; }
.evidence { color: #555; }
section td:nth-child(1) { width: 8em; } section td:nth-child(2) { width: 16em; }
</style>
<h1>Contract check</h1>
<p>{{ report.summary() }}</p>
<table>
<thead>
<tr><th>operation</th><th></th><th class="number">exchanges</th><th class="number">confirmed</th>
{% for severity in severities %}
<th class="number {{ severity }}">{{ severity }}</th>
{% endfor %}
</tr>
</thead>
<tbody>
{% for operation in operations %}
<tr>
<td>
{% if operation.findings %}
<a href="#operation-{{ loop.index }}">{{ operation.name }}</a>
{% else %}
{{ operation.name }}
{% endif %}
</td>
<td>{{ operation.address }}</td>
<td class="number">{{ operation.calls or "" }}</td><td class="number">{{ operation.confirmed or "" }}</td>
{% for count in operation.counts %}
<td class="number">{{ count or "" }}</td>
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table>
{% for operation in operations if operation.findings %}
<section id="operation-{{ operations.index(operation) + 1 }}">
<h2>{{ operation.name }} <small>{{ operation.address }}</small></h2>
<table>
{% for finding in operation.findings %}
<tr>
<td class="{{ finding.severity }}">{{ finding.severity }}</td>
<td>{{ where(finding) }}</td>
<td>{{ finding.message }}
<div class="evidence">{{ evidence(finding) }}</div>
{% for side in ("request", "response") if side in finding.example %}
<pre>{{ side }}: {{ finding.example[side] }}</pre>
{% endfor %}
</td>
</tr>
{% endfor %}
</table>
</section>
{% endfor %}
</html>
"""
