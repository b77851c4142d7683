"""A resource: a schema, the operations that follow from it, and the rules its records keep."""

import dataclasses as dc
import typing as t

import marshmallow as ma
import orjson

from mockserver.api import fields
from mockserver.api.operation import Handler
from mockserver.api.problems import Conflict


class Record(fields.Schema):
    """What every record carries."""

    id = fields.Id(dump_only=True, description="The record's id.")
    org_id = fields.Ref("org", dump_only=True, description="The organisation it belongs to.")
    created_at = fields.Timestamp(dump_only=True, description="When it was created.")
    updated_at = fields.Timestamp(dump_only=True, description="When it was last changed.")


INHERITED = object()


@dc.dataclass
class Page:
    """A window on a list: how many there are in all, and the records in the window."""

    count: int
    results: list
    limit: int
    offset: int


@dc.dataclass
class Reply:
    """An answer that is more than a record: another status, or bytes of a media type."""

    value: t.Any
    status: int | None = None
    headers: dict[str, str] = dc.field(default_factory=dict)


class PaginationQuery(fields.Schema):
    """The window of a list. `filters` names the parameters of a subclass that are none when they are empty."""

    filters: t.ClassVar[frozenset[str]] = frozenset()

    limit = fields.QueryInteger(1, 1000, load_default=100, description="How many results to answer at the most.")
    offset = fields.QueryInteger(0, load_default=0, description="How many results to leave out first.")


class Group:
    """Handlers by operation id. A module of `mockserver.resources` is a documented group."""

    def __init__(self):
        self.handlers: dict[str, Handler] = {}

    def operation(self, id: str, **kwargs):
        """Serve the operation `id` with the decorated function; see `Handler` for what can be said of it."""

        def register(function):
            handler = self.handlers[id] = Handler(function, resource=self, **kwargs)
            if handler.body and (answer := self._answer(handler.returns)):
                fields.read_back(answer, handler.body[0] if isinstance(handler.body, list) else handler.body)
            return function

        return register

    def _answer(self, returns):
        """The schema of what an operation answers of what its body says; None when that is another record."""
        returns = returns[0] if isinstance(returns, list) else returns
        if isinstance(returns, Resource):
            return returns.schema if returns is self else None
        return returns if isinstance(returns, type) and issubclass(returns, fields.Schema) else None


class Resource(Group):
    """Records of one kind.

    `kind` is what path parameters call it (`{bom_line_id}` is a `bom_line`). Naming an operation
    id for `list`, `create`, `retrieve`, `update` or `destroy` serves it from the schema. References
    of the schema are indexed, and say what becomes of a record whose target is deleted. `parent` is
    the field that names the record this one belongs to; `tells` names the fields of this one that show in the parent's
    answer, empty when it shows only that there is one. `unique` names fields, or tuples of them,
    that no two records of an organisation share, but for those that `retired` says have given them up.
    `hidden` names what is stored and never answered, with its field where the schema has none.
    `record_type` is its name in webhooks and custom properties.
    """

    def __init__(
        self,
        kind: str,
        schema: type[fields.Schema],
        *,
        parent: str | None = None,
        tells: tuple[str, ...] | None = None,
        filters=None,
        unique=(),
        retired: t.Callable[[dict], bool] = lambda record: False,
        indexes=None,
        hidden=(),
        record_type: str | None = None,
        list=None,
        create=None,
        retrieve=None,
        update=None,
        destroy=None,
    ):
        super().__init__()
        self.kind, self.schema, self.parent, self.hidden = kind, schema, parent, frozenset(hidden)
        self.tells, self.retired = tells, retired
        self.label = kind.replace("_", " ")
        self.record_type = record_type or "".join(word.capitalize() for word in kind.split("_"))
        self.filters = filters or {}
        self.unique = [name if isinstance(name, tuple) else (name,) for name in unique]
        self.fields = schema._declared_fields
        self.references = {name: field for name, field in self.fields.items() if reference(field) is not None}
        self.keyed = {  # fields whose keys are ids of a kind
            name: field.metadata["x-references-keys"]
            for name, field in self.fields.items()
            if "x-references-keys" in field.metadata
        }
        self.indexes = self._indexes(indexes or {})
        self.referrers: list[tuple[Resource, str]] = []  # filled in once all resources are known
        self.retrieve_id = retrieve
        own = {name: field for name, field in self.fields.items() if not field.load_only}
        base = {name: field for name, field in Record._declared_fields.items() if name not in own}
        self.stored = own | base | (dict(hidden) if isinstance(hidden, dict) else {})  # the fields a record is made of
        defaults = {name: default(field) for name, field in self.fields.items() if name not in self.hidden}
        self._factories = {name: value for name, value in defaults.items() if callable(value)}
        self._template = defaults | dict.fromkeys(self._factories)
        self._checks: list = []
        self._destroying: list = []
        self._represent = self._fake = self._seed = None
        self.computed: frozenset[str] = frozenset()  # the fields that `represent` adds
        if list:
            self.operation(list, query=self._query_schema(), returns=Page, page=self)(self.page)
        if create:
            self.operation(create, body=schema, returns=self, status=201, conflict=self._taken())(self._create)
        if retrieve:
            self.operation(retrieve, returns=self)(lambda scope, *records: records[-1])
        if update:
            self.operation(update, body=schema, partial=True, returns=self, conflict=self._taken())(
                lambda scope, *records, data: self.change(scope, records[-1], data)
            )
        if destroy:
            self.operation(destroy, status=204)(lambda scope, *records: self.remove(scope, records[-1]))

    # -- what a module adds ------------------------------------------------------------------------------------

    def action(self, id: str, **kwargs):
        """An operation of this resource's own. Unless told otherwise it answers a record of the resource."""
        return self.operation(id, **{"returns": self, **kwargs})

    def check(self, function):
        """`function(scope, after, before)` may complete `after`, and raises a Problem when the record may not be so.

        `before` is None for a new record.
        """
        self._checks.append(function)
        return function

    def represent(self, *computed: str):
        """`function(scope, record)` answers the record with its computed fields, which are those named."""

        def register(function):
            self._represent, self.computed = function, frozenset(computed)
            return function

        return register

    def destroying(self, function):
        """`function(scope, record)` raises a Problem when the record must stay, or sees to what depends on it."""
        self._destroying.append(function)
        return function

    def fake(self, function):
        """`function(fake)` answers the fields of a made-up record; see `mockserver.worlds.Fake`."""
        self._fake = function
        return function

    def seed(self, function):
        """`function(builder, values)` completes what a fixture says of a record; see `mockserver.worlds`."""
        self._seed = function
        return function

    # -- records -----------------------------------------------------------------------------------------------

    def blank(self) -> dict:
        """The fields of a record that nobody has said anything of."""
        record = dict(self._template)
        for name, make in self._factories.items():
            record[name] = make()
        return record

    def add(self, scope, values: dict, *, id: str | None = None, org_id=INHERITED) -> dict:
        """A new record of these values, defaults for the rest. It belongs to its parent's organisation."""
        if org_id is INHERITED:
            org_id = scope.org_id
            if self.parent and values.get(self.parent):
                org_id = self.target(scope, values, self.parent)["org_id"]
        record = {**self.blank(), **values}
        record["org_id"] = org_id
        record["id"] = id or self.new_id(scope, record)
        record["created_at"] = record.get("created_at") or scope.now
        record["updated_at"] = record.get("updated_at") or record["created_at"]
        self._keep_rules(scope, record, None)
        scope.touched.add((self.kind, record["id"]))
        record = scope.sandbox.store.insert(self.kind, record)
        self._tell_parent(scope, None, record)
        return record

    def new_id(self, scope, record: dict) -> str:
        """The id of a new record: a UUID from how many of its kind there were.

        Resources with ids of another form override this.
        """
        return scope.sandbox.new_id(self.kind)

    def change(self, scope, record: dict, values: dict) -> dict:
        """The record with these values in place of those it had."""
        after = {**record, **values, "updated_at": scope.now}
        self._keep_rules(scope, after, record)
        scope.touched.add((self.kind, record["id"]))
        after = scope.sandbox.store.replace(self.kind, after)
        self._tell_parent(scope, record, after)
        return after

    def touch(self, scope, record: dict) -> None:
        """Count a change of what is answered of the record, though not of the record, as its update: once in a call."""
        if (self.kind, record["id"]) not in scope.touched:
            scope.touched.add((self.kind, record["id"]))
            scope.sandbox.store.replace(self.kind, {**record, "updated_at": scope.now})

    def remove(self, scope, record: dict) -> None:
        """Delete the record, and with it what belongs to it. Conflict when something that refers to it protects it."""
        scope.touched.add((self.kind, record["id"]))
        for prepare in self._destroying:
            prepare(scope, record)
        for resource, name in self.referrers:
            referring = resource.referring(scope, name, record["id"])
            policy = fields.SET_NULL if name in resource.keyed else reference(resource.fields[name]).on_delete
            if referring and policy == fields.PROTECT:
                raise Conflict(
                    f"This {self.label} cannot be deleted: {len(referring)} {resource.label}(s) refer to it."
                )
            for other in referring:
                if policy == fields.CASCADE:
                    resource.remove(scope, other)
                else:
                    values = {name: _without(other[name], record["id"]), "updated_at": scope.now}
                    scope.sandbox.store.replace(resource.kind, {**other, **values})
        scope.sandbox.store.delete(self.kind, record["id"])
        self._tell_parent(scope, record, None)

    def records(self, store):
        """All records that ids of this kind name, oldest first."""
        return store[self.kind]

    def present(self, scope, record: dict) -> dict:
        """The record as it goes on the wire."""
        if self._represent:
            record = self._represent(scope, record)
        if self.hidden:
            return {name: value for name, value in record.items() if name not in self.hidden}
        return record

    def locate(self, scope, id: str) -> dict:
        """The record an id in a path names; NotFound when there is none to be seen."""
        return scope.get(self.kind, id)

    def shown(self, scope, record: dict) -> bool:
        """Return whether the key sees a record of an organisation in its reach. Resources may add rules."""
        return scope.in_team(record)

    # -- what a rule has to know, whoever asks -----------------------------------------------------------------

    def current(self, scope, record: dict) -> dict:
        """Return the record as it is by now."""
        return scope.sandbox.store[self.kind].get(record["id"])

    def target(self, scope, record: dict, name: str) -> dict | None:
        """Return the record that the field `name` of a record in hand refers to; None when it refers to none."""
        id = record[name]
        return None if id is None else scope.sandbox.store[reference(self.fields[name]).kind].get(id)

    def referring(self, scope, name: str, id: str) -> list[dict]:
        """Return the records of this kind that refer to `id` in the field `name`, oldest first."""
        return scope.sandbox.store[self.kind].where(name, id)

    def children(self, scope, parent: dict) -> list[dict]:
        """The records that belong to `parent`, in order of creation."""
        return self.referring(scope, self.parent, parent["id"])

    def count(self, scope, index: str, value) -> int:
        """Return how many records of this kind have `value` in `index`."""
        return len(scope.sandbox.store[self.kind].bucket(index, value))

    def successor(self, scope, id: str) -> dict | None:
        """The record that took the place of a retired one. Resources that retire ids override this."""
        return None

    # -- the five operations -----------------------------------------------------------------------------------

    def page(self, scope, *parents: dict, query: dict) -> Page:
        """The records in reach that pass the filters, oldest first, in a window of `limit` from `offset`."""
        table = scope.sandbox.store[self.kind]
        limit, offset = query["limit"], query["offset"]
        tests = [(self.filters[name], value) for name, value in query.items() if name in self.filters]
        if parents:
            ordinals = table.bucket(self.parent, parents[-1]["id"])
            if not tests:
                window = [table.at(ordinal) for ordinal in ordinals[offset : offset + limit]]
                return Page(len(ordinals), window, limit, offset)
        else:
            buckets = [table.bucket(filter.field, value) for filter, value in tests if filter.indexed]
            buckets.append(sorted(o for org_id in scope.org_ids for o in table.bucket("org_id", org_id)))
            ordinals = min(buckets, key=len)
        world = scope.sandbox.world.store[self.kind]

        def untouched(record):
            return world.get(record["id"]) is record

        found = [
            record
            for ordinal in ordinals
            if scope.sees(self.kind, record := table.at(ordinal))
            and all(filter.test(record, value, untouched) for filter, value in tests)
        ]
        return Page(len(found), found[offset : offset + limit], limit, offset)

    def _create(self, scope, *parents, data):
        if parents:
            data = {**data, self.parent: parents[-1]["id"]}
        return self.add(scope, data)

    # -- internals ---------------------------------------------------------------------------------------------

    def _keep_rules(self, scope, after, before):
        for names in self.unique:
            if before is not None and all(after[name] == before[name] for name in names):
                continue
            for taken in scope.sandbox.store[self.kind].where("unique:" + ",".join(names), _unique(after, names)):
                if taken["id"] != after["id"]:
                    raise Conflict(f"{self.label.capitalize()} with this {' and '.join(names)} already exists.")
        for check in self._checks:
            check(scope, after, before)

    def _tell_parent(self, scope, before, after):
        """Touch the parent when its answer shows what has changed here."""
        if self.tells is None or not scope.tells_parents:
            return
        if before is None or after is None or any(before[name] != after[name] for name in self.tells):
            parent = self.target(scope, after or before, self.parent)
            scope.resources[self.references[self.parent].kind].touch(scope, parent)

    def _taken(self):
        if self.unique:
            return (
                f"A {self.label} with this {' or '.join(' and '.join(names) for names in self.unique)} exists already."
            )
        return None

    def _query_schema(self):
        return type(
            f"{self.schema.__name__}Query",
            (PaginationQuery,),
            {name: filter.query_field(self.schema) for name, filter in self.filters.items()}
            | {"filters": frozenset(self.filters)},
        )

    def _indexes(self, more):
        found = {"org_id": _scalar("org_id")}
        for name, field in self.references.items():
            found[name] = _many(name) if isinstance(field, fields.Array) else _scalar(name)
        for filter in self.filters.values():
            if filter.indexed and filter.field not in found:
                found[filter.field] = (
                    _many(filter.field)
                    if isinstance(self.fields[filter.field], fields.Array)
                    else _scalar(filter.field)
                )
        for name in self.keyed:
            found[name] = _many(name)
        for names in self.unique:
            found["unique:" + ",".join(names)] = lambda record, names=names: (
                () if self.retired(record) else (_unique(record, names),)
            )
        return found | more


def reference(field):
    """The reference a field holds, itself or as its items; None when it holds none."""
    field = field.inner if isinstance(field, fields.Array) else field
    return field if hasattr(field, "on_delete") else None


def default(field):
    """What a field is when nobody gave it a value: a value, or a function that makes one."""
    if field.load_default is not ma.missing:
        return field.load_default
    if field.dump_default is not ma.missing:
        return field.dump_default
    return list if isinstance(field, fields.Array) else dict if isinstance(field, fields.Object) else None


def register(resources: dict[str, Resource]) -> dict[str, Resource]:
    """Tell each resource which others refer to it."""
    for resource in resources.values():
        resource.referrers = []
    for resource in resources.values():
        for name, field in resource.references.items():
            target = reference(field).kind
            if target in resources and target != "org":
                resources[target].referrers.append((resource, name))
        for name, target in resource.keyed.items():
            resources[target].referrers.append((resource, name))
    return resources


def same(one, other) -> bool:
    """Whether two JSON values are the same: to Python, 1, 1.0 and true are."""
    return one == other and orjson.dumps(one) == orjson.dumps(other)


def changed(before: dict | None, after: dict) -> list[str]:
    """The fields in which a record differs from what it was; all of them when it is new."""
    return [name for name in after if name != "updated_at" and (before is None or not same(after[name], before[name]))]


def changes(record: dict, values: dict) -> list[str]:
    """The fields of a record that would not be as they are with these values."""
    return changed(record, {**record, **values})


def _without(value, id):
    """The value of a field without its reference to an id."""
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if key != id}
    return [item for item in value if item != id] if isinstance(value, list) else None


def _unique(record, names):
    return record["org_id"], *(record[name] for name in names)


def _scalar(name):
    return lambda record: () if record[name] is None else (record[name],)


def _many(name):
    return lambda record: record[name]
