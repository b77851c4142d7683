"""Records in the shape they have on the wire, in tables with indexes, written in transactions.

A record is a dict that is never changed in place: a write puts another where it stood. So reads
hand records out as they are, a snapshot copies references, and a table can lie on top of a frozen
one that many sandboxes share: only what was written since is its own.
"""

import bisect
import contextlib
import itertools
import typing as t
from collections.abc import Callable, Iterable, Iterator, Mapping

Record = dict
Index = Callable[[Record], Iterable]  # the values under which a record is found
_ABSENT = object()
_versions = itertools.count(1)


class Change(t.NamedTuple):
    """One write: what stood in a place of a table, and what stands there now. None where there was or is nothing."""

    kind: str
    ordinal: int
    before: Record | None
    after: Record | None

    @property
    def action(self) -> str:
        """`created`, `updated` or `deleted`."""
        return "deleted" if self.after is None else "created" if self.before is None else "updated"

    @property
    def id(self):
        """The id of the record."""
        return (self.before if self.after is None else self.after)["id"]


class Commit:
    """What one transaction wrote: its `changes`, in order.

    `number` counts the commits of a store; it is 0 until the transaction succeeds. `cause` is what the transaction was
    begun with, such as the call that it carries out. When all tables were put in place of others at once, `replaced`
    are those that stood before, and `last` has the latest ordinals of those that stand now.
    """

    __slots__ = ("cause", "changes", "last", "number", "replaced")

    def __init__(self, cause=None, replaced: "Tables | None" = None, last: Mapping[str, int] | None = None):
        self.cause, self.replaced, self.last, self.number = cause, replaced, last or {}, 0
        self.changes: list[Change] = []

    @property
    def size(self) -> int:
        """How many records it holds in memory, about."""
        return len(self.changes) + sum(len(table.rows) for table in (self.replaced or {}).values())


class Table:
    """The records of one kind, in order of creation.

    Each record has an ordinal (1, 2, 3 …, never used twice), which is its place in every list.
    `base` is a frozen table underneath, read and never written. No two contents of a table, of whatever store,
    have the same `version`.
    """

    def __init__(self, kind: str, indexes: Mapping[str, Index], base: "Table | None" = None):
        self.kind, self.indexes, self.base = kind, indexes, base
        self.rows: dict[int, Record | None] = {}  # None: deleted, though the base has it
        self.ordinals: dict[str, int | None] = {}
        self.buckets: dict[tuple, list[int]] = {}  # (index, value) → sorted ordinals
        self.last = base.last if base else 0
        self.size = base.size if base else 0
        self.version = base.version if base else next(_versions)

    def __len__(self):
        return self.size

    def __iter__(self) -> Iterator[Record]:
        for _, record in self.items():
            yield record

    def items(self) -> Iterator[tuple[int, Record]]:
        """The records with their ordinals, in order of creation."""
        if self.base:
            for ordinal in sorted(self.base.rows):  # a deletion undone stands last in the dict
                record = self.rows.get(ordinal, self.base.rows[ordinal])
                if record is not None:
                    yield ordinal, record
        last = self.base.last if self.base else 0
        for ordinal in sorted(o for o in self.rows if o > last):
            if (record := self.rows[ordinal]) is not None:
                yield ordinal, record

    def ordinal(self, id) -> int | None:
        ordinal = self.ordinals.get(id, _ABSENT)
        if ordinal is _ABSENT:
            return self.base.ordinals.get(id) if self.base else None
        return ordinal

    def at(self, ordinal: int) -> Record:
        record = self.rows.get(ordinal)
        return self.base.rows[ordinal] if record is None else record

    def peek(self, ordinal: int) -> Record | None:
        """The record at a place; None when the place is empty."""
        record = self.rows.get(ordinal, _ABSENT)
        if record is _ABSENT:
            return self.base.rows.get(ordinal) if self.base else None
        return record

    def get(self, id) -> Record | None:
        ordinal = self.ordinal(id)
        return None if ordinal is None else self.at(ordinal)

    def nearest(self, ordinal: int) -> Record | None:
        """The record at this place, or at the next one that is not empty, starting over at the end. None without any.

        Asking for a random place so is cheap while few records were deleted.
        """
        for place in itertools.chain(range(ordinal, self.last + 1), range(1, ordinal)):
            if (record := self.peek(place)) is not None:
                return record
        return None

    def bucket(self, index: str, value) -> list[int]:
        """The ordinals of the records with `value` in `index`, ascending. Not to be changed."""
        found = self.buckets.get((index, value))
        if found is None:
            return self.base.buckets.get((index, value), []) if self.base else []
        return found

    def where(self, index: str, value) -> list[Record]:
        return [self.at(ordinal) for ordinal in self.bucket(index, value)]

    def write(self, ordinal: int, before: Record | None, after: Record | None) -> None:
        """Put `after` where `before` stood; None for absent on either side."""
        if before is not None and (after is None or before["id"] != after["id"]):
            self._forget(before["id"])
        if after is not None:
            self.rows[ordinal] = after
            self.ordinals[after["id"]] = ordinal
        elif self.base and ordinal in self.base.rows:
            self.rows[ordinal] = None
        else:
            self.rows.pop(ordinal, None)
        self.size += (after is not None) - (before is not None)
        self.version = next(_versions)
        for name, values in self.indexes.items():
            if before is None:  # most writes: there is nothing to compare with
                for value in dict.fromkeys(values(after)):
                    self._enter(name, value, ordinal)
                continue
            old = set(values(before))
            new = set(values(after)) if after is not None else set()
            for value in old - new:
                bucket = self._own(name, value)
                del bucket[bisect.bisect_left(bucket, ordinal)]
                if not bucket and not (self.base and (name, value) in self.base.buckets):
                    del self.buckets[name, value]  # or values that come and go would pile up
            for value in new - old:
                self._enter(name, value, ordinal)

    def _enter(self, name, value, ordinal):
        bucket = self.buckets.get((name, value)) or self._own(name, value)
        if bucket and bucket[-1] > ordinal:
            bisect.insort(bucket, ordinal)
        else:
            bucket.append(ordinal)

    def _forget(self, id):
        if self.base and id in self.base.ordinals:
            self.ordinals[id] = None
        else:
            self.ordinals.pop(id, None)

    def _own(self, name, value):
        bucket = self.buckets.get((name, value))
        if bucket is None:
            shared = self.base.buckets.get((name, value), ()) if self.base else ()
            bucket = self.buckets[name, value] = list(shared)
        return bucket

    def mapped(self, function: Callable[[Record], Record]) -> "Table":
        """A table with what `function` makes of each record, for a frozen table without a base.

        Ids have to stay, and so has all that the indexes look at: the two tables share them.
        """
        other = Table(self.kind, self.indexes)
        other.rows = {ordinal: function(record) for ordinal, record in self.rows.items()}
        other.ordinals, other.buckets, other.last, other.size = self.ordinals, self.buckets, self.last, self.size
        return other

    def copy(self) -> "Table":
        """A table with the same records that shares no mutable state with this one."""
        other = Table(self.kind, self.indexes, self.base)
        other.rows, other.ordinals = dict(self.rows), dict(self.ordinals)
        other.buckets = {key: list(bucket) for key, bucket in self.buckets.items()}
        other.last, other.size, other.version = self.last, self.size, self.version
        return other


Tables = Mapping[str, Table]


class Stale(Exception):
    """What was read is no longer so: somebody else has committed meanwhile. Look again, and do it again."""


class Store:
    """The tables of one sandbox, written in transactions that succeed or leave no trace.

    `observers` are functions that are called with each Commit, after it is written. `log` is called before: what it
    raises, such as Stale, undoes the commit.
    """

    def __init__(self, kinds: Mapping[str, Mapping[str, Index]], base: "Store | None" = None):
        self.kinds = kinds
        self.tables: dict[str, Table] = {
            kind: Table(kind, indexes, base.tables[kind] if base else None) for kind, indexes in kinds.items()
        }
        self.number = 0  # of the latest commit
        self.observers: list[Callable[[Commit], None]] = []
        self.log: Callable[[Commit], None] | None = None
        self._open: Commit | None = None

    def __getitem__(self, kind: str) -> Table:
        return self.tables[kind]

    @contextlib.contextmanager
    def transaction(self, cause=None) -> Iterator[Commit]:
        """Yield the Commit that is being written; an exception undoes it.

        A transaction within a transaction is a part of it, undone alone when it fails alone.
        """
        outer, commit = self._open, Commit(cause)
        self._open = commit
        try:
            yield commit
            if outer is None and commit.changes and self.log is not None:
                self.log(commit)
        except BaseException:
            for change in reversed(commit.changes):
                self._undo(change)
            raise
        else:
            if outer is not None:
                outer.changes.extend(commit.changes)
        finally:
            self._open = outer
        if outer is None and commit.changes:
            self._finish(commit)

    def _finish(self, commit):
        self.number += 1
        commit.number = self.number
        for observer in self.observers:
            observer(commit)

    def _undo(self, change):
        table = self.tables[change.kind]
        table.write(change.ordinal, change.after, change.before)
        if change.before is None:
            table.last = change.ordinal - 1

    def undone(self, commits: Iterable[Commit]) -> "Store":
        """A store as this one was before these commits, which are its latest, the latest first."""
        other = Store(self.kinds)
        other.tables = {kind: table.copy() for kind, table in self.tables.items()}
        for commit in commits:
            if commit.replaced is not None:
                other.tables = {kind: table.copy() for kind, table in commit.replaced.items()}
                continue
            for change in reversed(commit.changes):
                other._undo(change)
        return other

    def next_ordinal(self, kind: str) -> int:
        return self.tables[kind].last + 1

    def insert(self, kind: str, record: Record) -> Record:
        table = self.tables[kind]
        if table.ordinal(record["id"]) is not None:
            raise KeyError(f"There is a {kind} {record['id']} already.")
        table.last += 1
        return self._write(kind, table.last, None, record)

    def replace(self, kind: str, record: Record) -> Record:
        table = self.tables[kind]
        ordinal = table.ordinal(record["id"])
        return self._write(kind, ordinal, table.at(ordinal), record)

    def put(self, kind: str, record: Record) -> Record:
        """Insert the record, or replace the one of its id."""
        known = self.tables[kind].ordinal(record["id"]) is not None
        return self.replace(kind, record) if known else self.insert(kind, record)

    def delete(self, kind: str, id) -> None:
        table = self.tables[kind]
        ordinal = table.ordinal(id)
        self._write(kind, ordinal, table.at(ordinal), None)

    def _write(self, kind, ordinal, before, after):
        self.tables[kind].write(ordinal, before, after)
        if self._open is not None:
            self._open.changes.append(Change(kind, ordinal, before, after))
        elif self.observers or self.log:
            with self.transaction() as commit:
                commit.changes.append(Change(kind, ordinal, before, after))
        return after

    def copy(self) -> Tables:
        """The tables as they are now; they share no mutable state with this store."""
        return {kind: table.copy() for kind, table in self.tables.items()}

    def adopt(self, tables: Tables, cause: str = "restore") -> Commit:
        """Put these tables in place of all there are, as one commit. `cause` says why, in a word."""
        commit = Commit(cause, self.tables, {kind: table.last for kind, table in tables.items()})
        commit.changes.extend(difference(self.tables, tables))
        if self.log is not None:
            self.log(commit)
        self.tables = dict(tables)
        self._finish(commit)
        return commit


    def follow(self, changes: list[Change], number: int, replaced: str | None, last: Mapping[str, int]) -> None:
        """Write what was committed elsewhere, as the commit of this number.

        `replaced` is the cause when it put all tables in place of others, whose latest ordinals are then in `last`.
        """
        commit = Commit(replaced, None if replaced is None else self.copy(), last)
        commit.changes.extend(changes)
        for change in changes:
            table = self.tables[change.kind]
            table.write(change.ordinal, change.before, change.after)
            table.last = max(table.last, change.ordinal)
        for kind, ordinal in last.items():
            self.tables[kind].last = ordinal
        self.number = number - 1
        self._finish(commit)


def difference(before: Tables, after: Tables) -> Iterator[Change]:
    """The changes that lead from some tables to others, kind by kind in order of creation."""
    for kind, table in after.items():
        other = before[kind]
        if table.version == other.version:
            continue
        places = table.rows.keys() | other.rows.keys()
        if table.base is not other.base:
            places |= {place for one in (table, other) if one.base for place in one.base.rows}
        for ordinal in sorted(places):
            was, now = other.peek(ordinal), table.peek(ordinal)
            if was is not now and was != now:
                yield Change(kind, ordinal, was, now)
