"""The loop: an API is recorded, the contract corrected by that, and the mock then is like the API."""

import importlib.util
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from mockserver import worlds
from mockserver.app import App
from mockserver.app.document import document
from mockserver.conformance import selftest
from mockserver.contract.overlay import Overlay
from mockserver.sandbox import Sandbox
from mockserver.serving.live import LiveServer
from mockserver.serving.wsgi import call
from mockserver.traffic import recordings
from mockserver.traffic.check import check
from mockserver.traffic.proxy import Proxy, Recording
from mockserver.traffic.report import text
from mockserver.traffic.suggest import suggest, to_yaml

spec = importlib.util.spec_from_file_location("real_api", Path(__file__).with_name("real_api.py"))
real_api = importlib.util.module_from_spec(spec)
spec.loader.exec_module(real_api)

OPERATIONS = ["list_boms", "create_bom", "get_bom", "update_bom", "list_bom_lines", "list_tags", "create_tag"]


@pytest.fixture(scope="module")
def contract():
    return document()


@pytest.fixture(scope="module")
def recorded(contract, tmp_path_factory):
    """The exchanges of a client with the API, through the proxy."""
    file = tmp_path_factory.mktemp("loop") / "session.har"
    with LiveServer(real_api.create_app()) as real:
        recording = Recording(file)
        with LiveServer(Proxy(real.url, contract, recording)) as proxy, requests.Session() as session:
            session.headers["Authorization"] = real_api.KEY
            boms = f"{proxy.url}/v1/bill_of_materials/"
            made = session.post(
                boms, json={"title": "Motor Controller", "part_number": "PCA-1", "lifecycle": "production"}
            ).json()
            session.post(boms, json={"title": "Sensor Board", "version": "B"})
            session.get(boms)
            session.get(f"{boms}{made['id']}/")
            session.put(f"{boms}{made['id']}/", json={"title": "Motor Controller 2"})
            session.get(f"{boms}{made['id']}/lines/")
            session.post(f"{proxy.url}/v1/tags/", json={"name": "Flight model", "color": None})
            session.post(f"{proxy.url}/v1/tags/", json={"name": "Engineering model", "color": "#00ff00"})
            session.get(f"{proxy.url}/v1/tags/")
        recording.save()
    return recordings.read(file)


@pytest.fixture(scope="module")
def overlay(recorded, contract, tmp_path_factory):
    file = tmp_path_factory.mktemp("loop") / "overlay.yaml"
    file.write_text(to_yaml(suggest(contract, recorded)))
    return Overlay.load(file)


@pytest.fixture
def app(overlay):
    return App(Sandbox(worlds.load("default")), overlay=overlay)


def found(report):
    return {(finding.operation, finding.side, finding.field, finding.kind) for finding in report.findings}


PAGE = {
    ("response", "count", "missing"),
    ("response", "next", "missing"),
    ("response", "previous", "missing"),
    ("response", "results", "missing"),
    ("response", "total", "extra"),
    ("response", "items", "extra"),
}
BOM = {
    ("response", name, kind)
    for name, kind in [
        ("name", "missing"),
        ("title", "extra"),
        ("data_source", "missing"),
        ("lifecycle", "extra"),
        ("line_count", "type"),
    ]
}


def test_check_finds_the_calls_the_contract_does_not_know_and_all_that_differs_in_the_others(recorded, contract):
    unknown = {
        ("POST /v1/bill_of_materials/"),
        ("GET /v1/bill_of_materials/"),
        ("GET /v1/bill_of_materials/{id}/"),
        ("PUT /v1/bill_of_materials/{id}/"),
        ("GET /v1/bill_of_materials/{id}/lines/"),
    }
    tags = {("list_tags", *difference) for difference in PAGE}
    tags |= {
        ("create_tag", "request", "color", "type"),
        ("create_tag", "response", "color", "type"),
        ("create_tag", "response", "usage_count", "extra"),
    }
    assert found(check(recorded, contract)) == {(name, "request", "", "path") for name in unknown} | tags


def test_once_the_paths_are_known_check_finds_every_difference_and_nothing_else(recorded, contract, tmp_path):
    moves = [action for action in suggest(contract, recorded) if "x-move" in action]
    (tmp_path / "moves.yaml").write_text(to_yaml(moves))
    moved = Overlay.load(tmp_path / "moves.yaml").apply(contract).document
    expected = {(name, *difference) for name in ("list_boms", "list_bom_lines", "list_tags") for difference in PAGE}
    expected |= {(name, *difference) for name in ("create_bom", "get_bom", "update_bom") for difference in BOM}
    expected |= {
        ("create_bom", "response", "", "status"),
        ("create_bom", "response", "header Location", "missing"),
        ("create_bom", "request", "name", "missing"),
        ("create_bom", "request", "title", "extra"),
        ("create_bom", "request", "lifecycle", "extra"),
        ("update_bom", "request", "title", "extra"),
        ("create_tag", "request", "color", "type"),
        ("create_tag", "response", "color", "type"),
        ("create_tag", "response", "usage_count", "extra"),
    }
    assert found(check(recorded, moved)) == expected


def test_the_corrected_contract_describes_the_traffic(recorded, overlay, contract):
    assert text(check(recorded, overlay.apply(contract).document)).splitlines()[:-1] == []


def test_the_mock_with_the_overlay_answers_the_same_requests_as_the_api_does(recorded, app):
    """The requests are replayed, with the ids that the mock gave out; shapes and statuses are compared."""
    key = next(iter(app.sandbox.store["api_key"]))["key"]
    names = {}
    for one in recorded:
        path = urlsplit(one.url).path
        for theirs, ours in names.items():
            path = path.replace(theirs, ours)
        headers = {**one.request_headers, "authorization": f"Api-Key {key}"}
        answer = call(app.wsgi_app, one.method, f"http://localhost{path}", headers.items(), one.request_body)
        replayed = recordings.exchange(
            one.method, path, headers, one.request_body, answer.status, dict(answer.headers), answer.body
        )
        assert answer.status == one.status
        assert replayed.response_json.keys() == one.response_json.keys()
        for name in one.request_json or ():
            assert replayed.response_json[name] == one.response_json[name]
        if "id" in one.response_json:
            names[one.response_json["id"]] = replayed.response_json["id"]
        report = check([replayed], app.corrected.document)
        assert report.findings == [], text(report)


def test_contract_test_passes_on_the_new_contract(app):
    outcome = selftest.run(app, operation_ids=OPERATIONS, max_examples=3)
    assert outcome.ok, str(outcome)
