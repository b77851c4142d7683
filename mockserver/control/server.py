"""The server itself: that it runs, what it serves, saving its state."""

import orjson
from flask import Response

from mockserver.admin.errors import Refused
from mockserver.api import fields
from mockserver.control import clock

MOCK = {"url": "/", "description": "This mock."}


class Health(fields.Schema):
    """That the mock runs, and what it serves."""

    status = fields.Choice("ok", dump_only=True)
    operations = fields.Integer(dump_only=True, description="How many operations of the API are served.")
    fixtures = fields.Text(dump_only=True, description="The world of the default sandbox.")
    seed = fields.Integer(min=-(2**63), max=2**63, dump_only=True)
    clock = fields.Nested(clock.Clock, dump_only=True, description="The clock of the default sandbox.")


class Saved(fields.Schema):
    """Where the state was saved."""

    saved = fields.Text(max=None, dump_only=True, description="The file, on the server's machine.")


def health(at):
    """That the mock runs, and what it serves. Needs no token."""
    sandbox = at.sandbox or at.app.sandbox
    served = sum(operation.served for operation in at.app.operations)
    return {
        "status": "ok",
        "operations": served,
        "fixtures": sandbox.world.name,
        "seed": sandbox.seed,
        "clock": clock.shown(sandbox),
    }


def openapi(at):
    """The contract: the OpenAPI document of what this mock serves. Needs no token."""
    document = orjson.loads(at.app.contract)
    # First, so that what is tried out on the reference page comes here and not to the real host.
    document["servers"] = [MOCK, *document["servers"]]
    return Response(orjson.dumps(document), content_type="application/json")


def control_openapi(at):
    """The OpenAPI document of the control plane. Needs no token."""
    from mockserver.control import document

    return Response(orjson.dumps(document.build()), content_type="application/json")


def save(at):
    """Where the state is that `serve --state` keeps. Each write is there before it is answered."""
    if at.confined or at.app.save is None:
        raise Refused("This server keeps no state. Start it with `mockserver serve --state FILE`, or GET export.")
    try:
        return {"saved": str(at.app.save())}
    except OSError as error:
        raise Refused(f"The state could not be saved: {error}.") from None
