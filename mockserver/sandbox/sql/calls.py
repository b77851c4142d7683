"""Function calls: those of fixed types are looked up, those that take any type are compiled here."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from . import values
from .aggregates import AGGREGATE_NAMES, WINDOW_FUNCTIONS
from .functions import FUNCTIONS, SETS
from .scopes import Expr, Scope, nearest
from .syntax import name_of
from .values import QueryError, is_array, pg_name


class Calls:
    """The part of the compiler that reads function calls."""

    def _function(self, node: exp.Anonymous, scope: Scope) -> Expr:
        name = name_of(node.this) if isinstance(node.this, exp.Identifier) else str(node.this).lower()
        if name in AGGREGATE_NAMES:
            return self._aggregate(node, name, scope)
        if name in WINDOW_FUNCTIONS:
            raise QueryError(f"window function {name} requires an OVER clause")
        if name == "unnest" or (name in SETS and name not in FUNCTIONS):
            raise QueryError(f"{name} answers rows: use it in FROM")
        if name == "array" and len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Query):
            raise QueryError("ARRAY(subquery) is not supported: use (SELECT array_agg(…) …)")
        if name not in FUNCTIONS and name not in SPECIALS:
            known = [*FUNCTIONS, *SPECIALS, *AGGREGATE_NAMES, *WINDOW_FUNCTIONS]
            raise QueryError(f"function {name} does not exist or is not supported{nearest(name, known)}")
        arguments = [self.expr(item, scope) for item in node.expressions]
        special = SPECIALS.get(name)
        return special(self, name, arguments) if special else self._call(name, arguments)

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
        return Expr(f"CASE WHEN {self._compare('=', *arguments).sql} THEN NULL ELSE {first.sql} END", first.type)

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
        made = [self.cast(item, "text") if n % 2 == 0 else self._jsonb(item) for n, item in enumerate(arguments)]
        return Expr(f"pg_build_object({', '.join(item.sql for item in made)})", "json")


SPECIALS: dict[str, Callable[..., Expr]] = {
    "now": Calls._now,
    "coalesce": Calls._coalesce,
    "nullif": Calls._nullif,
    "greatest": Calls._greatest,
    "least": Calls._greatest,
    "concat": Calls._concat,
    "concat_ws": Calls._concat,
    "to_jsonb": Calls._to_jsonb,
    "to_json": Calls._to_jsonb,
    **dict.fromkeys(["jsonb_build_object", "json_build_object", "jsonb_build_array", "json_build_array"], Calls._build),
}
