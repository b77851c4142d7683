"""The clock of a sandbox, moved by hand."""

import datetime as dt

from mockserver.admin.errors import Refused
from mockserver.admin.jobs import run_due_jobs
from mockserver.admin.schema import Number
from mockserver.admin.scope import Capability
from mockserver.admin.webhooks import Webhooks
from mockserver.api import fields
from mockserver.resources import async_jobs
from mockserver.sandbox.clock import moment

# Where a clock can be: far enough from both ends of the calendar for every expiry, delay and retry to be in it.
EARLIEST, LATEST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC), dt.datetime(2999, 12, 31, tzinfo=dt.UTC)
FASTEST = 1e6


class ClockState(fields.Schema):
    """A clock as it is stored."""

    id = fields.Choice("clock", required=True)
    now = fields.Timestamp(required=True)
    rate = Number(0, FASTEST, required=True)
    since = Number(0, 1e12, required=True)


class Clock(Capability):
    """The time of a sandbox.

    What falls due when it is moved happens at once, each job at its own moment; webhooks are sent.
    """

    @property
    def now(self) -> dt.datetime:
        return self.sandbox.clock.now()

    @property
    def rate(self) -> float:
        """Seconds it moves in a second; 0 while it stands still."""
        return self.sandbox.clock.rate

    def set(self, when: dt.datetime | str) -> dt.datetime:
        """Jump to a moment: a datetime with an offset, or RFC 3339. Raises Refused."""
        return self._move(parse(when, "The clock cannot be set"))

    def advance(
        self, *, weeks: float = 0, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> dt.datetime:
        """Move on, or back with negative numbers. Raises Refused."""
        units = {"weeks": weeks, "days": days, "hours": hours, "minutes": minutes, "seconds": seconds}
        given = ", ".join(f"{name}={value!r}" for name, value in units.items() if value)
        try:
            return self._move(self.sandbox.clock.now() + dt.timedelta(**units))
        except TypeError:
            wanted = "numbers of weeks, days, hours, minutes or seconds are wanted"
            raise Refused(f"The clock cannot be advanced by {given}: {wanted}.") from None
        except (OverflowError, ValueError) as error:
            raise Refused(f"The clock cannot be advanced by {given}: {error}") from None

    def freeze(self) -> dt.datetime:
        """Let it stand still."""
        return self._change_rate(0.0)

    def run(self, rate: float = 1.0) -> dt.datetime:
        """Let it run, `rate` seconds to a second, 0 to 1000000. Raises Refused."""
        if type(rate) not in (int, float) or not 0 <= rate <= FASTEST:
            raise Refused(f"rate should be a number from 0 to {FASTEST:.0f}, not {rate!r}.")
        return self._change_rate(rate)

    def _change_rate(self, rate):
        with self.sandbox.lock, self.sandbox.transaction():
            self.sandbox.clock.run(rate)
            run_due_jobs(self.sandbox)
        Webhooks(self.sandbox).send_due()
        return self.now

    def _move(self, when):
        if not EARLIEST <= when <= LATEST:
            raise Refused(f"The clock goes from {EARLIEST.year} to {LATEST.year}, not to {when.isoformat()}.")
        sandbox = self.sandbox
        with sandbox.lock, sandbox.transaction():
            while (due := async_jobs.next_due(sandbox)) is not None and sandbox.clock.now() < due <= when:
                sandbox.clock.set(due)
                run_due_jobs(sandbox)
            sandbox.clock.set(when)
            run_due_jobs(sandbox)
        Webhooks(sandbox).send_due()
        return self.now


def parse(when: dt.datetime | str, failed: str) -> dt.datetime:
    """Return a moment that somebody named. Raises Refused, beginning with what failed."""
    if isinstance(when, str):
        try:
            when = moment(when)
        except ValueError:
            raise Refused(f"{failed}: {when!r} is no RFC 3339 date-time such as 2026-01-15T09:00:00Z.") from None
    if not isinstance(when, dt.datetime):
        raise Refused(
            f"{failed}: a datetime with an offset or RFC 3339 text is wanted, not {type(when).__name__} {when!r}."
        )
    if when.tzinfo is None:
        raise Refused(f"{failed}: {when} has no offset from UTC. Give it one, as the Z of 2026-01-15T09:00:00Z.")
    return when
