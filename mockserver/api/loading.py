"""From what a request carries to loaded data, or to a problem that says where it is wrong."""

import marshmallow as ma
import orjson

from mockserver.api import fields
from mockserver.api.problems import Invalid, Problem, UnsupportedMediaType

MAX_DEPTH = 64
MAX_ITEMS = 500  # in a body that is a list
_ORG_ID = fields.Id()


def parse(body: bytes, content_type: str | None):
    """The JSON value in a body. 415 for another media type, 400 for what is not JSON."""
    if (content_type or "").split(";", 1)[0].strip().lower() != "application/json":
        raise UnsupportedMediaType(content_type)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(f"JSON parse error - {error}") from None
    if (body.count(b"[") + body.count(b"{")) > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise Problem(f"JSON parse error - nested deeper than {MAX_DEPTH} levels")
    return value


def load(schema: ma.Schema, value, *, many: bool = False):
    """The value loaded by the schema. Invalid with messages nested and indexed as the value is."""
    if many and not isinstance(value, list):
        raise Invalid({"non_field_errors": [f'Expected a list of items but got type "{type(value).__name__}".']})
    if many and not value:
        raise Invalid({"non_field_errors": ["This list may not be empty."]})
    if many and len(value) > MAX_ITEMS:
        raise Invalid({"non_field_errors": [f"Ensure this field has no more than {MAX_ITEMS} elements."]})
    try:
        return schema.load(value, many=many)
    except ma.ValidationError as error:
        raise Invalid(align(error.messages, value)) from None


def load_query(schema: ma.Schema, args) -> dict:
    """Query parameters loaded by the schema; of a repeated one the last counts. An empty filter is none."""
    given = {name: values[-1] for name, values in args.lists()}
    filters = getattr(schema, "filters", ())
    try:
        return schema.load({name: value for name, value in given.items() if value.strip() or name not in filters})
    except ma.ValidationError as error:
        raise Invalid(error.messages) from None


def org_id(text: str) -> str:
    """The organisation `?org_id=` names."""
    try:
        return _ORG_ID.deserialize(text)
    except ma.ValidationError as error:
        raise Invalid({"org_id": error.messages}) from None


def align(messages, value):
    """marshmallow's messages by index, as lists that are as long as the value they speak of."""
    if isinstance(messages, list) and isinstance(value, list) and len(messages) == len(value):
        return list(map(align, messages, value))
    if isinstance(value, list) and isinstance(messages, dict):
        if all(isinstance(message, dict) for message in messages.values()):
            return [align(messages[number], item) if number in messages else {} for number, item in enumerate(value)]
        return {str(number): message for number, message in messages.items()}
    if isinstance(messages, dict):
        return {
            str(key): align(message, value.get(key) if isinstance(value, dict) else None)
            for key, message in messages.items()
        }
    return messages


def unknown_keys(schema: ma.Schema, value, path=()) -> list[tuple]:
    """The paths of keys the schema does not know, `("lines", 0, "colour")`. Read-only fields are known."""
    if isinstance(value, list):
        return [found for number, item in enumerate(value) for found in unknown_keys(schema, item, (*path, number))]
    if not isinstance(value, dict):
        return []
    found = []
    for key, item in value.items():
        field = schema.fields.get(key)
        if field is None:
            if key not in schema.read_only:
                found.append((*path, key))
            continue
        if isinstance(field, fields.Array):
            field = field.inner
        if isinstance(field, fields.Nested) and not field.dump_only:
            found += unknown_keys(field.schema, item, (*path, key))
    return found


def nested(paths: list[tuple], message: str, value=None) -> dict | list:
    """The message under each of the paths, nested and aligned as the value they lead into."""
    tree = {}
    for path in paths:
        node = tree
        for step in path[:-1]:
            node = node.setdefault(step, {})
        node[path[-1]] = [message]
    return align(tree, value)


def _depth(value):
    deepest, level = 0, [value]
    while level:
        deepest += 1
        level = [
            item
            for node in level
            if isinstance(node, (dict, list))
            for item in (node.values() if isinstance(node, dict) else node)
        ]
    return deepest
