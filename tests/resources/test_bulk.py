"""Operations on many records do all of what they are asked or nothing: here 500 rows, one of them wrong."""

import pytest

ROWS, WRONG = 500, 271
ABSENT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def part_ids(api):
    """500 parts of the organisation's own."""
    parts = [{"mpn": f"BULK-{number}", "is_custom_part": True} for number in range(ROWS)]
    job = api.post("/v1/parts/async_create/", {"parts": parts})
    return api.get(f"/v1/async_jobs/{job['id']}/")["result"]["created"]


@pytest.fixture
def program(api):
    return f"/v1/programs/{api.post('/v1/programs/', {'name': 'Bulk'})['id']}/"


@pytest.fixture
def order(api, part_ids):
    """An order of 500 parts and as many other things."""
    order = api.post(
        "/v1/purchase_orders/",
        {
            "supplier_id": next(iter(api.sandbox.store["supplier"]))["id"],
            "lines": [{"part_id": id, "quantity": 2, "unit_price": "0.01"} for id in part_ids],
            "no_part_lines": [{"description": f"Fee {n}", "unit_price": "0.01"} for n in range(ROWS)],
        },
    )
    return f"/v1/purchase_orders/{order['id']}/"


def program_lines(api, program, part_ids):
    rows = [{"part_id": id, "quantity": 1} for id in part_ids]
    return "POST", f"{program}lines/", rows, {"quantity": 0}, {"bom_id": None, "part_id": None}


def part_overrides(api, program, part_ids):
    rows = [{"part_id": id, "quantity_override": 1} for id in part_ids]
    return "POST", f"{program}part_overrides/", rows, {"part_id": "NOSUCHPART00"}, {"part_id": part_ids[0]}


def purchase_lines(api, order, part_ids):
    rows = [{"id": line["id"], "quantity": 3} for line in api.get(f"{order}lines/?limit=1000")["results"]]
    return "PATCH", f"{order}lines/", rows, {"unit_price": 5}, {"id": rows[0]["id"]}


def no_part_lines(api, order, part_ids):
    rows = [{"id": line["id"], "quantity": 3} for line in api.get(f"{order}no_part_lines/?limit=1000")["results"]]
    return "PATCH", f"{order}no_part_lines/", rows, {"id": ABSENT}, {"id": rows[0]["id"]}


@pytest.mark.parametrize(
    ("parent", "request_of"),
    [
        ("program", program_lines),
        ("program", part_overrides),
        ("order", purchase_lines),
        ("order", no_part_lines),
    ],
)
def test_one_bad_row_of_500_and_nothing_is_done(api, request, part_ids, parent, request_of):
    """`malformed` is what makes the row a 400, `refused` what makes it a 409."""
    path = request.getfixturevalue(parent)
    method, url, rows, malformed, refused = request_of(api, path, part_ids)
    assert len(rows) == ROWS
    before = {kind: list(table) for kind, table in api.sandbox.store.tables.items()}

    def ask(change, expect):
        body = [row | change if index == WRONG else row for index, row in enumerate(rows)]
        return api.call(method, url, json=body, expect=expect).json

    problem = ask(malformed, 400)
    assert [index for index, errors in enumerate(problem) if errors] == [WRONG]
    assert len(problem) == ROWS
    assert list(problem[WRONG]) == list(malformed)
    assert ask(refused, 409)["detail"]
    assert {kind: list(table) for kind, table in api.sandbox.store.tables.items()} == before

    done = ask({}, {"POST": 201, "PATCH": 200}[method])
    assert len(done) == ROWS
