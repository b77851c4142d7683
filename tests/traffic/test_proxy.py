"""The proxy forwards to its target alone, counts what breaks the contract, and records without secrets."""

import http.client
import json
import os
import signal
import subprocess
import sys

import pytest
import requests
import werkzeug.test
from flask import Flask, jsonify, redirect, request

from mockserver.app.document import document
from mockserver.serving.live import LiveServer
from mockserver.traffic import recordings
from mockserver.traffic.proxy import LARGEST_REQUEST, Proxy, Recording, Target, WrongTarget

SECRET = "Api-Key abcdefgh.0123456789abcdef0123456789abcdef"
TAG = {
    "id": "11111111-1111-4111-8111-111111111111",
    "org_id": "11111111-1111-4111-8111-111111111111",
    "name": "Prototype",
    "color": "#000000",
    "description": None,
    "created_at": "2026-03-01T10:00:00Z",
    "updated_at": "2026-03-01T10:00:00Z",
}


@pytest.fixture(scope="module")
def contract():
    return document()


@pytest.fixture
def target():
    """An API of one operation, which says what it was sent."""
    app = Flask("target")
    app.seen = []

    @app.before_request
    def note():
        app.seen.append(dict(request.headers))
        request.get_data()

    @app.get("/v1/tags/<id>/")
    def get(id):
        answer = jsonify({**TAG, **({"colour": "red"} if request.args else {})})
        answer.set_cookie("session", "cookiesecret1")
        answer.set_cookie("other", "cookiesecret2")
        return answer

    @app.post("/v1/tags/")
    def create():
        return jsonify(TAG), 201, {"Location": f"{request.host_url}v1/tags/{TAG['id']}/"}

    @app.get("/v1/elsewhere/")
    def elsewhere():
        return redirect("http://elsewhere.example/v1/")

    with LiveServer(app) as server:
        app.url = server.url
        yield app


@pytest.fixture
def proxy(target, contract, tmp_path):
    app = Proxy(target.url, contract, Recording(tmp_path / "session.har"))
    with LiveServer(app) as server:
        app.url = server.url
        yield app


def get(proxy, path, **headers):
    return requests.get(
        proxy.url + path, headers={"Authorization": SECRET, **headers}, timeout=10, allow_redirects=False
    )


def test_it_forwards_and_counts(proxy, target):
    answer = get(proxy, f"/v1/tags/{TAG['id']}/")
    assert (answer.status_code, answer.json(), answer.headers["X-Contract-Violations"]) == (200, TAG, "0")
    assert target.seen[0]["Authorization"] == SECRET
    assert target.seen[0]["Host"] == target.url.removeprefix("http://")


def test_what_breaks_the_contract_is_told_in_the_journal(proxy):
    assert get(proxy, f"/v1/tags/{TAG['id']}/?colours=1").headers["X-Contract-Violations"] == "2"
    entries = requests.get(f"{proxy.url}/__mock__/journal", timeout=10).json()["entries"]
    assert entries[0]["operation"] == "get_tag"
    assert [one["field"] for one in entries[0]["violations"] + entries[0]["response_violations"]] == [
        "?colours",
        "colour",
    ]
    assert "0123456789abcdef" not in json.dumps(entries)
    assert requests.get(f"{proxy.url}/__mock__/journal?after=1", timeout=10).json()["entries"] == []


def test_the_journal_is_not_for_pages_of_others(proxy):
    assert get(proxy, "/__mock__/journal", Origin="https://elsewhere.example").status_code == 403


def test_what_is_of_one_connection_stays_there(proxy, target):
    headers = {"Connection": "X-Hop", "X-Hop": "1", "TE": "trailers", "X-Kept": "1"}
    answer = werkzeug.test.Client(proxy).get(f"/v1/tags/{TAG['id']}/", headers=headers)
    assert len(answer.headers.getlist("Set-Cookie")) == 2
    assert target.seen[0]["X-Kept"] == "1"
    assert target.seen[0].keys().isdisjoint({"X-Hop", "Te"})


def test_a_location_at_the_target_leads_through_the_proxy(proxy):
    answer = requests.post(f"{proxy.url}/v1/tags/", json={"name": "Prototype"}, timeout=10)
    assert answer.headers["Location"] == f"/v1/tags/{TAG['id']}/"


def test_redirects_are_passed_on_not_followed(proxy, target):
    answer = get(proxy, "/v1/elsewhere/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://elsewhere.example/v1/")
    assert len(target.seen) == 1


@pytest.mark.parametrize("line", ["http://127.0.0.1:1/v1/tags/", "//127.0.0.1:1/v1/tags/", "/v1/../v1/tags/"])
def test_it_goes_to_the_target_whatever_the_request_says(proxy, target, line):
    connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=10)
    connection.putrequest("GET", line, skip_host=True)
    connection.putheader("Host", "127.0.0.1:1")
    connection.putheader("X-Forwarded-Host", "127.0.0.1:1")
    connection.endheaders()
    assert connection.getresponse().status in (404, 405, 308)
    connection.close()
    assert target.seen[0]["Host"] == target.url.removeprefix("http://")


def test_the_recording_holds_no_secrets_and_can_be_read(proxy):
    get(proxy, f"/v1/tags/{TAG['id']}/?api_key=querysecret1")
    proxy.recording.save()
    text = proxy.recording.path.read_text()
    assert all(secret not in text for secret in ("0123456789abcdef", "cookiesecret", "querysecret"))
    [exchange] = recordings.read(proxy.recording.path)
    assert (exchange.method, exchange.status, exchange.response_json["name"]) == ("GET", 200, "Prototype")


def test_a_target_that_is_not_there_is_a_502_that_says_what_to_do(contract):
    with LiveServer(Proxy("http://127.0.0.1:9", contract)) as server:
        answer = requests.get(f"{server.url}/v1/tags/", timeout=10)
    assert answer.status_code == 502
    assert "is --target right" in answer.json()["detail"]


def test_too_large_a_body_is_refused(proxy, target):
    answer = requests.post(f"{proxy.url}/v1/tags/", data=b"x" * (LARGEST_REQUEST + 1), timeout=30)
    assert answer.status_code == 413
    assert target.seen == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "flagship-api.cofactr.com",
        "ftp://host/",
        "http://user:word@host/",
        "http://host/?q=1",
        "http://host:port/",
    ],
)
def test_a_target_that_makes_no_sense_is_refused(url):
    with pytest.raises(WrongTarget):
        Target.parse(url)


def test_paths_go_below_that_of_the_target():
    target = Target.parse("https://host.example/api/")
    assert (target.base, target.port, target.netloc) == ("/api", 443, "host.example")
    assert target.within("https://host.example:443/api/v1/tags/?a=1") == "/v1/tags/?a=1"
    assert target.within("https://host.example/other/") == "https://host.example/other/"


def test_the_command_records_until_it_is_stopped(target, tmp_path):
    file = tmp_path / "session.har"
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "mockserver",
            "proxy",
            "--target",
            target.url,
            "--record",
            str(file),
            "--port",
            "0",
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        url = process.stdout.readline().split()[-1]
        assert requests.get(f"{url}/v1/tags/{TAG['id']}/", timeout=10).headers["X-Contract-Violations"] == "0"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
    assert len(recordings.read(file)) == 1
