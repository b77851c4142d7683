"""What the compiler passes around: typed SQL, the relations of a FROM, the names in sight."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlglot import exp

from .values import QueryError, collation

# Of each WITH query in sight: its label in the SQL made, and its columns as (name, type).
CTEs = dict[str, tuple[str, list[tuple[str, str]]]]


class Expr(NamedTuple):
    """SQL of one value. An `unknown` is a quoted literal, a parameter or NULL: `literal` is its text."""

    sql: str
    type: str
    literal: str | None = None


class Column(NamedTuple):
    name: str
    type: str
    sql: str


@dataclass
class Relation:
    name: str | None
    columns: list[Column]
    key: str | None = None
    """The SQL of a table's primary key: grouped by it, all its columns are known."""
    function: bool = False


@dataclass
class Scope:
    """The names one SELECT sees, and what has been used of them so far."""

    parent: Scope | None
    ctes: CTEs
    relations: list[Relation] = field(default_factory=list)
    merged: dict[str, Expr] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    free: list[tuple[str, str, Relation | None]] = field(default_factory=list)
    windows: dict[str, exp.Window] = field(default_factory=dict)
    clause: str = "FROM"
    aggregated: bool = False
    inside: str | None = None
    outer_used: bool = False


class Compound(NamedTuple):
    """A compiled query: `sql` answers columns c1…cn of the types given."""

    sql: str
    columns: list[tuple[str, str]]


def enclosing(scope: Scope | None) -> Iterable[Scope]:
    while scope is not None:
        yield scope
        scope = scope.parent


def collated(sql: str, type_: str) -> str:
    name = collation(type_)
    return f"{sql} COLLATE pg_{name}" if name else sql


def aliased(name: str, columns: list[tuple[str, str]], aliases: list[str]) -> list[tuple[str, str]]:
    if len(aliases) > len(columns):
        raise QueryError(f'table "{name}" has {len(columns)} columns available but {len(aliases)} columns specified')
    return [
        (aliases[n] if n < len(aliases) else column, "text" if type_ == "unknown" else type_)
        for n, (column, type_) in enumerate(columns)
    ]


def labelled(label: str, columns: list[tuple[str, str]]) -> list[Column]:
    return [Column(name, type_, f"{label}.c{n}") for n, (name, type_) in enumerate(columns, 1)]


def nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name[:100], sorted(set(known)), 1)
    return f'; did you mean "{close[0]}"?' if close else ""


class Resolved(exp.Expression):
    """A column already found, as a star spells it out."""

    def __init__(self, target: Any) -> None:
        super().__init__()
        self.target = target
