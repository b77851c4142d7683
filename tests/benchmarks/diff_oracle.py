"""How far `mockserver contract diff` agrees with the tests of two other tools, oasdiff and openapi-diff.

    python tests/benchmarks/diff_oracle.py --oasdiff CHECKOUT --openapi-diff CHECKOUT [--show]

Both checkouts are of the tools' public repositories; nothing of them is kept here. Their tests name two
documents and what the tool finds between them, and this reads both out of the source; simple statements by
which a test changes a document before (`s2.Spec.Paths…Value.MaxLength = nil`) are carried out. A pair counts
as breaking when any of its tests finds an error there, and as compatible when none does. Left out are tests
that change a document in other ways, those of the life cycle that oasdiff's `x-` extensions describe
(stability levels, sunset dates), and those of rules that openapi-diff has off unless asked for.
"""

import argparse
import collections
import json
import re
import sys
import tempfile
from pathlib import Path

import yaml

from mockserver.contract import documents
from mockserver.contract.diff import diff

# Why a pair is judged otherwise here, by the names of its two files, or by a test where one pair serves several.
GATE = "oasdiff does not weigh security; who has no key, or a key without the scope, is refused"
ONE = "the test asks one of the tool's rules; another change in the same pair breaks clients"
NO_EFFECT = "two schemas of one shape: what may be sent is the same"
EXPLAINED = {
    ("base.yaml", "revision.yaml"): f"{ONE} (200 became 201)",
    ("request_body_default_value_changed_base.yaml", "request_body_default_value_changed_revision.yaml"): (
        f"{ONE} (application/json is no longer taken)"
    ),
    ("response_property_became_optional_base.yaml", "response_property_became_optional_revision.yaml"): (
        f"{ONE} (a required field was removed)"
    ),
    (
        "common_request_parameter_max_items_updated_revision.yaml",
        "common_request_parameter_max_items_updated_base.yaml",
    ): "oasdiff finds the same with --flatten-params, which is always on here",
    ("api_security_global_added_base.yaml", "api_security_global_added_revision.yaml"): GATE,
    ("api_security_added_base.yaml", "api_security_added_revision.yaml"): GATE,
    ("api_security_updated_revision.yaml", "api_security_updated_base.yaml"): GATE,
    ("component_security_updated_base.yaml", "component_security_updated_base.yaml"): (
        f"{GATE}; openapi-diff calls the same breaking"
    ),
    "TestBreaking_ResponseErrorStatusRemoved": "the test makes a removed 4xx an error, which it is not by default",
    "TestBreaking_NewPathParam": "the path is the same, only its parameter is described now",
    ("request-body-enum.yaml", "request-body-enum.yaml"): "an empty enum, which no schema may have, is no enum",
    ("pattern-revision.yaml", "pattern-base.yaml"): "the pattern is of a readOnly field, which nobody sends",
    ("pattern-revision-recursive.yaml", "pattern-base-recursive.yaml"): (
        "the pattern is of a readOnly field, which nobody sends"
    ),
    ("request_property_all_of_added_base.yaml", "request_property_all_of_added_revision.yaml"): NO_EFFECT,
    ("request_body_any_of_media_type_base.yaml", "request_body_any_of_media_type_revision.yaml"): NO_EFFECT,
    (
        "request_optional_property_write_only_read_only_base.yaml",
        "request_optional_property_write_only_read_only_base.yaml",
    ): "a required field that is no longer readOnly has to be sent; openapi-diff calls the same breaking",
    ("webhook_operation_base.yaml", "webhook_operation_revision.yaml"): (
        "the client reads the body of a webhook: one that always comes breaks nobody"
    ),
    ("composed_schema_1.yaml", "composed_schema_2.yaml"): "the discriminator is new; oasdiff: informational",
    ("oneOf_discriminator-changed_1.yaml", "oneOf_discriminator-changed_2.yaml"): "a warning; oasdiff: informational",
    ("bc_schema_base.yaml", "bc_schema_discriminator_changed.yaml"): "a warning; oasdiff: informational",
    ("petstore_swagger2.yaml", "petstore_swagger2.yaml"): "Swagger 2.0 is refused with a word on it",
    ("petstore_swagger2.yaml", "petstore_openapi3.yaml"): "Swagger 2.0 is refused with a word on it",
    ("bc_response_apiresponse_base.yaml", "bc_response_apiresponse_decreased.yaml"): (
        "a 4xx that no longer comes; oasdiff: informational"
    ),
    ("bc_enum_base.yaml", "bc_response_enum_increased.yaml"): "a warning, as in oasdiff",
    ("bc_response_header_base.yaml", "bc_response_header_required_increased.yaml"): "a header that always comes now",
    ("bc_response_headers_base.yaml", "bc_response_headers_decreased.yaml"): (
        "an optional header: a warning, as in oasdiff"
    ),
    ("bc_minlength_base.yaml", "bc_response_minlength_changed_but_compatible.yaml"): (
        "shorter answers than before; oasdiff calls the same breaking"
    ),
    ("bc_operation_base.yaml", "bc_operation_changed_incompatible_operation_id.yaml"): (
        "another operationId; oasdiff: informational"
    ),
    ("bc_request_params_base.yaml", "bc_request_params_decreased.yaml"): (
        "an optional parameter: a warning, as in oasdiff"
    ),
    ("bc_readonly_base.yaml", "bc_request_readonly_increased.yaml"): (
        "a field that became readOnly: a warning; oasdiff: informational"
    ),
    ("bc_schema_base.yaml", "bc_request_schema_format_increased.yaml"): "int32 became int64, as in oasdiff",
    ("bc_schema_base.yaml", "bc_response_schema_format_decreased.yaml"): "int64 became int32, as in oasdiff",
    ("bc_schema_base.yaml", "bc_schema_max_properties_added.yaml"): (
        "a limit where none was stated: a warning, as oasdiff has it of the other limits"
    ),
    ("bc_security_scheme_base.yaml", "bc_security_scheme_bearer_format_changed.yaml"): (
        "bearerFormat is documentation, says OpenAPI"
    ),
    ("bc_writeonly_base.yaml", "bc_response_writeonly_increased.yaml"): (
        "a field that became writeOnly: a warning; oasdiff: informational"
    ),
    ("bc_writeonly_base.yaml", "bc_response_writeonly_required_decreased.yaml"): (
        "a field that is no longer writeOnly; oasdiff: a warning"
    ),
}
CHANGING = re.compile(
    r"\s*(?:\w+\.Spec.*(?<![=!:])=(?!=)|delete\(|deleteParam|set\w+\(|\w+\(s[12]\)|.*\.(?:Delete|Set|SetOperation)\(|.*&sr)"
)
LIFE_CYCLE = re.compile(r"deprecat|sunset|stability|reactivated|transition", re.I)


def oasdiff(checkout: Path) -> dict:
    """{(old file, new file): {(label, test)}} of oasdiff's checker."""
    folder = checkout / "checker"
    sources = {path: path.read_text() for path in sorted(folder.glob("*.go"))}
    everything = "\n".join(sources.values())
    ids = dict(re.findall(r"\b(\w+Id)\s*=\s*\"([^\"]+)\"", everything))
    level = dict(re.findall(r"newBackwardCompatibilityRule\((\w+), (\w+),", everything))
    level |= {ids[name]: value for name, value in level.items() if name in ids}
    folders = dict(re.findall(r"(\w+)\s*=\s*dataFileFn\(\"([\w-]+)\"\)", everything))

    def file(expression, constants):
        expression = constants.get(expression.strip(), expression.strip())
        if named := re.fullmatch(r'"([^"]+)"', expression):
            return named[1]
        named = re.fullmatch(r'(\w+)\("([^"]+)"\)', expression)
        return f"../data/{folders[named[1]]}/{named[2]}" if named and named[1] in folders else None

    paths = dict(re.findall(r"(\w+Path)\s*=\s*(\"[^\"]+\")\n", everything))
    found = collections.defaultdict(set)
    for path, source in sources.items():
        constants = dict(re.findall(r"(\w+)\s*:?=\s*(\"[^\"]+\.(?:ya?ml|json)\")", source))
        for name, body in re.findall(r"^func (Test\w+)\(t \*testing\.T\) \{\n(.*?)^\}", source, re.M | re.S):
            opened = {
                variable: file(expression, constants)
                for variable, expression in re.findall(r"(\w+), err\s*:?=\s*open\((.*?)\)\n", body)
            }
            numbered = re.findall(r"(\w+)\s*:?=\s*l\(t, (\d+)\)", body)
            opened |= {variable: f"../data/openapi-test{number}.yaml" for variable, number in numbered}
            call = re.search(r"GetWithOperationsSourcesMap\(.*?, (\w+), (\w+)\)", body)
            short = re.search(r"\bd\(t, [^,]*?, (\d+), (\d+)\)", body)
            if short:
                pair = [f"../data/openapi-test{number}.yaml" for number in short.groups()]
            elif call and len(opened) == 2:
                pair = [opened.get(variable) for variable in call.groups()]
            else:
                continue
            changes = [line.strip() for line in body.splitlines() if CHANGING.match(line)]
            if None in pair or LIFE_CYCLE.search(name) or "t.Run" in body or len(set(opened)) > 2:
                continue
            named = set(re.findall(r"checker\.(\w+Id)\b", body)) | set(re.findall(r'"([a-z0-9-]+)"', body))
            named -= set(re.findall(r"(?:requireNoChange|NotContains)\(t, \w+, (?:checker\.)?\"?([\w-]+)", body))
            named -= set(re.findall(r"NotEqual\(t, (?:checker\.)?\"?([\w-]+)", body))
            named -= set(re.findall(r"False\(t, containsId\(\w+, (?:checker\.)?\"?([\w-]+)", body))
            named = {one for one in named if one in level}
            if any(LIFE_CYCLE.search(one) for one in named):
                continue
            said = set(re.findall(r"checker\.(ERR|WARN|INFO), \w+(?:\[\d+\])?\.(?:GetLevel\(\)|Level)", body))
            said |= {level[one] for one in named}
            nothing = re.search(r"require\.Empty\(|require\.Len\(t, \w+, 0\)", body)
            if said or nothing:
                label = "breaking" if "ERR" in said else "compatible"
                old, new = ((folder / one).resolve() for one in pair)
                sides = [[], []]
                for line in changes:
                    variable = re.search(r"\b(\w+)\.Spec", line)
                    order = list(call.groups()) if call else []
                    if variable is None or variable[1] not in order:
                        break
                    sides[order.index(variable[1])].append(line)
                else:
                    if old == new and not changes and label == "breaking":
                        continue  # changed in a way that is not seen here
                    values = {**paths, **dict(re.findall(r"(\w+) := (\w+\([\d.-]+\))", body))}
                    changed = tuple(tuple((line, tuple(values.items())) for line in side) for side in sides)
                    found[old, new, *changed].add((label, f"oasdiff {path.name}:{name} {', '.join(sorted(named))}"))
    return found


def openapi_diff(checkout: Path) -> dict:
    """The same of openapi-diff."""
    labels = {
        "SpecUnchanged": "compatible",
        "OpenApiAreEquals": "compatible",
        "SpecChangedButCompatible": "compatible",
        "OpenApiBackwardCompatible": "compatible",
        "SpecIncompatible": "breaking",
        "OpenApiBackwardIncompatible": "breaking",
    }
    rules = checkout / "core/src/main/java/org/openapitools/openapidiff/core/model/BackwardIncompatibleProp.java"
    off = set(re.findall(r"(\w+)\(\s*\"[^\"]+\", false\)", rules.read_text()))
    resources = checkout / "core/src/test/resources"
    found = collections.defaultdict(set)
    for path in sorted((checkout / "core/src/test/java").rglob("*.java")):
        source = path.read_text()
        constants = dict(re.findall(r"String (\w+)\s*=\s*\"([^\"]+)\"", source))
        optional = re.findall(
            r"BackwardIncompatibleProp prop = (\w+);\s*assert\w+\(\s*([\w\"./-]+),\s*([\w\"./-]+)", source
        )
        optional = {(first, second) for rule, first, second in optional if rule in off}
        for kind, first, second in re.findall(r"assert(\w+)\(\s*([\w\"./-]+),\s*([\w\"./-]+)[,)]", source):
            if (first, second) in optional:
                continue
            pair = [constants.get(one, one.strip('"')) for one in (first, second)]
            files = [(resources / one).resolve() for one in pair]
            if kind in labels and all(file.is_file() for file in files):
                found[tuple(files)].add((labels[kind], f"openapi-diff {path.stem} {' -> '.join(pair)}"))
    return found


# -- documents that a test changes


VERBS = {"Get", "Put", "Post", "Delete", "Patch", "Head", "Options"}
NAMES = {"Max": "maximum", "Min": "minimum", "OperationID": "operationId", "MinProps": "minProperties"}


class NotUnderstood(Exception):
    pass


def changed(file: Path, lines: tuple) -> dict:
    """The document of a file after statements of Go."""
    document = json.loads(json.dumps(yaml.safe_load(file.read_text()), default=str))
    for line, values in lines:
        values = dict(values)
        if match := re.fullmatch(r"\w+\.Spec\.(.+?) = (.+)", line):
            holder, last = _walked(document, match[1], values)
            value = _literal(match[2], values)
            if value is None or value == {}:
                holder.pop(last, None)
            else:
                holder[last] = value
        elif match := re.fullmatch(r"delete\(\w+\.Spec\.(.+), (\".*?\")\)", line):
            holder, last = _walked(document, match[1], values)
            holder[last].pop(json.loads(match[2]), None)
        elif match := re.fullmatch(r"\w+\.Spec\.(.+)\.Delete\((\w+|\".*?\")\)", line):
            holder, last = _walked(document, match[1], values)
            holder[last].pop(_literal(match[2], values), None)
        elif match := re.fullmatch(r"deleteParam\(\w+\.Spec\.(.+), openapi3\.ParameterIn(\w+), \"(.*)\"\)", line):
            holder, last = _walked(document, match[1], values)
            parameters = holder[last]["parameters"]
            parameters[:] = [
                one
                for one in parameters
                if (_resolved(document, one)["in"], _resolved(document, one)["name"]) != (match[2].lower(), match[3])
            ]
        else:
            raise NotUnderstood(line)
    return document


def _walked(document, expression, values):
    """(what holds it, the key there) of an expression after `.Spec.`."""
    node, holder, last = document, None, None
    steps = re.findall(r"(\w+)(?:\((.*?)\))?((?:\[[^\]]+\])*)(?:\.|$)", expression)
    for name, arguments, indexes in steps:
        if name == "Value" and not arguments:
            node = _resolved(document, node)
        elif name == "Value":
            holder, last = node, _literal(arguments, values)
        elif name == "GetByInAndName":
            where, named = re.fullmatch(r"openapi3\.ParameterIn(\w+), \"(.*)\"", arguments).groups()
            matching = [_resolved(document, one) for one in node]
            node = next(one for one in matching if (one["in"], one["name"]) == (where.lower(), named))
            continue
        elif arguments:
            raise NotUnderstood(name)
        else:
            key = NAMES.get(name, name[0].lower() + name[1:])
            holder, last = node, key
        if (holder is not None and name != "Value") or arguments:
            node = holder.get(last) if isinstance(holder, dict) else holder[last]
        for index in re.findall(r"\[([^\]]+)\]", indexes):
            holder, last = node, _literal(index, values)
            node = holder.get(last) if isinstance(holder, dict) else holder[last]
    return _resolved(document, holder), last


def _resolved(document, node):
    while isinstance(node, dict) and "$ref" in node:
        reference, node = node["$ref"], document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step.replace("~1", "/")]
    return node


def _literal(text, values):
    text = values.get(text.removeprefix("&"), text)
    if text in ("nil", "true", "false"):
        return {"nil": None, "true": True, "false": False}[text]
    if re.fullmatch(r"-?\d+(\.\d+)?|\".*?\"", text):
        return json.loads(text)
    if match := re.fullmatch(r"u?(?:int|float)\d*\((-?[\d.]+)\)", text):
        return json.loads(match[1])
    if match := re.fullmatch(r"(?:&openapi3\.Types|\[\]string|\[\]any)\{(.*)\}", text):
        several = json.loads(f"[{match[1]}]")
        return several[0] if "Types" in text and len(several) == 1 else several
    raise NotUnderstood(text)


def judged(old: Path, new: Path, *changes) -> str:
    try:
        if any(changes):
            with tempfile.TemporaryDirectory() as folder:
                files = []
                for name, file, lines in zip(("old", "new"), (old, new), changes, strict=True):
                    files.append(Path(folder, f"{name}.json"))
                    files[-1].write_text(json.dumps(changed(file, lines)))
                return judged(*files)
        changes = diff(documents.load(old), documents.load(new))
    except (NotUnderstood, AttributeError, TypeError) as error:
        if any(changes):
            return f"not understood: {error}"
        raise
    except documents.DocumentError as error:
        return f"refused: {error.reason}"
    except Exception as error:  # what a user would see as a traceback is a verdict too
        return f"failed: {error!r}"
    return "breaking" if any(change.severity == "breaking" for change in changes) else "compatible"


def _why(disagreement):
    *_, old, new, _, tests = disagreement
    names = [name for _, test in tests for name in re.findall(r":(\w+)", test)]
    return next((EXPLAINED[key] for key in ((old, new), *names) if key in EXPLAINED), None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--oasdiff", type=Path)
    parser.add_argument("--openapi-diff", type=Path)
    parser.add_argument("--show", action="store_true", help="list all pairs judged otherwise, and why")
    options = parser.parse_args()
    for read, checkout in ((oasdiff, options.oasdiff), (openapi_diff, options.openapi_diff)):
        if checkout is None:
            continue
        table, others, unread = collections.Counter(), [], []
        for (old, new, *changes), tests in read(checkout).items():
            label = "breaking" if any(label == "breaking" for label, _ in tests) else "compatible"
            verdict = judged(old, new, *changes)
            if verdict.startswith("not understood"):
                unread.append(verdict)
                continue
            table[label, verdict.split(":")[0]] += 1
            if verdict != label:
                others.append(
                    (label, verdict, old.name, new.name, [line for side in changes for line, _ in side], sorted(tests))
                )
        right = sum(count for (label, verdict), count in table.items() if label == verdict)
        breaking = sum(count for (label, _), count in table.items() if label == "breaking")
        compatible = sum(table.values()) - breaking
        print(
            f"{read.__name__}: {sum(table.values())} pairs, {right / sum(table.values()):.1%} judged alike; "
            f"breaking found {table['breaking', 'breaking']}/{breaking}, "
            f"false alarms {table['compatible', 'breaking']}/{compatible}, "
            f"refused or failed {sum(n for (_, verdict), n in table.items() if verdict in ('refused', 'failed'))}"
        )
        if unread:
            print(f"  {len(unread)} more change a document in ways not read here")
        unexplained = [other for other in others if _why(other) is None]
        print(f"  {len(others)} disagreements, {len(unexplained)} of them unexplained")
        for label, verdict, old, new, lines, tests in others if options.show else unexplained:
            print(f"  {label}, here {verdict}: {old} {new}", *lines, *(test for _, test in tests), sep="\n    ")
            print(f"    because: {_why((label, verdict, old, new, lines, tests))}")


if __name__ == "__main__":
    sys.exit(main())
