"""One isolated world: its records, clock, ids, jobs and files, reset and restored as one. Knows no HTTP."""
import dataclasses as dc
import datetime as dt
import threading

from mockserver.sandbox import ids
from mockserver.sandbox.clock import Clock
from mockserver.sandbox.jobs import Jobs
from mockserver.sandbox.store import Store


@dc.dataclass(frozen=True)
class Catalogue:
    """What the part catalogue knows.

    With `known_parts_only` a line matches parts that are there already and nothing is made up.
    An MPN that one of the `never_match` patterns (regular expressions, searched, case-insensitive) fits is never made up.
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
    files: dict[str, bytes] = dc.field(default_factory=dict)     # sha256 → content


@dc.dataclass(frozen=True)
class Policies:
    """How a sandbox treats its callers. `strict`: an undocumented key in a request is refused with 400."""

    strict: bool = False


class Sandbox:
    """A world one can write to, with everything that has state in one place.

    Its clock stands still at the world's `now`; with a `rate` it starts from the wall clock and runs.
    """

    def __init__(self, world: World, *, rate: float = 0.0, policies: Policies | None = None):
        self.world, self.rate, self.initial_policies = world, rate, policies or Policies()
        self.lock = threading.RLock()
        self.reset()

    @property
    def seed(self) -> int:
        return self.world.seed

    def reset(self) -> None:
        """Back to the world as it was: data, ids, clock, jobs, files, keys, policies. Costs the same whatever happened."""
        with self.lock:
            self.store = Store(self.world.store.kinds, self.world.store)
            self.clock = Clock(None if self.rate else self.world.now, self.rate)
            self.jobs = Jobs()
            self.files = dict(self.world.files)
            self.policies = self.initial_policies

    def snapshot(self) -> dict:
        """All that `restore` needs to bring this moment back."""
        with self.lock:
            return {"store": self.store.copy(), "now": self.clock.now(), "rate": self.clock.rate,
                    "jobs": self.jobs.copy(), "files": dict(self.files), "policies": self.policies}

    def restore(self, snapshot: dict) -> None:
        with self.lock:
            self.store = snapshot["store"].copy()
            self.clock.set(snapshot["now"], snapshot["rate"])
            self.jobs, self.files, self.policies = snapshot["jobs"].copy(), dict(snapshot["files"]), snapshot["policies"]

    def transaction(self):
        return self.store.transaction()

    def new_id(self, kind: str) -> str:
        """The id of the next record of a kind: a UUID from the seed, the kind and how many there were."""
        return ids.uuid(self.seed, kind, self.store.next_ordinal(kind))
