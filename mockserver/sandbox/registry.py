"""The sandboxes of a server: a default one, and any number more, each opened by keys of its own."""

import datetime as dt
import threading
import time

from mockserver.sandbox import Policies, Sandbox, World, ids

LIMIT = 1000
IDLE = 3600.0


class TooManySandboxes(Exception):
    """The server holds as many sandboxes as it may."""


class Sandboxes:
    """At most `limit` sandboxes beside the default one; one that nobody called for `idle` seconds is dropped."""

    def __init__(self, default: Sandbox, limit: int = LIMIT, idle: float = IDLE):
        self.default, self.limit, self.idle = default, limit, idle
        self._by_name: dict[str, Sandbox] = {}
        self._by_prefix: dict[str, Sandbox] = {}
        self._created = 0
        self._lock = threading.Lock()

    def create(
        self, world: World, name: str | None = None, policies: Policies | None = None, rate: float = 0.0
    ) -> Sandbox:
        """A new sandbox. Raises ValueError when the name is taken, TooManySandboxes at the limit."""
        with self._lock:
            self._drop_idle()
            if len(self._by_name) >= self.limit:
                raise TooManySandboxes(f"There are {self.limit} sandboxes already. Delete one first.")
            self._created += 1
            name = name or f"sandbox-{self._created}"
            if name in self._by_name or name == self.default.name:
                raise ValueError(f"There is a sandbox called {name!r} already.")
            sandbox = Sandbox(world, name=name, policies=policies, rate=rate, key_salt=f"{self._created}/{name}")
            sandbox.id = ids.uuid(0, "sandbox", self._created)
            sandbox.created_at = dt.datetime.now(dt.UTC)
            self._by_name[name] = sandbox
            for key in sandbox.store["api_key"]:
                self._by_prefix[key["prefix"]] = sandbox
            return sandbox

    def get(self, name_or_id: str) -> Sandbox | None:
        if name_or_id in (self.default.name, self.default.id):
            return self.default
        return self._by_name.get(name_or_id) or next(
            (box for box in list(self._by_name.values()) if box.id == name_or_id), None
        )

    def opened_by(self, prefix: str) -> Sandbox:
        """The sandbox whose keys begin so; the default one when no other's do."""
        sandbox = self._by_prefix.get(prefix)
        if sandbox is None or not _holds(sandbox, prefix):
            sandbox = self._search(prefix)
        sandbox.used_at = time.monotonic()
        return sandbox

    def _search(self, prefix: str) -> Sandbox:
        """The same for a key that came after its sandbox was made, or went."""
        if not _holds(self.default, prefix):
            for sandbox in list(self._by_name.values()):
                if _holds(sandbox, prefix):
                    with self._lock:
                        if self._by_name.get(sandbox.name) is sandbox:
                            self._by_prefix[prefix] = sandbox
                    return sandbox
        return self.default

    def delete(self, sandbox: Sandbox) -> None:
        """Drop a sandbox. The default one stays: ValueError."""
        if sandbox is self.default:
            raise ValueError("The default sandbox cannot be deleted. Reset it instead.")
        with self._lock:
            self._forget(sandbox)

    def __iter__(self):
        return iter([self.default, *list(self._by_name.values())])

    def drop_idle(self) -> None:
        """Drop what nobody has called for too long."""
        with self._lock:
            self._drop_idle()

    def _drop_idle(self):
        now = time.monotonic()
        for sandbox in [box for box in self._by_name.values() if now - box.used_at > self.idle]:
            self._forget(sandbox)

    def _forget(self, sandbox):
        self._by_name.pop(sandbox.name, None)
        self._by_prefix = {prefix: box for prefix, box in self._by_prefix.items() if box is not sandbox}


def _holds(sandbox, prefix) -> bool:
    return bool(sandbox.store["api_key"].bucket("prefix", prefix))
