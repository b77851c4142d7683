"""A sandbox as a JSON document: written out, and read back with nothing taken on trust."""

import base64
import binascii
import hashlib
import os
import tempfile
from pathlib import Path

import marshmallow as ma
import orjson

from mockserver import resources
from mockserver.admin.clock import EARLIEST, LATEST, ClockState
from mockserver.admin.errors import Refused
from mockserver.admin.faults import FaultState
from mockserver.admin.jobs import JobPolicyState
from mockserver.admin.schema import Strict, flat
from mockserver.admin.scope import admin_scope
from mockserver.admin.webhooks import DeliveryState, SubscriptionSchema
from mockserver.api import fields, gate
from mockserver.sandbox import SETTINGS, Sandbox
from mockserver.sandbox.clock import moment, stamp, wall
from mockserver.sandbox.store import Store

FORMAT = "cofactr-mockserver/2"
FORMATS = ("cofactr-mockserver/1", FORMAT)
SEED = {"min": -(2**53), "max": 2**53}
LAST = 2**53


class InvalidState(Refused):
    """The document cannot be loaded into this sandbox; the message says why. Nothing was changed."""


class Bytes(fields.Any):
    """The content of a file, in a document as base64."""

    default_error_messages = {"invalid": "should be base64."}

    def _deserialize(self, value, attr, data, **kwargs):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise self.make_error("invalid") from None


class SettingsState(Strict):
    """How a sandbox treats its callers."""

    id = fields.Choice(SETTINGS, required=True)
    strict = fields.Boolean(required=True)


class FileState(Strict):
    """A file, under its SHA-256 digest."""

    id = fields.Text(required=True, pattern="[0-9a-f]{64}")
    content = Bytes(required=True)

    @ma.validates_schema
    def check_digest(self, data, **kwargs):
        if hashlib.sha256(data["content"]).hexdigest() != data["id"]:
            raise ma.ValidationError("the content has another SHA-256 than its name says.", "content")


class ExtraState(Strict):
    """The fields that corrections of the contract add to the record whose id this is."""

    id = fields.Text(max=None, required=True)
    values = fields.Object(required=True)


class SpentNumberState(Strict):
    """A number of a record that was deleted, which is not given again: its kind, its organisation, the number."""

    id = fields.Text(max=None, required=True)


# The schemas of the mock's own kinds of records, as they are stored.
SCHEMAS: dict[str, ma.Schema] = {
    "mock_clock": ClockState(),
    "mock_settings": SettingsState(),
    "mock_job_policy": JobPolicyState(),
    "mock_fault": FaultState(),
    "mock_subscription": SubscriptionSchema(),
    "mock_delivery": DeliveryState(),
    "mock_file": FileState(),
    "mock_extra": ExtraState(),
    "mock_spent_number": SpentNumberState(),
}
NEEDED = ("org", "api_key", "mock_clock", "mock_settings")


class State(Strict):
    """All records of a sandbox, the mock's own included, with their places, so that ids go on as they would have."""

    format = fields.Choice(FORMAT, required=True)
    fixtures = fields.Text(required=True)
    seed = fields.Integer(**SEED, required=True)
    catalogue = fields.Object(required=True)
    tables = fields.Object(required=True)


# -- out


def export(sandbox: Sandbox) -> dict:
    """Return the document of a sandbox. Snapshots and the journal are left out."""
    with sandbox.lock:
        sandbox.clock.mark()
        return {
            "format": FORMAT,
            "fixtures": sandbox.world.name,
            "seed": sandbox.seed,
            "catalogue": _catalogue(sandbox),
            "tables": {
                kind: {"last": table.last, "rows": [[place, _shown(kind, record)] for place, record in table.items()]}
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


def _shown(kind, record):
    if kind == "mock_file":
        return {**record, "content": base64.b64encode(record["content"]).decode()}
    return record


# -- in


def read(sandbox: Sandbox, path: Path) -> None:
    """Load the document in a file.

    InvalidState, with the file's name, when it cannot be; the file is left as it is.
    """
    try:
        load(sandbox, orjson.loads(path.read_bytes()))
    except orjson.JSONDecodeError as error:
        raise InvalidState(f"{path} is not JSON: {error}.") from None
    except OSError as error:
        raise InvalidState(f"{path} cannot be read: {error.strerror}.") from None
    except InvalidState as invalid:
        raise InvalidState(f"{path}: {invalid}") from None


def load(sandbox: Sandbox, document) -> None:
    """Put the document in place of all there is in the sandbox, in one commit. InvalidState when it cannot be."""
    format = document.get("format") if isinstance(document, dict) else None
    if format not in FORMATS:
        raise InvalidState(
            f"The format should be {' or '.join(map(repr, FORMATS))}, not {format!r}. "
            "Export it with this version of the mock."
        )
    if format != FORMAT:
        document = _from_version_1(document)
    try:
        loaded = State().load(document)
    except ma.ValidationError as error:
        raise InvalidState("; ".join(f"{field}: {reason}" for field, reason in flat(error.messages))) from None
    if loaded["seed"] != sandbox.seed:
        raise InvalidState(
            f"It comes from seed {loaded['seed']}, this sandbox has seed {sandbox.seed}, so ids would not go on as "
            f"they were. Load it into a sandbox of seed {loaded['seed']}."
        )
    if loaded["catalogue"] != _catalogue(sandbox):
        raise InvalidState(
            f"It comes from the fixtures {loaded['fixtures']!r}, whose part catalogue is another. "
            "Load it into a sandbox of these."
        )
    store = _store(sandbox, loaded["tables"])
    sandbox.adopt(store.tables, "import")


def _catalogue(sandbox):
    return {
        "known_parts_only": sandbox.world.catalogue.known_parts_only,
        "never_match": list(sandbox.world.catalogue.never_match),
    }


def _store(sandbox, groups) -> Store:
    """The records as a store of their own. Each has the fields of its kind, and refers to what is there."""
    by_kind = resources.by_kind()
    store = Store(sandbox.world.store.kinds)
    for kind, group in groups.items():
        if kind not in store.tables:
            raise InvalidState(f"tables.{kind}: There is no such kind. There are {', '.join(sorted(store.tables))}.")
        _fill(store.tables[kind], by_kind.get(kind), group)
    for kind in NEEDED:
        if not len(store[kind]):
            raise InvalidState(f"tables.{kind}: There should be at least one.")
    now = moment(next(iter(store["mock_clock"]))["now"])
    if not EARLIEST <= now <= LATEST:
        raise InvalidState(f"tables.mock_clock: now should be from {stamp(EARLIEST)} to {stamp(LATEST)}.")
    for document in store["stock_document"]:
        if store["mock_file"].get(document["sha256"]) is None:
            raise InvalidState(f"tables.stock_document: the file of {document['id']} is not there.")
    trial = Sandbox(sandbox.world)
    trial.store.adopt(store.tables)
    try:
        gate.admit(
            admin_scope(trial),
            [(kind, record) for kind, table in store.tables.items() if kind in by_kind for record in table],
        )
    except gate.InvalidRecord as error:
        raise InvalidState(str(error)) from None
    return store


def _fill(table, resource, group):
    where = f"tables.{table.kind}"
    if (
        not isinstance(group, dict)
        or group.keys() != {"last", "rows"}
        or type(group["last"]) is not int
        or not 0 <= group["last"] <= LAST
        or not isinstance(group["rows"], list)
    ):
        raise InvalidState(f'{where}: should be {{"last": n, "rows": [[ordinal, record], …]}}.')
    last = 0
    for number, row in enumerate(group["rows"]):
        match row:
            case [int() as ordinal, dict() as record] if last < ordinal <= group["last"]:
                last = ordinal
            case _:
                raise InvalidState(
                    f"{where}.rows[{number}]: should be [ordinal, record], the ordinals ascending up to last."
                )
        at = f"{where}.rows[{number}]"
        record = _record(table.kind, resource, record, at)
        if table.ordinal(record["id"]) is not None:
            raise InvalidState(f"{at}: There is a {table.kind.replace('_', ' ')} {record['id']} already.")
        try:
            table.write(ordinal, None, record)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise InvalidState(f"{at}: does not fit: {error}.") from None
    table.last = group["last"]


def _record(kind, resource, record, where) -> dict:
    try:
        if resource is not None:
            return gate.load_record(resource, record, where)
        return SCHEMAS[kind].load(gate.plain(record, where))
    except gate.InvalidRecord as error:
        raise InvalidState(str(error)) from None
    except ma.ValidationError as error:
        raise InvalidState("; ".join(f"{where}.{field}: {text}" for field, text in flat(error.messages))) from None


def _from_version_1(document: dict) -> dict:
    """A document of the first format in the present one."""
    try:
        faults, webhooks, clock = document["faults"], document["webhooks"], document["clock"]
        own = {
            "mock_clock": [{"id": "clock", "now": clock["now"], "rate": clock["rate"], "since": wall()}],
            "mock_settings": [{"id": SETTINGS, **document["policies"]}],
            "mock_job_policy": [{"id": one["operation"] or "default", **one} for one in document["jobs"]],
            "mock_fault": [{**one, "windows": {}} for one in faults["rules"]],
            "mock_subscription": webhooks["subscriptions"],
            "mock_delivery": [{**one, "claimed_until": None} for one in webhooks["deliveries"]],
            "mock_file": [{"id": digest, "content": text} for digest, text in document["files"].items()],
            "mock_extra": [{"id": id, "values": values} for id, values in document.get("extras", {}).items()],
        }
        tables = dict(document["records"])
        for kind, records in own.items():
            tables[kind] = {"last": len(records), "rows": [list(row) for row in enumerate(records, start=1)]}
        tables["mock_fault"] = {"last": faults["last"], "rows": [[one["id"], one] for one in own["mock_fault"]]}
        for kind, counted in (("mock_subscription", "subscription"), ("mock_delivery", "delivery")):
            tables[kind]["last"] = max(tables[kind]["last"], webhooks["counts"][counted])
        return {
            "format": FORMAT,
            **{name: document[name] for name in ("fixtures", "seed", "catalogue")},
            "tables": tables,
        }
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InvalidState(f"This is no document of the format {FORMATS[0]}: {reason}.") from None
