"""Reporting: one SELECT in PostgreSQL's spelling over all that the key can see."""

import functools
import weakref

from mockserver import resources
from mockserver.api import fields
from mockserver.api.problems import Invalid
from mockserver.api.resource import Group
from mockserver.api.scope import ADMIN
from mockserver.resources._money import Total
from mockserver.sandbox.sql import Column, Database, QueryError

SECONDS, SECONDS_A_RECORD = 2.0, 5e-5  # a query may take, the more the more there is to go through
NO_TABLES = ("api_key", "sub_org")  # secrets, and what is an org by another name
COLUMN_TYPES = (
    (fields.Cpid, "text"),
    (fields.Id, "uuid"),
    (fields.Money, "numeric"),
    (Total, "numeric"),
    (fields.Percent, "numeric"),
    (fields.Timestamp, "timestamp"),
    (fields.Date, "date"),
    (fields.Text, "text"),
    (fields.Integer, "integer"),
    (fields.Boolean, "boolean"),
)


class Scalar(fields.Any):
    """A JSON value that is neither an object nor an array."""

    default_error_messages = {"invalid": "Must be a string, a number, true, false or null."}

    def _deserialize(self, value, attr, data, **kwargs):
        if isinstance(value, (dict, list)):
            raise self.make_error("invalid")
        return value

    def document(self):
        return {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}


class SqlQueryRequest(fields.Schema):
    sql = fields.Text(
        max=100_000,
        required=True,
        description=(
            "One SELECT in PostgreSQL's spelling, CTEs allowed. Tables are named as the collections "
            "(`boms`, `bom_lines`, `purchase_orders`), columns as the fields of their records."
        ),
        example="SELECT name, line_count FROM boms ORDER BY name",
    )
    parameters = fields.Array(
        Scalar(null=True),
        max=1000,
        load_default=list,
        description="What `$1`, `$2` … in the query stand for, in this order.",
    )
    limit = fields.Integer(min=1, max=10_000, load_default=1000, description="The most rows to answer.")


class SqlColumn(fields.Schema):
    name = fields.Text(max=None, min=0, description="Its name or alias. Several columns may share one.")
    type = fields.Text(
        description="The type of its values, such as `text`, `integer`, `numeric`, `timestamp` or `json`."
    )


class SqlResult(fields.Schema):
    """The rows of a query. Numerics are decimal strings, times RFC 3339 in UTC."""

    columns = fields.Array(fields.Nested(SqlColumn))
    rows = fields.Array(fields.Array(fields.Any()), description="A value for each column, in their order.")
    row_count = fields.Integer(description="How many rows are answered.")
    truncated = fields.Boolean(description="Whether there are more rows than `limit`.")


reporting = Group()


@reporting.operation("run_sql_query", body=SqlQueryRequest, returns=SqlResult, reads=True)
def run_sql_query(scope, data):
    """Answer one SELECT over the records in the key's reach, as they are now.

    What is no SELECT, names what is not there, or asks for what cannot be done faithfully is refused with
    400 and the reason; so is a query that takes too long.
    """
    asked = database(scope.sandbox.store)
    return lambda: answer(asked, scope, data)


def answer(asked: Database, scope, data) -> dict:
    """What the query finds. Called without the sandbox's lock, so that other calls go on meanwhile."""
    token = fields.current_scope.set(scope)
    try:
        result = asked.query(
            data["sql"], data["parameters"], data["limit"], scope.org_ids, deadline(scope.sandbox.store)
        )
    except QueryError as error:
        raise Invalid({error.field: [str(error)]}) from None
    finally:
        fields.current_scope.reset(token)
    return vars(result)


def deadline(store) -> float:
    """The seconds after which a query is stopped."""
    return SECONDS + SECONDS_A_RECORD * sum(table.size for table in store.tables.values())


# -- the database --------------------------------------------------------------------------------------------

_databases: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def database(store) -> Database:
    """The database over a store. It keeps what queries load, and goes when the store goes."""
    if store not in _databases:
        _databases[store] = Database(tables, now, lock)
    return _databases[store]


def tables() -> list["RecordTable"]:
    """The tables as the caller sees them."""
    scope = fields.current_scope.get()
    return [RecordTable(scope, resource) for kind, resource in resources.by_kind().items() if kind not in NO_TABLES]


def now():
    return fields.current_scope.get().sandbox.clock.now()


def lock():
    return fields.current_scope.get().sandbox.lock


class RecordTable:
    """The records of a kind that a key can see, as they go on the wire. A `Table` to the database."""

    def __init__(self, scope, resource):
        self.scope, self.resource = scope, resource
        self.name, self.columns = table_name(resource.kind), columns(resource)

    def version(self, column):
        """Of computed columns all there is, of others the records themselves; and who sees them."""
        store, key = self.scope.sandbox.store, self.scope.key
        viewer = key["org_id"], key["user_id"], *key["roles"]
        if column in self.resource.computed:
            kinds = store.tables.keys() - set(NO_TABLES)
        elif self.in_part:
            kinds = {"org", "user", *lineage(self.resource)}
        else:
            kinds, viewer = {self.resource.kind}, ()
        return *viewer, *(store[kind].version for kind in sorted(kinds))

    def rows(self, columns):
        compute = not self.resource.computed.isdisjoint(columns)
        for record in self.resource.records(self.scope.sandbox.store):
            if self.in_part and not visible(self.scope, self.resource, record):
                continue
            if compute:
                record = {**self.resource.present(self.scope, record), "org_id": record["org_id"]}
            yield record

    @property
    def in_part(self) -> bool:
        """Whether the key may see only some of an organisation's records: those of its user's teams."""
        return self.scope.user is not None and ADMIN not in self.scope.roles


def visible(scope, resource, record) -> bool:
    """Whether the key sees the record, and the record it belongs to."""
    return scope.sees(resource.kind, record, scope.reach)


def lineage(resource) -> list[str]:
    """The kind, the kind of what it belongs to, and so on."""
    kinds = [resource.kind]
    while resource.parent:
        resource = resources.by_kind()[resource.references[resource.parent].kind]
        kinds.append(resource.kind)
    return kinds


@functools.cache
def columns(resource) -> tuple[Column, ...]:
    return tuple(
        Column(name, column_type(field))
        for name, field in resource.fields.items()
        if name not in resource.hidden and not field.load_only
    )


def column_type(field) -> str:
    """The SQL type of a field: a list of texts is an array, what has structure is json."""
    if isinstance(field, fields.Array):
        return "array" if isinstance(field.inner, fields.Text) else "json"
    return next((name for kind, name in COLUMN_TYPES if isinstance(field, kind)), "json")


def table_name(kind: str) -> str:
    """What a collection of the kind is called: `bom` → `boms`, `custom_property` → `custom_properties`."""
    return f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
