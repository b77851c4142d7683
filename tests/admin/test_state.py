"""A sandbox written to a file and read back, or refused with the reason."""

import copy

import orjson
import pytest

from mockserver import worlds
from mockserver.admin import state
from mockserver.sandbox import Policies, Sandbox
from mockserver.sandbox.jobs import JobPolicy


@pytest.fixture
def lived_in(api):
    """A sandbox with something of everything."""
    sandbox = api.sandbox
    sandbox.webhooks.subscribe("http://receiver.test/", ["BOM"], delay=60)
    bom = api.post("/v1/boms/", json={"name": "Kept"})
    api.delete(f"/__mock__/records/tag/{api.post('/v1/tags/', json={'name': 'Gone'})['id']}")
    sandbox.clock.advance(days=2)
    sandbox.jobs.by_type["upsert_bom_async"] = JobPolicy("time", seconds=5)
    sandbox.faults.add("list_tags", status=503, times=3, latency={"uniform": [0, 1]})
    sandbox.policies = Policies(strict=True)
    assert sandbox.store["bom"].get(bom["id"])
    return sandbox


def test_what_is_read_back_is_what_was_written(lived_in, tmp_path):
    path = tmp_path / "state.json"
    state.save(lived_in, path)
    other = Sandbox(worlds.load("default"))
    state.read(other, path)
    assert state.export(other) == state.export(lived_in)
    assert other.policies.strict
    assert other.webhooks.pending
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_ids_go_on_as_they_would_have(lived_in):
    other = Sandbox(worlds.load("default"))
    state.load(other, orjson.loads(state.dumps(lived_in)))
    for kind in lived_in.store.tables:
        assert other.new_id(kind) == lived_in.new_id(kind)
    assert other.faults.add("list_boms", status=503).id == lived_in.faults.add("list_boms", status=503).id
    assert other.webhooks.subscribe("http://x.test/").id == lived_in.webhooks.subscribe("http://x.test/").id


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
        (
            ["format"],
            "cofactr-mockserver/9",
            "The format should be 'cofactr-mockserver/1', not 'cofactr-mockserver/9'.",
        ),
        (["extra"], 1, "extra: There is no such field."),
        (["seed"], 2, "It comes from seed 2, this sandbox has seed 1"),
        (["catalogue", "known_parts_only"], True, "whose part catalogue is another"),
        (["clock", "now"], "9999-01-01T00:00:00Z", "clock.now should be from 1970"),
        (["clock", "rate"], -1, "clock.rate: A number from 0"),
        (["policies", "strict"], "yes", "policies.strict: Must be a valid boolean."),
        (["jobs", 0, "mode"], "never", "jobs.0.mode: "),
        (["faults", "rules"], [{"id": 1, "seen": 0, "fired": 0}], "faults: A fault needs an effect"),
        (["extras", "x"], 1, "extras.x: should be an object."),
        (["files", "0" * 64], "!", "should be base64"),
        (["files", "0" * 64], "eA==", "the content has another SHA-256 than its name says"),
        (
            ["records", "planet"],
            {"last": 0, "rows": []},
            "records.planet: There is no such kind. There are api_key,",
        ),
        (["records", "bom"], [], "records.bom: should be {"),
        (["records", "bom", "rows", 0, 0], 0, "records.bom.rows[0]: should be [ordinal, record]"),
        (
            ["records", "bom", "rows", 0, 1, "colour"],
            "red",
            "records.bom.rows[0].colour: A bom has no such field.",
        ),
        (["records", "bom", "rows", 0, 1, "name"], 5, "records.bom.rows[0].name: Not a valid string."),
        (
            ["records", "bom_line", "rows", 0, 1, "bom_id"],
            "00000000-0000-4000-8000-000000000000",
            "bom_id of ",
        ),
        (["records", "api_key"], {"last": 0, "rows": []}, "records.api_key: There should be at least one."),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(lived_in, path, value, says):
    before = state.export(lived_in)
    with pytest.raises(state.Unfit) as refused:
        state.load(lived_in, changed(orjson.loads(state.dumps(lived_in)), path, value))
    assert says in str(refused.value)
    assert state.export(lived_in) == before


@pytest.mark.parametrize("document", [None, [], "x", {}])
def test_what_is_no_state_at_all_is_refused(sandbox, document):
    with pytest.raises(state.Unfit, match="The format should be"):
        state.load(sandbox, document)


def test_a_corrupt_file_is_refused_and_left_alone(sandbox, tmp_path):
    path = tmp_path / "state.json"
    path.write_bytes(state.dumps(sandbox)[:1000])
    before = path.read_bytes()
    with pytest.raises(state.Unfit, match=f"{path} is not JSON: "):
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
