import io

import pytest

BODY = {"to_emails": ["user@example.com"], "subject": "Quote", "body": "Please quote."}
KEYS = {
    "id",
    "to_emails",
    "cc_emails",
    "bcc_emails",
    "subject",
    "body",
    "attachments",
    "queued_at",
    "sent_at",
}


@pytest.fixture
def email(api):
    return api.post("/v1/outbound_emails/", BODY, expect=200)


def mark(api, email):
    operation = next(operation for operation in api.app.operations if operation.id == "mark_outbound_email_sent")
    return api.call(operation.method, operation.path.replace("{outbound_email_id}", email["id"]), expect=200).json


def test_an_email_has_its_documented_keys_and_none_else(api, email):
    assert email.keys() == KEYS
    assert email == {
        "id": email["id"],
        "to_emails": "user@example.com",
        "cc_emails": "",
        "bcc_emails": "",
        "subject": "Quote",
        "body": "Please quote.",
        "attachments": [],
        "queued_at": "2026-01-15T09:00:00Z",
        "sent_at": None,
    }
    assert api.get(f"/v1/outbound_emails/{email['id']}/") == email


def test_addresses_go_in_as_arrays_and_come_out_as_strings(api):
    email = api.post(
        "/v1/outbound_emails/",
        {
            **BODY,
            "to_emails": ["a@example.com", "b@example.com"],
            "cc_emails": ["c@example.com"],
            "bcc_emails": ["d@example.com", "e@example.com", "f@example.com"],
        },
    )
    assert (email["to_emails"], email["cc_emails"], email["bcc_emails"]) == (
        "a@example.com,b@example.com",
        "c@example.com",
        "d@example.com,e@example.com,f@example.com",
    )


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ({"to_emails": "user@example.com"}, {"to_emails": ['Expected a list of items but got type "str".']}),
        (
            {"to_emails": ["user@example.com", "nobody"]},
            {"to_emails": {"1": ["Enter a valid email address."]}},
        ),
        ({"subject": None}, {"subject": ["This field may not be null."]}),
        (
            {"attachments": ["00000000-0000-4000-8000-000000000000"]},
            {"attachments": {"0": ['Invalid pk "00000000-0000-4000-8000-000000000000" - object does not exist.']}},
        ),
    ],
)
def test_what_does_not_fit_is_told_by_its_field(api, values, errors):
    emails = len(api.sandbox.store["outbound_email"])
    assert api.post("/v1/outbound_emails/", BODY | values, expect=400) == errors
    assert len(api.sandbox.store["outbound_email"]) == emails


@pytest.mark.parametrize("name", ["to_emails", "subject", "body"])
def test_what_is_required_is_told_so(api, name):
    body = {key: value for key, value in BODY.items() if key != name}
    assert api.post("/v1/outbound_emails/", body, expect=400) == {name: ["This field is required."]}


def test_a_stock_document_is_attached_by_its_id(api):
    document = next(iter(api.sandbox.store["stock_document"]), None)
    if document is None:
        operation = next(operation for operation in api.app.operations if operation.id == "create_stock_document")
        document = api.call(
            "POST",
            operation.path,
            data={"file": (io.BytesIO(b"x"), "a.txt"), "name": "a", "document_type": "other"},
        ).json
    email = api.post("/v1/outbound_emails/", {**BODY, "attachments": [document["id"]]})
    assert email["attachments"] == [document["id"]]


def test_marking_as_sent_is_noted_once(api, email):
    api.sandbox.clock.advance(minutes=5)
    sent = mark(api, email)
    assert sent == {**email, "sent_at": "2026-01-15T09:05:00Z"}
    api.sandbox.clock.advance(minutes=5)
    assert mark(api, email) == sent == api.get(f"/v1/outbound_emails/{email['id']}/")


def test_an_email_that_is_not_there_cannot_be_marked(api, email):
    operation = next(operation for operation in api.app.operations if operation.id == "mark_outbound_email_sent")
    api.call(
        operation.method,
        operation.path.replace("{outbound_email_id}", "00000000-0000-4000-8000-000000000000"),
        expect=404,
    )
