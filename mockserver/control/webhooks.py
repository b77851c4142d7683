"""The webhooks of a sandbox: who is told of its records, and how each telling went."""

import dataclasses as dc

from mockserver.admin.errors import Refused, Unknown
from mockserver.admin.handles import record_types
from mockserver.api import fields
from mockserver.control.clock import Number
from mockserver.control.routing import Choice, Strict
from mockserver.sandbox import webhooks


class SubscriptionRequest(Strict):
    """Where to tell, of what."""

    url = fields.Url(required=True, description="Where each event is POSTed to.")
    triggers = fields.Array(
        Choice(*record_types()),
        unique=True,
        load_default=list,
        description="Record types to tell of; all when empty.",
    )
    delay = Number(0, 1e8, load_default=0, description="Seconds on the sandbox's clock before the first try.")
    retries = fields.Integer(0, 100, load_default=3, description="How many more tries after a failure.")
    backoff = Number(0, 1e8, load_default=60, description="Seconds before the first retry, doubling each time.")


class Subscription(SubscriptionRequest):
    id = fields.Id(dump_only=True)


class Attempt(fields.Schema):
    at = fields.Timestamp(dump_only=True, description="When, on the sandbox's clock.")
    status = fields.Integer(null=True, dump_only=True, description="What the receiver answered.")
    error = fields.Text(max=None, min=0, null=True, dump_only=True, description="Why there was no answer.")


class Delivery(fields.Schema):
    """One event on its way to one subscription."""

    id = fields.Id(dump_only=True)
    subscription_id = fields.Id(dump_only=True)
    url = fields.Text(max=None, dump_only=True)
    event = fields.Object(dump_only=True, description="`{event_type, record_type, id, data}`, as it is POSTed.")
    status = Choice(webhooks.PENDING, webhooks.DELIVERED, webhooks.FAILED, dump_only=True)
    due_at = fields.Timestamp(null=True, dump_only=True, description="The next try; null when it is over.")
    attempts = fields.Array(fields.Nested(Attempt), dump_only=True)


class DeliveriesQuery(Strict):
    status = Choice(webhooks.PENDING, webhooks.DELIVERED, webhooks.FAILED)


def subscriptions(at):
    """Who is told."""
    return [dc.asdict(one) for one in list(at.sandbox.webhooks.subscriptions.values())]


def subscribe(at, data):
    """Tell a URL of records created and updated."""
    try:
        return dc.asdict(at.sandbox.webhooks.subscribe(**data))
    except ValueError as error:
        raise Refused(str(error)) from None


def unsubscribe(at, id):
    """Tell it no more. What is still on its way is dropped."""
    if not at.sandbox.webhooks.unsubscribe(id):
        raise Unknown(f"There is no subscription {id}.")


def deliveries(at, query):
    """The latest deliveries, oldest first."""
    return [
        dc.asdict(one)
        for one in list(at.sandbox.webhooks.deliveries.values())
        if query.get("status") in (None, one.status)
    ]


def drain(at):
    """Try all that is pending once, due or not, and answer what was tried."""
    return [dc.asdict(one) for one in at.sandbox.webhooks.drain()]


def redeliver(at, id):
    """Send the event of an earlier delivery again, now, as a new delivery."""
    try:
        return dc.asdict(at.sandbox.webhooks.redeliver(id))
    except KeyError:
        raise Unknown(f"There is no delivery {id}.") from None
