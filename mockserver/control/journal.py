"""The journal of a sandbox: what was called, what it answered, and whether both keep the contract."""

import threading

import orjson
from flask import Response, request

from mockserver.admin import journal
from mockserver.admin.errors import Refused
from mockserver.admin.schema import Strict
from mockserver.api import fields
from mockserver.sandbox.clock import wall

STREAMS = threading.BoundedSemaphore(8)  # a stream holds a thread of the server
HEARTBEAT = 1.0  # seconds without an entry after which a stream shows it is alive


class Finding(fields.Schema):
    field = fields.Text(
        max=None,
        min=0,
        dump_only=True,
        description="Where: the path in the body, `?parameter`, or empty for the whole.",
    )
    reason = fields.Text(max=None, min=0, dump_only=True)


class Change(fields.Schema):
    action = fields.Choice("created", "updated", "deleted", dump_only=True)
    kind = fields.Text(dump_only=True)
    id = fields.Text(dump_only=True)


class NearMiss(fields.Schema):
    operation = fields.Text(dump_only=True)
    method = fields.Text(dump_only=True)
    path = fields.Text(max=None, dump_only=True)
    differences = fields.Array(fields.Choice("verb", "slash", "path"), dump_only=True)
    hint = fields.Text(max=None, dump_only=True, description="What to do, in a sentence.")


class Entry(fields.Schema):
    """A call and its answer."""

    id = fields.Integer(dump_only=True, description="1, 2, 3 … in the order of the calls.")
    at = fields.Timestamp(dump_only=True, description="When, on the sandbox's clock.")
    method = fields.Text(max=None, dump_only=True)
    path = fields.Text(max=None, min=0, dump_only=True)
    query = fields.Text(max=None, min=0, dump_only=True)
    request_headers = fields.Object(dump_only=True)
    request_body = fields.Any(dump_only=True, null=True, description="JSON where it is, else text; null for none.")
    operation = fields.Text(
        null=True,
        dump_only=True,
        description="The id of the operation it matched; null when it matched none.",
    )
    status = fields.Integer(dump_only=True)
    response_headers = fields.Object(dump_only=True)
    response_body = fields.Any(dump_only=True, null=True, description="JSON where it is, else text; null for none.")
    refused_by = fields.Text(null=True, dump_only=True, description="The step that refused it.")
    detail = fields.Any(dump_only=True, null=True, description="Why it was refused.")
    violations = fields.Array(
        fields.Nested(Finding), dump_only=True, description="What in the request breaks the contract."
    )
    response_violations = fields.Array(fields.Nested(Finding), dump_only=True, description="What in the answer does.")
    unknown_keys = fields.Array(
        fields.Text(max=None, min=0),
        dump_only=True,
        description="What was sent that the contract does not know.",
    )
    changes = fields.Array(fields.Nested(Change), dump_only=True, description="The records it wrote.")
    commit = fields.Integer(
        null=True, dump_only=True, description="The number of the latest commit, when the call was over."
    )
    near_misses = fields.Array(
        fields.Nested(NearMiss), dump_only=True, description="If it matched no operation, the closest ones."
    )
    fault_id = fields.Integer(null=True, dump_only=True, description="The fault that spoilt it.")
    seconds = fields.Any(
        dump_only=True, description="How long it took on the wall clock, without delays that faults add."
    )


class JournalCount(fields.Schema):
    count = fields.Integer(dump_only=True, description="How many entries fit.")


class JournalPage(JournalCount):
    """Entries, oldest first. Only the latest are kept."""

    total = fields.Integer(dump_only=True, description="How many calls there were since it was cleared.")
    entries = fields.Array(fields.Nested(Entry), dump_only=True)


class JournalFilter(Strict):
    operation = fields.Text(description="The id of an operation.")
    method = fields.Text(max=20)
    path = fields.Text(max=2000, description="The path, whole.")
    status = fields.QueryInteger(100, 999)
    refused = fields.QueryBoolean(description="true: what some step refused; false: the rest.")


class JournalQuery(JournalFilter):
    after = fields.QueryInteger(0, load_default=0, description="Leave out what is up to this entry.")
    limit = fields.QueryInteger(1, 1000, load_default=100, description="How many at the most: the latest.")


def find(at, query):
    """The latest calls that fit, oldest first."""
    after, limit = query.pop("after"), query.pop("limit")
    found = [entry for entry in of(at).find(**query) if entry.id > after]
    return {
        "count": len(found),
        "total": of(at).total,
        "entries": [shown(at, entry) for entry in found[-limit:]],
    }


def count(at, query):
    """How many of the calls kept fit."""
    return {"count": len(of(at).find(**query))}


def clear(at):
    """Forget all calls."""
    of(at).clear()


def stream(at):
    """Each call as it happens, as server-sent events, until the client leaves.

    A heartbeat each second. At most eight streams at a time, for each holds a thread of the server.
    `Last-Event-ID`
    goes on after that entry; without it a stream starts with the next call.
    """
    if not request.environ.get("mockserver.streaming"):
        raise Refused("There is no connection here that a stream could use. GET journal?after=<id> instead.")
    last = request.headers.get("Last-Event-ID", "")
    last = int(last) if last.isascii() and last.isdigit() and len(last) < 10 else at.sandbox.journal.last
    if not STREAMS.acquire(blocking=False):
        raise Refused("There are as many streams as there may be. Close one, or GET journal?after=<id>.")
    response = Response(events(at, last), content_type="text/event-stream", headers={"Cache-Control": "no-store"})
    response.call_on_close(STREAMS.release)
    return response


def events(at, last: int):
    yield b": the journal\n\n"
    calls = at.sandbox.journal
    resets = calls.resets
    while at.confined or at.app.sandboxes.get(at.sandbox.name) is at.sandbox:
        if resets != calls.resets:  # calls are counted from 1 again
            resets, last = calls.resets, 0
        entries = of(at).after(last, HEARTBEAT)
        at.sandbox.used_at = wall()
        yield (
            b"".join(
                b"id: %d\nevent: call\ndata: %b\n\n" % (entry.id, orjson.dumps(shown(at, entry))) for entry in entries
            )
            or b":\n\n"
        )
        last = entries[-1].id if entries else last


def of(at) -> journal.Journal:
    return journal.Journal(at.sandbox, at.app.operations)


def shown(at, entry) -> dict:
    """An entry with the verdict on its answer, which is made when somebody asks."""
    return entry.document() | {"response_violations": response_violations(at.app, entry)}


def response_violations(app, entry) -> list[dict]:
    if entry.operation is None:
        return []
    return app.checks.check_response(entry.operation, entry.status, entry.response_headers, entry.response_body)
