"""Purchase orders with their lines of parts and their lines without."""

import collections
import contextlib
from decimal import Decimal

from mockserver.api import fields
from mockserver.api.filters import Equals
from mockserver.api.problems import Conflict, PermissionDenied
from mockserver.api.resource import Record, Resource, changes
from mockserver.api.scope import ADMIN, APPROVER
from mockserver.api.transitions import Transitions
from mockserver.resources._blocks import CustomProperties, Integration, Labels, metadata
from mockserver.resources._money import Currency, Total, document_total, line_total, lines_total, rounded
from mockserver.sandbox import ids
from mockserver.sandbox.clock import moment

REQUESTED, APPROVED, IN_PROGRESS, SHIPPED, RECEIVED, CANCELLED = STATUSES = (
    "requested",
    "approved",
    "in_progress",
    "shipped",
    "received",
    "cancelled",
)
TRANSITIONS = Transitions(
    (REQUESTED, APPROVED),
    (REQUESTED, CANCELLED),
    (APPROVED, IN_PROGRESS),
    (APPROVED, CANCELLED),
    (IN_PROGRESS, SHIPPED),
    (IN_PROGRESS, RECEIVED),
    (IN_PROGRESS, CANCELLED),
    (SHIPPED, RECEIVED),
    label="purchase order",
)
FROZEN = (SHIPPED, RECEIVED, CANCELLED)
AMOUNTS = ("shipping_amount", "tax_amount")
FROZEN_FIELDS = ("supplier_id", "program_id", "currency", *AMOUNTS)

ORDERED, NOTE = "ordered", "note"
EVENT_TYPES = (APPROVED, ORDERED, SHIPPED, RECEIVED, CANCELLED, NOTE)
PRIVATE, SHARED = "private", "shared"
NO_PART_KINDS = ("shipping", "fee", "tax", "service", "other")

PATCHED = {"load_default": fields.ma.missing}  # what is absent stays as it is
UNIT_PRICE = "For one piece, in the order's currency."
LINE_TOTAL = "Quantity times unit price, half up to the decimals of the order's currency."
SKU = "The supplier's own number."
QUOTE = "The quote it is bought on."


# -- schemas -------------------------------------------------------------------------------------------------


class ShippingAddress(fields.Schema):
    """Where an order is to be sent. Sent whole: what is left out is null."""

    country = fields.Text(null=True, example="US")
    region = fields.Text(null=True, description="State or province.", example="NY")
    locality = fields.Text(null=True, description="City.", example="New York")
    postal_code = fields.Text(null=True, example="10013")
    attention_line = fields.Text(null=True, description="Who receives it.")
    street_address_line_one = fields.Text(null=True, example="99 Hudson St")
    street_address_line_two = fields.Text(null=True)


class PurchaseLineRequest(fields.Schema):
    """Pieces of a part to buy."""

    part_id = fields.Ref("part", required=True, evidence="product", description="The part.")
    quantity = fields.Integer(min=1, required=True, evidence="product", description="Pieces.", example=250)
    unit_price = fields.Money(required=True, evidence="product", description=UNIT_PRICE, example="0.0125")
    sku = fields.Text(null=True, description=SKU)
    supplier_quote_line_id = fields.Ref("supplier_quote_line", on_delete=fields.SET_NULL, null=True, description=QUOTE)
    expected_delivery_date = fields.Date(null=True, evidence="product")


class PurchaseLine(Record, PurchaseLineRequest):
    """A part on a purchase order."""

    purchase_order_id = fields.Ref("purchase_order", on_delete=fields.CASCADE, dump_only=True)
    line_total = Total(evidence="product", description=LINE_TOTAL)
    quantity_received = fields.Integer(dump_only=True, dump_default=0, description="Pieces that have come.")
    quantity_cancelled = fields.Integer(dump_only=True, dump_default=0, description="Pieces that will not come.")
    status = fields.Choice(
        "open",
        "partially_received",
        RECEIVED,
        CANCELLED,
        dump_only=True,
        description=("How far it is; `cancelled` when pieces of it were cancelled and no more are to come."),
    )


class PatchedPurchaseLine(fields.Schema):
    """Changes to one line of the order; what is absent stays."""

    id = fields.Ref("purchase_line", required=True, description="Which line.")
    part_id = fields.Ref("part", description="The part; fixed once pieces have arrived.")
    quantity = fields.Integer(min=1, description="Pieces, no fewer than have arrived.")
    unit_price = fields.Money(description=UNIT_PRICE)
    sku = fields.Text(null=True, **PATCHED, description=SKU)
    supplier_quote_line_id = fields.Ref("supplier_quote_line", null=True, **PATCHED, description=QUOTE)
    expected_delivery_date = fields.Date(null=True, **PATCHED)


class NoPartLineRequest(fields.Schema):
    """Something to pay for that is no part."""

    description = fields.Text(required=True, example="Expedite fee")
    kind = fields.Choice(*NO_PART_KINDS, load_default="other", description="What it is for.")
    quantity = fields.Integer(min=1, load_default=1, description="How many.")
    unit_price = fields.Money(required=True, description=UNIT_PRICE, example="25.00")


class NoPartLine(Record, NoPartLineRequest):
    """A line of a purchase order that buys no part."""

    purchase_order_id = fields.Ref("purchase_order", on_delete=fields.CASCADE, dump_only=True)
    line_total = Total(description=LINE_TOTAL)


class PatchedNoPartLine(fields.Schema):
    """Changes to one line of the order; what is absent stays."""

    id = fields.Ref("no_part_line", required=True, description="Which line.")
    description = fields.Text()
    kind = fields.Choice(*NO_PART_KINDS, description="What it is for.")
    quantity = fields.Integer(min=1, description="How many.")
    unit_price = fields.Money(description=UNIT_PRICE)


class PurchaseEventLine(fields.Schema):
    """Pieces of one line that an event is about."""

    purchase_line_id = fields.Ref("purchase_line", required=True)
    quantity = fields.Integer(min=1, required=True, description="Pieces.")


class PurchaseEventRequest(fields.Schema):
    """Something that happened to a purchase order."""

    type = fields.Choice(*EVENT_TYPES, required=True, description="What happened. A `note` moves nothing.")
    occurred_at = fields.Timestamp(
        description="When it happened, not before the order's earlier events (409); now unless told."
    )
    lines = fields.Array(
        fields.Nested(PurchaseEventLine),
        min=1,
        max=500,
        description=(
            "The lines it is about, each once; all of the order unless told: `received` then receives "
            "everything still open, `cancelled` cancels it. `approved` and `ordered` are of the whole order and take "
            "none (409)."
        ),
    )
    tracking_number = fields.Text(null=True, description="The carrier's.", example="1Z999AA10123456784")
    carrier_name = fields.Text(null=True, example="UPS")
    note = fields.Text(max=2000, null=True)


class PurchaseEvent(PurchaseEventRequest):
    """Something that happened to the purchase order."""

    id = fields.Id(dump_only=True)
    lines = fields.Array(
        fields.Nested(PurchaseEventLine),
        load_default=list,
        description="The lines it is about; empty for all of the order.",
    )


class OrderHead(Integration, Labels):
    number = fields.Text(
        max=64, description=("Unique in the organisation; the next of `PO-000001`, `PO-000002` and so on unless given.")
    )
    supplier_id = fields.Ref("supplier", required=True, evidence="product", description="Who is bought from.")
    program_id = fields.Ref(
        "program", null=True, description=("What it is bought for: what is received is allocated to it.")
    )
    visibility = fields.Choice(
        PRIVATE,
        SHARED,
        load_default=PRIVATE,
        evidence="product",
        description=("`private`: its creator and Admins see it, `shared`: everybody does. Only they may change it."),
    )
    currency = Currency(load_default="USD", description="Of all its amounts, ISO 4217.")
    shipping_amount = fields.Money(description="Beside the lines, in `currency`; 0 unless told.")
    tax_amount = fields.Money(description="Beside the lines, in `currency`; 0 unless told.")
    expected_delivery_date = fields.Date(null=True)
    buyer_user_id = fields.Ref("user", null=True, **PATCHED, description="The key's user if absent.")
    ship_to = fields.Nested(
        ShippingAddress, null=True, description="Where it is to be sent. Sent whole: what is left out is null."
    )
    metadata = metadata()
    custom_properties = CustomProperties("purchase_order")


class PurchaseOrder(Record, OrderHead):
    """An order to one supplier."""

    status = fields.Choice(
        *STATUSES,
        dump_only=True,
        dump_default=APPROVED,
        evidence="product",
        description=("How far it is. Events move it."),
    )
    lines_total = Total(description="The sum of its lines of parts, in `currency`.")
    no_part_lines_total = Total(description="The sum of its lines without a part, in `currency`.")
    total = Total(description="Both kinds of lines, shipping and tax, half up to the decimals of `currency`.")
    ordered_at = fields.Timestamp(dump_only=True, null=True, description="When it was ordered.")
    received_at = fields.Timestamp(
        dump_only=True, null=True, description="When nothing was to come any more and something had arrived."
    )
    events = fields.Array(
        fields.Nested(PurchaseEvent), dump_only=True, description=("What happened to it, in the order it was told.")
    )


class CreatePurchaseOrderRequest(OrderHead):
    """An order to one supplier, with its lines if they are known."""

    lines = fields.Array(fields.Nested(PurchaseLineRequest), max=500, load_default=list, description=("Parts to buy."))
    no_part_lines = fields.Array(
        fields.Nested(NoPartLineRequest), max=500, load_default=list, description=("What else is to be paid.")
    )


# -- resources -----------------------------------------------------------------------------------------------


class PurchaseOrders(Resource):
    def shown(self, scope, record):
        """A private order is its creator's. Who approves orders sees those that wait for it, or have been approved."""
        return awaits(scope, record) or (super().shown(scope, record) and visible(scope, record))


purchase_orders = PurchaseOrders(
    "purchase_order",
    PurchaseOrder,
    retrieve="get_purchase_order",
    unique=["number"],
    hidden={"creator_user_id": fields.Id(null=True)},
)
purchase_lines = Resource(
    "purchase_line",
    PurchaseLine,
    parent="purchase_order_id",
    tells=("quantity", "unit_price"),
    list="list_purchase_lines",
    retrieve="get_purchase_line",
    filters={"part_id": Equals("part_id")},
)
no_part_lines = Resource(
    "no_part_line",
    NoPartLine,
    parent="purchase_order_id",
    tells=("quantity", "unit_price"),
    list="list_no_part_purchase_lines",
)


def visible(scope, order: dict) -> bool:
    return order["visibility"] == SHARED or owns(scope, order)


def owns(scope, order: dict) -> bool:
    """Whether a private order is the caller's: its creator's, an Admin's, or of a key that is no user's."""
    return scope.user is None or ADMIN in scope.roles or order["creator_user_id"] == scope.user["id"]


def awaits(scope, order: dict) -> bool:
    """Whether the caller approves orders, and this one needs it or has had it."""
    return APPROVER in scope.roles and (
        order["status"] == REQUESTED or any(event["type"] == APPROVED for event in order["events"])
    )


@purchase_orders.represent("lines_total", "no_part_lines_total", "total")
def represent_order(scope, order):
    lines, others = contents(scope, order)
    return {
        **order,
        "lines_total": str(lines_total(lines, order["currency"])),
        "no_part_lines_total": str(lines_total(others, order["currency"])),
        "total": str(order_total(order, [*lines, *others])),
    }


@purchase_lines.represent("line_total", "status")
def represent_line(scope, line):
    order = purchase_lines.target(scope, line, "purchase_order_id")
    total = line_total(line, order["currency"])
    return {**line, "line_total": str(total), "status": line_status(order, line)}


@no_part_lines.represent("line_total")
def represent_no_part_line(scope, line):
    order = no_part_lines.target(scope, line, "purchase_order_id")
    return {**line, "line_total": str(line_total(line, order["currency"]))}


def contents(scope, order: dict) -> tuple[list, list]:
    """(the lines of parts, the lines without) of an order."""
    return purchase_lines.children(scope, order), no_part_lines.children(scope, order)


def order_total(order: dict, lines: list[dict]) -> Decimal:
    """Lines of both kinds, shipping and tax, half up to the currency's decimals."""
    return document_total(lines, *(order[name] for name in AMOUNTS), currency=order["currency"])


def total_now(scope, order: dict) -> Decimal:
    lines, others = contents(scope, order)
    return order_total(order, [*lines, *others])


def line_status(order: dict, line: dict) -> str:
    if line["quantity_received"] >= line["quantity"]:
        return RECEIVED
    if order["status"] == CANCELLED or not open_pieces(line):
        return CANCELLED
    return "partially_received" if line["quantity_received"] else "open"


def open_pieces(line: dict) -> int:
    """The pieces of a purchase line that are still to come."""
    return max(0, line["quantity"] - line["quantity_received"] - line["quantity_cancelled"])


@purchase_orders.check
def keep_order(scope, after, before):
    if before is None:
        after.setdefault("creator_user_id", scope.user and scope.user["id"])
        if after["number"] is None:
            org_id = after["org_id"]
            count = purchase_orders.count(scope, "org_id", org_id)
            after["number"] = free_number(scope, "PO", purchase_orders, "unique:number", (org_id,), count)
    else:
        keep_terms(scope, after, before)
    for name in AMOUNTS:
        if after[name] is None or (before is not None and after[name] == nothing(before["currency"])):
            after[name] = nothing(after["currency"])
    if after["ordered_at"] and after["received_at"] and moment(after["received_at"]) < moment(after["ordered_at"]):
        raise Conflict(f"received_at {after['received_at']} is before ordered_at {after['ordered_at']}.")
    kind = f"purchase_event of {after['id']}"
    after["events"] = [
        {**event, "id": event.get("id") or ids.uuid(scope.sandbox.seed, kind, number)}
        for number, event in enumerate(after["events"], start=1)
    ]


def keep_terms(scope, after, before):
    """Conflict when an order changes what it has been shipped, received or billed on."""
    changed = [name for name in FROZEN_FIELDS if after[name] != before[name]]
    if changed and before["status"] in FROZEN:
        raise Conflict(f"This purchase order is {before['status']}: {', '.join(changed)} cannot change.")
    bound = [name for name in ("supplier_id", "currency") if name in changed]
    if bound and billed(scope, after):
        raise Conflict(f"This purchase order has been billed: its {' and '.join(bound)} cannot change.")
    if "currency" in changed and any(line["quantity_received"] for line in purchase_lines.children(scope, after)):
        raise Conflict("Pieces of this purchase order have arrived: its currency cannot change.")


def billed(scope, order: dict) -> bool:
    """Whether a supplier asks to be paid for the order: by a bill that is not void."""
    bills = scope.resources["supplier_bill"].referring(scope, "purchase_order_id", order["id"])
    return any(bill["status"] != "void" for bill in bills)


def nothing(currency: str) -> str:
    """No money, with the decimals of the currency."""
    return str(rounded(Decimal(0), currency))


@purchase_lines.check
def keep_line(scope, after, before):
    received, cancelled, quantity = after["quantity_received"], after["quantity_cancelled"], after["quantity"]
    if quantity < received + cancelled:
        rest = f" and {cancelled} were cancelled" if cancelled else ""
        raise Conflict(f"{received} pieces of this purchase line have arrived{rest}: {quantity} are too few.")
    if before is not None and received and after["part_id"] != before["part_id"]:
        raise Conflict(f"{received} pieces of this purchase line have arrived: its part_id cannot change.")


def free_number(scope, prefix: str, resource: Resource, index: str, owner: tuple, count: int) -> str:
    """The first number behind `count` that nobody of the owner's has or had, like `PO-000001`."""
    spent = scope.sandbox.store["mock_spent_number"]
    while True:
        count += 1
        number = f"{prefix}-{count:06}"
        taken = resource.count(scope, index, (*owner, number))
        if not taken and spent.get(_spent(resource, owner, number)) is None:
            return number


def _spent(resource: Resource, owner: tuple, number: str) -> str:
    return " ".join((resource.kind, *owner, number))


@purchase_orders.destroying
def spend_number(scope, order):
    """The number of a deleted order is not given again."""
    scope.sandbox.store.put("mock_spent_number", {"id": _spent(purchase_orders, (order["org_id"],), order["number"])})


# -- orders --------------------------------------------------------------------------------------------------


@purchase_orders.action(
    "create_purchase_order",
    body=CreatePurchaseOrderRequest,
    status=201,
    conflict="The number is taken, or the supplier cannot be ordered from.",
)
def create_order(scope, data):
    """Order from a supplier.

    Above the organisation's approval threshold the order starts `requested`, else `approved`.
    """
    lines, others = data.pop("lines"), data.pop("no_part_lines")
    must_be_buyable(scope, data)
    data = {
        "buyer_user_id": scope.user and scope.user["id"],
        **dict.fromkeys(AMOUNTS, nothing(data["currency"])),
        **data,
    }
    needed = needs_approval(scope, scope.org_id, order_total(data, [*lines, *others]))
    order = purchase_orders.add(scope, {**data, "status": REQUESTED if needed else APPROVED})
    for line in lines:
        purchase_lines.add(scope, {**line, "purchase_order_id": order["id"]})
    for line in others:
        no_part_lines.add(scope, {**line, "purchase_order_id": order["id"]})
    return order


@purchase_orders.action(
    "update_purchase_order",
    body=PurchaseOrder,
    partial=True,
    conflict=(
        "The number is taken, or the supplier cannot be ordered from. Or the order is shipped, received or cancelled, "
        "and its supplier, program, currency, shipping or tax would change. Or its supplier or currency would change "
        "after it was billed, or its currency after pieces arrived."
    ),
)
def update_order(scope, order, data):
    """Change what an order says. Its status is moved by events alone.

    An approved order above the organisation's approval threshold is `requested` again when its supplier or currency
    changes, or its total rises.
    """
    if data.get("visibility", order["visibility"]) != order["visibility"] and not owns(scope, order):
        raise PermissionDenied("Only who created a purchase order and Admins may change its visibility.")
    if data.get("supplier_id", order["supplier_id"]) != order["supplier_id"]:
        must_be_buyable(scope, data)
    with reviewed(scope, order):
        purchase_orders.change(scope, order, data)
    return purchase_orders.current(scope, order)


@purchase_orders.action(
    "delete_purchase_order", returns=None, status=204, conflict="The order is past `requested`, or has been billed."
)
def delete_order(scope, order):
    """Delete an order with its lines while it waits for approval."""
    status = order["status"]
    if status != REQUESTED:
        rest = "; cancel it instead" if CANCELLED in TRANSITIONS.open.get(status, ()) else ""
        raise Conflict(f"This purchase order is {status}: it can only be deleted while {REQUESTED}{rest}.")
    purchase_orders.remove(scope, order)


def must_be_buyable(scope, data: dict) -> None:
    supplier = purchase_orders.target(scope, data, "supplier_id")
    if not supplier["is_buyable"]:
        raise Conflict(f"The supplier {supplier['name']} cannot be ordered from: its is_buyable is false.")


def needs_approval(scope, org_id: str, total: Decimal) -> bool:
    org = purchase_orders.target(scope, {"org_id": org_id}, "org_id")
    threshold = org["settings"]["order_approval_threshold"]
    return threshold is not None and total > Decimal(threshold)


@contextlib.contextmanager
def reviewed(scope, order: dict):
    """Changes to an order. Approved on other terms it needs approval anew; without open lines it is received."""
    before = terms(scope, order)
    yield
    order = purchase_orders.current(scope, order)
    if order["status"] == APPROVED:
        after = terms(scope, order)
        if worse(before, after) and needs_approval(scope, order["org_id"], after["total"]):
            purchase_orders.change(scope, order, {"status": REQUESTED})
    elif order["status"] in (IN_PROGRESS, SHIPPED) and all_in(scope, order):
        at = max([scope.now, *(event["occurred_at"] for event in order["events"])], key=moment)
        purchase_orders.change(scope, order, {"status": RECEIVED, "received_at": at})


def terms(scope, order: dict) -> dict:
    """What an approval is of: who is paid how much, in what currency, for which parts."""
    parts = {line["id"]: line["part_id"] for line in purchase_lines.children(scope, order)}
    return {"parts": parts, "total": total_now(scope, order)} | {
        name: order[name] for name in ("supplier_id", "currency")
    }


def worse(before: dict, after: dict) -> bool:
    """Whether terms are others than those approved: a higher total, another supplier, currency or part."""
    return (
        after["total"] > before["total"]
        or any(after[name] != before[name] for name in ("supplier_id", "currency"))
        or any(before["parts"].get(id, part_id) != part_id for id, part_id in after["parts"].items())
    )


def all_in(scope, order: dict) -> bool:
    """Whether pieces of an order have arrived and none are to come any more."""
    lines = purchase_lines.children(scope, order)
    return any(line["quantity_received"] for line in lines) and not any(map(open_pieces, lines))


# -- lines ---------------------------------------------------------------------------------------------------

LINES_FROZEN = "The order is shipped, received or cancelled: its lines are frozen."


@purchase_lines.action("create_purchase_line", body=PurchaseLineRequest, status=201, conflict=LINES_FROZEN)
def create_line(scope, order, data):
    """Add a part to an order.

    An approved order is `requested` again when that lifts it above the organisation's approval threshold.
    """
    return add_line(scope, order, purchase_lines, data)


@no_part_lines.action("create_no_part_purchase_line", body=NoPartLineRequest, status=201, conflict=LINES_FROZEN)
def create_no_part_line(scope, order, data):
    """Add to an order what is no part, with the same effect on its approval as a part."""
    return add_line(scope, order, no_part_lines, data)


@purchase_lines.action(
    "update_purchase_lines",
    body=[PatchedPurchaseLine],
    returns=[purchase_lines],
    conflict=f"{LINES_FROZEN} Or a line is named twice or another order's, or would have "
    "fewer pieces than have arrived, or another part than they are.",
)
def update_lines(scope, order, data):
    """Change several lines of an order, all of them or none. Answers the lines that were named."""
    return change_lines(scope, order, purchase_lines, data)


@no_part_lines.action(
    "update_no_part_purchase_lines",
    body=[PatchedNoPartLine],
    returns=[no_part_lines],
    conflict=f"{LINES_FROZEN} Or a line is named twice or another order's.",
)
def update_no_part_lines(scope, order, data):
    """Change several lines without a part, all of them or none. Answers the lines that were named."""
    return change_lines(scope, order, no_part_lines, data)


@purchase_lines.action(
    "delete_purchase_line",
    returns=None,
    status=204,
    conflict=f"{LINES_FROZEN} Or pieces of the line have arrived, an event is about it, or it has been billed.",
)
def delete_line(scope, order, line):
    """Take a line off an order. When all that is left of it has arrived, the order is received."""
    must_be_open(order)
    if received := line["quantity_received"]:
        raise Conflict(f"{received} pieces of this purchase line have arrived: it cannot be deleted.")
    if any(item["purchase_line_id"] == line["id"] for event in order["events"] for item in event["lines"]):
        raise Conflict("An event of the order is about this purchase line: it cannot be deleted.")
    with reviewed(scope, order):
        purchase_lines.remove(scope, line)


@no_part_lines.action(
    "delete_no_part_purchase_line", returns=None, status=204, conflict=f"{LINES_FROZEN} Or the line has been billed."
)
def delete_no_part_line(scope, order, line):
    """Take a line without a part off an order."""
    must_be_open(order)
    no_part_lines.remove(scope, line)


def must_be_open(order: dict) -> None:
    if order["status"] in FROZEN:
        raise Conflict(
            f"This purchase order is {order['status']}: its lines can only be changed while it is "
            f"{REQUESTED}, {APPROVED} or {IN_PROGRESS}."
        )


def add_line(scope, order: dict, resource: Resource, data: dict) -> dict:
    must_be_open(order)
    with reviewed(scope, order):
        return resource.add(scope, {**data, "purchase_order_id": order["id"]})


def change_lines(scope, order: dict, resource: Resource, data: list[dict]) -> list[dict]:
    times = collections.Counter(change["id"] for change in data)
    if repeated := [id for id in times if times[id] > 1]:
        raise Conflict(
            f"The {resource.label} {repeated[0]} is named {times[repeated[0]]} times: "
            "say all of its changes in one place."
        )
    lines = [line_of(scope, order, resource, change["id"]) for change in data]
    if any(map(changes, lines, data)):
        must_be_open(order)
    with reviewed(scope, order):
        return [resource.change(scope, line, change) for line, change in zip(lines, data, strict=True)]


def line_of(scope, order: dict, resource: Resource, id: str) -> dict:
    """The line, which must be one of the order's."""
    line = scope.find(resource.kind, id)
    if line["purchase_order_id"] != order["id"]:
        raise Conflict(f"The {resource.label} {id} is on another purchase order than {order['number']}.")
    return line


# -- fakes ---------------------------------------------------------------------------------------------------

HISTORY = {
    IN_PROGRESS: (ORDERED,),
    SHIPPED: (ORDERED, SHIPPED),
    RECEIVED: (ORDERED, SHIPPED, RECEIVED),
    CANCELLED: (CANCELLED,),
}


@purchase_orders.fake
def fake_order(f):
    supplier = f.one("supplier")
    return {
        "supplier_id": supplier["id"],
        "org_id": supplier["org_id"],
        "visibility": SHARED,
        "status": STATUSES[f.ordinal % len(STATUSES)],
        "created_at": f.ago(days=f.int(1, 90)),
        "shipping_amount": f"{f.int(0, 40)}.50",
        "tax_amount": f"{f.int(0, 99)}.{f.int(10, 99)}",
    }


@purchase_lines.fake
def fake_line(f):
    return {
        "purchase_order_id": f.one("purchase_order")["id"],
        "part_id": f.one("part")["id"],
        "quantity": f.int(1, 40) * 25,
        "unit_price": f"{f.int(0, 12)}.{f.int(1, 9999):04}",
    }


@no_part_lines.fake
def fake_no_part_line(f):
    kind, description = f.choice([("shipping", "Freight"), ("fee", "Tariff"), ("service", "Reeling")])
    return {
        "purchase_order_id": f.one("purchase_order")["id"],
        "kind": kind,
        "description": description,
        "unit_price": f"{f.int(5, 90)}.00",
    }


@purchase_orders.seed
def seed_order(world, values):
    """An order has the history of its status, and is its buyer's, unless the fixture says otherwise."""
    status, created_at = values.get("status", APPROVED), values.get("created_at", world.now)
    ordered_at = values.get("ordered_at", created_at)
    when = {
        ORDERED: ordered_at,
        SHIPPED: ordered_at,
        CANCELLED: created_at,
        RECEIVED: values.get("received_at", world.now),
    }
    untold = {"lines": [], "tracking_number": None, "carrier_name": None, "note": None}
    history = [{"type": type, "occurred_at": when[type], **untold} for type in HISTORY.get(status, ())]
    events = [{**event, "occurred_at": event["occurred_at"] or created_at} for event in values.get("events", history)]
    told = {event["type"]: event["occurred_at"] for event in events}
    return {
        "creator_user_id": values.get("buyer_user_id"),
        "ordered_at": told.get(ORDERED),
        "received_at": told.get(RECEIVED) if status == RECEIVED else None,
        **values,
        "events": events,
    }


@purchase_lines.seed
def seed_line(world, values):
    """All of a received order has arrived and all of a cancelled one will not, unless the fixture says otherwise."""
    order = world.sandbox.store["purchase_order"].get(values["purchase_order_id"])
    arrived = values.get("quantity_received", values["quantity"] if order["status"] == RECEIVED else 0)
    cancelled = values["quantity"] - arrived if order["status"] == CANCELLED else 0
    return {"quantity_cancelled": cancelled, **values, "quantity_received": arrived}
