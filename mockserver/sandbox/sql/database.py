"""A read-only SQL database over in-memory records: PostgreSQL in, SQLite behind.

A query passes three locks. The compiler makes SQLite SQL of the constructs it knows and refuses the rest;
SQLite's authorizer admits reading the tables and calling the declared functions, nothing else; limits and a
deadline bound what is left.
"""

from __future__ import annotations

import re
import threading
import time
import weakref
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .values import QueryError, to_json, to_stored

if TYPE_CHECKING:
    import sqlite3

MAX_SQL = 100_000
MAX_ANSWER = 10_000_000
MAX_VALUE = 1_000_000
STEPS_BETWEEN_CHECKS = 200
RESULT_TYPES = {"timestamptz": "timestamp", "unknown": "text"}
ROWS = ""  # stands among a table's columns for which rows there are


@dataclass(frozen=True)
class Column:
    """`type` is uuid, text, integer, numeric, boolean, date, timestamp, json or array."""

    name: str
    type: str


class Table(Protocol):
    """Records under a name. Each has an `org_id` (or none), which says who sees it.

    `version(column)` differs whenever that column would; that of "org_id" whenever there are other rows.
    `rows(columns)` are the records, right in these columns at least.
    """

    name: str
    columns: Sequence[Column]

    def version(self, column: str) -> Hashable: ...

    def rows(self, columns: Collection[str]) -> Iterable[dict[str, Any]]: ...


@dataclass
class Result:
    """`columns` are {name, type}; `rows` hold JSON values; `truncated` when there were more than the
    limit.
    """

    columns: list[dict[str, str]]
    rows: list[list[Any]]
    row_count: int
    truncated: bool


class Load(NamedTuple):
    """Rows for a stored table, whose columns are called c and their number in the table they come from."""

    stored: str
    columns: dict[int, Column]
    rows: list[dict[str, Any]]
    versions: dict[str, Hashable]


class Database:
    """Queries over `tables`, or over what `tables()` answers at each query. Safe to share between threads.

    What queries read stays loaded for the next ones, until `close` or until the database is collected.
    `lock()` is held while tables are read, and only then; whoever holds it must not wait for a query.
    """

    def __init__(
        self,
        tables: Iterable[Table] | Callable[[], Iterable[Table]],
        now: Callable[[], datetime] | None = None,
        lock: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self._tables = tables if callable(tables) else lambda fixed=tuple(tables): fixed
        self._now = now or (lambda: datetime.now(UTC))
        self._reading = lock
        self._lock = threading.Lock()
        self._guard = Guard()
        self._connection: sqlite3.Connection | None = None
        self._close: Callable[[], object] = lambda: None

    def close(self) -> None:
        """Let go of what is loaded. A query after that loads anew."""
        with self._lock:
            self._close()
            self._connection = None
            self._guard.loaded.clear()

    def query(
        self,
        sql: str,
        parameters: Sequence[Any] = (),
        limit: int = 1000,
        org_ids: Collection[str] | None = None,
        deadline: float = 2.0,
    ) -> Result:
        """Answers one SELECT, its parameters written `$1`, `$2`, …

        At most `limit` rows; of each table those of `org_ids` (None: all) and those of no org; within
        `deadline` seconds, not counting the time to load what has changed. Raises QueryError.
        """
        if not isinstance(sql, str) or not sql.strip():
            raise QueryError("the query is empty")
        if len(sql) > MAX_SQL:
            raise QueryError(f"the query is longer than {MAX_SQL:,} characters")
        if "\x00" in sql or any(
            "\ud800" <= character <= "\udfff" for text in (sql, *_texts(parameters)) for character in text
        ):
            raise QueryError("the query holds characters that are not text (NUL or lone surrogates)")
        with self._lock:
            try:
                return self._answer(sql, parameters, limit, org_ids, deadline)
            except QueryError:
                raise
            except RecursionError:
                raise QueryError("the query is nested too deeply") from None
            except Exception as error:
                raise self._explained(error) from None
            finally:
                self._guard.problem = None  # its traceback leads back to this database

    def _answer(
        self,
        sql: str,
        parameters: Sequence[Any],
        limit: int,
        org_ids: Collection[str] | None,
        deadline: float,
    ) -> Result:
        from .compiler import Compiler

        tables = {table.name: table for table in self._tables()}
        schema = {name: [(column.name, column.type) for column in table.columns] for name, table in tables.items()}
        moment = self._now()
        now = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        compiler = Compiler(schema, parameters, org_ids, now)
        compiled = compiler.compile(sql)
        with self._reading():
            loads = [
                self._read(tables[name], compiler.stored_name(name), columns)
                for name, columns in compiler.reads(compiled.sql).items()
            ]
        connection = self._connected()
        self._open(connection)
        for load in filter(None, loads):
            self._store(connection, load)
        self._guard.deadline = time.monotonic() + deadline
        cursor = self._guarded(connection).execute(compiled.sql, compiler.bound)
        try:
            rows, truncated = self._fetch(cursor, compiled.columns, limit)
        finally:
            cursor.close()
        shown = [{"name": name, "type": _result_type(type_)} for name, type_ in compiled.columns]
        return Result(shown, rows, len(rows), truncated)

    def _fetch(
        self, cursor: sqlite3.Cursor, columns: list[tuple[str, str]], limit: int
    ) -> tuple[list[list[Any]], bool]:
        rows: list[list[Any]] = []
        size = 0
        types = [type_ for _, type_ in columns]
        for row in cursor:
            if len(rows) >= limit:
                return rows, True
            size += sum(len(value) if isinstance(value, str) else 8 for value in row)
            if size > MAX_ANSWER:
                raise QueryError(f"the answer is larger than {MAX_ANSWER:,} characters: select less")
            rows.append([to_json(type_, value) for type_, value in zip(types, row, strict=False)])
        return rows, False

    def _explained(self, error: Exception) -> QueryError:
        """What went wrong, from SQLite's error or from the function that raised inside it."""
        if self._guard.problem is not None:
            return self._guard.problem
        if "integer overflow" in str(error):
            return QueryError("bigint out of range")
        if "interrupted" in str(error):
            return too_long()
        if "too big" in str(error) or isinstance(error, MemoryError):
            return QueryError("the query makes a value that is too large")
        return QueryError(f"the query cannot be answered: {error}"[:300])

    # ------------------------------------------------------------------------------------------ connection

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            import sqlite3

            connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None, cached_statements=0)
            connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)
            connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, MAX_VALUE)
            connection.setlimit(sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 500)
            connection.setlimit(sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 200)
            connection.setlimit(sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0)
            self._guard.declare(connection)
            # Made now: the authorizer would not let a query make it.
            connection.execute("SELECT 1 FROM json_each('[]')").close()
            self._connection = connection
            self._close = weakref.finalize(self, connection.close)
        return self._connection

    def _read(self, table: Table, stored: str, needed: Collection[str]) -> Load | None:
        """What to store: the columns needed and those stored that are right; None when that is there."""
        loaded = self._guard.loaded.get(stored, {})
        versions: dict[str, Hashable] = {
            column.name: (table.name, n, column, table.version(column.name))
            for n, column in enumerate(table.columns, 1)
            if column.name in needed or column.name in loaded
        }
        versions[ROWS] = (table.name, table.version("org_id"))
        current = {name for name, version in versions.items() if loaded.get(name) == version}
        if current.issuperset({ROWS, *needed}):
            return None
        columns = {
            n: column for n, column in enumerate(table.columns, 1) if column.name in needed or column.name in current
        }
        names = [column.name for column in columns.values()]
        rows = list(table.rows(names))
        return Load(stored, columns, rows, {name: versions[name] for name in (*names, ROWS)})

    def _store(self, connection: sqlite3.Connection, load: Load) -> None:
        stored = load.stored
        made = [_stored(load.rows, column) for column in load.columns.values()]
        made.append([row.get("org_id") for row in load.rows])
        self._guard.loaded.pop(stored, None)
        connection.execute(f"DROP TABLE IF EXISTS {stored}")
        connection.execute(f"CREATE TABLE {stored} ({''.join(f'c{n}, ' for n in load.columns)}org)")
        connection.execute("BEGIN")
        try:
            marks = ", ".join("?" * len(made))
            connection.executemany(f"INSERT INTO {stored} VALUES ({marks})", zip(*made, strict=True))
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        self._guard.loaded[stored] = load.versions

    def _open(self, connection: sqlite3.Connection) -> None:
        connection.set_authorizer(None)
        connection.set_progress_handler(None, 0)

    def _guarded(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        connection.set_authorizer(self._guard.authorize)
        connection.set_progress_handler(self._guard.late, STEPS_BETWEEN_CHECKS)
        return connection


class Guard:
    """What a query may do in SQLite, how long it may take, and what stopped it.

    Apart from the Database because the connection holds it: SQLite's callbacks are beyond the garbage
    collector, so what they refer to must not refer to the connection.
    """

    def __init__(self) -> None:
        self.loaded: dict[str, dict[str, Hashable]] = {}
        """Of each stored table the versions of its columns."""
        self.allowed: set[str] = set()
        self.deadline = 0.0
        self.problem: QueryError | None = None

    def late(self) -> bool:
        return time.monotonic() > self.deadline

    def authorize(self, action: int, first: str | None, second: str | None, *_: Any) -> int:
        import sqlite3

        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ and (first in self.loaded or first == "json_each" or not first):
            return sqlite3.SQLITE_OK
        # Of a CTE that is only counted SQLite tells the label and no column.
        if action == sqlite3.SQLITE_READ and not second and re.fullmatch("t[0-9]+", first or ""):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION and second in self.allowed:
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY

    def declare(self, connection: sqlite3.Connection) -> None:
        from . import functions
        from .values import COLLATIONS

        for name, key in COLLATIONS.items():
            connection.create_collation(f"pg_{name}", self._collation(key))
        declared = [f for known in (functions.FUNCTIONS, functions.SETS) for same in known.values() for f in same]
        for function in (*declared, *functions.CASTS.values()):
            self._create(connection, function.udf, len(function.arguments), functions.adapt(function))
        for name, call in functions.INTERNAL.items():
            self._create(connection, name, -1, call)
        for name, make in functions.AGGREGATES.items():
            self.allowed.add(name)
            connection.create_aggregate(name, -1, self._aggregate(make))
        self.allowed |= {
            "json_each",
            "json_group_array",
            "coalesce",
            "substr",
            "count",
            "sum",
            "avg",
            "min",
            "max",
        }
        self.allowed |= {"row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile"}
        self.allowed |= {"lag", "lead", "first_value", "last_value", "nth_value"}

    def _create(self, connection: sqlite3.Connection, name: str, arguments: int, call: Callable[..., Any]) -> None:
        self.allowed.add(name)
        connection.create_function(name, arguments, self._reporting(call), deterministic=True)

    def _reporting(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """SQLite says only that a function raised: the reason is kept for the answer."""

        def run(*arguments: Any) -> Any:
            if self.late():
                self.problem = too_long()
                raise self.problem
            try:
                return call(*arguments)
            except QueryError as problem:
                self.problem = problem
                raise
            except Exception as error:
                self.problem = QueryError(f"value out of range: {error}"[:200])
                raise

        return run

    def _aggregate(self, make: Callable[[], Any]) -> type:
        reporting = self._reporting

        class Aggregate:
            def __init__(self) -> None:
                kept = make()
                self.step, self.finalize = reporting(kept.step), reporting(kept.finalize)

        return Aggregate

    def _collation(self, key: Callable[[str], Any]) -> Callable[[str, str], int]:
        def compare(a: str, b: str) -> int:
            left, right = key(a), key(b)
            return (left > right) - (left < right)

        return compare


def too_long() -> QueryError:
    return QueryError("the query took too long and was stopped: select less")


def _stored(rows: list[dict[str, Any]], column: Column) -> list[Any]:
    """A column of records as SQLite keeps it."""
    convert, name = to_stored(column.type), column.name
    return [None if (value := row.get(name)) is None else convert(value) for row in rows]


def _result_type(type_: str) -> str:
    return "array" if type_.endswith("[]") else RESULT_TYPES.get(type_, type_)


def _texts(parameters: Sequence[Any]) -> list[str]:
    return [value for value in parameters if isinstance(value, str)]
