"""The records of a sandbox, of every kind, those that no operation answers included."""

import typing as t
from collections.abc import Iterator

import orjson

from mockserver import resources
from mockserver.admin.errors import Refused, Unknown
from mockserver.admin.scope import Capability, admin_scope
from mockserver.api import fields, gate
from mockserver.api.problems import Problem
from mockserver.api.resource import Resource
from mockserver.sandbox import Sandbox
from mockserver.worlds import Fake


def kinds() -> dict[str, Resource]:
    """Return the resources by kind. Sub-organisations are none: they are kept among the organisations."""
    return {kind: resource for kind, resource in resources.by_kind().items() if kind != "sub_org"}


class Records(Capability):
    """Every record there is. `records("bom")` lists them as their GET operation answers them.

    What is handed out is a copy, and what is taken in is copied.
    """

    def __call__(self, kind: str, /, **where: t.Any) -> list[dict[str, t.Any]]:
        """Return the records of a kind, oldest first; with `name="…"` and the like, those whose fields are these.

        Raises Unknown for a kind or a field there is not.
        """
        resource = self._resource(kind)
        for name in where:
            if name not in resource.fields:
                raise Unknown(f"A {resource.label} has no field {name!r}. It has {', '.join(resource.fields)}.")
        with self.sandbox.lock:
            scope = admin_scope(self.sandbox)
            shown = [resource.present(scope, record) for record in self.sandbox.store[kind]]
        return [_copy(record) for record in shown if all(record.get(name) == value for name, value in where.items())]

    def page(self, kind: str, *, limit: int, offset: int = 0) -> tuple[int, list[dict[str, t.Any]]]:
        """Return how many records of a kind there are, and `limit` of them from `offset`, oldest first."""
        resource = self._resource(kind)
        with self.sandbox.lock:
            scope, table = admin_scope(self.sandbox), self.sandbox.store[kind]
            window = [record for number, record in enumerate(table) if offset <= number < offset + limit]
            return len(table), [_copy(resource.present(scope, record)) for record in window]

    def get(self, kind: str, id: str) -> dict[str, t.Any]:
        """Return one record. Raises Unknown."""
        resource = self._resource(kind)
        with self.sandbox.lock:
            return _copy(resource.present(admin_scope(self.sandbox), self._stored(kind, id)))

    def count(self) -> dict[str, int]:
        """Return how many records there are of each kind."""
        with self.sandbox.lock:
            return {kind: len(self.sandbox.store[kind]) for kind in sorted(kinds())}

    def put(self, kind: str, id: str | None = None, /, **values: t.Any) -> dict[str, t.Any]:
        """Create a record, or change the one with this id, and return it. Any field may be set, read-only ones too.

        The rules of the domain hold: Refused when the record would break one.
        """
        resource = self._resource(kind)
        id = self._id(resource, id, values)
        with self.sandbox.lock:
            scope = admin_scope(self.sandbox)
            before = self.sandbox.store[kind].get(id) if id else None
            loaded = self._load(scope, resource, values)
            return self._write(
                scope,
                resource,
                lambda: resource.change(scope, before, loaded) if before else self._add(scope, resource, id, loaded),
            )

    def given(self, kind: str, /, **values: t.Any) -> dict[str, t.Any]:
        """Create a record with these fields, the rest made up plausibly, and return it. Raises Unknown, Refused."""
        resource = self._resource(kind)
        with self.sandbox.lock:
            scope = admin_scope(self.sandbox)
            id = self._id(resource, None, values)
            loaded = self._load(scope, resource, values)
            made_up = {}
            if resource._fake:
                fake = Fake(_Seeder(self.sandbox), kind, self.sandbox.store.next_ordinal(kind))
                try:
                    made_up = resource._fake(fake)
                except KeyError as error:
                    raise Refused(f"{error.args[0]}. Put one first, or name all that is required.") from None
            return self._write(scope, resource, lambda: self._add(scope, resource, id, made_up | loaded))

    def delete(self, kind: str, id: str) -> None:
        """Delete a record and what belongs to it. Raises Unknown, or Refused when another record protects it."""
        resource = self._resource(kind)
        with self.sandbox.lock:
            scope, record = admin_scope(self.sandbox), self._stored(kind, id)
            self._write(scope, resource, lambda: resource.remove(scope, record))

    def _resource(self, kind):
        known = kinds()
        if kind not in known:
            raise Unknown(f"There is no kind of record called {kind!r}. There are {', '.join(sorted(known))}.")
        return known[kind]

    def _id(self, resource, id, values):
        """The id of a record to be put, the same wherever it is given."""
        try:
            ids = {
                resource.fields["id"].deserialize(given) for given in (id, values.pop("id", None)) if given is not None
            }
        except fields.ma.ValidationError as error:
            raise Refused(f"id: {' '.join(error.messages)}") from None
        if len(ids) > 1:
            raise Refused(f"id: A record keeps its id. These are two: {' and '.join(sorted(ids))}.")
        return ids.pop() if ids else None

    def _stored(self, kind, id):
        record = self.sandbox.store[kind].get(id)
        if record is None:
            raise Unknown(f"There is no {kind} {id}.")
        return record

    def _load(self, scope, resource, values):
        """The values of fields, read-only and hidden ones too, as the schema loads them."""
        known = resource.stored | resource.fields
        token, loaded = fields.current_scope.set(scope), {}
        try:
            for name, value in values.items():
                if name not in known:
                    raise Refused(f"A {resource.label} has no field {name!r}. It has {', '.join(resource.fields)}.")
                loaded[name] = gate.load_field(known[name], value, name)
        except gate.InvalidRecord as error:
            raise Refused(str(error)) from None
        finally:
            fields.current_scope.reset(token)
        return loaded

    def _add(self, scope, resource, id, values):
        seeded = resource._seed(_Seeder(self.sandbox), values) if resource._seed else values
        missing = [name for name, field in resource.fields.items() if field.required and name not in seeded]
        if missing:
            raise Refused(f"A {resource.label} needs {', '.join(missing)}.")
        org = {"org_id": seeded.pop("org_id")} if "org_id" in seeded else {}
        return resource.add(scope, seeded, id=id, **org)

    def _write(self, scope, resource, action):
        """The record as it then is. A write that fails, or makes a record that cannot be answered, leaves no trace."""
        try:
            with self.sandbox.transaction() as commit:
                record = action()
                self._pass_gate(commit.changes)
                return record and _copy(resource.present(scope, scope.sandbox.store[resource.kind].get(record["id"])))
        except Problem as problem:
            raise Refused(
                str(problem.body.get("detail", problem.body) if isinstance(problem.body, dict) else problem.body)
            ) from None
        except gate.InvalidRecord as error:
            raise Refused(str(error)) from None
        except (LookupError, TypeError, AttributeError, ArithmeticError) as error:  # what no operation would let in
            raise Refused(f"These values do not fit together: {type(error).__name__}: {error}.") from None

    def _pass_gate(self, changes):
        """Keep what the schemas load of the records that were written, and check that each can be answered."""
        scope = admin_scope(self.sandbox)
        written = dict.fromkeys((change.kind, change.id) for change in changes if change.kind in scope.resources)
        written = [(kind, record) for kind, id in written if (record := scope.sandbox.store[kind].get(id)) is not None]
        for number, (kind, record) in enumerate(written):
            loaded = gate.load_record(scope.resources[kind], record)
            if loaded != record:
                written[number] = kind, scope.sandbox.store.replace(kind, loaded)
        gate.admit(scope, written)


class _Seeder:
    """What fakes and seeds ask of the world a record is made in."""

    class used(set):
        """Every made-up name has the record's number behind it, as the fixture may have the bare one."""

        def __contains__(self, item):
            return True

    def __init__(self, sandbox):
        self.sandbox, self.seed, self.now = sandbox, sandbox.seed, sandbox.clock.stamp()
        self.used = self.used()


class Outbox(Capability):
    """The e-mails of a sandbox, oldest first, as their GET operation answers them."""

    def __init__(self, sandbox: Sandbox):
        super().__init__(sandbox)
        self._records = Records(sandbox)

    def __iter__(self) -> Iterator[dict[str, t.Any]]:
        return iter(self._records("outbound_email"))

    def __len__(self) -> int:
        return len(self.sandbox.store["outbound_email"])

    @t.overload
    def __getitem__(self, index: int) -> dict[str, t.Any]: ...
    @t.overload
    def __getitem__(self, index: slice) -> list[dict[str, t.Any]]: ...
    def __getitem__(self, index):
        return self._records("outbound_email")[index]


def _copy(record: dict) -> dict:
    return orjson.loads(orjson.dumps(record))
