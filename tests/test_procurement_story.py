"""From suppliers and parts to the supplier's bill, over HTTP, in the world `fixtures/procurement.yaml`.

Every number was worked out by hand; the sums stand in the comments. Every answer has to fit the contract
in `contracts/openapi.yaml`.
"""

import functools
import re

import jsonschema_rs
import pytest
import requests
import yaml

from mockserver import worlds
from mockserver._data import contracts_dir
from mockserver.app import App
from mockserver.sandbox import Sandbox
from mockserver.serving.live import LiveServer

ADA, BEN, EVA = (f"mockkey{number}.{'0' * 32}" for number in (1, 2, 3))  # Admin, Editor, Procurement Approver


@functools.cache
def contract():
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load((contracts_dir() / "openapi.yaml").read_bytes(), loader)


@functools.cache
def answers():
    """`[(verb, pattern of the path, {status: schema, None without a body})]`, fixed paths first."""
    found = []
    for path, item in sorted(contract()["paths"].items(), key=lambda pair: pair[0].count("{")):
        pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", path))
        for verb, operation in item.items():
            if "responses" in operation:
                found.append((verb.upper(), pattern, dict(map(schema, operation["responses"].items()))))
    return found


def schema(answer):
    status, response = answer
    if "$ref" in response:
        response = contract()["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    return status, response.get("content", {}).get("application/json", {}).get("schema")


def assert_fits_the_contract(verb, path, response):
    """The status is one the contract lists for the operation, and the body is as it says."""
    statuses = next(found for method, pattern, found in answers() if method == verb and pattern.fullmatch(path))
    status = str(response.status_code)
    assert status in statuses, f"{verb} {path}: {status} is not in the contract"
    if statuses[status] is None:
        assert response.content == b""
        return
    rules = {**statuses[status], "components": contract()["components"]}
    validator = jsonschema_rs.Draft202012Validator(rules, validate_formats=True)
    error = next(validator.iter_errors(response.json()), None)
    assert error is None, f"{verb} {path} {status}: {error}"


class Client:
    """Calls with a key, as anybody would with `requests`, and answers the body."""

    def __init__(self, session, url, key):
        self.session, self.url, self.key = session, url, key

    def call(self, verb, path, json=None, *, expect):
        headers = {"Authorization": f"Api-Key {self.key}"}
        response = self.session.request(verb, self.url + path, json=json, headers=headers, timeout=120)
        assert response.status_code == expect, f"{verb} {path}: {response.status_code} {response.text}"
        assert_fits_the_contract(verb, path, response)
        return response.json() if response.content else None

    def get(self, path, expect=200):
        return self.call("GET", path, expect=expect)

    def post(self, path, json=None, expect=201):
        return self.call("POST", path, json, expect=expect)

    def put(self, path, json, expect=200):
        return self.call("PUT", path, json, expect=expect)

    def patch(self, path, json, expect=200):
        return self.call("PATCH", path, json, expect=expect)

    def query(self, sql, *parameters):
        """The rows of a query, as the API's reporting answers them."""
        body = {"sql": sql, "parameters": list(parameters)}
        return self.post("/v1/reporting/sql_query/", body, expect=200)["rows"]


@pytest.fixture
def team():
    """(Ada, an Admin; Ben, an Editor; Eva, who approves), each with a key to a live server."""
    with LiveServer(App(Sandbox(worlds.load("procurement")))) as server, requests.Session() as session:
        yield [Client(session, server.url, key) for key in (ADA, BEN, EVA)]


def supply(client, program):
    """`{mpn: (required, allocated, on hand, on order, shortage, status)}` of a program."""
    names = ("required", "allocated", "on_hand", "on_order", "shortage", "status")
    parts = client.get(f"/v1/programs/{program['id']}/availabilities/")["parts"]
    return {part["mpn"]: tuple(part[name] for name in names) for part in parts}


def priced(client, program):
    """({mpn: (pieces to buy, unit price, extended price)}, totals, mpns without a price) of a program."""
    pricing = client.get(f"/v1/programs/{program['id']}/reference_pricing/")
    parts = {
        part["mpn"]: (part["order_quantity"], part["unit_price"], part["extended_price"]) for part in pricing["parts"]
    }
    return parts, pricing["totals"], [part["mpn"] for part in pricing["unpriced"]]


def lots(client, part_id):
    """[(quantity, allocated, location, unit cost)] of the stock of a part, the biggest lot first."""
    rows = client.query(
        "SELECT quantity, allocated_quantity, location, unit_cost FROM stock_lots WHERE part_id = $1"
        " ORDER BY quantity DESC, unit_cost DESC",
        part_id,
    )
    return [tuple(row) for row in rows]


CAP, SAMSUNG, BUCK, MCU = "GRM155R61A104KA01D", "CL05A104KP5NNNC", "TPS62130RGTR", "STM32F407VGT6"
ANTENNA = "ACME-ANT-02"


def test_the_beacon_from_its_parts_to_the_bill(team):
    ada, ben, eva = team

    # -- suppliers and parts
    northbridge = ada.post("/v1/suppliers/", {"name": "Northbridge Components", "lead_days": 10})
    suppliers = {supplier["name"]: supplier for supplier in ada.get("/v1/suppliers/")["results"]}
    assert list(suppliers) == ["Digi-Key", "Mouser", "Arrow", "Northbridge Components"]
    own = {
        "mpn": ANTENNA,
        "manufacturer_name": "Acme Robotics",
        "custom_id": "900-0002",
        "is_custom_part": True,
    }
    job = ada.post("/v1/parts/async_create/", {"parts": [own]}, expect=202)
    job = ada.get(f"/v1/async_jobs/{job['id']}/")
    assert (job["status"], job["result"]["errors"]) == ("complete", [])
    antenna = ada.get(f"/v1/parts/{job['result']['created'][0]}/")
    assert (antenna["mpn"], antenna["buyable"], antenna["offers"]) == (ANTENNA, 0, [])

    # -- the BOM
    lines = [
        {"mpn": CAP, "manufacturer_name": "Murata", "reference_designators_string": "C1-C20"},
        {"mpn": BUCK, "manufacturer_name": "Texas Instruments", "reference_designators_string": "U1"},
        {"mpn": MCU, "manufacturer_name": "STMicroelectronics", "reference_designators_string": "U2"},
        {"custom_id": "900-0002", "reference_designators_string": "ANT1", "is_custom_part": True},
        {"mpn": "FIDUCIAL", "reference_designators_string": "FD1-FD3", "do_not_place": True},
    ]
    bom = ben.post("/v1/parse_raw_bom/", {"name": "Beacon", "version": "A", "raw_lines": lines})
    assert [line["quantity"] for line in bom["lines"]] == [20, 1, 1, 1, 3]
    assert [row["matched_by"] for row in bom["resolutions"]] == ["mpn", "mpn", "mpn", "custom_id", None]
    cap, buck, mcu, matched = (line["part_id"] for line in bom["lines"][:4])
    assert matched == antenna["id"]
    assert ben.post(f"/v1/boms/{bom['id']}/approve/", expect=200)["approved"] is True
    samsung = ben.query("SELECT id FROM parts WHERE mpn = $1", SAMSUNG)[0][0]

    # -- the program, its lines and overrides
    program = ben.post("/v1/programs/", {"name": "Beacon launch", "deadline": "2026-03-31"})
    path = f"/v1/programs/{program['id']}/"
    ben.post(
        f"{path}lines/",
        [
            {"bom_id": bom["id"], "quantity": 40, "attrition_percent": "2.5"},
            {"part_id": cap, "quantity": 100},
        ],
    )
    ben.post(
        f"{path}part_overrides/",
        [
            {"part_id": cap, "substitute_part_id": samsung},
            {"part_id": buck, "attrition_percent": "10"},
            {"part_id": mcu, "quantity_override": 45},
        ],
    )
    assert ben.patch(path, {"status": "approved"})["status"] == "approved"

    # -- what is there, and what it would cost
    stock = {"location": "Main Warehouse", "quantity": 300, "lot_code": "S1", "unit_cost": "0.0105"}
    ben.put(f"/v1/parts/{samsung}/stock/", stock, expect=201)
    assert supply(ben, program) == {
        # capacitors: 20 * 40 * 1.025 + 100 spare = 920, Samsung's for Murata's
        SAMSUNG: (920, 0, 300, 0, 620, "buyable"),
        # converters: 1 * 40 * 1.10 = 44
        BUCK: (44, 0, 0, 0, 44, "buyable"),
        # controllers: 45 as told, and 40 can be bought; the 20 there are, are the rovers'
        MCU: (45, 0, 0, 0, 45, "needs_rfq"),
        # antennas: 1 * 40 * 1.025 = 41
        ANTENNA: (41, 0, 0, 0, 41, "needs_rfq"),
    }
    parts = ben.get(f"{path}availabilities/")["parts"]
    assert [part["lead_time_days"] for part in parts] == [84, 56, 112, None]
    assert parts[0]["substitute_for"] == [cap]
    assert priced(ben, program) == (
        {
            # 920 capacitors: 10 hundreds at 0.0098 = 9.80, less than 920 * 0.0125 = 11.50
            SAMSUNG: (1000, "0.0098", "9.80"),
            BUCK: (44, "2.35", "103.40"),  # 44 * 2.35
            MCU: (45, "10.40", "468.00"),  # 45 * 10.40
        },
        [{"currency": "USD", "total": "581.20"}],  # 9.80 + 103.40 + 468.00
        [ANTENNA],
    )

    # -- the RFQ and the quote
    asked = [northbridge["id"], suppliers["Arrow"]["id"]]
    rfq = ben.post(
        "/v1/rfqs/",
        {"name": "Beacon parts", "program_id": program["id"], "supplier_ids": asked, "due_on": "2026-01-22"},
    )
    assert (rfq["number"], rfq["status"]) == ("RFQ-000002", "draft")
    ask = {"rfq_id": rfq["id"], "part_id": mcu, "quantity": 45, "target_unit_price": "9.75"}
    asked_mcu = ben.post("/v1/rfq_lines/", ask)
    ask = {"rfq_id": rfq["id"], "part_id": antenna["id"], "quantity": 41}
    asked_antenna = ben.post("/v1/rfq_lines/", ask)
    quote = {"supplier_id": northbridge["id"], "rfq_id": rfq["id"], "quote_number": "NB-1001"}
    assert "draft" in ben.post("/v1/supplier_quotes/", quote, expect=409)["detail"]
    assert ben.patch(f"/v1/rfqs/{rfq['id']}/", {"status": "sent"})["status"] == "sent"
    quote = ben.post("/v1/supplier_quotes/", quote)
    assert ben.patch(f"/v1/rfqs/{rfq['id']}/", {"notes": "Northbridge was fast."})["status"] == "quoted"
    offer = {"supplier_quote_id": quote["id"], "quantity": 50}
    quoted_mcu = ben.post(
        "/v1/supplier_quote_lines/",
        {**offer, "part_id": mcu, "rfq_line_id": asked_mcu["id"], "unit_price": "9.60", "moq": 10,
         "order_multiple": 10, "lead_time_days": 21,
         "price_breaks": [{"quantity": 100, "unit_price": "9.10"}]},
    )  # fmt: skip
    quoted_antenna = ben.post(
        "/v1/supplier_quote_lines/",
        {**offer, "part_id": antenna["id"], "rfq_line_id": asked_antenna["id"], "unit_price": "12.345"},
    )
    assert ben.patch(f"/v1/supplier_quotes/{quote['id']}/", {"status": "accepted"})["status"] == "accepted"
    assert ben.patch(f"/v1/rfqs/{rfq['id']}/", {"status": "closed"})["status"] == "closed"

    # -- the order from the quote, above the threshold of 1000.00
    order = ben.post(
        "/v1/purchase_orders/",
        {
            "supplier_id": northbridge["id"],
            "program_id": program["id"],
            "visibility": "shared",
            "shipping_amount": "35.50",
            "tax_amount": "98.18",
            "lines": [
                {name: quoted[name] for name in ("part_id", "quantity", "unit_price")}
                | {"supplier_quote_line_id": quoted["id"]}
                for quoted in (quoted_mcu, quoted_antenna)
            ],
            "no_part_lines": [{"description": "Tooling", "kind": "fee", "unit_price": "120.00"}],
        },
    )  # fmt: skip
    address = f"/v1/purchase_orders/{order['id']}/"
    assert (order["number"], order["status"]) == ("PO-000003", "requested")
    assert order["lines_total"] == "1097.25"  # 50 * 9.60 = 480.00, 50 * 12.345 = 617.25
    assert order["no_part_lines_total"] == "120.00"
    assert order["total"] == "1350.93"  # 1097.25 + 120.00 + 35.50 + 98.18
    mcu_line, antenna_line = ben.get(f"{address}lines/")["results"]
    assert (mcu_line["line_total"], antenna_line["line_total"]) == ("480.00", "617.25")
    assert mcu_line["supplier_quote_line_id"] == quoted_mcu["id"]
    # below it, what is bought from stock
    small = ben.post(
        "/v1/purchase_orders/",
        {"supplier_id": suppliers["Mouser"]["id"], "program_id": program["id"], "lines": [
            {"part_id": samsung, "quantity": 1000, "unit_price": "0.0098"},
            {"part_id": buck, "quantity": 44, "unit_price": "2.35"}]},
    )  # fmt: skip
    assert (small["status"], small["total"]) == ("approved", "113.20")  # 9.80 + 103.40

    # -- its events
    def event(client, path, type, expect=201, **values):
        answer = client.post(f"{path}events/", {"type": type, **values}, expect=expect)
        return answer.get("purchase_order_status") or answer["detail"]

    assert "Procurement Approver" in event(ben, address, "approved", expect=403)
    assert "approved or cancelled" in event(ben, address, "ordered", expect=409)
    assert event(eva, address, "approved") == "approved"
    assert event(ben, address, "ordered") == "in_progress"
    assert supply(ben, program) == {
        SAMSUNG: (920, 0, 300, 1000, 0, "on_order"),
        BUCK: (44, 0, 0, 44, 0, "on_order"),
        MCU: (45, 0, 0, 50, 0, "on_order"),
        ANTENNA: (41, 0, 0, 50, 0, "on_order"),
    }
    parcel = {"tracking_number": "1Z999AA10123456784", "carrier_name": "UPS"}
    assert event(ben, address, "shipped", **parcel) == "shipped"
    more = [{"id": mcu_line["id"], "quantity": 60}]
    assert "is shipped" in ben.patch(f"{address}lines/", more, expect=409)["detail"]

    # thirty of the fifty controllers come
    some = [{"purchase_line_id": mcu_line["id"], "quantity": 30}]
    assert event(ben, address, "received", lines=some) == "shipped"
    line = ben.get(f"{address}lines/{mcu_line['id']}/")
    assert (line["quantity_received"], line["status"]) == (30, "partially_received")
    assert lots(ben, mcu) == [(30, 30, "Receiving", "9.60"), (20, 20, "Receiving", "9.20")]  # the rovers' 20
    assert supply(ben, program)[MCU] == (45, 30, 0, 20, 0, "on_order")
    assert supply(ben, program)[ANTENNA] == (41, 0, 0, 50, 0, "on_order")
    too_many = [{"purchase_line_id": mcu_line["id"], "quantity": 21}]
    assert "20 are still open" in event(ben, address, "received", lines=too_many, expect=409)

    # then the rest
    assert event(ben, address, "received") == "received"
    order = ben.get(address)
    types = [item["type"] for item in order["events"]]
    assert types == ["approved", "ordered", "shipped", "received", "received"]
    assert order["received_at"] == "2026-01-15T09:00:00Z"
    assert order["total"] == "1350.93"
    assert lots(ben, mcu) == [
        (30, 30, "Receiving", "9.60"),
        (20, 20, "Receiving", "9.60"),
        (20, 20, "Receiving", "9.20"),
    ]
    assert lots(ben, antenna["id"]) == [(50, 50, "Receiving", "12.345")]
    assert event(ben, f"/v1/purchase_orders/{small['id']}/", "ordered") == "in_progress"
    assert event(ben, f"/v1/purchase_orders/{small['id']}/", "received") == "received"
    assert supply(ben, program) == {
        SAMSUNG: (920, 1000, 300, 0, 0, "on_hand"),
        BUCK: (44, 44, 0, 0, 0, "on_hand"),
        MCU: (45, 50, 0, 0, 0, "on_hand"),
        ANTENNA: (41, 50, 0, 0, 0, "on_hand"),
    }

    # five controllers more than it takes: they are given back, and are on hand for everybody
    sql = "SELECT id FROM stock_lots WHERE part_id = $1 AND program_id = $2 AND quantity = 20"
    (lot,) = ben.query(sql, mcu, program["id"])[0]
    assert ben.patch(f"/v1/stock_lots/{lot}/", {"allocated_quantity": 15})["allocated_quantity"] == 15
    assert supply(ben, program)[MCU] == (45, 45, 5, 0, 0, "on_hand")
    assert "more than quantity" in ben.patch(f"/v1/stock_lots/{lot}/", {"quantity": 14}, expect=409)["detail"]

    # -- the supplier's bill
    tooling = ben.get(f"{address}no_part_lines/")["results"][0]
    bill = ben.post(
        "/v1/supplier_bills/",
        {
            "purchase_order_id": order["id"],
            "number": "NB-INV-77",
            "issued_on": "2026-01-15",
            "lines": [
                {"purchase_line_id": mcu_line["id"], "quantity": 50, "unit_price": "9.60"},
                {"purchase_line_id": antenna_line["id"], "quantity": 50, "unit_price": "12.345"},
                {"no_part_line_id": tooling["id"], "unit_price": "120.00"},
            ],
        },
    )
    place = f"/v1/supplier_bills/{bill['id']}/"
    assert (bill["status"], bill["currency"], bill["supplier_id"]) == ("open", "USD", northbridge["id"])
    assert bill["total"] == "1217.25"  # 480.00 + 617.25 + 120.00
    handling = ben.post(f"{place}lines/", {"description": "Handling", "unit_price": "7.505"})
    assert handling["line_total"] == "7.51"  # half a cent is rounded up
    bill = ben.patch(place, {"status": "approved"})
    assert [line["line_total"] for line in bill["lines"]] == ["480.00", "617.25", "120.00", "7.51"]
    assert bill["total"] == "1224.76"
    assert ben.patch(place, {"status": "paid"})["status"] == "paid"
    dearer = ben.patch(f"{place}lines/{handling['id']}/", {"unit_price": "9.00"}, expect=409)
    assert "final" in dearer["detail"]
    assert "paid" in ben.patch(place, {"status": "void"}, expect=409)["detail"]

    assert ben.patch(path, {"status": "complete"})["status"] == "complete"
    ben.call("DELETE", path, expect=409)


def test_the_rovers_from_where_the_fixture_left_them(team):
    ada, ben, eva = team
    program = ada.get("/v1/programs/")["results"][0]
    assert program["name"] == "Rover pilot run"
    connector = "B4B-XH-A(LF)(SN)"
    assert supply(ada, program) == {
        CAP: (630, 0, 400, 1000, 0, "on_order"),  # 12 * 50 * 1.05
        MCU: (51, 20, 0, 40, 0, "on_order"),  # 1 * 50 * 1.02; 20 of 60 have come
        BUCK: (51, 0, 0, 600, 0, "on_order"),
        connector: (102, 0, 0, 110, 0, "on_order"),  # 2 * 50 * 1.02
    }
    assert priced(ada, program) == (
        {
            CAP: (630, "0.02", "12.60"),
            MCU: (51, "10.40", "530.40"),
            BUCK: (51, "2.35", "119.85"),
        },
        [{"currency": "USD", "total": "662.85"}],  # 12.60 + 530.40 + 119.85
        [connector],
    )
    orders = dict(map(tuple, ada.query("SELECT number, id FROM purchase_orders")))
    arrow, digikey = (f"/v1/purchase_orders/{orders[number]}/" for number in ("PO-000001", "PO-000002"))
    order = ada.get(arrow)
    assert (order["status"], order["lines_total"], order["no_part_lines_total"], order["total"]) == (
        "in_progress",
        "571.80",  # 60 * 9.20 + 110 * 0.18 = 552.00 + 19.80
        "18.50",
        "624.61",  # 571.80 + 18.50 + tax 34.31
    )
    order = ada.get(digikey)
    assert (order["status"], order["total"]) == ("requested", "1037.20")  # 1000 * 0.0112 + 600 * 1.71

    for client, path, type, status in [
        (eva, digikey, "approved", "approved"),
        (ben, digikey, "ordered", "in_progress"),
        (ben, digikey, "received", "received"),
        (ben, arrow, "shipped", "shipped"),
        (ben, arrow, "received", "received"),
    ]:
        event = client.post(f"{path}events/", {"type": type})
        assert event["purchase_order_status"] == status
    assert supply(ada, program) == {
        CAP: (630, 1000, 400, 0, 0, "on_hand"),
        MCU: (51, 60, 0, 0, 0, "on_hand"),  # 20 + 40
        BUCK: (51, 600, 0, 0, 0, "on_hand"),
        connector: (102, 110, 0, 0, 0, "on_hand"),
    }

    (bill_id,) = ada.query("SELECT id FROM supplier_bills WHERE number = 'AR-INV-901'")[0]
    bill = ada.patch(f"/v1/supplier_bills/{bill_id}/", {"status": "approved"})
    assert bill["total"] == "202.50"  # 20 * 9.20 + 18.50
    rest = ben.post(
        "/v1/supplier_bills/",
        {
            "purchase_order_id": orders["PO-000001"],
            "lines": [
                {"purchase_line_id": line["id"], "quantity": quantity, "unit_price": line["unit_price"]}
                for line, quantity in zip(ben.get(f"{arrow}lines/")["results"], (40, 110), strict=True)
            ],
        },
    )
    assert rest["total"] == "387.80"  # 40 * 9.20 + 110 * 0.18 = 368.00 + 19.80
