import pytest

NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def part_id(sandbox):
    return next(iter(sandbox.store["part"]))["id"]


@pytest.fixture
def supplier(api):
    return api.post("/v1/suppliers/", {"name": "Sold Out Components"})


@pytest.fixture
def rfq(api):
    """A sent one."""
    rfq = api.post("/v1/rfqs/", {"name": "Pilot run"})
    return api.patch(f"/v1/rfqs/{rfq['id']}/", {"status": "sent"})


@pytest.fixture
def quote(api, supplier, rfq):
    return api.post("/v1/supplier_quotes/", {"supplier_id": supplier["id"], "rfq_id": rfq["id"], "quote_number": "Q-1"})


def test_a_quote_makes_its_rfq_quoted(api, sandbox, supplier, rfq, quote):
    assert (quote["status"], quote["rfq_id"], quote["currency"], quote["valid_until"]) == (
        "received",
        rfq["id"],
        "USD",
        None,
    )
    assert sandbox.store["rfq"].get(rfq["id"])["status"] == "quoted"
    api.post("/v1/supplier_quotes/", {"supplier_id": supplier["id"], "rfq_id": rfq["id"]})
    assert sandbox.store["rfq"].get(rfq["id"])["status"] == "quoted"


def test_a_quote_nobody_asked_for(api, supplier):
    assert api.post("/v1/supplier_quotes/", {"supplier_id": supplier["id"]})["rfq_id"] is None


@pytest.mark.parametrize(
    ("steps", "status"),
    [([], "draft"), (["cancelled"], "cancelled"), (["sent", "quoted", "closed"], "closed")],
)
def test_only_a_sent_or_quoted_rfq_is_quoted(api, sandbox, supplier, steps, status):
    rfq = api.post("/v1/rfqs/", {"name": "x"})
    for step in steps:
        api.patch(f"/v1/rfqs/{rfq['id']}/", {"status": step})
    refusal = api.post("/v1/supplier_quotes/", {"supplier_id": supplier["id"], "rfq_id": rfq["id"]}, expect=409)
    assert f"This RFQ is {status}" in refusal["detail"]
    assert len(sandbox.store["supplier_quote"].where("rfq_id", rfq["id"])) == 0


@pytest.mark.parametrize("decision", ["accepted", "declined", "expired"])
def test_a_decision_is_final(api, part_id, quote, decision):
    line = api.post("/v1/supplier_quote_lines/", {"supplier_quote_id": quote["id"], "part_id": part_id})
    assert (
        api.patch(f"/v1/supplier_quotes/{quote['id']}/", {"status": decision, "valid_until": "2026-03-01"})["status"]
        == decision
    )
    for refusal in (
        api.patch(f"/v1/supplier_quotes/{quote['id']}/", {"status": "received"}, expect=409),
        api.patch(f"/v1/supplier_quotes/{quote['id']}/", {"quote_number": "Q-2"}, expect=409),
        api.post("/v1/supplier_quote_lines/", {"supplier_quote_id": quote["id"], "part_id": part_id}, expect=409),
        api.patch(f"/v1/supplier_quote_lines/{line['id']}/", {"moq": 5}, expect=409),
    ):
        assert f"This supplier quote is {decision}" in refusal["detail"]


def test_a_line_offers_a_part(api, part_id, rfq, quote):
    asked = api.post("/v1/rfq_lines/", {"rfq_id": rfq["id"], "part_id": part_id, "quantity": 500})
    line = api.post(
        "/v1/supplier_quote_lines/",
        {
            "supplier_quote_id": quote["id"],
            "part_id": part_id,
            "rfq_line_id": asked["id"],
            "quantity": 500,
            "unit_price": "0.045",
            "moq": 100,
            "lead_time_days": 21,
            "price_breaks": [{"quantity": 1000, "unit_price": "0.040"}],
        },
    )
    assert line["price_breaks"] == [{"quantity": 1000, "unit_price": "0.040"}]
    assert (
        line["rfq_line_id"],
        line["unit_price"],
        line["moq"],
        line["order_multiple"],
        line["lead_time_days"],
    ) == (asked["id"], "0.045", 100, 1, 21)
    changed = api.patch(f"/v1/supplier_quote_lines/{line['id']}/", {"lead_time_days": 7, "rfq_line_id": None})
    assert (changed["lead_time_days"], changed["rfq_line_id"], changed["unit_price"]) == (7, None, "0.045")


def test_a_line_answers_a_line_of_the_quotes_own_rfq(api, supplier, part_id, quote):
    other = api.post("/v1/rfqs/", {"name": "Another"})
    foreign = api.post("/v1/rfq_lines/", {"rfq_id": other["id"], "part_id": part_id, "quantity": 1})
    body = {"supplier_quote_id": quote["id"], "part_id": part_id}
    refusal = api.post("/v1/supplier_quote_lines/", {**body, "rfq_line_id": foreign["id"]}, expect=409)
    assert quote["rfq_id"] in refusal["detail"]
    line = api.post("/v1/supplier_quote_lines/", body)
    api.patch(f"/v1/supplier_quote_lines/{line['id']}/", {"rfq_line_id": foreign["id"]}, expect=409)

    unasked = api.post("/v1/supplier_quotes/", {"supplier_id": supplier["id"]})
    refusal = api.post(
        "/v1/supplier_quote_lines/",
        {**body, "supplier_quote_id": unasked["id"], "rfq_line_id": foreign["id"]},
        expect=409,
    )
    assert "no RFQ" in refusal["detail"]


def test_bad_values_and_references_are_named(api, quote):
    errors = api.post("/v1/supplier_quotes/", {"supplier_id": NOWHERE, "valid_until": "2026-02-30"}, expect=400)
    assert set(errors) == {"supplier_id", "valid_until"}
    errors = api.post(
        "/v1/supplier_quote_lines/",
        {
            "supplier_quote_id": quote["id"],
            "part_id": "AAAAAAAAAAAA",
            "unit_price": 0.5,
            "moq": 0,
            "price_breaks": [{"quantity": 1}],
        },
        expect=400,
    )
    assert set(errors) == {"part_id", "unit_price", "moq", "price_breaks"}
    assert errors["price_breaks"] == [{"unit_price": ["This field is required."]}]


def test_unknown_quotes_and_lines_are_not_found(api):
    api.patch(f"/v1/supplier_quotes/{NOWHERE}/", {"status": "accepted"}, expect=404)
    api.patch(f"/v1/supplier_quote_lines/{NOWHERE}/", {"moq": 1}, expect=404)


@pytest.mark.parametrize(
    ("breaks", "moq", "told"),
    [
        ([10, 100, 1000], 1, None),
        ([10], 10, None),
        ([], 10, None),
        ([100, 10], 1, "price_breaks[1].quantity is 10"),
        ([10, 10], 1, "price_breaks[1].quantity is 10"),
        ([5, 50], 10, "price_breaks[0].quantity is 5"),
    ],
)
def test_price_breaks_ascend_from_the_least_that_is_sold(api, part_id, quote, breaks, moq, told):
    body = {
        "supplier_quote_id": quote["id"],
        "part_id": part_id,
        "moq": moq,
        "price_breaks": [{"quantity": quantity, "unit_price": "1"} for quantity in breaks],
    }
    answer = api.post("/v1/supplier_quote_lines/", body, expect=409 if told else 201)
    assert told is None or told in answer["detail"]


def test_the_least_that_is_sold_is_not_raised_above_a_price_break(api, part_id, quote):
    body = {"supplier_quote_id": quote["id"], "part_id": part_id, "price_breaks": [{"quantity": 5, "unit_price": "1"}]}
    path = f"/v1/supplier_quote_lines/{api.post('/v1/supplier_quote_lines/', body)['id']}/"
    assert "moq, 6" in api.patch(path, {"moq": 6}, expect=409)["detail"]
    assert api.patch(path, {"moq": 5})["moq"] == 5
