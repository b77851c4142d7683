"""Values of existing records for what a contract marks with ``x-references: <kind>``.

Generated ids fit their pattern but name nothing, so a valid request would be refused for its data alone. A
schema or a parameter that carries the keyword gets the id of a record instead; an id that exists stays. Equal
values get equal ids, and the same run makes the same requests. ``x-references-keys`` says that the keys of an
object are ids; such an object is sent empty.
"""

import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

KEYWORD = "x-references"
KEYS_KEYWORD = "x-references-keys"
METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})

Ids = Callable[[str, Mapping[str, str]], Sequence[str]]
Paths = Callable[[str], Sequence[Mapping[str, str]]]


def operations(document: Mapping) -> Iterator[tuple[str, Mapping, Mapping]]:
    """(label, path item, operation) for each operation of the document; a label reads ``GET /parts/{id}``."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield f"{method.upper()} {path}", item, operation


class References:
    """Fills the parts of a request that name other records.

    `ids(kind, path parameters)` gives the ids of the records of a kind, best those that go with the record a request
    is about; `paths(operation id)` the path parameters, each as one
    mapping, with which an operation finds its record: in nested resources parent and child must agree.
    Both are asked for every request, so they see what earlier requests made and removed.
    """

    def __init__(self, document: Mapping, ids: Ids | None = None, paths: Paths | None = None):
        self._document = document
        self._ids_of = ids or (lambda kind, path: ())
        self._path: Mapping[str, str] = {}
        self._paths = paths or (lambda operation_id: ())
        self._operations = {label: (item, operation) for label, item, operation in operations(document)}
        self._turns: dict[str, dict[int, int]] = {}

    def in_path(
        self, label: str, values: dict[str, Any], keep: Collection[str] = (), rest: Any = None
    ) -> dict[str, Any]:
        """Path parameters of an existing record; one in ten requests keeps its own, so that 404 is seen too.

        Those named in `keep` stay as they are, and the others are chosen to go with them. The `rest` of the
        request has a say in the choice: many that differ in their bodies alone are then about many records.
        They take the records in turn, for only one of many may be in a state in which the operation succeeds.
        """
        known = self._paths(self._operations[label][1].get("operationId", label))
        if not values or any(entry.items() <= values.items() for entry in known):
            return values
        pick = _digest((values, rest))
        if pick % 10 == 0:
            return values
        fitting = [entry for entry in known if all(entry.get(name) == values.get(name) for name in keep)]
        if fitting:
            turns = self._turns.setdefault(label, {})
            return {**values, **fitting[turns.setdefault(pick, len(turns)) % len(fitting)]}
        return values if known else self._in_parameters(label, "path", values, keep)

    def in_query(self, label: str, values: dict[str, Any]) -> dict[str, Any]:
        return self._in_parameters(label, "query", values)

    def in_body(self, label: str, media_type: str, body: Any, path: Mapping[str, str]) -> Any:
        """The body with ids of existing records; `path` are the path parameters it is sent with."""
        request = self._resolve(self._operations[label][1].get("requestBody", {}))
        content = request.get("content", {}).get(media_type)
        if content is None:
            return body
        self._path = path
        try:
            return self._fill(content.get("schema", {}), body)
        finally:
            self._path = {}

    def _ids(self, kind: str) -> Sequence[str]:
        return self._ids_of(kind, self._path)

    def _in_parameters(self, label: str, place: str, values: dict, keep: Collection[str] = ()) -> dict:
        item, operation = self._operations[label]
        filled = dict(values)
        for parameter in map(self._resolve, [*item.get("parameters", ()), *operation.get("parameters", ())]):
            name = parameter["name"]
            if parameter["in"] == place and name in values and name not in keep:
                # The keyword may stand beside the parameter's schema or inside it.
                beside = {KEYWORD: parameter[KEYWORD]} if KEYWORD in parameter else {}
                filled[name] = self._fill({"allOf": [parameter.get("schema", {}), beside]}, values[name])
        return filled

    def _resolve(self, node: Mapping) -> Mapping:
        while "$ref" in node:
            target: Any = self._document
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step.replace("~1", "/").replace("~0", "~")]
            # OpenAPI 3.1 lets keywords stand beside a reference, and x-references is often one of them.
            node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
        return node

    def _fill(self, schema: Any, value: Any) -> Any:
        """`value` with ids put wherever `schema` asks for one. Nothing is changed in place."""
        if not isinstance(schema, Mapping):
            return value
        schema = self._resolve(schema)
        for branch in (*schema.get("allOf", ()), *schema.get("anyOf", ()), *schema.get("oneOf", ())):
            value = self._fill(branch, value)
        if isinstance(value, str):
            return self._choose(schema[KEYWORD], value) if KEYWORD in schema else value
        if isinstance(value, list):
            if self._has_none(schema.get("items")):
                return []
            filled = [self._fill(schema.get("items"), item) for item in value]
            return _distinct(filled) if schema.get("uniqueItems") else filled
        if isinstance(value, dict):
            if KEYS_KEYWORD in schema:
                # What may stand under a key depends on the record it names, and so do the keys that must go with it.
                return {}
            properties, others = schema.get("properties", {}), schema.get("additionalProperties")
            return {name: self._fill(properties.get(name, others), item) for name, item in value.items()}
        return value

    def _has_none(self, schema: Any) -> bool:
        """Whether the schema asks for a record of a kind that has none; a list of them can only be empty."""
        wanted = self._resolve(schema).get(KEYWORD) if isinstance(schema, Mapping) else None
        return wanted is not None and not self._ids(wanted)

    def _choose(self, kind: str, value: str) -> str:
        ids = self._ids(kind)
        return value if not ids or value in ids else ids[_digest(value) % len(ids)]


def _digest(value: Any) -> int:
    return zlib.crc32(repr(value).encode("utf-8", "surrogatepass"))


def _distinct(values: list) -> list:
    """Two generated values may become the same id, which `uniqueItems` forbids."""
    return [value for position, value in enumerate(values) if value not in values[:position]]
