"""Types: what is converted unasked, by a cast or not at all; which of a function's forms a call means."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import values
from .functions import CASTS, FUNCTIONS, Function
from .scopes import Expr
from .values import QueryError, is_array, pg_name

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


def cost(source: str, target: str) -> float | None:
    if source == target or (target == "anyarray" and is_array(source)):
        return 0
    if source == "unknown":
        return None if target == "anyarray" else 0.5 if target == "text" else 1
    if (source, target) in IMPLICIT:
        return 1.5 if target == "float" else 1
    return None


class Conversions:
    """The part of the compiler that makes one type of another, and chooses functions by type."""

    def bind(self, value: Any) -> str:
        if value is None:
            return "NULL"
        return f"?{self.bindings.setdefault((type(value), value), len(self.bindings) + 1)}"

    def fresh(self) -> str:
        self.count += 1
        return f"t{self.count}"

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

    def _resolve(self, name: str, candidates: list[Function], arguments: list[Expr]) -> tuple[Function, list[Expr]]:
        best: tuple[float, Function] | None = None
        for function in candidates:
            if len(function.arguments) != len(arguments):
                continue
            costs = [cost(item.type, type_) for item, type_ in zip(arguments, function.arguments, strict=True)]
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
