"""A sandbox is one world: reset, snapshotted and restored as one, shared with none, safe between threads."""

import datetime as dt
import io
from concurrent.futures import ThreadPoolExecutor

import pytest

from mockserver import resources, worlds
from mockserver.admin import state
from mockserver.admin.errors import Refused
from mockserver.admin.faults import Faults
from mockserver.admin.jobs import Jobs
from mockserver.admin.webhooks import Webhooks
from mockserver.resources.async_jobs import MANUAL
from mockserver.sandbox import OWN_KINDS, Sandbox

from ..conftest import ADMIN_KEY, Api

HEADERS = {"Authorization": f"Api-Key {ADMIN_KEY}"}


def everything(sandbox) -> dict:
    """All that a sandbox consists of, comparable: its records by kind, with their places, and the next one's."""
    return {
        kind: (list(table.items()), sandbox.store.next_ordinal(kind)) for kind, table in sandbox.store.tables.items()
    }


def disturb(sandbox):
    """Change everything there is to change."""
    api = Api(sandbox)
    api.post("/v1/tags/", {"name": "Disturbance"})
    boms = api.get("/v1/boms/")["results"]
    api.patch(f"/v1/boms/{boms[0]['id']}/", {"name": "Other"})
    api.delete(f"/v1/boms/{boms[0]['id']}/")
    line = api.get(f"/v1/boms/{boms[1]['id']}/lines/")["results"][0]
    api.delete(f"/v1/boms/{boms[1]['id']}/lines/{line['id']}/")
    requested = next(order for order in sandbox.store["purchase_order"] if order["status"] == "requested")
    api.delete(f"/v1/purchase_orders/{requested['id']}/")
    api.post("/v1/parse_raw_bom/", {"name": "x", "raw_lines": [{"mpn": "LM358DR", "manufacturer_name": "TI"}]})
    key = next(iter(sandbox.store["api_key"]))
    sandbox.store.replace("api_key", {**key, "name": "Renamed"})
    sandbox.clock.run(1000.0)
    sandbox.clock.advance(days=3)
    Jobs(sandbox).policy(MANUAL)
    Jobs(sandbox).policy("reads", reads=3, operation="upsert_bom_async")
    faults = Faults(sandbox, resources.operations())
    faults.add("list_tags", status=503, times=3)
    faults.add(rate_limit={"requests": 100, "seconds": 60})
    Webhooks(sandbox).subscribe("http://receiver.test/", ["Tag"])
    sandbox.strict = True
    api.post("/v1/tags/", {"name": "Told"})
    api.call("POST", "/v1/stock_documents/", data={"file": (io.BytesIO(b"content"), "a.txt")})
    sandbox.extras["some-record"] = {"colour": "green"}


def test_reset_restores_everything(sandbox):
    fresh = everything(sandbox)
    disturb(sandbox)
    changed = everything(sandbox)
    assert all(changed[kind] != fresh[kind] for kind in [*OWN_KINDS, "tag", "bom", "bom_line", "api_key"])
    sandbox.reset()
    assert everything(sandbox) == fresh


def test_after_a_reset_the_same_calls_answer_the_same_bytes(sandbox):
    api = Api(sandbox)
    first = api.call("POST", "/v1/tags/", json={"name": "A"}).data
    sandbox.reset()
    assert api.call("POST", "/v1/tags/", json={"name": "A"}).data == first


def test_reset_restores_the_policies_a_sandbox_began_with():
    sandbox = Sandbox(worlds.load("empty"), strict=True)
    sandbox.strict = False
    sandbox.reset()
    assert sandbox.strict


def test_all_that_has_state_is_a_record(sandbox):
    """Beside its store a sandbox holds what it was made of and what happened; a snapshot misses nothing."""
    of_its_making = {"world", "name", "rate", "initially_strict", "key_salt", "id", "created_at"}
    of_the_process = {"used_at", "lock", "log"}
    what_happened = {"journal", "history", "snapshots"}
    assert vars(sandbox).keys() == of_its_making | of_the_process | what_happened | {"store", "clock"}
    assert vars(sandbox.clock) == {"store": sandbox.store}
    assert vars(sandbox.store).keys() == {"kinds", "tables", "number", "observers", "log", "_open"}
    assert sandbox.snapshot().tables.keys() == sandbox.store.tables.keys() >= OWN_KINDS.keys()
    assert OWN_KINDS.keys() == state.SCHEMAS.keys()  # each can be exported and imported


def test_restore_brings_back_the_moment_of_the_snapshot(sandbox):
    api = Api(sandbox)
    api.post("/v1/tags/", {"name": "Kept"})
    sandbox.clock.advance(hours=1)
    Jobs(sandbox).policy("fail", errors=("no",))
    kept = everything(sandbox)
    snapshot = sandbox.snapshot()
    for _ in range(2):  # a snapshot serves more than once
        disturb_again(sandbox)
        sandbox.restore(snapshot)
        assert everything(sandbox) == kept
    assert [tag["name"] for tag in api.get("/v1/tags/")["results"]][-1] == "Kept"


def disturb_again(sandbox):
    Jobs(sandbox).clear()
    disturb(sandbox)


def test_sandboxes_of_one_world_share_nothing():
    world = worlds.load("default")
    one, other = Sandbox(world), Sandbox(world)
    untouched = everything(other)
    disturb(one)
    assert everything(other) == untouched == everything(Sandbox(world))


def test_a_sandbox_with_a_rate_runs_from_the_wall_clock():
    before = dt.datetime.now(dt.UTC)
    sandbox = Sandbox(worlds.load("empty"), rate=1.0)
    assert before <= sandbox.clock.now() <= dt.datetime.now(dt.UTC)


def test_a_job_policy_is_one_of_those_there_are(sandbox):
    with pytest.raises(Refused, match=r'"soon" is not a valid choice\. There are immediate, reads, time, manual, fail'):
        Jobs(sandbox).policy("soon")


def test_sixteen_threads_lose_no_update(sandbox):
    api = Api(sandbox)
    bom = api.post("/v1/boms/", {"name": "Shared"})
    part_id = next(iter(sandbox.store["part"]))["id"]
    threads, times = 16, 8

    def work(number):
        client = api.new_client()
        for turn in range(times):
            response = client.post(
                f"/v1/boms/{bom['id']}/lines/",
                headers=HEADERS,
                json={
                    "part_id": part_id,
                    "quantity": number + 1,
                    "reference_designators": [f"C{number}_{turn}"],
                },
            )
            assert response.status_code in (200, 201), response.text
            assert client.post("/v1/tags/", headers=HEADERS, json={"name": f"{number}-{turn}"}).status_code == 201

    tags = len(sandbox.store["tag"])
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))

    lines = api.get(f"/v1/boms/{bom['id']}/lines/")["results"]
    assert [line["quantity"] for line in lines] == [times * sum(range(1, threads + 1))]
    assert len(set(lines[0]["reference_designators"])) == threads * times
    assert len(sandbox.store["tag"]) == len({tag["id"] for tag in sandbox.store["tag"]}) == tags + threads * times


def test_threads_that_claim_one_name_get_it_once(sandbox):
    api = Api(sandbox)

    def claim(_):
        return api.new_client().post("/v1/tags/", headers=HEADERS, json={"name": "Only one"}).status_code

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(claim, range(16))) == [201] + [409] * 15
