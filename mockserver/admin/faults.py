"""Faults on demand: which calls go wrong, and how. Chosen by counting and by the seed, never by chance."""

import dataclasses as dc
import fnmatch
import heapq
import math
import typing as t
from collections.abc import Iterable, Iterator

from mockserver.admin.errors import Refused, Unknown
from mockserver.admin.schema import Number, Strict, load
from mockserver.admin.scope import Capability
from mockserver.api import fields
from mockserver.api.openapi import PROBLEMS
from mockserver.api.operation import Operation
from mockserver.sandbox import Sandbox, ids

MAX_LATENCY = 300.0
MOST = 10_000
EFFECTS = ("latency", "status", "rate_limit", "body", "drop")


class Latency(fields.Any):
    """Seconds, or a distribution of them."""

    def _deserialize(self, value, attr, data, **kwargs):
        match value:
            case bool():
                fine = False
            case int() | float():
                fine = 0 <= value <= MAX_LATENCY
            case {"uniform": [low, high], **rest}:
                fine = not rest and _number(low) and _number(high) and 0 <= low <= high <= MAX_LATENCY
            case {"lognormal": {"median": median, "sigma": sigma, **more}, **rest}:
                fine = not rest and not more and _number(median) and _number(sigma)
                fine = fine and 0 <= median <= MAX_LATENCY and 0 <= sigma <= 10
            case _:
                fine = False
        if not fine:
            raise fields.ma.ValidationError(
                f'latency should be seconds from 0 to {MAX_LATENCY:.0f}, {{"uniform": [low, high]}}, low first, or '
                f'{{"lognormal": {{"median": s, "sigma": x}}}} with x from 0 to 10, not {value!r}.'
            )
        return value

    def document(self):
        seconds = {"type": "number", "minimum": 0, "maximum": MAX_LATENCY}

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
    body = fields.Choice("truncated", "malformed", null=True, description="What becomes of the answer's body.")
    drop = fields.Boolean(load_default=False, description="Close the connection without an answer.")
    handled = fields.Boolean(
        load_default=False, description="Whether the operation takes place though its answer is spoilt."
    )
    force = fields.Boolean(load_default=False, description="Allow a status the contract does not list.")


class FaultSchema(FaultRequest):
    """A rule, and how often it came into play."""

    id = fields.Integer(required=True, max=2**53)
    seen = fields.Integer(required=True, max=2**53, description="How many calls fitted.")
    fired = fields.Integer(required=True, max=2**53, description="How many were spoilt.")


class FaultState(FaultSchema):
    """A rule as it is stored: `windows` are the periods of its rate limit, by key `[start, calls]`."""

    windows = fields.Object(load_default=dict)


@dc.dataclass(frozen=True)
class Fault:
    """A rule: the calls it is for, what becomes of them, and how often it came into play.

    For: `operation` (its id), `path` (a pattern with `*`), `key` (an API key or its prefix); all that are given must
    fit. Of the calls that fit, the `nth` alone, or every `every`-th, or all; `times` at the most.

    What: `latency` in seconds, or `{"uniform": [low, high]}`, or `{"lognormal": {"median": s, "sigma": x}}`;
    `status` to answer instead, 429 and 503 with `retry_after` seconds; `rate_limit` `{"requests": n, "seconds": s}` on
    the sandbox's clock, per key, answered with 429 beyond; `body` `truncated` or `malformed`; `drop` to close the
    connection without an answer, after the operation took place when `handled`. `force` allows a status the contract
    does not list. `seen` calls fitted, `fired` were spoilt.
    """

    id: int
    seen: int
    fired: int
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
        """Return both at once: delays add up, of two statuses the first stands."""
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


class Faults(Capability):
    """The rules of a sandbox, in order of their making: iterate, `add`, `remove`, `clear`."""

    def __init__(self, sandbox: Sandbox, operations: Iterable[Operation]):
        super().__init__(sandbox)
        self._operations = operations

    def add(
        self,
        operation: str | None = None,
        *,
        path: str | None = None,
        key: str | None = None,
        nth: int | None = None,
        every: int | None = None,
        times: int | None = None,
        latency: float | dict | None = None,
        status: int | None = None,
        retry_after: int = 1,
        rate_limit: dict | None = None,
        body: t.Literal["truncated", "malformed"] | None = None,
        drop: bool = False,
        handled: bool = False,
        force: bool = False,
    ) -> Fault:
        """Make a rule: `add("create_bom", status=503, times=2)`; see `Fault` for what can be said.

        A status the contract does not list needs `force=True`. Raises Unknown for an operation there is not, Refused
        for a rule that makes no sense.
        """
        given = {name: value for name, value in locals().items() if name != "self"}
        rule = load(FaultRequest(), given, "This fault makes no sense")
        if not any(rule[effect] not in (None, False) for effect in EFFECTS):
            raise Refused("A fault needs an effect: latency, status, rate_limit, body or drop.")
        known = {one.id: one for one in self._operations}
        if operation is not None and operation not in known:
            raise Unknown(f"There is no operation {operation!r}. `mockserver operations` lists all of them.")
        if status is not None and not force and status not in (allowed := documented(known.get(operation))):
            raise Refused(
                f"The contract lists no {status} for {operation or 'every operation'}: "
                f"{', '.join(map(str, sorted(allowed)))}. Say force=True to answer it all the same."
            )
        with self.sandbox.lock:
            store = self.sandbox.store
            if len(store["mock_fault"]) >= MOST:
                raise Refused(f"There are {MOST} faults already. Remove some first.")
            number = store.next_ordinal("mock_fault")
            return _fault(store.insert("mock_fault", {**rule, "id": number, "seen": 0, "fired": 0, "windows": {}}))

    def __iter__(self) -> Iterator[Fault]:
        with self.sandbox.lock:
            return iter([_fault(record) for record in self.sandbox.store["mock_fault"]])

    def __len__(self) -> int:
        return len(self.sandbox.store["mock_fault"])

    def get(self, id: int) -> Fault:
        """Return a rule as it is now. Raises Unknown."""
        record = self.sandbox.store["mock_fault"].get(id)
        if record is None:
            raise Unknown(f"There is no fault {id}.")
        return _fault(record)

    def remove(self, id: int) -> None:
        """Remove a rule. Raises Unknown."""
        with self.sandbox.lock:
            self.get(id)
            self.sandbox.store.delete("mock_fault", id)

    def clear(self) -> None:
        """Remove all rules."""
        with self.sandbox.lock, self.sandbox.transaction():
            for record in list(self.sandbox.store["mock_fault"]):
                self.sandbox.store.delete("mock_fault", record["id"])


def documented(operation: Operation | None) -> set[int]:
    """Return the error statuses the contract lists for an operation, or those that all operations share."""
    common = set(PROBLEMS) - {413, 415}
    if operation is None or operation.handler is None:
        return common
    handler = operation.handler
    return common | ({413, 415} if handler.body else set()) | ({409} if handler.conflict else set())


def decide(sandbox: Sandbox, operation: str, path: str, key: str) -> Effect | None:
    """Return what happens to a call of an operation, None for nothing, and count it. The caller holds the lock."""
    table = sandbox.store["mock_fault"]
    if not len(table):
        return None
    effect = None
    for number in heapq.merge(list(table.bucket("operation", operation)), list(table.bucket("operation", None))):
        fault = table.at(number)
        if _fits(fault, path, key):
            after, one = _fire(sandbox, {**fault, "seen": fault["seen"] + 1}, key)
            sandbox.store.replace("mock_fault", after)
            if one is not None:
                effect = one if effect is None else effect.merged(one)
    return effect


def _fits(fault, path, key) -> bool:
    return (fault["path"] is None or fnmatch.fnmatchcase(path, fault["path"])) and (
        fault["key"] is None or key == fault["key"] or key.partition(".")[0] == fault["key"]
    )


def _fire(sandbox, fault, key) -> tuple[dict, Effect | None]:
    """The rule after a call that fits it, and what it does to the call."""
    if fault["nth"] is not None and fault["seen"] != fault["nth"]:
        return fault, None
    if fault["every"] is not None and fault["seen"] % fault["every"]:
        return fault, None
    if fault["times"] is not None and fault["fired"] >= fault["times"]:
        return fault, None
    status, retry_after = fault["status"], fault["retry_after"]
    if fault["rate_limit"]:
        fault, wait = _over_limit(fault, key, sandbox.clock.now().timestamp())
        if wait is None and not (fault["latency"] or fault["status"] or fault["body"] or fault["drop"]):
            return fault, None
        if wait is not None:
            status, retry_after = 429, wait
    fault = {**fault, "fired": fault["fired"] + 1}
    delay = 0.0
    if fault["latency"] is not None:
        delay = _draw(fault["latency"], ids.Random(sandbox.seed, "fault", fault["id"], fault["fired"]))
    return fault, Effect(
        delay,
        status,
        retry_after,
        fault["body"] == "truncated",
        fault["body"] == "malformed",
        fault["drop"],
        fault["handled"],
        fault["id"],
    )


def _over_limit(fault, key, now) -> tuple[dict, int | None]:
    """The rule with this call counted, and the seconds until the next period when the call is one too many."""
    period, allowed = fault["rate_limit"]["seconds"], fault["rate_limit"]["requests"]
    start, calls = fault["windows"].get(key, (now, 0))
    if now - start >= period:
        start, calls = now, 0
    open_windows = {name: window for name, window in fault["windows"].items() if now - window[0] < period}
    fault = {**fault, "windows": {**open_windows, key: [start, calls + 1]}}
    return fault, None if calls < allowed else max(1, math.ceil(start + period - now))


def _draw(latency, random) -> float:
    """Seconds of delay."""
    match latency:
        case {"uniform": [low, high]}:
            return low + (high - low) * random.random()
        case {"lognormal": {"median": median, "sigma": sigma}}:
            normal = math.sqrt(-2 * math.log(1 - random.random())) * math.cos(2 * math.pi * random.random())
            return min(MAX_LATENCY, median * math.exp(sigma * normal))
    return float(latency)


def _number(value) -> bool:
    return type(value) in (int, float)


def _fault(record: dict) -> Fault:
    return Fault(**{name: value for name, value in record.items() if name != "windows"})
