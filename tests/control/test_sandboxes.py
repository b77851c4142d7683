"""Sandboxes over HTTP: made, found, left alone by each other, reset, snapshotted, dropped."""

import pytest

from mockserver import worlds
from mockserver.app import App
from mockserver.control import routing
from mockserver.sandbox import Sandbox
from mockserver.sandbox.registry import Sandboxes
from tests.conftest import ADMIN_KEY


def app_of(**kwargs):
    return App(Sandboxes(Sandbox(worlds.load("default")), **kwargs)).test_client()


@pytest.fixture
def client():
    return app_of()


def made(client, **wanted):
    answer = client.post("/__mock__/sandboxes", json=wanted)
    assert answer.status_code == 201, answer.text
    return answer.json


def headers(sandbox, role="Admin"):
    [key] = [key["key"] for key in sandbox["api_keys"] if key["role"] == role]
    return {"Authorization": f"Api-Key {key}"}


def names(client, **kwargs):
    return [bom["name"] for bom in client.get("/v1/boms/", **kwargs).json["results"]]


def test_a_sandbox_is_opened_by_its_own_keys(client):
    one = made(client, name="one")
    assert one["fixtures"] == "default"
    assert one["seed"] == 1
    before = names(client, headers=headers(one))
    client.post("/v1/boms/", json={"name": "Mine"}, headers=headers(one))
    assert names(client, headers=headers(one)) == [*before, "Mine"]
    assert names(client, headers={"Authorization": f"Api-Key {ADMIN_KEY}"}) == before
    assert client.post("/v1/boms/", json={"name": "X"}, headers=headers(one, "View & Comment")).status_code == 403


@pytest.mark.parametrize("options", [{}, {"seed": 5}, {"fixtures": "procurement", "seed": 7}])
def test_a_header_names_one_as_well_and_the_default_key_will_do(client, options):
    made(client, name="one", **options)
    given = {"Authorization": f"Api-Key {ADMIN_KEY}", "X-Mock-Sandbox": "one"}
    client.post("/v1/boms/", json={"name": "Mine"}, headers=given)
    assert "Mine" in names(client, headers=given)
    assert "Mine" not in names(client, headers={"Authorization": f"Api-Key {ADMIN_KEY}"})


def test_a_key_made_later_opens_its_sandbox_too(client):
    one = made(client, name="one")
    [key, *_] = client.get("/__mock__/sandboxes/one/records/api_key").json["results"]
    client.put(
        f"/__mock__/sandboxes/one/records/api_key/{key['id']}",
        json={"key": "fresh123.secret", "prefix": "fresh123"},
    )
    client.post("/v1/boms/", json={"name": "Mine"}, headers={"Authorization": "Api-Key fresh123.secret"})
    assert "Mine" in names(client, headers={"Authorization": "Api-Key fresh123.secret"})
    assert client.get("/v1/boms/", headers=headers(one)).status_code == 401


def test_they_are_listed_found_by_name_or_id_and_deleted(client):
    one = made(client, name="one")
    assert [box["name"] for box in client.get("/__mock__/sandboxes").json] == ["default", "one"]
    assert client.get("/__mock__/sandboxes/one").json == client.get(f"/__mock__/sandboxes/{one['id']}").json == one
    assert client.delete("/__mock__/sandboxes/one").status_code == 204
    assert client.get("/v1/boms/", headers=headers(one)).status_code == 401
    gone = client.get("/__mock__/sandboxes/one")
    assert gone.status_code == 404
    assert gone.json["detail"].startswith("There is no sandbox called 'one'. GET /__mock__/sandboxes lists them")


def test_seed_policies_and_fixture_are_as_asked_for(client):
    box = made(client, fixtures="empty", seed=7, policies={"strict": True})
    assert (box["fixtures"], box["seed"], box["policies"], box["name"]) == (
        "empty",
        7,
        {"strict": True},
        "sandbox-1",
    )
    refused = client.post("/v1/boms/", json={"name": "X", "colour": "red"}, headers=headers(box))
    assert refused.json == {"colour": ["Unknown field."]}
    client.put(f"/__mock__/sandboxes/{box['name']}/policies", json={"strict": False})
    assert client.post("/v1/boms/", json={"name": "X", "colour": "red"}, headers=headers(box)).status_code == 201


@pytest.mark.parametrize(
    ("wanted", "status", "says"),
    [
        (
            {"fixtures": "/etc/passwd"},
            409,
            "There is no fixture '/etc/passwd'. There are default, empty, large",
        ),
        ({"name": "default"}, 409, "There is a sandbox called 'default' already."),
        ({"name": "a/b"}, 400, "This value does not match the required pattern."),
        ({"sed": 1}, 400, "There is no such field. There are name, fixtures, seed, policies."),
        ({"seed": "1"}, 400, "A valid integer is required."),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(client, wanted, status, says):
    refused = client.post("/__mock__/sandboxes", json=wanted)
    assert refused.status_code == status
    assert says in refused.text


def test_their_number_is_bounded():
    client = app_of(limit=1)
    made(client)
    assert client.post("/__mock__/sandboxes", json={}).json == {
        "detail": "There are 1 sandboxes already. Delete one first."
    }


def test_idle_ones_are_dropped():
    client = app_of(limit=1, idle=0)
    made(client, name="one")
    assert made(client, name="two")["name"] == "two"
    assert client.get("/__mock__/sandboxes/one").status_code == 404


def test_the_default_one_stays(client):
    assert client.delete("/__mock__/sandboxes/default").json == {
        "detail": "The default sandbox cannot be deleted. Reset it instead."
    }


def test_reset_restores_all_of_it(client):
    box = made(client, name="one")
    base = "/__mock__/sandboxes/one"
    before = {
        path: client.get(base + path).json
        for path in ("/records", "/records/bom", "/clock", "/jobs/policies", "/policies", "/export")
    }
    client.post(f"{base}/clock/advance", json={"days": 3})
    client.put(f"{base}/jobs/policies", json={"mode": "manual"})
    client.post(f"{base}/faults", json={"operation": "list_tags", "status": 503})
    client.post(f"{base}/webhooks/subscriptions", json={"url": "http://127.0.0.1:9/"})
    client.put(f"{base}/policies", json={"strict": True})
    client.post(f"{base}/snapshots", json={"name": "then"})
    client.post("/v1/boms/", json={"name": "X"}, headers=headers(box))
    assert client.get(f"{base}/export").json != before["/export"]
    assert client.post(f"{base}/reset").json == {"status": "reset", "fixtures": "default", "seed": 1}
    assert {path: client.get(base + path).json for path in before} == before
    for path in ("/faults", "/webhooks/subscriptions", "/webhooks/deliveries", "/snapshots"):
        assert client.get(base + path).json == []
    assert client.get(f"{base}/journal").json["entries"] == []
    assert client.get(base).json == box


def test_a_snapshot_brings_its_moment_back(client):
    key = {"Authorization": f"Api-Key {ADMIN_KEY}"}
    client.post("/__mock__/faults", json={"operation": "list_tags", "status": 503})
    client.post("/__mock__/snapshots", json={"name": "then"})
    then = client.get("/__mock__/export").json
    client.post("/__mock__/clock/advance", json={"hours": 1})
    client.delete("/__mock__/faults")
    first = client.post("/v1/boms/", json={"name": "X"}, headers=key).json
    assert client.post("/__mock__/snapshots/then/restore").status_code == 200
    assert client.get("/__mock__/export").json == then
    assert client.post("/v1/boms/", json={"name": "X"}, headers=key).json["id"] == first["id"]
    assert [one["name"] for one in client.get("/__mock__/snapshots").json] == ["then"]
    assert client.delete("/__mock__/snapshots/then").status_code == 204
    assert client.get("/__mock__/snapshots/then").json == {"detail": "There is no snapshot 'then'. There are none."}


def test_a_mock_in_process_is_one_sandbox_alone(client, sandbox):
    inside = {"mockserver.sandbox": sandbox}
    assert [box["name"] for box in client.get("/__mock__/sandboxes", environ_overrides=inside).json] == [sandbox.name]
    assert client.post("/__mock__/sandboxes", json={}, environ_overrides=inside).status_code == 409


def test_an_import_of_too_many_values_is_refused_before_it_is_parsed(api, monkeypatch):
    monkeypatch.setattr(routing, "MOST_VALUES", 100)
    document = b'{"format": "x", "rows": [' + b",".join([b"[1,{}]"] * 60) + b"]}"
    refused = api.client.post("/__mock__/import", data=document, content_type="application/json")
    assert refused.status_code == 413
    assert refused.json == {"detail": "The document has more than 100 objects and arrays."}
