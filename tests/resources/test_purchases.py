from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from mockserver import worlds
from mockserver.resources._money import document_total, line_total, lines_total
from mockserver.resources.purchase_events import moved
from mockserver.resources.purchases import EVENT_TYPES, STATUSES
from mockserver.sandbox import Sandbox

RECIPE = Path(__file__).parents[1] / "data" / "purchases.yaml"
NAMES = yaml.safe_load(RECIPE.read_text())["records"]
BEN, EVA, FAY, SERVICE = (f"{prefix}.{'0' * 32}" for prefix in ("editor01", "approver", "editor02", "service1"))
NOW = "2026-01-15T09:00:00Z"
ABSENT = "00000000-0000-4000-8000-000000000000"

# What each event makes of an order of each status; None where it is refused.
# fmt: off
TRANSITIONS = {
    #              approved    ordered        shipped    received    cancelled    note
    "requested":   ("approved", None,          None,      None,       "cancelled", "requested"),
    "approved":    (None,       "in_progress", None,      None,       "cancelled", "approved"),
    "in_progress": (None,       None,          "shipped", "received", "cancelled", "in_progress"),
    "shipped":     (None,       None,          "shipped", "received", None,        "shipped"),
    "received":    (None,       None,          None,      None,       None,        "received"),
    "cancelled":   (None,       None,          None,      None,       None,        "cancelled"),
}
# fmt: on
TABLE = [
    (status, type, after) for status in STATUSES for type, after in zip(EVENT_TYPES, TRANSITIONS[status], strict=True)
]


@pytest.fixture
def sandbox():
    return Sandbox(worlds.load(RECIPE))


@pytest.fixture
def id(sandbox):
    """The id of a record, by its kind and its name in the recipe."""
    return lambda kind, name: sandbox.store[kind].at(list(NAMES[kind]).index(name) + 1)["id"]


@pytest.fixture
def path(id):
    """The path of an order, by its name in the recipe."""
    return lambda name: f"/v1/purchase_orders/{id('purchase_order', name)}/"


@pytest.fixture
def create(api, id):
    def create(expect=201, key=None, **values):
        caller = api.as_key(key) if key else api
        return caller.post("/v1/purchase_orders/", {"supplier_id": id("supplier", "digikey"), **values}, expect=expect)

    return create


@pytest.fixture
def line(id):
    """What buys pieces of a capacitor."""
    return lambda quantity=100, unit_price="0.0125", **more: {
        "part_id": id("part", "cap"),
        "quantity": quantity,
        "unit_price": unit_price,
        **more,
    }


# -- money -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "unit_price", "total"),
    [
        (1, "0", "0.00"),
        (3, "0.0125", "0.04"),
        (1, "0.005", "0.01"),
        (1, "2.675", "2.68"),
        (1, "0.004999", "0.00"),
        (2**31 - 1, "999999999999.999999", "2147483646999999997852.52"),
    ],
)
def test_a_line_total_is_exact_and_rounded_half_up(quantity, unit_price, total):
    assert str(line_total({"quantity": quantity, "unit_price": unit_price})) == total


def test_totals_add_up_what_the_lines_show():
    lines = [{"quantity": 1, "unit_price": "0.005"}] * 3
    assert lines_total(lines) == Decimal("0.03")
    assert document_total(lines, "0.004", "0.004") == Decimal("0.04")
    assert str(document_total([], "0", "0")) == "0.00"


def test_the_total_of_an_order_is_its_lines_shipping_and_tax(create, line):
    order = create(
        lines=[line(1000, "0.0125"), line(7, "1.005")],
        shipping_amount="12.5",
        tax_amount="3.33",
        no_part_lines=[{"description": "Reeling", "kind": "fee", "quantity": 2, "unit_price": "7.005"}],
    )
    assert (order["lines_total"], order["no_part_lines_total"], order["total"]) == ("19.54", "14.01", "49.38")


def test_the_largest_amounts_stay_exact(api, create, line):
    order = create(lines=[line(2**31 - 1, "999999999999.999999")] * 2)
    assert order["total"] == "4294967293999999995705.04"
    listed = api.get(f"/v1/purchase_orders/{order['id']}/lines/")["results"]
    assert {item["line_total"] for item in listed} == {"2147483646999999997852.52"}


# -- orders ------------------------------------------------------------------------------------------------


def test_an_order_needs_no_more_than_a_supplier(api, create, id):
    order = create()
    assert order == {
        "id": order["id"],
        "org_id": id("org", "acme"),
        "number": "PO-000009",
        "supplier_id": id("supplier", "digikey"),
        "program_id": None,
        "status": "approved",
        "visibility": "private",
        "currency": "USD",
        "shipping_amount": "0.00",
        "tax_amount": "0.00",
        "lines_total": "0.00",
        "no_part_lines_total": "0.00",
        "total": "0.00",
        "expected_delivery_date": None,
        "ordered_at": None,
        "received_at": None,
        "buyer_user_id": id("user", "ada"),
        "ship_to": None,
        "events": [],
        "team_ids": [],
        "tag_ids": [],
        "custom_properties": {},
        "metadata": {},
        "synced_from_integration": False,
        "integration_source_name": None,
        "integration_record_id": None,
        "synced_from_integration_at": None,
        "created_at": NOW,
        "updated_at": NOW,
    }
    assert api.get(f"/v1/purchase_orders/{order['id']}/") == order


def test_it_takes_its_lines_and_address_along(api, create, line):
    order = create(
        lines=[line(sku="490-1234-1-ND", expected_delivery_date="2026-02-01"), line(5)],
        no_part_lines=[{"description": "Freight", "kind": "shipping", "unit_price": "9"}],
        ship_to={"country": "US", "locality": "New York"},
    )
    lines = api.get(f"/v1/purchase_orders/{order['id']}/lines/")["results"]
    assert [(item["quantity"], item["sku"], item["line_total"]) for item in lines] == [
        (100, "490-1234-1-ND", "1.25"),
        (5, None, "0.06"),
    ]
    assert [item["line_total"] for item in api.get(f"/v1/purchase_orders/{order['id']}/no_part_lines/")["results"]] == [
        "9.00"
    ]
    assert order["ship_to"] == {
        "country": "US",
        "region": None,
        "locality": "New York",
        "postal_code": None,
        "attention_line": None,
        "street_address_line_one": None,
        "street_address_line_two": None,
    }


def test_wrong_lines_are_told_by_their_place_and_leave_no_order(api, create, line, sandbox):
    before = len(sandbox.store["purchase_order"])
    problem = create(400, lines=[line(), line(0), line(part_id="AAAAAAAAAAAA")])
    assert problem == {
        "lines": [
            {},
            {"quantity": ["Ensure this value is greater than or equal to 1."]},
            {"part_id": ['Invalid pk "AAAAAAAAAAAA" - object does not exist.']},
        ]
    }
    assert len(sandbox.store["purchase_order"]) == before


def test_numbers_run_on_in_each_organisation(api, create, id):
    assert [create()["number"] for _ in range(2)] == ["PO-000009", "PO-000010"]
    lab = f"/v1/purchase_orders/?org_id={id('org', 'lab')}"
    assert api.post(lab, {"supplier_id": id("supplier", "digikey")})["number"] == "PO-000001"


def test_a_number_of_ones_own_is_kept_and_passed_over(api, create):
    assert create(number="PO-000010")["number"] == "PO-000010"
    assert [create()["number"] for _ in range(2)] == ["PO-000011", "PO-000012"]
    assert "already exists" in create(409, number="PO-000010")["detail"]


def test_the_number_can_be_changed_to_a_free_one(api, path):
    assert api.patch(path("approved"), {"number": "4711"})["number"] == "4711"
    assert "already exists" in api.patch(path("shipped"), {"number": "4711"}, expect=409)["detail"]


def test_a_patch_changes_what_it_says_and_never_the_status(api, path):
    before = api.get(path("approved"))
    after = api.patch(
        path("approved"),
        {"shipping_amount": "4.20", "metadata": {"a": 1}, "status": "received", "total": "0.00"},
    )
    assert after == {
        **before,
        "shipping_amount": "4.20",
        "metadata": {"a": 1},
        "total": "17.45",
        "updated_at": NOW,
    }
    assert before["total"] == "13.25"


@pytest.mark.parametrize("status", ["shipped", "received", "cancelled"])
def test_the_money_of_a_shipped_order_is_frozen_but_not_its_labels(api, path, id, status):
    before = api.get(path(status))
    for change in (
        {"shipping_amount": "1"},
        {"tax_amount": "1"},
        {"currency": "EUR"},
        {"supplier_id": id("supplier", "mouser")},
        {"program_id": None if before["program_id"] else id("program", "rover")},
    ):
        problem = api.patch(path(status), change, expect=409)
        assert status in problem["detail"]
        assert next(iter(change)) in problem["detail"]
    assert api.get(path(status)) == before
    assert api.patch(path(status), {"metadata": {"a": 1}, "currency": "USD"})["metadata"] == {"a": 1}


def test_a_billed_order_keeps_its_supplier(api, path, id):
    api.post("/v1/supplier_bills/", {"purchase_order_id": id("purchase_order", "approved")})
    problem = api.patch(path("approved"), {"supplier_id": id("supplier", "mouser")}, expect=409)
    assert "billed" in problem["detail"]


@pytest.mark.parametrize("status", STATUSES)
def test_an_order_is_deleted_with_its_lines_while_it_is_requested(api, path, status, sandbox, id):
    api.delete(path(status), expect=204 if status == "requested" else 409)
    api.get(path(status), expect=404 if status == "requested" else 200)
    assert bool(sandbox.store["purchase_line"].where("purchase_order_id", id("purchase_order", "requested"))) == (
        status != "requested"
    )


def test_a_billed_order_is_not_deleted(api, path, id):
    api.post("/v1/supplier_bills/", {"purchase_order_id": id("purchase_order", "requested")})
    assert "supplier bill" in api.delete(path("requested"), expect=409).json["detail"]
    assert api.get(path("requested") + "lines/")["count"] == 1


def test_a_program_that_is_ordered_for_is_not_deleted(api, id):
    api.delete(f"/v1/programs/{id('program', 'rover')}/", expect=409)


# -- approval ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit_price", "status"),
    [("999.99", "approved"), ("1000.00", "approved"), ("1000.004", "approved"), ("1000.005", "requested")],
)
def test_above_the_threshold_an_order_starts_requested(create, line, unit_price, status):
    assert create(lines=[line(1, unit_price)])["status"] == status


def test_without_a_threshold_it_starts_approved(api, line, id):
    order = api.post(
        f"/v1/purchase_orders/?org_id={id('org', 'lab')}",
        {"supplier_id": id("supplier", "digikey"), "lines": [line(1, "5000000")]},
    )
    assert order["status"] == "approved"


def test_what_lifts_an_approved_order_above_the_threshold_makes_it_requested_again(api, create, line):
    changes = [
        lambda order, item: api.post(f"{order}lines/", line(1, "600")),
        lambda order, item: api.post(f"{order}no_part_lines/", {"description": "Fee", "unit_price": "600"}),
        lambda order, item: api.patch(f"{order}lines/", [{"id": item["id"], "quantity": 2}]),
        lambda order, item: api.patch(order, {"tax_amount": "600"}),
    ]
    for change in changes:
        order = create(lines=[line(1, "600")])
        path = f"/v1/purchase_orders/{order['id']}/"
        change(path, api.get(f"{path}lines/")["results"][0])
        assert api.get(path)["status"] == "requested"


def test_an_approval_above_the_threshold_holds_until_the_total_rises(api, create, line):
    order = create(lines=[line(2, "600")])
    path = f"/v1/purchase_orders/{order['id']}/"
    api.post(f"{path}events/", {"type": "approved"})
    item = api.get(f"{path}lines/")["results"][0]
    api.patch(f"{path}lines/", [{"id": item["id"], "unit_price": "599", "sku": "X"}])
    assert api.patch(path, {"metadata": {"a": 1}})["status"] == "approved"
    api.patch(f"{path}lines/", [{"id": item["id"], "unit_price": "600"}])
    assert api.get(path)["status"] == "requested"


def test_what_is_ordered_already_needs_no_second_approval(api, path, line):
    api.post(path("in_progress") + "lines/", line(1, "5000"))
    assert api.get(path("in_progress"))["status"] == "in_progress"


def test_admins_and_approvers_approve(api, path):
    assert (
        "Procurement Approver"
        in api.as_key(BEN).post(path("requested") + "events/", {"type": "approved"}, expect=403)["detail"]
    )
    event = api.as_key(EVA).post(path("requested") + "events/", {"type": "approved"})
    assert event["purchase_order_status"] == "approved"


@pytest.mark.parametrize("type", EVENT_TYPES)
def test_the_role_of_an_approver_alone_is_for_approving_and_notes(api, path, type):
    allowed = type in ("approved", "note")
    api.as_key(EVA).post(path("requested") + "events/", {"type": type}, expect=201 if allowed else 403)


# -- visibility --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "status"), [(BEN, 200), (FAY, 404), (SERVICE, 200), (None, 200)])
def test_a_private_order_is_seen_by_its_creator_and_admins(api, create, key, status):
    order = create(key=BEN)
    caller = api.as_key(key) if key else api
    path = f"/v1/purchase_orders/{order['id']}/"
    for below in ("", "lines/", "no_part_lines/"):
        caller.get(path + below, expect=status)
    caller.post(f"{path}events/", {"type": "note"}, expect=201 if status == 200 else 404)


def test_a_shared_order_is_seen_by_all_but_made_private_by_its_creator(api, create):
    order = create(key=BEN, visibility="shared")
    path = f"/v1/purchase_orders/{order['id']}/"
    assert api.as_key(FAY).patch(path, {"metadata": {"a": 1}, "visibility": "shared"})["metadata"] == {"a": 1}
    assert "visibility" in api.as_key(FAY).patch(path, {"visibility": "private"}, expect=403)["detail"]
    api.as_key(BEN).patch(path, {"visibility": "private"})
    api.as_key(FAY).get(path, expect=404)


def test_a_fixtures_private_order_is_its_buyers(api, path):
    api.as_key(BEN).get(path("private"))
    api.as_key(FAY).get(path("private"), expect=404)


# -- lines -------------------------------------------------------------------------------------------------


def test_a_line_is_added_and_read(api, path, line):
    made = api.post(path("approved") + "lines/", line(3, "0.005", sku="X"))
    assert (made["line_total"], made["quantity_received"], made["status"]) == ("0.02", 0, "open")
    assert api.get(f"{path('approved')}lines/{made['id']}/") == made
    assert api.get(f"{path('approved')}lines/?part_id={made['part_id']}&limit=1")["count"] == 2
    api.get(f"{path('shipped')}lines/{made['id']}/", expect=404)


def test_a_line_can_name_the_quote_it_is_bought_on(api, path, line, id):
    quoted = id("supplier_quote_line", "caps")
    made = api.post(path("approved") + "lines/", line(supplier_quote_line_id=quoted))
    assert made["supplier_quote_line_id"] == quoted
    problem = api.post(path("approved") + "lines/", line(supplier_quote_line_id=ABSENT), expect=400)
    assert problem == {"supplier_quote_line_id": [f'Invalid pk "{ABSENT}" - object does not exist.']}


def test_many_lines_are_changed_in_what_is_said_of_them(api, path, id):
    lines = api.get(path("in_progress") + "lines/")["results"]
    after = api.patch(
        path("in_progress") + "lines/",
        [
            {"id": lines[1]["id"], "quantity": 20},
            {"id": lines[0]["id"], "unit_price": "0.02", "sku": "X", "expected_delivery_date": None},
        ],
    )
    assert after == [
        {**lines[1], "quantity": 20, "line_total": "170.00"},
        {**lines[0], "unit_price": "0.02", "line_total": "2.00", "sku": "X"},
    ]
    assert api.get(path("in_progress"))["total"] == "186.01"


def test_many_lines_without_a_part_are_changed(api, path, id):
    fee = id("no_part_line", "in_progress")
    after = api.patch(path("in_progress") + "no_part_lines/", [{"id": fee, "kind": "service"}])
    assert [(item["kind"], item["quantity"], item["line_total"]) for item in after] == [("service", 2, "14.01")]


def test_wrong_changes_are_told_by_their_place_and_change_nothing(api, path, id):
    good, url = id("purchase_line", "in_progress"), path("in_progress") + "lines/"
    before = api.get(url)
    problem = api.patch(
        url,
        [{"id": good, "quantity": 7}, {"quantity": 1}, {"id": ABSENT}, {"id": good, "unit_price": 5}],
        expect=400,
    )
    assert problem == [
        {},
        {"id": ["This field is required."]},
        {"id": [f'Invalid pk "{ABSENT}" - object does not exist.']},
        {"unit_price": ["Not a valid string."]},
    ]
    assert (
        "another purchase order"
        in api.patch(url, [{"id": good, "quantity": 7}, {"id": id("purchase_line", "approved")}], expect=409)["detail"]
    )
    assert "2 times" in api.patch(url, [{"id": good, "quantity": 7}, {"id": good}], expect=409)["detail"]
    assert api.get(url) == before


@pytest.mark.parametrize("status", STATUSES)
def test_lines_are_frozen_once_shipped(api, path, id, line, status):
    frozen = status in ("shipped", "received", "cancelled")
    item, order = id("purchase_line", status), path(status)
    problems = [
        api.post(f"{order}lines/", line(), expect=409 if frozen else 201),
        api.post(f"{order}no_part_lines/", {"description": "Fee", "unit_price": "1"}, expect=409 if frozen else 201),
        api.patch(f"{order}lines/", [{"id": item, "sku": "X"}], expect=409 if frozen else 200),
        api.delete(f"{order}lines/{item}/", expect=409 if frozen else 204).json,
    ]
    assert not frozen or all(problem["detail"].startswith(f"This purchase order is {status}") for problem in problems)


def test_lines_without_a_part_are_deleted_until_shipped(api, path, id):
    api.delete(f"{path('approved')}no_part_lines/{id('no_part_line', 'approved')}/")
    assert api.get(path("approved"))["total"] == "1.25"
    api.delete(f"{path('shipped')}no_part_lines/{id('no_part_line', 'shipped')}/", expect=409)


def test_what_has_arrived_binds_a_line(api, path, id):
    item, url = id("purchase_line", "partial"), path("partial") + "lines/"
    assert "40 pieces" in api.patch(url, [{"id": item, "quantity": 39}], expect=409)["detail"]
    assert "40 pieces" in api.patch(url, [{"id": item, "part_id": id("part", "cap")}], expect=409)["detail"]
    assert "40 pieces" in api.delete(f"{url}{item}/", expect=409).json["detail"]
    assert api.patch(url, [{"id": item, "quantity": 40}])[0]["status"] == "received"


def test_a_line_that_an_event_is_about_stays(api, path, id):
    item, url = id("purchase_line", "approved"), path("approved")
    api.post(f"{url}events/", {"type": "note", "lines": [{"purchase_line_id": item, "quantity": 1}]})
    assert "event" in api.delete(f"{url}lines/{item}/", expect=409).json["detail"]


# -- events ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "type", "after"), TABLE)
def test_every_event_in_every_status(api, path, status, type, after):
    before = api.get(path(status))
    answer = api.post(path(status) + "events/", {"type": type}, expect=201 if after else 409)
    order = api.get(path(status))
    if after:
        assert (answer["purchase_order_status"], order["status"]) == (after, after)
        assert order["events"][:-1] == before["events"]
        assert {
            **order["events"][-1],
            "purchase_order_id": order["id"],
            "purchase_order_status": after,
        } == answer
    else:
        assert order == before
        assert f"is {status}" in answer["detail"]
        assert "it can become" in answer["detail"] or "final" in answer["detail"]


def test_a_refusal_names_the_moves_that_are_open():
    with pytest.raises(Exception, match="is in_progress already: it can become shipped or received or cancelled"):
        moved("in_progress", "ordered")


def test_an_order_from_approval_to_stock(api, create, line, id, sandbox):
    """The way of an order, and the time and the parcel of each step."""
    order = create(
        lines=[line(60), line(40, "0.5", part_id=id("part", "mcu"))],
        program_id=id("program", "rover"),
        currency="EUR",
    )
    path = f"/v1/purchase_orders/{order['id']}/"
    api.post(f"{path}events/", {"type": "ordered", "occurred_at": "2026-01-10T10:00:00+01:00", "note": "By phone"})
    api.post(f"{path}events/", {"type": "shipped", "tracking_number": "1Z", "carrier_name": "UPS"})
    event = api.post(f"{path}events/", {"type": "received", "occurred_at": "2026-01-16T08:00:00Z"})
    lines = api.get(f"{path}lines/")["results"]
    assert event["lines"] == [{"purchase_line_id": item["id"], "quantity": item["quantity"]} for item in lines]
    after = api.get(path)
    assert (after["status"], after["ordered_at"], after["received_at"]) == (
        "received",
        "2026-01-10T09:00:00Z",
        "2026-01-16T08:00:00Z",
    )
    assert [item["type"] for item in after["events"]] == ["ordered", "shipped", "received"]
    assert (
        after["events"][0]["note"],
        after["events"][1]["tracking_number"],
        after["events"][1]["occurred_at"],
    ) == ("By phone", "1Z", NOW)
    assert len({item["id"] for item in after["events"]}) == 3
    lots = [lot for item in lines for lot in sandbox.store["stock_lot"].where("purchase_line_id", item["id"])]
    assert [
        (
            lot["quantity"],
            lot["allocated_quantity"],
            lot["program_id"],
            lot["unit_cost"],
            lot["currency"],
            lot["received_at"],
        )
        for lot in lots
    ] == [
        (60, 60, id("program", "rover"), "0.0125", "EUR", "2026-01-16T08:00:00Z"),
        (40, 40, id("program", "rover"), "0.5", "EUR", "2026-01-16T08:00:00Z"),
    ]


def test_stock_of_an_order_for_no_program_is_free(api, create, line, sandbox, id):
    order = api.post(
        f"/v1/purchase_orders/?org_id={id('org', 'lab')}",
        {"supplier_id": id("supplier", "digikey"), "lines": [line(5)]},
    )
    for type in ("ordered", "received"):
        api.post(f"/v1/purchase_orders/{order['id']}/events/", {"type": type})
    lot = next(iter(sandbox.store["stock_lot"]))
    assert (lot["allocated_quantity"], lot["program_id"], lot["org_id"]) == (0, None, id("org", "lab"))


def test_an_order_is_received_when_its_last_piece_is(api, path, id, sandbox):
    caps, mcus, url = (
        id("purchase_line", "in_progress"),
        id("purchase_line", "in_progress_2"),
        path("in_progress"),
    )

    def receive(*lines):
        named = [{"purchase_line_id": item, "quantity": n} for item, n in lines]
        event = api.post(f"{url}events/", {"type": "received", **({"lines": named} if named else {})})
        items = {item["id"]: item for item in api.get(f"{url}lines/")["results"]}
        return event["purchase_order_status"], *(
            (items[item]["quantity_received"], items[item]["status"]) for item in (caps, mcus)
        )

    twice = [{"purchase_line_id": caps, "quantity": n} for n in (30, 10)]
    assert "more than once" in api.post(f"{url}events/", {"type": "received", "lines": twice}, expect=409)["detail"]
    assert receive((caps, 40)) == ("in_progress", (40, "partially_received"), (0, "open"))
    api.post(f"{url}events/", {"type": "shipped", "lines": [{"purchase_line_id": mcus, "quantity": 10}]})
    assert receive((mcus, 10)) == ("shipped", (40, "partially_received"), (10, "received"))
    assert api.get(url)["received_at"] is None
    assert receive() == ("received", (100, "received"), (10, "received"))
    assert [lot["quantity"] for lot in sandbox.store["stock_lot"]] == [40, 10, 60]


@pytest.mark.parametrize(
    ("type", "quantity", "status"),
    [
        ("received", 10, 201),
        ("received", 11, 409),
        ("shipped", 50, 201),
        ("shipped", 51, 409),
        ("note", 51, 409),
    ],
)
def test_no_more_arrives_than_was_ordered(api, path, id, sandbox, type, quantity, status):
    lines = [{"purchase_line_id": id("purchase_line", "partial"), "quantity": quantity}]
    answer = api.post(path("partial") + "events/", {"type": type, "lines": lines}, expect=status)
    assert status == 201 or f"{quantity} pieces" in answer["detail"]
    assert len(sandbox.store["stock_lot"]) == (1 if (type, status) == ("received", 201) else 0)


def test_an_event_is_about_lines_of_its_order(api, path, id):
    def event(line_id, expect):
        return api.post(
            path("in_progress") + "events/",
            {"type": "received", "lines": [{"purchase_line_id": line_id, "quantity": 1}]},
            expect=expect,
        )

    assert "another purchase order" in event(id("purchase_line", "shipped"), 409)["detail"]
    assert event(ABSENT, 400) == {"lines": [{"purchase_line_id": [f'Invalid pk "{ABSENT}" - object does not exist.']}]}


def test_cancelling_keeps_what_arrived(api, path):
    api.post(path("partial") + "events/", {"type": "cancelled"})
    item = api.get(path("partial") + "lines/")["results"][0]
    assert (item["quantity_received"], item["status"]) == (40, "cancelled")


# -- fixtures ----------------------------------------------------------------------------------------------


def test_an_order_of_a_fixture_has_the_history_of_its_status(api, path):
    received, partial = api.get(path("received")), api.get(path("partial"))
    assert [(event["type"], event["occurred_at"]) for event in received["events"]] == [
        ("ordered", "2026-01-02T08:00:00Z"),
        ("shipped", "2026-01-02T08:00:00Z"),
        ("received", NOW),
    ]
    assert (received["ordered_at"], received["received_at"]) == ("2026-01-02T08:00:00Z", NOW)
    assert api.get(path("received") + "lines/")["results"][0]["quantity_received"] == 100
    assert (partial["ordered_at"], partial["received_at"], partial["total"]) == (
        "2026-01-05T10:00:00Z",
        None,
        "420.00",
    )


def test_orders_can_be_made_up(api, tmp_path):
    counts = "counts: {purchase_order: 20, purchase_line: 60, no_part_line: 10}\n"
    (tmp_path / "many.yaml").write_text(RECIPE.read_text() + counts)
    sandbox = Sandbox(worlds.load(tmp_path / "many.yaml"))
    many = type(api)(sandbox)
    orders = [many.get(f"/v1/purchase_orders/{order['id']}/") for order in sandbox.store["purchase_order"]]
    assert {order["status"] for order in orders[8:]} == set(STATUSES)
    assert len({order["number"] for order in orders}) == 20
    for order in orders:
        lines = many.get(f"/v1/purchase_orders/{order['id']}/lines/")["results"]
        others = many.get(f"/v1/purchase_orders/{order['id']}/no_part_lines/")["results"]
        assert Decimal(order["total"]) == sum(
            Decimal(amount)
            for amount in [
                *(line["line_total"] for line in [*lines, *others]),
                order["shipping_amount"],
                order["tax_amount"],
            ]
        )
        assert (order["received_at"] is not None) == (order["status"] == "received")


# -- parts of an order -----------------------------------------------------------------------------------------


@pytest.fixture
def events(api):
    """Tell an event of an order."""

    def tell(path, type, *pieces, expect=201, **values):
        lines = [{"purchase_line_id": line_id, "quantity": quantity} for line_id, quantity in pieces]
        body = {"type": type, **({"lines": lines} if lines else {}), **values}
        return api.post(f"{path}events/", body, expect=expect)

    return tell


@pytest.fixture
def ordered(api, create, line, events):
    """(the path, the lines' ids) of an order of 100 and 10 pieces that is under way."""
    order = create(lines=[line(100), line(10)])
    path = f"/v1/purchase_orders/{order['id']}/"
    events(path, "ordered")
    return path, [item["id"] for item in api.get(f"{path}lines/")["results"]]


def shown(api, path):
    """(the order's status, what has come, what will not and how far it is of each line)."""
    lines = api.get(f"{path}lines/")["results"]
    return api.get(path)["status"], [
        (item["quantity_received"], item["quantity_cancelled"], item["status"]) for item in lines
    ]


@pytest.mark.parametrize("type", ["approved", "ordered"])
def test_an_event_of_the_whole_order_takes_no_lines(api, path, id, events, type):
    order = path("requested" if type == "approved" else "approved")
    before = api.get(order)
    item = api.get(f"{order}lines/")["results"][0]["id"]
    assert "leave out its lines" in events(order, type, (item, 1), expect=409)["detail"]
    assert api.get(order) == before


def test_pieces_are_cancelled_one_line_at_a_time(api, ordered, events):
    path, (caps, others) = ordered
    event = events(path, "cancelled", (caps, 40))
    assert (event["purchase_order_status"], event["lines"]) == (
        "in_progress",
        [{"purchase_line_id": caps, "quantity": 40}],
    )
    assert shown(api, path) == ("in_progress", [(0, 40, "open"), (0, 0, "open")])
    assert "60 can be cancelled" in events(path, "cancelled", (caps, 61), expect=409)["detail"]
    assert "60 are still open" in events(path, "received", (caps, 61), expect=409)["detail"]
    assert "60 are still to be shipped" in events(path, "shipped", (caps, 61), expect=409)["detail"]
    assert events(path, "cancelled", (caps, 60), (others, 10))["purchase_order_status"] == "cancelled"
    assert shown(api, path) == ("cancelled", [(0, 100, "cancelled"), (0, 10, "cancelled")])


@pytest.mark.parametrize("with_lines", [True, False])
@pytest.mark.parametrize("was_shipped", [True, False])
def test_what_will_never_come_is_closed(api, ordered, events, sandbox, was_shipped, with_lines):
    path, (caps, others) = ordered
    if was_shipped:
        events(path, "shipped")
    events(path, "received", (caps, 60))
    rest = [(caps, 40), (others, 10)] if with_lines else []
    event = events(path, "cancelled", *rest, note="The rest is lost.")
    assert event["purchase_order_status"] == "received"
    assert event["lines"] == [
        {"purchase_line_id": caps, "quantity": 40},
        {"purchase_line_id": others, "quantity": 10},
    ]
    assert shown(api, path) == ("received", [(60, 40, "cancelled"), (0, 10, "cancelled")])
    assert api.get(path)["received_at"] == NOW
    assert [lot["quantity"] for lot in sandbox.store["stock_lot"]] == [60]
    events(path, "received", expect=409)


def test_the_last_pieces_that_come_end_an_order_of_which_some_were_cancelled(api, ordered, events):
    path, (_, others) = ordered
    events(path, "cancelled", (others, 10))
    assert events(path, "received")["purchase_order_status"] == "received"
    assert shown(api, path) == ("received", [(100, 0, "received"), (0, 10, "cancelled")])


def test_what_is_under_way_is_not_cancelled(api, ordered, events):
    path, (caps, others) = ordered
    events(path, "shipped", (caps, 100))
    assert "is shipped" in events(path, "cancelled", expect=409)["detail"]
    assert "0 can be cancelled" in events(path, "cancelled", (caps, 1), expect=409)["detail"]
    assert events(path, "cancelled", (others, 10))["purchase_order_status"] == "shipped"
    assert events(path, "received")["purchase_order_status"] == "received"


@pytest.mark.parametrize("how", ["delete", "fewer"])
def test_an_order_without_open_lines_is_received(api, ordered, events, how):
    path, (caps, others) = ordered
    events(path, "received", (caps, 100))
    assert api.get(path)["status"] == "in_progress"
    if how == "delete":
        api.delete(f"{path}lines/{others}/")
    else:
        events(path, "received", (others, 4))
        api.patch(f"{path}lines/", [{"id": others, "quantity": 4}])
    order = api.get(path)
    assert (order["status"], order["received_at"]) == ("received", NOW)


def test_an_order_of_which_nothing_has_come_is_not_received_when_its_lines_go(api, ordered):
    path, lines = ordered
    for item in lines:
        api.delete(f"{path}lines/{item}/")
    assert api.get(path)["status"] == "in_progress"


def test_no_more_is_shipped_than_was_ordered(api, ordered, events):
    path, (caps, others) = ordered
    events(path, "shipped", (caps, 60))
    assert "40 are still to be shipped" in events(path, "shipped", (caps, 41), expect=409)["detail"]
    events(path, "shipped", (caps, 40))
    assert "0 are still to be shipped" in events(path, "shipped", (caps, 1), expect=409)["detail"]
    events(path, "shipped", (others, 10))
    assert api.get(path)["status"] == "shipped"


def test_what_was_cancelled_is_not_on_order(api, create, line, events, id):
    program = id("program", "rover")
    part = api.post("/v1/parse_raw_bom/", {"name": "x", "raw_lines": [{"mpn": "NE555DR", "manufacturer_name": "TI"}]})
    part_id = part["lines"][0]["part_id"]
    order = create(lines=[line(100, part_id=part_id)], program_id=program)
    api.post(f"/v1/programs/{program}/lines/", [{"part_id": part_id, "quantity": 500}])
    path = f"/v1/purchase_orders/{order['id']}/"
    item = api.get(f"{path}lines/")["results"][0]["id"]

    def on_order():
        parts = api.get(f"/v1/programs/{program}/availabilities/")["parts"]
        return next(each["on_order"] for each in parts if each["part_id"] == part_id)

    assert on_order() == 100
    events(path, "cancelled", (item, 30))
    assert on_order() == 70


# -- the order of time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("type", ["shipped", "received", "cancelled", "note"])
def test_events_do_not_go_back_in_time(api, create, line, events, type):
    order = create(lines=[line()])
    path = f"/v1/purchase_orders/{order['id']}/"
    events(path, "ordered", occurred_at="2026-01-12T10:00:00+01:00")
    before = api.get(path)
    told = events(path, type, occurred_at="2026-01-12T08:59:59Z", expect=409)["detail"]
    assert "2026-01-12T08:59:59Z" in told
    assert "ordered event of 2026-01-12T09:00:00Z" in told
    assert api.get(path) == before
    events(path, type, occurred_at="2026-01-12T09:00:00Z")


# -- approval again --------------------------------------------------------------------------------------------


@pytest.fixture
def approved(api, create, line):
    """The path of an order above the threshold that was approved."""
    order = create(lines=[line(2, "600")])
    path = f"/v1/purchase_orders/{order['id']}/"
    api.post(f"{path}events/", {"type": "approved"})
    return path


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda id: {"supplier_id": id("supplier", "mouser")}, "requested"),
        (lambda id: {"currency": "EUR"}, "requested"),
        (lambda id: {"shipping_amount": "0.01"}, "requested"),
        (lambda id: {"metadata": {"a": 1}, "expected_delivery_date": "2026-03-01"}, "approved"),
        (lambda id: {"supplier_id": id("supplier", "digikey"), "currency": "USD"}, "approved"),
    ],
)
def test_other_terms_need_approval_again(api, approved, id, change, status):
    assert api.patch(approved, change(id))["status"] == status


def test_another_part_needs_approval_again(api, approved, id):
    item = api.get(f"{approved}lines/")["results"][0]["id"]
    api.patch(f"{approved}lines/", [{"id": item, "part_id": id("part", "cap")}])
    assert api.get(approved)["status"] == "approved"
    api.patch(f"{approved}lines/", [{"id": item, "part_id": id("part", "mcu")}])
    assert api.get(approved)["status"] == "requested"


def test_below_the_threshold_other_terms_need_none(api, create, line, id):
    order = create(lines=[line(1, "5")])
    changed = api.patch(f"/v1/purchase_orders/{order['id']}/", {"supplier_id": id("supplier", "mouser")})
    assert changed["status"] == "approved"


# -- money and suppliers ---------------------------------------------------------------------------------------


def test_the_currency_stays_once_pieces_have_arrived_or_a_bill_has(api, create, line, events, path):
    assert "arrived" in api.patch(path("partial"), {"currency": "CHF"}, expect=409)["detail"]
    order = create(lines=[line()])
    url = f"/v1/purchase_orders/{order['id']}/"
    assert api.patch(url, {"currency": "EUR"})["currency"] == "EUR"
    bill = api.post("/v1/supplier_bills/", {"purchase_order_id": order["id"]})
    assert "billed" in api.patch(url, {"currency": "USD"}, expect=409)["detail"]
    api.patch(f"/v1/supplier_bills/{bill['id']}/", {"status": "void"})
    assert api.patch(url, {"currency": "USD"})["currency"] == "USD"


@pytest.mark.parametrize(
    ("currency", "amounts"),
    [
        ("USD", ["0.00", "12.35", "24.69", "1.01", "25.70"]),
        ("JPY", ["0", "12", "25", "1", "26"]),
        ("KWD", ["0.000", "12.345", "24.690", "1.005", "25.695"]),
        ("CLF", ["0.0000", "12.3450", "24.6900", "1.0050", "25.6950"]),
    ],
)
def test_amounts_have_the_decimals_of_their_currency(api, create, line, currency, amounts):
    order = create(
        currency=currency,
        lines=[line(2, "12.345")],
        no_part_lines=[{"description": "Fee", "unit_price": "1.005"}],
    )
    path = f"/v1/purchase_orders/{order['id']}/"
    nothing, _, lines_total, fees, total = amounts
    assert [order[name] for name in ("shipping_amount", "tax_amount")] == [nothing] * 2
    assert [order[name] for name in ("lines_total", "no_part_lines_total", "total")] == [lines_total, fees, total]
    assert api.get(f"{path}lines/")["results"][0]["line_total"] == lines_total
    assert api.get(f"{path}no_part_lines/")["results"][0]["line_total"] == fees
    bill = api.post(
        "/v1/supplier_bills/",
        {"purchase_order_id": order["id"], "lines": [{"description": "x", "unit_price": "12.345"}]},
    )
    assert [bill["total"], bill["lines"][0]["line_total"]] == [amounts[1]] * 2


def test_nothing_is_written_as_the_currency_writes_it_when_that_changes(api, create):
    path = f"/v1/purchase_orders/{create()['id']}/"
    assert api.patch(path, {"currency": "JPY"})["shipping_amount"] == "0"
    assert api.patch(path, {"currency": "USD", "tax_amount": "5"})["shipping_amount"] == "0.00"
    assert api.patch(path, {"currency": "JPY"})["tax_amount"] == "5"


def test_who_cannot_be_ordered_from_takes_no_orders(api, create, line, events, id, sandbox):
    supplier = f"/v1/suppliers/{id('supplier', 'mouser')}/"
    order = create(lines=[line()], supplier_id=id("supplier", "mouser"))
    path = f"/v1/purchase_orders/{order['id']}/"
    api.patch(supplier, {"is_buyable": False})
    before = len(sandbox.store["purchase_order"])
    assert "is_buyable" in create(409, supplier_id=id("supplier", "mouser"))["detail"]
    other = create()
    refused = api.patch(f"/v1/purchase_orders/{other['id']}/", {"supplier_id": id("supplier", "mouser")}, expect=409)
    assert "is_buyable" in refused["detail"]
    assert "is_buyable" in events(path, "ordered", expect=409)["detail"]
    assert api.patch(path, {"metadata": {"a": 1}})["status"] == "approved"
    assert len(sandbox.store["purchase_order"]) == before + 1


# -- numbers ---------------------------------------------------------------------------------------------------


def test_the_number_of_a_deleted_order_is_not_given_again(api, create, line):
    big = {"lines": [line(2, "600")]}
    first, second = create(**big), create(**big)
    own = create(number="PO-000013", **big)
    for order in (second, own):
        api.delete(f"/v1/purchase_orders/{order['id']}/")
    numbers = [create()["number"] for _ in range(4)]
    assert (first["number"], second["number"]) == ("PO-000009", "PO-000010")
    assert numbers == ["PO-000011", "PO-000012", "PO-000014", "PO-000015"]
    assert create(number="PO-000010")["number"] == "PO-000010"


# -- void bills ------------------------------------------------------------------------------------------------


def test_the_number_of_a_void_bill_is_free_again(api, path, id):
    order = id("purchase_order", "approved")
    bill = api.post("/v1/supplier_bills/", {"purchase_order_id": order, "number": "B-1"})
    api.post("/v1/supplier_bills/", {"purchase_order_id": order, "number": "B-1"}, expect=409)
    api.patch(f"/v1/supplier_bills/{bill['id']}/", {"status": "void"})
    again = api.post("/v1/supplier_bills/", {"purchase_order_id": order, "number": "B-1"})
    assert again["id"] != bill["id"]
    api.post("/v1/supplier_bills/", {"purchase_order_id": order, "number": "B-1"}, expect=409)
    assert api.patch(f"/v1/supplier_bills/{bill['id']}/", {"number": "B-1"})["status"] == "void"


def test_what_a_void_bill_alone_names_is_deleted(api, create, line, sandbox):
    order = create(lines=[line(2, "600"), line(1)], no_part_lines=[{"description": "Fee", "unit_price": "1"}])
    path = f"/v1/purchase_orders/{order['id']}/"
    items = [item["id"] for item in api.get(f"{path}lines/")["results"]]
    fee = api.get(f"{path}no_part_lines/")["results"][0]["id"]
    lines = [
        {"purchase_line_id": items[0], "unit_price": "600", "quantity": 2},
        {"no_part_line_id": fee, "unit_price": "1"},
    ]
    bill = api.post("/v1/supplier_bills/", {"purchase_order_id": order["id"], "lines": lines})
    for url in (f"{path}lines/{items[0]}/", f"{path}no_part_lines/{fee}/", path):
        api.delete(url, expect=409)
    api.patch(f"/v1/supplier_bills/{bill['id']}/", {"status": "void"})
    api.delete(f"{path}lines/{items[0]}/")
    api.delete(f"{path}no_part_lines/{fee}/")
    billed = sandbox.store["supplier_bill_line"].where("supplier_bill_id", bill["id"])
    assert [(item["purchase_line_id"], item["no_part_line_id"], item["description"]) for item in billed] == [
        (None, None, "GRM155R61A104KA01D"),
        (None, None, "Fee"),
    ]
    api.patch(f"{path}lines/", [{"id": items[1], "unit_price": "5000"}])
    assert api.get(path)["status"] == "requested"
    api.delete(path)
    assert sandbox.store["supplier_bill"].get(bill["id"]) is None
    assert not sandbox.store["supplier_bill_line"].where("supplier_bill_id", bill["id"])


def test_a_bill_is_not_due_before_it_is_issued(api, id):
    order = id("purchase_order", "approved")
    dates = {"issued_on": "2026-01-10", "due_on": "2026-01-09"}
    told = api.post("/v1/supplier_bills/", {"purchase_order_id": order, **dates}, expect=409)["detail"]
    assert told == "due_on 2026-01-09 is before issued_on 2026-01-10."
    bill = api.post("/v1/supplier_bills/", {"purchase_order_id": order, "issued_on": "2026-01-10"})
    api.patch(f"/v1/supplier_bills/{bill['id']}/", {"due_on": "2026-01-09"}, expect=409)
    assert api.patch(f"/v1/supplier_bills/{bill['id']}/", {"due_on": "2026-01-10"})["due_on"] == "2026-01-10"
