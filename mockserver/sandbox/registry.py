"""The sandboxes of a server: a default one, and any number more, each opened by keys of its own."""

import threading
import typing as t

from mockserver.sandbox import Sandbox, World, ids
from mockserver.sandbox.clock import wall

LIMIT = 1000
IDLE = 3600.0


class TooManySandboxes(Exception):
    """The server holds as many sandboxes as it may."""


class Sandboxes:
    """At most `limit` sandboxes beside the default one; one that nobody called for `idle` seconds is dropped."""

    def __init__(self, default: Sandbox, limit: int = LIMIT, idle: float = IDLE):
        self.default, self.limit, self.idle = default, limit, idle
        self.created = 0
        self.log: t.Any = None  # a `mockserver.log.follower.RegistryFollower`, where the sandboxes outlive the process
        self.lock = threading.RLock()
        self._by_name: dict[str, Sandbox] = {}
        self._by_id: dict[str, Sandbox] = {}
        self._by_prefix: dict[str, Sandbox] = {}  # kept up to date with the keys of all sandboxes but the default one
        self._prefixes: dict[str, set[str]] = {}  # by sandbox id

    def create(self, world: World, name: str | None = None, strict: bool = False, rate: float = 0.0) -> Sandbox:
        """Return a new sandbox. Raises ValueError when the name is taken, TooManySandboxes at the limit."""
        with self.lock:
            self._drop_idle()
            if self.log is not None:
                return self.log.create(world, name, strict, rate)
            sandbox = self.make(world, name, strict, rate)
            self.created += 1
            self.add(sandbox)
            return sandbox

    def make(self, world: World, name: str | None, strict: bool, rate: float) -> Sandbox:
        """Return the sandbox that would be the next one. Raises ValueError, TooManySandboxes."""
        if len(self._by_name) >= self.limit:
            raise TooManySandboxes(f"There are {self.limit} sandboxes already. Delete one first.")
        number = self.created + 1
        name = name or f"sandbox-{number}"
        if name in self._by_name or name == self.default.name:
            raise ValueError(f"There is a sandbox called {name!r} already.")
        sandbox = Sandbox(world, name=name, strict=strict, rate=rate, key_salt=f"{number}/{name}")
        sandbox.id = ids.uuid(0, "sandbox", number)
        return sandbox

    def add(self, sandbox: Sandbox) -> None:
        """Serve a sandbox: from now on its name, its id and its keys lead to it."""
        with self.lock:
            self._by_name[sandbox.name] = self._by_id[sandbox.id] = sandbox
            self._prefixes[sandbox.id] = set()
            self._index(sandbox)
            sandbox.store.observers.append(lambda commit: self._follow(sandbox, commit))

    def get(self, name_or_id: str) -> Sandbox | None:
        """Return the sandbox of this name or id, or None."""
        if name_or_id in (self.default.name, self.default.id):
            return self.default
        if self.log is not None:
            self.log.refresh()
        return self._by_name.get(name_or_id) or self._by_id.get(name_or_id)

    def opened_by(self, prefix: str) -> Sandbox:
        """Return the sandbox whose keys begin so; the default one when no other's do, or its own do."""
        sandbox = self.default
        if not sandbox.store["api_key"].bucket("prefix", prefix):
            found = self._by_prefix.get(prefix)
            if found is None and self.log is not None:
                self.log.refresh()
                found = self._by_prefix.get(prefix)
            sandbox = found or sandbox
        sandbox.used_at = wall()
        return sandbox

    def delete(self, sandbox: Sandbox) -> None:
        """Drop a sandbox. The default one stays: ValueError."""
        if sandbox is self.default:
            raise ValueError("The default sandbox cannot be deleted. Reset it instead.")
        with self.lock:
            if self.log is not None:
                self.log.delete(sandbox)
            self.forget(sandbox.name)

    def forget(self, name: str) -> None:
        """Serve the sandbox of this name no more, if there is one."""
        with self.lock:
            sandbox = self._by_name.pop(name, None)
            if sandbox is not None:
                self._by_id.pop(sandbox.id, None)
                for prefix in self._prefixes.pop(sandbox.id, ()):
                    self._by_prefix.pop(prefix, None)

    def __iter__(self):
        if self.log is not None:
            self.log.refresh()
        return iter([self.default, *list(self._by_name.values())])

    def drop_idle(self) -> None:
        """Drop what nobody has called for too long."""
        with self.lock:
            self._drop_idle()

    def _drop_idle(self):
        now = wall()
        for sandbox in [box for box in self._by_name.values() if now - box.used_at > self.idle]:
            if sandbox.log is not None and sandbox.log.shared:
                with sandbox.lock:
                    sandbox.log.catch_up()  # others may have used it
                if now - sandbox.used_at <= self.idle:
                    continue
            self.delete(sandbox)

    def _follow(self, sandbox, commit):
        if any(change.kind == "api_key" for change in commit.changes):
            with self.lock:
                if self._by_name.get(sandbox.name) is sandbox:
                    self._index(sandbox)

    def _index(self, sandbox):
        """Find the sandbox by the keys it has now. Of a prefix that two have, the first keeps it."""
        prefixes = {key["prefix"] for key in sandbox.store["api_key"]}
        for prefix in self._prefixes[sandbox.id] - prefixes:
            self._by_prefix.pop(prefix, None)
        self._prefixes[sandbox.id] = {prefix for prefix in prefixes if self._by_prefix.get(prefix, sandbox) is sandbox}
        for prefix in self._prefixes[sandbox.id]:
            self._by_prefix[prefix] = sandbox
