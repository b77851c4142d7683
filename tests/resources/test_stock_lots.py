import itertools

import pytest

from mockserver import resources, worlds
from mockserver.api.scope import Scope
from mockserver.resources.stock_lots import STATUSES, book

ABSENT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def part_id(api):
    """A part that is nowhere in stock."""
    bom = api.post(
        "/v1/parse_raw_bom/",
        {"name": "Stock", "raw_lines": [{"mpn": "STK-1", "manufacturer_name": "Murata"}]},
    )
    return bom["lines"][0]["part_id"]


@pytest.fixture
def put(api, part_id):
    def put(expect=201, **values):
        return api.put(f"/v1/parts/{part_id}/stock/", {"location": "Main", "quantity": 100} | values, expect=expect)

    return put


@pytest.fixture
def patch(api):
    def patch(lot, expect=200, **values):
        return api.patch(f"/v1/stock_lots/{lot['id']}/", values, expect=expect)

    return patch


@pytest.fixture
def scope(sandbox):
    return Scope(sandbox, next(iter(sandbox.store["api_key"])), resources.by_kind())


# -- upsert ------------------------------------------------------------------------------------------------


def test_stock_at_a_new_place_is_a_new_lot(put, part_id, sandbox):
    lot = put(lot_code="L1", date_code="2537", bin="A-1", unit_cost="0.0125")
    assert lot == {
        "id": lot["id"],
        "org_id": sandbox.store["org"].at(1)["id"],
        "part_id": part_id,
        "location": "Main",
        "quantity": 100,
        "lot_code": "L1",
        "date_code": "2537",
        "bin": "A-1",
        "unit_cost": "0.0125",
        "currency": "USD",
        "allocated_quantity": 0,
        "program_id": None,
        "status": "available",
        "received_at": None,
        "purchase_line_id": None,
        "created_at": "2026-01-15T09:00:00Z",
        "updated_at": "2026-01-15T09:00:00Z",
    }


def test_stock_at_a_known_place_is_set_and_the_rest_of_the_lot_stays(put):
    lot = put(date_code="2537", unit_cost="0.0125")
    assert put(expect=200, quantity=40) == {**lot, "quantity": 40}
    assert put(expect=200, quantity=0, date_code=None, bin="B-2") == {**lot, "quantity": 0, "bin": "B-2"}


def test_another_location_lot_code_part_or_organisation_is_another_lot(api, put, sandbox, part_id):
    other_part = next(part["id"] for part in sandbox.store["part"] if part["id"] != part_id and not part["org_id"])
    sub_org = sandbox.store["org"].where("parent_org_id", sandbox.store["org"].at(1)["id"])[0]["id"]
    values = {"location": "Main", "quantity": 1, "lot_code": "other"}
    lots = [
        put(),
        put(location="Line 1"),
        put(lot_code="L2"),
        api.put(f"/v1/parts/{other_part}/stock/", values, expect=201),
        api.put(f"/v1/parts/{part_id}/stock/?org_id={sub_org}", {"location": "Main", "quantity": 1}, expect=201),
    ]
    assert len({lot["id"] for lot in lots}) == len(lots)
    assert lots[-1]["org_id"] == sub_org


def test_the_oldest_lot_that_is_not_consumed_is_set(put, patch, scope, part_id):
    first = put()
    second = book(scope, part_id, 7, location="Main")
    assert put(expect=200, quantity=5)["id"] == first["id"]
    patch(first, status="consumed")
    assert put(expect=200, quantity=6)["id"] == second["id"]
    patch(second, status="consumed")
    assert "consumed" in put(expect=409)["detail"]


def test_the_stock_of_an_unknown_part_is_not_found(api):
    api.put("/v1/parts/AAAAAAAAAAAA/stock/", {"location": "Main", "quantity": 1}, expect=404)


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ({"location": None}, {"location": ["This field may not be null."]}),
        ({"quantity": -1}, {"quantity": ["Ensure this value is greater than or equal to 0."]}),
        ({"quantity": "5"}, {"quantity": ["A valid integer is required."]}),
        ({"currency": "usd"}, {"currency": ["This value does not match the required pattern."]}),
    ],
)
def test_malformed_stock_is_refused(put, values, errors):
    assert put(expect=400, **values) == errors


# -- update ------------------------------------------------------------------------------------------------


def test_a_lot_is_changed_where_it_says_so(put, patch):
    lot = put()
    assert patch(lot, location="Line 1", received_at="2026-01-02T10:00:00+02:00") == {
        **lot,
        "location": "Line 1",
        "received_at": "2026-01-02T08:00:00Z",
    }


def test_the_part_and_the_purchase_line_of_a_lot_are_fixed(put, patch):
    lot = put()
    assert patch(lot, part_id="AAAAAAAAAAAA", purchase_line_id=ABSENT) == lot


def test_pieces_are_allocated_to_a_program_or_to_another_use(api, put, patch):
    program = api.post("/v1/programs/", {"name": "Pilot"})
    lot = patch(put(), program_id=program["id"], allocated_quantity=60)
    assert (lot["program_id"], lot["allocated_quantity"]) == (program["id"], 60)
    assert patch(lot, program_id=None)["allocated_quantity"] == 60
    assert patch(lot, expect=400, program_id=ABSENT) == {
        "program_id": [f'Invalid pk "{ABSENT}" - object does not exist.']
    }


def test_there_are_never_fewer_pieces_than_are_allocated(put, patch):
    lot = patch(put(), allocated_quantity=60)
    refused = {"detail": "allocated_quantity 60 would be more than quantity 59: lower the one or raise the other."}
    assert patch(lot, expect=409, quantity=59) == refused
    assert put(expect=409, quantity=59) == refused
    patch(lot, expect=409, allocated_quantity=101)
    assert patch(lot, quantity=59, allocated_quantity=59)["quantity"] == 59


TRANSITIONS = {
    ("available", "on_hold"),
    ("on_hold", "available"),
    ("available", "consumed"),
    ("on_hold", "consumed"),
}


@pytest.mark.parametrize(("before", "after"), [*itertools.product(STATUSES, repeat=2)])
def test_status_moves(put, patch, before, after):
    lot = put()
    if before != "available":
        patch(lot, status=before)
    open = (before, after) in TRANSITIONS or before == after
    answer = patch(lot, expect=200 if open else 409, status=after)
    assert answer.get("status") == (after if open else None)


def test_a_consumed_lot_is_frozen(put, patch):
    lot = patch(put(), status="consumed")
    assert lot["quantity"] == 100
    assert patch(lot, expect=409, bin="A-1") == {
        "detail": "This stock lot is consumed, which is final: its bin cannot change."
    }


def test_stock_is_on_hand_while_it_is_available_and_free(api, put, patch, part_id):
    bom = api.post("/v1/boms/", {"name": "One line", "lines": [{"part_id": part_id, "quantity": 100}]})

    def status():
        return api.get(f"/v1/boms/{bom['id']}/lines/")["results"][0]["status"]

    lot = put()
    assert status() == "on_hand"
    patch(lot, allocated_quantity=1)
    assert status() != "on_hand"
    patch(lot, allocated_quantity=0, status="on_hold")
    assert status() != "on_hand"


# -- booking -----------------------------------------------------------------------------------------------


def test_a_receipt_without_a_program_is_free(scope, part_id):
    lot = book(scope, part_id, 250, unit_cost="0.02", currency="EUR")
    assert (lot["quantity"], lot["allocated_quantity"], lot["program_id"]) == (250, 0, None)
    assert (lot["location"], lot["unit_cost"], lot["currency"]) == ("Receiving", "0.02", "EUR")
    assert lot["received_at"] == "2026-01-15T09:00:00Z"
    assert lot["org_id"] == scope.org_id


def test_a_receipt_for_a_program_is_allocated_to_it(scope, api, part_id):
    program = api.post("/v1/programs/", {"name": "Pilot"})
    lot = book(scope, part_id, 250, program_id=program["id"], received_at="2026-01-10T00:00:00Z")
    assert (lot["allocated_quantity"], lot["received_at"]) == (250, "2026-01-10T00:00:00Z")


# -- fixtures ----------------------------------------------------------------------------------------------


def test_lots_of_a_fixture(tmp_path):
    recipe = tmp_path / "stocked.yaml"
    recipe.write_text("""
counts: {stock_lot: 12}
records:
  org: {acme: {name: Acme, slug: acme}}
  api_key: {admin: {name: Admin key, key: mockkey1.00000000000000000000000000000000}}
  part: {cap: {mpn: GRM155R61A104KA01D, manufacturer_name: Murata}}
  program: {pilot: {name: Pilot}}
  stock_lot:
    - {part_id: cap, location: A, quantity: 50, program_id: pilot}
    - {part_id: cap, location: A, quantity: 50, program_id: pilot, allocated_quantity: 5, received_at: null}
    - {part_id: cap, location: Main, quantity: 50, status: consumed}
""")
    lots = list(worlds.load(recipe).store["stock_lot"])
    assert len(lots) == 12
    assert [lot["allocated_quantity"] for lot in lots[:3]] == [50, 5, 0]
    assert [lot["received_at"] for lot in lots[:2]] == ["2026-01-15T09:00:00Z", None]
    assert len({lot["lot_code"] for lot in lots[3:]}) > 1
