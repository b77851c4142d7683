"""FROM: tables, subqueries, functions answering rows, and the joins between them."""

from __future__ import annotations

from sqlglot import exp

from .functions import SETS
from .scopes import Column, Compound, Expr, Relation, Scope, aliased, labelled, nearest
from .syntax import column_aliases, construct, name_of, only
from .values import QueryError, element_type, is_array, pg_name

COLUMN_TYPES = {"timestamp": "timestamptz"}


class Sources:
    """The part of the compiler that reads FROM."""

    def _from(self, node: exp.Select, scope: Scope) -> str:
        source = node.args.get("from_")
        if source is None:
            if node.args.get("joins") or node.args.get("laterals"):
                raise QueryError("a join needs a FROM")
            return ""
        if node.args.get("laterals"):
            raise QueryError("LATERAL in this place is not supported")
        only(source, "this")
        first = source.this
        sql = [" FROM ", self._relation_sql(first, scope)]
        joins = [*(first.args.get("joins") or ()), *(node.args.get("joins") or ())]
        comma = False
        for join in joins:
            sql.append(self._join(join, scope, comma))
            comma = comma or not any(join.args.get(k) for k in ("side", "kind", "on", "using", "method"))
        return "".join(sql)

    def _join(self, join: exp.Join, scope: Scope, comma: bool) -> str:
        only(join, "this", "side", "kind", "on", "using", "method")
        side, kind, method = (str(join.args.get(k) or "").upper() for k in ("side", "kind", "method"))
        if kind not in ("", "INNER", "OUTER", "CROSS") or method not in ("", "NATURAL"):
            raise QueryError(f"{method or kind} JOIN is not supported")
        if comma and side in ("RIGHT", "FULL"):
            raise QueryError(f"{side} JOIN after a comma in FROM is not supported: write CROSS JOIN or a subquery")
        left = list(scope.relations)
        right_sql = self._relation_sql(join.this, scope)
        right = scope.relations[-1]
        using = [name_of(column) for column in join.args.get("using") or ()]
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
        return f"{words}{right_sql} ON {self._boolean(on, scope, 'JOIN/ON').sql}"

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

    def _relation_sql(self, node: exp.Expression, scope: Scope) -> str:
        """Adds what `node` names to the scope and gives its SQL."""
        if isinstance(node, exp.Lateral):
            only(node, "this", "alias", "ordinality")
            if not isinstance(node.this, exp.Anonymous | exp.Unnest):
                raise QueryError("LATERAL subqueries are not supported: use a join or a subquery in the select list")
            return self._set_function(node.this, node, bool(node.args.get("ordinality")), scope)
        if isinstance(node, exp.Unnest):
            only(node, "expressions", "alias", "offset")
            if len(node.expressions) != 1:
                raise QueryError("unnest takes one array")
            return self._set_function(node, node, bool(node.args.get("offset")), scope)
        if isinstance(node, exp.Subquery | exp.Values):
            return self._derived(node, scope)
        if not isinstance(node, exp.Table):
            raise QueryError(f"{construct(node)} is not supported in FROM")
        if isinstance(node.this, exp.Anonymous):
            only(node, "this", "alias", "ordinality")
            return self._set_function(node.this, node, bool(node.args.get("ordinality")), scope)
        only(node, "this", "alias", "db", "joins")
        return self._table(node, scope)

    def _derived(self, node: exp.Expression, scope: Scope) -> str:
        if isinstance(node, exp.Subquery):
            only(node, "this", "alias", "joins")
            if not isinstance(node.this, exp.Query):
                raise QueryError("parentheses around a join are not supported: join in the order written")
            made = self.query(node.this, scope.parent, scope.ctes)
        else:
            made = self._values(node, scope.parent, scope.ctes, None)
        alias = node.args.get("alias")
        if alias is None:
            raise QueryError("subquery in FROM must have an alias")
        made = self._settled(made)
        columns = aliased(name_of(alias.this), made.columns, column_aliases(alias))
        label = self.fresh()
        self._add(scope, Relation(name_of(alias.this), labelled(label, columns)))
        return f"({made.sql}) AS {label}"

    def _settled(self, made: Compound) -> Compound:
        """What is still of unknown type when others read it is text."""
        columns = [(name, "text" if type_ == "unknown" else type_) for name, type_ in made.columns]
        return Compound(made.sql, columns)

    def _add(self, scope: Scope, relation: Relation) -> None:
        if relation.name is not None and any(known.name == relation.name for known in scope.relations):
            raise QueryError(f'table name "{relation.name}" specified more than once')
        scope.relations.append(relation)

    def _table(self, node: exp.Table, scope: Scope) -> str:
        schema = node.args.get("db")
        name = name_of(node.this)
        if schema is not None and name_of(schema) != "public":
            raise QueryError(f'relation "{name_of(schema)}.{name}" does not exist')
        alias = node.args.get("alias")
        label = self.fresh()
        if schema is None and name in scope.ctes:
            inner, columns = scope.ctes[name]
            columns = [(column, "text" if type_ == "unknown" else type_) for column, type_ in columns]
            sql, key = f"{inner} AS {label}", None
        elif name in self.schema:
            self.labels[label] = name
            columns = [(column, COLUMN_TYPES.get(type_, type_)) for column, type_ in self.schema[name]]
            sql = f"(SELECT * FROM {self.stored_name(name)}{self._reach()}) AS {label}"
            key = next((f"{label}.c{n}" for n, (column, _) in enumerate(columns, 1) if column == "id"), None)
        else:
            known = [*self.schema, *scope.ctes]
            raise QueryError(f'relation "{name}" does not exist{nearest(name, known)}')
        columns = aliased(name, columns, column_aliases(alias))
        self._add(scope, Relation(name_of(alias.this) if alias is not None else name, labelled(label, columns), key))
        return sql

    def stored_name(self, table: str) -> str:
        return f"data{sorted(self.schema).index(table)}"

    def _reach(self) -> str:
        if self.org_ids is None:
            return ""
        listed = ", ".join(self.bind(str(org_id)) for org_id in sorted(self.org_ids))
        return f" WHERE org IS NULL OR org IN ({listed})"

    def _set_function(self, call: exp.Expression, node: exp.Expression, ordinality: bool, scope: Scope) -> str:
        """A function answering rows: its answer is a JSON array, which SQLite's json_each spreads."""
        scope.clause = "FROM"
        arguments = [self.expr(item, scope) for item in call.expressions]
        if isinstance(call, exp.Unnest):
            name, (array,) = "unnest", arguments
            if not is_array(array.type):
                raise QueryError(f"function unnest({pg_name(array.type)}) does not exist")
            type_ = element_type(array.type)
            sql = self.coerce(array, "text[]").sql if array.type == "array" else array.sql
        else:
            name = call.name.lower()
            if name not in SETS:
                raise QueryError(f"function {name} is not supported in FROM{nearest(name, [*SETS, 'unnest'])}")
            function, arguments = self._resolve(name, SETS[name], arguments)
            sql, type_ = f"{function.udf}({', '.join(item.sql for item in arguments)})", function.result
        label, alias = self.fresh(), node.args.get("alias")
        shown = name_of(alias.this) if alias is not None and alias.this is not None else name
        # A function of one column gives it its alias; those with a named result keep the name.
        first = "value" if name.startswith("json") and name.endswith(("elements", "elements_text")) else shown
        columns = [Column(first, type_, f"{label}.value")]
        aliases = column_aliases(alias)
        offset = node.args.get("offset")
        if ordinality:
            columns.append(Column("ordinality", "integer", f"({label}.key + 1)"))
            if isinstance(offset, exp.Identifier):
                aliases = [*aliases[:1], name_of(offset)] if aliases else aliases
        if len(aliases) > len(columns):
            raise QueryError(
                f'table "{shown}" has {len(columns)} columns available but {len(aliases)} columns specified'
            )
        columns = [Column(alias_, c.type, c.sql) for alias_, c in zip(aliases, columns, strict=False)] + columns[
            len(aliases) :
        ]
        self._add(scope, Relation(shown, columns, function=len(columns) == 1))
        return f"json_each({sql}) AS {label}"
