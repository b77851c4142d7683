"""Faults on demand: which calls go wrong, and how. Chosen by counting and by the seed, never by chance."""

import dataclasses as dc
import fnmatch
import math
import threading

from mockserver.sandbox import ids

MAX_LATENCY = 300.0
DISTRIBUTIONS = ("uniform", "lognormal")


@dc.dataclass(frozen=True)
class Effect:
    """What happens to one call.

    `delay` in seconds; `handled`: the operation takes place though its answer is spoilt.
    """

    delay: float = 0.0
    status: int | None = None
    retry_after: int = 1
    truncated: bool = False
    malformed: bool = False
    drop: bool = False
    handled: bool = False
    fault_id: int | None = None

    def merged(self, other: "Effect") -> "Effect":
        """Both at once: delays add up, of two statuses the first stands."""
        status = self if self.status else other
        return Effect(
            self.delay + other.delay,
            status.status,
            status.retry_after,
            self.truncated or other.truncated,
            self.malformed or other.malformed,
            self.drop or other.drop,
            self.handled or other.handled,
            self.fault_id,
        )


@dc.dataclass
class Fault:
    """A rule: the calls it is for, and what becomes of them.

    For: `operation` (its id), `path` (a pattern with `*`), `key` (an API key or its prefix); all that are given must
    fit. Of the calls that fit, the `nth` alone, or every `every`-th, or all; `times` at the most.

    What: `latency` in seconds, or `{"uniform": [low, high]}`, or `{"lognormal": {"median": s, "sigma": x}}`;
    `status` to answer instead, 429 and 503 with `retry_after` seconds; `rate_limit` `{"requests": n, "seconds": s}` on
    the sandbox's clock, per key, answered with 429 beyond; `body` `truncated` or `malformed`; `drop` to close the
    connection without
    an answer, after the operation took place when `handled`. `force` allows a status the contract does not list.
    """

    id: int = 0
    operation: str | None = None
    path: str | None = None
    key: str | None = None
    nth: int | None = None
    every: int | None = None
    times: int | None = None
    latency: float | dict | None = None
    status: int | None = None
    retry_after: int = 1
    rate_limit: dict | None = None
    body: str | None = None
    drop: bool = False
    handled: bool = False
    force: bool = False
    seen: int = 0
    fired: int = 0

    def __post_init__(self):
        if (
            self.latency is None
            and self.status is None
            and self.rate_limit is None
            and self.body is None
            and not self.drop
        ):
            raise ValueError("A fault needs an effect: latency, status, rate_limit, body or drop.")
        if self.status is not None and not 200 <= self.status <= 599:
            raise ValueError(f"status should be from 200 to 599, not {self.status}.")
        if self.body not in (None, "truncated", "malformed"):
            raise ValueError(f"body should be 'truncated' or 'malformed', not {self.body!r}.")
        for name in ("nth", "every", "times"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"{name} should be 1 or more, not {getattr(self, name)}.")
        if self.latency is not None:
            check_latency(self.latency)
        if self.rate_limit is not None and not (
            set(self.rate_limit) == {"requests", "seconds"}
            and self.rate_limit["requests"] >= 1
            and self.rate_limit["seconds"] > 0
        ):
            raise ValueError('rate_limit should be {"requests": n, "seconds": s}, n at least 1 and s above 0.')

    def fits(self, operation: str, path: str, key: str) -> bool:
        return (
            (self.operation is None or self.operation == operation)
            and (self.path is None or fnmatch.fnmatchcase(path, self.path))
            and (self.key is None or key == self.key or key.partition(".")[0] == self.key)
        )

    def document(self) -> dict:
        return dc.asdict(self)


class Faults:
    """The rules of one sandbox."""

    def __init__(self, seed: int):
        self.seed = seed
        self.rules: list[Fault] = []
        self.last = 0  # the id of the latest rule
        self._windows: dict[tuple[int, str], list] = {}
        self._lock = threading.Lock()

    def add(self, operation: str | None = None, **rule) -> Fault:
        """A new rule; see Fault. Raises ValueError when it makes no sense."""
        unknown = rule.keys() - {field.name for field in dc.fields(Fault)} | rule.keys() & {"id", "seen", "fired"}
        if unknown:
            raise ValueError(f"A fault has no {', '.join(sorted(unknown))}.")
        fault = Fault(operation=operation, **rule)
        with self._lock:
            self.last += 1
            fault.id = self.last
            self.rules.append(fault)
        return fault

    def remove(self, id: int) -> bool:
        """Whether there was such a rule."""
        with self._lock:
            before = len(self.rules)
            self.rules = [fault for fault in self.rules if fault.id != id]
            return len(self.rules) < before

    def clear(self) -> None:
        self.rules = []

    def copy(self) -> "Faults":
        """The same rules, as often used; what a key has left of a rate limit is left out."""
        other = Faults(self.seed)
        with self._lock:
            other.rules, other.last = [dc.replace(fault) for fault in self.rules], self.last
        return other

    def decide(self, operation: str, path: str, key: str, now: float) -> Effect | None:
        """What happens to this call; `now` in seconds on the sandbox's clock. Counts it."""
        if not self.rules:
            return None
        with self._lock:
            effect = None
            for fault in self.rules:
                if fault.fits(operation, path, key) and (one := self._fire(fault, key, now)):
                    effect = one if effect is None else effect.merged(one)
            return effect

    def _fire(self, fault, key, now) -> Effect | None:
        fault.seen += 1
        if fault.nth is not None and fault.seen != fault.nth:
            return None
        if fault.every is not None and fault.seen % fault.every:
            return None
        if fault.times is not None and fault.fired >= fault.times:
            return None
        status, retry_after = fault.status, fault.retry_after
        if fault.rate_limit:
            wait = self._over_limit(fault, key, now)
            if wait is None and not (fault.latency or fault.status or fault.body or fault.drop):
                return None
            if wait is not None:
                status, retry_after = 429, wait
        fault.fired += 1
        delay = (
            _draw(fault.latency, ids.Random(self.seed, "fault", fault.id, fault.fired))
            if fault.latency is not None
            else 0.0
        )
        return Effect(
            delay,
            status,
            retry_after,
            fault.body == "truncated",
            fault.body == "malformed",
            fault.drop,
            fault.handled,
            fault.id,
        )

    def _over_limit(self, fault, key, now) -> int | None:
        """Seconds until the next period when this call is one too many in its own."""
        period, allowed = fault.rate_limit["seconds"], fault.rate_limit["requests"]
        window = self._windows.setdefault((fault.id, key), [now, 0])
        if now - window[0] >= period:
            window[:] = [now, 0]
        window[1] += 1
        return None if window[1] <= allowed else max(1, math.ceil(window[0] + period - now))


def check_latency(latency) -> None:
    """Raises ValueError for a latency that is none."""
    match latency:
        case bool():
            fine = False
        case int() | float():
            fine = 0 <= latency <= MAX_LATENCY
        case {"uniform": [low, high], **rest}:
            fine = not rest and _number(low) and _number(high) and 0 <= low <= high <= MAX_LATENCY
        case {"lognormal": {"median": median, "sigma": sigma, **more}, **rest}:
            fine = (
                not rest
                and not more
                and _number(median)
                and _number(sigma)
                and 0 <= median <= MAX_LATENCY
                and 0 <= sigma <= 10
            )
        case _:
            fine = False
    if not fine:
        raise ValueError(
            f'latency should be seconds from 0 to {MAX_LATENCY:.0f}, {{"uniform": [low, high]}}, low first, or '
            f'{{"lognormal": {{"median": s, "sigma": x}}}} with x from 0 to 10, not {latency!r}.'
        )


def _number(value) -> bool:
    return type(value) in (int, float)


def _draw(latency, random) -> float:
    """Seconds of delay."""
    match latency:
        case {"uniform": [low, high]}:
            return low + (high - low) * random.random()
        case {"lognormal": {"median": median, "sigma": sigma}}:
            normal = math.sqrt(-2 * math.log(1 - random.random())) * math.cos(2 * math.pi * random.random())
            return min(MAX_LATENCY, median * math.exp(sigma * normal))
    return float(latency)
