"""One isolated world. All that has state is a record in its store. Knows no HTTP."""

import collections
import dataclasses as dc
import datetime as dt
import threading
import typing as t
from collections.abc import Callable, Mapping

from mockserver.sandbox import ids
from mockserver.sandbox.clock import Clock, wall
from mockserver.sandbox.journal import Journal
from mockserver.sandbox.store import Commit, Index, Stale, Store, Tables

# The mock's own kinds of records, beside those of the API. `mockserver.admin` has their schemas.
OWN_KINDS: dict[str, dict[str, Index]] = {
    "mock_clock": {},
    "mock_settings": {},
    "mock_job_policy": {},
    "mock_fault": {"operation": lambda fault: (fault["operation"],)},
    "mock_subscription": {},
    "mock_delivery": {
        "status": lambda delivery: (delivery["status"],),
        "subscription_id": lambda delivery: (delivery["subscription_id"],),
    },
    "mock_file": {},
    "mock_extra": {},
    "mock_spent_number": {},
}
T = t.TypeVar("T")
SETTINGS = "settings"  # the id of the one record of kind `mock_settings`
HISTORY = 20_000  # changes that are remembered


def new_store(kinds: Mapping[str, Mapping[str, Index]]) -> Store:
    """Return an empty store for records of these kinds of the API, and for the mock's own."""
    return Store({**kinds, **OWN_KINDS})


@dc.dataclass(frozen=True)
class Catalogue:
    """What the part catalogue knows.

    With `known_parts_only` a line matches parts that are there already and nothing is made up.
    An MPN that one of the `never_match` patterns (regular expressions, searched, case-insensitive) fits is never
    made up.
    """

    known_parts_only: bool = False
    never_match: tuple[str, ...] = ()


@dc.dataclass(frozen=True)
class World:
    """What a fixture expands to: the state a sandbox starts in and is reset to. Shared, never written."""

    name: str
    seed: int
    now: dt.datetime
    store: Store
    catalogue: Catalogue = Catalogue()


@dc.dataclass(frozen=True)
class Snapshot:
    """A moment of a sandbox: all its tables. `now` is what its clock showed."""

    tables: Tables
    now: dt.datetime
    number: int  # of the latest commit

    @property
    def records(self) -> int:
        """How many records of the API there were."""
        return sum(len(table) for kind, table in self.tables.items() if kind not in OWN_KINDS)


class Extras(Mapping):
    """What corrections of the contract add to records, `{record id: fields}`: records of kind `mock_extra`."""

    def __init__(self, store: Store):
        self.store = store

    def __getitem__(self, id: str) -> dict:
        record = self.store["mock_extra"].get(id)
        if record is None:
            raise KeyError(id)
        return record["values"]

    def __setitem__(self, id: str, values: dict) -> None:
        self.store.put("mock_extra", {"id": id, "values": values})

    def __iter__(self):
        return (record["id"] for record in self.store["mock_extra"])

    def __len__(self):
        return len(self.store["mock_extra"])


class History:
    """The latest commits of a sandbox, bounded by the changes they consist of."""

    def __init__(self, size: int = HISTORY):
        self.size = size
        self.commits: collections.deque[Commit] = collections.deque()
        self._changes = 0

    def add(self, commit: Commit) -> None:
        self.commits.append(commit)
        self._changes += commit.size
        while self._changes > self.size and len(self.commits) > 1:
            self._changes -= self.commits.popleft().size

    def after(self, number: int) -> list[Commit] | None:
        """Return the commits later than the one of this number, the latest first; None when some are forgotten."""
        found = []
        for commit in reversed(self.commits):
            if commit.number <= number:
                return found
            found.append(commit)
        return found if not found or found[-1].number == number + 1 else None

    def clear(self) -> None:
        self.commits.clear()
        self._changes = 0


class Gone(Exception):
    """Somebody else deleted the sandbox."""


class Follower(t.Protocol):
    """What keeps a sandbox in step with its log; see `mockserver.log.follower`."""

    shared: bool
    gone: bool

    def catch_up(self) -> None: ...
    def take_snapshot(self, name: str) -> None: ...
    def delete_snapshot(self, name: str) -> None: ...


class Sandbox:
    """A world one can write to. What has state is in its `store`, what happened is in its `journal` and `history`.

    Its clock stands still at the world's `now`; with a `rate` it starts from the wall clock and runs. `strict`: an
    undocumented key in a request is refused with 400. `key_salt` gives it API keys of its own in place of the world's.
    """

    def __init__(
        self,
        world: World,
        *,
        name: str = "default",
        rate: float = 0.0,
        strict: bool = False,
        key_salt: str | None = None,
    ):
        self.world, self.name, self.rate, self.initially_strict, self.key_salt = world, name, rate, strict, key_salt
        self.id = ids.uuid(0, "sandbox", 0)
        self.created_at = dt.datetime.now(dt.UTC)
        self.used_at = wall()
        self.lock = threading.RLock()
        self.journal, self.history = Journal(), History()
        self.store = Store(world.store.kinds, world.store)
        self.store.observers.append(self.history.add)
        self.clock = Clock(self.store)
        self.snapshots: dict[str, Snapshot] = {}
        self.log: Follower | None = None
        self.reset()

    @property
    def seed(self) -> int:
        return self.world.seed

    @property
    def extras(self) -> Extras:
        """What corrections of the contract add to records."""
        return Extras(self.store)

    @property
    def strict(self) -> bool:
        """Whether an undocumented key in a request is refused with 400."""
        return self.store["mock_settings"].get(SETTINGS)["strict"]

    @strict.setter
    def strict(self, value: bool) -> None:
        self.store.put("mock_settings", {"id": SETTINGS, "strict": value})

    def reset(self) -> None:
        """Go back to the start in one step: all records, the mock's own included, the journal and the snapshots."""
        with self.lock:
            fresh = Store(self.world.store.kinds, self.world.store)
            if self.key_salt is not None:
                for key in list(fresh["api_key"]):
                    secret = ids.api_key(self.seed, self.key_salt, key["id"])
                    fresh.replace("api_key", {**key, "key": secret, "prefix": secret.partition(".")[0]})
            Clock(fresh).set(None if self.rate else self.world.now, self.rate)
            fresh.put("mock_settings", {"id": SETTINGS, "strict": self.initially_strict})
            self.store.adopt(fresh.tables, "reset")
            self.history.clear()
            self.journal.reset()
            self.snapshots = {}

    def snapshot(self) -> Snapshot:
        """Return this moment, for `restore`: all records, the mock's own included."""
        with self.lock:
            self.clock.mark()
            return self._moment()

    def _moment(self):
        return Snapshot(self.store.copy(), self.clock.marked(), self.store.number)

    def keep_snapshot(self, name: str) -> Snapshot:
        """Keep this moment under a name; one of the same name is replaced."""
        with self.lock:
            self.clock.mark()
            if self.log is not None:
                self.log.take_snapshot(name)
            return self.follow_snapshot(name)

    def follow_snapshot(self, name: str) -> Snapshot:
        """Keep under a name the moment that the clock was last marked at."""
        snapshot = self.snapshots[name] = self._moment()
        return snapshot

    def forget_snapshot(self, name: str) -> None:
        """Forget the moment of this name."""
        with self.lock:
            if self.log is not None:
                self.log.delete_snapshot(name)
            self.snapshots.pop(name, None)

    def restore(self, snapshot: Snapshot) -> None:
        """Bring a moment back. The journal goes on."""
        with self.lock:
            self.adopt({kind: table.copy() for kind, table in snapshot.tables.items()}, "restore")

    def adopt(self, tables: Tables, cause: str) -> None:
        """Put these tables in place of all there are, in one commit. The clock goes on from what it shows in them."""
        with self.lock:
            store = Store(self.store.kinds)
            store.tables = dict(tables)
            Clock(store).resume()
            self.store.adopt(store.tables, cause)

    def attempt(self, action: Callable[[], T]) -> T:
        """Return what the action returns on the latest state. It is run again when somebody else committed meanwhile.

        Only a sandbox whose log is shared has somebody else.
        """
        with self.lock:
            if self.log is None or not self.log.shared:
                return action()
            while True:
                self.log.catch_up()
                if self.log.gone:
                    raise Gone
                try:
                    return action()
                except Stale:
                    continue

    def transaction(self, cause=None):
        """Return a context in which writes succeed together or leave no trace; see `Store.transaction`."""
        return self.store.transaction(cause)

    def new_id(self, kind: str) -> str:
        """Return the id of the next record of a kind: a UUID from the seed, the kind and how many there were."""
        return ids.uuid(self.seed, kind, self.store.next_ordinal(kind))
