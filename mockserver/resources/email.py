"""Outbound e-mail, as documented to the letter: addresses go in as arrays and come out as strings."""

from mockserver.api import fields
from mockserver.api.resource import Resource


class OutboundEmail(fields.Schema):
    """An e-mail on its way out."""

    id = fields.Id(dump_only=True)
    to_emails = fields.Text(max=None, min=0, dump_only=True, description="The recipients, joined by commas.")
    cc_emails = fields.Text(max=None, min=0, dump_only=True, description="The recipients of a copy, joined by commas.")
    bcc_emails = fields.Text(
        max=None, min=0, dump_only=True, description="The recipients of a hidden copy, joined by commas."
    )
    subject = fields.Text(max=None, min=0, dump_only=True)
    body = fields.Text(max=None, min=0, dump_only=True)
    attachments = fields.Array(fields.Ref("stock_document"), dump_only=True, description="Ids of stock documents.")
    queued_at = fields.Timestamp(dump_only=True, null=True, description="When it was put in line.")
    sent_at = fields.Timestamp(dump_only=True, null=True, description="When it was marked as sent.")


PLACEHOLDER = "string"


class Attachment(fields.IdRef):
    """The id of a stock document, or the placeholder that the documentation's sample has for one:
    it stands for none."""

    def _deserialize(self, value, attr, data, **kwargs):
        return value if value == PLACEHOLDER else super()._deserialize(value, attr, data, **kwargs)

    def document(self):
        return {"anyOf": [super().document(), {"const": PLACEHOLDER}]}


class OutboundEmailRequest(fields.Schema):
    to_emails = fields.Array(fields.Email(), min=1, required=True, example=["user@example.com"])
    cc_emails = fields.Array(fields.Email(), load_default=list, example=["user@example.com"])
    bcc_emails = fields.Array(fields.Email(), load_default=list, example=["user@example.com"])
    subject = fields.Text(max=None, min=0, required=True)
    body = fields.Text(max=None, min=0, required=True)
    attachments = fields.Array(
        Attachment("stock_document"),
        load_default=list,
        description=(
            "Ids of stock documents. `string`, which the documentation's sample has in place of one, stands for none."
        ),
    )


outbound_emails = Resource(
    "outbound_email", OutboundEmail, retrieve="get_outbound_email", hidden=("org_id", "created_at", "updated_at")
)


@outbound_emails.action(
    "create_outbound_email", body=OutboundEmailRequest, evidence={"request": "documented", "response": "documented"}
)
def create(scope, data):
    """Put an e-mail in line. Documented to answer 200."""
    recipients = {name: ",".join(data[name]) for name in ("to_emails", "cc_emails", "bcc_emails")}
    attachments = [id for id in data["attachments"] if id != PLACEHOLDER]
    return outbound_emails.add(scope, {**data, **recipients, "attachments": attachments, "queued_at": scope.now})


@outbound_emails.action("mark_outbound_email_sent")
def mark_as_sent(scope, email):
    """Note that an e-mail was sent. Once: marked again it stays as it is."""
    return email if email["sent_at"] else outbound_emails.change(scope, email, {"sent_at": scope.now})


@outbound_emails.fake
def fake(f):
    board = f.faker.board_name()
    return {
        "to_emails": f"sales@{f.choice(['digikey', 'mouser', 'arrow', 'avnet'])}.example.com",
        "cc_emails": "",
        "bcc_emails": "",
        "subject": f"Quote request for {board}",
        "body": f"Please quote the attached parts of {board}.",
        "attachments": [],
        "queued_at": f.now,
        "sent_at": None,
    }
