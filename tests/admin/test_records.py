"""Records put, made up and deleted by hand: nothing that could not be answered, and copies throughout."""

import decimal
import functools

import pytest

from mockserver import resources
from mockserver.admin.errors import Refused, Unknown
from mockserver.admin.records import Outbox, Records, kinds
from mockserver.admin.webhooks import Webhooks

MAKEABLE = sorted(kind for kind, resource in kinds().items() if resource._fake)


@pytest.fixture
def records(api):
    return Records(api.sandbox)


@pytest.mark.parametrize("kind", MAKEABLE)
def test_what_is_made_up_refers_to_what_is_there(api, records, kind):
    """Also when most of what could be referred to is gone."""
    for other in kinds():
        if other in ("org", "user", "api_key"):
            continue
        for record in list(api.sandbox.store[other])[:-1]:
            if api.sandbox.store[other].get(record["id"]) is not None:
                try:
                    records.delete(other, record["id"])
                except Refused:
                    continue
    for _ in range(3):
        made = records.given(kind)
        assert records.get(kind, made["id"]) == made
    exported = api.get("/__mock__/export")
    api.post("/__mock__/import", exported)


def test_what_is_handed_out_is_a_copy(api, records):
    bom = records.given("bom", metadata={"list": []})
    for handed in (bom, records("bom")[-1], records.get("bom", bom["id"]), records.page("bom", limit=1000)[1][-1]):
        handed["metadata"]["list"].append(1)
        handed["tag_ids"].append("x")
    assert records.get("bom", bom["id"])["metadata"] == {"list": []}
    assert records.get("bom", bom["id"])["tag_ids"] == []


def test_what_is_taken_in_is_copied(records):
    given, put = {"a": []}, {"b": []}
    bom = records.given("bom", metadata=given)
    given["a"].append(1)
    assert records.get("bom", bom["id"])["metadata"] == {"a": []}
    records.put("bom", bom["id"], metadata=put)
    put["b"].append(1)
    assert records.get("bom", bom["id"])["metadata"] == {"b": []}


def test_emails_and_events_are_copies_too(api, monkeypatch):
    Webhooks(api.sandbox).subscribe("http://receiver.test/")
    api.post("/v1/outbound_emails/", {"to_emails": ["a@b.example"], "subject": "s", "body": "b"})
    Outbox(api.sandbox)[-1]["attachments"].append("x")
    assert Outbox(api.sandbox)[-1]["attachments"] == []
    [delivery] = Webhooks(api.sandbox).deliveries.values()
    delivery.event["data"]["subject"] = "changed"
    [delivery] = Webhooks(api.sandbox).deliveries.values()
    assert delivery.event["data"]["subject"] == "s"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (2**63, "metadata.x: Whole numbers should fit 64 bits"),
        (float("nan"), "metadata.x: JSON knows no nan"),
        (decimal.Decimal("1.5"), "metadata.x: A JSON value is wanted, not Decimal"),
        ({1, 2}, "metadata.x: A JSON value is wanted, not set"),
        ({1: 2}, "metadata.x: The keys of an object should be text, not int 1."),
        ("\ud800", "metadata.x: Text should have no lone surrogates."),
        ({"\ud800": 1}, "Text should have no lone surrogates."),
        (functools.reduce(lambda inner, _: [inner], range(80), 1), "nested deeper than 64 levels"),
    ],
    ids=["integer", "nan", "decimal", "set", "keys", "surrogate", "surrogate key", "deep"],
)
def test_what_json_cannot_say_is_refused(api, records, value, says):
    before = records.count()
    with pytest.raises(Refused) as refused:
        records.given("bom", metadata={"x": value})
    assert says in str(refused.value)
    assert records.count() == before
    api.get("/v1/boms/")


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_a_read_only_field_cannot_be_made_null_where_it_is_never_null(api, records, kind):
    record = next(iter(records(kind)), None)
    if record is None:
        record = records.given(kind) if kind in MAKEABLE else pytest.skip(f"the world has no {kind}")
    for name, field in resources.by_kind()[kind].stored.items():
        if name != "id" and not field.allow_none and name not in resources.by_kind()[kind].computed:
            with pytest.raises(Refused):
                records.put(kind, record["id"], **{name: None})
    assert records.get(kind, record["id"]) == record


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda records: records("bom", nme="x"), "A bom has no field 'nme'. It has id, org_id, name,"),
        (lambda records: records("bm"), "There is no kind of record called 'bm'."),
        (lambda records: records.get("bom", "x"), "There is no bom x."),
    ],
)
def test_what_is_not_there_is_said(records, call, says):
    with pytest.raises(Unknown) as unknown:
        call(records)
    assert says in str(unknown.value)


def test_hidden_fields_are_held_to_their_schema_too(api, records):
    key = api.sandbox.store["api_key"].get(records("api_key")[0]["id"])
    for name, value in (("key", None), ("key", 5), ("roles", None), ("roles", ["Emperor"])):
        with pytest.raises(Refused, match=name):
            records.put("api_key", key["id"], **{name: value})
    job = records.given("async_job", type="upsert_bom_async") if "async_job" in MAKEABLE else records("async_job")[0]
    for name, value in (("due_at", "x"), ("reads", -1), ("key_id", "x"), ("progress", {})):
        with pytest.raises(Refused, match=name):
            records.put("async_job", job["id"], **{name: value})
    assert api.sandbox.store["api_key"].get(key["id"]) == key
    api.get("/v1/boms/")
