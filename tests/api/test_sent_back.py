"""What is answered can be sent back: every record of both worlds, to a sandbox that takes no unknown key."""

import pytest

from mockserver import resources, worlds
from mockserver.resources import async_jobs
from mockserver.sandbox import Sandbox

from ..conftest import Api, shared_app

KEYS = {"default": "mockkey1.00000000000000000000000000000000"}
WORLDS = ("default", "procurement")
UPDATES = [
    operation
    for operation in resources.operations()
    if operation.method == "PATCH" and operation.id != "update_api_key"
]
BULK = [operation for operation in UPDATES if isinstance(operation.handler.body, list)]
SINGLE = [operation for operation in UPDATES if operation not in BULK]
NEVER_SAME = {"updated_at"}


@pytest.fixture
def strict():
    def strict(world):
        sandbox = Sandbox(worlds.load(world), strict=True)
        key = next(each for each in sandbox.store["api_key"] if "Admin" in each["roles"])
        return Api(sandbox, key["key"])

    return strict


def ids_of(operation, store, record):
    """The ids in the path of an operation on this record."""
    ids = {operation.parameters[-1]: record["id"]}
    for name in operation.parameters[-2::-1]:
        ids[name] = record[name]
    return ids


def answered(api, operation, ids, record):
    """The record as the API answers it: read if it can be, else as its last answer had it."""
    resource = operation.handler.returns
    get = next((each for each in api.app.operations if each.id == resource.retrieve_id), None)
    if get is not None:
        return api.get(get.path.format(**ids))
    from mockserver.admin.scope import admin_scope

    return resource.present(admin_scope(api.sandbox), record)


def unstamped(value):
    """A body without the moments of its changes."""
    if isinstance(value, dict):
        return {key: unstamped(item) for key, item in value.items() if key not in NEVER_SAME}
    return list(map(unstamped, value)) if isinstance(value, list) else value


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("operation", SINGLE, ids=lambda operation: operation.id)
def test_a_record_is_patched_with_its_own_answer(strict, world, operation):
    api = strict(world)
    kind = operation.kinds[-1]
    records = resources.by_kind()[kind].records(api.sandbox.store)
    for record in list(records):
        ids = ids_of(operation, api.sandbox.store, record)
        body = answered(api, operation, ids, record)
        after = api.patch(operation.path.format(**ids), body)
        assert unstamped(after) == unstamped(body)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("operation", BULK, ids=lambda operation: operation.id)
def test_many_records_are_patched_with_their_list(strict, world, operation):
    api = strict(world)
    for parent in list(api.sandbox.store[operation.kinds[-1]]):
        path = operation.path.format(**{operation.parameters[-1]: parent["id"]})
        body = api.get(f"{path}?limit=500")["results"]
        if body:
            assert unstamped(api.patch(path, body)) == unstamped(body)


def test_the_key_is_patched_with_its_own_answer(strict):
    api = strict("default")
    body = api.patch("/v1/api_key/", {})
    assert unstamped(api.patch("/v1/api_key/", body)) == unstamped(body)


@pytest.mark.parametrize("world", WORLDS)
def test_parts_are_upserted_with_their_own_answers(strict, world):
    api = strict(world)
    own = [part for part in api.sandbox.store["part"] if part["org_id"]]
    made = api.post("/v1/parts/async_create/", {"parts": [{"mpn": "NEW-1", "manufacturer_name": "Murata"}]})
    bodies = [api.get(f"/v1/parts/{id}/") for id in [part["id"] for part in own] + made["result"]["created"]]
    method = next(each.method for each in shared_app().operations if each.id == "upsert_parts_async")
    by_org = {}
    for body in bodies:
        by_org.setdefault(body["org_id"], []).append(body)
    for org_id, parts in by_org.items():
        job = api.call(method, f"/v1/parts/async_upsert/?org_id={org_id}", json={"parts": parts}).json
        assert (len(job["result"]["updated"]), job["result"]["errors"]) == (len(parts), [])
    assert [unstamped(api.get(f"/v1/parts/{body['id']}/")) for body in bodies] == list(map(unstamped, bodies))


# -- the same for what is created ------------------------------------------------------------------------------


def test_the_lines_of_one_record_are_sent_to_another(strict):
    """A list of lines as it was answered makes the same lines elsewhere, and no key of it is unknown."""
    api = strict("default")
    bom = api.get("/v1/boms/")["results"][0]
    lines = api.get(f"/v1/boms/{bom['id']}/lines/")["results"]
    raw = api.post("/v1/parse_raw_bom/", {"name": "Copy", "raw_lines": [line | {"quantity": 1} for line in lines]})
    assert raw["line_count"] == len(lines)
    known = [line for line in lines if line["part_id"]]
    copy = api.post("/v1/boms/", {**bom, "name": "Copy", "lines": known})
    assert copy["line_count"] == len(known)
    upserted = {**bom, "integration_source_name": "plm", "integration_record_id": "1", "raw_lines": lines}
    assert api.put("/v1/boms/async_upsert/", upserted)["status"] == async_jobs.COMPLETE
    program = api.get("/v1/programs/?status=approved")["results"][0]
    path = f"/v1/programs/{api.post('/v1/programs/', {**program, 'status': 'draft'})['id']}/"
    for children in ("lines/", "part_overrides/"):
        items = api.get(f"/v1/programs/{program['id']}/{children}")["results"]
        assert len(api.post(f"{path}{children}", items)) == len(items)
    order = next(order for order in api.sandbox.store["purchase_order"] if order["status"] == "approved")
    order_path = f"/v1/purchase_orders/{order['id']}/"
    body = api.get(order_path) | {
        "number": "COPY",
        "lines": api.get(f"{order_path}lines/")["results"],
        "no_part_lines": api.get(f"{order_path}no_part_lines/")["results"],
    }
    assert api.post("/v1/purchase_orders/", body)["total"] == body["total"]


def test_a_key_that_no_answer_has_is_still_unknown(strict):
    api = strict("default")
    bom = api.get("/v1/boms/")["results"][0]
    assert api.patch(f"/v1/boms/{bom['id']}/", {**bom, "colour": "red"}, expect=400) == {"colour": ["Unknown field."]}
    part_id = next(iter(api.sandbox.store["part"]))["id"]
    lines = [{"part_id": part_id}, {"part_id": part_id, "status": "on_hand", "size": 5}, {"part_id": part_id}]
    assert api.post("/v1/boms/", {"name": "x", "lines": lines}, expect=400) == {
        "lines": [{}, {"size": ["Unknown field."]}, {}]
    }


@pytest.mark.parametrize("quantity", [0, 1])
def test_a_bom_line_without_designators_or_with_many_is_sent_back(strict, quantity):
    api = strict("default")
    part_id = next(iter(api.sandbox.store["part"]))["id"]
    bom = api.post("/v1/boms/", {"name": "x"})
    names = [f"C{number}" for number in range(1, 400)] if quantity else []
    line = api.post(f"/v1/boms/{bom['id']}/lines/", {"part_id": part_id, "reference_designators": names})
    assert (len(line["reference_designators_string"]) > 255) == bool(quantity)
    path = f"/v1/boms/{bom['id']}/lines/{line['id']}/"
    assert unstamped(api.patch(path, line)) == unstamped(line)
    only_the_text = {"reference_designators_string": line["reference_designators_string"]}
    assert unstamped(api.patch(path, only_the_text)) == unstamped(line)


def test_of_a_list_and_a_text_sent_back_the_one_that_was_changed_counts(strict):
    api = strict("default")
    part_id = next(iter(api.sandbox.store["part"]))["id"]
    bom = api.post("/v1/boms/", {"name": "x"})
    line = api.post(f"/v1/boms/{bom['id']}/lines/", {"part_id": part_id, "reference_designators": ["C1", "C2"]})
    path = f"/v1/boms/{bom['id']}/lines/{line['id']}/"
    assert api.patch(path, line | {"reference_designators_string": "C1-C3"})["reference_designators"] == [
        "C1",
        "C2",
        "C3",
    ]
    assert api.patch(path, line | {"reference_designators": ["C9"]})["reference_designators_string"] == "C9"
