"""Suppliers' quotes: what a supplier offers, asked by an RFQ or not."""

from mockserver.api import fields
from mockserver.api.problems import Conflict
from mockserver.api.resource import Record, Resource
from mockserver.api.transitions import Transitions
from mockserver.resources import rfqs

RECEIVED, ACCEPTED, DECLINED, EXPIRED = STATUSES = ("received", "accepted", "declined", "expired")
moves = Transitions((RECEIVED, ACCEPTED), (RECEIVED, DECLINED), (RECEIVED, EXPIRED), label="supplier quote")


class QuoteFields(fields.Schema):
    quote_number = fields.Text(null=True, description="The supplier's own number for the quote.", example="Q-20931")
    valid_until = fields.Date(
        null=True, description="The last day on which the supplier stands by it.", example="2026-02-28"
    )
    currency = fields.Text(
        min=3,
        max=3,
        pattern="[A-Z]{3}",
        load_default="USD",
        description="Of its lines' prices, ISO 4217.",
        example="USD",
    )


class CreateSupplierQuoteRequest(QuoteFields):
    """A quote as it is received."""

    supplier_id = fields.Ref("supplier", required=True, description="The supplier that quotes, for good.")
    rfq_id = fields.Ref(
        "rfq",
        on_delete=fields.SET_NULL,
        null=True,
        description="The RFQ it answers, for good; null when nobody asked.",
    )


class SupplierQuoteRequest(QuoteFields):
    """What can be changed of a quote until it is decided on."""

    status = fields.Choice(*STATUSES, description="Moves from received to accepted, declined or expired.")


class SupplierQuote(Record, CreateSupplierQuoteRequest):
    """What a supplier offers."""

    status = fields.Choice(*STATUSES, dump_only=True, dump_default=RECEIVED, description="What became of it.")


supplier_quotes = Resource("supplier_quote", SupplierQuote, parent="rfq_id")


@supplier_quotes.check
def keep_rules(scope, after, before):
    if before is not None:
        moves.keep(before, after)


def refuse_decided(quote: dict) -> None:
    """Conflict when the quote is accepted, declined or expired, and its lines are settled with it."""
    if quote["status"] != RECEIVED:
        raise Conflict(
            f"This supplier quote is {quote['status']}: its lines can no longer be changed. Create another quote."
        )


@supplier_quotes.action(
    "create_supplier_quote",
    body=CreateSupplierQuoteRequest,
    status=201,
    conflict="The RFQ is neither sent nor quoted.",
)
def create(scope, data):
    """Enter a quote. An RFQ it answers is quoted from then on, and must have been sent."""
    if data["rfq_id"]:
        rfq = scope.find("rfq", data["rfq_id"])
        if rfq["status"] != rfqs.QUOTED:
            rfqs.rfqs.change(scope, rfq, {"status": rfqs.QUOTED})
    return supplier_quotes.add(scope, data)


@supplier_quotes.action(
    "update_supplier_quote",
    body=SupplierQuoteRequest,
    partial=True,
    conflict="The quote is accepted, declined or expired.",
)
def update(scope, quote, data):
    """Change a quote, or decide on it: accepted, declined or expired."""
    return supplier_quotes.change(scope, quote, data)


@supplier_quotes.fake
def fake(f):
    supplier = f.one("supplier")
    return {
        "supplier_id": supplier["id"],
        "org_id": supplier["org_id"],
        "quote_number": f"Q-{f.int(10_000, 99_999)}",
        "status": f.choice(STATUSES),
        "created_at": f.ago(days=f.int(1, 90)),
    }
