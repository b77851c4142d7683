"""Operations: the rows of `contracts/operations.yaml`, each bound by its id to the function that serves it."""

import dataclasses as dc
import re
import typing as t
from pathlib import Path

from mockserver._data import contracts_dir
from mockserver._yaml import YamlError, load_yaml
from mockserver.api.problems import NotFound

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dc.dataclass
class Handler:
    """The code side of an operation: a function and what it takes and gives.

    `run(scope, *records, data=…, query=…)` gets the records its path names, the loaded body when
    there is a `body` schema and the loaded query when there is a `query` schema. It answers a
    record, a list, a `Page`, a `Reply` or None, or raises a Problem. A schema or resource in a
    list, `[Line]`, stands for a JSON array of it.
    """

    run: t.Callable
    body: t.Any = None
    partial: bool = False
    query: t.Any = None
    returns: t.Any = None
    status: int = 200
    also: dict[int, str] = dc.field(default_factory=dict)  # further statuses of success, described
    conflict: str | None = None  # when it answers 409, in a sentence
    reads: bool | None = None  # whether it needs no right to write; by its verb when None
    evidence: dict[str, str] = dc.field(default_factory=dict)  # of request and response, where it is not the path's
    grants: tuple[str, ...] = ()  # roles that may call it beside the usual ones
    content_type: str = "application/json"
    media_type: str = "application/json"  # of the answer
    page: t.Any = None
    resource: t.Any = None


@dc.dataclass
class Operation:
    """One operation of the API: what is documented of it, and its handler once it is served."""

    id: str
    title: str
    method: str
    path: str
    tag: str
    evidence: dict[str, str]
    handler: Handler | None = None

    def __post_init__(self):
        self.parameters = re.findall(r"{(\w+)}", self.path)
        self.kinds = [name.removesuffix("_id") for name in self.parameters]

    @property
    def served(self) -> bool:
        return self.handler is not None

    @property
    def reads(self) -> bool:
        return self.method == "GET" if self.handler.reads is None else self.handler.reads

    def locate(self, scope, ids: dict[str, str]) -> list[dict]:
        """The records the path names, each a child of the one before it; NotFound otherwise.

        The rules of what is written are those of their organisation.
        """
        found, above = [], None
        for name, kind in zip(self.parameters, self.kinds, strict=True):
            resource = scope.resources[kind]
            record = resource.locate(scope, ids[name])
            if above is not None and record.get(above[0]) != above[1]:
                raise NotFound
            found.append(record)
            above = (name, record["id"])
        if found:
            scope.enter(found[-1])
        return found


def load_operations(*corrections: str | Path) -> list[Operation]:
    """The documented operations, with verbs and paths replaced by those of the files given.

    A correction file has the form of `operations.yaml`; an entry needs an `id` and what is to be
    replaced, `method` or `path`. Raises YamlError (file, line, reason) on an unknown id, an unknown
    verb, a path without one of its parameters, or two operations at one address.
    """
    operations = {}
    for tag, rows in load_yaml(contracts_dir() / "operations.yaml").items():
        for row in rows:
            operations[row["id"]] = Operation(tag=tag, **row)
    for path in corrections:
        _correct(operations, path)
    return list(operations.values())


def _correct(operations, path):
    groups = load_yaml(path)
    if not isinstance(groups, dict):
        raise YamlError(path, 1, "expected groups of operations, as in contracts/operations.yaml")
    for tag, rows in groups.items():
        if not isinstance(rows, list):
            raise YamlError(path, groups.line_of(tag), f"{tag!r} should hold a list of operations")
        for number, row in enumerate(rows):
            line = getattr(row, "line", rows.line_of(number))
            if not isinstance(row, dict) or row.get("id") not in operations:
                known = row.get("id") if isinstance(row, dict) else row
                raise YamlError(
                    path, line, f"unknown operation id {known!r}; `mockserver operations` lists all of them"
                )
            operations[row["id"]] = corrected(operations[row["id"]], row, path)
    taken = {}
    for operation in operations.values():
        address = operation.method, re.sub(r"{\w+}", "{}", operation.path)
        if address in taken:
            raise YamlError(
                path, 1, f"{operation.id} and {taken[address]} clash: both would be {operation.method} {operation.path}"
            )
        taken[address] = operation.id


def corrected(operation: Operation, row, path) -> Operation:
    """The operation with the `method` and `path` of a row from the file `path`. Raises YamlError."""
    changes = {key: row[key] for key in ("method", "path") if key in row}
    for key, value in changes.items():
        if not isinstance(value, str):
            raise YamlError(path, row.line_of(key), f"{key} of {operation.id} should be text, not {value!r}")
    if "method" in changes:
        changes["method"] = changes["method"].upper()
        if changes["method"] not in METHODS:
            raise YamlError(
                path,
                row.line_of("method"),
                f"method of {operation.id} should be one of {', '.join(METHODS)}, not {row['method']!r}",
            )
    if "path" in changes:
        new = changes["path"]
        if not re.fullmatch(r"/(?:[A-Za-z0-9._~-]+/|{\w+}/?)*[A-Za-z0-9._~-]*", new):
            raise YamlError(
                path, row.line_of("path"), f"path of {operation.id} should look like {operation.path}, not {new!r}"
            )
        if new.startswith("/__mock__"):
            raise YamlError(
                path, row.line_of("path"), f"path of {operation.id} may not lie under /__mock__/, the mock's own"
            )
        names = re.findall(r"{(\w+)}", new)
        if names != operation.parameters:
            missing = [name for name in operation.parameters if name not in names]
            reason = (
                f"lacks {{{missing[0]}}}"
                if missing
                else f"should name its parameters in the order {', '.join(operation.parameters) or 'none'}"
            )
            raise YamlError(path, row.line_of("path"), f"path of {operation.id} {reason}: {new}")
    evidence = operation.evidence | dict.fromkeys(changes, "corrected")
    return dc.replace(operation, **changes, evidence=evidence)


def bind(operations: list[Operation], groups) -> list[Operation]:
    """Each operation with the handler that bears its id. A handler for no operation is a mistake."""
    handlers = {id: handler for group in groups for id, handler in group.handlers.items()}
    unknown = handlers.keys() - {operation.id for operation in operations}
    if unknown:
        raise LookupError(f"No operation of contracts/operations.yaml is called {', '.join(sorted(unknown))}.")
    return [dc.replace(operation, handler=handlers.get(operation.id)) for operation in operations]
