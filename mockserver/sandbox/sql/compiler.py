"""PostgreSQL SELECT to SQLite SQL, by type.

sqlglot reads the query; every construct is then either compiled here, its types known, or refused. The SQL
made holds no name and no literal of the query: columns are `c1…`, relations `t1…`, values are bound. A table
can be named in no other way than as the rows in reach, so no spelling reaches past them.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType

from . import values
from .functions import CASTS, FUNCTIONS, SETS, Function
from .values import QueryError, collation, element_type, is_array, pg_name


class Dialect(Postgres):
    """PostgreSQL with every function call left as written, and JSON paths as the text they are."""

    class Parser(Postgres.Parser):
        FUNCTIONS = {}
        FUNCTION_PARSERS = {
            name: Postgres.Parser.FUNCTION_PARSERS[name]
            for name in ("CAST", "EXTRACT", "POSITION", "SUBSTRING", "TRIM")
        }
        JSON_OPERATORS = {
            **Postgres.Parser.JSON_OPERATORS,
            TokenType.ARROW: lambda self, this, path: exp.JSONExtract(this=this, expression=path),
            TokenType.DARROW: lambda self, this, path: exp.JSONExtractScalar(this=this, expression=path),
        }


TYPES = {
    "INT": "integer",
    "BIGINT": "integer",
    "SMALLINT": "integer",
    "DECIMAL": "numeric",
    "DOUBLE": "float",
    "TEXT": "text",
    "VARCHAR": "text",
    "BOOLEAN": "boolean",
    "UUID": "uuid",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMPTZ": "timestamptz",
    "INTERVAL": "interval",
    "JSONB": "json",
    "JSON": "json",
}
COLUMN_TYPES = {"timestamp": "timestamptz"}
IMPLICIT = {
    ("integer", "numeric"),
    ("integer", "float"),
    ("numeric", "float"),
    ("date", "timestamp"),
    ("date", "timestamptz"),
    ("timestamp", "timestamptz"),
    ("array", "text[]"),
    ("array", "json"),
}
OPERATORS = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
    exp.Pow: "^",
    exp.JSONExtract: "->",
    exp.JSONExtractScalar: "->>",
    exp.JSONBExtract: "#>",
    exp.JSONBExtractScalar: "#>>",
    exp.JSONBContainsTopKey: "?",
    exp.RegexpLike: "~",
    exp.RegexpILike: "~*",
}
COMPARISONS = {exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
WINDOW_FUNCTIONS = {
    "row_number": "integer",
    "rank": "integer",
    "dense_rank": "integer",
    "percent_rank": "float",
    "cume_dist": "float",
    "ntile": "integer",
    "lag": None,
    "lead": None,
    "first_value": None,
    "last_value": None,
    "nth_value": None,
}
AGGREGATE_NAMES = {
    *("count", "sum", "avg", "min", "max", "bool_and", "bool_or", "every", "string_agg", "array_agg"),
    *("jsonb_agg", "json_agg", "percentile_cont", "percentile_disc", "mode"),
}
SPECIAL_NAMES = {
    *("coalesce", "nullif", "greatest", "least", "concat", "concat_ws", "now", "to_jsonb", "to_json"),
    *("jsonb_build_object", "json_build_object", "jsonb_build_array", "json_build_array"),
}
MAX_DEPTH = 100


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


class Compiler:
    """Compiles one query. `used` and `bound` say afterwards which tables it reads and what it binds."""

    def __init__(
        self,
        schema: dict[str, Sequence[tuple[str, str]]],
        parameters: Sequence[Any],
        org_ids: Collection[str] | None,
        now: datetime,
    ) -> None:
        self.schema, self.parameters, self.org_ids, self.now = schema, parameters, org_ids, now
        self.used: set[str] = set()
        self.bindings: dict[tuple[type, Any], int] = {}
        self.referenced: set[int] = set()
        self.count = 0
        self.depth = 0

    def compile(self, sql: str) -> Compound:
        node = _parse(sql)
        compiled = self.query(node, None, {})
        missing = set(range(1, len(self.parameters) + 1)) - self.referenced
        if missing:
            raise QueryError(
                f"parameter ${min(missing)} is given but the query does not use it", "parameters"
            )
        return compiled

    @property
    def bound(self) -> list[Any]:
        return [value for _, value in self.bindings]

    def bind(self, value: Any) -> str:
        if value is None:
            return "NULL"
        return f"?{self.bindings.setdefault((type(value), value), len(self.bindings) + 1)}"

    def fresh(self) -> str:
        self.count += 1
        return f"t{self.count}"

    # ------------------------------------------------------------------------------------------- queries

    def query(
        self, node: exp.Expression, parent: Scope | None, ctes: dict[str, Any], want: list[str] | None = None
    ) -> Compound:
        """`want` are the types the columns must be answered in."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise QueryError("the query is nested too deeply")
        try:
            if (
                isinstance(node, exp.Subquery)
                and isinstance(node.this, exp.Query)
                and not node.args.get("alias")
            ):
                return self._parenthesised(node, parent, ctes, want)
            prefix, ctes = self._with(node, parent, ctes)
            if isinstance(node, exp.Select):
                made = self._select(node, parent, ctes, want)
            elif isinstance(node, exp.SetOperation):
                made = self._set_operation(node, parent, ctes, want)
            elif isinstance(node, exp.Values):
                made = self._values(node, parent, ctes, want)
            else:
                raise QueryError(f"only a single SELECT is answered, not {_construct(node).upper()}")
            return made._replace(sql=prefix + made.sql)
        finally:
            self.depth -= 1

    def _parenthesised(
        self, node: exp.Subquery, parent: Scope | None, ctes: dict[str, Any], want: list[str] | None
    ) -> Compound:
        _only(node, "this", "order", "limit", "offset", "with_")
        prefix, ctes = self._with(node, parent, ctes)
        inner = self.query(node.this, parent, ctes, want)
        return Compound(prefix + self._ordered_output(inner, node, parent, ctes), inner.columns)

    def _with(
        self, node: exp.Expression, parent: Scope | None, ctes: dict[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        clause = node.args.get("with_")
        if clause is None:
            return "", ctes
        _only(clause, "expressions", "recursive")
        ctes, parts = dict(ctes), []
        names = [_name(cte.args["alias"].this) for cte in clause.expressions]
        if len(set(names)) < len(names):
            raise QueryError(f'WITH query name "{names[-1]}" specified more than once')
        for cte, name in zip(clause.expressions, names, strict=True):
            _only(cte, "this", "alias", "materialized")
            label = self.fresh()
            aliases = [_name(column) for column in cte.args["alias"].args.get("columns") or ()]
            body = cte.this
            if (
                clause.args.get("recursive")
                and isinstance(body, exp.Union)
                and _mentions(body.expression, name)
            ):
                columns, sql = self._recursive(body, name, label, aliases, parent, ctes)
            else:
                made = self.query(body, parent, ctes)
                columns, sql = _aliased(name, made.columns, aliases), made.sql
            ctes[name] = (label, columns)
            listed = ", ".join(f"c{n}" for n in range(1, len(columns) + 1))
            parts.append(f"{label}({listed}) AS ({sql})")
        return f"WITH RECURSIVE {', '.join(parts)} ", ctes

    def _recursive(
        self,
        body: exp.Union,
        name: str,
        label: str,
        aliases: list[str],
        parent: Scope | None,
        ctes: dict[str, Any],
    ) -> tuple[list[tuple[str, str]], str]:
        _only(body, "this", "expression", "distinct")
        if _mentions(body.this, name):
            raise QueryError(
                f'recursive reference to query "{name}" must not appear within its non-recursive term'
            )
        first = self.query(body.this, parent, ctes)
        columns = _aliased(name, first.columns, aliases)
        step = body.expression
        if not isinstance(step, exp.Select) or any(
            step.args.get(k) for k in ("order", "limit", "offset", "with_", "distinct", "group")
        ):
            raise QueryError(
                "the recursive term is a plain SELECT, without WITH, ORDER BY, LIMIT, DISTINCT, GROUP BY"
            )
        types = [type_ for _, type_ in columns]
        second = self._select(step, parent, {**ctes, name: (label, columns)}, types)
        union = "UNION" if body.args.get("distinct") else "UNION ALL"
        initial = ", ".join(_collated(f"c{n}", t) + f" AS c{n}" for n, t in enumerate(types, 1))
        return columns, f"SELECT {initial} FROM ({first.sql}) {union} {second.sql}"

    def _set_operation(
        self, node: exp.SetOperation, parent: Scope | None, ctes: dict[str, Any], want: list[str] | None
    ) -> Compound:
        _only(node, "this", "expression", "distinct", "with_", "order", "limit", "offset")
        word = {exp.Union: "UNION", exp.Intersect: "INTERSECT", exp.Except: "EXCEPT"}[type(node)]
        if not node.args.get("distinct"):
            if word != "UNION":
                raise QueryError(f"{word} ALL is not supported")
            word = "UNION ALL"
        left, right = self._branches(node, parent, ctes, want)
        # The left branch's collations decide which rows are equal.
        types = [type_ for _, type_ in left.columns]
        listed = ", ".join(_collated(f"c{n}", t) + f" AS c{n}" for n, t in enumerate(types, 1))
        sql = f"SELECT {listed} FROM ({left.sql}) {word} SELECT * FROM ({right.sql})"
        made = Compound(sql, left.columns)
        return made._replace(sql=self._ordered_output(made, node, parent, ctes))

    def _branches(
        self, node: exp.SetOperation, parent: Scope | None, ctes: dict[str, Any], want: list[str] | None
    ) -> tuple[Compound, Compound]:
        left, right = (self.query(side, parent, ctes, want) for side in (node.this, node.expression))
        if len(left.columns) != len(right.columns):
            raise QueryError(f"each {type(node).__name__.upper()} query must have the same number of columns")
        types = [
            self._common([a, b], f"{type(node).__name__.upper()} types")
            for (_, a), (_, b) in zip(left.columns, right.columns, strict=True)
        ]
        if [t for _, t in left.columns] != types:
            left = self._converted(left, types)
        if [t for _, t in right.columns] != types:
            right = self._converted(right, types)
        return left, right

    def _converted(self, made: Compound, types: list[str]) -> Compound:
        listed = []
        for n, ((_, have), type_) in enumerate(zip(made.columns, types, strict=True), 1):
            item = Expr(f"c{n}", "text" if have == "unknown" else have)
            made_item = self.cast(item, type_) if have == "unknown" else self.coerce(item, type_)
            listed.append(f"{made_item.sql} AS c{n}")
        columns = [(name, type_) for (name, _), type_ in zip(made.columns, types, strict=True)]
        return Compound(f"SELECT {', '.join(listed)} FROM ({made.sql})", columns)

    def _values(
        self, node: exp.Values, parent: Scope | None, ctes: dict[str, Any], want: list[str] | None
    ) -> Compound:
        _only(node, "expressions", "alias", "order", "limit", "offset")
        if any(node.args.get(k) for k in ("order", "limit", "offset")):
            raise QueryError("ORDER BY and LIMIT on VALUES are not supported: select from it")
        scope = Scope(parent, clause="VALUES")
        rows = [[self.expr(item, scope, ctes) for item in _items(row)] for row in node.expressions]
        if len({len(row) for row in rows}) != 1:
            raise QueryError("VALUES lists must all be the same length")
        types = want or [
            self._common([item.type for item in column], "VALUES types") for column in zip(*rows, strict=True)
        ]
        selects = []
        for row in rows:
            listed = [
                f"{self.coerce(item, type_).sql} AS c{n}"
                for n, (item, type_) in enumerate(zip(row, types, strict=True), 1)
            ]
            selects.append(f"SELECT {', '.join(listed)}")
        return Compound(" UNION ALL ".join(selects), [(f"column{n}", t) for n, t in enumerate(types, 1)])

    def _ordered_output(
        self, made: Compound, node: exp.Expression, parent: Scope | None, ctes: dict[str, Any]
    ) -> str:
        """ORDER BY, LIMIT and OFFSET over finished columns, which are all they may name."""
        order, limit = node.args.get("order"), self._limit(node, parent, ctes)
        if not order and not limit:
            return made.sql
        scope = Scope(
            None, [Relation(None, [Column(name, t, f"c{n}") for n, (name, t) in enumerate(made.columns, 1)])]
        )
        keys = []
        for item in order.expressions if order else ():
            place = self._ordinal(item.this, len(made.columns), "ORDER BY")
            if place is None and not (isinstance(item.this, exp.Column) and not item.this.args.get("table")):
                raise QueryError("ORDER BY of a UNION, INTERSECT or EXCEPT takes output columns only")
            key = (
                Expr(f"c{place}", made.columns[place - 1][1]) if place else self.expr(item.this, scope, ctes)
            )
            keys.append(self._order_key(key, item))
        listed = ", ".join(f"c{n}" for n in range(1, len(made.columns) + 1))
        return f"SELECT {listed} FROM ({made.sql}){' ORDER BY ' + ', '.join(keys) if keys else ''}{limit}"

    def _limit(self, node: exp.Expression, parent: Scope | None, ctes: dict[str, Any]) -> str:
        limit, offset = node.args.get("limit"), node.args.get("offset")
        if isinstance(limit, exp.Fetch):
            options = limit.args.get("limit_options")
            if options is not None and (options.args.get("percent") or options.args.get("with_ties")):
                raise QueryError("FETCH … PERCENT and WITH TIES are not supported")
            count = limit.args.get("count") or exp.Literal.number(1)
        else:
            if limit is not None:
                _only(limit, "expression")
            count = limit.expression if limit is not None else None
        if isinstance(count, exp.Var | exp.Null) and (
            isinstance(count, exp.Null) or count.name.upper() == "ALL"
        ):
            count = None
        if count is None and offset is None:
            return ""
        most = self._row_count(count, "LIMIT", -1)
        skipped = self._row_count(offset.expression if offset is not None else None, "OFFSET", 0)
        return f" LIMIT {most} OFFSET {skipped}"

    def _row_count(self, node: exp.Expression | None, word: str, default: int) -> str:
        if node is None:
            return self.bind(default)
        if isinstance(node, exp.Parameter):
            value = self._parameter(node)
            count = (
                values.parse("integer", value.literal)
                if value.literal is not None
                else self._bound_value(value)
            )
        elif isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit():
            count = values.parse("integer", node.name)
        else:
            raise QueryError(f"{word} takes a whole number or a parameter")
        if count is None:
            return self.bind(default)
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise QueryError(f"{word} must be a whole number that is not negative")
        return self.bind(count)

    def _bound_value(self, value: Expr) -> Any:
        return None if value.sql == "NULL" else self.bound[int(value.sql[1:]) - 1]

    # -------------------------------------------------------------------------------------------- SELECT

    def _select(
        self, node: exp.Select, parent: Scope | None, ctes: dict[str, Any], want: list[str] | None
    ) -> Compound:
        _only(
            node,
            *(
                "with_",
                "expressions",
                "distinct",
                "from_",
                "joins",
                "where",
                "group",
                "having",
                "windows",
                "order",
            ),
            *("limit", "offset", "laterals"),
        )
        scope = Scope(parent)
        source = self._from(node, scope, ctes)
        scope.windows = {_name(window.this): window for window in node.args.get("windows") or ()}
        where = self._condition(node.args.get("where"), scope, ctes, "WHERE")
        items = self._expand(node, scope)
        groups = self._groups(node, scope, ctes, items)

        scope.clause, scope.free = "SELECT", []
        made = [item if isinstance(item, Expr) else self.expr(item, scope, ctes) for item, _ in items]
        if want is not None:
            if len(want) != len(made):
                raise QueryError("each UNION query must have the same number of columns")
            for item, type_ in zip(made, want, strict=True):
                if item.type not in (type_, "unknown") and (item.type, type_) not in IMPLICIT:
                    raise QueryError(f"column types do not match: {pg_name(item.type)} and {pg_name(type_)}")
        types = want or [item.type for item in made]
        made = [
            self.coerce(item, "text")._replace(type="unknown")
            if type_ == "unknown"
            else self.coerce(item, type_)
            for item, type_ in zip(made, types, strict=True)
        ]
        names = [name for _, name in items]
        having = self._condition(node.args.get("having"), scope, ctes, "HAVING")
        scope.clause = "ORDER BY"
        order = [(self._order_item(item.this, made, names, scope, ctes), item) for item in _ordered(node)]

        if groups or scope.aggregated or having:
            self._check_grouped(scope)
        distinct = node.args.get("distinct")
        keys = [self._order_key(key, item) for key, item in order]
        tail = source + where + (f" GROUP BY {', '.join(groups)}" if groups else "") + having
        columns = list(zip(names, types, strict=True))
        limit = self._limit(node, parent, ctes)
        if distinct is not None and distinct.args.get("on"):
            return Compound(self._distinct_on(distinct, made, order, tail, scope, ctes) + limit, columns)
        listed = [f"{_collated(item.sql, item.type)} AS c{n}" for n, item in enumerate(made, 1)] or [
            "1 AS c1"
        ]
        if distinct is not None:
            _only(distinct)
            if any(key.sql not in {item.sql for item in made} for key, _ in order):
                raise QueryError("for SELECT DISTINCT, ORDER BY expressions must appear in select list")
        sql = f"SELECT {'DISTINCT ' if distinct is not None else ''}{', '.join(listed)}{tail}"
        return Compound(sql + (f" ORDER BY {', '.join(keys)}" if keys else "") + limit, columns)

    def _check_grouped(self, scope: Scope) -> None:
        for sql, name, relation in scope.free:
            if sql not in scope.groups and not (relation is not None and relation.key in scope.groups):
                raise QueryError(
                    f'column "{name}" must appear in the GROUP BY clause or be used in an aggregate function'
                )

    def _distinct_on(
        self,
        distinct: exp.Distinct,
        made: list[Expr],
        order: list[tuple[Expr, exp.Ordered]],
        tail: str,
        scope: Scope,
        ctes: dict[str, Any],
    ) -> str:
        on = [self.expr(item, scope, ctes) for item in _items(distinct.args["on"])]
        leading = {key.sql for key, _ in order[: len(on)]}
        if order and not leading <= {item.sql for item in on}:
            raise QueryError("SELECT DISTINCT ON expressions must match initial ORDER BY expressions")
        partition = ", ".join(_collated(item.sql, item.type) for item in on)
        sorted_by = (
            f" ORDER BY {', '.join(self._order_key(key, item) for key, item in order)}" if order else ""
        )
        listed = [f"{item.sql} AS c{n}" for n, item in enumerate(made, 1)]
        listed += [f"{key.sql} AS k{n}" for n, (key, _) in enumerate(order, 1)]
        listed.append(f"row_number() OVER (PARTITION BY {partition}{sorted_by}) AS place")
        keys = [self._order_key(Expr(f"k{n}", key.type), item) for n, (key, item) in enumerate(order, 1)]
        columns = ", ".join(f"c{n}" for n in range(1, len(made) + 1))
        outer = f"SELECT {columns} FROM (SELECT {', '.join(listed)}{tail}) WHERE place = 1"
        return outer + (f" ORDER BY {', '.join(keys)}" if keys else "")

    def _expand(self, node: exp.Select, scope: Scope) -> list[tuple[Any, str]]:
        """The select list as (expression or Expr, output name), its stars spelled out."""
        items: list[tuple[Any, str]] = []
        for item in node.expressions:
            star = item if isinstance(item, exp.Star) else item.this if isinstance(item, exp.Column) else None
            if isinstance(star, exp.Star):
                _only(star)
                items += self._star(item, scope)
            elif isinstance(item, exp.Alias):
                items.append((item.this, _name(item.args["alias"])))
            else:
                items.append((item, _output_name(item)))
        return items

    def _star(self, item: exp.Expression, scope: Scope) -> list[tuple[Any, str]]:
        if isinstance(item, exp.Column):
            relation = self._relation(item, scope)
            return [
                (exp.Column(this=_Resolved(self._use(scope, relation, column))), column.name)
                for column in relation.columns
            ]
        if not scope.relations:
            raise QueryError("SELECT * with no tables specified is not valid")
        found: list[tuple[Any, str]] = [
            (exp.Column(this=_Resolved(("merged", name))), name) for name in scope.merged
        ]
        for relation in scope.relations:
            found += [
                (exp.Column(this=_Resolved(self._use(scope, relation, column))), column.name)
                for column in relation.columns
                if column.name not in scope.merged
            ]
        return found

    def _use(self, scope: Scope, relation: Relation, column: Column) -> Any:
        return (scope, relation, column)

    def _groups(
        self, node: exp.Select, scope: Scope, ctes: dict[str, Any], items: list[tuple[Any, str]]
    ) -> list[str]:
        group = node.args.get("group")
        if group is None:
            return []
        _only(group, "expressions")
        scope.clause = "GROUP BY"
        made = []
        for item in group.expressions:
            if isinstance(item, exp.Rollup | exp.Cube | exp.GroupingSets | exp.Tuple):
                raise QueryError(
                    "GROUP BY takes plain expressions: ROLLUP, CUBE and GROUPING SETS are not supported"
                )
            place = self._ordinal(item, len(items), "GROUP BY")
            target = items[place - 1][0] if place else self._group_target(item, scope, items)
            made.append(self.expr(target, scope, ctes))
        scope.groups = {item.sql for item in made}
        return [_collated(item.sql, item.type) for item in made]

    def _group_target(
        self, item: exp.Expression, scope: Scope, items: list[tuple[Any, str]]
    ) -> exp.Expression:
        """A bare name is an input column first, an output column second."""
        if isinstance(item, exp.Column) and not item.args.get("table"):
            name = _name(item.this)
            inputs = name in scope.merged or any(c.name == name for r in scope.relations for c in r.columns)
            outputs = [target for target, output in items if output == name]
            if not inputs and len(outputs) == 1:
                return outputs[0]
        return item

    def _order_item(
        self, node: exp.Expression, made: list[Expr], names: list[str], scope: Scope, ctes: dict[str, Any]
    ) -> Expr:
        """A bare name is an output column first, an input column second."""
        place = self._ordinal(node, len(made), "ORDER BY")
        if place:
            return made[place - 1]
        if isinstance(node, exp.Column) and not node.args.get("table"):
            outputs = {
                item.sql: item for item, name in zip(made, names, strict=True) if name == _name(node.this)
            }
            if len(outputs) > 1:
                raise QueryError(f'ORDER BY "{_name(node.this)}" is ambiguous')
            if outputs:
                return next(iter(outputs.values()))
        return self.expr(node, scope, ctes)

    def _ordinal(self, node: exp.Expression, count: int, clause: str) -> int | None:
        if not isinstance(node, exp.Literal) or node.is_string:
            if isinstance(node, exp.Literal):
                raise QueryError(f"non-integer constant in {clause}")
            return None
        if not node.name.isdigit():
            raise QueryError(f"non-integer constant in {clause}")
        if not 1 <= int(node.name[:9]) <= count:
            raise QueryError(f"{clause} position {node.name[:9]} is not in select list")
        return int(node.name)

    def _order_key(self, key: Expr, item: exp.Ordered) -> str:
        _only(item, "this", "desc", "nulls_first")
        if key.type == "json" or is_array(key.type):
            raise QueryError(f"ordering by {pg_name(key.type)} is not supported")
        # sqlglot states PostgreSQL's default in nulls_first: NULLs count as largest.
        nulls = "FIRST" if item.args.get("nulls_first") else "LAST"
        return f"{_collated(key.sql, key.type)} {'DESC' if item.args.get('desc') else 'ASC'} NULLS {nulls}"

    def _condition(self, node: exp.Expression | None, scope: Scope, ctes: dict[str, Any], clause: str) -> str:
        if node is None:
            return ""
        scope.clause = clause
        return f" {clause} {self._boolean(node.this, scope, ctes, clause).sql}"

    def _boolean(self, node: exp.Expression, scope: Scope, ctes: dict[str, Any], where: str) -> Expr:
        value = self.expr(node, scope, ctes)
        if value.type not in ("boolean", "unknown"):
            raise QueryError(f"argument of {where} must be type boolean, not type {pg_name(value.type)}")
        return self.coerce(value, "boolean")

    # ---------------------------------------------------------------------------------------------- FROM

    def _from(self, node: exp.Select, scope: Scope, ctes: dict[str, Any]) -> str:
        source = node.args.get("from_")
        if source is None:
            if node.args.get("joins") or node.args.get("laterals"):
                raise QueryError("a join needs a FROM")
            return ""
        if node.args.get("laterals"):
            raise QueryError("LATERAL in this place is not supported")
        _only(source, "this")
        first = source.this
        sql = [" FROM ", self._relation_sql(first, scope, ctes)]
        joins = [*(first.args.get("joins") or ()), *(node.args.get("joins") or ())]
        comma = False
        for join in joins:
            sql.append(self._join(join, scope, ctes, comma))
            comma = comma or not any(join.args.get(k) for k in ("side", "kind", "on", "using", "method"))
        return "".join(sql)

    def _join(self, join: exp.Join, scope: Scope, ctes: dict[str, Any], comma: bool) -> str:
        _only(join, "this", "side", "kind", "on", "using", "method")
        side, kind, method = (str(join.args.get(k) or "").upper() for k in ("side", "kind", "method"))
        if kind not in ("", "INNER", "OUTER", "CROSS") or method not in ("", "NATURAL"):
            raise QueryError(f"{method or kind} JOIN is not supported")
        if comma and side in ("RIGHT", "FULL"):
            raise QueryError(
                f"{side} JOIN after a comma in FROM is not supported: write CROSS JOIN or a subquery"
            )
        left = list(scope.relations)
        right_sql = self._relation_sql(join.this, scope, ctes)
        right = scope.relations[-1]
        using = [_name(column) for column in join.args.get("using") or ()]
        if method == "NATURAL":
            known = {column.name for relation in left for column in relation.columns}
            using = [column.name for column in right.columns if column.name in known]
        words = f" {side} JOIN " if side else " CROSS JOIN " if kind == "CROSS" else " JOIN "
        if using:
            return f"{words}{right_sql} ON {self._using(using, left, right, side, scope)}"
        on = join.args.get("on")
        if on is None:
            if side and method != "NATURAL":
                raise QueryError(f"{side} JOIN needs ON or USING")
            return f"{words}{right_sql}" + (" ON 1" if side else "")
        scope.clause = "JOIN/ON"
        return f"{words}{right_sql} ON {self._boolean(on, scope, ctes, 'JOIN/ON').sql}"

    def _using(self, names: list[str], left: list[Relation], right: Relation, side: str, scope: Scope) -> str:
        conditions = []
        for name in names:
            earlier = scope.merged.get(name) or self._only_column(name, left, "left")
            later = self._only_column(name, [right], "right")
            type_ = self._common([earlier.type, later.type], "JOIN/USING types")
            a, b = self.coerce(earlier, type_), self.coerce(later, type_)
            conditions.append(self._compare("=", a, b).sql)
            merged = {"RIGHT": b.sql, "FULL": f"coalesce({a.sql}, {b.sql})"}.get(side, a.sql)
            scope.merged[name] = Expr(merged, type_)
        return " AND ".join(conditions)

    def _only_column(self, name: str, relations: list[Relation], side: str) -> Expr:
        found = [column for relation in relations for column in relation.columns if column.name == name]
        if len(found) != 1:
            problem = "does not exist" if not found else "appears more than once"
            raise QueryError(f'column "{name}" specified in USING clause {problem} in {side} table')
        return Expr(found[0].sql, found[0].type)

    def _relation_sql(self, node: exp.Expression, scope: Scope, ctes: dict[str, Any]) -> str:
        """Adds what `node` names to the scope and gives its SQL."""
        if isinstance(node, exp.Lateral):
            _only(node, "this", "alias", "ordinality")
            if not isinstance(node.this, exp.Anonymous | exp.Unnest):
                raise QueryError(
                    "LATERAL subqueries are not supported: use a join or a subquery in the select list"
                )
            return self._set_function(node.this, node, bool(node.args.get("ordinality")), scope, ctes)
        if isinstance(node, exp.Unnest):
            _only(node, "expressions", "alias", "offset")
            if len(node.expressions) != 1:
                raise QueryError("unnest takes one array")
            return self._set_function(node, node, bool(node.args.get("offset")), scope, ctes)
        if isinstance(node, exp.Subquery | exp.Values):
            return self._derived(node, scope, ctes)
        if not isinstance(node, exp.Table):
            raise QueryError(f"{_construct(node)} is not supported in FROM")
        if isinstance(node.this, exp.Anonymous):
            _only(node, "this", "alias", "ordinality")
            return self._set_function(node.this, node, bool(node.args.get("ordinality")), scope, ctes)
        _only(node, "this", "alias", "db", "joins")
        return self._table(node, scope, ctes)

    def _derived(self, node: exp.Expression, scope: Scope, ctes: dict[str, Any]) -> str:
        if isinstance(node, exp.Subquery):
            _only(node, "this", "alias", "joins")
            if not isinstance(node.this, exp.Query):
                raise QueryError("parentheses around a join are not supported: join in the order written")
            made = self.query(node.this, scope.parent, ctes)
        else:
            made = self._values(node, scope.parent, ctes, None)
        alias = node.args.get("alias")
        if alias is None:
            raise QueryError("subquery in FROM must have an alias")
        made = self._settled(made)
        columns = _aliased(_name(alias.this), made.columns, _column_aliases(alias))
        label = self.fresh()
        self._add(scope, Relation(_name(alias.this), _labelled(label, columns)))
        return f"({made.sql}) AS {label}"

    def _settled(self, made: Compound) -> Compound:
        """What is still of unknown type when others read it is text."""
        columns = [(name, "text" if type_ == "unknown" else type_) for name, type_ in made.columns]
        return Compound(made.sql, columns)

    def _add(self, scope: Scope, relation: Relation) -> None:
        if relation.name is not None and any(known.name == relation.name for known in scope.relations):
            raise QueryError(f'table name "{relation.name}" specified more than once')
        scope.relations.append(relation)

    def _table(self, node: exp.Table, scope: Scope, ctes: dict[str, Any]) -> str:
        schema = node.args.get("db")
        name = _name(node.this)
        if schema is not None and _name(schema) != "public":
            raise QueryError(f'relation "{_name(schema)}.{name}" does not exist')
        alias = node.args.get("alias")
        label = self.fresh()
        if schema is None and name in ctes:
            inner, columns = ctes[name]
            columns = [(column, "text" if type_ == "unknown" else type_) for column, type_ in columns]
            sql, key = f"{inner} AS {label}", None
        elif name in self.schema:
            self.used.add(name)
            columns = [(column, COLUMN_TYPES.get(type_, type_)) for column, type_ in self.schema[name]]
            sql = f"(SELECT * FROM {self.stored_name(name)}{self._reach()}) AS {label}"
            key = next((f"{label}.c{n}" for n, (column, _) in enumerate(columns, 1) if column == "id"), None)
        else:
            known = [*self.schema, *ctes]
            raise QueryError(f'relation "{name}" does not exist{_nearest(name, known)}')
        columns = _aliased(name, columns, _column_aliases(alias))
        self._add(
            scope, Relation(_name(alias.this) if alias is not None else name, _labelled(label, columns), key)
        )
        return sql

    def stored_name(self, table: str) -> str:
        return f"data{sorted(self.schema).index(table)}"

    def _reach(self) -> str:
        if self.org_ids is None:
            return ""
        listed = ", ".join(self.bind(str(org_id)) for org_id in sorted(self.org_ids))
        return f" WHERE org IS NULL OR org IN ({listed})"

    def _set_function(
        self, call: exp.Expression, node: exp.Expression, ordinality: bool, scope: Scope, ctes: dict[str, Any]
    ) -> str:
        """A function answering rows: its answer is a JSON array, which SQLite's json_each spreads."""
        scope.clause = "FROM"
        arguments = [self.expr(item, scope, ctes) for item in call.expressions]
        if isinstance(call, exp.Unnest):
            name, (array,) = "unnest", arguments
            if not is_array(array.type):
                raise QueryError(f"function unnest({pg_name(array.type)}) does not exist")
            type_ = element_type(array.type)
            sql = self.coerce(array, "text[]").sql if array.type == "array" else array.sql
        else:
            name = call.name.lower()
            if name not in SETS:
                raise QueryError(
                    f"function {name} is not supported in FROM{_nearest(name, [*SETS, 'unnest'])}"
                )
            function, arguments = self._resolve(name, SETS[name], arguments)
            sql, type_ = f"{function.udf}({', '.join(item.sql for item in arguments)})", function.result
        label, alias = self.fresh(), node.args.get("alias")
        shown = _name(alias.this) if alias is not None and alias.this is not None else name
        # A function of one column gives it its alias; those with a named result keep the name.
        first = "value" if name.startswith("json") and name.endswith(("elements", "elements_text")) else shown
        columns = [Column(first, type_, f"{label}.value")]
        aliases = _column_aliases(alias)
        offset = node.args.get("offset")
        if ordinality:
            columns.append(Column("ordinality", "integer", f"({label}.key + 1)"))
            if isinstance(offset, exp.Identifier):
                aliases = [*aliases[:1], _name(offset)] if aliases else aliases
        if len(aliases) > len(columns):
            raise QueryError(
                f'table "{shown}" has {len(columns)} columns available but {len(aliases)} columns specified'
            )
        columns = [
            Column(alias_, c.type, c.sql) for alias_, c in zip(aliases, columns, strict=False)
        ] + columns[len(aliases) :]
        self._add(scope, Relation(shown, columns, function=len(columns) == 1))
        return f"json_each({sql}) AS {label}"

    # --------------------------------------------------------------------------------------- expressions

    def expr(self, node: exp.Expression, scope: Scope, ctes: dict[str, Any]) -> Expr:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise QueryError("the query is nested too deeply")
        try:
            mark = len(scope.free)
            made = self._expr(node, scope, ctes)
            if made.sql in scope.groups:
                del scope.free[mark:]
            return made
        finally:
            self.depth -= 1

    def _expr(self, node: exp.Expression, scope: Scope, ctes: dict[str, Any]) -> Expr:
        handler = HANDLERS.get(type(node))
        if handler is not None:
            return handler(self, node, scope, ctes)
        if type(node) in OPERATORS:
            _only(node, "this", "expression", "typed", "safe", "only_json_types", "negate")
            operands = [self.expr(node.this, scope, ctes), self.expr(node.expression, scope, ctes)]
            return self._negated(self._operator(OPERATORS[type(node)], operands), node)
        if type(node) in COMPARISONS:
            _only(node, "this", "expression")
            return self._comparison(COMPARISONS[type(node)], node, scope, ctes)
        raise QueryError(f"{_construct(node)} is not supported")

    def _negated(self, made: Expr, node: exp.Expression) -> Expr:
        return Expr(f"(NOT {made.sql})", "boolean") if node.args.get("negate") else made

    def _literal(self, node: exp.Literal, scope: Scope, ctes: dict[str, Any]) -> Expr:
        if node.is_string:
            if "\x00" in node.this:
                raise QueryError("a NUL character is not allowed in text")
            return Expr("", "unknown", node.this)
        text = node.this
        if text.isdigit() and text.isascii() and len(text) < 20 and int(text) < 2**63:
            return Expr(self.bind(int(text)), "integer")
        return self.coerce(Expr("", "unknown", text), "numeric")

    def _raw_string(self, node: exp.RawString, scope: Scope, ctes: dict[str, Any]) -> Expr:
        return self._literal(exp.Literal.string(node.this), scope, ctes)

    def _null(self, node: exp.Null, scope: Scope, ctes: dict[str, Any]) -> Expr:
        return Expr("NULL", "unknown")

    def _true_or_false(self, node: exp.Boolean, scope: Scope, ctes: dict[str, Any]) -> Expr:
        return Expr(self.bind(int(node.this)), "boolean")

    def _adjacent(self, node: exp.Concat, scope: Scope, ctes: dict[str, Any]) -> Expr:
        raise QueryError("adjacent string literals are not supported: use ||")

    def _parameter_node(self, node: exp.Parameter, scope: Scope, ctes: dict[str, Any]) -> Expr:
        return self._parameter(node)

    def _parameter(self, node: exp.Parameter) -> Expr:
        text = node.this.name if isinstance(node.this, exp.Literal) else ""
        if not text.isdigit() or len(text) > 5:
            raise QueryError("parameters are written $1, $2, …")
        number = int(text)
        if not 1 <= number <= len(self.parameters):
            raise QueryError(f"there is no parameter ${number}: {len(self.parameters)} given", "parameters")
        self.referenced.add(number)
        value = self.parameters[number - 1]
        if value is None:
            return Expr("NULL", "unknown")
        if isinstance(value, bool):
            return Expr(self.bind(int(value)), "boolean")
        if isinstance(value, int) and -(2**63) <= value < 2**63:
            return Expr(self.bind(value), "integer")
        if isinstance(value, int | float):
            return self.coerce(Expr("", "unknown", str(value)), "numeric")
        if isinstance(value, str) and "\x00" not in value:
            return Expr("", "unknown", value)
        raise QueryError(
            f"parameter ${number} must be a text without NUL, a number, a boolean or null", "parameters"
        )

    def _paren(self, node: exp.Paren, scope: Scope, ctes: dict[str, Any]) -> Expr:
        _only(node, "this")
        return self.expr(node.this, scope, ctes)

    def _column(self, node: exp.Column, scope: Scope, ctes: dict[str, Any]) -> Expr:
        _only(node, "this", "table", "db")
        if isinstance(node.this, _Resolved):
            return self._resolved(node.this.target, scope)
        if isinstance(node.this, exp.Star):
            raise QueryError("* is not valid here")
        name = _name(node.this)
        at: Scope | None = scope
        while at is not None:
            found = self._find(name, node, at)
            if found is not None:
                if at is not scope:
                    scope.outer_used = True
                return found
            at = at.parent
        if node.args.get("table"):
            self._relation(node, scope)
        for at in _scopes(scope):
            for relation in at.relations:
                # The name of a function of one column also stands for that column.
                if relation.function and relation.name == name:
                    return self._resolved((at, relation, relation.columns[0]), scope)
        visible = [
            column.name for s in _scopes(scope) for relation in s.relations for column in relation.columns
        ]
        table = node.args.get("table")
        shown = f"{_name(table)}.{name}" if table is not None else f'"{name}"'
        raise QueryError(f"column {shown} does not exist{_nearest(name, visible)}")

    def _find(self, name: str, node: exp.Column, scope: Scope) -> Expr | None:
        table = node.args.get("table")
        if table is None and name in scope.merged:
            made = scope.merged[name]
            scope.free.append((made.sql, name, None))
            return made
        relations = [r for r in scope.relations if table is None or r.name == _name(table)]
        if table is not None and relations and node.args.get("db") and _name(node.args["db"]) != "public":
            relations = []
        found = [
            (relation, column) for relation in relations for column in relation.columns if column.name == name
        ]
        if len(found) > 1:
            raise QueryError(f'column reference "{name}" is ambiguous')
        if not found:
            return None
        return self._resolved((scope, *found[0]), scope)

    def _resolved(self, target: Any, scope: Scope) -> Expr:
        if target[0] == "merged":
            made = scope.merged[target[1]]
            scope.free.append((made.sql, target[1], None))
            return made
        at, relation, column = target
        at.free.append(
            (column.sql, f"{relation.name}.{column.name}" if relation.name else column.name, relation)
        )
        return Expr(column.sql, column.type)

    def _relation(self, node: exp.Column, scope: Scope) -> Relation:
        name = _name(node.args["table"])
        for at in _scopes(scope):
            for relation in at.relations:
                if relation.name == name:
                    return relation
        known = [relation.name for at in _scopes(scope) for relation in at.relations if relation.name]
        raise QueryError(f'missing FROM-clause entry for table "{name}"{_nearest(name, known)}')

    def _subquery(self, node: exp.Subquery, scope: Scope, ctes: dict[str, Any]) -> Expr:
        if not isinstance(node.this, exp.Query):
            raise QueryError(f"{_construct(node.this)} is not supported")
        made = self.query(node, scope, ctes)
        if len(made.columns) != 1:
            raise QueryError("subquery must return only one column")
        return Expr(
            f"(SELECT pg_single(c1) FROM ({made.sql}))",
            "text" if made.columns[0][1] == "unknown" else made.columns[0][1],
        )

    def _exists(self, node: exp.Exists, scope: Scope, ctes: dict[str, Any]) -> Expr:
        _only(node, "this")
        return Expr(f"EXISTS ({self.query(node.this, scope, ctes).sql})", "boolean")

    def _and_or(self, node: exp.Connector, scope: Scope, ctes: dict[str, Any]) -> Expr:
        word = "AND" if isinstance(node, exp.And) else "OR"
        # A long chain leans left: it is walked, not recursed into.
        operands = list(node.flatten(unnest=False))
        made = [self._boolean(operand, scope, ctes, word).sql for operand in operands]
        return Expr(f"({f' {word} '.join(made)})", "boolean")

    def _not(self, node: exp.Not, scope: Scope, ctes: dict[str, Any]) -> Expr:
        return Expr(f"(NOT {self._boolean(node.this, scope, ctes, 'NOT').sql})", "boolean")

    def _minus(self, node: exp.Neg, scope: Scope, ctes: dict[str, Any]) -> Expr:
        return self._operator("-", [self.expr(node.this, scope, ctes)])

    def _comparison(self, operator: str, node: exp.Binary, scope: Scope, ctes: dict[str, Any]) -> Expr:
        left, right = node.this, node.expression
        if isinstance(right, exp.Any) or (
            isinstance(right, exp.Anonymous) and right.name.lower() in ("all", "some")
        ):
            return self._quantified(operator, left, right, scope, ctes)
        return self._compare(operator, self.expr(left, scope, ctes), self.expr(right, scope, ctes))

    def _compare(self, operator: str, left: Expr, right: Expr) -> Expr:
        a, b = self._matched(left, right, operator)
        if operator not in ("=", "<>", "IS", "IS NOT") and (a.type == "json" or is_array(a.type)):
            raise QueryError(f"{operator} on {pg_name(a.type)} is not supported")
        return Expr(f"({_collated(a.sql, a.type)} {operator} {b.sql})", "boolean")

    def _matched(self, left: Expr, right: Expr, operator: str) -> tuple[Expr, Expr]:
        type_ = self._common_or_none([left.type, right.type])
        if type_ is None:
            raise QueryError(
                f"operator does not exist: {pg_name(left.type)} {operator} {pg_name(right.type)}: add a cast"
            )
        return self.coerce(left, type_), self.coerce(right, type_)

    def _quantified(
        self, operator: str, left: exp.Expression, right: exp.Expression, scope: Scope, ctes: dict[str, Any]
    ) -> Expr:
        word = "all" if isinstance(right, exp.Anonymous) and right.name.lower() == "all" else "any"
        inner = right.expressions[0] if isinstance(right, exp.Anonymous) else right.this
        while isinstance(inner, exp.Paren):
            inner = inner.this
        if isinstance(inner, exp.Query) and not (
            isinstance(inner, exp.Subquery) and not isinstance(inner.this, exp.Query)
        ):
            if (operator, word) not in (("=", "any"), ("<>", "all")):
                raise QueryError(f"{operator} {word.upper()} (subquery) is not supported")
            return self._in_query(left, inner, scope, ctes, negate=word == "all")
        value, array = self.expr(left, scope, ctes), self.expr(inner, scope, ctes)
        if array.type == "unknown":
            array = self.coerce(array, f"{'text' if value.type == 'unknown' else value.type}[]")
        if not is_array(array.type):
            raise QueryError("op ANY/ALL (array) requires array on right side")
        if array.type == "array":
            array = self.coerce(array, "text[]")
            # A column's array holds ids as often as words, and both are kept as text.
            value = self.coerce(value, "text") if value.type == "unknown" else value
            if value.type == "uuid":
                value = Expr(value.sql, "text")
        type_ = self._common_or_none([value.type, element_type(array.type)])
        if type_ is None:
            raise QueryError(
                f"operator does not exist: {pg_name(value.type)} {operator} "
                f"{pg_name(element_type(array.type))}"
            )
        value, array = self.coerce(value, type_), self._recast(array, f"{type_}[]")
        return Expr(
            f"pg_in_array({self.bind(type_)}, {self.bind(operator + word)}, {value.sql}, {array.sql})",
            "boolean",
        )

    def _recast(self, array: Expr, type_: str) -> Expr:
        if array.type == type_:
            return array
        return Expr(f"pg_array_cast({self.bind(array.type)}, {self.bind(type_)}, {array.sql})", type_)

    def _in(self, node: exp.In, scope: Scope, ctes: dict[str, Any]) -> Expr:
        _only(node, "this", "expressions", "query")
        if node.args.get("query") is not None:
            return self._in_query(node.this, node.args["query"], scope, ctes, negate=False)
        items = [self.expr(item, scope, ctes) for item in (node.this, *node.expressions)]
        if len(items) == 1:
            raise QueryError("IN needs at least one value")
        type_ = self._common([item.type for item in items], "IN types")
        first, *rest = (self.coerce(item, type_) for item in items)
        return Expr(f"({_collated(first.sql, type_)} IN ({', '.join(item.sql for item in rest)}))", "boolean")

    def _in_query(
        self, left: exp.Expression, query: exp.Expression, scope: Scope, ctes: dict[str, Any], negate: bool
    ) -> Expr:
        value = self.expr(left, scope, ctes)
        made = self.query(query, scope, ctes)
        if len(made.columns) != 1:
            raise QueryError("subquery has too many columns")
        made = self._settled(made)
        first, second = self._matched(value, Expr("c1", made.columns[0][1]), "=")
        word = "NOT IN" if negate else "IN"
        return Expr(
            f"({_collated(first.sql, first.type)} {word} (SELECT {second.sql} FROM ({made.sql})))", "boolean"
        )

    def _between(self, node: exp.Between, scope: Scope, ctes: dict[str, Any]) -> Expr:
        _only(node, "this", "low", "high")
        value, low, high = (self.expr(node.args[k], scope, ctes) for k in ("this", "low", "high"))
        return Expr(
            f"({self._compare('>=', value, low).sql} AND {self._compare('<=', value, high).sql})", "boolean"
        )

    def _is(self, node: exp.Is, scope: Scope, ctes: dict[str, Any]) -> Expr:
        _only(node, "this", "expression", "negate")
        word = "IS NOT" if node.args.get("negate") else "IS"
        if isinstance(node.expression, exp.Null):
            return Expr(
                f"({self.coerce(self.expr(node.this, scope, ctes), None).sql} {word} NULL)", "boolean"
            )
        if not isinstance(node.expression, exp.Boolean):
            raise QueryError(f"IS {_construct(node.expression)} is not supported")
        value = self._boolean(node.this, scope, ctes, "IS")
        return Expr(f"({value.sql} {word} {int(node.expression.this)})", "boolean")

    def _distinct_from(self, node: exp.Binary, scope: Scope, ctes: dict[str, Any]) -> Expr:
        word = "IS" if isinstance(node, exp.NullSafeEQ) else "IS NOT"
        return self._compare(word, self.expr(node.this, scope, ctes), self.expr(node.expression, scope, ctes))

    def _like(self, node: exp.Expression, scope: Scope, ctes: dict[str, Any]) -> Expr:
        escape, negate = "\\", False
        if isinstance(node, exp.Escape):
            if not isinstance(node.expression, exp.Literal):
                raise QueryError("ESCAPE takes a text")
            escape, node, negate = node.expression.name, node.this, bool(node.args.get("negate"))
        if not isinstance(node, exp.Like | exp.ILike):
            raise QueryError("ESCAPE is for LIKE and ILIKE")
        _only(node, "this", "expression", "negate")
        if isinstance(node.expression, exp.Any | exp.Anonymous) and not isinstance(
            node.expression, exp.Anonymous
        ):
            raise QueryError("LIKE ANY is not supported")
        name = "like" if isinstance(node, exp.Like) else "ilike"
        arguments = [
            self.expr(node.this, scope, ctes),
            self.expr(node.expression, scope, ctes),
            Expr("", "unknown", escape),
        ]
        made = self._call(name, arguments)
        return Expr(f"(NOT {made.sql})", "boolean") if negate != bool(node.args.get("negate")) else made

    def _case(self, node: exp.Case, scope: Scope, ctes: dict[str, Any]) -> Expr:
        _only(node, "this", "ifs", "default")
        subject = self.expr(node.this, scope, ctes) if node.this is not None else None
        conditions, results = [], []
        for branch in node.args["ifs"]:
            if subject is None:
                conditions.append(self._boolean(branch.this, scope, ctes, "CASE/WHEN").sql)
            else:
                conditions.append(self._compare("=", subject, self.expr(branch.this, scope, ctes)).sql)
            results.append(self.expr(branch.args["true"], scope, ctes))
        default = node.args.get("default")
        results.append(self.expr(default, scope, ctes) if default is not None else Expr("NULL", "unknown"))
        type_ = self._common([item.type for item in results], "CASE types")
        *made, last = (self.coerce(item, type_).sql for item in results)
        body = " ".join(f"WHEN {when} THEN {then}" for when, then in zip(conditions, made, strict=True))
        return Expr(f"CASE {body} ELSE {last} END", type_)

    def _pipe(self, node: exp.DPipe, scope: Scope, ctes: dict[str, Any]) -> Expr:
        left, right = self.expr(node.this, scope, ctes), self.expr(node.expression, scope, ctes)
        for operand in (left, right):
            if is_array(operand.type) or operand.type == "json":
                raise QueryError(f"|| on {pg_name(operand.type)} is not supported")
        if not {left.type, right.type} & {"text", "unknown"}:
            raise QueryError(
                f"operator does not exist: {pg_name(left.type)} || {pg_name(right.type)}: add a cast"
            )
        return self._operator("||", [self.cast(left, "text"), self.cast(right, "text")])

    def _cast(self, node: exp.Cast, scope: Scope, ctes: dict[str, Any]) -> Expr:
        _only(node, "this", "to")
        to = node.args["to"]
        target = _type(to)
        if isinstance(node.this, exp.Array) and is_array(target):
            made = self._array(node.this, scope, ctes, element_type(target))
        else:
            made = self.cast(self.expr(node.this, scope, ctes), target)
        sizes = [size.this.name for size in to.expressions if isinstance(size, exp.DataTypeParam)]
        if not sizes:
            if to.this.name in ("INT", "SMALLINT"):
                return self._call("pg_int4" if to.this.name == "INT" else "pg_int2", [made])
            return made
        if any(not size.isdigit() or len(size) > 4 for size in sizes):
            raise QueryError("the size of a type must be a whole number")
        if target == "numeric" and len(sizes) <= 2:
            precision, places = int(sizes[0]), int(sizes[1]) if len(sizes) > 1 else 0
            return Expr(f"pg_scale({made.sql}, {self.bind(precision)}, {self.bind(places)})", "numeric")
        if target == "text" and len(sizes) == 1:
            return Expr(f"substr({made.sql}, 1, {self.bind(int(sizes[0]))})", "text")
        raise QueryError(f"{to.sql('postgres')} with a size is not supported")

    def _json_literal(self, node: exp.ParseJSON, scope: Scope, ctes: dict[str, Any]) -> Expr:
        return self.cast(self.expr(node.this, scope, ctes), "json")

    def _interval(self, node: exp.Interval, scope: Scope, ctes: dict[str, Any]) -> Expr:
        if not isinstance(node.this, exp.Literal) or not isinstance(node.args.get("unit"), exp.Var | None):
            raise QueryError("this interval is not supported: write interval '3 days'")
        unit = node.args.get("unit")
        if unit is None or not node.this.name.strip().lstrip("+-").isdigit():
            raise QueryError("this interval is not supported: write interval '3 days'")
        return self.coerce(Expr("", "unknown", f"{node.this.name} {unit.name}"), "interval")

    def _clock(self, node: exp.Expression, scope: Scope, ctes: dict[str, Any]) -> Expr:
        if node.args.get("this") is not None:
            raise QueryError("a precision or zone here is not supported")
        moment = values.encode("timestamptz", self.now)
        if isinstance(node, exp.CurrentDate):
            return Expr(self.bind(moment[:10]), "date")
        return Expr(self.bind(moment), "timestamp" if isinstance(node, exp.Localtimestamp) else "timestamptz")

    def _extract(self, node: exp.Extract, scope: Scope, ctes: dict[str, Any]) -> Expr:
        return self._call(
            "extract", [Expr("", "unknown", node.this.name), self.expr(node.expression, scope, ctes)]
        )

    def _position(self, node: exp.StrPosition, scope: Scope, ctes: dict[str, Any]) -> Expr:
        _only(node, "this", "substr")
        return self._call(
            "strpos", [self.expr(node.this, scope, ctes), self.expr(node.args["substr"], scope, ctes)]
        )

    def _substring(self, node: exp.Substring, scope: Scope, ctes: dict[str, Any]) -> Expr:
        _only(node, "this", "start", "length")
        start = node.args.get("start") or exp.Literal.number(1)
        parts = [node.this, start] + ([node.args["length"]] if node.args.get("length") is not None else [])
        return self._call("substring", [self.expr(part, scope, ctes) for part in parts])

    def _trim(self, node: exp.Trim, scope: Scope, ctes: dict[str, Any]) -> Expr:
        _only(node, "this", "expression", "position")
        name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(
            str(node.args.get("position") or "").upper(), "btrim"
        )
        parts = [node.this] + ([node.expression] if node.args.get("expression") is not None else [])
        return self._call(name, [self.expr(part, scope, ctes) for part in parts])

    def _at_time_zone(self, node: exp.AtTimeZone, scope: Scope, ctes: dict[str, Any]) -> Expr:
        value = self.expr(node.this, scope, ctes)
        zone = node.args["zone"]
        if not isinstance(zone, exp.Literal) or zone.name.upper() not in ("UTC", "GMT", "ETC/UTC"):
            raise QueryError("AT TIME ZONE takes 'UTC' only")
        if value.type == "timestamp":
            return Expr(value.sql, "timestamptz")
        return Expr(self.coerce(value, "timestamptz").sql, "timestamp")

    def _array(self, node: exp.Array, scope: Scope, ctes: dict[str, Any], type_: str | None = None) -> Expr:
        items = [self.expr(item, scope, ctes) for item in node.expressions]
        if not items and type_ is None:
            raise QueryError("cannot determine type of empty array: cast it, as in ARRAY[]::text[]")
        if any(is_array(item.type) for item in items):
            raise QueryError("multidimensional arrays are not supported")
        type_ = type_ or self._common([item.type for item in items], "ARRAY types")
        return Expr(f"pg_make_array({', '.join(self.cast(item, type_).sql for item in items)})", f"{type_}[]")

    def _bracket(self, node: exp.Bracket, scope: Scope, ctes: dict[str, Any]) -> Expr:
        _only(node, "this", "expressions", "offset", "safe")
        array = self.expr(node.this, scope, ctes)
        index = node.expressions[0]
        if (
            not is_array(array.type)
            or len(node.expressions) != 1
            or not isinstance(index, exp.Literal)
            or index.is_string
        ):
            raise QueryError("[…] takes an array and one whole number")
        if array.type == "array":
            array = self.coerce(array, "text[]")
        # sqlglot counts the elements from 0.
        place = values.parse("integer", index.name) + 1
        return Expr(f"pg_array_item({array.sql}, {self.bind(place)})", element_type(array.type))

    def _containment(self, node: exp.Binary, scope: Scope, ctes: dict[str, Any]) -> Expr:
        left, right = self.expr(node.this, scope, ctes), self.expr(node.expression, scope, ctes)
        operator = {exp.ArrayContainsAll: "@>", exp.ArrayContainedBy: "<@", exp.ArrayOverlaps: "&&"}[
            type(node)
        ]
        array = next((operand.type for operand in (left, right) if is_array(operand.type)), None)
        if array is None:
            return self._operator(operator, [left, right])
        if "json" in (left.type, right.type):
            return self._operator(operator, [self.cast(left, "json"), self.cast(right, "json")])
        type_ = "text[]" if array == "array" else array
        left, right = self.coerce(left, type_), self.coerce(right, type_)
        if operator == "<@":
            operator, left, right = "@>", right, left
        return Expr(
            f"pg_array_overlap({self.bind(element_type(type_))}, {self.bind(operator)}, "
            f"{left.sql}, {right.sql})",
            "boolean",
        )

    # ----------------------------------------------------------------------------------------- functions

    def _function(self, node: exp.Anonymous, scope: Scope, ctes: dict[str, Any]) -> Expr:
        name = _name(node.this) if isinstance(node.this, exp.Identifier) else str(node.this).lower()
        if name in AGGREGATE_NAMES:
            return self._aggregate(node, name, scope, ctes)
        if name in WINDOW_FUNCTIONS:
            raise QueryError(f"window function {name} requires an OVER clause")
        if name == "unnest" or (name in SETS and name not in FUNCTIONS):
            raise QueryError(f"{name} answers rows: use it in FROM")
        if name == "array" and len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Query):
            raise QueryError("ARRAY(subquery) is not supported: use (SELECT array_agg(…) …)")
        if name not in FUNCTIONS and name not in SPECIAL_NAMES:
            known = [*FUNCTIONS, *SPECIAL_NAMES, *AGGREGATE_NAMES, *WINDOW_FUNCTIONS]
            raise QueryError(f"function {name} does not exist or is not supported{_nearest(name, known)}")
        arguments = [self.expr(item, scope, ctes) for item in node.expressions]
        special = SPECIALS.get(name)
        return special(self, name, arguments) if special else self._call(name, arguments)

    def _call(self, name: str, arguments: list[Expr]) -> Expr:
        function, arguments = self._resolve(name, FUNCTIONS[name], arguments)
        return Expr(f"{function.udf}({', '.join(item.sql for item in arguments)})", function.result)

    def _operator(self, operator: str, operands: list[Expr]) -> Expr:
        known = [item.type for item in operands if item.type != "unknown"]
        if len(operands) == 2 and len(known) == 1:
            same = [f for f in FUNCTIONS.get(operator, ()) if f.arguments == (known[0], known[0])]
            # A quoted literal takes the other side's type where such an operator exists.
            operands = [self.coerce(item, known[0]) for item in operands] if same else operands
        return self._call(operator, operands) if operator in FUNCTIONS else self._unknown_operator(operator)

    def _unknown_operator(self, operator: str) -> Expr:
        raise QueryError(f"operator {operator} is not supported")

    def _resolve(
        self, name: str, candidates: list[Function], arguments: list[Expr]
    ) -> tuple[Function, list[Expr]]:
        best: tuple[float, Function] | None = None
        for function in candidates:
            if len(function.arguments) != len(arguments):
                continue
            costs = [
                _cost(item.type, type_) for item, type_ in zip(arguments, function.arguments, strict=True)
            ]
            if None not in costs and (best is None or sum(costs) < best[0]):  # type: ignore[arg-type]
                best = (sum(costs), function)  # type: ignore[arg-type]
        if best is None:
            listed = ", ".join(pg_name(item.type) for item in arguments)
            what = f"function {name}({listed})" if name[0].isalpha() else f"operator {name} for {listed}"
            takes = "; ".join(", ".join(map(pg_name, f.arguments)) for f in candidates[:6])
            raise QueryError(f"{what} does not exist: it takes ({takes})")
        return best[1], [
            item if type_ == "anyarray" else self.coerce(item, type_)
            for item, type_ in zip(arguments, best[1].arguments, strict=True)
        ]

    def _now(self, name: str, arguments: list[Expr]) -> Expr:
        if arguments:
            raise QueryError("now() takes no arguments")
        return Expr(self.bind(values.encode("timestamptz", self.now)), "timestamptz")

    def _coalesce(self, name: str, arguments: list[Expr]) -> Expr:
        type_, made = self._unified(name, arguments)
        return Expr(f"coalesce({', '.join(made)})" if len(made) > 1 else made[0], type_)

    def _greatest(self, name: str, arguments: list[Expr]) -> Expr:
        type_, made = self._unified(name, arguments)
        if type_ == "json" or is_array(type_):
            raise QueryError(f"{name} of {pg_name(type_)} is not supported")
        return Expr(f"pg_{name}({self.bind(type_)}, {', '.join(made)})", type_)

    def _unified(self, name: str, arguments: list[Expr]) -> tuple[str, list[str]]:
        if not arguments:
            raise QueryError(f"{name} needs an argument")
        type_ = self._common([item.type for item in arguments], f"{name} types")
        return type_, [self.coerce(item, type_).sql for item in arguments]

    def _nullif(self, name: str, arguments: list[Expr]) -> Expr:
        if len(arguments) != 2:
            raise QueryError("nullif takes two arguments")
        first = (
            arguments[0]
            if arguments[0].type != "unknown"
            else self.coerce(arguments[0], self._common([a.type for a in arguments], ""))
        )
        return Expr(
            f"CASE WHEN {self._compare('=', *arguments).sql} THEN NULL ELSE {first.sql} END", first.type
        )

    def _concat(self, name: str, arguments: list[Expr]) -> Expr:
        if len(arguments) < (1 if name == "concat" else 2):
            raise QueryError(f"{name} needs more arguments")
        return Expr(f"pg_{name}({', '.join(self._concat_item(item) for item in arguments)})", "text")

    def _concat_item(self, item: Expr) -> str:
        if item.type == "boolean":
            # concat prints a boolean as output does: t or f.
            return f"CASE {item.sql} WHEN 1 THEN 't' WHEN 0 THEN 'f' END"
        return self.cast(item, "text").sql

    def _to_jsonb(self, name: str, arguments: list[Expr]) -> Expr:
        if len(arguments) != 1:
            raise QueryError(f"{name} takes one argument")
        return self._jsonb(arguments[0])

    def _jsonb(self, item: Expr) -> Expr:
        item = self.coerce(item, "text") if item.type == "unknown" else item
        return Expr(f"pg_to_jsonb({self.bind(item.type)}, {item.sql})", "json")

    def _build(self, name: str, arguments: list[Expr]) -> Expr:
        if name.endswith("array"):
            return Expr(f"pg_build_array({', '.join(self._jsonb(item).sql for item in arguments)})", "json")
        if len(arguments) % 2:
            raise QueryError("argument list must have even number of elements")
        made = [
            self.cast(item, "text") if n % 2 == 0 else self._jsonb(item) for n, item in enumerate(arguments)
        ]
        return Expr(f"pg_build_object({', '.join(item.sql for item in made)})", "json")

    # ---------------------------------------------------------------------------- aggregates and windows

    def _filter(self, node: exp.Filter, scope: Scope, ctes: dict[str, Any]) -> Expr:
        call = node.this
        inner = call.this if isinstance(call, exp.WithinGroup) else call
        if not isinstance(inner, exp.Anonymous) or inner.name.lower() not in AGGREGATE_NAMES:
            raise QueryError("FILTER is for aggregate functions")
        if isinstance(call, exp.WithinGroup):
            return self._within_group(call, scope, ctes, node.expression)
        return self._aggregate(inner, inner.name.lower(), scope, ctes, node.expression)

    def _aggregate(
        self,
        node: exp.Anonymous,
        name: str,
        scope: Scope,
        ctes: dict[str, Any],
        where: exp.Where | None = None,
        over: str = "",
    ) -> Expr:
        arguments, distinct, order = list(node.expressions), False, []
        if arguments and isinstance(arguments[-1], exp.Order):
            order = arguments[-1].expressions
            arguments[-1] = arguments[-1].this
        if len(arguments) == 1 and isinstance(arguments[0], exp.Distinct):
            distinct, arguments = True, list(arguments[0].expressions)
        if over and (distinct or order):
            raise QueryError("DISTINCT and ORDER BY are not supported inside a window function's arguments")
        return self._inside(
            scope,
            name,
            bool(over),
            lambda: self._aggregate_call(name, arguments, distinct, order, scope, ctes, where, over),
        )

    def _inside(self, scope: Scope, name: str, window: bool, make: Callable[[], Expr]) -> Expr:
        """Compiles an aggregate's arguments: its columns need no GROUP BY, and it holds no other
        aggregate.
        """
        if scope.clause not in ("SELECT", "HAVING", "ORDER BY"):
            raise QueryError(f"aggregate functions are not allowed in {scope.clause}: {name}")
        if scope.inside and not window:
            raise QueryError("aggregate function calls cannot be nested")
        mark, outer, before = len(scope.free), scope.outer_used, scope.inside
        if not window:
            scope.inside, scope.outer_used = name, False
        try:
            made = make()
            if not window:
                if scope.outer_used and len(scope.free) == mark:
                    raise QueryError(f"{name} of an outer query's columns is not supported in a subquery")
                del scope.free[mark:]
                scope.aggregated = True
            return made
        finally:
            scope.inside, scope.outer_used = before, outer

    def _aggregate_call(
        self,
        name: str,
        arguments: list[exp.Expression],
        distinct: bool,
        order: list[exp.Ordered],
        scope: Scope,
        ctes: dict[str, Any],
        where: exp.Where | None,
        over: str,
    ) -> Expr:
        tail = (
            f" FILTER (WHERE {self._boolean(where.this, scope, ctes, 'FILTER').sql})"
            if where is not None
            else ""
        )
        tail += over
        word = "DISTINCT " if distinct else ""
        if name == "count" and len(arguments) == 1 and isinstance(arguments[0], exp.Star):
            return Expr(f"count(*){tail}", "integer")
        made = [self.expr(item, scope, ctes) for item in arguments]
        if name in ("percentile_cont", "percentile_disc", "mode"):
            raise QueryError(f"{name} needs WITHIN GROUP (ORDER BY …)")
        if len(made) != (2 if name == "string_agg" else 1):
            raise QueryError(
                f"{name} takes {'a text and a delimiter' if name == 'string_agg' else 'one argument'}"
            )
        value = made[0] if made[0].type != "unknown" else self.coerce(made[0], "text")
        if name in ("string_agg", "array_agg", "jsonb_agg", "json_agg"):
            return self._collect(
                name, value, made[1] if len(made) > 1 else None, distinct, order, scope, ctes, tail
            )
        sql, type_ = _collated(value.sql, value.type), value.type
        if name == "count":
            return Expr(f"count({word}{sql}){tail}", "integer")
        if name in ("min", "max"):
            if type_ in ("json", "boolean", "uuid") or is_array(type_):
                raise QueryError(f"function {name}({pg_name(type_)}) does not exist")
            return Expr(f"{name}({word}{sql}){tail}", type_)
        if name in ("bool_and", "bool_or", "every"):
            if type_ != "boolean":
                raise QueryError(f"function {name}({pg_name(type_)}) does not exist")
            return Expr(f"{'max' if name == 'bool_or' else 'min'}({word}{sql}){tail}", "boolean")
        if type_ == "float" or (name, type_) == ("sum", "integer"):
            return Expr(f"{name}({word}{sql}){tail}", type_)
        if type_ not in ("integer", "numeric", "interval"):
            raise QueryError(f"function {name}({pg_name(type_)}) does not exist")
        if over:
            return self._window_sum(name, value, tail)
        result = "numeric" if name == "avg" and type_ == "integer" else type_
        return Expr(f"pg_{name}_{type_}({word}{sql}){tail}", result)

    def _window_sum(self, name: str, value: Expr, tail: str) -> Expr:
        """Only SQLite's own aggregates may run over a frame: one of ours crashes on an empty frame."""
        if value.type == "interval":
            raise QueryError(f"{name} of intervals over a window is not supported")
        total = f"sum({value.sql}){tail}"
        if value.type == "numeric":
            places = f"max(pg_decimal_places({value.sql})){tail}"
            total = f"pg_from_millionths(sum(pg_millionths({value.sql})){tail}, {places})"
        return Expr(total if name == "sum" else f"pg_quotient({total}, count({value.sql}){tail})", "numeric")

    def _collect(
        self,
        name: str,
        value: Expr,
        extra: Expr | None,
        distinct: bool,
        order: list[exp.Ordered],
        scope: Scope,
        ctes: dict[str, Any],
        tail: str,
    ) -> Expr:
        if name == "string_agg" and value.type != "text":
            raise QueryError(f"function string_agg({pg_name(value.type)}, …) does not exist: cast it to text")
        if name == "array_agg" and is_array(value.type):
            raise QueryError("multidimensional arrays are not supported")
        keys = [(self.expr(item.this, scope, ctes), item) for item in order]
        keys = [(self.coerce(key, "text") if key.type == "unknown" else key, item) for key, item in keys]
        if distinct and any(key.sql != value.sql for key, _ in keys):
            raise QueryError(
                "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list"
            )
        plain = [
            (key.type, bool(item.args.get("desc")), bool(item.args.get("nulls_first"))) for key, item in keys
        ]
        if distinct and not plain:
            # PostgreSQL finds the distinct values by sorting them.
            keys, plain = [(value, None)], [(value.type, False, False)]
        if any(type_ == "json" or is_array(type_) for type_, _, _ in plain):
            raise QueryError("ordering by jsonb or arrays is not supported")
        kind = "jsonb_agg" if name == "json_agg" else name
        plan = self.bind(json.dumps({"kind": kind, "type": value.type, "distinct": distinct, "keys": plain}))
        second = self.coerce(extra, "text").sql if extra is not None else "NULL"
        listed = ", ".join([plan, value.sql, second, *(key.sql for key, _ in keys)])
        type_ = {"string_agg": "text", "array_agg": f"{value.type}[]", "jsonb_agg": "json"}[kind]
        if " OVER " in tail:
            if extra is not None and extra.type != "unknown":
                raise QueryError("string_agg over a window takes a literal delimiter")
            return Expr(f"pg_collected({plan}, json_group_array({value.sql}){tail}, {second})", type_)
        return Expr(f"pg_collect({listed}){tail}", type_)

    def _within_group(
        self, node: exp.WithinGroup, scope: Scope, ctes: dict[str, Any], where: exp.Where | None = None
    ) -> Expr:
        call, order = node.this, node.expression
        name = call.name.lower() if isinstance(call, exp.Anonymous) else ""
        if (
            name not in ("percentile_cont", "percentile_disc", "mode")
            or not isinstance(order, exp.Order)
            or len(order.expressions) != 1
        ):
            raise QueryError(
                "WITHIN GROUP is for percentile_cont, percentile_disc and mode, over one expression"
            )
        if len(call.expressions) != (0 if name == "mode" else 1):
            raise QueryError(f"{name} takes {'no argument' if name == 'mode' else 'one fraction'}")
        return self._inside(
            scope,
            name,
            False,
            lambda: self._ordered_set(name, call, order.expressions[0], scope, ctes, where),
        )

    def _ordered_set(
        self,
        name: str,
        call: exp.Anonymous,
        item: exp.Ordered,
        scope: Scope,
        ctes: dict[str, Any],
        where: exp.Where | None,
    ) -> Expr:
        tail = (
            f" FILTER (WHERE {self._boolean(where.this, scope, ctes, 'FILTER').sql})"
            if where is not None
            else ""
        )
        value = self.expr(item.this, scope, ctes)
        value = self.coerce(value, "float") if name == "percentile_cont" else value
        if value.type == "json" or is_array(value.type) or value.type == "unknown":
            raise QueryError(f"{name} of {pg_name(value.type)} is not supported")
        fraction = (
            self.coerce(self.expr(call.expressions[0], scope, ctes), "float").sql
            if call.expressions
            else "NULL"
        )
        keys = [(value.type, bool(item.args.get("desc")), False)]
        plan = self.bind(json.dumps({"kind": name, "type": value.type, "distinct": False, "keys": keys}))
        return Expr(f"pg_collect({plan}, {value.sql}, {fraction}, {value.sql}){tail}", value.type)

    def _window(self, node: exp.Window, scope: Scope, ctes: dict[str, Any]) -> Expr:
        _only(node, "this", "partition_by", "order", "spec", "alias", "over")
        if scope.clause not in ("SELECT", "ORDER BY"):
            raise QueryError(f"window functions are not allowed in {scope.clause}")
        if scope.inside:
            raise QueryError("aggregate function calls cannot contain window function calls")
        over = f" OVER ({self._window_clause(node, scope, ctes)})"
        call, where = node.this, None
        if isinstance(call, exp.Filter):
            call, where = call.this, call.expression
        if not isinstance(call, exp.Anonymous):
            raise QueryError(f"{_construct(call)} is not supported as a window function")
        name = call.name.lower()
        if name in AGGREGATE_NAMES:
            return self._aggregate(call, name, scope, ctes, where, over)
        if name not in WINDOW_FUNCTIONS or where is not None:
            raise QueryError(f"OVER is not supported for {name}")
        made = [self.expr(item, scope, ctes) for item in call.expressions]
        return self._window_call(name, made, over)

    def _window_call(self, name: str, made: list[Expr], over: str) -> Expr:
        least, most = {"ntile": (1, 1), "lag": (1, 3), "lead": (1, 3), "nth_value": (2, 2)}.get(
            name, (1, 1) if WINDOW_FUNCTIONS[name] is None else (0, 0)
        )
        if not least <= len(made) <= most:
            raise QueryError(f"{name} takes {least} to {most} arguments")
        type_ = WINDOW_FUNCTIONS[name]
        if type_ is None:
            type_ = self._common([made[0].type, *(item.type for item in made[2:])], f"{name} types")
            made = [self.coerce(item, "integer" if n == 1 else type_) for n, item in enumerate(made)]
        else:
            made = [self.coerce(item, "integer") for item in made]
        return Expr(f"{name}({', '.join(item.sql for item in made)}){over}", type_)

    def _window_clause(self, node: exp.Window, scope: Scope, ctes: dict[str, Any]) -> str:
        named = node.args.get("alias")
        if named is not None:
            if any(node.args.get(k) for k in ("partition_by", "order", "spec")):
                raise QueryError("a window that extends another is not supported")
            if _name(named) not in scope.windows:
                raise QueryError(f'window "{_name(named)}" does not exist')
            node = scope.windows[_name(named)]
            if node.args.get("alias") is not None:
                raise QueryError("a window that extends another is not supported")
        parts, order_types = [], []
        partition = [self.expr(item, scope, ctes) for item in node.args.get("partition_by") or ()]
        if partition:
            parts.append("PARTITION BY " + ", ".join(_collated(item.sql, item.type) for item in partition))
        keys = []
        for item in node.args["order"].expressions if node.args.get("order") else ():
            key = self.expr(item.this, scope, ctes)
            order_types.append(key.type)
            keys.append(self._order_key(key, item))
        if keys:
            parts.append("ORDER BY " + ", ".join(keys))
        if node.args.get("spec") is not None:
            parts.append(self._frame(node.args["spec"], order_types, scope, ctes))
        return " ".join(parts)

    def _frame(self, spec: exp.WindowSpec, order_types: list[str], scope: Scope, ctes: dict[str, Any]) -> str:
        _only(spec, "kind", "start", "start_side", "end", "end_side")
        kind = str(spec.args.get("kind") or "").upper()
        if kind not in ("ROWS", "RANGE", "GROUPS"):
            raise QueryError("a frame is ROWS, RANGE or GROUPS")
        ends = []
        for edge, side in (("start", "start_side"), ("end", "end_side")):
            value, where = spec.args.get(edge), str(spec.args.get(side) or "").upper()
            if value is None:
                value, where = "CURRENT ROW", ""
            if isinstance(value, str):
                ends.append(f"{value.upper()} {where}".strip())
                continue
            if kind == "RANGE" and order_types != ["integer"]:
                raise QueryError("RANGE with an offset is supported over one integer only")
            if not isinstance(value, exp.Literal) or not value.name.isdigit():
                raise QueryError("a frame's offset must be a whole number")
            ends.append(f"{int(value.name[:18])} {where}")
        if not all(end in ("CURRENT ROW",) or end.endswith(("PRECEDING", "FOLLOWING")) for end in ends):
            raise QueryError("this window frame is not supported")
        return f"{kind} BETWEEN {ends[0]} AND {ends[1]}"

    # --------------------------------------------------------------------------------------------- types

    def _common(self, types: Iterable[str], what: str) -> str:
        types = list(types)
        common = self._common_or_none(types)
        if common is None:
            raise QueryError(f"{what} {' and '.join(dict.fromkeys(map(pg_name, types)))} cannot be matched")
        return common

    def _common_or_none(self, types: list[str]) -> str | None:
        known = [type_ for type_ in types if type_ != "unknown"]
        if not known:
            return "text"
        common = known[0]
        for type_ in known[1:]:
            if (common, type_) in IMPLICIT:
                common = type_
            elif type_ != common and (type_, common) not in IMPLICIT:
                return None
        return common

    def coerce(self, item: Expr, type_: str | None) -> Expr:
        """`item` as `type_`, by what PostgreSQL converts unasked; None settles an unknown as text."""
        if type_ is None:
            type_ = "text" if item.type == "unknown" else item.type
        if item.type == type_:
            return item
        if item.type == "unknown":
            if type_ == "array":
                type_ = "text[]"
            if item.literal is None:
                return Expr(item.sql, type_)
            return Expr(self.bind(values.encode(type_, values.parse(type_, item.literal))), type_)
        if (item.type, type_) not in IMPLICIT:
            raise QueryError(f"{pg_name(item.type)} is not converted to {pg_name(type_)} unasked: add a cast")
        return self.cast(item, type_)

    def cast(self, item: Expr, type_: str) -> Expr:
        """`item` as `type_`, by an explicit cast."""
        source, sql = item.type, item.sql
        if source == "unknown" or source == type_:
            return self.coerce(item, type_)
        pair = (source, type_)
        if is_array(source) and type_ == "text":
            if source == "array":
                return self.cast(self.coerce(item, "text[]"), "text")
            return Expr(f"pg_show_array({self.bind(source)}, {sql})", "text")
        if is_array(source) and is_array(type_):
            return Expr(f"pg_array_cast({self.bind(source)}, {self.bind(type_)}, {sql})", type_)
        if source == "text" and is_array(type_):
            return Expr(f"pg_parse_array({self.bind(type_)}, {sql})", type_)
        if pair == ("integer", "numeric"):
            return Expr(f"CAST({sql} AS TEXT)", type_)
        if pair == ("integer", "float"):
            return Expr(f"CAST({sql} AS REAL)", type_)
        if pair in (
            ("uuid", "text"),
            ("array", "json"),
            ("timestamp", "timestamptz"),
            ("timestamptz", "timestamp"),
            ("boolean", "integer"),
        ):
            return Expr(sql, type_)
        if source == "date" and type_ in ("timestamp", "timestamptz"):
            return Expr(f"({sql} || 'T00:00:00.000000')", type_)
        if source in ("timestamp", "timestamptz") and type_ == "date":
            return Expr(f"substr({sql}, 1, 10)", type_)
        if pair in CASTS:
            return Expr(f"{CASTS[pair].udf}({sql})", type_)
        raise QueryError(f"cannot cast type {pg_name(source)} to {pg_name(type_)}")


class _Resolved(exp.Expression):
    """A column already found, as a star spells it out."""

    def __init__(self, target: Any) -> None:
        super().__init__()
        self.target = target


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
SPECIALS: dict[str, Callable[..., Expr]] = {
    "now": Compiler._now,
    "coalesce": Compiler._coalesce,
    "nullif": Compiler._nullif,
    "greatest": Compiler._greatest,
    "least": Compiler._greatest,
    "concat": Compiler._concat,
    "concat_ws": Compiler._concat,
    "to_jsonb": Compiler._to_jsonb,
    "to_json": Compiler._to_jsonb,
    **dict.fromkeys(
        ["jsonb_build_object", "json_build_object", "jsonb_build_array", "json_build_array"], Compiler._build
    ),
}


def _parse(sql: str) -> exp.Expression:
    dialect = Dialect()
    try:
        tokens = dialect.tokenize(sql)
        nesting = _nesting(tokens)
        if nesting > MAX_DEPTH or len(tokens) > 20_000:
            raise QueryError(
                "the query is nested too deeply" if nesting > MAX_DEPTH else "the query is too long"
            )
        statements = [
            s
            for s in dialect.parser().parse(_typed_literals(tokens), sql)
            if s is not None and not isinstance(s, exp.Semicolon)
        ]
    except SqlglotError as error:
        details = getattr(error, "errors", None)
        near = f' at or near "{details[0]["highlight"]}" (line {details[0]["line"]})' if details else ""
        raise QueryError(f"syntax error{near}") from None
    if len(statements) != 1:
        raise QueryError("exactly one statement is answered" if statements else "the query is empty")
    return statements[0]


INTERVAL_UNITS = {"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"}
TYPE_TOKENS = {
    *(
        TokenType.INTERVAL,
        TokenType.DATE,
        TokenType.TIMESTAMP,
        TokenType.TIMESTAMPTZ,
        TokenType.UUID,
        TokenType.TEXT,
    ),
    *(TokenType.DECIMAL, TokenType.JSON, TokenType.JSONB, TokenType.BOOLEAN, TokenType.INT, TokenType.BIGINT),
    *(TokenType.DOUBLE, TokenType.FLOAT),
}


def _typed_literals(tokens: list[Any]) -> list[Any]:
    """`date '…'` as `'…'::date`: sqlglot would bind a following `::` first, and read an interval's
    text in part.
    """
    made: list[Any] = []
    position = 0
    while position < len(tokens):
        words = 1
        if tokens[position].token_type == TokenType.TIMESTAMP:
            phrase = [token.text.upper() for token in tokens[position + 1 : position + 4]]
            words = 4 if phrase in (["WITH", "TIME", "ZONE"], ["WITHOUT", "TIME", "ZONE"]) else 1
        kind, following = tokens[position : position + words], tokens[position + words : position + words + 2]
        unit = len(following) == 2 and following[1].text.upper() in INTERVAL_UNITS
        literal = following and following[0].token_type == TokenType.STRING
        if (
            kind[0].token_type in TYPE_TOKENS
            and literal
            and not (unit and kind[0].token_type == TokenType.INTERVAL)
        ):
            made += [following[0], Token(TokenType.DCOLON, "::"), *kind]
            position += words + 1
        else:
            made.append(tokens[position])
            position += 1
    return made


def _nesting(tokens: Iterable[Any]) -> int:
    depth = deepest = 0
    for token in tokens:
        if token.token_type in (TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.CASE):
            depth += 1
        elif token.token_type in (TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.END):
            depth -= 1
        deepest = max(deepest, depth)
    return deepest


def _only(node: exp.Expression, *known: str) -> None:
    """Refuses what sqlglot read beyond the arguments compiled."""
    for key, value in node.args.items():
        if value and key not in known:
            name = {"locks": "FOR UPDATE / FOR SHARE", "into": "INTO"}.get(
                key, key.rstrip("_").replace("_", " ").upper()
            )
            raise QueryError(f"{name} is not supported in {_construct(node)}")


CONSTRUCTS = {
    exp.ByteString: "E'…'",
    exp.SimilarTo: "SIMILAR TO",
    exp.Tuple: "a row of values",
    exp.Collate: "COLLATE",
}


def _construct(node: Any) -> str:
    return CONSTRUCTS.get(type(node)) or (
        str(node.this) if isinstance(node, exp.Command) else type(node).__name__
    )


def _name(identifier: Any) -> str:
    """PostgreSQL's name: folded to lower case unless quoted."""
    if not isinstance(identifier, exp.Identifier):
        if isinstance(identifier, str):
            return identifier.lower()
        raise QueryError(f"{_construct(identifier)} is not a name")
    return identifier.this if identifier.args.get("quoted") else identifier.this.lower()


def _output_name(node: exp.Expression) -> str:
    """What PostgreSQL calls a column that is given no name."""
    if isinstance(node, exp.Paren):
        return _output_name(node.this)
    if isinstance(node, exp.Column):
        return _name(node.this)
    if isinstance(node, exp.Cast):
        inner = _output_name(node.this)
        return inner if inner != "?column?" else PG_TYPE_WORDS.get(node.args["to"].this.name, "?column?")
    if isinstance(node, exp.Filter | exp.Window | exp.WithinGroup):
        return _output_name(node.this)
    if isinstance(node, exp.Anonymous):
        return node.name.lower()
    if (
        isinstance(node, exp.Subquery)
        and isinstance(node.this, exp.Select)
        and len(node.this.expressions) == 1
    ):
        item = node.this.expressions[0]
        return _name(item.args["alias"]) if isinstance(item, exp.Alias) else _output_name(item)
    if isinstance(node, exp.Trim):
        return {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(
            str(node.args.get("position") or "").upper(), "btrim"
        )
    if isinstance(node, exp.Case):
        default = node.args.get("default")
        inner = _output_name(default) if isinstance(default, exp.Column) else "?column?"
        return inner if inner != "?column?" else "case"
    return OUTPUT_NAMES.get(type(node), "?column?")


OUTPUT_NAMES = {
    exp.Boolean: "bool",
    exp.Exists: "exists",
    exp.Extract: "extract",
    exp.StrPosition: "position",
    exp.Substring: "substring",
    exp.CurrentDate: "current_date",
    exp.CurrentTimestamp: "current_timestamp",
    exp.Localtimestamp: "localtimestamp",
    exp.Interval: "interval",
    exp.AtTimeZone: "timezone",
    exp.Array: "array",
}
PG_TYPE_WORDS = {
    **{
        "INT": "int4",
        "BIGINT": "int8",
        "SMALLINT": "int2",
        "DECIMAL": "numeric",
        "DOUBLE": "float8",
        "TEXT": "text",
    },
    **{"VARCHAR": "varchar", "BOOLEAN": "bool", "UUID": "uuid", "DATE": "date", "TIMESTAMP": "timestamp"},
    **{"TIMESTAMPTZ": "timestamptz", "INTERVAL": "interval", "JSON": "json", "JSONB": "jsonb"},
}


def _type(node: exp.DataType) -> str:
    word = node.this.name if hasattr(node.this, "name") else str(node.this)
    if word == "ARRAY" and len(node.expressions) == 1:
        return f"{_type(node.expressions[0])}[]"
    if word not in TYPES:
        raise QueryError(f"type {node.sql('postgres').lower()} does not exist or is not supported")
    return TYPES[word]


def _cost(source: str, target: str) -> float | None:
    if source == target or (target == "anyarray" and is_array(source)):
        return 0
    if source == "unknown":
        return None if target == "anyarray" else 0.5 if target == "text" else 1
    if (source, target) in IMPLICIT:
        return 1.5 if target == "float" else 1
    return None


def _collated(sql: str, type_: str) -> str:
    name = collation(type_)
    return f"{sql} COLLATE pg_{name}" if name else sql


def _items(node: exp.Expression) -> list[exp.Expression]:
    return list(node.expressions) if isinstance(node, exp.Tuple) else [node]


def _ordered(node: exp.Expression) -> list[exp.Ordered]:
    order = node.args.get("order")
    if order is None:
        return []
    _only(order, "expressions")
    return list(order.expressions)


def _column_aliases(alias: exp.Expression | None) -> list[str]:
    return [_name(column) for column in alias.args.get("columns") or ()] if alias is not None else []


def _aliased(name: str, columns: list[tuple[str, str]], aliases: list[str]) -> list[tuple[str, str]]:
    if len(aliases) > len(columns):
        raise QueryError(
            f'table "{name}" has {len(columns)} columns available but {len(aliases)} columns specified'
        )
    return [
        (aliases[n] if n < len(aliases) else column, "text" if type_ == "unknown" else type_)
        for n, (column, type_) in enumerate(columns)
    ]


def _labelled(label: str, columns: list[tuple[str, str]]) -> list[Column]:
    return [Column(name, type_, f"{label}.c{n}") for n, (name, type_) in enumerate(columns, 1)]


def _mentions(node: exp.Expression, name: str) -> bool:
    return any(
        isinstance(table.this, exp.Identifier) and _name(table.this) == name and not table.args.get("db")
        for table in node.find_all(exp.Table)
    )


def _scopes(scope: Scope | None) -> Iterable[Scope]:
    while scope is not None:
        yield scope
        scope = scope.parent


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name[:100], sorted(set(known)), 1)
    return f'; did you mean "{close[0]}"?' if close else ""
