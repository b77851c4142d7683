import pytest

from mockserver import worlds
from mockserver.admin.jobs import Jobs

ABSENT = "00000000-0000-4000-8000-000000000000"
MAKER = "Murata"


@pytest.fixture
def program(api):
    return api.post("/v1/programs/", {"name": "Pilot"})


@pytest.fixture
def make_bom(api):
    """A BOM of raw lines, each as (MPN, quantity, further fields)."""

    def make_bom(*lines):
        raw_lines = [
            {"mpn": mpn, "manufacturer_name": MAKER, "quantity": quantity, **rest} for mpn, quantity, rest in lines
        ]
        return api.post("/v1/parse_raw_bom/", {"name": "Board", "raw_lines": raw_lines})

    return make_bom


@pytest.fixture
def make_part(make_bom, sandbox):
    """The id of a part that is nowhere in stock, with these facts about its supply."""

    def make_part(mpn, *offers, buyable=0):
        part_id = make_bom((mpn, 1, {}))["lines"][0]["part_id"]
        part = sandbox.store["part"].get(part_id)
        sandbox.store.replace("part", {**part, "buyable": buyable, "offers": list(offers)})
        return part_id

    return make_part


def offer(seller="Digi-Key", *, prices=(), status="buyable", moq=1, order_multiple=1, lead_days=None, currency="USD"):
    points = [{"quantity": quantity, "price": price, "currency": currency} for quantity, price in prices]
    return {
        "seller": seller,
        "sku": f"{seller}-1",
        "packaging": "Cut Tape",
        "moq": moq,
        "order_multiple": order_multiple,
        "status": status,
        "is_authorized": True,
        "inventory_level": 0,
        "factory_lead_days": lead_days,
        "prices": points,
    }


@pytest.fixture
def ask(api, program):
    """Calls below the program."""

    def ask(method, path, json=None, **kwargs):
        return getattr(api, method)(
            f"/v1/programs/{program['id']}/{path}", **({"json": json} if json is not None else {}), **kwargs
        )

    return ask


@pytest.fixture
def required(ask):
    def required():
        return {part["part_id"]: part["required"] for part in ask("get", "availabilities/")["parts"]}

    return required


# -- programs ----------------------------------------------------------------------------------------------


def test_a_program_starts_as_a_draft(api, program):
    assert program["status"] == "draft"
    assert (program["deadline"], program["metadata"], program["synced_from_integration"]) == (None, {}, False)
    assert api.get(f"/v1/programs/{program['id']}/") == program


def test_a_program_is_changed_where_the_patch_says_so(api, program):
    path = f"/v1/programs/{program['id']}/"
    assert api.patch(path, {"deadline": "2026-03-31"}) == {**program, "deadline": "2026-03-31"}
    assert api.patch(path, {"deadline": "31.3."}, expect=400)["deadline"][0].startswith("Date has wrong format.")


@pytest.mark.parametrize(
    ("steps", "statuses"),
    [
        (["approved", "draft", "approved", "complete"], [200, 200, 200, 200]),
        (["complete"], [409]),
        (["approved", "complete", "approved"], [200, 200, 409]),
        (["approved", "complete", "draft"], [200, 200, 409]),
        (["draft", "approved", "approved"], [200, 200, 200]),
    ],
)
def test_status_moves(api, program, steps, statuses):
    for status, expected in zip(steps, statuses, strict=True):
        api.patch(f"/v1/programs/{program['id']}/", {"status": status}, expect=expected)


def test_a_refused_move_names_the_open_ones(api, program):
    assert api.patch(f"/v1/programs/{program['id']}/", {"status": "complete"}, expect=409) == {
        "detail": "This program is draft and cannot become complete: it can become approved."
    }


def test_a_complete_program_keeps_its_lines_and_overrides(api, program, ask, make_part):
    part_id = make_part("PRG-1")
    [line] = ask("post", "lines/", [{"part_id": part_id, "quantity": 5}])
    [override] = ask("post", "part_overrides/", [{"part_id": part_id}])
    for status in ("approved", "complete"):
        ask("patch", "", {"status": status})
    for method, path, body in [
        ("post", "lines/", [{"part_id": part_id, "quantity": 5}]),
        ("patch", f"lines/{line['id']}/", {"quantity": 6}),
        ("delete", f"lines/{line['id']}/", None),
        ("post", "part_overrides/", [{"part_id": part_id}]),
        ("patch", f"part_overrides/{override['id']}/", {"notes": "x"}),
        ("delete", f"part_overrides/{override['id']}/", None),
    ]:
        ask(method, path, body, expect=409)
    ask("delete", "", expect=409)
    assert ask("patch", "", {"metadata": {"closed_by": "ERP"}})["metadata"] == {"closed_by": "ERP"}
    assert ask("get", "lines/")["results"] == [line]
    assert ask("get", "part_overrides/")["results"] == [override]


def test_programs_are_filtered(api, sandbox):
    api.post("/v1/programs/", {"name": "Gripper kit", "integration_record_id": "ERP-7"})
    api.post("/v1/programs/", {"name": "Gripper spares", "status": "approved"})
    sandbox.clock.advance(minutes=1)
    tag_id = api.get("/v1/tags/")["results"][0]["id"]
    late = api.post("/v1/programs/", {"name": "Late gripper", "tag_ids": [tag_id]})

    def names(query):
        return [program["name"] for program in api.get(f"/v1/programs/?{query}")["results"]]

    assert names("name=gripper") == ["Gripper kit", "Gripper spares", "Late gripper"]
    assert names("name=gripper&status=approved") == ["Gripper spares"]
    assert names("integration_record_id=ERP-7") == ["Gripper kit"]
    assert names("updated_after=2026-01-15T09:00:30Z") == ["Late gripper"]
    assert late["name"] in names(f"tag_id={tag_id}")
    api.get("/v1/programs/?status=frozen", expect=400)


def test_a_deleted_program_takes_its_lines_along_and_frees_its_stock(api, sandbox, program, ask, make_part):
    part_id = make_part("PRG-1")
    ask("post", "lines/", [{"part_id": part_id, "quantity": 5}])
    ask("post", "part_overrides/", [{"part_id": part_id}])
    lot, used = (api.put(f"/v1/parts/{part_id}/stock/", {"location": location, "quantity": 10}) for location in "AB")
    for each, status in ((lot, "available"), (used, "consumed")):
        api.patch(
            f"/v1/stock_lots/{each['id']}/",
            {"program_id": program["id"], "allocated_quantity": 4, "status": status},
        )
    ask("delete", "")
    ask("get", "", expect=404)
    assert not sandbox.store["program_line"].where("program_id", program["id"])
    assert not sandbox.store["part_override"].where("program_id", program["id"])
    lots = [sandbox.store["stock_lot"].get(each["id"]) for each in (lot, used)]
    assert [(each["program_id"], each["allocated_quantity"]) for each in lots] == [(None, 0), (None, 4)]


def test_a_program_that_is_ordered_for_stays(api, sandbox, program, ask, make_part):
    lot = api.put(f"/v1/parts/{make_part('PRG-1')}/stock/", {"location": "A", "quantity": 10})
    api.patch(f"/v1/stock_lots/{lot['id']}/", {"program_id": program["id"], "allocated_quantity": 4})
    supplier = api.post("/v1/suppliers/", {"name": "Chips & Co"})
    api.post("/v1/purchase_orders/", {"supplier_id": supplier["id"], "program_id": program["id"]})
    assert ask("delete", "", expect=409).json == {
        "detail": "This program cannot be deleted: 1 purchase order(s) refer to it."
    }
    assert sandbox.store["stock_lot"].get(lot["id"])["allocated_quantity"] == 4


# -- lines -------------------------------------------------------------------------------------------------


def test_lines_are_of_boms_and_of_parts(ask, make_bom, make_part, program):
    bom, part_id = make_bom(("PRG-1", 2, {})), make_part("PRG-2")
    built, apart = ask(
        "post",
        "lines/",
        [
            {"bom_id": bom["id"], "quantity": 25, "attrition_percent": "2.5"},
            {"part_id": part_id, "quantity": 7},
        ],
        expect=201,
    )
    assert {name: built[name] for name in ("program_id", "bom_id", "part_id", "quantity", "attrition_percent")} == {
        "program_id": program["id"],
        "bom_id": bom["id"],
        "part_id": None,
        "quantity": 25,
        "attrition_percent": "2.5",
    }
    assert (apart["bom_id"], apart["part_id"], apart["attrition_percent"]) == (None, part_id, "0")
    assert ask("get", "lines/")["results"] == [built, apart]
    assert ask("get", f"lines/?bom_id={bom['id']}")["results"] == [built]
    assert ask("get", f"lines/{apart['id']}/") == apart
    ask("delete", f"lines/{apart['id']}/")
    assert ask("get", "lines/")["count"] == 1


def test_lines_are_added_all_or_none(ask, make_part):
    part_id = make_part("PRG-1")
    good = {"part_id": part_id, "quantity": 1}
    assert ask("post", "lines/", [good, {"bom_id": ABSENT, "quantity": 0}, {"part_id": part_id}], expect=400) == [
        {},
        {
            "bom_id": [f'Invalid pk "{ABSENT}" - object does not exist.'],
            "quantity": ["Ensure this value is greater than or equal to 1."],
        },
        {"quantity": ["This field is required."]},
    ]
    assert ask("post", "lines/", [good, {"quantity": 1}], expect=409) == {
        "detail": "Item 1: A program line is of a BOM or a part: give bom_id or part_id. It has neither."
    }
    assert ask("get", "lines/")["count"] == 0


def test_a_line_moves_between_a_bom_and_a_part(ask, make_bom, make_part):
    bom, part_id = make_bom(("PRG-1", 2, {})), make_part("PRG-2")
    [line] = ask("post", "lines/", [{"bom_id": bom["id"], "quantity": 25}])
    path = f"lines/{line['id']}/"
    both = {"bom_id": bom["id"], "part_id": part_id}
    assert ask("patch", path, both, expect=409)["detail"].endswith("It has both.")
    assert ask("patch", path, {"bom_id": None}, expect=409)["detail"].endswith("It has neither.")
    moved = {**line, "bom_id": None, "part_id": part_id, "quantity": 3}
    assert ask("patch", path, {"part_id": part_id, "quantity": 3}) == moved
    assert ask("patch", path, {"bom_id": bom["id"], "quantity": 25}) == line


def test_a_line_of_another_program_is_not_found(api, ask, make_part):
    [line] = ask("post", "lines/", [{"part_id": make_part("PRG-1"), "quantity": 1}])
    other = api.post("/v1/programs/", {"name": "Other"})
    api.get(f"/v1/programs/{other['id']}/lines/{line['id']}/", expect=404)


def test_a_bom_that_a_program_builds_stays(api, ask, make_bom):
    bom = make_bom(("PRG-1", 2, {}))
    [line] = ask("post", "lines/", [{"bom_id": bom["id"], "quantity": 25}])
    api.delete(f"/v1/boms/{bom['id']}/", expect=409)
    ask("delete", f"lines/{line['id']}/")
    api.delete(f"/v1/boms/{bom['id']}/")


# -- part overrides ----------------------------------------------------------------------------------------


def test_a_part_has_one_override(ask, make_part):
    first, second = make_part("PRG-1"), make_part("PRG-2")
    assert ask("post", "part_overrides/", [{"part_id": first}, {"part_id": first}], expect=409) == {
        "detail": "Item 1: Part override with this program_id and part_id already exists."
    }
    assert ask("get", "part_overrides/")["count"] == 0
    one, two = ask("post", "part_overrides/", [{"part_id": first}, {"part_id": second, "include": "exclude"}])
    assert (
        one["include"],
        one["substitute_part_id"],
        one["quantity_override"],
        one["attrition_percent"],
    ) == ("include", None, None, None)
    ask("patch", f"part_overrides/{two['id']}/", {"part_id": first}, expect=409)
    assert ask("patch", f"part_overrides/{two['id']}/", {"notes": "Spare"}) == {**two, "notes": "Spare"}
    assert ask("get", "part_overrides/?include=include")["results"] == [one]
    ask("delete", f"part_overrides/{one['id']}/")
    ask("get", f"part_overrides/{one['id']}/", expect=404)


# -- what a program takes ----------------------------------------------------------------------------------


def test_boms_times_builds_and_parts_with_attrition_rounded_up_once(ask, make_bom, required):
    bom = make_bom(("PRG-1", 3, {}), ("PRG-2", 1, {}))
    one, two = (line["part_id"] for line in bom["lines"])
    ask(
        "post",
        "lines/",
        [
            {"bom_id": bom["id"], "quantity": 33, "attrition_percent": "2.5"},
            {"part_id": one, "quantity": 10, "attrition_percent": "1"},
            {"bom_id": bom["id"], "quantity": 10},
        ],
    )
    # 99 * 1.025 + 10 * 1.01 + 30 = 101.475 + 10.1 + 30 = 141.575, and 33 * 1.025 + 10 = 43.825
    assert required() == {one: 142, two: 44}


def test_a_whole_number_is_not_rounded_up(ask, make_part, required):
    part_id = make_part("PRG-1")
    ask("post", "lines/", [{"part_id": part_id, "quantity": 1000, "attrition_percent": "2.3"}])
    assert required() == {part_id: 1023}


def test_what_is_not_placed_ignored_or_unmatched_is_not_taken(api, ask, make_bom, required):
    bom = make_bom(("PRG-1", 1, {}), ("PRG-2", 1, {"do_not_place": True}), ("PRG-3", 1, {}), (None, 5, {}))
    api.patch(f"/v1/boms/{bom['id']}/lines/{bom['lines'][2]['id']}/", {"ignore": True})
    ask("post", "lines/", [{"bom_id": bom["id"], "quantity": 10}])
    assert required() == {bom["lines"][0]["part_id"]: 10}


@pytest.mark.parametrize(
    ("override", "pieces"),
    [
        ({}, 103),  # 100 * 1.021 = 102.1
        ({"include": "exclude"}, None),
        ({"attrition_percent": "0"}, 100),
        ({"attrition_percent": "10"}, 110),
        ({"quantity_override": 80}, 80),
        ({"quantity_override": 80, "attrition_percent": "10"}, 80),
        ({"quantity_override": 0}, 0),
    ],
)
def test_overrides(ask, make_part, required, override, pieces):
    part_id = make_part("PRG-1")
    ask("post", "lines/", [{"part_id": part_id, "quantity": 100, "attrition_percent": "2.1"}])
    ask("post", "part_overrides/", [{"part_id": part_id, **override}])
    assert required().get(part_id) == pieces


def test_a_substitute_takes_the_part_s_pieces_beside_its_own(ask, make_part, required):
    part_id, substitute = make_part("PRG-1"), make_part("PRG-2")
    ask(
        "post",
        "lines/",
        [
            {"part_id": part_id, "quantity": 100, "attrition_percent": "0.5"},
            {"part_id": substitute, "quantity": 7},
        ],
    )
    ask(
        "post",
        "part_overrides/",
        [
            {"part_id": part_id, "substitute_part_id": substitute},
            {"part_id": substitute, "quantity_override": 9},
        ],
    )
    assert required() == {substitute: 110}  # 100 * 1.005 = 100.5, so 101; and 9
    assert ask("get", "availabilities/")["parts"][0]["substitute_for"] == [part_id]


def test_an_override_of_a_part_it_does_not_take_adds_nothing(ask, make_part, required):
    ask("post", "part_overrides/", [{"part_id": make_part("PRG-1"), "quantity_override": 5}])
    assert required() == {}


def test_the_largest_numbers_there_are(ask, make_bom, required):
    bom = make_bom(("PRG-1", 2**31 - 1, {}))
    ask("post", "lines/", [{"bom_id": bom["id"], "quantity": 2**31 - 1, "attrition_percent": "100"}] * 3)
    for document in ("availabilities/", "reference_pricing/"):
        assert f"{6 * (2**31 - 1) ** 2} pieces of PRG-1" in ask("get", document, expect=409)["detail"]


# -- availabilities ----------------------------------------------------------------------------------------


def test_where_the_pieces_of_a_part_come_from(api, sandbox, program, ask, make_part):
    part_id = make_part("PRG-1", offer(lead_days=84), offer(lead_days=70), offer(), buyable=199)
    ask("post", "lines/", [{"part_id": part_id, "quantity": 1000}])
    other = api.post("/v1/programs/", {"name": "Other"})
    for location, quantity, values in [
        ("A", 300, {"program_id": program["id"], "allocated_quantity": 250}),  # 250 allocated, 50 free
        ("B", 100, {"program_id": other["id"], "allocated_quantity": 90}),  # 10 free
        (
            "C",
            100,
            {"program_id": program["id"], "allocated_quantity": 40, "status": "on_hold"},
        ),  # 40 allocated
        ("D", 500, {"program_id": program["id"], "allocated_quantity": 500, "status": "consumed"}),
    ]:
        lot = api.put(f"/v1/parts/{part_id}/stock/", {"location": location, "quantity": quantity})
        api.patch(f"/v1/stock_lots/{lot['id']}/", values)
    sub_org = sandbox.store["org"].where("parent_org_id", program["org_id"])[0]["id"]
    api.put(f"/v1/parts/{part_id}/stock/?org_id={sub_org}", {"location": "A", "quantity": 5000})
    document = ask("get", "availabilities/")
    [part] = document["parts"]
    assert (document["program_id"], document["calculated_at"]) == (program["id"], "2026-01-15T09:00:00Z")
    assert {name: part[name] for name in ("mpn", "required", "allocated", "on_hand", "on_order", "shortage")} == {
        "mpn": "PRG-1",
        "required": 1000,
        "allocated": 290,
        "on_hand": 60,
        "on_order": 0,
        "shortage": 650,
    }
    assert (part["buyable"], part["lead_time_days"], part["status"]) == (199, 70, "needs_rfq")


@pytest.mark.parametrize(
    ("quantity", "shortage", "lead", "status"),
    [(100, 0, 0, "on_hand"), (101, 1, 42, "buyable"), (600, 500, 42, "buyable"), (601, 501, 42, "needs_rfq")],
)
def test_the_status_of_a_part(api, ask, make_part, quantity, shortage, lead, status):
    part_id = make_part("PRG-1", offer(lead_days=42), buyable=500)
    api.put(f"/v1/parts/{part_id}/stock/", {"location": "A", "quantity": 100})
    ask("post", "lines/", [{"part_id": part_id, "quantity": quantity}])
    [part] = ask("get", "availabilities/")["parts"]
    assert (part["shortage"], part["lead_time_days"], part["status"]) == (shortage, lead, status)


def test_a_shortage_of_a_part_nobody_offers_has_no_lead_time(ask, make_part):
    ask("post", "lines/", [{"part_id": make_part("PRG-1"), "quantity": 1}])
    assert ask("get", "availabilities/")["parts"][0]["lead_time_days"] is None


def test_what_is_ordered_for_the_program_counts_until_it_is_received(api, program, ask, make_part):
    part_id = make_part("PRG-1")
    ask("post", "lines/", [{"part_id": part_id, "quantity": 100}])
    supplier = api.post("/v1/suppliers/", {"name": "Chips & Co"})

    def order(program_id, quantity):
        order = api.post("/v1/purchase_orders/", {"supplier_id": supplier["id"], "program_id": program_id})
        line = api.post(
            f"/v1/purchase_orders/{order['id']}/lines/",
            {"part_id": part_id, "quantity": quantity, "unit_price": "0.01"},
        )
        return f"/v1/purchase_orders/{order['id']}/events/", line["id"]

    def supply():
        [part] = ask("get", "availabilities/")["parts"]
        return part["allocated"], part["on_order"], part["shortage"], part["status"]

    events, line_id = order(program["id"], 120)
    cancelled, _ = order(program["id"], 1000)
    order(None, 1000)
    api.post(cancelled, {"type": "cancelled"})
    assert supply() == (0, 120, 0, "on_order")
    api.post(events, {"type": "ordered"})
    api.post(events, {"type": "received", "lines": [{"purchase_line_id": line_id, "quantity": 30}]})
    assert supply() == (30, 90, 0, "on_order")
    api.post(events, {"type": "received"})
    assert supply() == (120, 0, 0, "on_hand")


def test_availabilities_in_a_job_are_the_same_document(api, ask, make_part):
    ask("post", "lines/", [{"part_id": make_part("PRG-1", offer(lead_days=42)), "quantity": 5}])
    job = ask("get", "availabilities_async/", expect=202)
    assert job["status"] == "complete"
    assert job["result"] == ask("get", "availabilities/")


def test_a_job_whose_program_is_gone_fails(api, sandbox, program, ask):
    Jobs(sandbox).policy("reads", reads=1)
    job = ask("get", "availabilities_async/", expect=202)
    ask("delete", "")
    job = api.get(f"/v1/async_jobs/{job['id']}/")
    assert job["status"] == "failed"
    assert job["errors"] == [{"detail": f"The program {program['id']} has been deleted."}]


# -- reference pricing -------------------------------------------------------------------------------------


def test_the_price_break_at_the_quantity_times_the_quantity(program, ask, make_part):
    part_id = make_part("PRG-1", offer(prices=[(1, "0.10"), (100, "0.0325"), (1000, "0.02")]))
    ask("post", "lines/", [{"part_id": part_id, "quantity": 999}])
    document = ask("get", "reference_pricing/")
    [part] = document.pop("parts")
    assert {name: part[name] for name in part if name not in ("description", "manufacturer_name")} == {
        "part_id": part_id,
        "mpn": "PRG-1",
        "required": 999,
        "order_quantity": 999,
        "seller": "Digi-Key",
        "sku": "Digi-Key-1",
        "unit_price": "0.0325",
        "extended_price": "32.47",
        "currency": "USD",
    }  # 32.4675
    assert document == {
        "program_id": program["id"],
        "calculated_at": "2026-01-15T09:00:00Z",
        "unpriced": [],
        "totals": [{"currency": "USD", "total": "32.47"}],
    }


@pytest.mark.parametrize(
    ("pieces", "seller", "order_quantity", "extended"),
    [
        (50, "Loose", 50, "5.00"),  # 50 * 0.10, against a reel of 1000 * 0.006
        (60, "Loose", 60, "6.00"),  # the reel costs as much, and is listed after it
        (61, "Reel", 1000, "6.00"),
        (1001, "Reel", 2000, "12.00"),
    ],
)
def test_the_offer_that_comes_cheapest_in_the_pieces_it_is_sold_in(
    ask, make_part, pieces, seller, order_quantity, extended
):
    part_id = make_part(
        "PRG-1",
        offer("Loose", prices=[(1, "0.10")]),
        offer("Reel", prices=[(1000, "0.006")], moq=1000, order_multiple=1000),
        offer("Unsure", prices=[(1, "0.001")], status="maybe"),
    )
    ask("post", "lines/", [{"part_id": part_id, "quantity": pieces}])
    [part] = ask("get", "reference_pricing/")["parts"]
    assert (part["seller"], part["order_quantity"], part["extended_price"]) == (
        seller,
        order_quantity,
        extended,
    )


def test_halves_of_a_cent_are_rounded_up_and_totals_are_of_what_is_shown(ask, make_part):
    parts = [make_part(f"PRG-{number}", offer(prices=[(1, "0.005")])) for number in (1, 2)]
    ask("post", "lines/", [{"part_id": part_id, "quantity": 1} for part_id in parts])
    document = ask("get", "reference_pricing/")
    assert [part["extended_price"] for part in document["parts"]] == ["0.01", "0.01"]
    assert document["totals"] == [{"currency": "USD", "total": "0.02"}]


def test_totals_are_kept_apart_by_currency_and_dollars_come_first(ask, make_part):
    euros = make_part("PRG-1", offer("Mouser", prices=[(1, "2")], currency="EUR"))
    both = make_part("PRG-2", offer("Mouser", prices=[(1, "1")], currency="EUR"), offer("Arrow", prices=[(1, "3")]))
    ask("post", "lines/", [{"part_id": euros, "quantity": 2}, {"part_id": both, "quantity": 2}])
    document = ask("get", "reference_pricing/")
    assert [part["seller"] for part in document["parts"]] == ["Mouser", "Arrow"]
    assert document["totals"] == [{"currency": "EUR", "total": "4.00"}, {"currency": "USD", "total": "6.00"}]


def test_parts_without_a_listed_price_are_not_priced_at_nothing(ask, make_part):
    quoted = make_part("PRG-1", offer(status="quotable"))
    unneeded = make_part("PRG-2", offer(prices=[(1, "1")]))
    ask("post", "lines/", [{"part_id": quoted, "quantity": 4}, {"part_id": unneeded, "quantity": 4}])
    ask("post", "part_overrides/", [{"part_id": unneeded, "quantity_override": 0}])
    document = ask("get", "reference_pricing/")
    assert (document["parts"], document["totals"]) == ([], [])
    assert [(part["part_id"], part["required"]) for part in document["unpriced"]] == [(quoted, 4)]


# -- fixtures ----------------------------------------------------------------------------------------------


def test_made_up_programs_are_consistent(tmp_path):
    recipe = tmp_path / "busy.yaml"
    recipe.write_text("""
counts: {part: 5, bom: 3, bom_line: 9, program: 4, program_line: 8, part_override: 20}
records:
  org: {acme: {name: Acme, slug: acme}}
  api_key: {admin: {name: Admin key, key: mockkey1.00000000000000000000000000000000}}
""")
    store = worlds.load(recipe).store
    assert [len(store[kind]) for kind in ("program", "program_line", "part_override")] == [4, 8, 20]
    assert all(line["bom_id"] and not line["part_id"] for line in store["program_line"])
    assert len({(override["program_id"], override["part_id"]) for override in store["part_override"]}) == 20


def test_a_part_is_no_substitute_of_itself(ask, make_part):
    part_id, other = make_part("PRG-1"), make_part("PRG-2")
    told = ask("post", "part_overrides/", [{"part_id": part_id, "substitute_part_id": part_id}], expect=409)
    assert told["detail"] == f"Item 0: A part is no substitute of itself: substitute_part_id is part_id, {part_id}."
    [made] = ask("post", "part_overrides/", [{"part_id": part_id, "substitute_part_id": other}])
    ask("patch", f"part_overrides/{made['id']}/", {"substitute_part_id": part_id}, expect=409)
