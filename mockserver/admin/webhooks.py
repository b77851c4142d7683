"""Webhooks: what a sandbox tells the outside of its records, and how each telling went.

A delivery is made when a record is created or updated, in the same commit. It falls due after the subscription's
delay on the sandbox's clock, and is sent by `send_due` (or `drain`, which waits for nothing). A failed one is tried
again later.
"""

import concurrent.futures
import contextlib
import dataclasses as dc
import datetime as dt
import http.client
import ipaddress
import socket
import ssl
import threading
import weakref
from collections.abc import Iterable
from urllib.parse import urlsplit

import orjson

from mockserver import resources
from mockserver.admin.errors import Refused, Unknown
from mockserver.admin.schema import Number, Strict, load
from mockserver.admin.scope import Capability
from mockserver.api import fields
from mockserver.sandbox import Sandbox, ids
from mockserver.sandbox.clock import moment, stamp, wall
from mockserver.sandbox.store import Commit

PENDING, DELIVERED, FAILED = STATUSES = ("pending", "delivered", "failed")
KEPT = 1000  # deliveries remembered that are over, the oldest forgotten first
MOST = 1000  # subscriptions
TIMEOUT = 5.0  # seconds for a whole delivery, however slowly its answer drips
SENDERS = 8  # subscriptions that are served at a time
CLAIM = 3 * TIMEOUT  # real seconds after which a delivery that somebody claimed is sent by somebody else
CONTROL = "/__mock__"  # the path below which a mock is steered

# Where clouds keep the credentials of their machines, beside the link-local addresses.
METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192")))
ALLOWED_HOSTS: set[str] = set()  # hosts that may have such an address, for the whole process

# One claim for each sandbox whose deliveries are being sent. It is no state: it ends with the sending.
_claims: "weakref.WeakKeyDictionary[Sandbox, threading.Lock]" = weakref.WeakKeyDictionary()
_claims_lock = threading.Lock()


def record_types() -> list[str]:
    """Return what webhooks call the kinds of records."""
    return sorted({resource.record_type for resource in resources.by_kind().values()})


class SubscriptionRequest(Strict):
    """Where to tell, of what."""

    url = fields.Url(required=True, description="Where each event is POSTed to.")
    triggers = fields.Array(
        fields.Choice(*record_types()),
        unique=True,
        load_default=list,
        description="Record types to tell of; all when empty.",
    )
    delay = Number(0, 1e8, load_default=0, description="Seconds on the sandbox's clock before the first try.")
    retries = fields.Integer(0, 100, load_default=3, description="How many more tries after a failure.")
    backoff = Number(0, 1e8, load_default=60, description="Seconds before the first retry, doubling each time.")


class SubscriptionSchema(SubscriptionRequest):
    id = fields.Id(required=True)


class AttemptSchema(fields.Schema):
    at = fields.Timestamp(required=True, description="When, on the sandbox's clock.")
    status = fields.Integer(null=True, description="What the receiver answered.")
    error = fields.Text(max=None, min=0, null=True, description="Why there was no answer.")


class DeliverySchema(fields.Schema):
    """One event on its way to one subscription."""

    id = fields.Id(required=True)
    subscription_id = fields.Id(required=True)
    url = fields.Text(max=None, required=True)
    event = fields.Object(required=True, description="`{event_type, record_type, id, data}`, as it is POSTed.")
    status = fields.Choice(*STATUSES, required=True)
    due_at = fields.Timestamp(null=True, description="The next try; null when it is over.")
    attempts = fields.Array(fields.Nested(AttemptSchema), required=True)


class DeliveryState(DeliverySchema):
    """A delivery as it is stored: `claimed_until`, in real seconds, somebody is sending it."""

    claimed_until = Number(0, 1e12, null=True)


@dc.dataclass(frozen=True)
class Subscription:
    """Where to tell, of what. `triggers`: record types such as `BOM`, all when empty. `delay`: seconds before the
    first try. `retries`: how many more tries after a failure, `backoff` seconds apart, doubling each time."""

    id: str
    url: str
    triggers: list[str]
    delay: float
    retries: int
    backoff: float


@dc.dataclass(frozen=True)
class Delivery:
    """One event on its way to one subscription, as it was when it was asked for.

    `event` is `{event_type, record_type, id, data}`. `status` is `pending`, `delivered` or `failed`. `attempts` are
    `{at, status, error}`; `due_at` is the next try, None when it is over.
    """

    id: str
    subscription_id: str
    url: str
    event: dict
    status: str
    due_at: str | None
    attempts: list[dict]


class Webhooks(Capability):
    """The subscriptions and deliveries of a sandbox."""

    def subscribe(
        self,
        url: str,
        triggers: Iterable[str] = (),
        *,
        delay: float = 0.0,
        retries: int = 3,
        backoff: float = 60.0,
    ) -> Subscription:
        """Tell `url` of records created and updated, of these types such as `BOM`; of all when there are none.

        Raises Unknown for a record type there is not, Refused for what makes no sense.
        """
        triggers = list(triggers)
        unknown = [trigger for trigger in triggers if trigger not in record_types()]
        if unknown:
            raise Unknown(f"There is no record type {unknown[0]!r}. There are {', '.join(record_types())}.")
        given = {"url": url, "triggers": triggers, "delay": delay, "retries": retries, "backoff": backoff}
        values = load(SubscriptionRequest(), given, "This subscription makes no sense")
        if urlsplit(url).path.startswith(CONTROL):
            raise Refused(f"A webhook cannot call the control plane of a mock, {url}. Name your own receiver.")
        with self.sandbox.lock:
            store = self.sandbox.store
            if len(store["mock_subscription"]) >= MOST:
                raise Refused(f"There are {MOST} subscriptions already. Unsubscribe some first.")
            record = {"id": _id(self.sandbox, "subscription"), **values}
            return Subscription(**store.insert("mock_subscription", record))

    @property
    def subscriptions(self) -> dict[str, Subscription]:
        """The subscriptions by id."""
        with self.sandbox.lock:
            return {one["id"]: Subscription(**one) for one in self.sandbox.store["mock_subscription"]}

    @property
    def deliveries(self) -> dict[str, Delivery]:
        """The deliveries by id, oldest first: all that are pending, and the latest of those that are over."""
        with self.sandbox.lock:
            return {one["id"]: _delivery(one) for one in self.sandbox.store["mock_delivery"]}

    def unsubscribe(self, id: str) -> None:
        """Tell it no more; what it was still to be told fails. Raises Unknown."""
        with self.sandbox.lock, self.sandbox.transaction():
            store = self.sandbox.store
            if store["mock_subscription"].get(id) is None:
                raise Unknown(f"There is no subscription {id}.")
            store.delete("mock_subscription", id)
            for delivery in store["mock_delivery"].where("subscription_id", id):
                if delivery["status"] == PENDING:
                    store.replace("mock_delivery", {**delivery, "status": FAILED, "due_at": None})

    @property
    def pending(self) -> bool:
        """Whether anything is still to be sent."""
        return bool(self.sandbox.store["mock_delivery"].bucket("status", PENDING))

    @property
    def due(self) -> bool:
        """Whether anything is to be sent by now."""
        if not self.pending:
            return False
        with self.sandbox.lock:
            return bool(self._due(self.sandbox.clock.now()))

    def redeliver(self, id: str) -> Delivery:
        """Send the event of an earlier delivery again, as a new one, now, and return that.

        Raises Unknown, or Refused when its subscription is gone.
        """
        sandbox = self.sandbox
        with sandbox.lock, sandbox.transaction():
            old = sandbox.store["mock_delivery"].get(id)
            if old is None:
                raise Unknown(f"There is no delivery {id}.")
            subscription = sandbox.store["mock_subscription"].get(old["subscription_id"])
            if subscription is None:
                raise Refused(f"The subscription of delivery {id} is gone. Subscribe {old['url']} again.")
            new = _enqueue(sandbox, subscription, old["event"], sandbox.clock.now())
        with self._claim(wait=True):
            with sandbox.lock:
                record = sandbox.store["mock_delivery"].get(new["id"])
                still = record is not None and record["status"] == PENDING and not record["attempts"]
            if still:
                self._try(record)
            with sandbox.lock:
                return _delivery(sandbox.store["mock_delivery"].get(new["id"]) or new)

    def drain(self) -> list[Delivery]:
        """Try all that is pending once, due or not, and return the deliveries tried."""
        with self._claim(wait=True):
            return self._send(None)

    def send_due(self) -> list[Delivery]:
        """Try what is due on the sandbox's clock, and return it; nothing while somebody else is sending."""
        tried: list[Delivery] = []
        while self.due:  # asked again after the claim is given back: what came meanwhile found it taken
            with self._claim(wait=False) as claimed:
                if not claimed:
                    break
                tried += self._send(self.sandbox.clock.now())
        return tried

    def _claim(self, wait: bool):
        with _claims_lock:
            lock = _claims.setdefault(self.sandbox, threading.Lock())
        return _Claim(lock, wait)

    def _due(self, now):
        pending, real = self.sandbox.store["mock_delivery"].where("status", PENDING), wall()
        return [
            one
            for one in pending
            if (now is None or moment(one["due_at"]) <= now)
            and (one["claimed_until"] is None or one["claimed_until"] <= real)
        ]

    def _take(self, now) -> list[dict]:
        """The deliveries to be tried. Where several processes send, each belongs to the one that claimed it."""
        due = self._due(now)
        if self.sandbox.log is None or not self.sandbox.log.shared:
            return due
        with self.sandbox.transaction():
            until = wall() + CLAIM
            return [self.sandbox.store.replace("mock_delivery", {**one, "claimed_until": until}) for one in due]

    def _send(self, now) -> list[Delivery]:
        """Try what is due, several subscriptions at a time, those of one in their order."""
        due = self.sandbox.attempt(lambda: self._take(now))
        by_subscription: dict[str, list[dict]] = {}
        for delivery in due:
            by_subscription.setdefault(delivery["subscription_id"], []).append(delivery)

        def send(deliveries):
            for delivery in deliveries:
                self._try(delivery)

        if len(by_subscription) > 1:
            with concurrent.futures.ThreadPoolExecutor(min(SENDERS, len(by_subscription))) as pool:
                list(pool.map(send, by_subscription.values()))
        else:
            for deliveries in by_subscription.values():
                send(deliveries)
        with self.sandbox.lock:
            table = self.sandbox.store["mock_delivery"]
            return [_delivery(table.get(one["id"]) or one) for one in due]

    def _try(self, delivery) -> None:
        """Send a delivery, and write down how it went, unless it is gone meanwhile."""
        status, error = post(delivery["url"], delivery["event"])
        self.sandbox.attempt(lambda: self._note(delivery["id"], status, error))

    def _note(self, id, status, error) -> None:
        sandbox = self.sandbox
        delivery = sandbox.store["mock_delivery"].get(id)
        if delivery is None:
            return
        attempt = {"at": sandbox.clock.stamp(), "status": status, "error": error}
        after = {**delivery, "attempts": [*delivery["attempts"], attempt], "claimed_until": None}
        subscription = sandbox.store["mock_subscription"].get(delivery["subscription_id"])
        if status is not None and 200 <= status < 300:
            after |= {"status": DELIVERED, "due_at": None}
        elif subscription is None or len(after["attempts"]) > subscription["retries"]:
            after |= {"status": FAILED, "due_at": None}
        else:
            wait = min(subscription["backoff"] * 2 ** (len(after["attempts"]) - 1), 86_400 * 30)
            after |= {"due_at": stamp(sandbox.clock.now() + dt.timedelta(seconds=wait))}
        with sandbox.transaction():
            sandbox.store.replace("mock_delivery", after)
            _forget_oldest(sandbox.store)


class _Claim:
    """Hold the lock for the time of the block; with `wait` off, only if it is free. Yields whether it is held."""

    def __init__(self, lock, wait):
        self.lock, self.wait = lock, wait

    def __enter__(self):
        self.held = self.lock.acquire(blocking=self.wait)
        return self.held

    def __exit__(self, *exc_info):
        if self.held:
            self.lock.release()


def publish(scope, commit: Commit) -> None:
    """Make deliveries of the records that a commit wrote: one event for each, as it is now. Part of the commit."""
    sandbox = scope.sandbox
    if not len(sandbox.store["mock_subscription"]):
        return
    written: dict[tuple[str, str], bool] = {}
    for change in commit.changes:
        if change.after is not None and change.kind in scope.resources:
            written.setdefault((change.kind, change.after["id"]), change.before is None)
    now = sandbox.clock.now()
    subscriptions = list(sandbox.store["mock_subscription"])
    for (kind, id), created in written.items():
        record, resource = scope.sandbox.store[kind].get(id), scope.resources[kind]
        wanting = [one for one in subscriptions if not one["triggers"] or resource.record_type in one["triggers"]]
        if record is None or not wanting:
            continue
        event = {
            "event_type": "created" if created else "updated",
            "record_type": resource.record_type,
            "id": id,
            "data": resource.present(scope, record),
        }
        for subscription in wanting:
            _enqueue(sandbox, subscription, event, now + dt.timedelta(seconds=subscription["delay"]))


def _enqueue(sandbox, subscription, event, due) -> dict:
    return sandbox.store.insert(
        "mock_delivery",
        {
            "id": _id(sandbox, "delivery"),
            "subscription_id": subscription["id"],
            "url": subscription["url"],
            "event": event,
            "status": PENDING,
            "due_at": stamp(due),
            "attempts": [],
            "claimed_until": None,
        },
    )


def _forget_oldest(store) -> None:
    """Forget what is over beyond the number remembered; what is pending never is."""
    table = store["mock_delivery"]
    over = len(table) - len(table.bucket("status", PENDING)) - KEPT
    if over > 0:
        ordinals = sorted([*table.bucket("status", DELIVERED), *table.bucket("status", FAILED)])
        for ordinal in ordinals[:over]:
            store.delete("mock_delivery", table.at(ordinal)["id"])


def _id(sandbox, what) -> str:
    return ids.uuid(sandbox.seed, f"webhook {what}", sandbox.store.next_ordinal(f"mock_{what}"))


def _delivery(record) -> Delivery:
    event, attempts = orjson.loads(orjson.dumps([record["event"], record["attempts"]]))
    shown = {name: value for name, value in record.items() if name != "claimed_until"}
    return Delivery(**{**shown, "event": event, "attempts": attempts})


def post(url: str, event: dict) -> tuple[int | None, str | None]:
    """POST an event; return (status, None), or (None, why there was no answer).

    Redirects are not followed, proxies not asked. All of it, from the lookup to the status, has `TIMEOUT` seconds.
    """
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    connection = http.client.HTTPConnection(parts.hostname, port, timeout=TIMEOUT)
    late = f"no answer within {TIMEOUT:g} seconds"
    expired = threading.Event()
    deadline = threading.Timer(TIMEOUT, lambda: _shut(connection, expired))
    deadline.daemon = True
    deadline.start()
    try:
        connection.sock = _connect(parts.hostname, port)
        if parts.scheme == "https":
            context = ssl.create_default_context()
            connection.sock = context.wrap_socket(connection.sock, server_hostname=parts.hostname)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Host": parts.netloc, "Content-Type": "application/json", "User-Agent": "Cofactr-Mock-Webhooks"}
        connection.request("POST", target, orjson.dumps(event), headers)
        status = connection.getresponse().status
        return (None, late) if expired.is_set() else (status, None)  # a connection that is shut ends the headers too
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, TimeoutError) or expired.is_set():
            return None, late
        return None, str(error) or type(error).__name__
    finally:
        deadline.cancel()
        connection.close()


def _connect(host, port) -> socket.socket:
    """A connection to the first address of a host, unless it is one that only machines of a cloud should ask."""
    address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][:2]
    ip = ipaddress.ip_address(address[0].partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if host not in ALLOWED_HOSTS and (ip.is_link_local or ip in METADATA):
        raise ValueError(f"{ip} is a link-local or metadata address; `serve --webhook-hosts {host}` allows it")
    return socket.create_connection(address, TIMEOUT)


def _shut(connection, expired) -> None:
    expired.set()
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
