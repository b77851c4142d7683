"""Expressions: literals, columns, subqueries, comparisons, CASE, casts, arrays, calls in disguise."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from . import values
from .scopes import Expr, Relation, Resolved, Scope, collated, enclosing, nearest
from .syntax import construct, name_of, only, type_of
from .values import QueryError, element_type, is_array, pg_name

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


class Expressions:
    """The part of the compiler that reads expressions; each method is in the compiler's HANDLERS."""

    def _literal(self, node: exp.Literal, scope: Scope) -> Expr:
        if node.is_string:
            if "\x00" in node.this:
                raise QueryError("a NUL character is not allowed in text")
            return Expr("", "unknown", node.this)
        text = node.this
        if text.isdigit() and text.isascii() and len(text) < 20 and int(text) < 2**63:
            return Expr(self.bind(int(text)), "integer")
        return self.coerce(Expr("", "unknown", text), "numeric")

    def _raw_string(self, node: exp.RawString, scope: Scope) -> Expr:
        return self._literal(exp.Literal.string(node.this), scope)

    def _null(self, node: exp.Null, scope: Scope) -> Expr:
        return Expr("NULL", "unknown")

    def _true_or_false(self, node: exp.Boolean, scope: Scope) -> Expr:
        return Expr(self.bind(int(node.this)), "boolean")

    def _adjacent(self, node: exp.Concat, scope: Scope) -> Expr:
        raise QueryError("adjacent string literals are not supported: use ||")

    def _parameter_node(self, node: exp.Parameter, scope: Scope) -> Expr:
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
        raise QueryError(f"parameter ${number} must be a text without NUL, a number, a boolean or null", "parameters")

    def _paren(self, node: exp.Paren, scope: Scope) -> Expr:
        only(node, "this")
        return self.expr(node.this, scope)

    def _column(self, node: exp.Column, scope: Scope) -> Expr:
        only(node, "this", "table", "db")
        if isinstance(node.this, Resolved):
            return self._resolved(node.this.target, scope)
        if isinstance(node.this, exp.Star):
            raise QueryError("* is not valid here")
        name = name_of(node.this)
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
        for at in enclosing(scope):
            for relation in at.relations:
                # The name of a function of one column also stands for that column.
                if relation.function and relation.name == name:
                    return self._resolved((at, relation, relation.columns[0]), scope)
        visible = [column.name for s in enclosing(scope) for relation in s.relations for column in relation.columns]
        table = node.args.get("table")
        shown = f"{name_of(table)}.{name}" if table is not None else f'"{name}"'
        raise QueryError(f"column {shown} does not exist{nearest(name, visible)}")

    def _find(self, name: str, node: exp.Column, scope: Scope) -> Expr | None:
        table = node.args.get("table")
        if table is None and name in scope.merged:
            made = scope.merged[name]
            scope.free.append((made.sql, name, None))
            return made
        relations = [r for r in scope.relations if table is None or r.name == name_of(table)]
        if table is not None and relations and node.args.get("db") and name_of(node.args["db"]) != "public":
            relations = []
        found = [(relation, column) for relation in relations for column in relation.columns if column.name == name]
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
        at.free.append((column.sql, f"{relation.name}.{column.name}" if relation.name else column.name, relation))
        return Expr(column.sql, column.type)

    def _relation(self, node: exp.Column, scope: Scope) -> Relation:
        name = name_of(node.args["table"])
        for at in enclosing(scope):
            for relation in at.relations:
                if relation.name == name:
                    return relation
        known = [relation.name for at in enclosing(scope) for relation in at.relations if relation.name]
        raise QueryError(f'missing FROM-clause entry for table "{name}"{nearest(name, known)}')

    def _subquery(self, node: exp.Subquery, scope: Scope) -> Expr:
        if not isinstance(node.this, exp.Query):
            raise QueryError(f"{construct(node.this)} is not supported")
        made = self.query(node, scope, scope.ctes)
        if len(made.columns) != 1:
            raise QueryError("subquery must return only one column")
        return Expr(
            f"(SELECT pg_single(c1) FROM ({made.sql}))",
            "text" if made.columns[0][1] == "unknown" else made.columns[0][1],
        )

    def _exists(self, node: exp.Exists, scope: Scope) -> Expr:
        only(node, "this")
        return Expr(f"EXISTS ({self.query(node.this, scope, scope.ctes).sql})", "boolean")

    def _and_or(self, node: exp.Connector, scope: Scope) -> Expr:
        word = "AND" if isinstance(node, exp.And) else "OR"
        # A long chain leans left: it is walked, not recursed into.
        operands = list(node.flatten(unnest=False))
        made = [self._boolean(operand, scope, word).sql for operand in operands]
        return Expr(f"({f' {word} '.join(made)})", "boolean")

    def _not(self, node: exp.Not, scope: Scope) -> Expr:
        return Expr(f"(NOT {self._boolean(node.this, scope, 'NOT').sql})", "boolean")

    def _minus(self, node: exp.Neg, scope: Scope) -> Expr:
        return self._operator("-", [self.expr(node.this, scope)])

    def _comparison(self, operator: str, node: exp.Binary, scope: Scope) -> Expr:
        left, right = node.this, node.expression
        if isinstance(right, exp.Any) or (isinstance(right, exp.Anonymous) and right.name.lower() in ("all", "some")):
            return self._quantified(operator, left, right, scope)
        return self._compare(operator, self.expr(left, scope), self.expr(right, scope))

    def _compare(self, operator: str, left: Expr, right: Expr) -> Expr:
        a, b = self._matched(left, right, operator)
        if operator not in ("=", "<>", "IS", "IS NOT") and (a.type == "json" or is_array(a.type)):
            raise QueryError(f"{operator} on {pg_name(a.type)} is not supported")
        return Expr(f"({collated(a.sql, a.type)} {operator} {b.sql})", "boolean")

    def _matched(self, left: Expr, right: Expr, operator: str) -> tuple[Expr, Expr]:
        type_ = self._common_or_none([left.type, right.type])
        if type_ is None:
            raise QueryError(
                f"operator does not exist: {pg_name(left.type)} {operator} {pg_name(right.type)}: add a cast"
            )
        return self.coerce(left, type_), self.coerce(right, type_)

    def _quantified(self, operator: str, left: exp.Expression, right: exp.Expression, scope: Scope) -> Expr:
        word = "all" if isinstance(right, exp.Anonymous) and right.name.lower() == "all" else "any"
        inner = right.expressions[0] if isinstance(right, exp.Anonymous) else right.this
        while isinstance(inner, exp.Paren):
            inner = inner.this
        if isinstance(inner, exp.Query) and not (
            isinstance(inner, exp.Subquery) and not isinstance(inner.this, exp.Query)
        ):
            if (operator, word) not in (("=", "any"), ("<>", "all")):
                raise QueryError(f"{operator} {word.upper()} (subquery) is not supported")
            return self._in_query(left, inner, scope, negate=word == "all")
        value, array = self.expr(left, scope), self.expr(inner, scope)
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
                f"operator does not exist: {pg_name(value.type)} {operator} {pg_name(element_type(array.type))}"
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

    def _in(self, node: exp.In, scope: Scope) -> Expr:
        only(node, "this", "expressions", "query")
        if node.args.get("query") is not None:
            return self._in_query(node.this, node.args["query"], scope, negate=False)
        items = [self.expr(item, scope) for item in (node.this, *node.expressions)]
        if len(items) == 1:
            raise QueryError("IN needs at least one value")
        type_ = self._common([item.type for item in items], "IN types")
        first, *rest = (self.coerce(item, type_) for item in items)
        return Expr(f"({collated(first.sql, type_)} IN ({', '.join(item.sql for item in rest)}))", "boolean")

    def _in_query(self, left: exp.Expression, query: exp.Expression, scope: Scope, negate: bool) -> Expr:
        value = self.expr(left, scope)
        made = self.query(query, scope, scope.ctes)
        if len(made.columns) != 1:
            raise QueryError("subquery has too many columns")
        made = self._settled(made)
        first, second = self._matched(value, Expr("c1", made.columns[0][1]), "=")
        word = "NOT IN" if negate else "IN"
        return Expr(f"({collated(first.sql, first.type)} {word} (SELECT {second.sql} FROM ({made.sql})))", "boolean")

    def _between(self, node: exp.Between, scope: Scope) -> Expr:
        only(node, "this", "low", "high")
        value, low, high = (self.expr(node.args[k], scope) for k in ("this", "low", "high"))
        return Expr(f"({self._compare('>=', value, low).sql} AND {self._compare('<=', value, high).sql})", "boolean")

    def _is(self, node: exp.Is, scope: Scope) -> Expr:
        only(node, "this", "expression", "negate")
        word = "IS NOT" if node.args.get("negate") else "IS"
        if isinstance(node.expression, exp.Null):
            return Expr(f"({self.coerce(self.expr(node.this, scope), None).sql} {word} NULL)", "boolean")
        if not isinstance(node.expression, exp.Boolean):
            raise QueryError(f"IS {construct(node.expression)} is not supported")
        value = self._boolean(node.this, scope, "IS")
        return Expr(f"({value.sql} {word} {int(node.expression.this)})", "boolean")

    def _distinct_from(self, node: exp.Binary, scope: Scope) -> Expr:
        word = "IS" if isinstance(node, exp.NullSafeEQ) else "IS NOT"
        return self._compare(word, self.expr(node.this, scope), self.expr(node.expression, scope))

    def _like(self, node: exp.Expression, scope: Scope) -> Expr:
        escape, negate = "\\", False
        if isinstance(node, exp.Escape):
            if not isinstance(node.expression, exp.Literal):
                raise QueryError("ESCAPE takes a text")
            escape, node, negate = node.expression.name, node.this, bool(node.args.get("negate"))
        if not isinstance(node, exp.Like | exp.ILike):
            raise QueryError("ESCAPE is for LIKE and ILIKE")
        only(node, "this", "expression", "negate")
        if isinstance(node.expression, exp.Any | exp.Anonymous) and not isinstance(node.expression, exp.Anonymous):
            raise QueryError("LIKE ANY is not supported")
        name = "like" if isinstance(node, exp.Like) else "ilike"
        arguments = [
            self.expr(node.this, scope),
            self.expr(node.expression, scope),
            Expr("", "unknown", escape),
        ]
        made = self._call(name, arguments)
        return Expr(f"(NOT {made.sql})", "boolean") if negate != bool(node.args.get("negate")) else made

    def _case(self, node: exp.Case, scope: Scope) -> Expr:
        only(node, "this", "ifs", "default")
        subject = self.expr(node.this, scope) if node.this is not None else None
        conditions, results = [], []
        for branch in node.args["ifs"]:
            if subject is None:
                conditions.append(self._boolean(branch.this, scope, "CASE/WHEN").sql)
            else:
                conditions.append(self._compare("=", subject, self.expr(branch.this, scope)).sql)
            results.append(self.expr(branch.args["true"], scope))
        default = node.args.get("default")
        results.append(self.expr(default, scope) if default is not None else Expr("NULL", "unknown"))
        type_ = self._common([item.type for item in results], "CASE types")
        *made, last = (self.coerce(item, type_).sql for item in results)
        body = " ".join(f"WHEN {when} THEN {then}" for when, then in zip(conditions, made, strict=True))
        return Expr(f"CASE {body} ELSE {last} END", type_)

    def _pipe(self, node: exp.DPipe, scope: Scope) -> Expr:
        left, right = self.expr(node.this, scope), self.expr(node.expression, scope)
        for operand in (left, right):
            if is_array(operand.type) or operand.type == "json":
                raise QueryError(f"|| on {pg_name(operand.type)} is not supported")
        if not {left.type, right.type} & {"text", "unknown"}:
            raise QueryError(f"operator does not exist: {pg_name(left.type)} || {pg_name(right.type)}: add a cast")
        return self._operator("||", [self.cast(left, "text"), self.cast(right, "text")])

    def _cast(self, node: exp.Cast, scope: Scope) -> Expr:
        only(node, "this", "to")
        to = node.args["to"]
        target = type_of(to)
        if isinstance(node.this, exp.Array) and is_array(target):
            made = self._array(node.this, scope, element_type(target))
        else:
            made = self.cast(self.expr(node.this, scope), target)
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

    def _json_literal(self, node: exp.ParseJSON, scope: Scope) -> Expr:
        return self.cast(self.expr(node.this, scope), "json")

    def _interval(self, node: exp.Interval, scope: Scope) -> Expr:
        if not isinstance(node.this, exp.Literal) or not isinstance(node.args.get("unit"), exp.Var | None):
            raise QueryError("this interval is not supported: write interval '3 days'")
        unit = node.args.get("unit")
        if unit is None or not node.this.name.strip().lstrip("+-").isdigit():
            raise QueryError("this interval is not supported: write interval '3 days'")
        return self.coerce(Expr("", "unknown", f"{node.this.name} {unit.name}"), "interval")

    def _clock(self, node: exp.Expression, scope: Scope) -> Expr:
        if node.args.get("this") is not None:
            raise QueryError("a precision or zone here is not supported")
        moment = values.encode("timestamptz", self.now)
        if isinstance(node, exp.CurrentDate):
            return Expr(self.bind(moment[:10]), "date")
        return Expr(self.bind(moment), "timestamp" if isinstance(node, exp.Localtimestamp) else "timestamptz")

    def _extract(self, node: exp.Extract, scope: Scope) -> Expr:
        return self._call("extract", [Expr("", "unknown", node.this.name), self.expr(node.expression, scope)])

    def _position(self, node: exp.StrPosition, scope: Scope) -> Expr:
        only(node, "this", "substr")
        return self._call("strpos", [self.expr(node.this, scope), self.expr(node.args["substr"], scope)])

    def _substring(self, node: exp.Substring, scope: Scope) -> Expr:
        only(node, "this", "start", "length")
        start = node.args.get("start") or exp.Literal.number(1)
        parts = [node.this, start] + ([node.args["length"]] if node.args.get("length") is not None else [])
        return self._call("substring", [self.expr(part, scope) for part in parts])

    def _trim(self, node: exp.Trim, scope: Scope) -> Expr:
        only(node, "this", "expression", "position")
        name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or "").upper(), "btrim")
        parts = [node.this] + ([node.expression] if node.args.get("expression") is not None else [])
        return self._call(name, [self.expr(part, scope) for part in parts])

    def _at_time_zone(self, node: exp.AtTimeZone, scope: Scope) -> Expr:
        value = self.expr(node.this, scope)
        zone = node.args["zone"]
        if not isinstance(zone, exp.Literal) or zone.name.upper() not in ("UTC", "GMT", "ETC/UTC"):
            raise QueryError("AT TIME ZONE takes 'UTC' only")
        if value.type == "timestamp":
            return Expr(value.sql, "timestamptz")
        return Expr(self.coerce(value, "timestamptz").sql, "timestamp")

    def _array(self, node: exp.Array, scope: Scope, type_: str | None = None) -> Expr:
        items = [self.expr(item, scope) for item in node.expressions]
        if not items and type_ is None:
            raise QueryError("cannot determine type of empty array: cast it, as in ARRAY[]::text[]")
        if any(is_array(item.type) for item in items):
            raise QueryError("multidimensional arrays are not supported")
        type_ = type_ or self._common([item.type for item in items], "ARRAY types")
        return Expr(f"pg_make_array({', '.join(self.cast(item, type_).sql for item in items)})", f"{type_}[]")

    def _bracket(self, node: exp.Bracket, scope: Scope) -> Expr:
        only(node, "this", "expressions", "offset", "safe")
        array = self.expr(node.this, scope)
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

    def _containment(self, node: exp.Binary, scope: Scope) -> Expr:
        left, right = self.expr(node.this, scope), self.expr(node.expression, scope)
        operator = {exp.ArrayContainsAll: "@>", exp.ArrayContainedBy: "<@", exp.ArrayOverlaps: "&&"}[type(node)]
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
            f"pg_array_overlap({self.bind(element_type(type_))}, {self.bind(operator)}, {left.sql}, {right.sql})",
            "boolean",
        )
