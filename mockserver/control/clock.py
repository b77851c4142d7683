"""The clock of a sandbox."""

from mockserver.admin import clock
from mockserver.admin.clock import EARLIEST, FASTEST, LATEST
from mockserver.admin.schema import Number, Strict
from mockserver.api import fields
from mockserver.sandbox.clock import stamp

BEYOND = f"The clock goes from {EARLIEST.year} to {LATEST.year}."


class Clock(fields.Schema):
    """A sandbox's time: timestamps, expiries, jobs and webhooks go by it."""

    now = fields.Timestamp(dump_only=True)
    rate = Number(dump_only=True, description="Seconds it moves in a second; 0 while it is frozen.")


class ClockSetRequest(Strict):
    now = fields.Timestamp(required=True, description="The moment to jump to.")


class ClockAdvanceRequest(Strict):
    days = Number(-1e6, 1e6, load_default=0)
    hours = Number(-1e6, 1e6, load_default=0)
    minutes = Number(-1e6, 1e6, load_default=0)
    seconds = Number(-1e9, 1e9, load_default=0)


class ClockRunRequest(Strict):
    rate = Number(0, FASTEST, load_default=1.0, description="Seconds to move in a second.")


def get(at):
    """Read the clock."""
    return shown(at.sandbox)


def shown(sandbox) -> dict:
    """What is told of a sandbox's clock."""
    return {"now": stamp(sandbox.clock.now()), "rate": sandbox.clock.rate}


def freeze(at):
    """Stop the clock where it is."""
    clock.Clock(at.sandbox).freeze()
    return get(at)


def set(at, data):
    """Jump to a moment; what falls due by it happens."""
    clock.Clock(at.sandbox).set(data["now"])
    return get(at)


def advance(at, data):
    """Move on; what falls due on the way happens."""
    clock.Clock(at.sandbox).advance(**data)
    return get(at)


def run(at, data):
    """Let the clock run."""
    clock.Clock(at.sandbox).run(data["rate"])
    return get(at)
