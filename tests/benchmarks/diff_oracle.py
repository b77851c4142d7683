"""How far `mockserver contract diff` agrees with the tests of two other tools, oasdiff and openapi-diff.

    python tests/benchmarks/diff_oracle.py --oasdiff CHECKOUT --openapi-diff CHECKOUT [--show]

Both checkouts are of the tools' public repositories; nothing of them is kept here. Their tests name two
documents and what the tool finds between them, and this reads both out of the source. A pair counts as
breaking when any of its tests finds an error there, and as compatible when none does. Tests that change a
document in their own code, and tests about the life cycle that oasdiff's `x-` extensions describe (stability
levels, sunset dates), are left out.
"""

import argparse
import collections
import re
import sys
from pathlib import Path

from mockserver.contract import documents
from mockserver.contract.diff import diff

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
            changed = re.search(
                r"^\s*(?:\w+\.Spec.*(?<![=!])=(?!=)|delete\(|deleteParam|.*\.(?:Delete|Set)\()", body, re.M
            )
            if None in pair or changed or LIFE_CYCLE.search(name) or "t.Run" in body:
                continue
            named = set(re.findall(r"checker\.(\w+Id)\b", body)) | set(re.findall(r'"([a-z0-9-]+)"', body))
            named -= set(re.findall(r"(?:requireNoChange|NotContains)\(t, \w+, (?:checker\.)?\"?([\w-]+)", body))
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
                found[old, new].add((label, f"oasdiff {path.name}:{name} {', '.join(sorted(named))}"))
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
    resources = checkout / "core/src/test/resources"
    found = collections.defaultdict(set)
    for path in sorted((checkout / "core/src/test/java").rglob("*.java")):
        source = path.read_text()
        constants = dict(re.findall(r"String (\w+)\s*=\s*\"([^\"]+)\"", source))
        for kind, first, second in re.findall(r"assert(\w+)\(\s*([\w\"./-]+),\s*([\w\"./-]+)[,)]", source):
            pair = [constants.get(one, one.strip('"')) for one in (first, second)]
            files = [(resources / one).resolve() for one in pair]
            if kind in labels and all(file.is_file() for file in files):
                found[tuple(files)].add((labels[kind], f"openapi-diff {path.stem} {' -> '.join(pair)}"))
    return found


def judged(old: Path, new: Path) -> str:
    try:
        changes = diff(documents.load(old), documents.load(new))
    except documents.DocumentError as error:
        return f"refused: {error.reason}"
    except Exception as error:  # what a user would see as a traceback is a verdict too
        return f"failed: {error!r}"
    return "breaking" if any(change.severity == "breaking" for change in changes) else "compatible"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--oasdiff", type=Path)
    parser.add_argument("--openapi-diff", type=Path)
    parser.add_argument("--show", action="store_true", help="list the pairs judged otherwise")
    options = parser.parse_args()
    for read, checkout in ((oasdiff, options.oasdiff), (openapi_diff, options.openapi_diff)):
        if checkout is None:
            continue
        table, others = collections.Counter(), []
        for (old, new), tests in read(checkout).items():
            label = "breaking" if any(label == "breaking" for label, _ in tests) else "compatible"
            verdict = judged(old, new)
            table[label, verdict.split(":")[0]] += 1
            if verdict != label:
                others.append((label, verdict, old.name, new.name, sorted(test for _, test in tests)))
        right = sum(count for (label, verdict), count in table.items() if label == verdict)
        breaking = sum(count for (label, _), count in table.items() if label == "breaking")
        compatible = sum(table.values()) - breaking
        print(
            f"{read.__name__}: {sum(table.values())} pairs, {right / sum(table.values()):.1%} judged alike; "
            f"breaking found {table['breaking', 'breaking']}/{breaking}, "
            f"false alarms {table['compatible', 'breaking']}/{compatible}, "
            f"refused or failed {sum(n for (_, verdict), n in table.items() if verdict in ('refused', 'failed'))}"
        )
        for label, verdict, old, new, tests in others if options.show else ():
            print(f"  {label}, here {verdict}: {old} {new}\n    " + "\n    ".join(tests))


if __name__ == "__main__":
    sys.exit(main())
