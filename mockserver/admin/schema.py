"""What the schemas of the mock's own records are made of."""

import marshmallow as ma

from mockserver.admin.errors import Refused
from mockserver.api import fields


class Strict(fields.Schema):
    """Refuses unknown keys: a misspelt one should not pass for obeyed."""

    class Meta:
        unknown = ma.RAISE

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        known = ", ".join(name for name, field in self.fields.items() if not field.dump_only) or "none"
        self.error_messages = {
            **self.error_messages,
            "unknown": f"There is no such field. There are {known}.",
        }


class Number(fields.Any):
    """A number from `min` to `max`, whole or not."""

    default_error_messages = {"invalid": "A number from {min:g} to {max:g} is required."}

    def __init__(self, min=0, max=1e9, **kwargs):
        self.min, self.max = min, max
        super().__init__(**kwargs)

    def _deserialize(self, value, attr, data, **kwargs):
        if type(value) not in (int, float) or not self.min <= value <= self.max:
            raise self.make_error("invalid", min=self.min, max=self.max)
        return value

    def document(self):
        return {"type": "number", "minimum": self.min, "maximum": self.max}


def load(schema: ma.Schema, values: dict, what: str) -> dict:
    """Return the values as the schema loads them. Raises Refused, naming each field that is wrong."""
    try:
        return schema.load(values)
    except ma.ValidationError as error:
        reasons = "; ".join(f"{field}: {reason}" for field, reason in flat(error.messages))
        raise Refused(f"{what}: {reasons}") from None


def flat(messages, path: str = "") -> list[tuple[str, str]]:
    """Return marshmallow's messages with the dotted path of the field each is about."""
    if isinstance(messages, dict):
        return [
            found for key, value in messages.items() for found in flat(value, f"{path}.{key}" if path else str(key))
        ]
    if isinstance(messages, list):
        return [found for value in messages for found in flat(value, path)]
    return [(path, str(messages))]
