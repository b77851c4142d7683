"""Custom properties: their definitions, and the values that records carry."""

import pytest


def define(api, value_type="text", record_type="bom", **values):
    body = {"name": f"A {value_type}", "record_type": record_type, "value_type": value_type, **values}
    if value_type == "select":
        body.setdefault("options", ["Low", "High"])
    return api.post("/v1/custom_properties/", body, expect=201)


def test_a_property_is_created_read_changed_and_listed(api):
    created = api.call(
        "POST",
        "/v1/custom_properties/",
        expect=201,
        json={
            "name": "Risk",
            "record_type": "bom",
            "value_type": "select",
            "options": ["Low", "High"],
            "required": False,
        },
    )
    property = api.get(created.headers["Location"])
    changed = api.patch(
        f"/v1/custom_properties/{property['id']}/",
        {"name": "Supply risk", "options": ["Low", "Medium", "High"]},
    )
    assert changed["options"] == ["Low", "Medium", "High"]
    assert changed["record_type"] == "bom"
    found = api.get("/v1/custom_properties/?name=SUPPLY&record_type=bom&value_type=select")["results"]
    assert found == [changed]
    assert api.get("/v1/custom_properties/?name=supply&record_type=part")["count"] == 0


def test_a_name_is_taken_once_for_a_type_of_record(api):
    define(api, name="Risk")
    api.post("/v1/custom_properties/", {"name": "Risk", "record_type": "bom", "value_type": "number"}, expect=409)
    define(api, name="Risk", record_type="part")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"value_type": "select"}, "at least one option"),
        ({"value_type": "text", "options": ["Low"]}, "has no options"),
    ],
)
def test_options_go_with_a_select_and_nothing_else(api, values, reason):
    refused = api.post("/v1/custom_properties/", {"name": "Risk", "record_type": "bom", **values}, expect=409)
    assert reason in refused["detail"]


@pytest.mark.parametrize(
    "values",
    [
        {"record_type": "team"},
        {"value_type": "money"},
        {"options": ["Low", "Low"]},
        {"required": None},
        {"name": ""},
    ],
)
def test_a_malformed_definition_is_refused(api, values):
    body = {"name": "Risk", "record_type": "bom", "value_type": "text", **values}
    assert list(values) == list(api.post("/v1/custom_properties/", body, expect=400))


@pytest.mark.parametrize(
    ("value_type", "right", "wrong"),
    [
        ("text", ["", "anything", "x" * 255], [3, True, "x" * 256]),
        ("number", [0, -1.5, 10**12], ["3", True]),
        ("boolean", [True, False], [1, "true"]),
        ("date", ["2026-02-28"], ["2026-02-30", "tomorrow", 20260228]),
        ("select", ["Low"], ["low", "Medium", True]),
    ],
)
def test_values_are_of_the_type_defined(api, value_type, right, wrong):
    id = define(api, value_type)["id"]
    for value in right:
        assert api.post("/v1/boms/", {"name": "Lamp", "custom_properties": {id: value}})["custom_properties"] == {
            id: value
        }
    for value in wrong:
        refused = api.post("/v1/boms/", {"name": "Lamp", "custom_properties": {id: value}}, expect=400)
        assert refused["custom_properties"][id][0].startswith("The value of this property should be ")


def test_a_refused_choice_is_told_the_options(api):
    id = define(api, "select")["id"]
    refused = api.post("/v1/boms/", {"name": "Lamp", "custom_properties": {id: "Medium"}}, expect=400)
    assert refused["custom_properties"][id] == ["The value of this property should be one of its options: Low, High."]


def test_null_clears_a_value(api):
    id = define(api)["id"]
    bom = api.post("/v1/boms/", {"name": "Lamp", "custom_properties": {id: "x"}})
    assert api.patch(f"/v1/boms/{bom['id']}/", {"custom_properties": {id: None}})["custom_properties"] == {}


def test_a_property_of_another_type_of_record_is_refused(api):
    id = define(api, record_type="part")["id"]
    refused = api.post("/v1/boms/", {"name": "Lamp", "custom_properties": {id: "x"}}, expect=400)
    assert refused["custom_properties"][id] == ["This property is for records of type part."]


@pytest.mark.parametrize("id", ["00000000-0000-4000-8000-000000000000", "cost", ""])
def test_an_unknown_property_is_refused(api, id):
    refused = api.post("/v1/boms/", {"name": "Lamp", "custom_properties": {id: "x"}}, expect=400)
    assert refused["custom_properties"][id] == [f'Invalid pk "{id}" - object does not exist.']


def test_an_id_in_capitals_is_the_same_property(api):
    id = define(api)["id"]
    assert api.post("/v1/boms/", {"name": "Lamp", "custom_properties": {id.upper(): "x"}})["custom_properties"] == {
        id: "x"
    }


def test_a_required_property_goes_with_any_other(api):
    required, other = define(api, "text", required=True)["id"], define(api, "number")["id"]
    refused = api.post("/v1/boms/", {"name": "Lamp", "custom_properties": {other: 1}}, expect=400)
    assert refused["custom_properties"] == {required: ["This property is required."]}
    api.post("/v1/boms/", {"name": "Lamp", "custom_properties": {other: 1, required: None}}, expect=400)
    api.post("/v1/boms/", {"name": "Lamp", "custom_properties": {other: 1, required: "x"}}, expect=201)
    api.post("/v1/boms/", {"name": "Lamp"}, expect=201)


@pytest.mark.parametrize("record_type", ["bom", "supplier", "program"])
def test_types_are_fixed_once_a_record_carries_the_property(api, record_type):
    path = f"/v1/{record_type}s/"
    property = define(api, record_type=record_type)
    address = f"/v1/custom_properties/{property['id']}/"
    api.patch(address, {"value_type": "number"})
    api.patch(address, {"value_type": "text"})
    record = api.post(path, {"name": "Lamp", "custom_properties": {property["id"]: "x"}})
    refused = api.patch(address, {"value_type": "number"}, expect=409)
    assert refused["detail"].startswith(
        f"The value_type of this property is text and fixed: 1 {record_type}(s) carry it."
    )
    api.patch(address, {"record_type": "part"}, expect=409)
    api.patch(address, {"name": "Renamed", "value_type": "text", "record_type": record_type})
    api.patch(f"{path}{record['id']}/", {"custom_properties": {}})
    api.patch(address, {"value_type": "number"})


def test_an_option_in_use_stays(api):
    property = define(api, "select", options=["Low", "Medium", "High"])
    address = f"/v1/custom_properties/{property['id']}/"
    api.post("/v1/boms/", {"name": "Lamp", "custom_properties": {property["id"]: "High"}})
    refused = api.patch(address, {"options": ["Low"]}, expect=409)
    assert refused["detail"] == "These options are in use and have to stay: High."
    assert api.patch(address, {"options": ["High", "Low"]})["options"] == ["High", "Low"]


PARENTS_AND_OWN = ["supplier", "bom", "program", "purchase_order"]


@pytest.mark.parametrize("record_type", PARENTS_AND_OWN)
def test_what_is_required_of_a_record_its_own_organisation_says(api, record_type):
    """A record of a sub-organisation is changed by the rules of the sub-organisation, with or without `?org_id=`."""
    lab = api.get("/v1/sub_orgs/")["results"][0]["id"]
    path = f"/v1/{record_type}s/"
    body = {
        "purchase_order": {"supplier_id": api.get("/v1/suppliers/")["results"][0]["id"]},
    }.get(record_type, {"name": "of the lab"})
    record = api.post(f"{path}?org_id={lab}", body)

    def define(name, query="", required=True):
        definition = {"name": name, "record_type": record_type, "value_type": "text", "required": required}
        return api.post(f"/v1/custom_properties/{query}", definition)["id"]

    define("of the parent")
    own, free = define("of the lab", f"?org_id={lab}"), define("free", f"?org_id={lab}", required=False)
    for query in ("", f"?org_id={lab}"):
        url = f"{path}{record['id']}/{query}"
        assert api.patch(url, {"custom_properties": {free: "x"}}, expect=400) == {
            "custom_properties": {own: ["This property is required."]}
        }
        assert api.patch(url, {"custom_properties": {own: "x"}})["custom_properties"] == {own: "x"}


def test_the_values_of_a_deleted_property_go_with_it(api):
    """No operation deletes one; the control plane does."""
    from mockserver.admin.records import Records

    gone, kept = (
        api.post("/v1/custom_properties/", {"name": name, "record_type": "bom", "value_type": "text"})["id"]
        for name in ("gone", "kept")
    )
    bom = api.post("/v1/boms/", {"name": "x", "custom_properties": {gone: "1", kept: "2"}})
    Records(api.sandbox).delete("custom_property", gone)
    after = api.get(f"/v1/boms/{bom['id']}/")
    assert after["custom_properties"] == {kept: "2"}
    api.patch(f"/v1/boms/{bom['id']}/", after)
