"""The clock of a sandbox."""

from mockserver.admin.handles import EARLIEST, LATEST, ClockHandle
from mockserver.api import fields
from mockserver.control.routing import Strict
from mockserver.sandbox.clock import stamp


class Number(fields.Any):
    """A number from `min` to `max`, whole or not."""

    default_error_messages = {"invalid": "A number from {min:g} to {max:g} is required."}

    def __init__(self, min=0, max=1e9, **kwargs):
        self.min, self.max = min, max
        super().__init__(**kwargs)

    def _deserialize(self, value, attr, data, **kwargs):
        if type(value) not in (int, float) or not self.min <= value <= self.max:
            raise self.make_error("invalid", min=self.min, max=self.max)
        return value

    def document(self):
        return {"type": "number", "minimum": self.min, "maximum": self.max}


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
    rate = Number(0, 1e6, load_default=1.0, description="Seconds to move in a second.")


def get(at):
    """Read the clock."""
    return {"now": stamp(at.sandbox.clock.now()), "rate": at.sandbox.clock.rate}


def freeze(at):
    """Stop the clock where it is."""
    ClockHandle(at.sandbox).freeze()
    return get(at)


def set(at, data):
    """Jump to a moment; what falls due by it happens."""
    ClockHandle(at.sandbox).set(data["now"])
    return get(at)


def advance(at, data):
    """Move on; what falls due on the way happens."""
    ClockHandle(at.sandbox).advance(**data)
    return get(at)


def run(at, data):
    """Let the clock run."""
    ClockHandle(at.sandbox).run(data["rate"])
    return get(at)
