"""A sandbox's time. Everything in it that has a time asks here: timestamps, expiries, jobs, webhooks."""

import datetime as dt
import functools
import time

from mockserver.sandbox.store import Store

UTC = dt.UTC
ID = "clock"  # of the one record of kind `mock_clock`


class _Wall:
    """The real time, by a clock that freezegun and time-machine leave alone: it is looked up before a test fakes it."""

    counter = staticmethod(time.perf_counter)
    offset = time.time() - time.perf_counter()


def wall() -> float:
    """Return the real time in seconds since the epoch, also while a test fakes the time of its process."""
    return _Wall.counter() + _Wall.offset


def stamp(moment: dt.datetime) -> str:
    """Return the moment as RFC 3339 in UTC with `Z`; the fraction of a second only when there is one."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@functools.lru_cache(maxsize=4096)
def moment(text: str) -> dt.datetime:
    """Return the moment an RFC 3339 timestamp with an offset names."""
    return dt.datetime.fromisoformat(text)


@functools.lru_cache(maxsize=256)
def _milliseconds(now: dt.datetime) -> str:
    return stamp(now.replace(microsecond=now.microsecond // 1000 * 1000))


class Clock:
    """Time that stands still or runs at a `rate` (1 = as fast as the wall clock, 0 = frozen).

    Its state is the record `{id, now, rate, since}` of kind `mock_clock`: what the clock showed at `since`, in seconds
    of the real time (0 while it stands still).
    """

    def __init__(self, store: Store):
        self.store = store

    def set(self, now: dt.datetime | None = None, rate: float | None = None) -> dt.datetime:
        """Jump to `now`, the real time when None; keep running at the rate so far unless one is given."""
        now = dt.datetime.fromtimestamp(wall(), UTC) if now is None else now.astimezone(UTC)
        rate = self.rate if rate is None else rate
        since = wall() if rate else 0
        self.store.put("mock_clock", {"id": ID, "now": stamp(now), "rate": rate, "since": since})
        return now

    @property
    def rate(self) -> float:
        """Seconds it moves in a second."""
        return self.store["mock_clock"].get(ID)["rate"]

    def now(self) -> dt.datetime:
        record = self.store["mock_clock"].get(ID)
        base = moment(record["now"])
        if not record["rate"]:
            return base
        return base + dt.timedelta(seconds=(wall() - record["since"]) * record["rate"])

    def stamp(self) -> str:
        """Return now as it goes on the wire, to the millisecond."""
        return _milliseconds(self.now())

    def advance(self, delta: dt.timedelta | None = None, **units: float) -> dt.datetime:
        """Move on by a timedelta, or by units as it takes them: `advance(hours=2)`."""
        return self.set(self.now() + (delta or dt.timedelta(**units)))

    def freeze(self) -> dt.datetime:
        return self.set(self.now(), rate=0.0)

    def run(self, rate: float = 1.0) -> dt.datetime:
        return self.set(self.now(), rate=rate)

    def mark(self) -> None:
        """Write down what a running clock shows, so that a copy of the store is of this moment."""
        if self.rate:
            self.set(self.now())

    def marked(self) -> dt.datetime:
        """Return what the clock showed when it was last written down."""
        return moment(self.store["mock_clock"].get(ID)["now"])

    def resume(self) -> None:
        """Go on from what the record shows, however long ago it was written."""
        record = self.store["mock_clock"].get(ID)
        if record["rate"]:
            self.store.replace("mock_clock", {**record, "since": wall()})
