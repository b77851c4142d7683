"""The webhooks of a sandbox: who is told of its records, and how each telling went."""

import dataclasses as dc

from mockserver.admin.schema import Strict
from mockserver.admin.webhooks import STATUSES, DeliverySchema, SubscriptionRequest, SubscriptionSchema, Webhooks
from mockserver.api import fields

__all__ = ["DeliverySchema", "SubscriptionRequest", "SubscriptionSchema"]


class DeliveriesQuery(Strict):
    status = fields.Choice(*STATUSES)


def subscriptions(at):
    """Who is told."""
    return [dc.asdict(one) for one in Webhooks(at.sandbox).subscriptions.values()]


def subscribe(at, data):
    """Tell a URL of records created and updated."""
    return dc.asdict(Webhooks(at.sandbox).subscribe(**data))


def unsubscribe(at, id):
    """Tell it no more. What is still on its way is dropped."""
    Webhooks(at.sandbox).unsubscribe(id)


def deliveries(at, query):
    """The latest deliveries, oldest first."""
    found = Webhooks(at.sandbox).deliveries.values()
    return [dc.asdict(one) for one in found if query.get("status") in (None, one.status)]


def drain(at):
    """Try all that is pending once, due or not, and answer what was tried."""
    return [dc.asdict(one) for one in Webhooks(at.sandbox).drain()]


def redeliver(at, id):
    """Send the event of an earlier delivery again, now, as a new delivery."""
    return dc.asdict(Webhooks(at.sandbox).redeliver(id))
