"""A record that has come to its end answers alike, whatever it is: 200 to what changes nothing, 409 to the rest."""

import pytest

END = [
    ("supplier_bill", "/v1/supplier_bills/", "paid", {"number": "other"}),
    ("supplier_bill", "/v1/supplier_bills/", "void", {"number": "other"}),
    ("stock_lot", "/v1/stock_lots/", "consumed", {"bin": "other"}),
    ("rfq", "/v1/rfqs/", "closed", {"name": "other"}),
    ("rfq", "/v1/rfqs/", "cancelled", {"name": "other"}),
    ("supplier_quote", "/v1/supplier_quotes/", "accepted", {"quote_number": "other"}),
    ("supplier_quote", "/v1/supplier_quotes/", "declined", {"quote_number": "other"}),
    ("supplier_quote", "/v1/supplier_quotes/", "expired", {"quote_number": "other"}),
]


def first(api, kind, **where):
    return next(
        record for record in api.sandbox.store[kind] if all(record[name] == value for name, value in where.items())
    )


@pytest.mark.parametrize(("kind", "path", "status", "change"), END)
def test_the_end_is_the_end(api, kind, path, status, change):
    record = first(api, kind, status=status)
    url = f"{path}{record['id']}/"
    label = {"rfq": "RFQ"}.get(kind, kind.replace("_", " "))
    same = {name: record[name] for name in change}
    for body in ({}, {"status": status}, same, {**same, "status": status}):
        assert api.patch(url, body)["status"] == status
    name = next(iter(change))
    told = f"This {label} is {status}, which is final: its {name} cannot change."
    assert api.patch(url, change, expect=409) == {"detail": told}
    moved = api.patch(
        url,
        {"status": "sent" if kind == "rfq" else "received" if kind == "supplier_quote" else "open"}
        if kind != "stock_lot"
        else {"status": "available"},
        expect=409,
    )
    assert moved["detail"].startswith(f"This {label} is {status} and cannot become ")
    assert moved["detail"].endswith(": that is final.")


@pytest.mark.parametrize(
    ("kind", "parent", "status", "path", "change"),
    [
        ("rfq_line", "rfq", "closed", "/v1/rfq_lines/{id}/", {"quantity": 7}),
        ("supplier_quote_line", "supplier_quote", "accepted", "/v1/supplier_quote_lines/{id}/", {"quantity": 7}),
        ("supplier_bill_line", "supplier_bill", "paid", "/v1/supplier_bills/{parent}/lines/{id}/", {"quantity": 7}),
        ("program_line", "program", "complete", "/v1/programs/{parent}/lines/{id}/", {"quantity": 7}),
    ],
)
def test_its_lines_end_with_it(api, kind, parent, status, path, change):
    field = f"{parent}_id"
    record = next(
        (each for each in api.sandbox.store[kind] if api.sandbox.store[parent].get(each[field])["status"] == status),
        None,
    )
    if record is None:  # the world has none: an open one is brought to its end
        record = first(api, kind)
        above = api.sandbox.store[parent].get(record[field])
        api.sandbox.store.replace(parent, {**above, "status": status})
    url = path.format(id=record["id"], parent=record[field])
    same = {name: record[name] for name in change}
    assert api.patch(url, same)["id"] == record["id"]
    assert status in api.patch(url, change, expect=409)["detail"]


def test_an_override_ends_with_its_program(api):
    override = first(api, "part_override")
    program = api.sandbox.store["program"].get(override["program_id"])
    api.sandbox.store.replace("program", {**program, "status": "complete"})
    url = f"/v1/programs/{program['id']}/part_overrides/{override['id']}/"
    assert api.patch(url, {"notes": override["notes"]})["id"] == override["id"]
    assert "complete" in api.patch(url, {"notes": "other"}, expect=409)["detail"]


def test_lines_of_a_shipped_order_are_patched_with_themselves_alone(api):
    order = first(api, "purchase_order", status="shipped")
    line = first(api, "purchase_line", purchase_order_id=order["id"])
    url = f"/v1/purchase_orders/{order['id']}/lines/"
    assert api.patch(url, [{"id": line["id"], "quantity": line["quantity"]}])[0]["quantity"] == line["quantity"]
    assert "shipped" in api.patch(url, [{"id": line["id"], "quantity": line["quantity"] + 1}], expect=409)["detail"]
