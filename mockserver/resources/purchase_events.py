"""Purchase events: what happens to a purchase order, and moves it along."""

from mockserver.api import fields
from mockserver.api.problems import Conflict, PermissionDenied
from mockserver.api.scope import ADMIN, APPROVER, EDITOR
from mockserver.resources.purchases import (
    APPROVED,
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
    purchase_lines,
    purchase_orders,
)
from mockserver.resources.stock_lots import book


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
        "The order's status does not allow it, or a line is another order's, "
        "is named twice, or has fewer pieces ordered or still open than are named."
    ),
)
def create_event(scope, order, data):
    """Tell what happened to an order.

    It moves requested → approved → (`ordered`) in_progress → shipped → received, and up to `in_progress`
    it can be `cancelled`. Approving needs the role Admin or Procurement Approver; a key with the latter
    alone may approve and write notes, no more. Further parcels are further `shipped` events. `received`
    may skip shipping; it books stock lots, allocated to the order's program, and moves the order once
    all of its lines have fully arrived.
    """
    type = data["type"]
    allow(scope, type)
    status = moved(order["status"], type)
    quantities = pieces(scope, order, type, data.get("lines", []))
    at = data.get("occurred_at", scope.now)
    if type == RECEIVED and not receive(scope, order, quantities, at):
        status = order["status"]
    lines = [{"purchase_line_id": id, "quantity": quantity} for id, quantity in quantities.items()]
    values = {"status": status, "events": [*order["events"], {**data, "occurred_at": at, "lines": lines}]}
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


def pieces(scope, order: dict, type: str, lines: list[dict]) -> dict[str, int]:
    """The pieces of each line an event is about. A receipt without lines is about all that is still open."""

    def room(line):
        return line["quantity"] - (line["quantity_received"] if type == RECEIVED else 0)

    if type == RECEIVED and not lines:
        return {line["id"]: room(line) for line in purchase_lines.children(scope, order) if room(line)}
    quantities = {item["purchase_line_id"]: item["quantity"] for item in lines}
    if len(quantities) < len(lines):
        raise Conflict("A purchase line is named more than once: say all of its pieces in one.")
    for id, quantity in quantities.items():
        line = line_of(scope, order, purchase_lines, id)
        if quantity > room(line):
            what = "still open" if type == RECEIVED else "ordered"
            raise Conflict(f"{quantity} pieces of purchase line {id} are too many: {room(line)} are {what}.")
    return quantities


def receive(scope, order: dict, quantities: dict[str, int], at: str) -> bool:
    """Put in stock what has arrived. Whether all of the order has arrived now."""
    for id, quantity in quantities.items():
        line = scope.store["purchase_line"].get(id)
        purchase_lines.change(scope, line, {"quantity_received": line["quantity_received"] + quantity})
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
    return all(line["quantity_received"] == line["quantity"] for line in lines)
