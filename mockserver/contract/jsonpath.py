"""The part of JSONPath (RFC 9535) that overlays need to point into an OpenAPI document.

$.components.schemas.Bom            members by name
$.paths['/v1/boms/'].get            names in quotes; several, ['a', 'b'], select all of these
$.tags[0]   $.paths[*]   $.paths.*  an item by its number; all members or items
$.paths[*][?(@.operationId == 'x')] those for which it holds; text, numbers, true, false, null
$…required[?(@ == 'name')]          the same, of the items themselves
"""

import json
import re
import typing as t

_DOT = re.compile(r"\.([A-Za-z_][\w-]*|\*)")
_NAMES = re.compile(r"\[\s*((?:'[^']*'|\"[^\"]*\")(?:\s*,\s*(?:'[^']*'|\"[^\"]*\"))*)\s*\]")
_NAME = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_NUMBER = re.compile(r"\[\s*(\d{1,9}|\*)\s*\]")
_FILTER = re.compile(r"\[\s*\?\s*(?:\((?P<inner>.*?)\)|(?P<bare>[^()\]]*))\s*\]")
_CONDITION = re.compile(
    r"\s*@((?:\.[A-Za-z_][\w-]*)*)\s*==\s*(?:'([^']*)'|(\"[^\"]*\"|-?\d+(?:\.\d+)?|true|false|null))\s*"
)

Step = t.Callable[[t.Any], list[tuple[t.Any, t.Any]]]
_MISSING = object()


class Path:
    """A compiled path. Raises ValueError, saying where, for what is none or more than we take."""

    def __init__(self, text: str):
        self.text = text
        self.steps = _steps(text)

    def find(self, document) -> list[tuple[tuple, t.Any]]:
        """What it selects, each as (keys from the root, node)."""
        found = [((), document)]
        for step in self.steps:
            found = [((*keys, key), node) for keys, above in found for key, node in step(above)]
        return found


def _steps(text) -> list[Step]:
    if not text.startswith("$"):
        raise ValueError("a JSONPath begins with $, such as $.components.schemas.Bom")
    steps: list[Step] = []
    at = 1
    while at < len(text):
        if match := _DOT.match(text, at):
            steps.append(_all if match[1] == "*" else _named([match[1]]))
        elif match := _NAMES.match(text, at):
            steps.append(_named([single or double for single, double in _NAME.findall(match[1])]))
        elif match := _NUMBER.match(text, at):
            steps.append(_all if match[1] == "*" else _numbered(int(match[1])))
        elif match := _FILTER.match(text, at):
            steps.append(_filtered(match["inner"] if match["inner"] is not None else match["bare"]))
        else:
            raise ValueError(
                f"{text[at : at + 20]!r} is not understood; "
                "there are .name, ['name'], [0], [*] and [?(@.name == 'value')]"
            )
        at = match.end()
    return steps


def _members(node):
    return node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()


def _all(node):
    return list(_members(node))


def _named(names) -> Step:
    return lambda node: [(name, node[name]) for name in names if name in node] if isinstance(node, dict) else []


def _numbered(number) -> Step:
    return lambda node: [(number, node[number])] if isinstance(node, list) and number < len(node) else []


def _filtered(condition) -> Step:
    match = _CONDITION.fullmatch(condition)
    if match is None:
        raise ValueError(f"the condition {condition!r} is not understood; it should read @.name == 'value'")
    names = match[1].split(".")[1:]
    wanted = match[2] if match[3] is None else json.loads(match[3])

    def holds(node):
        for name in names:
            node = node.get(name, _MISSING) if isinstance(node, dict) else _MISSING
        return node == wanted and isinstance(node, bool) == isinstance(wanted, bool)

    return lambda node: [(key, item) for key, item in _members(node) if holds(item)]
