"""The gate that records pass which do not come from an operation: fixtures, `given`, the control plane, imports.

An operation checks what a request says. These say all of a record, also what is read-only, hidden or nested in it, and
every later call relies on it.
"""

import math
from collections.abc import Iterable

import marshmallow as ma
import orjson

from mockserver.api import fields
from mockserver.api.resource import Resource, default, reference
from mockserver.api.scope import Scope

MAX_DEPTH = 64
SMALLEST, LARGEST = -(2**63), 2**63 - 1


class InvalidRecord(ValueError):
    """A record that no operation could answer; the message names the field and the reason."""


def plain(value, path: str = "", depth: int = 0):
    """Return a copy of a JSON value. Raises InvalidRecord, with its path, for what is none or beyond our limits."""
    match value:
        case None | bool():
            return value
        case str():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise InvalidRecord(f"{path}: Text should have no lone surrogates.") from None
            return str(value)
        case int():
            if not SMALLEST <= value <= LARGEST:
                raise InvalidRecord(f"{path}: Whole numbers should fit 64 bits, which {value} does not.")
            return int(value)
        case float():
            if not math.isfinite(value):
                raise InvalidRecord(f"{path}: JSON knows no {value}.")
            return float(value)
        case dict() | list() | tuple() if depth >= MAX_DEPTH:
            raise InvalidRecord(f"{path[:80]}…: Values should not be nested deeper than {MAX_DEPTH} levels.")
        case dict():
            if (bad := next((key for key in value if not isinstance(key, str)), None)) is not None:
                raise InvalidRecord(f"{path}: The keys of an object should be text, not {type(bad).__name__} {bad!r}.")
            return {
                plain(key, path): plain(item, f"{path}.{key}" if path else key, depth + 1)
                for key, item in value.items()
            }
        case list() | tuple():
            return [plain(item, f"{path}[{number}]", depth + 1) for number, item in enumerate(value)]
    raise InvalidRecord(f"{path}: A JSON value is wanted, not {type(value).__name__} {value!r}.")


def load_record(resource: Resource, record: dict, where: str = "") -> dict:
    """Return a whole stored record with each field as the schema loads it. Raises InvalidRecord."""
    where = where and f"{where}."
    if unknown := record.keys() - resource.stored.keys():
        known = ", ".join(sorted(resource.stored))
        raise InvalidRecord(f"{where}{min(unknown)}: A {resource.label} has no such field. It has {known}.")
    blank, loaded = resource.blank(), {}
    for name, field in resource.stored.items():
        if name in resource.computed:
            loaded[name] = blank.get(name)
        elif name not in record:
            raise InvalidRecord(f"{where}{name}: The field is missing.")
        else:
            loaded[name] = load_field(field, record[name], where + name)
    return {name: loaded[name] for name in record if name in loaded} | loaded


def load_field(field: ma.fields.Field, value, where: str):
    """Return the value of a stored field as its schema loads it, a copy. Raises InvalidRecord.

    A nested object is stored whole: what has a default is filled in, what has none is missed, and what its schema does
    not know is refused.
    """
    return _load(field, plain(value, where), where)


def _load(field, value, where):
    if value is None and field.allow_none:
        return None
    if isinstance(field, fields.Nested) and isinstance(value, dict):
        return _load_nested(field.schema, value, where)
    try:
        loaded = field.deserialize(value)
    except ma.ValidationError as error:
        raise InvalidRecord(f"{where}: {_words(error.messages)}") from None
    if isinstance(field, fields.Array):
        return [_load(field.inner, item, f"{where}[{number}]") for number, item in enumerate(value)]
    return loaded


def _load_nested(schema, value, where):
    if unknown := value.keys() - schema.fields.keys():
        raise InvalidRecord(f"{where}.{min(unknown)}: There is no such field. There are {', '.join(schema.fields)}.")
    loaded = {}
    for name, field in schema.fields.items():
        if name in value:
            loaded[name] = _load(field, value[name], f"{where}.{name}")
        elif field.load_default is ma.missing and not field.allow_none:
            raise InvalidRecord(f"{where}.{name}: The field is missing.")
        else:
            content = default(field)
            loaded[name] = content() if callable(content) else content
    return loaded


def admit(scope: Scope, records: Iterable[tuple[str, dict]]) -> None:
    """Check that these records, `(kind, record)`, can be answered and refer to what is there. Raises InvalidRecord."""
    for kind, record in records:
        resource = scope.resources[kind]
        where = f"{resource.label} {record['id']}"
        _check_references(scope, resource, record, where)
        try:
            orjson.dumps(resource.present(scope, record))
        except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
            raise InvalidRecord(f"{where}: These values do not fit together: {type(error).__name__}: {error}") from None


def _check_references(scope, resource, record, where):
    for name, field in resource.references.items():
        kind, value = reference(field).kind, record.get(name)
        for id in value if isinstance(value, list) else [value]:
            if id is not None and kind in scope.sandbox.store.tables and scope.sandbox.store[kind].get(id) is None:
                raise InvalidRecord(f"{where}: {name} names a {kind} that is not there, {id}.")


def _words(messages) -> str:
    if isinstance(messages, dict):
        return "; ".join(f"{name}: {_words(reason)}" for name, reason in messages.items())
    if isinstance(messages, list):
        return "; ".join(map(_words, messages))
    return str(messages)
