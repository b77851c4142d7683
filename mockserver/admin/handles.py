"""What a test or the control plane takes hold of in a sandbox:
records, clock, jobs, faults, webhooks, outbox, journal."""

import datetime as dt

from mockserver import resources
from mockserver.admin import webhooks
from mockserver.admin.errors import Refused, Unknown
from mockserver.api import fields
from mockserver.api.openapi import PROBLEMS
from mockserver.api.problems import Problem
from mockserver.api.scope import ADMIN, Scope
from mockserver.resources import async_jobs
from mockserver.sandbox import Sandbox
from mockserver.sandbox.clock import moment
from mockserver.sandbox.faults import Fault
from mockserver.sandbox.jobs import JobPolicy
from mockserver.sandbox.webhooks import Subscription
from mockserver.worlds import Fake

# Where a clock can be: far enough from both ends of the calendar for every expiry, delay and retry to be in it.
EARLIEST, LATEST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC), dt.datetime(2999, 12, 31, tzinfo=dt.UTC)


def steward(sandbox: Sandbox) -> Scope:
    """The sandbox as its stewards see it: an Admin of the first organisation whom no organisation is closed to."""
    org = next(iter(sandbox.store["org"]))
    scope = Scope(sandbox, {"id": None, "roles": [ADMIN], "org_id": org["id"], "user_id": None}, resources.by_kind())
    scope.reach = scope.org_ids = [org["id"] for org in sandbox.store["org"]]
    return scope


def settle(sandbox: Sandbox) -> None:
    """Let happen what is due on the sandbox's clock, and tell the webhooks. The caller holds the sandbox's lock."""
    with sandbox.transaction() as changes:
        resources.settle(sandbox)
    if changes:
        webhooks.announce(steward(sandbox), changes)


def _kinds() -> dict[str, resources.Resource]:
    """The resources by kind. Sub-organisations are none: they are kept among the organisations."""
    return {kind: resource for kind, resource in resources.by_kind().items() if kind != "sub_org"}


class Records:
    """Every record there is, those no operation answers included.

    `records("bom")` lists them as their GET operation answers them.
    """

    def __init__(self, sandbox: Sandbox):
        self.sandbox = sandbox

    def __call__(self, kind: str, /, **where) -> list[dict]:
        """The records of a kind, oldest first; with `name="…"` and the like, those whose fields are these."""
        resource = self._resource(kind)
        with self.sandbox.lock:
            scope = steward(self.sandbox)
            shown = [resource.present(scope, record) for record in self.sandbox.store[kind]]
        return [record for record in shown if all(record.get(name) == value for name, value in where.items())]

    def get(self, kind: str, id: str) -> dict:
        """One record. Raises Unknown."""
        resource = self._resource(kind)
        with self.sandbox.lock:
            return resource.present(steward(self.sandbox), self._stored(kind, id))

    def count(self) -> dict[str, int]:
        """How many records there are of each kind."""
        with self.sandbox.lock:
            return {kind: len(self.sandbox.store[kind]) for kind in sorted(_kinds())}

    def put(self, kind: str, id: str | None = None, /, **values) -> dict:
        """Create a record, or change the one with this id. Any field may be set, read-only ones too.

        Rules of the domain hold: Refused when the record would break one.
        """
        resource = self._resource(kind)
        id = self._id(resource, id, values)
        with self.sandbox.lock:
            scope = steward(self.sandbox)
            before = self.sandbox.store[kind].get(id) if id else None
            loaded = self._load(scope, resource, values)
            return self._write(
                scope,
                resource,
                lambda: resource.change(scope, before, loaded) if before else self._add(scope, resource, id, loaded),
            )

    def given(self, kind: str, /, **values) -> dict:
        """A new record with these fields, the rest made up plausibly."""
        resource = self._resource(kind)
        with self.sandbox.lock:
            scope = steward(self.sandbox)
            id = self._id(resource, None, values)
            made_up = {}
            if resource._fake:
                fake = Fake(_Seeder(self.sandbox), kind, self.sandbox.store.next_ordinal(kind))
                try:
                    made_up = resource._fake(fake)
                except KeyError as error:
                    raise Refused(f"{error.args[0]}. Put one first, or name all that is required.") from None
            return self._write(
                scope, resource, lambda: self._add(scope, resource, id, made_up | self._load(scope, resource, values))
            )

    def delete(self, kind: str, id: str) -> None:
        """Delete a record and what belongs to it. Refused when another record protects it."""
        resource = self._resource(kind)
        with self.sandbox.lock:
            scope, record = steward(self.sandbox), self._stored(kind, id)
            self._write(scope, resource, lambda: resource.remove(scope, record))

    def _resource(self, kind):
        known = _kinds()
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
        token, loaded = fields.current_scope.set(scope), {}
        try:
            for name, value in values.items():
                field = resource.fields.get(name)
                if field is None and name not in resource.hidden:
                    raise Refused(f"A {resource.label} has no field {name!r}. It has {', '.join(resource.fields)}.")
                try:
                    loaded[name] = field.deserialize(value) if field is not None else value
                except fields.ma.ValidationError as error:
                    raise Refused(f"{name}: {error.messages}") from None
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
            with self.sandbox.transaction():
                record = action()
                return record and resource.present(scope, record)
        except Problem as problem:
            raise Refused(
                str(problem.body.get("detail", problem.body) if isinstance(problem.body, dict) else problem.body)
            ) from None
        except (
            LookupError,
            TypeError,
            AttributeError,
            ArithmeticError,
        ) as error:  # values that no operation would let in
            raise Refused(f"These values do not fit together: {type(error).__name__}: {error}.") from None


class _Seeder:
    """What fakes and seeds ask of the world a record is made in."""

    class used(set):
        """Every made-up name has the record's number behind it, as the fixture may have the bare one."""

        def __contains__(self, item):
            return True

    def __init__(self, sandbox):
        self.sandbox, self.seed, self.now = sandbox, sandbox.seed, sandbox.clock.stamp()
        self.used = self.used()


class ClockHandle:
    """The sandbox's clock.

    What becomes due when it is moved happens at once: jobs, and webhooks at their next sending.
    """

    def __init__(self, sandbox: Sandbox):
        self.sandbox = sandbox

    @property
    def now(self) -> dt.datetime:
        return self.sandbox.clock.now()

    @property
    def rate(self) -> float:
        return self.sandbox.clock.rate

    def set(self, when: dt.datetime | str) -> dt.datetime:
        """Jump to a moment: a datetime with an offset, or RFC 3339."""
        try:
            when = moment(when) if isinstance(when, str) else when
        except ValueError:
            raise Refused(f"{when!r} is no RFC 3339 date-time such as 2026-01-15T09:00:00Z.") from None
        if when.tzinfo is None:
            raise Refused(f"{when} has no offset from UTC. Give it one, such as the Z of 2026-01-15T09:00:00Z.")
        self._reachable(when)
        return self._moved(lambda: self.sandbox.clock.set(when))

    def advance(self, **units: float) -> dt.datetime:
        """Move on by `days`, `hours`, `minutes`, `seconds` …"""
        try:
            delta = dt.timedelta(**units)
            self._reachable(self.sandbox.clock.now() + delta)
        except TypeError:
            wanted = "numbers of days, hours, minutes or seconds are wanted."
            raise Refused(f"The clock cannot be advanced by {units}: {wanted}") from None
        except OverflowError as error:
            raise Refused(f"The clock cannot be advanced by {units}: {error}") from None
        return self._moved(lambda: self.sandbox.clock.advance(delta))

    def freeze(self) -> dt.datetime:
        return self._moved(self.sandbox.clock.freeze)

    def run(self, rate: float = 1.0) -> dt.datetime:
        """Let it run, `rate` seconds to a second."""
        if not 0 <= rate <= 1e6:
            raise Refused(f"rate should be from 0 to 1000000, not {rate}.")
        return self._moved(lambda: self.sandbox.clock.run(rate))

    def _reachable(self, when):
        if not EARLIEST <= when <= LATEST:
            raise Refused(f"The clock goes from {EARLIEST.year} to {LATEST.year}, not to {when.isoformat()}.")

    def _moved(self, action):
        with self.sandbox.lock:
            action()
            settle(self.sandbox)
        self.sandbox.webhooks.send_due()
        return self.now


class JobsHandle:
    """How jobs advance, for all of them or by operation; and single ones, done by hand."""

    def __init__(self, sandbox: Sandbox):
        self.sandbox = sandbox

    def policy(
        self, mode: str, *, operation: str | None = None, reads: int = 1, seconds: float = 0.0, errors=()
    ) -> JobPolicy:
        """Set it, for one operation or all.

        `immediate`, `reads` (done at the n-th read), `time` (after seconds on the sandbox's clock), `manual`,
        or `fail`.
        """
        if operation is not None and operation not in async_jobs.WORKERS:
            raise Unknown(f"{operation!r} starts no jobs. {', '.join(sorted(async_jobs.WORKERS))} do.")
        try:
            policy = JobPolicy(mode, reads, seconds, tuple(errors))
        except ValueError as error:
            raise Refused(str(error)) from None
        if operation is None:
            self.sandbox.jobs.default = policy
        else:
            self.sandbox.jobs.by_type[operation] = policy
        return policy

    def complete(self, id: str) -> dict:
        """Do the work of a job now."""
        return self._end(id, lambda job: async_jobs.complete(self.sandbox, job))

    def fail(self, id: str, *errors: str) -> dict:
        """End a job with these messages."""
        return self._end(id, lambda job: async_jobs.fail(self.sandbox, job, errors or ("The job failed.",)))

    def _end(self, id, action):
        with self.sandbox.lock:
            job = self.sandbox.store["async_job"].get(id)
            if job is None:
                raise Unknown(f"There is no job {id}.")
            if job["status"] in (async_jobs.COMPLETE, async_jobs.FAILED):
                raise Refused(f"Job {id} is {job['status']} already.")
            scope = steward(self.sandbox)
            with self.sandbox.transaction() as changes:
                ended = async_jobs.async_jobs.present(scope, action(job))
            webhooks.announce(scope, changes)
        self.sandbox.webhooks.send_due()
        return ended


class FaultsHandle:
    """The fault rules; see `mockserver.sandbox.faults.Fault` for what one can say."""

    def __init__(self, sandbox: Sandbox, operations):
        self.sandbox = sandbox
        self.operations = {operation.id: operation for operation in operations}

    def add(self, operation: str | None = None, **rule) -> Fault:
        """A new rule: `add("create_bom", status=503, times=2)`.

        A status the contract does not list needs `force=True`.
        """
        if operation is not None and operation not in self.operations:
            raise Unknown(f"There is no operation {operation!r}. `mockserver operations` lists all of them.")
        status = rule.get("status")
        if status is not None and not rule.get("force") and status not in (allowed := self.documented(operation)):
            of = operation or "every operation"
            raise Refused(
                f"The contract lists no {status} for {of}: {', '.join(map(str, sorted(allowed)))}. "
                "Say force=True to answer it all the same."
            )
        try:
            return self.sandbox.faults.add(operation, **rule)
        except (ValueError, TypeError) as error:
            raise Refused(str(error)) from None

    def documented(self, id: str | None) -> set[int]:
        """The error statuses of an operation in the contract, or those all operations share."""
        common = set(PROBLEMS) - {413, 415}
        if id is None:
            return common
        handler = self.operations[id].handler
        return common | ({413, 415} if handler.body else set()) | ({409} if handler.conflict else set())

    def __iter__(self):
        return iter(list(self.sandbox.faults.rules))

    def remove(self, id: int) -> None:
        if not self.sandbox.faults.remove(id):
            raise Unknown(f"There is no fault {id}.")

    def clear(self) -> None:
        self.sandbox.faults.clear()


class WebhooksHandle:
    """The sandbox's webhooks; all else than `subscribe` is as in `mockserver.sandbox.webhooks.Webhooks`."""

    def __init__(self, sandbox: Sandbox):
        self.sandbox = sandbox

    def subscribe(self, url: str, triggers=(), **timing: float) -> Subscription:
        """Tell `url` of records of these types, such as `BOM`; of all when there are none."""
        unknown = [trigger for trigger in triggers if trigger not in record_types()]
        if unknown:
            raise Unknown(f"There is no record type {unknown[0]!r}. There are {', '.join(record_types())}.")
        try:
            return self.sandbox.webhooks.subscribe(url, triggers, **timing)
        except ValueError as error:
            raise Refused(str(error)) from None

    def __getattr__(self, name):
        return getattr(self.sandbox.webhooks, name)


def record_types() -> list[str]:
    """What webhooks call the kinds of records."""
    return sorted({resource.record_type for resource in resources.by_kind().values()})


class Outbox:
    """The e-mails of a sandbox, oldest first."""

    def __init__(self, sandbox: Sandbox):
        self.records = Records(sandbox)

    def __iter__(self):
        return iter(self.records("outbound_email"))

    def __len__(self):
        return len(self.records.sandbox.store["outbound_email"])

    def __getitem__(self, index):
        return self.records("outbound_email")[index]
