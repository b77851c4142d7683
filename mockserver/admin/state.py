"""A sandbox as a JSON document: written out, and read back with nothing taken on trust."""

import base64
import binascii
import dataclasses as dc
import hashlib
import os
import tempfile
from pathlib import Path

import marshmallow as ma
import orjson

from mockserver import resources
from mockserver.admin.errors import Refused
from mockserver.admin.handles import EARLIEST, LATEST, steward
from mockserver.api import fields
from mockserver.api.resource import reference
from mockserver.control.clock import Number
from mockserver.control.faults import FaultRequest
from mockserver.control.jobs import JobPolicyRequest
from mockserver.control.routing import Strict
from mockserver.control.webhooks import SubscriptionRequest
from mockserver.sandbox import Policies, Sandbox
from mockserver.sandbox.clock import moment, stamp
from mockserver.sandbox.faults import Fault, Faults
from mockserver.sandbox.jobs import JobPolicy, Jobs
from mockserver.sandbox.store import Store
from mockserver.sandbox.webhooks import DELIVERED, FAILED, PENDING, Delivery, Subscription, Webhooks

FORMAT = "cofactr-mockserver/1"
COUNT = {"min": 0, "max": 2**53, "required": True}


class Unfit(Refused):
    """The document cannot be loaded into this sandbox; the message says why. Nothing was changed."""


# -- the document; its parts are what the control plane takes, and what it counts


class _Policies(Strict):
    strict = fields.Boolean(required=True)


class _Clock(Strict):
    now = fields.Timestamp(required=True)
    rate = Number(0, 1e6, required=True)


class _Fault(FaultRequest):
    id, seen, fired = fields.Integer(**COUNT), fields.Integer(**COUNT), fields.Integer(**COUNT)


class _Faults(Strict):
    last = fields.Integer(**COUNT)
    rules = fields.Array(fields.Nested(_Fault), required=True)


class _Subscription(SubscriptionRequest):
    id = fields.Id(required=True)


class _Attempt(Strict):
    at = fields.Timestamp(required=True)
    status = fields.Integer(null=True)
    error = fields.Text(max=None, min=0, null=True)


class _Delivery(Strict):
    id, subscription_id = fields.Id(required=True), fields.Id(required=True)
    url = fields.Url(required=True)
    event = fields.Object(required=True)
    status = fields.Choice(PENDING, DELIVERED, FAILED, required=True)
    due_at = fields.Timestamp(null=True)
    attempts = fields.Array(fields.Nested(_Attempt), required=True)


class _Counts(Strict):
    subscription, delivery = fields.Integer(**COUNT), fields.Integer(**COUNT)


class _Webhooks(Strict):
    counts = fields.Nested(_Counts, required=True)
    subscriptions = fields.Array(fields.Nested(_Subscription), required=True)
    deliveries = fields.Array(fields.Nested(_Delivery), required=True)


class State(Strict):
    """A sandbox:

    all its records with what is hidden in them and their places, so that ids go on as they would have.
    """

    format = fields.Choice(FORMAT, required=True)
    fixtures = fields.Text(required=True)
    seed = fields.Integer(-(2**53), 2**53, required=True)
    catalogue = fields.Object(required=True)
    policies = fields.Nested(_Policies, required=True)
    clock = fields.Nested(_Clock, required=True)
    jobs = fields.Array(fields.Nested(JobPolicyRequest), required=True)
    faults = fields.Nested(_Faults, required=True)
    webhooks = fields.Nested(_Webhooks, required=True)
    files = fields.Object(required=True)
    extras = fields.Object(load_default=dict)  # what an overlay adds to records; absent from older documents
    extras = fields.Object(required=True)
    records = fields.Object(required=True)


# -- out


def export(sandbox: Sandbox) -> dict:
    """The document of a sandbox. Snapshots, the journal and the periods of rate limits are left out."""
    with sandbox.lock:
        jobs, faults, webhooks = sandbox.jobs, sandbox.faults, sandbox.webhooks
        return {
            "format": FORMAT,
            "fixtures": sandbox.world.name,
            "seed": sandbox.seed,
            "catalogue": _catalogue(sandbox),
            "policies": dc.asdict(sandbox.policies),
            "clock": {"now": stamp(sandbox.clock.now()), "rate": sandbox.clock.rate},
            "jobs": [
                {"operation": operation, **dc.asdict(policy)}
                for operation, policy in [(None, jobs.default), *jobs.by_type.items()]
            ],
            "faults": {"last": faults.last, "rules": [fault.document() for fault in faults.rules]},
            "webhooks": {
                "counts": dict(webhooks.counts),
                "subscriptions": list(map(dc.asdict, webhooks.subscriptions.values())),
                "deliveries": list(map(dc.asdict, webhooks.deliveries.values())),
            },
            "extras": dict(sandbox.extras),
            "files": {digest: base64.b64encode(content).decode() for digest, content in sandbox.files.items()},
            "records": {
                kind: {
                    "last": table.last,
                    "rows": [[table.ordinal(record["id"]), record] for record in table],
                }
                for kind, table in sandbox.store.tables.items()
                if table.last
            },
        }


def dumps(sandbox: Sandbox) -> bytes:
    return orjson.dumps(export(sandbox))


def save(sandbox: Sandbox, path: Path) -> None:
    """Write the document to a file.

    Whoever reads it meanwhile, or after a crash, has the old one or the new one. OSError.
    """
    content = dumps(sandbox)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


# -- in


def read(sandbox: Sandbox, path: Path) -> None:
    """Load the document in a file.

    Unfit, with the file's name, when it cannot be; the file is left as it is.
    """
    try:
        load(sandbox, orjson.loads(path.read_bytes()))
    except orjson.JSONDecodeError as error:
        raise Unfit(f"{path} is not JSON: {error}.") from None
    except OSError as error:
        raise Unfit(f"{path} cannot be read: {error.strerror}.") from None
    except Unfit as unfit:
        raise Unfit(f"{path}: {unfit}") from None


def load(sandbox: Sandbox, document) -> None:
    """Put the document in place of all there is in the sandbox, in one step. Unfit when it cannot be."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        given = document.get("format") if isinstance(document, dict) else None
        raise Unfit(f"The format should be {FORMAT!r}, not {given!r}. Export it with this version of the mock.")
    try:
        loaded = State().load(document)
    except ma.ValidationError as error:
        raise Unfit("; ".join(f"{field}: {reason}" for field, reason in _flat(error.messages))) from None
    if loaded["seed"] != sandbox.seed:
        raise Unfit(
            f"It comes from seed {loaded['seed']}, this sandbox has seed {sandbox.seed}, "
            "so ids would not go on as they "
            f"were. Load it into a sandbox of seed {loaded['seed']}."
        )
    if loaded["catalogue"] != _catalogue(sandbox):
        raise Unfit(
            f"It comes from the fixtures {loaded['fixtures']!r}, whose part catalogue is another. "
            "Load it into a sandbox of these."
        )
    if not EARLIEST <= moment(loaded["clock"]["now"]) <= LATEST:
        raise Unfit(f"clock.now should be from {stamp(EARLIEST)} to {stamp(LATEST)}.")
    if bad := [id for id, extra in loaded["extras"].items() if not isinstance(extra, dict)]:
        raise Unfit(f"extras.{bad[0]}: should be an object.")
    files = _files(loaded["files"])
    if not all(isinstance(values, dict) for values in loaded["extras"].values()):
        raise Unfit("extras: should hold an object for each record.")
    jobs = _jobs(loaded["jobs"])
    try:
        faults = _faults(sandbox.seed, loaded["faults"])
    except ValueError as error:
        raise Unfit(f"faults: {error}") from None
    store = _store(sandbox, loaded["records"])
    with sandbox.lock:
        sandbox.store, sandbox.files, sandbox.jobs, sandbox.faults = store, files, jobs, faults
        sandbox.extras = loaded["extras"]
        sandbox.extras, sandbox.policies = loaded["extras"], Policies(**loaded["policies"])
        sandbox.clock.set(moment(loaded["clock"]["now"]), loaded["clock"]["rate"])
        sandbox.webhooks = _webhooks(sandbox, loaded["webhooks"])


def _catalogue(sandbox):
    return {
        "known_parts_only": sandbox.world.catalogue.known_parts_only,
        "never_match": list(sandbox.world.catalogue.never_match),
    }


def _files(texts):
    files = {}
    for digest, text in texts.items():
        try:
            files[digest] = base64.b64decode(text, validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise Unfit(f"files.{digest}: should be base64.") from None
        if hashlib.sha256(files[digest]).hexdigest() != digest:
            raise Unfit(f"files.{digest}: the content has another SHA-256 than its name says.")
    return files


def _jobs(policies):
    jobs = Jobs()
    for policy in policies:
        operation, policy = (
            policy["operation"],
            JobPolicy(policy["mode"], policy["reads"], policy["seconds"], tuple(policy["errors"])),
        )
        if operation is None:
            jobs.default = policy
        else:
            jobs.by_type[operation] = policy
    return jobs


def _faults(seed, loaded):
    faults = Faults(seed)
    faults.rules, faults.last = [Fault(**rule) for rule in loaded["rules"]], loaded["last"]
    return faults


def _webhooks(sandbox, loaded):
    webhooks = Webhooks(sandbox.seed, sandbox.clock)
    webhooks.counts.update(loaded["counts"])
    webhooks.subscriptions = {one["id"]: Subscription(**one) for one in loaded["subscriptions"]}
    webhooks.put([Delivery(**one) for one in loaded["deliveries"]])
    return webhooks


def _store(sandbox, groups) -> Store:
    """The records as a store of their own. Each has the fields of its kind, and refers to what is there."""
    by_kind = resources.by_kind()
    store = Store(sandbox.world.store.kinds)
    for kind, group in groups.items():
        if kind not in store.tables:
            raise Unfit(f"records.{kind}: There is no such kind. There are {', '.join(sorted(store.tables))}.")
        _fill(store.tables[kind], by_kind[kind], group)
    for kind in ("org", "api_key"):
        if not len(store[kind]):
            raise Unfit(f"records.{kind}: There should be at least one.")
    for kind, table in store.tables.items():
        for record in table:
            _check_references(store, by_kind[kind], record)
    _check_answers(sandbox, store)
    return store


def _fill(table, resource, group):
    where = f"records.{table.kind}"
    if (
        not isinstance(group, dict)
        or group.keys() != {"last", "rows"}
        or type(group["last"]) is not int
        or not isinstance(group["rows"], list)
    ):
        raise Unfit(f'{where}: should be {{"last": n, "rows": [[ordinal, record], …]}}.')
    last = 0
    for number, row in enumerate(group["rows"]):
        match row:
            case [int() as ordinal, dict() as record] if last < ordinal <= group["last"]:
                last = ordinal
            case _:
                raise Unfit(f"{where}.rows[{number}]: should be [ordinal, record], the ordinals ascending up to last.")
        _check_fields(resource, record, f"{where}.rows[{number}]")
        if table.ordinal(record["id"]) is not None:
            raise Unfit(f"{where}.rows[{number}]: There is a {resource.label} {record['id']} already.")
        try:
            table.write(ordinal, None, record)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise Unfit(f"{where}.rows[{number}]: does not fit: {error}.") from None
    table.last = max(0, group["last"])


def _check_fields(resource, record, where):
    known = resource.fields.keys() | resource.hidden | {"org_id", "created_at", "updated_at"}
    if unknown := record.keys() - known:
        raise Unfit(f"{where}.{min(unknown)}: A {resource.label} has no such field. It has {', '.join(sorted(known))}.")
    if (
        missing := {name for name in known if not (name in resource.fields and resource.fields[name].load_only)}
        - record.keys()
    ):
        raise Unfit(f"{where}.{min(missing)}: The field is missing.")
    for name, value in record.items():
        field = resource.fields.get(name)
        if field is None or (value is None and (field.allow_none or field.dump_only)):
            continue
        try:
            field.deserialize(value)
        except ma.ValidationError as error:
            raise Unfit(f"{where}.{name}: {'; '.join(reason for _, reason in _flat(error.messages))}") from None


def _check_references(store, resource, record):
    for name, field in resource.references.items():
        kind, value = reference(field).kind, record.get(name)
        for id in value if isinstance(value, list) else [value]:
            if id is not None and kind in store.tables and store[kind].get(id) is None:
                raise Unfit(
                    f"records.{resource.kind}: {name} of {record['id']} names a {kind} that is not there, {id}."
                )


def _check_answers(sandbox, store):
    """Every record can be answered: what is computed of it, and what is hidden in it, makes sense."""
    trial = Sandbox(sandbox.world)
    trial.store = store
    scope = steward(trial)
    for kind, table in store.tables.items():
        for record in table:
            try:
                scope.resources[kind].present(scope, record)
            except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
                raise Unfit(f"records.{kind}: {record['id']} does not fit: {type(error).__name__}: {error}.") from None


def _flat(messages, path=""):
    if isinstance(messages, dict):
        return [
            found for key, value in messages.items() for found in _flat(value, f"{path}.{key}" if path else str(key))
        ]
    if isinstance(messages, list):
        return [found for value in messages for found in _flat(value, path)]
    return [(path, str(messages))]
