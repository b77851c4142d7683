"""The faults of a sandbox: which calls go wrong, and how."""

from mockserver.admin.handles import FaultsHandle
from mockserver.api import fields
from mockserver.control.clock import Number
from mockserver.control.routing import Choice, Strict
from mockserver.sandbox import faults as rules


class Latency(fields.Any):
    """Seconds, or a distribution of them."""

    def _deserialize(self, value, attr, data, **kwargs):
        try:
            rules.check_latency(value)
        except ValueError as error:
            raise fields.ma.ValidationError(str(error)) from None
        return value

    def document(self):
        seconds = {"type": "number", "minimum": 0, "maximum": rules.MAX_LATENCY}

        def one(name, schema):
            return {
                "type": "object",
                "properties": {name: schema},
                "required": [name],
                "additionalProperties": False,
            }

        lognormal = {
            "type": "object",
            "properties": {"median": seconds, "sigma": {"type": "number", "minimum": 0, "maximum": 10}},
            "required": ["median", "sigma"],
            "additionalProperties": False,
        }
        return {
            "anyOf": [
                seconds,
                one("uniform", {"type": "array", "items": seconds, "minItems": 2, "maxItems": 2}),
                one("lognormal", lognormal),
            ]
        }


class RateLimit(Strict):
    requests = fields.Integer(1, required=True, description="How many calls a key may make in a period.")
    seconds = Number(0.001, 1e8, required=True, description="The length of a period on the sandbox's clock.")


class FaultRequest(Strict):
    """A rule: which calls it is for, and what becomes of them. It needs at least one effect."""

    operation = fields.Text(null=True, description="The id of the operation it is for; all when null.")
    path = fields.Text(max=2000, null=True, description="A pattern of the path, with `*`.")
    key = fields.Text(null=True, description="An API key, or the part before its point.")
    nth = fields.Integer(1, null=True, description="Of the calls that fit, this one alone.")
    every = fields.Integer(1, null=True, description="Of the calls that fit, every so many.")
    times = fields.Integer(1, null=True, description="How often at the most.")
    latency = Latency(
        null=True,
        description='Seconds before the answer: a number, `{"uniform": [low, high]}`, or '
        '`{"lognormal": {"median": s, "sigma": x}}` drawn from the seed.',
    )
    status = fields.Integer(200, 599, null=True, description="Answer this instead, with a body the contract allows.")
    retry_after = fields.Integer(0, load_default=1, description="Seconds to wait, for 429 and 503.")
    rate_limit = fields.Nested(RateLimit, null=True, description="Calls beyond it are answered with 429.")
    body = Choice("truncated", "malformed", null=True, description="What becomes of the answer's body.")
    drop = fields.Boolean(load_default=False, description="Close the connection without an answer.")
    handled = fields.Boolean(
        load_default=False, description="Whether the operation takes place though its answer is spoilt."
    )
    force = fields.Boolean(load_default=False, description="Allow a status the contract does not list.")


class Fault(FaultRequest):
    """A rule, and how often it came into play."""

    id = fields.Integer(dump_only=True)
    seen = fields.Integer(dump_only=True, description="How many calls fitted.")
    fired = fields.Integer(dump_only=True, description="How many were spoilt.")


def list(at):
    """The rules."""
    return [fault.document() for fault in FaultsHandle(at.sandbox, at.app.operations)]


def add(at, data):
    """A new rule."""
    return FaultsHandle(at.sandbox, at.app.operations).add(**data).document()


def clear(at):
    """Remove all rules."""
    FaultsHandle(at.sandbox, at.app.operations).clear()


def remove(at, fault_id):
    """Remove a rule."""
    FaultsHandle(at.sandbox, at.app.operations).remove(fault_id)
