"""What a list can be narrowed by: one query parameter each, read off the same field as the record's."""

import dataclasses as dc
import datetime as dt
import functools
import typing as t

from mockserver.api import fields


@dc.dataclass(frozen=True)
class Equals:
    """The field is this value."""

    field: str
    default: t.Any = None
    indexed = True

    def query_field(self, schema):
        kwargs = {"load_default": self.default} if self.default is not None else {}
        return like(schema._declared_fields[self.field], **kwargs)

    def test(self, record, value, untouched):
        """Whether a record passes. `untouched(record)` tells whether it is as the fixture has it."""
        return record[self.field] == value


@dc.dataclass(frozen=True)
class Has(Equals):
    """The list holds this value."""

    def query_field(self, schema):
        return like(schema._declared_fields[self.field].inner)

    def test(self, record, value, untouched):
        return value in record[self.field]


@dc.dataclass(frozen=True)
class Contains(Equals):
    """The text holds this text, in upper or lower case."""

    indexed = False

    def query_field(self, schema):
        return fields.Text(min=0, description="Contains, in upper or lower case.")

    def test(self, record, value, untouched):
        return value.casefold() in (record[self.field] or "").casefold()


@dc.dataclass(frozen=True)
class After(Equals):
    """The timestamp is later than this one, or is this one on a record that was written since the sandbox began.

    So a client that polls with the last one it saw misses nothing that changed in the same moment after it looked:
    a sandbox's clock may stand still.
    """

    indexed = False

    def query_field(self, schema):
        return fields.Timestamp(
            description="Later than this moment; or in it, when written since the mock began.", evidence=None
        )

    def test(self, record, value, untouched):
        if record[self.field] is None:
            return False
        at, since = _moment(record[self.field]), _moment(value)
        return at > since or (at == since and not untouched(record))


@functools.lru_cache(maxsize=4096)
def _moment(text):
    return dt.datetime.fromisoformat(text)


def like(field, **kwargs):
    """A query parameter that takes what the field takes, as a query string spells it."""
    description = field.metadata.get("description")
    if isinstance(field, fields.Boolean):
        return fields.QueryBoolean(description=description, **kwargs)
    if isinstance(field, fields.Integer):
        return fields.QueryInteger(field.min, field.max, description=description, **kwargs)
    if isinstance(field, fields.Choice):
        return fields.Choice(*field.choices, description=description, **kwargs)
    if "x-references" in field.metadata:
        plain = fields.Cpid if field.kind == "part" else fields.Id
        return plain(description=description, metadata={"x-references": field.kind}, **kwargs)
    if type(field) in (fields.Text, fields.Email):
        return fields.Text(max=field.max, min=0, description=description, **kwargs)
    return type(field)(description=description, **kwargs)
