"""Programs: what is to be built, the parts that takes, how they are supplied and what they would cost."""

import decimal

from mockserver.api import fields
from mockserver.api.filters import After, Contains, Equals
from mockserver.api.problems import Conflict
from mockserver.api.resource import Record, Resource, changes
from mockserver.api.transitions import Transitions
from mockserver.resources import async_jobs
from mockserver.resources._blocks import LABEL_FILTERS, CustomProperties, Integration, Labels, metadata
from mockserver.resources._money import EXACT, Currency, Total, rounded
from mockserver.resources.boms import bom_lines
from mockserver.resources.purchases import CANCELLED, RECEIVED, open_pieces, purchase_lines
from mockserver.resources.stock_lots import CONSUMED, on_hand, stock_lots
from mockserver.sandbox import electronics

DRAFT, APPROVED, COMPLETE = STATUSES = ("draft", "approved", "complete")
TRANSITIONS = Transitions((DRAFT, APPROVED), (APPROVED, DRAFT), (APPROVED, COMPLETE), label="program")
INCLUDE, EXCLUDE = "include", "exclude"
ON_HAND, ON_ORDER, BUYABLE, NEEDS_RFQ = SUPPLY = ("on_hand", "on_order", "buyable", "needs_rfq")

THOUSANDTHS = 1000  # of a percent, the finest that attrition comes in
WHOLE = 100 * THOUSANDTHS
MOST = 10**15  # pieces of one part; well within what JSON readers keep exact


# -- schemas -----------------------------------------------------------------------------------------------


class Program(Record, Integration, Labels):
    """Something to be built: so many of these BOMs, so many of those parts."""

    name = fields.Text(required=True, description="What it is called.", example="Motor Controller pilot run")
    description = fields.Text(max=2000, null=True)
    status = fields.Choice(
        *STATUSES,
        load_default=DRAFT,
        evidence="product",
        description=(
            "For the organisation's own use. From `draft` to `approved` and back, from `approved` to `complete`, "
            "which is final: then lines and part overrides stay as they are."
        ),
    )
    deadline = fields.Date(null=True, description="The day everything should be there.", example="2026-03-31")
    metadata = metadata()
    custom_properties = CustomProperties("program")


class ProgramLine(Record):
    """Builds of a BOM, or pieces of a part: either `bom_id` or `part_id`, not both (409)."""

    program_id = fields.Ref("program", on_delete=fields.CASCADE, dump_only=True)
    bom_id = fields.Ref("bom", null=True, description="The BOM that is built.")
    part_id = fields.Ref("part", null=True, description="The part, when it is needed apart from any BOM.")
    quantity = fields.Integer(
        min=1, required=True, example=250, description="Builds of the BOM, or pieces of the part."
    )
    attrition_percent = fields.Percent(
        load_default="0", example="2.5", description="Pieces to have beyond that, for those that get lost."
    )


class PartOverride(Record):
    """What a program does otherwise with one part it takes. Without effect when it does not take the part."""

    program_id = fields.Ref("program", on_delete=fields.CASCADE, dump_only=True)
    part_id = fields.Ref("part", required=True, description="The part: one override for each.")
    include = fields.Choice(
        INCLUDE, EXCLUDE, load_default=INCLUDE, evidence="product", description="`exclude` leaves the part out."
    )
    substitute_part_id = fields.Ref(
        "part",
        null=True,
        description=(
            "The part to take in its place, as many pieces. The substitute's own override has no say in those."
        ),
    )
    quantity_override = fields.Integer(
        null=True, description=("Pieces required in all, attrition included, whatever the lines come to.")
    )
    attrition_percent = fields.Percent(null=True, description="Attrition in place of the lines'.")
    notes = fields.Text(max=2000, null=True)


class PartOfProgram(fields.Schema):
    part_id = fields.Cpid()
    mpn = fields.Text()
    manufacturer_name = fields.Text(null=True)
    description = fields.Text(null=True)
    required = fields.Integer(
        max=MOST,
        description=(
            "Pieces: BOM lines times builds, and part lines, each with its attrition; their sum rounded up. "
            "BOM lines not to be placed, ignored or without a part do not count. Part overrides come last."
        ),
    )


class PartAvailability(PartOfProgram):
    """A part of a program, and where its pieces are to come from."""

    substitute_for = fields.Array(fields.Cpid(), description="The parts it stands in for, by part overrides.")
    allocated = fields.Integer(
        max=MOST, description=("Pieces allocated to this program, in lots that are not consumed.")
    )
    on_hand = fields.Integer(
        max=MOST,
        description=(
            "Pieces in available lots of the program's organisation, less those that are allocated to anything."
        ),
    )
    on_order = fields.Integer(
        max=MOST,
        description=(
            "Pieces not yet received on the program's purchase orders that are neither cancelled nor received."
        ),
    )
    buyable = fields.Integer(max=MOST, description="Pieces that can be bought at a listed price now.")
    shortage = fields.Integer(
        max=MOST, description=("`required` less `allocated`, `on_hand` and `on_order`; 0 when they suffice.")
    )
    lead_time_days = fields.Integer(
        null=True,
        description=("The shortest factory lead time among its offers, null when none has one; 0 without a shortage."),
    )
    status = fields.Choice(
        *SUPPLY,
        description=(
            "`on_hand`: what is allocated and on hand suffices. `on_order`: it does with what is on order. "
            "`buyable`: the shortage can be bought now. `needs_rfq`: it cannot."
        ),
    )


class ProgramAvailabilities(fields.Schema):
    """Where the parts of a program are to come from."""

    program_id = fields.Id()
    calculated_at = fields.Timestamp(description="The moment it holds for.")
    parts = fields.Array(
        fields.Nested(PartAvailability), description=("One entry for each part, in the order of the lines.")
    )


class PartPrice(PartOfProgram):
    """A part of a program at the listed price."""

    seller = fields.Text(description="Who offers it.")
    sku = fields.Text(description="The seller's own number.")
    order_quantity = fields.Integer(
        max=2 * MOST,
        description=("Pieces to buy: `required`, or the least the offer sells, rounded up to its order multiple."),
    )
    unit_price = fields.Money(description="For one piece at the offer's price break for `order_quantity`.")
    extended_price = Total(
        description="`unit_price` times `order_quantity`, rounded half up to the currency's decimals."
    )
    currency = Currency(description="ISO 4217.")


class CurrencyTotal(fields.Schema):
    currency = Currency(description="ISO 4217.")
    total = Total(description="The sum of the extended prices in this currency.")


class ProgramReferencePricing(fields.Schema):
    """What the parts of a program would cost at listed prices, whatever is in stock or on order."""

    program_id = fields.Id()
    calculated_at = fields.Timestamp(description="The moment it holds for.")
    parts = fields.Array(
        fields.Nested(PartPrice), description=("The parts with a listed price, in the order of the lines.")
    )
    totals = fields.Array(
        fields.Nested(CurrencyTotal), description=("One for each currency, by its code. Unpriced parts are in none.")
    )
    unpriced = fields.Array(fields.Nested(PartOfProgram), description="The parts without a listed price.")


# -- resources ---------------------------------------------------------------------------------------------

programs = Resource(
    "program",
    Program,
    list="list_programs",
    create="create_program",
    retrieve="get_program",
    filters={
        "status": Equals("status"),
        "name": Contains("name"),
        "updated_after": After("updated_at"),
        **LABEL_FILTERS,
    },
)

program_lines = Resource(
    "program_line",
    ProgramLine,
    parent="program_id",
    list="list_program_lines",
    retrieve="get_program_line",
    filters={"bom_id": Equals("bom_id"), "part_id": Equals("part_id")},
)

part_overrides = Resource(
    "part_override",
    PartOverride,
    parent="program_id",
    list="list_program_part_overrides",
    retrieve="get_program_part_override",
    unique=[("program_id", "part_id")],
    filters={"part_id": Equals("part_id"), "include": Equals("include")},
)

FROZEN = "The program is complete."


@programs.check
def keep_status(scope, after, before):
    if before is not None:
        TRANSITIONS.check(before["status"], after["status"])


@program_lines.check
def one_or_the_other(scope, after, before):
    if (after["bom_id"] is None) == (after["part_id"] is None):
        has = "neither" if after["bom_id"] is None else "both"
        raise Conflict(f"A program line is of a BOM or a part: give bom_id or part_id. It has {has}.")


@part_overrides.check
def no_substitute_of_itself(scope, after, before):
    if after["substitute_part_id"] == after["part_id"]:
        raise Conflict(f"A part is no substitute of itself: substitute_part_id is part_id, {after['part_id']}.")


@programs.action("update_program", body=Program, partial=True, conflict="The status cannot move there.")
def update_program(scope, program, data):
    """Change a program, or move its status. A complete one keeps its status; its other fields may change."""
    return programs.change(scope, program, data)


@programs.action("delete_program", returns=None, status=204, conflict="The program is complete, or orders refer to it.")
def delete_program(scope, program):
    """Delete a program with its lines and part overrides. Stock that was allocated to it is free again."""
    if program["status"] == COMPLETE:
        raise Conflict("This program is complete, which is final: it cannot be deleted.")
    for lot in stock_lots.referring(scope, "program_id", program["id"]):
        if lot["status"] != CONSUMED:
            stock_lots.change(scope, lot, {"program_id": None, "allocated_quantity": 0})
    programs.remove(scope, program)


# -- lines and part overrides ------------------------------------------------------------------------------


@program_lines.action(
    "create_program_lines",
    body=[ProgramLine],
    returns=[program_lines],
    status=201,
    conflict=f"A line is not of either a BOM or a part. {FROZEN}",
)
def create_lines(scope, program, data):
    """Add lines, all of them or none."""
    return add_all(scope, program_lines, program, data)


@program_lines.action(
    "update_program_line",
    body=ProgramLine,
    partial=True,
    conflict=f"The line would not be of either a BOM or a part. {FROZEN}",
)
def update_line(scope, program, line, data):
    """Change a line. A `part_id` takes the place of the `bom_id` when that is not sent, and vice versa."""
    for given, other in (("bom_id", "part_id"), ("part_id", "bom_id")):
        if data.get(given) and other not in data:
            data = {**data, other: None}
    if changes(line, data):
        open_to_change(program)
    return program_lines.change(scope, line, data)


@program_lines.action("delete_program_line", returns=None, status=204, conflict=FROZEN)
def delete_line(scope, program, line):
    open_to_change(program)
    program_lines.remove(scope, line)


@part_overrides.action(
    "create_program_part_overrides",
    body=[PartOverride],
    returns=[part_overrides],
    status=201,
    conflict=f"The program overrides one of the parts already, or a part would substitute itself. {FROZEN}",
)
def create_overrides(scope, program, data):
    """Add part overrides, all of them or none."""
    return add_all(scope, part_overrides, program, data)


@part_overrides.action(
    "update_program_part_override",
    body=PartOverride,
    partial=True,
    conflict=f"The program overrides that part already, or the part would substitute itself. {FROZEN}",
)
def update_override(scope, program, override, data):
    if changes(override, data):
        open_to_change(program)
    return part_overrides.change(scope, override, data)


@part_overrides.action("delete_program_part_override", returns=None, status=204, conflict=FROZEN)
def delete_override(scope, program, override):
    open_to_change(program)
    part_overrides.remove(scope, override)


def open_to_change(program):
    if program["status"] == COMPLETE:
        raise Conflict("This program is complete, which is final: its lines and overrides stay as they are.")


def add_all(scope, resource, program, items) -> list[dict]:
    open_to_change(program)
    added = []
    for index, values in enumerate(items):
        try:
            added.append(resource.add(scope, {**values, "program_id": program["id"]}))
        except Conflict as conflict:
            raise Conflict(f"Item {index}: {conflict.body['detail']}") from None
    return added


# -- what a program takes ----------------------------------------------------------------------------------


def requirements(scope, program: dict) -> dict[str, dict]:
    """`{part_id: {"required": pieces, "substitute_for": [part ids]}}`, in the order of the lines."""
    demand: dict[str, list[tuple[int, str]]] = {}  # part → (pieces, attrition) of each line
    for line in program_lines.children(scope, program):
        for part_id, pieces in pieces_of(scope, line):
            demand.setdefault(part_id, []).append((pieces, line["attrition_percent"]))
    overrides = {override["part_id"]: override for override in part_overrides.children(scope, program)}
    found: dict[str, dict] = {}
    for part_id, lines in demand.items():
        override = overrides.get(part_id)
        if override and override["include"] == EXCLUDE:
            continue
        used = (override and override["substitute_part_id"]) or part_id
        entry = found.setdefault(used, {"required": 0, "substitute_for": []})
        entry["required"] += with_attrition(lines, override)
        if used != part_id:
            entry["substitute_for"].append(part_id)
    return found


def pieces_of(scope, line: dict) -> list[tuple[str, int]]:
    """(part id, pieces before attrition) of all that a program line takes."""
    if line["part_id"]:
        return [(line["part_id"], line["quantity"])]
    return [
        (bom_line["part_id"], bom_line["quantity"] * line["quantity"])
        for bom_line in bom_lines.referring(scope, "bom_id", line["bom_id"])
        if bom_line["part_id"] and not bom_line["do_not_place"] and not bom_line["ignore"]
    ]


def with_attrition(lines: list[tuple[int, str]], override: dict | None) -> int:
    """Pieces of a part with attrition, whole: rounded up once, after all lines are summed exactly."""
    if override and override["quantity_override"] is not None:
        return override["quantity_override"]
    instead = override["attrition_percent"] if override else None
    exact = sum(pieces * (WHOLE + thousandths(instead or attrition)) for pieces, attrition in lines)
    return -(-exact // WHOLE)


def thousandths(percent: str) -> int:
    return int(decimal.Decimal(percent) * THOUSANDTHS)


def heading(scope, part_id: str, pieces: int) -> tuple[dict, dict]:
    """(the part, how a program's document names it). Conflict when the pieces are too many to be told."""
    part = part_overrides.target(scope, {"part_id": part_id}, "part_id")
    if pieces > MOST:
        raise Conflict(
            f"The program takes {pieces} pieces of {part['mpn']} ({part_id}): more than {MOST} cannot be told."
        )
    return part, {
        "part_id": part_id,
        "mpn": part["mpn"],
        "manufacturer_name": part["manufacturer_name"],
        "description": part["description"],
        "required": pieces,
    }


# -- availabilities ----------------------------------------------------------------------------------------


TOO_MANY = f"The program takes more than {MOST} pieces of a part."


@programs.operation("get_program_availabilities", returns=ProgramAvailabilities, conflict=TOO_MANY)
def availabilities(scope, program):
    """For each part of a program what is required, where it is to come from, and what is short."""
    parts = [availability(scope, program, part_id, **entry) for part_id, entry in requirements(scope, program).items()]
    return {"program_id": program["id"], "calculated_at": scope.now, "parts": parts}


@programs.operation("get_program_availabilities_async", returns=async_jobs.async_jobs, status=202)
def start_availabilities(scope, program):
    """Work out the availabilities in a job, whose result is what `get_program_availabilities` answers."""
    return async_jobs.start(scope, "get_program_availabilities_async", {"program_id": program["id"]})


@async_jobs.worker("get_program_availabilities_async")
def finish_availabilities(scope, arguments):
    program = scope.find("program", arguments["program_id"])
    if program is None:
        raise Conflict(f"The program {arguments['program_id']} has been deleted.")
    return availabilities(scope, program)


def availability(scope, program, part_id, required, substitute_for) -> dict:
    part, named = heading(scope, part_id, required)
    allocated = sum(
        lot["allocated_quantity"]
        for lot in stock_lots.referring(scope, "part_id", part_id)
        if lot["program_id"] == program["id"] and lot["status"] != CONSUMED
    )
    stock = on_hand(scope, part_id, program["org_id"])
    ordered = on_order(scope, part_id, program["id"])
    shortage = max(0, required - allocated - stock - ordered)
    leads = [offer["factory_lead_days"] for offer in part["offers"] if offer["factory_lead_days"] is not None]
    if shortage:
        status = BUYABLE if part["buyable"] >= shortage else NEEDS_RFQ
    else:
        status = ON_HAND if allocated + stock >= required else ON_ORDER
    return {
        **named,
        "substitute_for": substitute_for,
        "allocated": allocated,
        "on_hand": stock,
        "on_order": ordered,
        "buyable": part["buyable"],
        "shortage": shortage,
        "lead_time_days": min(leads, default=None) if shortage else 0,
        "status": status,
    }


def on_order(scope, part_id: str, program_id: str) -> int:
    """Pieces of a part still to come on the orders of a program."""
    pieces = 0
    for line in purchase_lines.referring(scope, "part_id", part_id):
        order = purchase_lines.target(scope, line, "purchase_order_id")
        if order["program_id"] == program_id and order["status"] not in (CANCELLED, RECEIVED):
            pieces += open_pieces(line)
    return pieces


# -- reference pricing -------------------------------------------------------------------------------------


@programs.operation("get_program_reference_pricing", returns=ProgramReferencePricing, conflict=TOO_MANY)
def reference_pricing(scope, program):
    """What each part of a program would cost from the offer that comes cheapest for the pieces required.

    Of the offers that are `buyable`, whatever they have in stock; those in USD before those in others.
    An offer's least quantity and order multiple count: the extended price is of the pieces one has to buy.
    Of offers that cost the same the first listed is taken. Parts without a listed price are in `unpriced`;
    a part of which no piece is required is in neither list.
    """
    priced, unpriced, totals = [], [], {}
    for part_id, entry in requirements(scope, program).items():
        if entry["required"] == 0:
            continue
        part, named = heading(scope, part_id, entry["required"])
        quotes = [quote for offer in part["offers"] if (quote := quoted(offer, entry["required"]))]
        if not quotes:
            unpriced.append(named)
            continue
        best = min(quotes, key=lambda quote: (quote["currency"] != "USD", quote["currency"], quote["exact"]))
        extended = rounded(best.pop("exact"), best["currency"])
        priced.append({**named, **best, "extended_price": format(extended, "f")})
        totals[best["currency"]] = EXACT.add(totals.get(best["currency"], 0), extended)
    sums = [{"currency": currency, "total": format(total, "f")} for currency, total in sorted(totals.items())]
    return {
        "program_id": program["id"],
        "calculated_at": scope.now,
        "parts": priced,
        "totals": sums,
        "unpriced": unpriced,
    }


def quoted(offer: dict, pieces: int) -> dict | None:
    """What `pieces` cost from an offer, or the least above it that is sold; None without a listed price."""
    if offer["status"] != "buyable" or not offer["prices"]:
        return None
    prices = {point["quantity"]: point for point in offer["prices"]}
    least = max(pieces, offer["moq"], min(prices))
    quantity = -(-least // offer["order_multiple"]) * offer["order_multiple"]
    point = prices[max(start for start in prices if start <= quantity)]
    return {
        "seller": offer["seller"],
        "sku": offer["sku"],
        "order_quantity": quantity,
        "unit_price": point["price"],
        "currency": point["currency"],
        "exact": EXACT.multiply(decimal.Decimal(point["price"]), quantity),
    }


# -- fakes -------------------------------------------------------------------------------------------------


@programs.fake
def fake_program(f):
    return {
        "name": f.unique(electronics.program_name(f.random)),
        "status": f.choice([DRAFT, APPROVED, APPROVED, COMPLETE]),
    }


@program_lines.fake
def fake_line(f):
    return {
        "program_id": f.one("program")["id"],
        "bom_id": f.one("bom")["id"],
        "quantity": f.int(1, 40) * 25,
        "attrition_percent": f.choice(["0", "1", "2.5"]),
    }


@part_overrides.fake
def fake_override(f):
    overrides = f.builder.sandbox.store["part_override"]
    for _ in range(1000):
        program, part = f.one("program"), f.one("part")
        if all(other["part_id"] != part["id"] for other in overrides.where("program_id", program["id"])):
            return {"program_id": program["id"], "part_id": part["id"], "attrition_percent": f.choice("05")}
    raise KeyError("a made-up part_override needs a part that its program does not override yet")
