import pytest

NOWHERE = "00000000-0000-4000-8000-000000000000"
BEYOND_DRAFT = {
    "sent": ["sent"],
    "quoted": ["sent", "quoted"],
    "closed": ["sent", "quoted", "closed"],
    "cancelled": ["cancelled"],
}


@pytest.fixture
def part_id(sandbox):
    return next(iter(sandbox.store["part"]))["id"]


@pytest.fixture
def rfq(api):
    return api.post("/v1/rfqs/", {"name": "Pilot run"})


def moved(api, rfq, status):
    for step in BEYOND_DRAFT.get(status, []):
        rfq = api.patch(f"/v1/rfqs/{rfq['id']}/", {"status": step})
    return rfq


def test_a_new_rfq_is_a_numbered_draft(api, rfq):
    second = api.post("/v1/rfqs/", {"name": "Series"})
    first_number, second_number = (int(number.removeprefix("RFQ-")) for number in (rfq["number"], second["number"]))
    assert rfq["number"] == f"RFQ-{first_number:06}"
    assert second_number == first_number + 1
    assert (rfq["status"], rfq["supplier_ids"], rfq["bom_id"], rfq["program_id"], rfq["currency"]) == (
        "draft",
        [],
        None,
        None,
        "USD",
    )


def test_neither_number_nor_status_is_the_callers_to_give(api):
    rfq = api.post("/v1/rfqs/", {"name": "Mine", "number": "MY-1", "status": "closed"})
    assert rfq["number"].startswith("RFQ-")
    assert rfq["status"] == "draft"


def test_it_is_for_a_bom_or_a_program_and_asks_suppliers(api):
    supplier = api.post("/v1/suppliers/", {"name": "Sold Out Components"})
    bom_id = api.get("/v1/boms/")["results"][0]["id"]
    program = api.post("/v1/programs/", {"name": "Rover"})
    rfq = api.post(
        "/v1/rfqs/",
        {
            "name": "x",
            "bom_id": bom_id,
            "supplier_ids": [supplier["id"]],
            "due_on": "2026-02-01",
            "notes": "Please quote.",
        },
    )
    assert (rfq["bom_id"], rfq["supplier_ids"]) == (bom_id, [supplier["id"]])

    both = api.post("/v1/rfqs/", {"name": "x", "bom_id": bom_id, "program_id": program["id"]}, expect=409)
    assert "not for both" in both["detail"]
    api.patch(f"/v1/rfqs/{rfq['id']}/", {"program_id": program["id"]}, expect=409)
    assert (
        api.patch(f"/v1/rfqs/{rfq['id']}/", {"bom_id": None, "program_id": program["id"]})["program_id"]
        == program["id"]
    )


def test_the_rfq_outlives_the_bom_it_was_for(api, sandbox):
    bom = api.post("/v1/boms/", {"name": "Short-lived"})
    rfq = api.post("/v1/rfqs/", {"name": "x", "bom_id": bom["id"]})
    api.delete(f"/v1/boms/{bom['id']}/")
    assert sandbox.store["rfq"].get(rfq["id"])["bom_id"] is None


def test_bad_values_and_references_are_named(api):
    errors = api.post("/v1/rfqs/", {"due_on": "soon", "bom_id": NOWHERE, "currency": "dollars"}, expect=400)
    assert set(errors) == {"name", "due_on", "bom_id", "currency"}
    assert errors["bom_id"] == [f'Invalid pk "{NOWHERE}" - object does not exist.']


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("draft", "sent"),
        ("sent", "quoted"),
        ("quoted", "closed"),
        ("draft", "cancelled"),
        ("sent", "cancelled"),
        ("quoted", "cancelled"),
        ("sent", "sent"),
    ],
)
def test_it_moves_along(api, rfq, before, after):
    moved(api, rfq, before)
    assert api.patch(f"/v1/rfqs/{rfq['id']}/", {"status": after})["status"] == after


@pytest.mark.parametrize(
    ("before", "after"),
    [("draft", "quoted"), ("draft", "closed"), ("sent", "draft"), ("sent", "closed"), ("quoted", "sent")],
)
def test_it_neither_skips_nor_goes_back(api, rfq, before, after):
    moved(api, rfq, before)
    refusal = api.patch(f"/v1/rfqs/{rfq['id']}/", {"status": after}, expect=409)
    assert before in refusal["detail"]
    assert after in refusal["detail"]


@pytest.mark.parametrize("end", ["closed", "cancelled"])
def test_at_its_end_it_and_its_lines_are_frozen(api, rfq, part_id, end):
    line = api.post("/v1/rfq_lines/", {"rfq_id": rfq["id"], "part_id": part_id, "quantity": 5})
    moved(api, rfq, end)
    for refusal in (
        api.patch(f"/v1/rfqs/{rfq['id']}/", {"notes": "late"}, expect=409),
        api.post("/v1/rfq_lines/", {"rfq_id": rfq["id"], "part_id": part_id, "quantity": 5}, expect=409),
        api.patch(f"/v1/rfq_lines/{line['id']}/", {"quantity": 6}, expect=409),
    ):
        assert f"This RFQ is {end}" in refusal["detail"]


def test_a_line_asks_for_pieces_of_a_part(api, rfq, part_id):
    line = api.post(
        "/v1/rfq_lines/",
        {
            "rfq_id": rfq["id"],
            "part_id": part_id,
            "quantity": 500,
            "target_unit_price": "0.042",
            "required_by": "2026-03-16",
        },
    )
    assert (line["rfq_id"], line["quantity"], line["target_unit_price"]) == (rfq["id"], 500, "0.042")
    changed = api.patch(f"/v1/rfq_lines/{line['id']}/", {"quantity": 1000, "target_unit_price": None})
    assert (changed["quantity"], changed["target_unit_price"], changed["required_by"]) == (
        1000,
        None,
        "2026-03-16",
    )


def test_a_line_stays_with_its_rfq(api, rfq, part_id):
    line = api.post("/v1/rfq_lines/", {"rfq_id": rfq["id"], "part_id": part_id, "quantity": 5})
    other = api.post("/v1/rfqs/", {"name": "Another"})
    assert api.patch(f"/v1/rfq_lines/{line['id']}/", {"rfq_id": other["id"]})["rfq_id"] == rfq["id"]


@pytest.mark.parametrize("quantity", [0, -1, "5", 1.5, None])
def test_a_line_needs_a_whole_number_of_pieces(api, rfq, part_id, quantity):
    assert set(
        api.post("/v1/rfq_lines/", {"rfq_id": rfq["id"], "part_id": part_id, "quantity": quantity}, expect=400)
    ) == {"quantity"}


def test_a_line_belongs_to_the_organisation_of_its_rfq(api, sandbox, part_id):
    medical = next(org for org in sandbox.store["org"] if org["slug"] == "acme-medical")
    rfq = api.post(f"/v1/rfqs/?org_id={medical['id']}", {"name": "x"})
    line = api.post("/v1/rfq_lines/", {"rfq_id": rfq["id"], "part_id": part_id, "quantity": 5})
    assert rfq["org_id"] == line["org_id"] == medical["id"]


def test_unknown_rfqs_and_lines_are_not_found(api):
    api.patch(f"/v1/rfqs/{NOWHERE}/", {"name": "x"}, expect=404)
    api.patch(f"/v1/rfq_lines/{NOWHERE}/", {"quantity": 1}, expect=404)
