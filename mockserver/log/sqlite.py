"""A log in a file of SQLite's, for one process."""

import contextlib
import fcntl
import os
import sqlite3
import threading
from pathlib import Path

from mockserver.log import Base, LogUnavailable

FORMAT = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    log TEXT, position INTEGER, entry BLOB NOT NULL, PRIMARY KEY (log, position)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS base (log TEXT PRIMARY KEY, position INTEGER NOT NULL, snapshot BLOB) WITHOUT ROWID;
"""


class CannotOpen(Exception):
    """The file is no log that this version reads, or another process has it; the message says which and what to do."""


class SqliteLog:
    """The logs in a file. What is appended is in the file when `append` returns: it survives a kill of the process."""

    shared = False

    def __init__(self, path: Path):
        self.path = path
        self._lock = threading.Lock()
        self._guard = _claim(path)
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._open()
        except sqlite3.Error as error:
            self._guard.close()
            raise CannotOpen(f"{path} cannot be opened: {error}. Choose another --state.") from None
        except BaseException:
            self._guard.close()
            raise

    def _open(self):
        try:
            [[version]] = self._connection.execute("PRAGMA user_version")
            [[tables]] = self._connection.execute("SELECT count(*) FROM sqlite_schema")
            if version not in (0, FORMAT) or (version == 0 and tables):
                raise CannotOpen(
                    f"{self.path} was written by another version of the mock (format {version}; this one reads "
                    f"{FORMAT}). Use that version, or another --state."
                )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(SCHEMA)
            self._connection.execute(f"PRAGMA user_version = {FORMAT}")
        except BaseException:
            self._connection.close()
            raise

    def read(self, name: str, after: int) -> tuple[Base | None, list[bytes]]:
        with self._lock, _unavailable():
            base = self._base(name)
            if base is not None and base.position <= after:
                base = None
            start = after if base is None else base.position
            rows = self._connection.execute(
                "SELECT entry FROM entry WHERE log = ? AND position > ? ORDER BY position", (name, start)
            )
            return base, [entry for (entry,) in rows]

    def append(self, name: str, after: int | None, entries: list[bytes]) -> int | None:
        with self._lock, _unavailable():
            [[end]] = self._connection.execute(
                "SELECT coalesce((SELECT max(position) FROM entry WHERE log = ?1),"
                " (SELECT position FROM base WHERE log = ?1), 0)",
                (name,),
            )
            if after is not None and end != after:
                return None
            rows = [(name, end + number, entry) for number, entry in enumerate(entries, start=1)]
            with self._transaction():
                self._connection.executemany("INSERT INTO entry VALUES (?, ?, ?)", rows)
            return end + len(entries)

    def compact(self, name: str, upto: int, snapshot: bytes | None) -> None:
        with self._lock, _unavailable(), self._transaction():
            self._connection.execute("DELETE FROM entry WHERE log = ? AND position <= ?", (name, upto))
            self._connection.execute(
                "INSERT INTO base VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET position = excluded.position,"
                " snapshot = excluded.snapshot WHERE excluded.position > base.position",
                (name, upto, snapshot),
            )

    def close(self) -> None:
        with self._lock:
            self._connection.close()
            self._guard.close()

    def _base(self, name):
        row = self._connection.execute("SELECT position, snapshot FROM base WHERE log = ?", (name,)).fetchone()
        return None if row is None else Base(*row)

    @contextlib.contextmanager
    def _transaction(self):
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


@contextlib.contextmanager
def _unavailable():
    try:
        yield
    except sqlite3.Error as error:
        raise LogUnavailable(f"The state cannot be written: {error}.") from None


def _claim(path: Path):
    """A lock on a file beside the database, with the id of the process that holds it."""
    try:
        guard = open(f"{path}.lock", "a+", encoding="ascii")  # noqa: SIM115 - it is held as long as the log is open
    except OSError as error:
        raise CannotOpen(f"{path} cannot be opened: {error.strerror}. Choose another --state.") from None
    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        guard.seek(0)
        holder = guard.read().strip()
        guard.close()
        raise CannotOpen(
            f"{path} is the state of another server, process {holder or 'unknown'}. Stop it, or choose another --state."
        ) from None
    guard.truncate(0)
    guard.write(str(os.getpid()))
    guard.flush()
    return guard
