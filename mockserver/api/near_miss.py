"""For a call that matched no operation: the closest ones, and what differs."""

import difflib
import re

_ID = re.compile(r"[0-9a-fA-F-]{32,36}|[0-9A-Z]{12}|\d+")
LIKENESS = 0.6


def near_misses(method: str, path: str, operations, most: int = 3) -> list[dict]:
    """`{operation, method, path, differences, hint}` of the operations nearest to a call, nearest first.

    A difference is `verb`, `slash` or `path`; the hint says in a sentence what to do.
    """
    candidates = []
    for operation in operations:
        if not operation.served:
            continue
        score, differences = _compare(method, path, operation)
        if score >= LIKENESS:
            candidates.append((-score, operation.id, operation, differences))
    return [
        {
            "operation": operation.id,
            "method": operation.method,
            "path": operation.path,
            "differences": differences,
            "hint": _hint(method, path, operation, differences),
        }
        for _, _, operation, differences in sorted(candidates, key=lambda c: c[:2])[:most]
    ]


def _compare(method, path, operation):
    differences, score = [], 1.0
    if method != operation.method:
        differences.append("verb")
        score -= 0.1
    given, wanted = _words(path), _words(operation.path)
    if len(given) != len(wanted):
        return 0.0, []
    for word, pattern in zip(given, wanted, strict=True):
        if pattern.startswith("{"):
            if not _ID.fullmatch(word):
                score -= 0.25
                differences.append("path")
        elif word != pattern:
            likeness = difflib.SequenceMatcher(None, word, pattern).ratio()
            if likeness < LIKENESS:
                return 0.0, []
            score -= 0.3 * (1 - likeness) + 0.05
            differences.append("path")
    if path.endswith("/") != operation.path.endswith("/"):
        differences.append("slash")
        score -= 0.02
    return score, list(dict.fromkeys(differences))


def _words(path):
    words = [word for word in path.split("/") if word]
    return words if words[:1] == ["v1"] else ["v1", *words]


def _hint(method, path, operation, differences):
    if differences == ["slash"]:
        return f"A path needs its trailing slash: {path}/"
    if differences == ["verb"]:
        return f"This path is for {operation.method} ({operation.id}), not {method}."
    return f"The nearest operation is {operation.method} {operation.path} ({operation.id})."
