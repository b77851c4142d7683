"""From text to a syntax tree of PostgreSQL, and what is asked of its nodes: names, types, parts not known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType

from .values import QueryError

MAX_DEPTH = 100


class Dialect(Postgres):
    """PostgreSQL with every function call left as written, and JSON paths as the text they are."""

    class Parser(Postgres.Parser):
        def _warn_unsupported(self) -> None:
            """Nothing: sqlglot would log the user's text, and what it cannot read is refused anyway."""

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


def parse(sql: str) -> exp.Expression:
    dialect = Dialect()
    try:
        tokens = dialect.tokenize(sql)
        nesting = _nesting(tokens)
        if nesting > MAX_DEPTH or len(tokens) > 20_000:
            raise QueryError("the query is nested too deeply" if nesting > MAX_DEPTH else "the query is too long")
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
        if kind[0].token_type in TYPE_TOKENS and literal and not (unit and kind[0].token_type == TokenType.INTERVAL):
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


CONSTRUCTS = {
    exp.ByteString: "E'…'",
    exp.SimilarTo: "SIMILAR TO",
    exp.Tuple: "a row of values",
    exp.Collate: "COLLATE",
}


def construct(node: Any) -> str:
    return CONSTRUCTS.get(type(node)) or (str(node.this) if isinstance(node, exp.Command) else type(node).__name__)


def only(node: exp.Expression, *known: str) -> None:
    """Refuses what sqlglot read beyond the arguments compiled."""
    for key, value in node.args.items():
        if value and key not in known:
            name = {"locks": "FOR UPDATE / FOR SHARE", "into": "INTO"}.get(
                key, key.rstrip("_").replace("_", " ").upper()
            )
            raise QueryError(f"{name} is not supported in {construct(node)}")


def name_of(identifier: Any) -> str:
    """PostgreSQL's name: folded to lower case unless quoted."""
    if not isinstance(identifier, exp.Identifier):
        if isinstance(identifier, str):
            return identifier.lower()
        raise QueryError(f"{construct(identifier)} is not a name")
    return identifier.this if identifier.args.get("quoted") else identifier.this.lower()


def items_of(node: exp.Expression) -> list[exp.Expression]:
    return list(node.expressions) if isinstance(node, exp.Tuple) else [node]


def order_of(node: exp.Expression) -> list[exp.Ordered]:
    order = node.args.get("order")
    if order is None:
        return []
    only(order, "expressions")
    return list(order.expressions)


def column_aliases(alias: exp.Expression | None) -> list[str]:
    return [name_of(column) for column in alias.args.get("columns") or ()] if alias is not None else []


def mentions(node: exp.Expression, name: str) -> bool:
    return any(
        isinstance(table.this, exp.Identifier) and name_of(table.this) == name and not table.args.get("db")
        for table in node.find_all(exp.Table)
    )


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


def output_name(node: exp.Expression) -> str:
    """What PostgreSQL calls a column that is given no name."""
    if isinstance(node, exp.Paren):
        return output_name(node.this)
    if isinstance(node, exp.Column):
        return name_of(node.this)
    if isinstance(node, exp.Cast):
        inner = output_name(node.this)
        return inner if inner != "?column?" else PG_TYPE_WORDS.get(node.args["to"].this.name, "?column?")
    if isinstance(node, exp.Filter | exp.Window | exp.WithinGroup):
        return output_name(node.this)
    if isinstance(node, exp.Anonymous):
        return node.name.lower()
    if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Select) and len(node.this.expressions) == 1:
        item = node.this.expressions[0]
        return name_of(item.args["alias"]) if isinstance(item, exp.Alias) else output_name(item)
    if isinstance(node, exp.Trim):
        return {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or "").upper(), "btrim")
    if isinstance(node, exp.Case):
        default = node.args.get("default")
        inner = output_name(default) if isinstance(default, exp.Column) else "?column?"
        return inner if inner != "?column?" else "case"
    return OUTPUT_NAMES.get(type(node), "?column?")


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


def type_of(node: exp.DataType) -> str:
    word = node.this.name if hasattr(node.this, "name") else str(node.this)
    if word == "ARRAY" and len(node.expressions) == 1:
        return f"{type_of(node.expressions[0])}[]"
    if word not in TYPES:
        raise QueryError(f"type {node.sql('postgres').lower()} does not exist or is not supported")
    return TYPES[word]
