"""Records in the shape they have on the wire, in tables with indexes.

A record is a dict that is never changed in place: a write puts another where it stood. So reads
hand records out as they are, a snapshot copies references, and a table can lie on top of a frozen
one that many sandboxes share: only what was written since is its own.
"""

import bisect
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping

Record = dict
Index = Callable[[Record], Iterable]  # the values under which a record is found
_ABSENT = object()


class Table:
    """The records of one kind, in order of creation.

    Each record has an ordinal (1, 2, 3 …, never used twice), which is its place in every list.
    `base` is a frozen table underneath, read and never written.
    """

    def __init__(self, kind: str, indexes: Mapping[str, Index], base: "Table | None" = None):
        self.kind, self.indexes, self.base = kind, indexes, base
        self.rows: dict[int, Record | None] = {}  # None: deleted, though the base has it
        self.ordinals: dict[str, int | None] = {}
        self.buckets: dict[tuple, list[int]] = {}  # (index, value) → sorted ordinals
        self.last = base.last if base else 0
        self.size = base.size if base else 0
        self.version = base.version if base else 0  # counts writes

    def __len__(self):
        return self.size

    def __iter__(self) -> Iterator[Record]:
        if self.base:
            for ordinal in sorted(self.base.rows):  # a deletion undone stands last in the dict
                record = self.rows.get(ordinal, self.base.rows[ordinal])
                if record is not None:
                    yield record
        last = self.base.last if self.base else 0
        for ordinal in sorted(o for o in self.rows if o > last):
            if (record := self.rows[ordinal]) is not None:
                yield record

    def ordinal(self, id: str) -> int | None:
        ordinal = self.ordinals.get(id, _ABSENT)
        if ordinal is _ABSENT:
            return self.base.ordinals.get(id) if self.base else None
        return ordinal

    def at(self, ordinal: int) -> Record:
        record = self.rows.get(ordinal)
        return self.base.rows[ordinal] if record is None else record

    def get(self, id: str) -> Record | None:
        ordinal = self.ordinal(id)
        return None if ordinal is None else self.at(ordinal)

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
        self.version += 1
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

    def copy(self) -> "Table":
        """A table with the same records that shares no mutable state with this one."""
        other = Table(self.kind, self.indexes, self.base)
        other.rows, other.ordinals = dict(self.rows), dict(self.ordinals)
        other.buckets = {key: list(bucket) for key, bucket in self.buckets.items()}
        other.last, other.size, other.version = self.last, self.size, self.version
        return other


class Store:
    """The tables of one sandbox, written in transactions that succeed or leave no trace."""

    def __init__(self, kinds: Mapping[str, Mapping[str, Index]], base: "Store | None" = None):
        self.kinds = kinds
        self.tables = {
            kind: Table(kind, indexes, base.tables[kind] if base else None) for kind, indexes in kinds.items()
        }
        self._changes: list | None = None

    def __getitem__(self, kind: str) -> Table:
        return self.tables[kind]

    @contextlib.contextmanager
    def transaction(self):
        """Yields the list of changes so far, (kind, ordinal, before, after); an exception undoes them.

        A transaction within a transaction is a part of it, undone alone when it fails alone.
        """
        outer, self._changes = self._changes, []
        lasts = {kind: table.last for kind, table in self.tables.items()}
        try:
            yield self._changes
        except BaseException:
            for kind, ordinal, before, after in reversed(self._changes):
                self.tables[kind].write(ordinal, after, before)
            for kind, last in lasts.items():
                self.tables[kind].last = last
            raise
        else:
            if outer is not None:
                outer.extend(self._changes)
        finally:
            self._changes = outer

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

    def delete(self, kind: str, id: str) -> None:
        table = self.tables[kind]
        ordinal = table.ordinal(id)
        self._write(kind, ordinal, table.at(ordinal), None)

    def _write(self, kind, ordinal, before, after):
        self.tables[kind].write(ordinal, before, after)
        if self._changes is not None:
            self._changes.append((kind, ordinal, before, after))
        return after

    def copy(self) -> "Store":
        other = object.__new__(Store)
        other.kinds, other._changes = self.kinds, None
        other.tables = {kind: table.copy() for kind, table in self.tables.items()}
        return other
