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

    def test(self, record, value):
        return record[self.field] == value


@dc.dataclass(frozen=True)
class Has(Equals):
    """The list holds this value."""

    def query_field(self, schema):
        return like(schema._declared_fields[self.field].inner)

    def test(self, record, value):
        return value in record[self.field]


@dc.dataclass(frozen=True)
class Contains(Equals):
    """The text holds this text, in upper or lower case."""

    indexed = False

    def query_field(self, schema):
        return fields.Text(min=0, description="Contains, in upper or lower case.")

    def test(self, record, value):
        return value.casefold() in (record[self.field] or "").casefold()


@dc.dataclass(frozen=True)
class After(Equals):
    """The timestamp is later than this one."""

    indexed = False

    def query_field(self, schema):
        return fields.Timestamp(description="Later than this moment.", evidence=None)

    def test(self, record, value):
        return record[self.field] is not None and _moment(record[self.field]) > _moment(value)


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
