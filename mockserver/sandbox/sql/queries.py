"""Queries: WITH, set operations, VALUES, and SELECT, clause by clause as PostgreSQL resolves them."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from . import values
from .conversions import IMPLICIT
from .scopes import Column, Compound, CTEs, Expr, Relation, Resolved, Scope, aliased, collated
from .syntax import MAX_DEPTH, construct, items_of, mentions, name_of, only, order_of, output_name
from .values import QueryError, is_array, pg_name


class Queries:
    """The part of the compiler that reads whole queries."""

    def query(self, node: exp.Expression, parent: Scope | None, ctes: CTEs, want: list[str] | None = None) -> Compound:
        """`want` are the types the columns must be answered in."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise QueryError("the query is nested too deeply")
        try:
            if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query) and not node.args.get("alias"):
                return self._parenthesised(node, parent, ctes, want)
            prefix, ctes = self._with(node, parent, ctes)
            if isinstance(node, exp.Select):
                made = self._select(node, parent, ctes, want)
            elif isinstance(node, exp.SetOperation):
                made = self._set_operation(node, parent, ctes, want)
            elif isinstance(node, exp.Values):
                made = self._values(node, parent, ctes, want)
            else:
                raise QueryError(f"only a single SELECT is answered, not {construct(node).upper()}")
            return made._replace(sql=prefix + made.sql)
        finally:
            self.depth -= 1

    def _parenthesised(self, node: exp.Subquery, parent: Scope | None, ctes: CTEs, want: list[str] | None) -> Compound:
        only(node, "this", "order", "limit", "offset", "with_")
        prefix, ctes = self._with(node, parent, ctes)
        inner = self.query(node.this, parent, ctes, want)
        return Compound(prefix + self._ordered_output(inner, node), inner.columns)

    def _with(self, node: exp.Expression, parent: Scope | None, ctes: CTEs) -> tuple[str, CTEs]:
        clause = node.args.get("with_")
        if clause is None:
            return "", ctes
        only(clause, "expressions", "recursive")
        ctes, parts = dict(ctes), []
        names = [name_of(cte.args["alias"].this) for cte in clause.expressions]
        if len(set(names)) < len(names):
            raise QueryError(f'WITH query name "{names[-1]}" specified more than once')
        for cte, name in zip(clause.expressions, names, strict=True):
            only(cte, "this", "alias", "materialized")
            label = self.fresh()
            aliases = [name_of(column) for column in cte.args["alias"].args.get("columns") or ()]
            body = cte.this
            if clause.args.get("recursive") and isinstance(body, exp.Union) and mentions(body.expression, name):
                columns, sql = self._recursive(body, name, label, aliases, parent, ctes)
            else:
                made = self.query(body, parent, ctes)
                columns, sql = aliased(name, made.columns, aliases), made.sql
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
        ctes: CTEs,
    ) -> tuple[list[tuple[str, str]], str]:
        only(body, "this", "expression", "distinct")
        if mentions(body.this, name):
            raise QueryError(f'recursive reference to query "{name}" must not appear within its non-recursive term')
        first = self.query(body.this, parent, ctes)
        columns = aliased(name, first.columns, aliases)
        step = body.expression
        if not isinstance(step, exp.Select) or any(
            step.args.get(k) for k in ("order", "limit", "offset", "with_", "distinct", "group")
        ):
            raise QueryError("the recursive term is a plain SELECT, without WITH, ORDER BY, LIMIT, DISTINCT, GROUP BY")
        types = [type_ for _, type_ in columns]
        second = self._select(step, parent, {**ctes, name: (label, columns)}, types)
        union = "UNION" if body.args.get("distinct") else "UNION ALL"
        initial = ", ".join(collated(f"c{n}", t) + f" AS c{n}" for n, t in enumerate(types, 1))
        return columns, f"SELECT {initial} FROM ({first.sql}) {union} {second.sql}"

    def _set_operation(
        self, node: exp.SetOperation, parent: Scope | None, ctes: CTEs, want: list[str] | None
    ) -> Compound:
        only(node, "this", "expression", "distinct", "with_", "order", "limit", "offset")
        word = {exp.Union: "UNION", exp.Intersect: "INTERSECT", exp.Except: "EXCEPT"}[type(node)]
        if not node.args.get("distinct"):
            if word != "UNION":
                raise QueryError(f"{word} ALL is not supported")
            word = "UNION ALL"
        left, right = self._branches(node, parent, ctes, want)
        # The left branch's collations decide which rows are equal.
        types = [type_ for _, type_ in left.columns]
        listed = ", ".join(collated(f"c{n}", t) + f" AS c{n}" for n, t in enumerate(types, 1))
        sql = f"SELECT {listed} FROM ({left.sql}) {word} SELECT * FROM ({right.sql})"
        made = Compound(sql, left.columns)
        return made._replace(sql=self._ordered_output(made, node))

    def _branches(
        self, node: exp.SetOperation, parent: Scope | None, ctes: CTEs, want: list[str] | None
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

    def _values(self, node: exp.Values, parent: Scope | None, ctes: CTEs, want: list[str] | None) -> Compound:
        only(node, "expressions", "alias", "order", "limit", "offset")
        if any(node.args.get(k) for k in ("order", "limit", "offset")):
            raise QueryError("ORDER BY and LIMIT on VALUES are not supported: select from it")
        scope = Scope(parent, ctes, clause="VALUES")
        rows = [[self.expr(item, scope) for item in items_of(row)] for row in node.expressions]
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

    def _ordered_output(self, made: Compound, node: exp.Expression) -> str:
        """ORDER BY, LIMIT and OFFSET over finished columns, which are all they may name."""
        order, limit = node.args.get("order"), self._limit(node)
        if not order and not limit:
            return made.sql
        scope = Scope(
            None,
            {},
            [Relation(None, [Column(name, t, f"c{n}") for n, (name, t) in enumerate(made.columns, 1)])],
        )
        keys = []
        for item in order.expressions if order else ():
            place = self._ordinal(item.this, len(made.columns), "ORDER BY")
            if place is None and not (isinstance(item.this, exp.Column) and not item.this.args.get("table")):
                raise QueryError("ORDER BY of a UNION, INTERSECT or EXCEPT takes output columns only")
            key = Expr(f"c{place}", made.columns[place - 1][1]) if place else self.expr(item.this, scope)
            keys.append(self._order_key(key, item))
        listed = ", ".join(f"c{n}" for n in range(1, len(made.columns) + 1))
        return f"SELECT {listed} FROM ({made.sql}){' ORDER BY ' + ', '.join(keys) if keys else ''}{limit}"

    def _limit(self, node: exp.Expression) -> str:
        limit, offset = node.args.get("limit"), node.args.get("offset")
        if isinstance(limit, exp.Fetch):
            options = limit.args.get("limit_options")
            if options is not None and (options.args.get("percent") or options.args.get("with_ties")):
                raise QueryError("FETCH … PERCENT and WITH TIES are not supported")
            count = limit.args.get("count") or exp.Literal.number(1)
        else:
            if limit is not None:
                only(limit, "expression")
            count = limit.expression if limit is not None else None
        if isinstance(count, exp.Var | exp.Null) and (isinstance(count, exp.Null) or count.name.upper() == "ALL"):
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
            count = values.parse("integer", value.literal) if value.literal is not None else self._bound_value(value)
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

    def _select(self, node: exp.Select, parent: Scope | None, ctes: CTEs, want: list[str] | None) -> Compound:
        only(
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
        scope = Scope(parent, ctes)
        source = self._from(node, scope)
        scope.windows = {name_of(window.this): window for window in node.args.get("windows") or ()}
        where = self._condition(node.args.get("where"), scope, "WHERE")
        items = self._expand(node, scope)
        groups = self._groups(node, scope, items)

        scope.clause, scope.free = "SELECT", []
        made = [item if isinstance(item, Expr) else self.expr(item, scope) for item, _ in items]
        if want is not None:
            if len(want) != len(made):
                raise QueryError("each UNION query must have the same number of columns")
            for item, type_ in zip(made, want, strict=True):
                if item.type not in (type_, "unknown") and (item.type, type_) not in IMPLICIT:
                    raise QueryError(f"column types do not match: {pg_name(item.type)} and {pg_name(type_)}")
        types = want or [item.type for item in made]
        made = [
            self.coerce(item, "text")._replace(type="unknown") if type_ == "unknown" else self.coerce(item, type_)
            for item, type_ in zip(made, types, strict=True)
        ]
        names = [name for _, name in items]
        having = self._condition(node.args.get("having"), scope, "HAVING")
        scope.clause = "ORDER BY"
        order = [(self._order_item(item.this, made, names, scope), item) for item in order_of(node)]

        if groups or scope.aggregated or having:
            self._check_grouped(scope)
        distinct = node.args.get("distinct")
        keys = [self._order_key(key, item) for key, item in order]
        tail = source + where + (f" GROUP BY {', '.join(groups)}" if groups else "") + having
        columns = list(zip(names, types, strict=True))
        limit = self._limit(node)
        if distinct is not None and distinct.args.get("on"):
            return Compound(self._distinct_on(distinct, made, order, tail, scope) + limit, columns)
        listed = [f"{collated(item.sql, item.type)} AS c{n}" for n, item in enumerate(made, 1)] or ["1 AS c1"]
        if distinct is not None:
            only(distinct)
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
    ) -> str:
        on = [self.expr(item, scope) for item in items_of(distinct.args["on"])]
        leading = {key.sql for key, _ in order[: len(on)]}
        if order and not leading <= {item.sql for item in on}:
            raise QueryError("SELECT DISTINCT ON expressions must match initial ORDER BY expressions")
        partition = ", ".join(collated(item.sql, item.type) for item in on)
        sorted_by = f" ORDER BY {', '.join(self._order_key(key, item) for key, item in order)}" if order else ""
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
                only(star)
                items += self._star(item, scope)
            elif isinstance(item, exp.Alias):
                items.append((item.this, name_of(item.args["alias"])))
            else:
                items.append((item, output_name(item)))
        return items

    def _star(self, item: exp.Expression, scope: Scope) -> list[tuple[Any, str]]:
        if isinstance(item, exp.Column):
            relation = self._relation(item, scope)
            return [(exp.Column(this=Resolved((scope, relation, column))), column.name) for column in relation.columns]
        if not scope.relations:
            raise QueryError("SELECT * with no tables specified is not valid")
        found: list[tuple[Any, str]] = [(exp.Column(this=Resolved(("merged", name))), name) for name in scope.merged]
        for relation in scope.relations:
            found += [
                (exp.Column(this=Resolved((scope, relation, column))), column.name)
                for column in relation.columns
                if column.name not in scope.merged
            ]
        return found

    def _groups(self, node: exp.Select, scope: Scope, items: list[tuple[Any, str]]) -> list[str]:
        group = node.args.get("group")
        if group is None:
            return []
        only(group, "expressions")
        scope.clause = "GROUP BY"
        made = []
        for item in group.expressions:
            if isinstance(item, exp.Rollup | exp.Cube | exp.GroupingSets | exp.Tuple):
                raise QueryError("GROUP BY takes plain expressions: ROLLUP, CUBE and GROUPING SETS are not supported")
            place = self._ordinal(item, len(items), "GROUP BY")
            target = items[place - 1][0] if place else self._group_target(item, scope, items)
            made.append(self.expr(target, scope))
        scope.groups = {item.sql for item in made}
        return [collated(item.sql, item.type) for item in made]

    def _group_target(self, item: exp.Expression, scope: Scope, items: list[tuple[Any, str]]) -> exp.Expression:
        """A bare name is an input column first, an output column second."""
        if isinstance(item, exp.Column) and not item.args.get("table"):
            name = name_of(item.this)
            inputs = name in scope.merged or any(c.name == name for r in scope.relations for c in r.columns)
            outputs = [target for target, output in items if output == name]
            if not inputs and len(outputs) == 1:
                return outputs[0]
        return item

    def _order_item(self, node: exp.Expression, made: list[Expr], names: list[str], scope: Scope) -> Expr:
        """A bare name is an output column first, an input column second."""
        place = self._ordinal(node, len(made), "ORDER BY")
        if place:
            return made[place - 1]
        if isinstance(node, exp.Column) and not node.args.get("table"):
            outputs = {item.sql: item for item, name in zip(made, names, strict=True) if name == name_of(node.this)}
            if len(outputs) > 1:
                raise QueryError(f'ORDER BY "{name_of(node.this)}" is ambiguous')
            if outputs:
                return next(iter(outputs.values()))
        return self.expr(node, scope)

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
        only(item, "this", "desc", "nulls_first")
        if key.type == "json" or is_array(key.type):
            raise QueryError(f"ordering by {pg_name(key.type)} is not supported")
        # sqlglot states PostgreSQL's default in nulls_first: NULLs count as largest.
        nulls = "FIRST" if item.args.get("nulls_first") else "LAST"
        return f"{collated(key.sql, key.type)} {'DESC' if item.args.get('desc') else 'ASC'} NULLS {nulls}"

    def _condition(self, node: exp.Expression | None, scope: Scope, clause: str) -> str:
        if node is None:
            return ""
        scope.clause = clause
        return f" {clause} {self._boolean(node.this, scope, clause).sql}"

    def _boolean(self, node: exp.Expression, scope: Scope, where: str) -> Expr:
        value = self.expr(node, scope)
        if value.type not in ("boolean", "unknown"):
            raise QueryError(f"argument of {where} must be type boolean, not type {pg_name(value.type)}")
        return self.coerce(value, "boolean")
