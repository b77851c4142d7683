"""Aggregates, ordered sets and windows."""

from __future__ import annotations

import json
from collections.abc import Callable

from sqlglot import exp

from .scopes import Expr, Scope, collated
from .syntax import construct, name_of, only
from .values import QueryError, is_array, pg_name

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


class Aggregates:
    """The part of the compiler that reads what is computed of many rows."""

    def _filter(self, node: exp.Filter, scope: Scope) -> Expr:
        call = node.this
        inner = call.this if isinstance(call, exp.WithinGroup) else call
        if not isinstance(inner, exp.Anonymous) or inner.name.lower() not in AGGREGATE_NAMES:
            raise QueryError("FILTER is for aggregate functions")
        if isinstance(call, exp.WithinGroup):
            return self._within_group(call, scope, node.expression)
        return self._aggregate(inner, inner.name.lower(), scope, node.expression)

    def _aggregate(
        self,
        node: exp.Anonymous,
        name: str,
        scope: Scope,
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
            lambda: self._aggregate_call(name, arguments, distinct, order, scope, where, over),
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
        where: exp.Where | None,
        over: str,
    ) -> Expr:
        tail = f" FILTER (WHERE {self._boolean(where.this, scope, 'FILTER').sql})" if where is not None else ""
        tail += over
        word = "DISTINCT " if distinct else ""
        if name == "count" and len(arguments) == 1 and isinstance(arguments[0], exp.Star):
            return Expr(f"count(*){tail}", "integer")
        made = [self.expr(item, scope) for item in arguments]
        if name in ("percentile_cont", "percentile_disc", "mode"):
            raise QueryError(f"{name} needs WITHIN GROUP (ORDER BY …)")
        if len(made) != (2 if name == "string_agg" else 1):
            raise QueryError(f"{name} takes {'a text and a delimiter' if name == 'string_agg' else 'one argument'}")
        value = made[0] if made[0].type != "unknown" else self.coerce(made[0], "text")
        if name in ("string_agg", "array_agg", "jsonb_agg", "json_agg"):
            return self._collect(name, value, made[1] if len(made) > 1 else None, distinct, order, scope, tail)
        sql, type_ = collated(value.sql, value.type), value.type
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
        tail: str,
    ) -> Expr:
        if name == "string_agg" and value.type != "text":
            raise QueryError(f"function string_agg({pg_name(value.type)}, …) does not exist: cast it to text")
        if name == "array_agg" and is_array(value.type):
            raise QueryError("multidimensional arrays are not supported")
        keys = [(self.expr(item.this, scope), item) for item in order]
        keys = [(self.coerce(key, "text") if key.type == "unknown" else key, item) for key, item in keys]
        if distinct and any(key.sql != value.sql for key, _ in keys):
            raise QueryError("in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list")
        plain = [(key.type, bool(item.args.get("desc")), bool(item.args.get("nulls_first"))) for key, item in keys]
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

    def _within_group(self, node: exp.WithinGroup, scope: Scope, where: exp.Where | None = None) -> Expr:
        call, order = node.this, node.expression
        name = call.name.lower() if isinstance(call, exp.Anonymous) else ""
        if (
            name not in ("percentile_cont", "percentile_disc", "mode")
            or not isinstance(order, exp.Order)
            or len(order.expressions) != 1
        ):
            raise QueryError("WITHIN GROUP is for percentile_cont, percentile_disc and mode, over one expression")
        if len(call.expressions) != (0 if name == "mode" else 1):
            raise QueryError(f"{name} takes {'no argument' if name == 'mode' else 'one fraction'}")
        return self._inside(
            scope,
            name,
            False,
            lambda: self._ordered_set(name, call, order.expressions[0], scope, where),
        )

    def _ordered_set(
        self,
        name: str,
        call: exp.Anonymous,
        item: exp.Ordered,
        scope: Scope,
        where: exp.Where | None,
    ) -> Expr:
        tail = f" FILTER (WHERE {self._boolean(where.this, scope, 'FILTER').sql})" if where is not None else ""
        value = self.expr(item.this, scope)
        value = self.coerce(value, "float") if name == "percentile_cont" else value
        if value.type == "json" or is_array(value.type) or value.type == "unknown":
            raise QueryError(f"{name} of {pg_name(value.type)} is not supported")
        fraction = self.coerce(self.expr(call.expressions[0], scope), "float").sql if call.expressions else "NULL"
        keys = [(value.type, bool(item.args.get("desc")), False)]
        plan = self.bind(json.dumps({"kind": name, "type": value.type, "distinct": False, "keys": keys}))
        return Expr(f"pg_collect({plan}, {value.sql}, {fraction}, {value.sql}){tail}", value.type)

    def _window(self, node: exp.Window, scope: Scope) -> Expr:
        only(node, "this", "partition_by", "order", "spec", "alias", "over")
        if scope.clause not in ("SELECT", "ORDER BY"):
            raise QueryError(f"window functions are not allowed in {scope.clause}")
        if scope.inside:
            raise QueryError("aggregate function calls cannot contain window function calls")
        over = f" OVER ({self._window_clause(node, scope)})"
        call, where = node.this, None
        if isinstance(call, exp.Filter):
            call, where = call.this, call.expression
        if not isinstance(call, exp.Anonymous):
            raise QueryError(f"{construct(call)} is not supported as a window function")
        name = call.name.lower()
        if name in AGGREGATE_NAMES:
            return self._aggregate(call, name, scope, where, over)
        if name not in WINDOW_FUNCTIONS or where is not None:
            raise QueryError(f"OVER is not supported for {name}")
        made = [self.expr(item, scope) for item in call.expressions]
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

    def _window_clause(self, node: exp.Window, scope: Scope) -> str:
        named = node.args.get("alias")
        if named is not None:
            if any(node.args.get(k) for k in ("partition_by", "order", "spec")):
                raise QueryError("a window that extends another is not supported")
            if name_of(named) not in scope.windows:
                raise QueryError(f'window "{name_of(named)}" does not exist')
            node = scope.windows[name_of(named)]
            if node.args.get("alias") is not None:
                raise QueryError("a window that extends another is not supported")
        parts, order_types = [], []
        partition = [self.expr(item, scope) for item in node.args.get("partition_by") or ()]
        if partition:
            parts.append("PARTITION BY " + ", ".join(collated(item.sql, item.type) for item in partition))
        keys = []
        for item in node.args["order"].expressions if node.args.get("order") else ():
            key = self.expr(item.this, scope)
            order_types.append(key.type)
            keys.append(self._order_key(key, item))
        if keys:
            parts.append("ORDER BY " + ", ".join(keys))
        if node.args.get("spec") is not None:
            parts.append(self._frame(node.args["spec"], order_types, scope))
        return " ".join(parts)

    def _frame(self, spec: exp.WindowSpec, order_types: list[str], scope: Scope) -> str:
        only(spec, "kind", "start", "start_side", "end", "end_side")
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
