"""OpenAPI documents from files: 3.0 and 3.1, YAML and JSON, brought into the form that all else here
reads."""

import json
import typing as t
from collections.abc import Iterator, Mapping
from pathlib import Path

from mockserver._yaml import YamlError, load_yaml

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


class DocumentError(Exception):
    """A file that is no OpenAPI document that can be used. Reads `file: reason`."""

    def __init__(self, file, reason: str):
        self.file, self.reason = str(file), reason
        super().__init__(f"{file}: {reason}")


class Place(t.NamedTuple):
    """Where an operation is. `name` is its id, or verb and path when it has none; `parameters` include the
    path's."""

    name: str
    method: str
    path: str
    operation: Mapping
    parameters: list[tuple[list[str], Mapping]]


def load(path: str | Path) -> dict:
    """The OpenAPI document in a file, as one of 3.1. Raises DocumentError."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        document = json.loads(text) if text.lstrip().startswith("{") else load_yaml(path)
    except OSError as error:
        raise DocumentError(path, f"cannot be read: {error.strerror or error}") from None
    except YamlError as error:
        raise DocumentError(path, f"line {error.line}: {error.reason}" if error.line else error.reason) from None
    except (ValueError, RecursionError) as error:
        raise DocumentError(path, f"is neither JSON nor YAML: {error}") from None
    reason = _unusable(document)
    if reason:
        raise DocumentError(path, reason)
    try:
        return _current(document) if document["openapi"].startswith("3.0") else _plain(document)
    except RecursionError:
        raise DocumentError(path, "is nested too deeply") from None


def places(document: Mapping) -> Iterator[Place]:
    """Each operation of a document, in its order."""
    for path, item in document["paths"].items():
        for method in METHODS:
            operation = item.get(method)
            if operation is None:
                continue
            parameters: dict[tuple, tuple] = {}
            for above, holder in ((["paths", path], item), (["paths", path, method], operation)):
                for number in range(len(holder.get("parameters", ()))):
                    pointer, parameter = resolve(document, [*above, "parameters", str(number)])
                    parameters[parameter["name"], parameter["in"]] = (pointer, parameter)
            yield Place(
                operation.get("operationId") or f"{method.upper()} {path}",
                method.upper(),
                path,
                operation,
                list(parameters.values()),
            )


def at(document: Mapping, pointer: list[str]) -> t.Any:
    """What a document holds at a pointer; KeyError, IndexError or ValueError when it holds nothing there."""
    node: t.Any = document
    for step in pointer:
        node = node[int(step)] if isinstance(node, list) else node[step]
    return node


def resolve(document: Mapping, pointer: list[str]) -> tuple[list[str], t.Any]:
    """(pointer, node) behind any references at a pointer."""
    node = at(document, pointer)
    for _ in range(20):
        if not (isinstance(node, Mapping) and isinstance(node.get("$ref"), str)):
            break
        pointer = steps(node["$ref"])
        node = at(document, pointer)
    return pointer, node


def steps(reference: str) -> list[str]:
    """The pointer that a reference within the document says."""
    return [step.replace("~1", "/").replace("~0", "~") for step in reference.removeprefix("#/").split("/")]


def _unusable(document) -> str | None:
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3."):
        return "is no OpenAPI document of version 3: expected `openapi: 3.x`"
    if not isinstance(document["openapi"], str):
        return f"its version should be text: `openapi: '{document['openapi']}.0'`"
    paths = document.setdefault("paths", {}) if document.get("webhooks") else document.get("paths")
    if not isinstance(paths, dict) or not (paths or document.get("webhooks")):
        return "has no paths"
    for path, item in paths.items():
        if not isinstance(item, dict):
            return f"the path {path} should be an object"
        for method in METHODS:
            operation = item.get(method, {})
            if not isinstance(operation, dict):
                return f"{method.upper()} {path} should be an object"
            if operation.get("responses") is None:  # 3.1 lets them be left out
                operation["responses"] = {}
            if not isinstance(operation["responses"], dict):
                return f"the responses of {method.upper()} {path} should be an object"
    for reference in _references(document):
        if not reference.startswith("#/"):
            return f"refers to {reference}, which is another file; bundle them into one first"
        try:
            at(document, steps(reference))
        except (KeyError, IndexError, ValueError, TypeError):
            return f"refers to {reference}, which is not there"
    return None


def _references(node):
    stack = [node]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            stack += [value for name, value in node.items() if name not in ("example", "examples")]
        elif isinstance(node, list):
            stack += node


def _plain(node):
    """The document of plain mappings, whose keys are text: YAML reads the status 200 as a number."""
    if isinstance(node, dict):
        return {str(name): _plain(value) for name, value in node.items()}
    return [_plain(item) for item in node] if isinstance(node, list) else node


def _current(node):
    """A 3.0 document as one of 3.1: `nullable` becomes a type, boolean exclusive bounds become numbers."""
    if isinstance(node, list):
        return [_current(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {str(name): _current(value) for name, value in node.items()}
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(node.get(exclusive), bool) and node.pop(exclusive) and bound in node:
            node[exclusive] = node.pop(bound)
    if isinstance(node.get("nullable"), bool) and node.pop("nullable"):
        if isinstance(node.get("type"), str):
            node["type"] = [node["type"], "null"]
            if isinstance(node.get("enum"), list) and None not in node["enum"]:
                node["enum"] = [*node["enum"], None]
        elif node.keys() & {"$ref", "allOf", "anyOf", "oneOf"}:
            return {"anyOf": [node, {"type": "null"}]}
    return node
