"""Supplier bills and their lines: what a supplier asks to be paid for a purchase order."""

from mockserver.api import fields
from mockserver.api.problems import Conflict
from mockserver.api.resource import Record, Resource, changes
from mockserver.api.transitions import Transitions
from mockserver.resources._money import Currency, Total, line_total, lines_total
from mockserver.resources.purchases import REQUESTED, free_number, no_part_lines, purchase_lines, purchase_orders

OPEN, APPROVED, PAID, VOID = STATUSES = ("open", "approved", "paid", "void")
TRANSITIONS = Transitions((OPEN, APPROVED), (OPEN, VOID), (APPROVED, PAID), (APPROVED, VOID), label="supplier bill")
FROZEN = (PAID, VOID)

NO_EXAMPLE = {"examples": [None]}  # a line is for one thing: that of the example is described
CURRENCY = "Of all its amounts, ISO 4217; the order's unless told."


# -- schemas -------------------------------------------------------------------------------------------------


class SupplierBillLineRequest(fields.Schema):
    """What is billed: a line of the order, or something described in words."""

    purchase_line_id = fields.Ref(
        "purchase_line", null=True, metadata=NO_EXAMPLE, description=("The line of parts that is billed.")
    )
    no_part_line_id = fields.Ref(
        "no_part_line", null=True, metadata=NO_EXAMPLE, description=("The line without a part that is billed.")
    )
    description = fields.Text(
        null=True, example="Handling", description=("What is billed, when it is no line of the order.")
    )
    quantity = fields.Integer(min=1, load_default=1, description="Pieces.", example=250)
    unit_price = fields.Money(required=True, description="In the bill's currency.", example="0.0125")


class SupplierBillLine(Record, SupplierBillLineRequest):
    """A line of a supplier's bill."""

    supplier_bill_id = fields.Ref("supplier_bill", on_delete=fields.CASCADE, dump_only=True)
    line_total = Total(description="Quantity times unit price, half up to the decimals of its currency.")


class BillHead(fields.Schema):
    number = fields.Text(
        max=64,
        description=(
            "The supplier's number, unique for the supplier; the next of `BILL-000001` and so on unless given."
        ),
    )
    issued_on = fields.Date(null=True, description="When the supplier wrote it.")
    due_on = fields.Date(null=True, description="When it is to be paid.")
    currency = Currency(description=CURRENCY)


class CreateSupplierBillRequest(BillHead):
    """A bill for a purchase order, with its lines if they are known."""

    purchase_order_id = fields.Ref("purchase_order", required=True, description="The order it is for.")
    lines = fields.Array(fields.Nested(SupplierBillLineRequest), max=500, load_default=list)


class SupplierBill(Record, BillHead):
    """A bill for a purchase order."""

    purchase_order_id = fields.Ref("purchase_order", dump_only=True, description="The order it is for.")
    supplier_id = fields.Ref("supplier", dump_only=True, description="Who sent it: the order's supplier.")
    status = fields.Choice(
        *STATUSES,
        load_default=OPEN,
        description=("open → approved → paid. Until it is paid it can become void. Paid and void are final."),
    )
    total = Total(description="The sum of its lines, in `currency`.")
    lines = fields.Array(fields.Nested(SupplierBillLine), dump_only=True)


# -- resources -----------------------------------------------------------------------------------------------


supplier_bills = Resource(
    "supplier_bill",
    SupplierBill,
    parent="purchase_order_id",
    unique=[("supplier_id", "number")],
    retired=lambda bill: bill["status"] == VOID,
)
supplier_bill_lines = Resource(
    "supplier_bill_line",
    SupplierBillLine,
    parent="supplier_bill_id",
    tells=tuple(SupplierBillLineRequest._declared_fields),
)


@supplier_bills.represent("total", "lines")
def represent_bill(scope, bill):
    lines = supplier_bill_lines.children(scope, bill)
    return {
        **bill,
        "total": str(lines_total(lines, bill["currency"])),
        "lines": [supplier_bill_lines.present(scope, line) for line in lines],
    }


@supplier_bill_lines.represent("line_total")
def represent_line(scope, line):
    bill = supplier_bill_lines.target(scope, line, "supplier_bill_id")
    return {**line, "line_total": str(line_total(line, bill["currency"]))}


@supplier_bills.check
def keep_bill(scope, after, before):
    if after["number"] is None:
        owner = after["org_id"], after["supplier_id"]
        count = supplier_bills.count(scope, "supplier_id", after["supplier_id"])
        after["number"] = free_number(scope, "BILL", supplier_bills, "unique:supplier_id,number", owner, count)
    if after["issued_on"] and after["due_on"] and after["due_on"] < after["issued_on"]:
        raise Conflict(f"due_on {after['due_on']} is before issued_on {after['issued_on']}.")
    if before is not None:
        TRANSITIONS.keep(before, after)


@supplier_bill_lines.check
def keep_line(scope, after, before):
    billed = {name: after[name] for name in ("purchase_line_id", "no_part_line_id") if after[name]}
    if len(billed) > 1:
        raise Conflict("A bill line is for one line: purchase_line_id or no_part_line_id, not both.")
    if not billed and not after["description"]:
        raise Conflict("A bill line needs a purchase_line_id, a no_part_line_id or a description.")
    order_id = supplier_bill_lines.target(scope, after, "supplier_bill_id")["purchase_order_id"]
    for name, id in billed.items():
        if supplier_bill_lines.target(scope, after, name)["purchase_order_id"] != order_id:
            raise Conflict(f"{name} {id} is on another purchase order than the bill's, which is {order_id}.")


@purchase_orders.destroying
def drop_void_bills(scope, order):
    """A void bill goes with its order; any other keeps it."""
    for bill in supplier_bills.children(scope, order):
        if bill["status"] == VOID:
            supplier_bills.remove(scope, bill)


def release(resource: Resource, name: str, words):
    """Let a line of an order go that void bills alone name; they keep it in words."""

    @resource.destroying
    def destroying(scope, line):
        for billed in supplier_bill_lines.referring(scope, name, line["id"]):
            if supplier_bill_lines.target(scope, billed, "supplier_bill_id")["status"] == VOID:
                said = billed["description"] or words(scope, line)
                supplier_bill_lines.change(scope, billed, {name: None, "description": said})


release(purchase_lines, "purchase_line_id", lambda scope, line: purchase_lines.target(scope, line, "part_id")["mpn"])
release(no_part_lines, "no_part_line_id", lambda scope, line: line["description"])


# -- bills ---------------------------------------------------------------------------------------------------

NO_LINE = "a line names two lines of the order, or one of another order, or none and has no description."


@supplier_bills.action(
    "create_supplier_bill",
    body=CreateSupplierBillRequest,
    status=201,
    conflict=f"The supplier has a bill with this number, it is due before it is issued, or {NO_LINE}",
)
def create_bill(scope, data):
    """Enter a supplier's bill for a purchase order. It starts `open`."""
    lines = data.pop("lines")
    order = scope.find("purchase_order", data["purchase_order_id"])
    bill = supplier_bills.add(scope, {"currency": order["currency"], **data, "supplier_id": order["supplier_id"]})
    for line in lines:
        supplier_bill_lines.add(scope, {**line, "supplier_bill_id": bill["id"]})
    return bill


@supplier_bills.action(
    "update_supplier_bill",
    body=SupplierBill,
    partial=True,
    conflict=(
        "The supplier has a bill with this number, or the status cannot move there, or it is paid or void, "
        "or would be due before it is issued."
    ),
)
def update_bill(scope, bill, data):
    """Change a bill or move its status: open → approved → paid, or void until it is paid."""
    return supplier_bills.change(scope, bill, data)


@supplier_bill_lines.action(
    "create_supplier_bill_line",
    body=SupplierBillLineRequest,
    status=201,
    conflict=f"The bill is paid or void: frozen; or {NO_LINE}",
)
def create_line(scope, bill, data):
    """Add a line to a bill that is neither paid nor void."""
    must_be_open(bill)
    return supplier_bill_lines.add(scope, {**data, "supplier_bill_id": bill["id"]})


@supplier_bill_lines.action(
    "update_supplier_bill_line",
    body=SupplierBillLineRequest,
    partial=True,
    conflict=f"The bill is paid or void: frozen; or {NO_LINE}",
)
def update_line(scope, bill, line, data):
    """Change a line of a bill that is neither paid nor void."""
    if changes(line, data):
        must_be_open(bill)
    return supplier_bill_lines.change(scope, line, data)


def must_be_open(bill: dict) -> None:
    if bill["status"] in FROZEN:
        raise Conflict(f"This supplier bill is {bill['status']}, which is final: its lines cannot change.")


# -- fakes ---------------------------------------------------------------------------------------------------


@supplier_bills.fake
def fake_bill(f):
    """A bill for an order that was approved, if there is one: nobody bills what is still asked for."""
    orders = [order for order in f.builder.sandbox.store["purchase_order"] if order["status"] != REQUESTED]
    order = f.choice(orders) if orders else f.one("purchase_order")
    issued_at, due_at = f.ago(days=f.int(1, 60)), f.ago(days=f.int(-60, 0))
    return {
        "purchase_order_id": order["id"],
        "status": STATUSES[f.ordinal % len(STATUSES)],
        "number": f"INV-{20000 + f.ordinal}",
        "issued_on": issued_at[:10],
        "due_on": due_at[:10],
    }


@supplier_bill_lines.fake
def fake_line(f):
    """The whole of a line of the bill's order. Of an order without lines, a charge in words."""
    bill, store = f.one("supplier_bill"), f.builder.sandbox.store
    lines = store["purchase_line"].where("purchase_order_id", bill["purchase_order_id"])
    if not lines:
        return {"supplier_bill_id": bill["id"], "description": "Handling", "unit_price": f"{f.int(5, 50)}.00"}
    line = f.choice(lines)
    return {
        "supplier_bill_id": bill["id"],
        "purchase_line_id": line["id"],
        "quantity": line["quantity"],
        "unit_price": line["unit_price"],
    }


@supplier_bills.seed
def seed_bill(world, values):
    order = world.sandbox.store["purchase_order"].get(values["purchase_order_id"])
    return {"currency": order["currency"], **values, "supplier_id": order["supplier_id"]}
