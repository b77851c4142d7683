"""Lines of requests for quotation: the parts suppliers are asked for."""

from mockserver.api import fields
from mockserver.api.resource import Record, Resource, changes
from mockserver.resources.rfqs import refuse_final


class RfqLineRequest(fields.Schema):
    """What can be changed of a line."""

    part_id = fields.Ref("part", required=True, description="The part that is asked for.")
    quantity = fields.Integer(min=1, required=True, description="Pieces.", example=500)
    target_unit_price = fields.Money(
        null=True, description="What one piece should cost, in the RFQ's currency.", example="0.042"
    )
    required_by = fields.Date(null=True, description="The day on which the pieces are needed.", example="2026-03-16")


class CreateRfqLineRequest(RfqLineRequest):
    """A part that suppliers are asked for."""

    rfq_id = fields.Ref(
        "rfq", on_delete=fields.CASCADE, required=True, description="The RFQ it is a line of, for good."
    )


class RfqLine(Record, CreateRfqLineRequest):
    """A part that suppliers are asked for."""


rfq_lines = Resource("rfq_line", RfqLine, parent="rfq_id")


@rfq_lines.action("create_rfq_line", body=CreateRfqLineRequest, status=201, conflict="The RFQ is closed or cancelled.")
def create(scope, data):
    """Add a part to an RFQ. One part may be asked for in several quantities, on a line each."""
    refuse_final(scope.find("rfq", data["rfq_id"]))
    return rfq_lines.add(scope, data)


@rfq_lines.action("update_rfq_line", body=RfqLineRequest, partial=True, conflict="The RFQ is closed or cancelled.")
def update(scope, line, data):
    """Change a line of a request for quotation that is neither closed nor cancelled."""
    if changes(line, data):
        refuse_final(rfq_lines.target(scope, line, "rfq_id"))
    return rfq_lines.change(scope, line, data)


@rfq_lines.fake
def fake(f):
    rfq, part = f.one("rfq"), f.one("part")
    return {
        "rfq_id": rfq["id"],
        "part_id": part["id"],
        "quantity": f.choice([50, 100, 250, 500, 1000]),
        "target_unit_price": f"0.{f.int(1, 999):03}" if f.int(0, 1) else None,
        "created_at": rfq["created_at"],
    }
