"""Stock lots: pieces of a part at a place, some of them allocated."""

from mockserver.api import fields
from mockserver.api.problems import Conflict
from mockserver.api.resource import Record, Reply, Resource
from mockserver.api.transitions import Transitions
from mockserver.sandbox import electronics
from mockserver.sandbox.clock import moment

AVAILABLE, ON_HOLD, CONSUMED = STATUSES = ("available", "on_hold", "consumed")
TRANSITIONS = Transitions(
    (AVAILABLE, ON_HOLD), (ON_HOLD, AVAILABLE), (AVAILABLE, CONSUMED), (ON_HOLD, CONSUMED), label="stock lot"
)
RECEIVING = "Receiving"  # where a receipt is put until somebody says otherwise


class Stock(fields.Schema):
    """What is at a place."""

    location = fields.Text(required=True, evidence="product", description="Where it is kept.", example="Main Warehouse")
    quantity = fields.Integer(required=True, description="Pieces there are.", example=2500)
    lot_code = fields.Text(null=True, evidence="product", description="The maker's batch.", example="L23A7")
    date_code = fields.Text(
        null=True,
        evidence="product",
        example="2537",
        description="When it was made, as the maker writes it: often year and week.",
    )
    bin = fields.Text(null=True, evidence="product", description="The container it is in.", example="A-12")
    unit_cost = fields.Money(null=True, description="What one piece cost, in `currency`.", example="0.0125")
    currency = fields.Text(
        min=3, max=3, pattern="[A-Z]{3}", load_default="USD", description="Of `unit_cost`, ISO 4217."
    )


class StockLot(Record, Stock):
    """Pieces of a part at a place."""

    part_id = fields.Ref("part", dump_only=True, description="The part.")
    allocated_quantity = fields.Integer(
        load_default=0,
        evidence="product",
        description=(
            "Pieces of `quantity` that are reserved: for the program when one is named, else for another use."
        ),
    )
    program_id = fields.Ref(
        "program",
        null=True,
        on_delete=fields.SET_NULL,
        evidence="product",
        description="The program its allocated pieces are reserved for.",
    )
    status = fields.Choice(
        *STATUSES,
        load_default=AVAILABLE,
        description=("`available`; `on_hold`, kept from use for now; `consumed`, used up: final, and counted nowhere."),
    )
    received_at = fields.Timestamp(null=True, description="When it arrived.")
    purchase_line_id = fields.Ref(
        "purchase_line",
        dump_only=True,
        null=True,
        on_delete=fields.SET_NULL,
        description="The purchase line it was received on.",
    )


class UpsertStockRequest(Stock):
    """The stock of a part at a place. Where there is a lot already, what is absent or null stays as it is."""

    currency = fields.Text(
        min=3,
        max=3,
        pattern="[A-Z]{3}",
        null=True,
        description="Of `unit_cost`, ISO 4217. A new lot's is USD unless told.",
    )


stock_lots = Resource(
    "stock_lot",
    StockLot,
    indexes={"place": lambda lot: ((lot["org_id"], lot["part_id"], lot["location"], lot["lot_code"]),)},
)


@stock_lots.check
def keep_rules(scope, after, before):
    if before is not None:
        TRANSITIONS.keep(before, after)
    if after["allocated_quantity"] > after["quantity"]:
        raise Conflict(
            f"allocated_quantity {after['allocated_quantity']} would be more than quantity "
            f"{after['quantity']}: lower the one or raise the other."
        )


def on_hand(scope, part_id: str, org_id: str) -> int:
    """Pieces of a part in the organisation's stock that nothing is reserved for."""
    return sum(
        lot["quantity"] - lot["allocated_quantity"]
        for lot in stock_lots.referring(scope, "part_id", part_id)
        if lot["org_id"] == org_id and lot["status"] == AVAILABLE
    )


@stock_lots.action(
    "update_stock_lot",
    body=StockLot,
    partial=True,
    conflict="The lot is consumed, or less would be left than is allocated.",
)
def update(scope, lot, data):
    """Change a lot. More cannot be allocated than there is, and a consumed lot stays as it is."""
    return stock_lots.change(scope, lot, data)


@stock_lots.action(
    "upsert_part_stock",
    body=UpsertStockRequest,
    status=201,
    also={200: "There is a lot at this place already: it, changed."},
    conflict="The lot at this place is consumed, or less would be left than is allocated.",
)
def upsert(scope, part, data):
    """Set the stock of a part at a place: of the lot with this `location` and `lot_code`, else of a new one.

    The lot is the organisation's own; of several the oldest that is not consumed.
    """
    said = {name: value for name, value in data.items() if value is not None}
    place = scope.org_id, part["id"], data["location"], data["lot_code"]
    lots = scope.where("stock_lot", "place", place)
    if not lots:
        return stock_lots.add(scope, {**said, "part_id": part["id"]})
    lot = next((lot for lot in lots if lot["status"] != CONSUMED), lots[0])
    return Reply(stock_lots.change(scope, lot, said), 200)


def book(
    scope,
    part_id: str,
    quantity: int,
    *,
    purchase_line_id: str | None = None,
    program_id: str | None = None,
    unit_cost: str | None = None,
    currency: str = "USD",
    location: str = RECEIVING,
    received_at: str | None = None,
) -> dict:
    """The new lot of pieces that were received, all of them allocated to the program when there is one.

    It belongs to the purchase line's organisation; without a line, to the one the request writes to.
    """
    line = stock_lots.target(scope, {"purchase_line_id": purchase_line_id}, "purchase_line_id")
    return stock_lots.add(
        scope,
        {
            "part_id": part_id,
            "quantity": quantity,
            "allocated_quantity": quantity if program_id else 0,
            "program_id": program_id,
            "purchase_line_id": purchase_line_id,
            "unit_cost": unit_cost,
            "currency": currency,
            "location": location,
            "received_at": received_at or scope.now,
        },
        org_id=line["org_id"] if line else scope.org_id,
    )


@stock_lots.fake
def fake(f):
    return {
        "part_id": f.one("part")["id"],
        "location": f.choice(electronics.LOCATIONS),
        "quantity": f.int(1, 40) * 250,
        "bin": electronics.bin_name(f.random),
        "lot_code": electronics.lot_code(f.random),
        "date_code": electronics.date_code(f.random, moment(f.now).date()),
        "unit_cost": f"{f.int(1, 900) / 1000:.3f}",
        "received_at": f.ago(days=f.int(1, 300)),
    }


@stock_lots.seed
def seed(world, values):
    """A lot of a program is its program's whole, and arrived by now, unless the fixture says otherwise."""
    allocated = values["quantity"] if values.get("program_id") else 0
    return {"allocated_quantity": allocated, "received_at": world.now, **values}
