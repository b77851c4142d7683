"""One isolated world: its records, clock, ids, jobs and files, reset and restored as one. Knows no HTTP."""

import dataclasses as dc
import datetime as dt
import threading
import time

from mockserver.sandbox import ids
from mockserver.sandbox.clock import Clock
from mockserver.sandbox.faults import Faults
from mockserver.sandbox.jobs import Jobs
from mockserver.sandbox.journal import Journal
from mockserver.sandbox.store import Store
from mockserver.sandbox.webhooks import Webhooks


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
    files: dict[str, bytes] = dc.field(default_factory=dict)  # sha256 → content


@dc.dataclass(frozen=True)
class Policies:
    """How a sandbox treats its callers. `strict`: an undocumented key in a request is refused with 400."""

    strict: bool = False


class Sandbox:
    """A world one can write to, with everything that has state in one place.

    Its clock stands still at the world's `now`; with a `rate` it starts from the wall clock and runs. `key_salt` gives
    it API keys of its own in place of the world's.
    """

    def __init__(
        self,
        world: World,
        *,
        name: str = "default",
        rate: float = 0.0,
        policies: Policies | None = None,
        key_salt: str | None = None,
    ):
        self.world, self.name, self.rate, self.initial_policies = world, name, rate, policies or Policies()
        self.id = ids.uuid(0, "sandbox", 0)
        self.created_at = dt.datetime.now(dt.UTC)
        self.used_at = time.monotonic()
        self.key_salt = key_salt
        self.lock = threading.RLock()
        self.reset()

    @property
    def seed(self) -> int:
        return self.world.seed

    def reset(self) -> None:
        """Back to the world as it was, in one step:
        data, ids, clock, jobs, faults, webhooks, journal, files, keys, policies."""
        with self.lock:
            self.store = Store(self.world.store.kinds, self.world.store)
            if self.key_salt is not None:
                for key in list(self.store["api_key"]):
                    secret = ids.api_key(self.seed, self.key_salt, key["id"])
                    self.store.replace("api_key", {**key, "key": secret, "prefix": secret.partition(".")[0]})
            self.clock = Clock(None if self.rate else self.world.now, self.rate)
            self.jobs = Jobs()
            self.faults = Faults(self.seed)
            self.webhooks = Webhooks(self.seed, self.clock)
            self.journal = Journal()
            self.files = dict(self.world.files)
            self.extras: dict[str, dict] = {}  # by record id, what an overlay adds to the record
            self.policies = self.initial_policies
            self.snapshots: dict[str, dict] = {}

    def snapshot(self) -> dict:
        """All that `restore` needs to bring this moment back:
        data, ids, clock, job policies, faults, webhooks, files, keys, policies."""
        with self.lock:
            return {
                "store": self.store.copy(),
                "now": self.clock.now(),
                "rate": self.clock.rate,
                "jobs": self.jobs.copy(),
                "faults": self.faults.copy(),
                "webhooks": self.webhooks.copy(),
                "files": dict(self.files),
                "extras": dict(self.extras),
                "policies": self.policies,
            }

    def restore(self, snapshot: dict) -> None:
        with self.lock:
            self.store = snapshot["store"].copy()
            self.clock.set(snapshot["now"], snapshot["rate"])
            self.jobs, self.faults, self.webhooks = (
                snapshot["jobs"].copy(),
                snapshot["faults"].copy(),
                snapshot["webhooks"].copy(),
            )
            self.files, self.extras, self.policies = (
                dict(snapshot["files"]),
                dict(snapshot["extras"]),
                snapshot["policies"],
            )

    def transaction(self):
        return self.store.transaction()

    def new_id(self, kind: str) -> str:
        """The id of the next record of a kind: a UUID from the seed, the kind and how many there were."""
        return ids.uuid(self.seed, kind, self.store.next_ordinal(kind))
