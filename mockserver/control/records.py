"""The records of a sandbox, of every kind, and the e-mails among them."""

from mockserver.admin.records import Records
from mockserver.admin.schema import Strict
from mockserver.api import fields
from mockserver.api.resource import PaginationQuery


class RecordsQuery(Strict, PaginationQuery):
    pass


class RecordList(fields.Schema):
    """A window on the records of a kind, oldest first."""

    count = fields.Integer(dump_only=True, description="How many there are in all.")
    results = fields.Array(fields.Object(), dump_only=True, description="Each as its GET operation answers it.")


def count(at):
    """How many records there are of each kind."""
    return Records(at.sandbox).count()


def list(at, kind, query):
    """The records of a kind, oldest first, those that no operation answers included."""
    return window(at, kind, query)


def get(at, kind, id):
    """Read any record."""
    return Records(at.sandbox).get(kind, id)


def given(at, kind, data):
    """A new record with these fields, the rest made up plausibly."""
    return Records(at.sandbox).given(kind, **data)


def put(at, kind, id, data):
    """Create the record of this id, or change the fields given. Read-only fields may be set too."""
    return Records(at.sandbox).put(kind, id, **data)


def delete(at, kind, id):
    """Delete any record and what belongs to it."""
    Records(at.sandbox).delete(kind, id)


def outbox(at, query):
    """The e-mails sent, oldest first."""
    return window(at, "outbound_email", query)


def window(at, kind, query):
    count, results = Records(at.sandbox).page(kind, limit=query["limit"], offset=query["offset"])
    return {"count": count, "results": results}
