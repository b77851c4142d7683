"""Suppliers: a supplier as it is created, read, changed and listed."""

import pytest


def names(answer):
    return [supplier["name"] for supplier in answer["results"]]


def test_a_supplier_of_a_name_alone_has_defaults_for_the_rest(api):
    supplier = api.post("/v1/suppliers/", {"name": "Corner Shop"}, expect=201)
    assert supplier["preference"] == "none"
    assert supplier["is_buyable"] is True
    assert supplier["aliases"] == supplier["certifications"] == supplier["team_ids"] == []
    assert supplier["accuracy"] is supplier["lead_days"] is supplier["rfq_email"] is None
    assert supplier["synced_from_integration"] is False
    assert "metadata" not in supplier


def test_a_supplier_keeps_all_it_is_given(api):
    tag = api.post("/v1/tags/", {"name": "Distributor"})
    given = {
        "name": "Northbridge",
        "aliases": ["NB", "Northbridge Ltd"],
        "website": "https://northbridge.example.com",
        "email": "orders@nb.example.com",
        "rfq_email": "rfq@nb.example.com",
        "phone": "+1 555 0100",
        "preference": "preferred",
        "accuracy": "A+",
        "certifications": ["AS9120"],
        "lead_days": 3,
        "is_buyable": False,
        "tag_ids": [tag["id"]],
        "integration_record_id": "V-7",
    }
    created = api.call("POST", "/v1/suppliers/", json=given, expect=201)
    supplier = api.get(created.headers["Location"])
    assert supplier == created.json
    assert {name: supplier[name] for name in given} == given


def test_a_change_leaves_what_is_not_sent(api):
    supplier = api.post("/v1/suppliers/", {"name": "Northbridge", "lead_days": 3})
    api.sandbox.clock.advance(hours=1)
    changed = api.patch(f"/v1/suppliers/{supplier['id']}/", {"preference": "banned"})
    assert changed == {**supplier, "preference": "banned", "updated_at": "2026-01-15T10:00:00Z"}


def test_a_name_is_taken_once_in_an_organisation(api):
    first = api.post("/v1/suppliers/", {"name": "Northbridge"})
    second = api.post("/v1/suppliers/", {"name": "Southbridge"})
    assert "already exists" in api.post("/v1/suppliers/", {"name": "Northbridge"}, expect=409)["detail"]
    api.patch(f"/v1/suppliers/{second['id']}/", {"name": "Northbridge"}, expect=409)
    api.patch(f"/v1/suppliers/{first['id']}/", {"name": "Northbridge"})
    sub_org = api.get("/v1/sub_orgs/")["results"][0]
    assert api.post(f"/v1/suppliers/?org_id={sub_org['id']}", {"name": "Northbridge"})["org_id"] == sub_org["id"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("name=BRIDGE", ["Test Northbridge", "Test Southbridge"]),
        ("name=test&preference=preferred", ["Test Northbridge"]),
        ("name=test&is_buyable=false", ["Test Kestrel"]),
        ("name=test&is_buyable=true&preference=none", ["Test Southbridge"]),
    ],
)
def test_the_list_is_narrowed_by_name_preference_and_buyability(api, query, found):
    api.post("/v1/suppliers/", {"name": "Test Northbridge", "preference": "preferred"})
    api.post("/v1/suppliers/", {"name": "Test Southbridge"})
    api.post("/v1/suppliers/", {"name": "Test Kestrel", "is_buyable": False})
    assert names(api.get(f"/v1/suppliers/?{query}")) == found


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", None),
        ("preference", "favourite"),
        ("accuracy", "E"),
        ("lead_days", -1),
        ("lead_days", "3"),
        ("email", "not an address"),
        ("website", "ftp://x"),
        ("is_buyable", "yes"),
        ("aliases", "NB"),
    ],
)
def test_a_malformed_field_is_refused_by_name(api, field, value):
    assert field in api.post("/v1/suppliers/", {"name": "Northbridge", field: value}, expect=400)


def test_custom_properties_of_a_supplier_are_checked(api):
    property = api.post(
        "/v1/custom_properties/", {"name": "Vendor class", "record_type": "supplier", "value_type": "number"}
    )
    supplier = api.post("/v1/suppliers/", {"name": "Northbridge", "custom_properties": {property["id"]: 2}})
    assert supplier["custom_properties"] == {property["id"]: 2}
    refused = api.patch(f"/v1/suppliers/{supplier['id']}/", {"custom_properties": {property["id"]: "two"}}, expect=400)
    assert refused == {"custom_properties": {property["id"]: ["The value of this property should be a number."]}}
