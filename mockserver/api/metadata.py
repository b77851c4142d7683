"""What OPTIONS answers of an address, in the words of Django REST framework's `SimpleMetadata`."""

import marshmallow as ma

from mockserver.api import fields
from mockserver.api.openapi import patch
from mockserver.api.operation import Operation
from mockserver.api.scope import may

# What kinds of fields are called, the more special ones first.
TYPES = (
    (fields.Choice, "choice"),
    (fields.Email, "email"),
    (fields.Url, "url"),
    (fields.Timestamp, "datetime"),
    (fields.Date, "date"),
    (fields.Decimal, "decimal"),
    (fields.Text, "string"),
    (fields.Integer, "integer"),
    (fields.Boolean, "boolean"),
    (fields.File, "file upload"),
    (fields.Array, "list"),
    ((fields.Nested, fields.Object), "nested object"),
)


def metadata(operations: list[Operation], roles) -> dict:
    """Return what an address is, and the fields of what may be sent to it by POST or PUT with these roles."""
    first = operations[0]
    media_types = {operation.handler.content_type for operation in operations if operation.handler.body}
    found = {
        "name": first.title,
        "description": " ".join((first.handler.run.__doc__ or "").split()),
        "renders": sorted({operation.handler.media_type for operation in operations}),
        "parses": sorted(media_types) or ["application/json"],
    }
    actions = {
        operation.method: _fields(_schema(operation.handler))
        for operation in operations
        if operation.method in ("POST", "PUT") and operation.handler.body and may(roles, operation)
    }
    return found | ({"actions": actions} if actions else {})


def _schema(handler) -> ma.Schema:
    body = handler.body[0] if isinstance(handler.body, list) else handler.body
    return patch(body) if handler.partial else body()


def _fields(schema: ma.Schema) -> dict:
    return {name: _field(name, field) for name, field in schema.fields.items()}


def _field(name: str, field) -> dict:
    info = {
        "type": next((called for kind, called in TYPES if isinstance(field, kind)), "field"),
        "required": bool(field.required),
        "read_only": bool(field.dump_only),
        "label": name.replace("_", " ").capitalize(),
        "help_text": field.metadata.get("description"),
    }
    if isinstance(field, fields.Integer):
        info |= {"min_value": field.min, "max_value": field.max}
    elif isinstance(field, (fields.Text, fields.Array)):
        info |= {"min_length": field.min or None, "max_length": field.max}
    if isinstance(field, fields.Array):
        info["child"] = _field(name, field.inner)
    elif isinstance(field, fields.Nested):
        info["children"] = _fields(field.schema)
    elif isinstance(field, fields.Choice):
        info["choices"] = [{"value": choice, "display_name": choice} for choice in field.choices]
    return {key: value for key, value in info.items() if value is not None}
