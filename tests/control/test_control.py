"""The control plane beside the API: health, reset, the contract and its reference page."""

import re

import pytest

from mockserver import resources
from mockserver._data import contracts_dir
from mockserver._yaml import load_yaml
from mockserver.admin.jobs import Jobs


def test_health_says_what_is_served(api):
    served = sum(operation.served for operation in resources.operations())
    assert api.get("/__mock__/health") == {
        "status": "ok",
        "operations": served,
        "fixtures": "default",
        "seed": 1,
        "clock": {"now": "2026-01-15T09:00:00Z", "rate": 0.0},
    }


@pytest.mark.parametrize("path", ["/__mock__/health", "/__mock__/openapi.json", "/__mock__/docs/"])
def test_it_needs_no_key(api, path):
    assert api.client.get(path).status_code == 200


def test_reset_brings_the_data_back(api):
    bom = next(iter(api.sandbox.store["bom"]))
    before = api.get("/v1/boms/")
    api.patch(f"/v1/boms/{bom['id']}/", json={"name": "Renamed"})
    created = api.post("/v1/boms/", json={"name": "New"})
    assert api.post("/__mock__/reset") == {"status": "reset", "fixtures": "default", "seed": 1}
    assert api.get("/v1/boms/") == before
    api.get(f"/v1/boms/{created['id']}/", expect=404)


def test_after_a_reset_the_same_calls_give_the_same_ids(api):
    first = api.post("/v1/boms/", json={"name": "New"})
    api.post("/__mock__/reset")
    assert api.post("/v1/boms/", json={"name": "New"}) == first


def test_reset_brings_clock_jobs_files_and_keys_back(api):
    sandbox = api.sandbox
    start = sandbox.clock.stamp()
    sandbox.clock.advance(hours=1)
    Jobs(sandbox).policy("manual")
    sandbox.store.insert("mock_file", {"id": "0" * 64, "content": b"kept in memory"})
    api.get("/v1/boms/")
    [key, *_] = sandbox.store["api_key"]
    assert key["last_used_at"] > start
    api.post("/__mock__/reset")
    [key, *_] = sandbox.store["api_key"]
    assert key["last_used_at"] is None
    assert sandbox.clock.stamp() == start
    assert Jobs(sandbox).default.mode == "immediate"
    assert list(sandbox.store["mock_file"]) == list(sandbox.world.store["mock_file"])


def test_reset_takes_post_alone(api):
    refused = api.client.get("/__mock__/reset")
    assert refused.status_code == 405
    assert "POST" in refused.headers["Allow"]
    assert refused.json == {"detail": 'Method "GET" not allowed.'}


def test_the_contract_served_is_the_one_that_is_kept(api):
    served = api.get("/__mock__/openapi.json")
    del served["servers"][0]
    assert served == load_yaml(contracts_dir() / "openapi.yaml")


def test_what_is_tried_out_on_the_reference_page_comes_to_the_mock(api):
    assert api.get("/__mock__/openapi.json")["servers"][0]["url"] == "/"


def test_the_contract_does_not_speak_of_the_control_plane(api):
    assert not [path for path in api.get("/__mock__/openapi.json")["paths"] if path.startswith("/__mock__")]


def test_the_reference_page_brings_all_it_loads_with_it(api):
    page = api.client.get("/__mock__/docs/").text
    loaded = re.findall(r"""<(?:script|link|img)\b[^>]*?\b(?:src|href)=["']([^"']+)""", page)
    assert any(address.endswith(".js") for address in loaded)
    assert any(address.endswith(".css") for address in loaded)
    for address in loaded:
        assert not re.match(r"(?:https?:)?//", address), "nothing may come from elsewhere"
        with api.client.get(address if address.startswith("/") else f"/__mock__/docs/{address}") as asset:
            assert asset.status_code == 200, address
            assert asset.data
    assert "/__mock__/openapi.json" in page


def test_the_reference_page_is_found_without_its_slash_too(api):
    moved = api.client.get("/__mock__/docs")
    assert moved.status_code in (301, 308)
    assert moved.headers["Location"].endswith("/__mock__/docs/")


def test_what_is_not_there_is_answered_in_json(api):
    answer = api.client.get("/__mock__/nothing")
    assert answer.status_code == 404
    assert list(answer.json) == ["detail"]
