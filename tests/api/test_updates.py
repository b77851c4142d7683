"""What counts as a change of a record: its `updated_at`, and one event for each record a call has changed."""

import collections

import pytest

from mockserver.admin.jobs import Jobs
from mockserver.admin.webhooks import Webhooks

LATER = "2026-01-15T10:00:00Z"


@pytest.fixture
def api(api):
    """A client an hour after all records of the world were made, on a clock that stands still."""
    api.sandbox.clock.advance(hours=1)
    return api


@pytest.fixture
def told(api):
    """What a subscriber was told since the last look: `[(record type, event type, id)]`."""
    hooks = Webhooks(api.sandbox)
    hooks.subscribe("http://receiver.test/")
    seen = set()

    def told():
        fresh = [delivery for id, delivery in hooks.deliveries.items() if id not in seen]
        seen.update(hooks.deliveries)
        return [(each.event["record_type"], each.event["event_type"], each.event["id"]) for each in fresh]

    return told


def first(api, kind, **where):
    return next(
        record for record in api.sandbox.store[kind] if all(record[name] == value for name, value in where.items())
    )


def bom_line_added(api):
    part = first(api, "part", mpn="TPS62130RGTR")
    new = api.post("/v1/boms/", {"name": "x"})["id"]
    api.sandbox.clock.advance(hours=1)
    return "BOM", new, lambda: api.post(f"/v1/boms/{new}/lines/", {"part_id": part["id"]})


def bom_line_deleted(api):
    line = first(api, "bom_line")
    return "BOM", line["bom_id"], lambda: api.delete(f"/v1/boms/{line['bom_id']}/lines/{line['id']}/")


def order_line_changed(api):
    line = first(api, "purchase_line", purchase_order_id=first(api, "purchase_order", status="approved")["id"])
    path = f"/v1/purchase_orders/{line['purchase_order_id']}/lines/"
    return "PurchaseOrder", line["purchase_order_id"], lambda: api.patch(path, [{"id": line["id"], "quantity": 1}])


def order_fee_added(api):
    order = first(api, "purchase_order", status="approved")
    path = f"/v1/purchase_orders/{order['id']}/no_part_lines/"
    return "PurchaseOrder", order["id"], lambda: api.post(path, {"description": "Fee", "unit_price": "1"})


def bill_line_changed(api):
    bill = first(api, "supplier_bill", status="open")
    line = first(api, "supplier_bill_line", supplier_bill_id=bill["id"])
    path = f"/v1/supplier_bills/{bill['id']}/lines/{line['id']}/"
    return "SupplierBill", bill["id"], lambda: api.patch(path, {"description": "Other"})


def team_joined(api):
    team, user = first(api, "team", name="Motion"), first(api, "user", first_name="Eva")
    return "Team", team["id"], lambda: api.patch(f"/v1/teams/{team['id']}/", {"user_ids": [user["id"]]})


CHANGES = [bom_line_added, bom_line_deleted, order_line_changed, order_fee_added, bill_line_changed, team_joined]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_what_a_parent_answers_is_its_update(api, told, change):
    record_type, id, act = change(api)
    told()
    act()
    events = told()
    assert events.count((record_type, "updated", id)) == 1
    assert max(collections.Counter(events).values()) == 1
    resource = next(each for each in api_resources() if each.record_type == record_type)
    assert api.sandbox.store[resource.kind].get(id)["updated_at"] == api.sandbox.clock.stamp()


def api_resources():
    from mockserver import resources

    return resources.by_kind().values()


def test_what_a_parent_does_not_answer_leaves_it_as_it_is(api, told):
    line = first(api, "bom_line")
    before = api.get(f"/v1/boms/{line['bom_id']}/")
    api.patch(f"/v1/boms/{line['bom_id']}/lines/{line['id']}/", {"comments": "x"})
    assert api.get(f"/v1/boms/{line['bom_id']}/") == before
    order_line = first(api, "purchase_line", purchase_order_id=first(api, "purchase_order", status="approved")["id"])
    path = f"/v1/purchase_orders/{order_line['purchase_order_id']}/"
    order = api.get(path)
    api.patch(f"{path}lines/", [{"id": order_line["id"], "sku": "X"}])
    assert api.get(path) == order
    assert {record_type for record_type, _, _ in told()} == {"BomLine", "PurchaseLine"}


def test_a_new_record_with_its_lines_is_told_once_each(api, told):
    part_id = first(api, "part")["id"]
    bom = api.post("/v1/boms/", {"name": "x", "lines": [{"part_id": part_id, "quantity": 1}] * 3})
    supplier = first(api, "supplier")["id"]
    line = {"part_id": part_id, "quantity": 1, "unit_price": "1"}
    order = api.post("/v1/purchase_orders/", {"supplier_id": supplier, "lines": [line] * 3})
    events = told()
    assert events.count(("BOM", "created", bom["id"])) == 1
    assert events.count(("PurchaseOrder", "created", order["id"])) == 1
    assert collections.Counter(record_type for record_type, _, _ in events) == {
        "BOM": 1,
        "BomLine": 1,
        "PurchaseOrder": 1,
        "PurchaseLine": 3,
    }


def test_a_large_import_tells_of_every_line(api, told):
    lines = [{"mpn": f"NO-MAKER-{number}"} for number in range(1500)]
    bom = api.post("/v1/parse_raw_bom/", {"name": "x", "raw_lines": lines})
    events = told()
    assert collections.Counter(record_type for record_type, _, _ in events) == {"BOM": 1, "BomLine": 1500}
    assert {id for record_type, _, id in events if record_type == "BomLine"} == {line["id"] for line in bom["lines"]}


def test_a_record_that_was_changed_twice_in_a_call_is_told_once(api, told):
    order = first(api, "purchase_order", status="in_progress")
    api.post(f"/v1/purchase_orders/{order['id']}/events/", {"type": "received"})
    assert max(collections.Counter(told()).values()) == 1


# -- polling ---------------------------------------------------------------------------------------------------


def test_who_polls_with_the_last_update_it_saw_misses_nothing(api):
    """The clock stands still between what was seen and what was changed after it was."""
    api.post("/v1/boms/", {"name": "one"})
    seen = max(bom["updated_at"] for bom in api.get("/v1/boms/")["results"])
    later = api.post("/v1/boms/", {"name": "two"})
    changed = first(api, "bom", name="Sensor Hub")["id"]
    api.patch(f"/v1/boms/{changed}/", {"version": "Z"})
    found = {bom["id"] for bom in api.get(f"/v1/boms/?updated_after={seen}")["results"]}
    assert {later["id"], changed} <= found
    assert first(api, "bom", name="Motor Controller")["id"] not in found


def test_what_changes_in_the_first_moment_of_a_world_is_found(api):
    api.sandbox.reset()
    seen = max(bom["updated_at"] for bom in api.get("/v1/boms/")["results"])
    assert api.get(f"/v1/boms/?updated_after={seen}")["results"] == []
    changed = first(api, "bom", name="Sensor Hub")["id"]
    api.patch(f"/v1/boms/{changed}/", {"version": "Z"})
    assert [bom["id"] for bom in api.get(f"/v1/boms/?updated_after={seen}")["results"]] == [changed]


# -- late work -------------------------------------------------------------------------------------------------


@pytest.fixture
def late(api):
    """Start a job of parts that waits; return what ends it."""
    jobs = Jobs(api.sandbox)
    jobs.policy("manual")
    method = next(each.method for each in api.app.operations if each.id == "upsert_parts_async")

    def late(*parts, how="create"):
        path = f"/v1/parts/async_{how}/"
        job = api.call("POST" if how == "create" else method, path, json={"parts": list(parts)}).json
        return lambda: jobs.complete(job["id"])

    return late


@pytest.mark.parametrize("how", ["create", "upsert"])
def test_what_was_deleted_since_a_job_was_started_is_an_error_of_its_item(api, late, how):
    from mockserver.admin.records import Records

    records = Records(api.sandbox)
    tag, team = api.post("/v1/tags/", {"name": "T"}), api.post("/v1/teams/", {"name": "T"})
    choice = api.post(
        "/v1/custom_properties/",
        {"name": "C", "record_type": "part", "value_type": "select", "options": ["a", "b"]},
    )
    gone = api.post("/v1/custom_properties/", {"name": "G", "record_type": "part", "value_type": "text"})
    end = late(
        {"mpn": "L-1", "tag_ids": [tag["id"]]},
        {"mpn": "L-2", "team_ids": [team["id"]]},
        {"mpn": "L-3", "custom_properties": {choice["id"]: "a"}},
        {"mpn": "L-4", "custom_properties": {gone["id"]: "x"}},
        {"mpn": "L-5"},
        how=how,
    )
    records.delete("tag", tag["id"])
    api.delete(f"/v1/teams/{team['id']}/")
    api.patch(f"/v1/custom_properties/{choice['id']}/", {"options": ["b"]})
    records.delete("custom_property", gone["id"])
    job = end()
    assert job["status"] == "complete"
    assert [(error["index"], list(error["errors"])) for error in job["result"]["errors"]] == [
        (0, ["tag_ids"]),
        (1, ["team_ids"]),
        (2, ["custom_properties"]),
        (3, ["custom_properties"]),
    ]
    assert [api.get(f"/v1/parts/{id}/")["mpn"] for id in job["result"]["created"]] == ["L-5"]


def test_a_property_that_became_required_is_asked_for_late_too(api, late):
    old = api.post("/v1/custom_properties/", {"name": "O", "record_type": "part", "value_type": "text"})
    end = late({"mpn": "L-1", "custom_properties": {old["id"]: "x"}})
    api.post("/v1/custom_properties/", {"name": "N", "record_type": "part", "value_type": "text", "required": True})
    assert [list(error["errors"]) for error in end()["result"]["errors"]] == [["custom_properties"]]


def test_a_job_whose_key_was_deleted_fails_and_nothing_else_does(api):
    from mockserver.admin.records import Records

    Jobs(api.sandbox).policy("time", seconds=60)
    key = first(api, "api_key", name="Admin key")
    other = api.as_key("mockkey2.00000000000000000000000000000000")
    job = api.post("/v1/parts/async_create/", {"parts": [{"mpn": "L-1"}]})
    Records(api.sandbox).delete("api_key", key["id"])
    api.sandbox.clock.advance(hours=1)
    ended = other.get(f"/v1/async_jobs/{job['id']}/")
    assert (ended["status"], ended["errors"]) == (
        "failed",
        [{"detail": "The API key that started this job has been deleted."}],
    )
    assert not [part for part in api.sandbox.store["part"] if part["mpn"] == "L-1"]


def test_a_late_job_is_done_as_at_its_time(api):
    from mockserver.admin.clock import Clock

    Jobs(api.sandbox).policy("time", seconds=3600)
    job = api.post("/v1/parts/async_create/", {"parts": [{"mpn": "L-1", "is_custom_part": True}]})
    Clock(api.sandbox).advance(days=5)
    ended = api.get(f"/v1/async_jobs/{job['id']}/")
    part = api.get(f"/v1/parts/{ended['result']['created'][0]}/")
    due = "2026-01-15T11:00:00Z"
    assert [ended["finished_at"], ended["started_at"], ended["updated_at"], part["created_at"]] == [due] * 4


def test_jobs_found_late_are_done_in_the_order_of_their_times(api):
    """A clock that was moved behind the mock's back, as a running one moves."""
    jobs = Jobs(api.sandbox)
    jobs.policy("time", seconds=7200)
    slow = api.post("/v1/parts/async_create/", {"parts": [{"mpn": "L-1", "is_custom_part": True}]})
    jobs.policy("time", seconds=3600)
    fast = api.post("/v1/parts/async_create/", {"parts": [{"mpn": "L-1", "is_custom_part": True}]})
    api.sandbox.clock.advance(days=5)
    ended = [api.get(f"/v1/async_jobs/{job['id']}/") for job in (fast, slow)]
    assert [len(job["result"]["created"]) for job in ended] == [1, 0]
    assert [job["finished_at"] for job in ended] == ["2026-01-15T11:00:00Z", "2026-01-15T12:00:00Z"]
