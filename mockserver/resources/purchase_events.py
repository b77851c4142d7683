"""Purchase events: what happens to a purchase order, and moves it along."""

from mockserver.api import fields
from mockserver.api.problems import Conflict, PermissionDenied
from mockserver.api.scope import ADMIN, APPROVER, EDITOR
from mockserver.resources.purchases import (
    APPROVED,
    CANCELLED,
    IN_PROGRESS,
    NOTE,
    ORDERED,
    RECEIVED,
    SHIPPED,
    STATUSES,
    TRANSITIONS,
    PurchaseEvent,
    PurchaseEventRequest,
    line_of,
    must_be_buyable,
    open_pieces,
    purchase_lines,
    purchase_orders,
)
from mockserver.resources.stock_lots import book
from mockserver.sandbox.clock import moment


class CreatedPurchaseEvent(PurchaseEvent):
    """An event and where it took its order."""

    purchase_order_id = fields.Id(dump_only=True)
    purchase_order_status = fields.Choice(*STATUSES, dump_only=True, description="The order's status since.")


@purchase_orders.action(
    "create_purchase_event",
    body=PurchaseEventRequest,
    returns=CreatedPurchaseEvent,
    status=201,
    grants=(APPROVER,),
    conflict=(
        "The order's status does not allow it, the supplier cannot be ordered from, or it is before an earlier event. "
        "Or a line is another order's, is named twice, has fewer pieces left than are named, or is named in an event "
        "of the whole order."
    ),
)
def create_event(scope, order, data):
    """Tell what happened to an order.

    It moves requested → approved → (`ordered`) in_progress → shipped → received, and up to `in_progress`
    it can be `cancelled`. Approving needs the role Admin or Procurement Approver; a key with the latter
    alone may approve and write notes, no more. Further parcels are further `shipped` events. `received`
    may skip shipping; it books stock lots, allocated to the order's program. `cancelled` with lines takes back
    these pieces alone; when pieces have arrived it closes what is still open, of a shipped order too. Once no pieces
    are to come the order is received, or cancelled if none have arrived.
    """
    type, lines = data["type"], purchase_lines.children(scope, order)
    allow(scope, type)
    at = data.get("occurred_at", scope.now)
    keep_time(order, at)
    named = data.get("lines", [])
    if named and type in (APPROVED, ORDERED):
        raise Conflict(f"An event of the type {type} is of the whole order: leave out its lines.")
    status = order["status"] if type == CANCELLED and closes(order, lines, named) else moved(order["status"], type)
    quantities = pieces(scope, order, type, named)
    if type == ORDERED:
        must_be_buyable(scope, order)
    if type in (RECEIVED, CANCELLED):
        status = settle(scope, order, type, quantities, at)
    told = [{"purchase_line_id": id, "quantity": quantity} for id, quantity in quantities.items()]
    values = {"status": status, "events": [*order["events"], {**data, "occurred_at": at, "lines": told}]}
    if type == ORDERED:
        values["ordered_at"] = at
    if status == RECEIVED:
        values["received_at"] = order["received_at"] or at
    order = purchase_orders.change(scope, order, values)
    return {**order["events"][-1], "purchase_order_id": order["id"], "purchase_order_status": status}


def allow(scope, type: str) -> None:
    """PermissionDenied when the key's roles do not go with the type of event."""
    if type == APPROVED and ADMIN not in scope.roles and APPROVER not in scope.roles:
        raise PermissionDenied(f"Approving a purchase order needs the role {ADMIN} or {APPROVER}.")
    if type not in (APPROVED, NOTE) and ADMIN not in scope.roles and EDITOR not in scope.roles:
        raise PermissionDenied(f"The role {APPROVER} alone is for events of the types {APPROVED} and {NOTE}.")


def keep_time(order: dict, at: str) -> None:
    """Conflict when an event would be before one that the order has."""
    latest = max(order["events"], key=lambda event: moment(event["occurred_at"]), default=None)
    if latest and moment(at) < moment(latest["occurred_at"]):
        raise Conflict(
            f"occurred_at {at} is before the order's {latest['type']} event of {latest['occurred_at']}: "
            "events are told in the order of time."
        )


def moved(status: str, type: str) -> str:
    """The status an event takes an order of this status to. Conflict when it may not."""
    if type == NOTE or type == status == SHIPPED:
        return status
    after = IN_PROGRESS if type == ORDERED else type
    if after == status:
        moves = " or ".join(TRANSITIONS.open.get(status, ()))
        rest = f"it can become {moves}" if moves else "that is final"
        raise Conflict(f"This purchase order is {status} already: {rest}.")
    TRANSITIONS.check(status, after)
    return after


def closes(order: dict, lines: list[dict], named: list[dict]) -> bool:
    """Whether a cancellation takes back what is still to come of a shipped order: of one that has arrived in part, or
    pieces that are named."""
    return order["status"] == SHIPPED and (bool(named) or any(line["quantity_received"] for line in lines))


def pieces(scope, order: dict, type: str, named: list[dict]) -> dict[str, int]:
    """The pieces of each line an event is about: all that is open for a receipt or a cancellation that names none."""
    room = ROOM.get(type, lambda order, line: line["quantity"])
    if type in (RECEIVED, CANCELLED) and not named:
        lines = purchase_lines.children(scope, order)
        return {line["id"]: open_pieces(line) for line in lines if open_pieces(line)}
    quantities = {item["purchase_line_id"]: item["quantity"] for item in named}
    if len(quantities) < len(named):
        raise Conflict("A purchase line is named more than once: say all of its pieces in one.")
    for id, quantity in quantities.items():
        left = room(order, line_of(scope, order, purchase_lines, id))
        if quantity > left:
            raise Conflict(
                f"{quantity} pieces of purchase line {id} are too many: {left} {LEFT.get(type, 'are ordered')}."
            )
    return quantities


def shipped(order: dict, line: dict) -> int:
    """The pieces of a line that the order's shipments name."""
    return sum(
        item["quantity"]
        for event in order["events"]
        if event["type"] == SHIPPED
        for item in event["lines"]
        if item["purchase_line_id"] == line["id"]
    )


def to_ship(order: dict, line: dict) -> int:
    return max(0, line["quantity"] - line["quantity_cancelled"] - shipped(order, line))


def to_cancel(order: dict, line: dict) -> int:
    """The pieces of a line that can be taken back: those still to come, but for what is under way and nothing of which
    has arrived."""
    arrived = line["quantity_received"] or any(event["type"] == RECEIVED for event in order["events"])
    if order["status"] != SHIPPED or arrived:
        return open_pieces(line)
    if any(event["type"] == SHIPPED and not event["lines"] for event in order["events"]):
        return 0  # a parcel whose contents were not told may hold them all
    return min(open_pieces(line), to_ship(order, line))


ROOM = {RECEIVED: lambda order, line: open_pieces(line), SHIPPED: to_ship, CANCELLED: to_cancel}
LEFT = {RECEIVED: "are still open", SHIPPED: "are still to be shipped", CANCELLED: "can be cancelled"}


def settle(scope, order: dict, type: str, quantities: dict[str, int], at: str) -> str:
    """Book pieces that have arrived, or take back those that will not. Return the order's status since."""
    for id, quantity in quantities.items():
        line = scope.find("purchase_line", id)
        counted = f"quantity_{type}"
        purchase_lines.change(scope, line, {counted: line[counted] + quantity})
        if type == RECEIVED:
            book(
                scope,
                line["part_id"],
                quantity,
                purchase_line_id=id,
                program_id=order["program_id"],
                unit_cost=line["unit_price"],
                currency=order["currency"],
                received_at=at,
            )
    lines = purchase_lines.children(scope, order)
    if any(map(open_pieces, lines)):
        return order["status"]
    return RECEIVED if type == RECEIVED or any(line["quantity_received"] for line in lines) else CANCELLED
