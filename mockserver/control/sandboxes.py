"""Sandboxes:

worlds that share nothing, each opened by keys of its own; what they start from and return to.
"""

from flask import Response

from mockserver import worlds
from mockserver._yaml import YamlError
from mockserver.admin import state
from mockserver.admin.errors import Refused
from mockserver.admin.schema import Strict
from mockserver.admin.snapshots import Snapshots
from mockserver.api import fields
from mockserver.sandbox.clock import stamp
from mockserver.sandbox.registry import TooManySandboxes

NAME = {"max": 64, "pattern": r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}"}
SEED = {"min": -(2**53), "max": 2**53}


class PoliciesRequest(Strict):
    """How a sandbox treats its callers."""

    strict = fields.Boolean(
        load_default=False, description="Whether undocumented keys in a request are refused with 400."
    )


class SandboxPolicies(fields.Schema):
    """How a sandbox treats its callers."""

    strict = fields.Boolean(dump_only=True, description="Whether undocumented keys in a request are refused with 400.")


class SandboxRequest(Strict):
    fixtures = fields.Text(
        description=(
            "The world to start in: a fixture that comes with the mock, or the one the server was "
            "started with; that one when absent."
        ),
    )
    seed = fields.Integer(**SEED, description="Another seed than the fixture's own.")
    name = fields.Text(**NAME, description="What to call it; made up when absent.")
    policies = fields.Nested(PoliciesRequest, load_default=lambda: {"strict": False})


class SandboxKey(fields.Schema):
    """A key that opens the sandbox."""

    key = fields.Text(max=None, dump_only=True, description="What to send: `Authorization: Api-Key <key>`.")
    name = fields.Text(dump_only=True, description="What it is for.")
    role = fields.Text(null=True, dump_only=True, description="The first of its roles.")
    roles = fields.Array(fields.Text(), dump_only=True, description="What it may do; roles add up.")
    org_id = fields.Id(dump_only=True, description="Its primary organisation.")


class Sandbox(fields.Schema):
    """A world of its own:

    records, ids, clock, jobs, faults, webhooks, journal, policies. Its clock stands still or runs as the server was
    told to, until told otherwise.
    """

    id = fields.Id(dump_only=True)
    name = fields.Text(dump_only=True)
    fixtures = fields.Text(dump_only=True)
    seed = fields.Integer(**SEED, dump_only=True)
    policies = fields.Nested(SandboxPolicies, dump_only=True)
    api_keys = fields.Array(fields.Nested(SandboxKey), dump_only=True, description="The keys that open it.")
    created_at = fields.Timestamp(dump_only=True, description="When it was made, on the wall clock.")


class Reset(fields.Schema):
    """That a sandbox is as it was."""

    status = fields.Choice("reset", dump_only=True)
    fixtures = fields.Text(dump_only=True)
    seed = fields.Integer(**SEED, dump_only=True)


class SnapshotRequest(Strict):
    name = fields.Text(**NAME, required=True, description="What to call it. One of the same name is replaced.")


class Snapshot(fields.Schema):
    """A moment of a sandbox that can be brought back."""

    name = fields.Text(dump_only=True)
    now = fields.Timestamp(dump_only=True, description="What the sandbox's clock showed.")
    records = fields.Integer(dump_only=True, description="How many records there were.")


# `with` cannot be the name of an attribute.
DiffQuery = Strict.from_dict(
    {"with": fields.Text(**NAME, description="The other snapshot; this moment when absent.")}, name="DiffQuery"
)


class Difference(fields.Schema):
    """What changed between two moments, by kind; kinds that begin with `mock_` are the mock's own."""

    created = fields.Object(dump_only=True, description="`{kind: [record]}`: the records that are new.")
    changed = fields.Object(dump_only=True, description="`{kind: [{id, fields: {name: {before, after}}}]}`.")
    deleted = fields.Object(dump_only=True, description="`{kind: [record]}`: the records that are gone.")


# -- sandboxes


def create(at, data):
    """A new sandbox. What its keys call lives in that world alone."""
    if at.confined:
        raise Refused("This mock is one sandbox alone. Make another mock, or use `mockserver serve`.")
    try:
        default, world = at.app.sandbox, world_of(at.app, data.get("fixtures"), data.get("seed"))
        rate = default.rate
        if rate and world is not default.world:
            world = worlds.at(world, default.world.now)
        return shown(at.app.sandboxes.create(world, data.get("name"), data["policies"]["strict"], rate))
    except (ValueError, TooManySandboxes) as error:
        raise Refused(str(error)) from None


def list(at):
    """All sandboxes, the default one first."""
    return [shown(sandbox) for sandbox in ([at.sandbox] if at.confined else at.app.sandboxes)]


def get(at):
    """One sandbox, by name or id."""
    return shown(at.sandbox)


def delete(at):
    """Drop a sandbox and all in it. The default one stays."""
    if at.confined:
        raise Refused("This mock is one sandbox alone, which cannot be deleted. Reset it instead.")
    try:
        at.app.sandboxes.delete(at.sandbox)
    except ValueError as error:
        raise Refused(str(error)) from None


def shown(sandbox) -> dict:
    with sandbox.lock:
        keys = [
            {
                "key": key["key"],
                "name": key["name"],
                "role": key["roles"][0] if key["roles"] else None,
                "roles": key["roles"],
                "org_id": key["org_id"],
            }
            for key in sandbox.store["api_key"]
        ]
    return {
        "id": sandbox.id,
        "name": sandbox.name,
        "fixtures": sandbox.world.name,
        "seed": sandbox.seed,
        "policies": {"strict": sandbox.strict},
        "api_keys": keys,
        "created_at": stamp(sandbox.created_at),
    }


def world_of(app, fixtures, seed):
    """The world asked for.

    Paths are not taken: who may call the server need not be who may read its files.
    """
    own = app.sandbox.world
    if fixtures in (None, own.name):
        try:
            return own if seed in (None, own.seed) else worlds.load(app.fixtures or own.name, seed)
        except (worlds.UnknownFixture, YamlError) as error:
            raise Refused(f"The fixture the server was started with cannot be read any more: {error}") from None
    if fixtures not in worlds.names():
        known = ", ".join(dict.fromkeys([*worlds.names(), own.name]))
        raise Refused(
            f"There is no fixture {fixtures!r}. There are {known}. "
            "One of your own: start the server with --fixtures PATH."
        )
    return worlds.load(fixtures, seed)


# -- one sandbox


def reset(at):
    """Back to the start in one step:

    data, ids, clock, jobs, faults, webhooks, journal, files, keys, policies, snapshots.
    """
    at.sandbox.reset()
    return {"status": "reset", "fixtures": at.sandbox.world.name, "seed": at.sandbox.seed}


def policies(at):
    """How callers are treated."""
    return {"strict": at.sandbox.strict}


def set_policies(at, data):
    """Treat callers so."""
    with at.sandbox.lock:
        at.sandbox.strict = data["strict"]
    return policies(at)


def snapshots(at):
    """The snapshots there are."""
    return [shown_snapshot(name, snapshot) for name, snapshot in Snapshots(at.sandbox).all().items()]


def take_snapshot(at, data):
    """Keep this moment: all records, clock, job policies, faults, webhooks, files, keys, policies."""
    return shown_snapshot(data["name"], Snapshots(at.sandbox).take(data["name"]))


def get_snapshot(at, name):
    """What a snapshot holds."""
    return shown_snapshot(name, Snapshots(at.sandbox).get(name))


def restore_snapshot(at, name):
    """Bring that moment back. The journal goes on."""
    return shown_snapshot(name, Snapshots(at.sandbox).restore(name))


def delete_snapshot(at, name):
    """Forget a snapshot."""
    Snapshots(at.sandbox).delete(name)


def diff_snapshot(at, name, query):
    """What changed from that moment to now, or to another snapshot, record by record and field by field."""
    kept = Snapshots(at.sandbox)
    other = kept.get(query["with"]) if "with" in query else None
    return kept.difference(kept.get(name), other).document()


def shown_snapshot(name, snapshot):
    return {"name": name, "now": stamp(snapshot.now), "records": snapshot.records}


def export(at):
    """All there is of a sandbox, to keep in a file:

    `POST …/import` takes it. Snapshots and the journal are left out.
    """
    return Response(state.dumps(at.sandbox), content_type="application/json")


def import_(at, data):
    """Put an export in place of all there is, or refuse it and change nothing."""
    try:
        state.load(at.sandbox, data)
    except state.InvalidState as invalid:
        raise Refused(str(invalid)) from None
    return shown(at.sandbox)
