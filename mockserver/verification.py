"""Verification of calls: which were made, and which broke the contract."""

import contextlib
import re
import typing as t
from urllib.parse import parse_qs

from mockserver.admin.errors import Unknown

if t.TYPE_CHECKING:
    from mockserver.sandbox import Sandbox
    from mockserver.sandbox.journal import Entry

SHOWN = 300  # bytes of a body in a message
NEAREST = 3  # calls of the operation shown when none was the one expected
LATEST = 10  # calls of any operation shown when it was never called
_ABSENT = object()


class ContractViolation(AssertionError):
    """A request broke the contract; the message says which, where and why."""


class ContractWarning(UserWarning):
    """A request broke the contract, and the test is to go on."""


class UndocumentedKeyWarning(ContractWarning):
    """A request carried a key the contract does not know."""


class Verdicts:
    """The calls of a sandbox that did wrong, from when this is made, until someone takes them."""

    def __init__(self, sandbox: "Sandbox"):
        self.sandbox = sandbox
        self._found: list[Entry] = []
        self._resets, self._last = sandbox.journal.resets, 0

    def take(self) -> "list[Entry]":
        """Those there have been since the last time."""
        self.collect()
        found, self._found = self._found, []
        return found

    def collect(self) -> None:
        """Keep those of now: the journal may be about to be cleared."""
        journal = self.sandbox.journal
        if journal.resets != self._resets:  # calls are counted from 1 again
            self._resets, self._last = journal.resets, 0
        for entry in journal:
            if entry.id > self._last:
                self._last = entry.id
                if entry.violations or entry.unknown_keys:
                    self._found.append(entry)

    @contextlib.contextmanager
    def allowed(self):
        """Whatever is done wrong in the block is on purpose."""
        self.collect()
        before = len(self._found)
        try:
            yield
        finally:
            self.collect()
            del self._found[before:]


def violations(entries) -> str:
    """A paragraph for each call that broke the contract: request, fields, reasons. "" for none."""
    return "\n".join(_violation(entry) for entry in entries if entry.violations)


def undocumented(entry) -> str:
    """The undocumented keys of a call, in a sentence."""
    keys = ", ".join(entry.unknown_keys)
    return f"{title(entry)} sent what the contract does not know: {keys}. The API may ignore or refuse it."


def title(entry) -> str:
    """A call in a few words: `POST /v1/boms/ (create_bom)`."""
    query = f"?{entry.query}" if entry.query else ""
    return f"{entry.method} {entry.path}{query}" + (f" ({entry.operation})" if entry.operation else "")


def _violation(entry) -> str:
    lines = [f"{title(entry)} broke the contract and was answered {entry.status}:"]
    for violation in entry.violations:
        field = f"{violation['field']}: " if violation["field"] else ""
        lines.append(f"    {field}{violation['reason']}")
    if entry.request_body:
        body = entry.request_body[:SHOWN].decode("utf-8", "replace")
        lines.append(f"  It sent {body}{' …' if len(entry.request_body) > SHOWN else ''}")
    return "\n".join(lines)


class Expectation:
    """A call of an operation, as a test expects it.

    `body` is matched in part: keys it does not name may be there, lists are of the same length. `query`
    values are compared as text, `status` is the answer's, `ids` are those in the path, by parameter.
    Raises Unknown for an operation there is not, TypeError for an id its path does not have.
    """

    def __init__(self, operations, operation: str, body=None, query=None, status=None, **ids):
        self.operation = next((known for known in operations if known.id == operation), None)
        if self.operation is None:
            raise Unknown(f"There is no operation {operation!r}. `mockserver operations` lists all of them.")
        for name in ids.keys() - set(self.operation.parameters):
            named = ", ".join(self.operation.parameters) or "none"
            raise TypeError(
                f"{name!r} is no id in the path of {operation}; it has {named}. "
                "Others are body, query, status and times."
            )
        self.body, self.query, self.status, self.ids = body, query, status, ids

    def differences(self, entry) -> list[str]:
        """What a call of the operation differs in, a line for each field."""
        found = []
        if self.status is not None and entry.status != self.status:
            found.append(f"status: expected {self.status}, was {entry.status}")
        if self.ids:
            path = re.escape(self.operation.path).replace(r"\{", "(?P<").replace(r"\}", ">[^/]+)")
            match = re.fullmatch(path, entry.path)
            given = match.groupdict() if match else {}
            for name, id in self.ids.items():
                found += compare(str(id), given.get(name, _ABSENT), name)
        if self.query is not None:
            given = {name: values[-1] for name, values in parse_qs(entry.query, True).items()}
            for name, value in self.query.items():
                found += compare(_as_text(value), given.get(name, _ABSENT), f"query.{name}")
        if self.body is not None:
            found += compare(self.body, entry.json if entry.request_body else _ABSENT, "body")
        return found


def assert_called(journal, expected: Expectation, times: int | None) -> None:
    """AssertionError unless the call was made `times` times, or at all when None."""
    compared = [(expected.differences(entry), entry) for entry in journal.find(expected.operation.id)]
    matching = [entry for differences, entry in compared if not differences]
    if len(matching) == times or (times is None and matching):
        return
    id = expected.operation.id
    wanted = "at least once" if times is None else _times(times)
    lines = [f"{id} should have been called {wanted} as described; it was {_times(len(matching))}."]
    if matching:
        lines += ["Those that fit:", *(_line(entry) for entry in matching)]
    others = sorted((pair for pair in compared if pair[0]), key=lambda pair: len(pair[0]))[:NEAREST]
    if others:
        otherwise = f"It was called {_times(len(compared))} otherwise. The nearest:"
        lines.append("The nearest of those that differ:" if matching else otherwise)
        for differences, entry in others:
            lines += [_line(entry), *(f"      {difference}" for difference in differences)]
    elif not matching:
        lines += _instead(journal)
    raise AssertionError("\n".join(lines))


def assert_not_called(journal, expected: Expectation) -> None:
    """AssertionError when such a call was made."""
    matching = [entry for entry in journal.find(expected.operation.id) if not expected.differences(entry)]
    if matching:
        count = _times(len(matching))
        lines = [f"{expected.operation.id} should not have been called as described; it was {count}:"]
        raise AssertionError("\n".join(lines + [_line(entry) for entry in matching]))


def compare(expected, given, path: str) -> list[str]:
    """A line for each field in which what was given lacks what is expected."""
    if given is _ABSENT:
        return [f"{path}: expected {expected!r}, was not sent"]
    if isinstance(expected, dict) and isinstance(given, dict):
        return [
            line for key, value in expected.items() for line in compare(value, given.get(key, _ABSENT), f"{path}.{key}")
        ]
    if isinstance(expected, list | tuple) and isinstance(given, list):
        if len(expected) != len(given):
            return [f"{path}: expected {len(expected)} items, was {len(given)}"]
        return [
            line for number, value in enumerate(expected) for line in compare(value, given[number], f"{path}[{number}]")
        ]
    if expected == given and isinstance(expected, bool) == isinstance(given, bool):  # 1 == True in Python alone
        return []
    return [f"{path}: expected {expected!r}, was {given!r}"]


def _as_text(value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _instead(journal) -> list[str]:
    entries = list(journal)
    if not entries:
        return [
            "Nothing was called at all. Does the client send its requests to the mock's url, with the mock's api_key?"
        ]
    head = "What was called:" if len(entries) <= LATEST else "What was called last:"
    return [head, *(_line(entry) for entry in entries[-LATEST:])]


def _line(entry) -> str:
    return f"  #{entry.id} {title(entry)} → {entry.status}"


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")
