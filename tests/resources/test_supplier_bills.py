from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from mockserver import worlds
from mockserver.resources.supplier_bills import STATUSES
from mockserver.sandbox import Sandbox

RECIPE = Path(__file__).parents[1] / "data" / "purchases.yaml"
NAMES = yaml.safe_load(RECIPE.read_text())["records"]
BEN, FAY = (f"{prefix}.{'0' * 32}" for prefix in ("editor01", "editor02"))
NOW = "2026-01-15T09:00:00Z"

# Where a bill of each status may go. To stay is no move.
TRANSITIONS = {
    "open": ("open", "approved", "void"),
    "approved": ("approved", "paid", "void"),
    "paid": ("paid",),
    "void": ("void",),
}


@pytest.fixture
def sandbox():
    return Sandbox(worlds.load(RECIPE))


@pytest.fixture
def id(sandbox):
    """The id of a record, by its kind and its name in the recipe."""
    return lambda kind, name: sandbox.store[kind].at(list(NAMES[kind]).index(name) + 1)["id"]


@pytest.fixture
def path(id):
    """The path of a bill, by its name in the recipe."""
    return lambda name: f"/v1/supplier_bills/{id('supplier_bill', name)}/"


@pytest.fixture
def create(api, id):
    def create(order="approved", expect=201, **values):
        return api.post(
            "/v1/supplier_bills/", {"purchase_order_id": id("purchase_order", order), **values}, expect=expect
        )

    return create


def test_a_bill_needs_no_more_than_an_order(create, id):
    bill = create()
    assert bill == {
        "id": bill["id"],
        "org_id": id("org", "acme"),
        "number": "BILL-000005",
        "purchase_order_id": id("purchase_order", "approved"),
        "supplier_id": id("supplier", "digikey"),
        "status": "open",
        "issued_on": None,
        "due_on": None,
        "currency": "USD",
        "total": "0.00",
        "lines": [],
        "created_at": NOW,
        "updated_at": NOW,
    }


def test_it_is_in_the_orders_currency_unless_told(create):
    assert create("partial")["currency"] == "EUR"
    assert create("partial", currency="GBP")["currency"] == "GBP"


def test_it_belongs_to_the_orders_organisation(api, id):
    lab = id("org", "lab")
    order = api.post(f"/v1/purchase_orders/?org_id={lab}", {"supplier_id": id("supplier", "digikey")})
    assert api.post("/v1/supplier_bills/", {"purchase_order_id": order["id"]})["org_id"] == lab


def test_its_total_is_that_of_its_lines(api, create, id):
    bill = create(
        lines=[
            {"purchase_line_id": id("purchase_line", "approved"), "quantity": 60, "unit_price": "0.0125"},
            {"no_part_line_id": id("no_part_line", "approved"), "unit_price": "12.005"},
            {"description": "Handling", "quantity": 3, "unit_price": "0.005"},
        ],
        number="INV-7",
        issued_on="2026-01-10",
        due_on="2026-02-09",
    )
    assert [line["line_total"] for line in bill["lines"]] == ["0.75", "12.01", "0.02"]
    assert (bill["total"], bill["number"], bill["due_on"]) == ("12.78", "INV-7", "2026-02-09")
    line = api.post(f"/v1/supplier_bills/{bill['id']}/lines/", {"description": "Fee", "unit_price": "1.005"})
    assert (line["quantity"], line["line_total"], line["supplier_bill_id"]) == (1, "1.01", bill["id"])
    assert api.patch(f"/v1/supplier_bills/{bill['id']}/lines/{line['id']}/", {"quantity": 2}) == {
        **line,
        "quantity": 2,
        "line_total": "2.01",
    }
    assert api.patch(f"/v1/supplier_bills/{bill['id']}/", {})["total"] == "14.79"


def test_a_number_is_unique_for_its_supplier(api, create, path):
    assert create("partial", number="INV-1")["number"] == "INV-1"
    assert "already exists" in create("requested", 409, number="INV-1")["detail"]
    assert "already exists" in api.patch(path("open"), {"number": "INV-2"}, expect=409)["detail"]
    assert api.patch(path("open"), {"number": "INV-1"})["number"] == "INV-1"


@pytest.mark.parametrize(("before", "after"), [(before, after) for before in STATUSES for after in STATUSES])
def test_every_move_of_a_bill(api, path, before, after):
    allowed = after in TRANSITIONS[before]
    answer = api.patch(path(before), {"status": after}, expect=200 if allowed else 409)
    if allowed:
        assert answer["status"] == after
    else:
        assert f"is {before}" in answer["detail"]
        assert "it can become" in answer["detail"] or "final" in answer["detail"]
        assert api.patch(path(before), {})["status"] == before


@pytest.mark.parametrize("status", STATUSES)
def test_paid_and_void_bills_are_frozen(api, create, status):
    bill = create(lines=[{"description": "Handling", "unit_price": "5"}])
    url = f"/v1/supplier_bills/{bill['id']}/"
    for step in {"approved": ("approved",), "paid": ("approved", "paid"), "void": ("void",)}.get(status, ()):
        api.patch(url, {"status": step})
    frozen = status in ("paid", "void")
    problems = [
        api.patch(url, {"due_on": "2026-03-01"}, expect=409 if frozen else 200),
        api.post(f"{url}lines/", {"description": "Fee", "unit_price": "1"}, expect=409 if frozen else 201),
        api.patch(f"{url}lines/{bill['lines'][0]['id']}/", {"quantity": 2}, expect=409 if frozen else 200),
    ]
    assert not frozen or all(f"is {status}, which is final" in problem["detail"] for problem in problems)
    assert api.patch(url, {})["total"] == ("5.00" if frozen else "11.00")


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ({}, "needs a purchase_line_id"),
        ({"description": None}, "needs a purchase_line_id"),
        ({"purchase_line_id": "received", "no_part_line_id": "approved"}, "not both"),
        ({"purchase_line_id": "approved"}, "another purchase order"),
        ({"no_part_line_id": "approved"}, "another purchase order"),
    ],
)
def test_a_line_is_for_one_thing_of_the_bills_order(api, path, id, named, reason):
    values = {name: value and id(name.removesuffix("_id"), value) for name, value in named.items()}
    assert reason in api.post(path("open") + "lines/", {**values, "unit_price": "1"}, expect=409)["detail"]


def test_a_change_leaves_a_line_for_something(api, path, id):
    url = f"{path('open')}lines/{id('supplier_bill_line', 'open')}/"
    assert "needs a purchase_line_id" in api.patch(url, {"purchase_line_id": None}, expect=409)["detail"]
    assert api.patch(url, {"purchase_line_id": None, "description": "Caps"})["description"] == "Caps"
    api.patch(f"{path('approved')}lines/{id('supplier_bill_line', 'open')}/", {"quantity": 2}, expect=404)


def test_a_wrong_line_leaves_no_bill(create, sandbox):
    before = len(sandbox.store["supplier_bill"])
    create(expect=409, lines=[{"description": "Fee", "unit_price": "1"}, {"unit_price": "1"}])
    assert create(expect=400, lines=[{"description": "Fee"}]) == {
        "lines": [{"unit_price": ["This field is required."]}]
    }
    assert len(sandbox.store["supplier_bill"]) == before


def test_billed_lines_stay_on_their_order(api, create, id):
    order, part, other = (
        id("purchase_order", "approved"),
        id("purchase_line", "approved"),
        id("no_part_line", "approved"),
    )
    create(lines=[{"purchase_line_id": part, "unit_price": "1"}, {"no_part_line_id": other, "unit_price": "1"}])
    for url in (
        f"/v1/purchase_orders/{order}/lines/{part}/",
        f"/v1/purchase_orders/{order}/no_part_lines/{other}/",
    ):
        assert "supplier bill line" in api.delete(url, expect=409).json["detail"]


def test_a_bill_is_seen_by_those_who_see_its_order(api, id):
    order = api.as_key(BEN).post("/v1/purchase_orders/", {"supplier_id": id("supplier", "digikey")})
    bill = api.as_key(BEN).post("/v1/supplier_bills/", {"purchase_order_id": order["id"]})
    url = f"/v1/supplier_bills/{bill['id']}/"
    api.as_key(FAY).patch(url, {}, expect=404)
    api.as_key(FAY).post(f"{url}lines/", {"description": "Fee", "unit_price": "1"}, expect=404)
    assert api.as_key(FAY).post("/v1/supplier_bills/", {"purchase_order_id": order["id"]}, expect=400) == {
        "purchase_order_id": [f'Invalid pk "{order["id"]}" - object does not exist.']
    }


def test_bills_can_be_made_up(api, tmp_path):
    counts = "counts: {purchase_order: 20, purchase_line: 40, supplier_bill: 24, supplier_bill_line: 60}\n"
    (tmp_path / "many.yaml").write_text(RECIPE.read_text() + counts)
    sandbox = Sandbox(worlds.load(tmp_path / "many.yaml"))
    many, made = type(api)(sandbox), list(sandbox.store["supplier_bill"])[4:]
    assert {bill["status"] for bill in made} == set(STATUSES)
    for bill in made:
        bill = many.patch(f"/v1/supplier_bills/{bill['id']}/", {})
        assert Decimal(bill["total"]) == sum(Decimal(line["line_total"]) for line in bill["lines"])
        assert bill["supplier_id"] == sandbox.store["purchase_order"].get(bill["purchase_order_id"])["supplier_id"]
