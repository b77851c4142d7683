"""Moments of a sandbox: take one, bring it back, tell what changed between two."""

import dataclasses as dc
import typing as t
from collections.abc import Mapping, Sequence

import orjson

from mockserver import resources
from mockserver.admin.errors import Refused, Unknown
from mockserver.admin.scope import Capability
from mockserver.sandbox import OWN_KINDS, Snapshot
from mockserver.sandbox.store import Change, difference

MOST = 100
SHOWN = 10  # records of a kind in a message
# What every call touches, and nobody means when asking what a call changed.
BOOKKEEPING = {"api_key": {"last_used_at", "updated_at"}}

Expected = int | Mapping[str, t.Any] | Sequence[Mapping[str, t.Any]]


@dc.dataclass(frozen=True)
class RecordChange:
    """What became of one record.

    `action` is `created`, `changed` or `deleted`. `record` is as it is now, or was when it was deleted. `fields` are
    those that changed, `{name: (before, after)}`.
    """

    action: str
    kind: str
    id: t.Any
    record: dict[str, t.Any]
    fields: dict[str, tuple[t.Any, t.Any]]


@dc.dataclass(frozen=True)
class Difference:
    """What changed between two moments, in order of creation. `str()` shows it, a line for each record and field."""

    changes: list[RecordChange]

    def __iter__(self):
        return iter(self.changes)

    def __len__(self):
        return len(self.changes)

    @property
    def created(self) -> dict[str, list[RecordChange]]:
        """By kind, the records that are new."""
        return self._by_kind("created")

    @property
    def changed(self) -> dict[str, list[RecordChange]]:
        """By kind, the records that were there and are other now."""
        return self._by_kind("changed")

    @property
    def deleted(self) -> dict[str, list[RecordChange]]:
        """By kind, the records that are gone."""
        return self._by_kind("deleted")

    def _by_kind(self, action):
        found: dict[str, list[RecordChange]] = {}
        for change in self.changes:
            if change.action == action:
                found.setdefault(change.kind, []).append(change)
        return found

    def document(self) -> dict:
        """Return it as JSON: `{created: {kind: [record]}, changed: {kind: [{id, fields}]}, deleted: …}`."""
        return {
            "created": {kind: [one.record for one in found] for kind, found in self.created.items()},
            "changed": {
                kind: [
                    {"id": one.id, "fields": {name: {"before": b, "after": a} for name, (b, a) in one.fields.items()}}
                    for one in found
                ]
                for kind, found in self.changed.items()
            },
            "deleted": {kind: [one.record for one in found] for kind, found in self.deleted.items()},
        }

    def __str__(self):
        return "\n".join(line for change in self.changes for line in _lines(change)) or "Nothing changed."


class Snapshots(Capability):
    """The moments of a sandbox that are kept by name, and what changed since one of them."""

    def take(self, name: str) -> Snapshot:
        """Keep this moment under a name; one of the same name is replaced. Raises Refused when there are too many."""
        with self.sandbox.lock:
            if len(self.sandbox.snapshots) >= MOST and name not in self.sandbox.snapshots:
                raise Refused(f"There are {MOST} snapshots already. Delete one first.")
            return self.sandbox.keep_snapshot(name)

    def all(self) -> dict[str, Snapshot]:
        """Return the moments that are kept, by name."""
        with self.sandbox.lock:
            return dict(self.sandbox.snapshots)

    def get(self, name: str) -> Snapshot:
        """Return the moment kept under a name. Raises Unknown."""
        snapshot = self.sandbox.snapshots.get(name)
        if snapshot is None:
            raise Unknown(f"There is no snapshot {name!r}. There are {', '.join(self.sandbox.snapshots) or 'none'}.")
        return snapshot

    def restore(self, name: str) -> Snapshot:
        """Bring the moment of this name back; the journal goes on. Raises Unknown."""
        snapshot = self.get(name)
        self.sandbox.restore(snapshot)
        return snapshot

    def delete(self, name: str) -> None:
        """Forget the moment of this name. Raises Unknown."""
        self.get(name)
        self.sandbox.forget_snapshot(name)

    def difference(self, before: Snapshot, after: Snapshot | None = None) -> Difference:
        """Return what changed from one moment to another, or to now."""
        if after is None:
            with self.sandbox.lock:
                changes = list(difference(before.tables, self.sandbox.store.tables))
        else:
            changes = list(difference(before.tables, after.tables))
        return Difference([_record_change(change) for change in changes])


def assert_changes(
    difference: Difference,
    created: Mapping[str, Expected] | None = None,
    changed: Mapping[str, Expected] | None = None,
    deleted: Mapping[str, Expected] | None = None,
) -> None:
    """Check a difference against what was expected of it, kind by kind. Raises AssertionError that shows what differs.

    Of a kind one can expect a number of records, the fields of one, or a list with the fields of each. Other kinds
    of the API's records should not have changed; of the mock's own (`mock_…`) only those named are looked at.
    """
    found = {"created": difference.created, "changed": difference.changed, "deleted": difference.deleted}
    problems = []
    for action, expected in (("created", created), ("changed", changed), ("deleted", deleted)):
        expected = dict(expected or {})
        for kind in expected:
            if kind not in resources.by_kind() and kind not in OWN_KINDS:
                raise Unknown(f"There is no kind of record called {kind!r}. There are {', '.join(_all_kinds())}.")
        for kind in dict.fromkeys([*expected, *found[action]]):
            if kind in OWN_KINDS and kind not in expected:
                continue
            changes = [one for one in found[action].get(kind, []) if kind in expected or not _bookkeeping(one)]
            problems += _compare(action, kind, expected.get(kind, 0), changes)
    if problems:
        shown = [f"  {line}" for line in str(difference).split("\n")]
        raise AssertionError("\n".join([*problems, "", "What changed:", *shown]))


def _compare(action, kind, expected, changes) -> list[str]:
    if isinstance(expected, Mapping):
        expected = [expected]
    wanted = expected if isinstance(expected, int) else len(expected)
    if len(changes) != wanted:
        return [f"{wanted} {kind} should have been {action}, {len(changes)} were."]
    if isinstance(expected, int):
        return []
    problems, left = [], list(changes)
    for fields in sorted(expected, key=len, reverse=True):  # those who say most choose first
        fits = next((one for one in left if all(one.record.get(name) == value for name, value in fields.items())), None)
        if fits is not None:
            left.remove(fits)
            continue
        nearest = max(left, key=lambda one: sum(one.record.get(name) == value for name, value in fields.items()))
        wrong = [
            f"{name} is {nearest.record.get(name)!r}, not {value!r}"
            for name, value in fields.items()
            if nearest.record.get(name) != value
        ]
        problems.append(f"No {kind} that was {action} is as expected. The nearest is {nearest.id}: {'; '.join(wrong)}.")
    return problems


def _bookkeeping(change: RecordChange) -> bool:
    return change.action == "changed" and change.fields.keys() <= BOOKKEEPING.get(change.kind, set())


def _all_kinds() -> list[str]:
    return sorted([*resources.by_kind(), *OWN_KINDS])


def _record_change(change: Change) -> RecordChange:
    resource = resources.by_kind().get(change.kind)
    hidden = resource.hidden if resource is not None else {"content", "since"}

    def shown(record):
        plain = {name: value for name, value in record.items() if name not in hidden or name == "id"}
        return orjson.loads(orjson.dumps(plain))

    if change.before is None or change.after is None:
        record = shown(change.before if change.after is None else change.after)
        return RecordChange(change.action, change.kind, change.id, record, {})
    before, after = shown(change.before), shown(change.after)
    names = [name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)]
    fields = {name: (before.get(name), after.get(name)) for name in names}
    return RecordChange("changed", change.kind, change.id, after, fields)


def _lines(change: RecordChange) -> list[str]:
    name = change.record.get("name") or change.record.get("number") or change.record.get("mpn")
    head = f"{change.kind} {change.id} {f'({name}) ' if name else ''}was {change.action}"
    return [head, *(f"    {field}: {before!r} → {after!r}" for field, (before, after) in change.fields.items())]
