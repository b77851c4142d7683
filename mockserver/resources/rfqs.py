"""Requests for quotation: what is asked of which suppliers, and how far it has come."""

from mockserver.api import fields
from mockserver.api.problems import Conflict
from mockserver.api.resource import Record, Resource
from mockserver.api.transitions import Transitions

DRAFT, SENT, QUOTED, CLOSED, CANCELLED = STATUSES = ("draft", "sent", "quoted", "closed", "cancelled")
FINAL = (CLOSED, CANCELLED)
moves = Transitions(
    (DRAFT, SENT),
    (SENT, QUOTED),
    (QUOTED, CLOSED),
    (DRAFT, CANCELLED),
    (SENT, CANCELLED),
    (QUOTED, CANCELLED),
    label="RFQ",
)


class CreateRfqRequest(fields.Schema):
    """A request for quotation, for a BOM, for a program or for neither. It starts as a draft."""

    name = fields.Text(required=True, description="What the request is called.", example="Motor Controller, pilot run")
    supplier_ids = fields.Refs("supplier", description="The suppliers that are asked.")
    bom_id = fields.Ref(
        "bom",
        on_delete=fields.SET_NULL,
        null=True,
        description="The BOM it is for. Not together with `program_id`.",
    )
    program_id = fields.Ref(
        "program",
        on_delete=fields.SET_NULL,
        null=True,
        description="The program it is for. Not together with `bom_id`.",
    )
    currency = fields.Text(
        min=3,
        max=3,
        pattern="[A-Z]{3}",
        load_default="USD",
        description="Of its lines' target prices, ISO 4217.",
        example="USD",
    )
    due_on = fields.Date(null=True, description="The day by which suppliers are to quote.", example="2026-02-02")
    notes = fields.Text(max=10_000, min=0, null=True, description="Anything the suppliers should know.")


class RfqRequest(CreateRfqRequest):
    """What can be changed of a request for quotation until it is closed or cancelled."""

    status = fields.Choice(
        *STATUSES,
        description="Moves from draft to sent to quoted to closed; to cancelled from each but closed.",
    )


class Rfq(Record, CreateRfqRequest):
    """A request for quotation."""

    number = fields.Text(
        dump_only=True, description="Given by the server: unique in the organisation.", example="RFQ-000001"
    )
    status = fields.Choice(
        *STATUSES,
        dump_only=True,
        dump_default=DRAFT,
        description="How far it has come. The first quote makes a sent one quoted.",
    )


rfqs = Resource("rfq", Rfq, unique=["number"])


@rfqs.check
def keep_rules(scope, after, before):
    if after["bom_id"] and after["program_id"]:
        raise Conflict("An RFQ is for a BOM or for a program, not for both: leave out bom_id or program_id.")
    if before is None:
        after["number"] = after["number"] or next_number(scope, after["org_id"])
    else:
        moves.keep(before, after)


def next_number(scope, org_id: str) -> str:
    """The first RFQ-000001, RFQ-000002, … from the record's place on that the organisation has not used."""
    ordinal = scope.sandbox.store.next_ordinal("rfq")
    while rfqs.count(scope, "unique:number", (org_id, f"RFQ-{ordinal:06}")):
        ordinal += 1
    return f"RFQ-{ordinal:06}"


def refuse_final(rfq: dict) -> None:
    """Conflict when the RFQ has come to its end, and its lines with it."""
    if rfq["status"] in FINAL:
        raise Conflict(f"This RFQ is {rfq['status']}: its lines can no longer be changed. Create another RFQ.")


@rfqs.action("create_rfq", body=CreateRfqRequest, status=201, conflict="Both a BOM and a program are given.")
def create(scope, data):
    """Draft a request for quotation. Its number is given by the server."""
    return rfqs.add(scope, data)


@rfqs.action(
    "update_rfq",
    body=RfqRequest,
    partial=True,
    conflict="The RFQ is closed or cancelled, cannot move to this status from the one it has, "
    "or would be for both a BOM and a program.",
)
def update(scope, rfq, data):
    """Change a request for quotation, or move it along: draft, sent, quoted, closed; or cancelled."""
    return rfqs.change(scope, rfq, data)


@rfqs.fake
def fake(f):
    supplier, bom = f.one("supplier"), f.one("bom")
    return {
        "name": f"{bom['name']}, {f.choice(['prototypes', 'pilot run', 'series'])}",
        "org_id": bom["org_id"],
        "bom_id": bom["id"],
        "supplier_ids": [supplier["id"]],
        "status": f.choice(STATUSES),
        "created_at": f.ago(days=f.int(1, 90)),
    }
