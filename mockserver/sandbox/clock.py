"""A sandbox's time. Everything in it that has a time asks here: timestamps, expiries, jobs, webhooks."""

import datetime as dt
import time

UTC = dt.UTC


def stamp(moment: dt.datetime) -> str:
    """RFC 3339 in UTC with `Z`; the fraction of a second only when there is one."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def moment(text: str) -> dt.datetime:
    """The moment an RFC 3339 timestamp with an offset names."""
    return dt.datetime.fromisoformat(text)


class Clock:
    """Time that stands still or runs at a `rate` (1 = as fast as the wall clock, 0 = frozen).

    `now=None` starts from the wall clock.
    """

    def __init__(self, now: dt.datetime | None = None, rate: float = 0.0):
        self.set(now or dt.datetime.now(UTC), rate)

    def set(self, now: dt.datetime, rate: float | None = None) -> None:
        """Jump to `now`; keep running at the rate so far unless one is given."""
        if rate is not None:
            self.rate = rate
        self._base, self._since = now.astimezone(UTC), time.monotonic()

    def now(self) -> dt.datetime:
        if not self.rate:
            return self._base
        return self._base + dt.timedelta(seconds=(time.monotonic() - self._since) * self.rate)

    def stamp(self) -> str:
        """Now, as it goes on the wire, to the millisecond."""
        now = self.now()
        return stamp(now.replace(microsecond=now.microsecond // 1000 * 1000))

    def advance(self, delta: dt.timedelta | None = None, **units: float) -> dt.datetime:
        """Move on by a timedelta, or by units as it takes them: `advance(hours=2)`."""
        self.set(self.now() + (delta or dt.timedelta(**units)))
        return self.now()

    def freeze(self) -> dt.datetime:
        self.set(self.now(), rate=0.0)
        return self.now()

    def run(self, rate: float = 1.0) -> None:
        self.set(self.now(), rate=rate)
