"""Commits and tables as entries and snapshots of a log, and back."""

import base64

import orjson

from mockserver.sandbox import Sandbox, Snapshot
from mockserver.sandbox.clock import moment, stamp
from mockserver.sandbox.journal import Entry
from mockserver.sandbox.store import Change, Commit, Store, Table, Tables

PLAIN = ("id", "at", "method", "path", "query", "operation", "status", "refused_by", "detail", "unknown_keys",
         "fault_id", "commit", "seconds")  # fmt: skip
MADE = ("request_headers", "response_headers", "violations", "changes", "near_misses")


def commit_entry(commit: Commit, store: Store) -> bytes:
    """Return the entry of a commit that is about to be the store's next."""
    entry = {
        "number": store.number + 1,
        "changes": [[change.kind, change.ordinal, _shown(change.kind, change.after)] for change in commit.changes],
    }
    if commit.replaced is not None:
        entry |= {"replaced": commit.cause, "last": commit.last}
    return orjson.dumps(entry)


def apply_commit(store: Store, entry: dict) -> None:
    """Do to a store what an entry says was committed elsewhere, or before."""
    changes = []
    for kind, ordinal, after in entry["changes"]:
        changes.append(Change(kind, ordinal, store[kind].peek(ordinal), _read(kind, after)))
    store.follow(changes, entry["number"], entry.get("replaced"), entry.get("last", {}))


def tables_document(tables: Tables, world: Store) -> dict:
    """Return what tables differ in from those of the world they lie on, or all of them where they lie on none."""
    found = {}
    for kind, table in tables.items():
        below = world[kind]
        if table.base is below:
            if not table.rows and table.last == below.last:
                continue
            rows = [[ordinal, _shown(kind, record)] for ordinal, record in table.rows.items()]
        else:
            rows = [[ordinal, _shown(kind, record)] for ordinal, record in table.items()]
        found[kind] = {"last": table.last, "whole": table.base is not below, "rows": rows}
    return found


def tables_from(document: dict, world: Store) -> Tables:
    """Return the tables of a document, on those of the world."""
    tables = {kind: Table(kind, indexes, world[kind]) for kind, indexes in world.kinds.items()}
    for kind, group in document.items():
        if group["whole"]:
            tables[kind] = Table(kind, world.kinds[kind])
        table = tables[kind]
        for ordinal, record in group["rows"]:
            table.write(ordinal, table.peek(ordinal), _read(kind, record))
        table.last = group["last"]
    return tables


def snapshot_of(sandbox: Sandbox) -> dict:
    """Return what `snapshot_entry` needs of a sandbox. Cheap, and of one moment; the caller holds the lock."""
    return {"tables": sandbox.store.copy(), "number": sandbox.store.number, "snapshots": dict(sandbox.snapshots)}


def snapshot_entry(taken: dict, world: Store) -> bytes:
    """Return all that the first entries of a log led to, as one document."""
    return orjson.dumps(
        {
            "number": taken["number"],
            "tables": tables_document(taken["tables"], world),
            "snapshots": {
                name: {
                    "number": snapshot.number,
                    "now": stamp(snapshot.now),
                    "tables": tables_document(snapshot.tables, world),
                }
                for name, snapshot in taken["snapshots"].items()
            },
        }
    )


def apply_snapshot(sandbox: Sandbox, content: bytes) -> None:
    """Put what a snapshot holds in place of all there is in a sandbox."""
    document, world = orjson.loads(content), sandbox.world.store
    sandbox.store.tables = dict(tables_from(document["tables"], world))
    sandbox.store.number = document["number"]
    sandbox.snapshots = {
        name: Snapshot(tables_from(one["tables"], world), moment(one["now"]), one["number"])
        for name, one in document["snapshots"].items()
    }
    sandbox.history.clear()


def journal_entry(entry: Entry) -> bytes:
    """Return a call of the journal as an entry of a log."""
    document = {name: getattr(entry, name) for name in (*PLAIN, *MADE)}
    for name in ("request_body", "response_body"):
        document[name] = base64.b64encode(getattr(entry, name)).decode()
    return orjson.dumps(document)


def call_from(content: bytes) -> Entry:
    """Return the call that an entry of a log holds."""
    document = orjson.loads(content)
    for name in ("request_body", "response_body"):
        document[name] = base64.b64decode(document[name])
    made = {name: document.pop(name) for name in MADE}
    entry = Entry(**document)
    vars(entry).update(made)
    return entry


def _shown(kind, record):
    if kind == "mock_file" and record is not None:
        return {**record, "content": base64.b64encode(record["content"]).decode()}
    return record


def _read(kind, record):
    if kind == "mock_file" and record is not None:
        return {**record, "content": base64.b64decode(record["content"])}
    return record
