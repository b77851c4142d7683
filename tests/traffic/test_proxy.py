"""The proxy forwards to its target alone, counts what breaks the contract, and records without secrets."""

import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest
import requests
import werkzeug.test
from flask import Flask, jsonify, redirect, request

from mockserver.app.document import document
from mockserver.serving.live import LiveServer
from mockserver.serving.server import BODY
from mockserver.traffic import recordings
from mockserver.traffic.proxy import Proxy, Recording, Shown, Target, WrongTarget

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


class Raw:
    """A target that says what it is told to say, byte for byte, and keeps what it was sent."""

    def __init__(self):
        self.answer, self.seen = b"", []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                self.seen.append(client.recv(65536))
                client.sendall(self.answer)


@pytest.fixture
def raw(contract, tmp_path):
    target = Raw()
    app = Proxy(target.url, contract, Recording(tmp_path / "session.har"))
    with LiveServer(app) as server:
        target.proxy, target.app = server, app
        yield target
    target.listener.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1",
        b"what?\r\n\r\n",
        b"",
    ],
    ids=repr,
)
def test_an_answer_that_is_not_whole_is_not_passed_on(raw, answer):
    raw.answer = answer
    refused = requests.get(f"{raw.proxy.url}/v1/tags/", timeout=10)
    assert refused.status_code == 502
    assert "gave no whole HTTP answer, so nothing of it is passed on" in refused.json()["detail"]
    assert raw.app.recording.exchanges == []


def test_a_request_that_is_not_whole_is_not_passed_on(raw):
    for rest in (b"Content-Length: 10\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc"):
        with socket.create_connection(("127.0.0.1", raw.proxy.port), timeout=5) as client:
            client.sendall(b"DELETE /v1/tags/1/ HTTP/1.1\r\nHost: localhost\r\n" + rest)
            client.shutdown(socket.SHUT_WR)
            assert client.recv(65536).startswith(b"HTTP/1.1 400 ")
    assert raw.seen == []


def test_many_headers_and_values_outside_ascii_pass_both_ways(raw):
    many = b"".join(b"X-%d: caf\xe9\r\n" % number for number in range(300))
    raw.answer = b"HTTP/1.1 200 OK\r\n" + many + b"Content-Length: 2\r\n\r\n{}"
    with socket.create_connection(("127.0.0.1", raw.proxy.port), timeout=5) as client:
        client.sendall(b"GET /v1/tags/ HTTP/1.1\r\nHost: localhost\r\nX-Name: caf\xe9\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.count(b": caf\xe9\r\n") == 300
    assert b"X-Name: caf\xe9\r\n" in raw.seen[0]


def test_an_address_passes_as_it_came(raw):
    raw.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    connection = http.client.HTTPConnection("127.0.0.1", raw.proxy.port, timeout=10)
    connection.request("GET", "/v1/tags/a%2Fb/c%5Cd%20//?q=%2F+%c3%a9")
    connection.getresponse().read()
    connection.close()
    assert raw.seen[0].startswith(b"GET /v1/tags/a%2Fb/c%5Cd%20//?q=%2F+%c3%a9 HTTP/1.1\r\n")


@pytest.mark.parametrize("path", ["/v1/../admin/", "/..", "/v1/%2e%2e/admin/", "/v1/.%2E/x", "/./v1/"])
def test_dots_that_lead_elsewhere_are_refused(raw, path):
    connection = http.client.HTTPConnection("127.0.0.1", raw.proxy.port, timeout=10)
    connection.request("GET", path)
    assert connection.getresponse().status == 400
    connection.close()
    assert raw.seen == []


def test_addresses_of_the_target_lead_through_the_proxy(raw):
    origin, own = raw.url, raw.proxy.url
    page = {
        "next": f"{origin}/v1/tags/?offset=3",
        "text": f"see {origin}/a, not {origin}.evil.test/ or {origin}9/",
        "bare": origin,
    }
    body = json.dumps(page).replace(f"{origin}/a", f"{origin}/a".replace("/", "\\/")).encode()
    raw.answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        + f'Link: <{origin}/v1/tags/?offset=3>; rel="next"\r\n'.encode()
        + b"Set-Cookie: a=1; Domain=127.0.0.1; Path=/; Secure; HttpOnly; SameSite=None\r\n"
        + b"Content-Length: %d\r\n\r\n" % len(body)
        + body
    )
    answer = requests.get(f"{own}/v1/tags/", timeout=10)
    assert answer.json() == {
        "next": f"{own}/v1/tags/?offset=3",
        "text": f"see {own}/a, not {origin}.evil.test/ or {origin}9/",
        "bare": own,
    }
    assert answer.headers["Link"] == f'<{own}/v1/tags/?offset=3>; rel="next"'
    assert answer.headers["Set-Cookie"] == "a=1; Path=/; HttpOnly"
    assert raw.app.recording.exchanges[0].response_json["next"] == page["next"]


def test_a_compressed_page_leads_through_the_proxy_too(raw):
    body = gzip.compress(json.dumps({"next": f"{raw.url}/v1/tags/?offset=3"}).encode())
    raw.answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
        + b"Content-Length: %d\r\n\r\n" % len(body)
        + body
    )
    answer = requests.get(f"{raw.proxy.url}/v1/tags/", timeout=10)
    assert answer.json() == {"next": f"{raw.proxy.url}/v1/tags/?offset=3"}


def test_a_target_below_a_path_is_found_in_addresses():
    shown = Shown(Target.parse("https://api.test/base"), "http://localhost:1")
    assert shown.text("https://api.test/base/v1/?a") == "http://localhost:1/v1/?a"
    assert shown.text("http://API.test:443/base") == "http://localhost:1"
    assert shown.text("https://api.test/basement/ https://api.test/") == "https://api.test/basement/ https://api.test/"
    assert shown.cookie("a=b; path=/base; domain=.test") == "a=b; Path=/"
    assert shown.cookie("a=b; Domain=other.example") == "a=b; Domain=other.example"


def test_the_proxy_of_the_environment_is_used_for_what_is_not_here(contract, monkeypatch):
    gateway = Raw()
    gateway.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, gateway.url.replace("//", "//me:word@"))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with LiveServer(Proxy("http://target.invalid", contract)) as server:
        assert requests.get(f"{server.url}/v1/tags/", timeout=10, proxies={"http": None}).status_code == 200
    assert gateway.seen[0].startswith(b"GET http://target.invalid/v1/tags/ HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic bWU6d29yZA==" in gateway.seen[0]
    monkeypatch.setenv("NO_PROXY", "target.invalid")
    with LiveServer(Proxy("http://target.invalid", contract)) as server:
        assert requests.get(f"{server.url}/v1/tags/", timeout=10, proxies={"http": None}).status_code == 502
    assert len(gateway.seen) == 1
    gateway.listener.close()


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
    assert get(proxy, "/__mock__/journal", Origin=proxy.url.replace("http:", "https:")).status_code == 403
    assert get(proxy, "/__mock__/journal", **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    own = get(proxy, "/__mock__/journal", Origin=proxy.url, **{"Sec-Fetch-Site": "same-origin"})
    assert (own.status_code, own.headers["X-Content-Type-Options"]) == (200, "nosniff")


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


@pytest.mark.parametrize("line", ["http://127.0.0.1:1/v1/tags/", "//127.0.0.1:1/v1/tags/"])
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
    answer = requests.post(f"{proxy.url}/v1/tags/", data=b"x" * (BODY + 1), timeout=30)
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
