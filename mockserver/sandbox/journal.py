"""What happened in a sandbox: its calls and their answers, the latest ones."""

import collections
import dataclasses as dc
import threading
import typing as t

import orjson

CAPACITY = 1000
BUDGET = 32 * 2**20  # bytes of bodies kept; older entries go first


@dc.dataclass
class Entry:
    """One call and its answer.

    `operation` is the id of the operation it matched, None when none did; `near_misses` are then the closest ones.
    `refused_by` names the step that refused it (authentication, permission, organisation, query, body, records,
    state, routing, fault). `violations` are `{field, reason}` of a request that breaks the contract. `unknown_keys`
    are undocumented ones that were sent. `changes` are `{action, kind, id}` of the records written. `seconds`:
    how long it took.
    """

    id: int
    at: str
    method: str
    path: str
    query: str
    request_headers: dict[str, str]
    request_body: bytes
    operation: str | None = None
    status: int = 0
    response_headers: dict[str, str] = dc.field(default_factory=dict)
    response_body: bytes = b""
    refused_by: str | None = None
    detail: t.Any = None
    violations: list[dict] = dc.field(default_factory=list)
    unknown_keys: list[str] = dc.field(default_factory=list)
    changes: list[dict] = dc.field(default_factory=list)
    near_misses: list[dict] = dc.field(default_factory=list)
    fault_id: int | None = None
    seconds: float = 0.0

    @property
    def json(self):
        """The request's body as JSON; None when it is not JSON."""
        return _json(self.request_body)

    @property
    def response_json(self):
        """The answer's body as JSON; None when it is not JSON."""
        return _json(self.response_body)

    def document(self) -> dict:
        """The entry as JSON: bodies as JSON where they are, else as text."""
        document = {field.name: getattr(self, field.name) for field in dc.fields(self)}
        for side in ("request", "response"):
            body = document.pop(f"{side}_body")
            document[f"{side}_body"] = _shown(body)
        return document


class Journal:
    """A ring of the latest entries, bounded in number and in bytes."""

    def __init__(self, capacity: int = CAPACITY):
        self.capacity = capacity
        self.entries: collections.deque[Entry] = collections.deque()
        self.total = 0  # calls since the last clear, those fallen out included
        self._bytes = 0
        self._changed = threading.Condition()
        self.last = 0  # the id of the latest entry

    def add(self, **facts) -> Entry:
        with self._changed:
            self.last += 1
            self.total += 1
            entry = Entry(self.last, **facts)
            self.entries.append(entry)
            self._bytes += len(entry.request_body) + len(entry.response_body)
            while len(self.entries) > self.capacity or (self._bytes > BUDGET and len(self.entries) > 1):
                old = self.entries.popleft()
                self._bytes -= len(old.request_body) + len(old.response_body)
            self._changed.notify_all()
            return entry

    def __iter__(self):
        return iter(list(self.entries))

    def __len__(self):
        return len(self.entries)

    def find(self, operation=None, method=None, path=None, status=None, refused=None) -> list[Entry]:
        """The entries that fit all that is given; `refused` true for those some step refused."""
        return [
            entry
            for entry in self
            if (operation is None or entry.operation == operation)
            and (method is None or entry.method == method.upper())
            and (path is None or entry.path == path)
            and (status is None or entry.status == status)
            and (refused is None or (entry.refused_by is not None) == refused)
        ]

    def clear(self) -> None:
        with self._changed:
            self.entries.clear()
            self.total = self._bytes = 0

    def after(self, id: int, timeout: float) -> list[Entry]:
        """Entries later than the one with this id, waiting up to `timeout` seconds for the first."""
        with self._changed:
            self._changed.wait_for(lambda: self.last > id, timeout)
            return [entry for entry in self.entries if entry.id > id]


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
