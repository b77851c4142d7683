"""What happened in a sandbox: its calls and their answers, the latest ones."""

import collections
import dataclasses as dc
import functools
import threading
import typing as t
from collections.abc import Callable, Iterable, Iterator

import orjson

CAPACITY = 1000
BUDGET = 32 * 2**20  # bytes of bodies kept; older entries go first


@dc.dataclass
class Entry:
    """One call and its answer.

    `operation` is the id of the operation it matched, None when none did; `near_misses` are then the closest ones.
    `refused_by` names the step that refused it (routing, authentication, permission, fault, organisation, query,
    records, body, state). `violations` are `{field, reason}` of a request that breaks the contract. `unknown_keys`
    are undocumented ones that were sent. `changes` are `{action, kind, id}` of the records written, `commit` is the
    number of the sandbox's latest commit when the call was over. `seconds`: how long it took.

    What is costly to make, `later`, is made when somebody reads it: functions by the name of the attribute.
    """

    id: int
    at: str
    method: str
    path: str
    query: str
    request_body: bytes = b""
    operation: str | None = None
    status: int = 0
    response_body: bytes = b""
    refused_by: str | None = None
    detail: t.Any = None
    unknown_keys: list[str] = dc.field(default_factory=list)
    fault_id: int | None = None
    commit: int | None = None
    seconds: float = 0.0
    later: dict[str, Callable] = dc.field(default_factory=dict, repr=False)

    @functools.cached_property
    def request_headers(self) -> dict[str, str]:
        return self._made("request_headers", {})

    @functools.cached_property
    def response_headers(self) -> dict[str, str]:
        return self._made("response_headers", {})

    @functools.cached_property
    def violations(self) -> list[dict]:
        return self._made("violations", [])

    @functools.cached_property
    def changes(self) -> list[dict]:
        return self._made("changes", [])

    @functools.cached_property
    def near_misses(self) -> list[dict]:
        return self._made("near_misses", [])

    def _made(self, name, nothing):
        make = self.later.get(name)
        return nothing if make is None else make()

    @property
    def json(self):
        """The request's body as JSON; None when it is not JSON."""
        return _json(self.request_body)

    @property
    def response_json(self):
        """The answer's body as JSON; None when it is not JSON."""
        return _json(self.response_body)

    def document(self) -> dict:
        """Return the entry as JSON: bodies as JSON where they are, else as text."""
        return {name: getattr(self, name) for name in SHOWN} | {
            "request_body": _shown(self.request_body),
            "response_body": _shown(self.response_body),
        }


MADE_LATER = ("request_headers", "response_headers", "violations", "changes", "near_misses")
SHOWN = (
    "id", "at", "method", "path", "query", "request_headers", "operation", "status", "response_headers", "refused_by",
    "detail", "violations", "unknown_keys", "changes", "commit", "near_misses", "fault_id", "seconds",
)  # fmt: skip


class Journal:
    """A ring of the latest entries, bounded in number and in bytes.

    `observers` are functions that are called with each Entry, whatever becomes of the ring.
    """

    def __init__(self, capacity: int = CAPACITY):
        self.capacity = capacity
        self.observers: list[Callable[[Entry], None]] = []
        self.number: Callable[[Entry], int] | None = None  # gives out ids, where several processes write one journal
        self.resets = 0
        self._changed = threading.Condition()
        self.reset()

    def reset(self) -> None:
        """Forget all calls, and count the next ones from 1 again."""
        with self._changed:
            self.entries: collections.deque[Entry] = collections.deque()
            self.total = 0  # calls since the last clear, those fallen out included
            self._bytes = 0
            self.last = 0  # the id of the latest entry
            self.resets += 1
            self._changed.notify_all()

    def add(self, **facts) -> Entry:
        """Add an entry with these attributes; see Entry."""
        made = {name: facts.pop(name) for name in MADE_LATER if name in facts}
        entry = Entry(0, **facts)
        vars(entry).update(made)
        number = None if self.number is None else self.number(entry)
        with self._changed:
            entry.id = self.last + 1 if number is None else number
            self._keep(entry)
        for observer in self.observers:
            observer(entry)
        return entry

    def take_over(self, entries: Iterable[Entry]) -> None:
        """Add entries that other processes wrote, each in its place; those that are there already stay."""
        with self._changed:
            known = {entry.id for entry in self.entries}
            for entry in entries:
                if entry.id not in known:
                    self._keep(entry)
            self.entries = collections.deque(sorted(self.entries, key=lambda entry: entry.id))

    def _keep(self, entry):
        self.last = max(self.last, entry.id)
        self.total += 1
        self.entries.append(entry)
        self._bytes += len(entry.request_body) + len(entry.response_body)
        while len(self.entries) > self.capacity or (self._bytes > BUDGET and len(self.entries) > 1):
            old = self.entries.popleft()
            self._bytes -= len(old.request_body) + len(old.response_body)
        self._changed.notify_all()

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self.entries))

    def __len__(self):
        return len(self.entries)

    def find(self, operation=None, method=None, path=None, status=None, refused=None) -> list[Entry]:
        """Return the entries that fit all that is given; `refused` true for those some step refused."""
        return find(self, operation, method, path, status, refused)

    def clear(self) -> None:
        """Forget all calls. The next ones are numbered on."""
        with self._changed:
            self.entries.clear()
            self.total = self._bytes = 0

    def after(self, id: int, timeout: float) -> list[Entry]:
        """Return entries later than the one with this id, waiting up to `timeout` seconds for the first."""
        with self._changed:
            self._changed.wait_for(lambda: self.last > id, timeout)
            return [entry for entry in self.entries if entry.id > id]


def find(
    entries: Iterable[Entry], operation=None, method=None, path=None, status=None, refused: bool | None = None
) -> list[Entry]:
    """Return the entries that fit all that is given; see `Journal.find`."""
    return [
        entry
        for entry in entries
        if (operation is None or entry.operation == operation)
        and (method is None or entry.method == method.upper())
        and (path is None or entry.path == path)
        and (status is None or entry.status == status)
        and (refused is None or (entry.refused_by is not None) == refused)
    ]


def _json(body):
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _shown(body: bytes):
    if not body:
        return None
    value = _json(body)
    return body.decode("utf-8", "replace") if value is None and body != b"null" else value
