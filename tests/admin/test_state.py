"""A sandbox written to a file and read back, or refused with the reason."""

import copy
import io
from pathlib import Path

import orjson
import pytest

from mockserver import resources, worlds
from mockserver.admin import state
from mockserver.admin.faults import Faults
from mockserver.admin.jobs import Jobs
from mockserver.admin.webhooks import Webhooks
from mockserver.app import App
from mockserver.sandbox import Sandbox


@pytest.fixture
def lived_in(api):
    """A sandbox with something of everything."""
    sandbox = api.sandbox
    Webhooks(sandbox).subscribe("http://receiver.test/", ["BOM"], delay=60)
    bom = api.post("/v1/boms/", json={"name": "Kept"})
    api.delete(f"/__mock__/records/tag/{api.post('/v1/tags/', json={'name': 'Gone'})['id']}")
    sandbox.clock.advance(days=2)
    Jobs(sandbox).policy("time", seconds=5, operation="upsert_bom_async")
    Faults(sandbox, resources.operations()).add("list_tags", status=503, times=3, latency={"uniform": [0, 1]})
    api.post("/v1/stock_documents/", data={"file": (io.BytesIO(b"content"), "a.txt")})
    sandbox.extras[bom["id"]] = {"colour": "green"}
    sandbox.strict = True
    assert sandbox.store["bom"].get(bom["id"])
    return sandbox


def test_what_is_read_back_is_what_was_written(lived_in, tmp_path):
    path = tmp_path / "state.json"
    state.save(lived_in, path)
    other = Sandbox(worlds.load("default"))
    state.read(other, path)
    assert state.export(other) == state.export(lived_in)
    assert other.strict
    assert Webhooks(other).pending
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_ids_go_on_as_they_would_have(lived_in):
    other = Sandbox(worlds.load("default"))
    state.load(other, orjson.loads(state.dumps(lived_in)))
    for kind in lived_in.store.tables:
        assert other.new_id(kind) == lived_in.new_id(kind)
    faults = [Faults(sandbox, resources.operations()).add("list_boms", status=503) for sandbox in (other, lived_in)]
    assert faults[0].id == faults[1].id == 2
    hooks = [Webhooks(sandbox).subscribe("http://x.test/") for sandbox in (other, lived_in)]
    assert hooks[0].id == hooks[1].id


def test_after_a_reset_the_baseline_is_back(lived_in):
    other = Sandbox(worlds.load("default"))
    before = state.export(other)
    state.load(other, orjson.loads(state.dumps(lived_in)))
    other.reset()
    assert state.export(other) == before


def changed(document, path, value):
    document = copy.deepcopy(document)
    node = document
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (["format"], "cofactr-mockserver/9", "'cofactr-mockserver/2', not 'cofactr-mockserver/9'."),
        (["extra"], 1, "extra: There is no such field."),
        (["seed"], 2, "It comes from seed 2, this sandbox has seed 1"),
        (["catalogue", "known_parts_only"], True, "whose part catalogue is another"),
        (["tables", "mock_clock", "rows", 0, 1, "now"], "9999-01-01T00:00:00Z", "now should be from 1970"),
        (["tables", "mock_clock", "rows", 0, 1, "rate"], -1, "rows[0].rate: A number from 0"),
        (["tables", "mock_clock"], {"last": 0, "rows": []}, "tables.mock_clock: There should be at least one."),
        (["tables", "mock_settings", "rows", 0, 1, "strict"], "yes", "strict: Must be a valid boolean."),
        (["tables", "mock_job_policy", "rows", 0, 1, "mode"], "never", "rows[0].mode: "),
        (["tables", "mock_fault", "rows", 0, 1, "latency"], "slow", "rows[0].latency: latency should be"),
        (["tables", "mock_fault", "rows", 0, 1, "seen"], None, "rows[0].seen: This field may not be null."),
        (["tables", "mock_delivery", "rows", 0, 1, "due_at"], "soon", "rows[0].due_at: Datetime has wrong format"),
        (["tables", "mock_extra", "rows", 0, 1, "values"], 1, "rows[0].values: Expected a dictionary"),
        (["tables", "mock_file", "rows", 0, 1, "content"], "!", "should be base64"),
        (["tables", "mock_file", "rows", 0, 1, "content"], "eA==", "another SHA-256 than its name says"),
        (["tables", "mock_file"], {"last": 9, "rows": []}, "tables.stock_document: the file of "),
        (["tables", "planet"], {"last": 0, "rows": []}, "tables.planet: There is no such kind. There are api_key,"),
        (["tables", "bom"], [], "tables.bom: should be {"),
        (["tables", "bom", "last"], 2**64, "tables.bom: should be {"),
        (["tables", "bom", "rows", 0, 0], 0, "tables.bom.rows[0]: should be [ordinal, record]"),
        (["tables", "bom", "rows", 0, 1, "colour"], "red", "tables.bom.rows[0].colour: A bom has no such field."),
        (["tables", "bom", "rows", 0, 1, "name"], 5, "tables.bom.rows[0].name: Not a valid string."),
        (["tables", "bom", "rows", 0, 1, "org_id"], None, "tables.bom.rows[0].org_id: This field may not be null."),
        (["tables", "bom", "rows", 0, 1, "metadata", "n"], 2**63, "metadata.n: Whole numbers should fit 64 bits"),
        (["tables", "bom_line", "rows", 0, 1, "bom_id"], "00000000-0000-4000-8000-000000000000", "bom_id names a bom"),
        (["tables", "api_key"], {"last": 0, "rows": []}, "tables.api_key: There should be at least one."),
        (["tables", "api_key", "rows", 0, 1, "key"], None, "tables.api_key.rows[0].key: This field may not be null."),
        (["tables", "api_key", "rows", 0, 1, "roles"], None, "rows[0].roles: This field may not be null."),
        (["tables", "async_job", "rows", 0, 1, "due_at"], "x", "rows[0].due_at: Datetime has wrong format"),
        (["tables", "async_job", "rows", 0, 1, "progress"], {}, "rows[0].progress"),
        (["tables", "async_job", "rows", 0, 1, "progress", "left"], 1, "progress.left: There is no such field."),
        (["tables", "org", "rows", 0, 1, "settings"], [], "rows[0].settings"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(lived_in, path, value, says):
    before = state.export(lived_in)
    number = lived_in.store.number
    with pytest.raises(state.InvalidState) as refused:
        state.load(lived_in, changed(orjson.loads(state.dumps(lived_in)), path, value))
    assert lived_in.store.number == number
    assert says in str(refused.value)
    assert state.export(lived_in) == before


def test_a_document_of_the_first_format_still_loads():
    sandbox = Sandbox(worlds.load("empty"))
    document = orjson.loads((Path(__file__).parents[1] / "data" / "state-1.json").read_bytes())
    state.load(sandbox, document)
    [bom] = [record for record in sandbox.store["bom"] if record["name"] == "Kept"]
    assert sandbox.extras[bom["id"]] == {"colour": "green"}
    assert (sandbox.clock.stamp(), sandbox.clock.rate) == ("2026-01-17T09:00:00Z", 0)
    assert sandbox.strict
    assert Jobs(sandbox).by_operation["upsert_bom_async"].seconds == 5
    [fault] = Faults(sandbox, resources.operations())
    assert (fault.operation, fault.times, fault.latency) == ("list_tags", 3, {"uniform": [0, 1]})
    assert len(Webhooks(sandbox).subscriptions) == 1
    assert [delivery.event["data"]["name"] for delivery in Webhooks(sandbox).deliveries.values()] == ["Kept"]
    [key, *_] = sandbox.store["api_key"]
    headers = {"Authorization": f"Api-Key {key['key']}"}
    client = App(sandbox).test_client()
    [listed] = client.get("/v1/stock_documents/", headers=headers).json["results"]
    assert client.get(f"/v1/stock_documents/{listed['id']}/download/", headers=headers).data == b"content"
    assert state.export(sandbox)["format"] == state.FORMAT


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (["faults"], None, "This is no document of the format cofactr-mockserver/1"),
        (["webhooks", "counts"], {}, "This is no document of the format cofactr-mockserver/1"),
        (["clock", "rate"], -1, "rate: A number from 0"),
        (["records", "bom", "rows", 0, 1, "name"], 5, "tables.bom.rows[0].name: Not a valid string."),
    ],
)
def test_a_document_of_the_first_format_is_checked_too(path, value, says):
    sandbox = Sandbox(worlds.load("empty"))
    document = orjson.loads((Path(__file__).parents[1] / "data" / "state-1.json").read_bytes())
    with pytest.raises(state.InvalidState) as refused:
        state.load(sandbox, changed(document, path, value))
    assert says in str(refused.value)


@pytest.mark.parametrize("document", [None, [], "x", {}])
def test_what_is_no_state_at_all_is_refused(sandbox, document):
    with pytest.raises(state.InvalidState, match="The format should be"):
        state.load(sandbox, document)


def test_a_corrupt_file_is_refused_and_left_alone(sandbox, tmp_path):
    path = tmp_path / "state.json"
    path.write_bytes(state.dumps(sandbox)[:1000])
    before = path.read_bytes()
    with pytest.raises(state.InvalidState, match=f"{path} is not JSON: "):
        state.read(sandbox, path)
    assert path.read_bytes() == before


def test_a_file_that_cannot_be_written_leaves_the_old_one(sandbox, tmp_path, monkeypatch):
    path = tmp_path / "state.json"
    path.write_text("old")

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(state.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        state.save(sandbox, path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_export_and_import_over_http(api, lived_in):
    document = api.get("/__mock__/export")
    api.post("/__mock__/reset")
    api.post("/__mock__/import", json=document)
    assert api.get("/__mock__/export") == document
    assert api.post("/__mock__/import", json={"format": "other"}, expect=409)["detail"].startswith(
        "The format should be"
    )
    assert api.get("/__mock__/export") == document
