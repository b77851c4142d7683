"""A log of what was committed, for each sandbox: state that outlives a process, and that several processes share.

A log is a list of entries (bytes), numbered from 1. Entries are appended at its end, read after a position, and, once
there is a snapshot of what they led to, forgotten up to one. Where it is kept is a class of this package's: a file of
SQLite's, or a server of Redis's or Valkey's.
"""

import typing as t


class LogUnavailable(Exception):
    """The log cannot be reached. What was asked may or may not have happened."""


class Base(t.NamedTuple):
    """What stands in place of the first entries of a log: a snapshot of what they led to, and how many there were."""

    position: int
    snapshot: bytes


class Log(t.Protocol):
    """Lists of entries by name. All methods raise LogUnavailable."""

    shared: bool
    """Whether other processes may append, so that one has to look before each call."""

    def read(self, name: str, after: int) -> tuple[Base | None, list[bytes]]:
        """Return the entries after a position; with the snapshot that they follow when some of them are forgotten."""
        ...

    def append(self, name: str, after: int | None, entries: list[bytes]) -> int | None:
        """Append entries to a log that ends at a position, wherever it ends when None, and return its new end.

        Return None, and append nothing, when the log ends elsewhere.
        """
        ...

    def compact(self, name: str, upto: int, snapshot: bytes | None) -> None:
        """Forget the entries up to a position, for which the snapshot stands. Without one, all entries are as new."""
        ...

    def close(self) -> None: ...
