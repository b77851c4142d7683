"""Webhooks: what a sandbox tells the outside of its records, and how each telling went.

A delivery is made when a record is created or updated, falls due after the subscription's delay on the sandbox's
clock, and is sent by `send_due` (or `drain`, which waits for nothing). A failed one is tried again later.
"""

import dataclasses as dc
import datetime as dt
import http.client
import threading
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import orjson

from mockserver.sandbox import ids
from mockserver.sandbox.clock import Clock, moment, stamp

PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"
KEPT = 1000  # deliveries remembered, the oldest forgotten first
TIMEOUT = 5.0


@dc.dataclass
class Subscription:
    """Where to tell, of what. `triggers`: record types such as `BOM`, all when empty. `delay`: seconds before the
    first try. `retries`: how many more tries after a failure, `backoff` seconds apart, doubling each time."""

    id: str
    url: str
    triggers: list[str] = dc.field(default_factory=list)
    delay: float = 0.0
    retries: int = 3
    backoff: float = 60.0


@dc.dataclass
class Delivery:
    """One event on its way to one subscription.

    `attempts` are `{at, status, error}`; `due_at` the next try, None when it is over.
    """

    id: str
    subscription_id: str
    url: str
    event: dict
    status: str
    due_at: str | None
    attempts: list[dict] = dc.field(default_factory=list)


class Webhooks:
    """The subscriptions and deliveries of one sandbox."""

    def __init__(self, seed: int, clock: Clock, send=None):
        self.seed, self.clock, self.send = seed, clock, send or post
        self.subscriptions: dict[str, Subscription] = {}
        self.deliveries: dict[str, Delivery] = {}
        self._due: dict[str, dt.datetime] = {}  # pending deliveries and when they are to be tried
        self.counts = {"subscription": 0, "delivery": 0}
        self._lock = threading.RLock()

    def subscribe(
        self, url: str, triggers=(), delay: float = 0.0, retries: int = 3, backoff: float = 60.0
    ) -> Subscription:
        """Tell `url` of records created and updated. Raises ValueError for what makes no sense."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url should be an http or https address, not {url!r}.")
        if delay < 0 or retries < 0 or backoff < 0:
            raise ValueError("delay, retries and backoff should not be negative.")
        subscription = Subscription(self._id("subscription"), url, list(triggers), delay, retries, backoff)
        self.subscriptions[subscription.id] = subscription
        return subscription

    @property
    def pending(self) -> bool:
        """Whether anything is still to be sent."""
        return bool(self._due)

    @property
    def due(self) -> bool:
        """Whether anything is to be sent by now."""
        with self._lock:
            return bool(self._due) and min(self._due.values()) <= self.clock.now()

    def put(self, deliveries: list[Delivery]) -> None:
        """Deliveries as they were, the pending ones to be sent when they fall due."""
        with self._lock:
            for delivery in deliveries:
                self.deliveries[delivery.id] = delivery
                if delivery.due_at is not None:
                    self._due[delivery.id] = moment(delivery.due_at)

    def copy(self) -> "Webhooks":
        """The same subscriptions and deliveries; they share nothing that changes."""
        other = Webhooks(self.seed, self.clock, self.send)
        with self._lock:
            other.counts.update(self.counts)
            other.subscriptions = dict(self.subscriptions)
            other.put([dc.replace(delivery, attempts=list(delivery.attempts)) for delivery in self.deliveries.values()])
        return other

    def unsubscribe(self, id: str) -> bool:
        """Whether there was such a subscription. What it was still to be told is dropped."""
        with self._lock:
            for delivery in list(self.deliveries.values()):
                if delivery.subscription_id == id and delivery.status == PENDING:
                    self._end(delivery, FAILED)
            return self.subscriptions.pop(id, None) is not None

    def announce(self, event_type: str, record_type: str, id: str, data: dict) -> None:
        """Put an event in line for each subscription that wants it."""
        for subscription in list(self.subscriptions.values()):
            if not subscription.triggers or record_type in subscription.triggers:
                event = {"event_type": event_type, "record_type": record_type, "id": id, "data": data}
                self._enqueue(subscription, event, self.clock.now() + dt.timedelta(seconds=subscription.delay))

    def redeliver(self, id: str) -> Delivery:
        """Send the event of an earlier delivery again, as a new one, now. Raises KeyError when there is none."""
        old = self.deliveries[id]
        subscription = self.subscriptions.get(old.subscription_id) or Subscription(
            old.subscription_id, old.url, retries=0
        )
        delivery = self._enqueue(subscription, old.event, self.clock.now())
        self._try(delivery)
        return delivery

    def drain(self) -> list[Delivery]:
        """Try all that is pending once, due or not. Answers the deliveries tried."""
        return self._run(lambda due: True)

    def send_due(self) -> list[Delivery]:
        """Try what is due on the sandbox's clock."""
        if not self._due:
            return []
        now = self.clock.now()
        return self._run(lambda due: due <= now)

    def _run(self, wanted):
        with self._lock:
            ids_ = [id for id, due in self._due.items() if wanted(due)]
            for id in ids_:
                self._due.pop(id)
        tried = [self.deliveries[id] for id in ids_ if id in self.deliveries]
        for delivery in tried:
            self._try(delivery)
        return tried

    def _try(self, delivery):
        with self._lock:
            self._due.pop(delivery.id, None)
        status, error = self.send(delivery.url, delivery.event)
        delivery.attempts.append({"at": self.clock.stamp(), "status": status, "error": error})
        if status is not None and 200 <= status < 300:
            self._end(delivery, DELIVERED)
            return
        subscription = self.subscriptions.get(delivery.subscription_id)
        if subscription is None or len(delivery.attempts) > subscription.retries:
            self._end(delivery, FAILED)
            return
        wait = subscription.backoff * 2 ** (len(delivery.attempts) - 1)
        self._schedule(delivery, self.clock.now() + dt.timedelta(seconds=min(wait, 86_400 * 30)))

    def _enqueue(self, subscription, event, due):
        with self._lock:
            delivery = Delivery(self._id("delivery"), subscription.id, subscription.url, event, PENDING, None)
            self.deliveries[delivery.id] = delivery
            self._schedule(delivery, due)
            while len(self.deliveries) > KEPT:
                self._due.pop(oldest := next(iter(self.deliveries)), None)
                del self.deliveries[oldest]
            return delivery

    def _schedule(self, delivery, due):
        with self._lock:
            delivery.due_at = stamp(due)
            self._due[delivery.id] = due

    def _end(self, delivery, status):
        with self._lock:
            delivery.status, delivery.due_at = status, None
            self._due.pop(delivery.id, None)

    def _id(self, what):
        with self._lock:
            self.counts[what] += 1
            return ids.uuid(self.seed, f"webhook {what}", self.counts[what])


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


def post(url: str, event: dict) -> tuple[int | None, str | None]:
    """(status, None) of a real POST, or (None, why there was no answer).

    Redirects are not followed, proxies not asked.
    """
    request = urllib.request.Request(
        url, orjson.dumps(event), {"Content-Type": "application/json", "User-Agent": "Cofactr-Mock-Webhooks"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    try:
        with opener.open(request, timeout=TIMEOUT) as response:
            return response.status, None
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, None
    except (OSError, http.client.HTTPException, ValueError) as error:
        return None, str(getattr(error, "reason", error)) or type(error).__name__
