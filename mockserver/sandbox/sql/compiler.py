"""PostgreSQL SELECT to SQLite SQL, by type.

In order:

1. `syntax` has sqlglot read the text.
2. `queries` walks the tree from the outside: WITH, set operations, then each SELECT, its FROM (`sources`)
   first, for that gives the names all other clauses use.
3. `expr` here hands each expression to what compiles its kind: `expressions`, `calls`, `aggregates`. The
   answer is SQL with its type. A quoted literal has none until its surroundings want one (`conversions`).
4. Every construct is so compiled, its types known, or refused: what is not listed here is not answered.

The SQL made holds no name and no literal of the query: columns are `c1…`, relations `t1…`, values are bound.
A table can be named in no other way than as the rows in reach, so no spelling reaches past them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from sqlglot import exp

from .aggregates import Aggregates
from .calls import Calls
from .conversions import Conversions
from .expressions import COMPARISONS, OPERATORS, Expressions
from .queries import Queries
from .scopes import Compound, Expr, Scope
from .sources import Sources
from .syntax import MAX_DEPTH, construct, only, parse
from .values import QueryError


class Compiler(Queries, Sources, Expressions, Calls, Aggregates, Conversions):
    """Compiles one query. `bound` says afterwards what the SQL binds, `reads` what it reads.

    `schema` has the columns of each table as (name, type), `org_ids` whose rows are in reach (None: all).
    """

    def __init__(
        self,
        schema: dict[str, Sequence[tuple[str, str]]],
        parameters: Sequence[Any],
        org_ids: Collection[str] | None,
        now: datetime,
    ) -> None:
        self.schema, self.parameters, self.org_ids, self.now = schema, parameters, org_ids, now
        self.labels: dict[str, str] = {}
        self.bindings: dict[tuple[type, Any], int] = {}
        self.referenced: set[int] = set()
        self.count = 0
        self.depth = 0

    def compile(self, sql: str) -> Compound:
        node = parse(sql)
        compiled = self.query(node, None, {})
        missing = set(range(1, len(self.parameters) + 1)) - self.referenced
        if missing:
            raise QueryError(f"parameter ${min(missing)} is given but the query does not use it", "parameters")
        return compiled

    def reads(self, sql: str) -> dict[str, set[str]]:
        """The columns that the SQL made reads, by table. No text in it could look like their names."""
        found: dict[str, set[str]] = {name: set() for name in self.labels.values()}
        for label, number in set(re.findall(r"\b(t[0-9]+)\.c([0-9]+)\b", sql)):
            if label in self.labels:
                name = self.labels[label]
                found[name].add(self.schema[name][int(number) - 1][0])
        return found

    @property
    def bound(self) -> list[Any]:
        return [value for _, value in self.bindings]

    def expr(self, node: exp.Expression, scope: Scope) -> Expr:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise QueryError("the query is nested too deeply")
        try:
            mark = len(scope.free)
            made = self._expr(node, scope)
            if made.sql in scope.groups:
                del scope.free[mark:]
            return made
        finally:
            self.depth -= 1

    def _expr(self, node: exp.Expression, scope: Scope) -> Expr:
        handler = HANDLERS.get(type(node))
        if handler is not None:
            return handler(self, node, scope)
        if type(node) in OPERATORS:
            only(node, "this", "expression", "typed", "safe", "only_json_types", "negate")
            operands = [self.expr(node.this, scope), self.expr(node.expression, scope)]
            return self._negated(self._operator(OPERATORS[type(node)], operands), node)
        if type(node) in COMPARISONS:
            only(node, "this", "expression")
            return self._comparison(COMPARISONS[type(node)], node, scope)
        raise QueryError(f"{construct(node)} is not supported")

    def _negated(self, made: Expr, node: exp.Expression) -> Expr:
        return Expr(f"(NOT {made.sql})", "boolean") if node.args.get("negate") else made


HANDLERS: dict[type, Callable[..., Expr]] = {
    exp.Literal: Compiler._literal,
    exp.RawString: Compiler._raw_string,
    exp.Null: Compiler._null,
    exp.Boolean: Compiler._true_or_false,
    exp.Parameter: Compiler._parameter_node,
    exp.Concat: Compiler._adjacent,
    exp.Paren: Compiler._paren,
    exp.Column: Compiler._column,
    exp.Subquery: Compiler._subquery,
    exp.Exists: Compiler._exists,
    exp.And: Compiler._and_or,
    exp.Or: Compiler._and_or,
    exp.Not: Compiler._not,
    exp.Neg: Compiler._minus,
    exp.In: Compiler._in,
    exp.Between: Compiler._between,
    exp.Is: Compiler._is,
    exp.NullSafeEQ: Compiler._distinct_from,
    exp.NullSafeNEQ: Compiler._distinct_from,
    exp.Like: Compiler._like,
    exp.ILike: Compiler._like,
    exp.Escape: Compiler._like,
    exp.Case: Compiler._case,
    exp.DPipe: Compiler._pipe,
    exp.Cast: Compiler._cast,
    exp.ParseJSON: Compiler._json_literal,
    exp.Interval: Compiler._interval,
    exp.CurrentDate: Compiler._clock,
    exp.CurrentTimestamp: Compiler._clock,
    exp.Localtimestamp: Compiler._clock,
    exp.Extract: Compiler._extract,
    exp.StrPosition: Compiler._position,
    exp.Substring: Compiler._substring,
    exp.Trim: Compiler._trim,
    exp.AtTimeZone: Compiler._at_time_zone,
    exp.Array: Compiler._array,
    exp.Bracket: Compiler._bracket,
    exp.ArrayContainsAll: Compiler._containment,
    exp.ArrayContainedBy: Compiler._containment,
    exp.ArrayOverlaps: Compiler._containment,
    exp.Anonymous: Compiler._function,
    exp.Filter: Compiler._filter,
    exp.WithinGroup: Compiler._within_group,
    exp.Window: Compiler._window,
}
