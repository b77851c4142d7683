"""Lines of suppliers' quotes: parts, their prices and when they could be there."""

from mockserver.api import fields
from mockserver.api.problems import Conflict
from mockserver.api.resource import Record, Resource, changes
from mockserver.resources.supplier_quotes import refuse_decided


class QuotePriceBreak(fields.Schema):
    """The price of one piece when at least `quantity` are bought."""

    quantity = fields.Integer(min=1, required=True, description="Pieces.")
    unit_price = fields.Money(required=True, description="For one piece, in the quote's currency.")


class SupplierQuoteLineRequest(fields.Schema):
    """What can be changed of a line."""

    part_id = fields.Ref(
        "part", required=True, description="The part on offer. It may be another than the RFQ asked for."
    )
    rfq_line_id = fields.Ref(
        "rfq_line",
        on_delete=fields.SET_NULL,
        null=True,
        description="The line it answers, of the RFQ the quote answers.",
    )
    quantity = fields.Integer(min=1, null=True, description="Pieces quoted for.", example=500)
    unit_price = fields.Money(
        null=True, description="For one piece at `quantity`, in the quote's currency.", example="0.045"
    )
    moq = fields.Integer(min=1, load_default=1, description="The least that is sold, in pieces.", example=100)
    order_multiple = fields.Integer(
        min=1, load_default=1, description="Sold in multiples of this many pieces.", example=50
    )
    lead_time_days = fields.Integer(null=True, description="Days from order to delivery.", example=21)
    price_breaks = fields.Array(
        fields.Nested(QuotePriceBreak),
        max=100,
        load_default=list,
        description="Prices at further quantities, by rising quantity, none below `moq` (409).",
    )


class CreateSupplierQuoteLineRequest(SupplierQuoteLineRequest):
    """A part on offer."""

    supplier_quote_id = fields.Ref(
        "supplier_quote",
        on_delete=fields.CASCADE,
        required=True,
        description="The quote it is a line of, for good.",
    )


class SupplierQuoteLine(Record, CreateSupplierQuoteLineRequest):
    """A part on offer."""


supplier_quote_lines = Resource("supplier_quote_line", SupplierQuoteLine, parent="supplier_quote_id")


@supplier_quote_lines.check
def keep_rules(scope, after, before):
    if after["rfq_line_id"]:
        quote = supplier_quote_lines.target(scope, after, "supplier_quote_id")
        if supplier_quote_lines.target(scope, after, "rfq_line_id")["rfq_id"] != quote["rfq_id"]:
            asked = f"RFQ {quote['rfq_id']}" if quote["rfq_id"] else "no RFQ"
            raise Conflict(f"The line rfq_line_id names is not of the RFQ this quote answers: it answers {asked}.")
    keep_price_breaks(after)


def keep_price_breaks(line: dict) -> None:
    """Conflict when price breaks do not ascend from the least that is sold."""
    least = line["moq"]
    for number, point in enumerate(line["price_breaks"]):
        if point["quantity"] < least:
            before = f"the one before, {least - 1}" if number else f"moq, {line['moq']}"
            raise Conflict(
                f"price_breaks[{number}].quantity is {point['quantity']}, which is "
                f"{'not more' if number else 'less'} than {before}: price breaks ascend from the least that is sold."
            )
        least = point["quantity"] + 1


@supplier_quote_lines.action(
    "create_supplier_quote_line",
    body=CreateSupplierQuoteLineRequest,
    status=201,
    conflict=(
        "The quote is accepted, declined or expired, or the RFQ line is not of the RFQ the quote answers, "
        "or the price breaks do not ascend from the MOQ."
    ),
)
def create(scope, data):
    """Add a part to a quote that is not decided on."""
    refuse_decided(scope.find("supplier_quote", data["supplier_quote_id"]))
    return supplier_quote_lines.add(scope, data)


@supplier_quote_lines.action(
    "update_supplier_quote_line",
    body=SupplierQuoteLineRequest,
    partial=True,
    conflict=(
        "The quote is accepted, declined or expired, or the RFQ line is not of the RFQ the quote answers, "
        "or the price breaks do not ascend from the MOQ."
    ),
)
def update(scope, line, data):
    """Change a line of a quote that is not decided on."""
    if changes(line, data):
        refuse_decided(supplier_quote_lines.target(scope, line, "supplier_quote_id"))
    return supplier_quote_lines.change(scope, line, data)


@supplier_quote_lines.fake
def fake(f):
    quote, part = f.one("supplier_quote"), f.one("part")
    price = f.int(5, 900)
    return {
        "supplier_quote_id": quote["id"],
        "part_id": part["id"],
        "quantity": 100,
        "unit_price": f"0.{price:03}",
        "lead_time_days": f.int(3, 120),
        "price_breaks": [{"quantity": 1000, "unit_price": f"0.{price * 4 // 5:03}"}],
        "created_at": quote["created_at"],
    }
