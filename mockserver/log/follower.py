"""Sandboxes kept in step with their logs: what is committed is appended, what others committed is done here too."""

import contextlib
import threading
from collections.abc import Callable, Iterable

import orjson

from mockserver.log import Log, LogUnavailable
from mockserver.log.encoding import (
    apply_commit,
    apply_snapshot,
    call_from,
    commit_entry,
    journal_entry,
    snapshot_entry,
    snapshot_of,
)
from mockserver.sandbox import Sandbox, World
from mockserver.sandbox.clock import moment, stamp, wall
from mockserver.sandbox.journal import CAPACITY, Entry
from mockserver.sandbox.registry import Sandboxes
from mockserver.sandbox.store import Commit, Stale

COMPACT = 2000  # entries after which a snapshot stands for them
MARK = 60.0  # seconds after which others are told again that a sandbox is in use
REGISTRY = "registry"
CLEARED = b'{"cleared":true}'


class SandboxFollower:
    """Keeps one sandbox in step with its log."""

    def __init__(self, log: Log, sandbox: Sandbox):
        self.log, self.sandbox, self.shared = log, sandbox, log.shared
        self.gone = False  # whether somebody deleted the sandbox
        self._name, self._journal = f"sandbox:{sandbox.id}", f"journal:{sandbox.id}"
        self._position = self._compacted = 0
        self._following = False
        self._used = wall()  # as everybody knows
        self._read = self._first = 0  # how far the journal's log was read, and where it stood at the latest reset

    def start(self) -> None:
        """Bring the sandbox to where its log ends, and append to it from then on."""
        sandbox = self.sandbox
        with sandbox.lock:
            self.catch_up()
            if self._position == 0:  # nobody has begun it: everybody shall begin as this sandbox is now
                begin = snapshot_entry(snapshot_of(sandbox), sandbox.world.store)
                if self.log.append(self._name, 0, [b'{"begin":%b}' % begin]) is None:
                    self.catch_up()
                else:
                    self._position = 1
            sandbox.store.log = self._commit
            sandbox.log = self
            self.catch_up_journal()
            if self.shared:
                sandbox.journal.number = self._number

    def catch_up(self) -> None:
        """Do what others committed. The caller holds the sandbox's lock."""
        base, entries = self.log.read(self._name, self._position)
        self._following = True
        try:
            if base is not None:
                apply_snapshot(self.sandbox, base.snapshot)
                self._position = self._compacted = base.position
            for entry in entries:
                self._follow(orjson.loads(entry))
                self._position += 1
        finally:
            self._following = False
        if self.shared and self.sandbox.used_at - self._used > MARK:
            self._used = self.sandbox.used_at
            with contextlib.suppress(Stale):
                self._append(orjson.dumps({"used": self._used}))

    def _follow(self, entry):
        sandbox = self.sandbox
        match entry:
            case {"changes": _}:
                apply_commit(sandbox.store, entry)
                if entry.get("replaced") == "reset":
                    sandbox.history.clear()
                    sandbox.journal.reset()
                    sandbox.snapshots = {}
                    self._read = self._first = entry["calls"]
            case {"begin": snapshot}:
                apply_snapshot(sandbox, orjson.dumps(snapshot))
            case {"snapshot": name}:
                sandbox.follow_snapshot(name)
            case {"forget": name}:
                sandbox.snapshots.pop(name, None)
            case {"used": at}:
                self._used = sandbox.used_at = max(sandbox.used_at, at)
            case {"gone": _}:
                self.gone = True

    # -- what is done here

    def _commit(self, commit: Commit) -> None:
        """Append a commit that is about to be made. Raises Stale when somebody else was first."""
        entry = commit_entry(commit, self.sandbox.store)
        if commit.cause == "reset":
            calls = self.log.append(self._journal, None, [])
            entry = b'%b,"calls":%d}' % (entry[:-1], calls)
            self._append(entry)
            self._read = self._first = calls
        else:
            self._append(entry)

    def take_snapshot(self, name: str) -> None:
        """Have everybody keep this moment under a name. Raises Stale."""
        self._append(orjson.dumps({"snapshot": name}))

    def delete_snapshot(self, name: str) -> None:
        """Have everybody forget the moment of this name. Raises Stale."""
        self._append(orjson.dumps({"forget": name}))

    def mark_gone(self) -> None:
        """Tell everybody that the sandbox is deleted. Raises Stale."""
        self._append(orjson.dumps({"gone": True}))

    def _append(self, entry: bytes) -> None:
        if self._following:
            return
        if self.log.append(self._name, self._position, [entry]) is None:
            raise Stale
        self._position += 1
        if self._position - self._compacted >= COMPACT:
            self._compacted = self._position
            threading.Thread(target=self.compact, name="cofactr-mock-compact", daemon=True).start()

    def compact(self) -> None:
        """Let a snapshot of the present stand for all entries so far."""
        with self.sandbox.lock:
            position, taken = self._position, snapshot_of(self.sandbox)
        try:
            self.log.compact(self._name, position, snapshot_entry(taken, self.sandbox.world.store))
        except LogUnavailable:
            self._compacted = 0  # the next commit tries again

    # -- the journal

    def catch_up_journal(self) -> None:
        """Take over the calls that others answered."""
        base, entries = self.log.read(self._journal, self._read)
        start = self._read if base is None else base.position
        self._read = start + len(entries)
        calls = []
        for number, entry in enumerate(entries, start=start + 1 - self._first):
            if entry == CLEARED:
                calls.clear()
                self.sandbox.journal.clear()
            elif number > 0:
                calls.append(call_from(entry))
                calls[-1].id = number
        self.sandbox.journal.take_over(calls)

    def clear_journal(self) -> None:
        """Have everybody forget the calls so far."""
        position = self.log.append(self._journal, None, [CLEARED])
        self.log.compact(self._journal, position - 1, None)
        self.sandbox.journal.clear()

    def write_calls(self, entries: Iterable[Entry]) -> int:
        """Append calls to the journal's log, and return where it ends then."""
        entries = list(map(journal_entry, entries))
        position = self.log.append(self._journal, None, entries)
        if position // CAPACITY > (position - len(entries)) // CAPACITY:
            self.log.compact(self._journal, position - CAPACITY, None)
        return position

    def _number(self, entry: Entry) -> int:
        try:
            return self.write_calls([entry]) - self._first
        except LogUnavailable:  # the call is answered all the same
            return self.sandbox.journal.last + 1


class RegistryFollower:
    """Keeps the sandboxes of a server in step with the log of which there are."""

    def __init__(
        self,
        log: Log,
        sandboxes: Sandboxes,
        load_world: Callable[[str, int, float], World],
        watch: Callable[[Sandbox], None] | None = None,
    ):
        self.log, self.sandboxes, self.shared = log, sandboxes, log.shared
        self._load_world, self._watch = load_world, watch
        self._position = 0

    def start(self) -> None:
        """Bring all sandboxes to where their logs end, and follow them from then on."""
        self.catch_up()
        self._start(self.sandboxes.default)
        self.sandboxes.log = self

    def refresh(self) -> None:
        """Look for sandboxes that others made, if there are others."""
        if self.shared:
            with self.sandboxes.lock:
                self.catch_up()

    def catch_up(self) -> None:
        """Make and drop the sandboxes that others made and dropped."""
        for entry in self.log.read(REGISTRY, self._position)[1]:
            self._position += 1
            match orjson.loads(entry):
                case {"begin": values}:
                    self.sandboxes.default.created_at = moment(values["created_at"])
                case {"create": values}:
                    self._follow_creation(values)
                case {"delete": name}:
                    self.sandboxes.forget(name)

    def _follow_creation(self, values):
        world = self._load_world(values["fixtures"], values["seed"], values["rate"])
        self.sandboxes.created = values["number"] - 1
        sandbox = self.sandboxes.make(world, values["name"], values["strict"], values["rate"])
        self.sandboxes.created = values["number"]
        sandbox.created_at = moment(values["created_at"])
        if not self._start(sandbox).gone:
            self.sandboxes.add(sandbox)

    def _start(self, sandbox) -> SandboxFollower:
        follower = SandboxFollower(self.log, sandbox)
        follower.start()
        if self._watch is not None:
            self._watch(sandbox)
        return follower

    def create(self, world: World, name: str | None, strict: bool, rate: float) -> Sandbox:
        """Return a new sandbox that all have. Raises ValueError when the name is taken."""
        while True:
            self.catch_up()
            sandbox = self.sandboxes.make(world, name, strict, rate)
            values = {"name": sandbox.name, "fixtures": world.name, "seed": world.seed, "strict": strict, "rate": rate}
            values |= {"number": self.sandboxes.created + 1, "created_at": stamp(sandbox.created_at)}
            entry = orjson.dumps({"create": values})
            if self.log.append(REGISTRY, self._position, [entry]) is not None:
                self.catch_up()  # which makes it here as everywhere
                return self.sandboxes.get(sandbox.name)

    def delete(self, sandbox: Sandbox) -> None:
        """Drop a sandbox for all."""
        sandbox.attempt(sandbox.log.mark_gone)
        self.log.append(REGISTRY, None, [orjson.dumps({"delete": sandbox.name})])
        self.catch_up()


class JournalWriter:
    """Writes the calls of sandboxes down a little later, where nobody else reads them: `with JournalWriter(…): …`."""

    EVERY = 0.2  # seconds

    def __init__(self, sandboxes: Sandboxes):
        self._sandboxes = sandboxes
        self._pending: dict[str, list[Entry]] = {}
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="cofactr-mock-journal", daemon=True)

    def watch(self, sandbox: Sandbox) -> None:
        """Write down the calls of a sandbox from now on."""

        def note(entry):
            with self._lock:
                self._pending.setdefault(sandbox.id, []).append(entry)

        sandbox.journal.observers.append(note)

    def __enter__(self) -> "JournalWriter":
        self._thread.start()
        return self

    def __exit__(self, *exc_info) -> None:
        self._stop.set()
        self._thread.join()
        self._write()

    def _run(self):
        while not self._stop.wait(self.EVERY):
            self._write()

    def _write(self):
        with self._lock:
            pending, self._pending = self._pending, {}
        for sandbox in self._sandboxes:
            if sandbox.id in pending and sandbox.log is not None:
                try:
                    sandbox.log.write_calls(pending[sandbox.id])
                except LogUnavailable:
                    continue
