"""What the calls of a test did against the contract, and how to say so."""

import contextlib
import typing as t

if t.TYPE_CHECKING:
    from mockserver.sandbox import Sandbox
    from mockserver.sandbox.journal import Entry

SHOWN = 300  # bytes of a body in a message


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
        self._journal, self._last = sandbox.journal, 0

    def take(self) -> "list[Entry]":
        """Those there have been since the last time."""
        self.collect()
        found, self._found = self._found, []
        return found

    def collect(self) -> None:
        """Keep those of now: the journal may be about to be cleared."""
        journal = self.sandbox.journal
        if journal is not self._journal:  # there was a reset
            self._journal, self._last = journal, 0
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
