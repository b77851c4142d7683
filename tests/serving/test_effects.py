"""What faults do to answers, at the doors of real servers; and what is sent without anybody calling."""

import http.client
import http.server
import queue
import threading

import pytest
import requests

from mockserver import resources, worlds
from mockserver.admin.faults import Effect, Faults
from mockserver.admin.jobs import Jobs
from mockserver.admin.webhooks import Webhooks
from mockserver.app import App
from mockserver.sandbox import Sandbox
from mockserver.sandbox.registry import Sandboxes
from mockserver.serving import effects, wsgi
from mockserver.serving.effects import Effects
from mockserver.serving.live import LiveServer
from mockserver.serving.ticker import Ticker
from tests.conftest import ADMIN_KEY

BODY = b"0123456789"


def suffering(effect, **kwargs):
    def app(environ, start_response):
        if effect is not None:
            environ["mockserver.effect"] = effect
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))])
        return [BODY]

    return Effects(app, **kwargs)


def answer(effect, **kwargs):
    return wsgi.call(suffering(effect, **kwargs), "GET", "http://mock.test/", [], b"")


def test_without_a_fault_the_answer_is_the_apps():
    whole = answer(None)
    assert (whole.status, whole.body, whole.truncated) == (200, BODY, False)


def test_a_delay_is_slept_once_the_app_is_done(monkeypatch):
    slept = []
    monkeypatch.setattr(effects.time, "sleep", slept.append)
    assert answer(Effect(delay=2.5)).body == BODY
    assert slept == [2.5]


def test_half_a_body_comes_though_the_whole_was_promised():
    cut = answer(Effect(truncated=True))
    assert (cut.announced, cut.sent, cut.truncated) == (10, b"01234", True)


def test_a_dropped_connection_ends_after_its_headers_where_it_cannot_end_before():
    cut = answer(Effect(drop=True))
    assert (cut.announced, cut.sent, cut.truncated) == (1, b"", True)
    with pytest.raises(wsgi.DropConnection):
        answer(Effect(drop=True), drops=True)


def test_a_client_of_a_live_server_sees_them():
    with (
        LiveServer(suffering(Effect(drop=True), drops=True)) as server,
        pytest.raises(requests.ConnectionError),
    ):
        requests.get(server.url, timeout=5)
    with LiveServer(suffering(Effect(truncated=True))) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        connection.request("GET", "/")
        with pytest.raises(http.client.IncompleteRead) as cut:
            connection.getresponse().read()
        connection.close()
    assert cut.value.partial == b"01234"


def test_the_sandbox_is_free_while_an_answer_is_delayed(monkeypatch):
    sandbox = Sandbox(worlds.load("empty"))
    Faults(sandbox, resources.operations()).add("list_tags", latency=1)
    free = []

    def sleep(_):
        other = threading.Thread(target=lambda: free.append(sandbox.lock.acquire(blocking=False)))
        other.start()
        other.join()

    monkeypatch.setattr(effects.time, "sleep", sleep)
    key = next(iter(sandbox.store["api_key"]))["key"]
    listed = wsgi.call(
        Effects(App(sandbox)), "GET", "http://mock.test/v1/tags/", [("Authorization", f"Api-Key {key}")], b""
    )
    assert listed.status == 200
    assert free == [True]


# -- without anybody calling


@pytest.fixture
def receiver():
    """(a URL, the queue of what is POSTed there)"""
    posted = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            posted.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", posted
        server.shutdown()
        thread.join()


@pytest.fixture
def sandbox():
    return Sandbox(worlds.load("default"), rate=1.0)


def call(sandbox, method, path, json):
    answer = (
        App(sandbox)
        .test_client()
        .open(path, method=method, json=json, headers={"Authorization": f"Api-Key {ADMIN_KEY}"})
    )
    assert answer.status_code in (201, 202), answer.text


@pytest.mark.parametrize("frozen", [False, True])
def test_webhooks_are_sent_when_they_fall_due(sandbox, receiver, frozen):
    url, posted = receiver
    if frozen:
        sandbox.clock.freeze()
    Webhooks(sandbox).subscribe(url, ["Tag"], delay=0 if frozen else 0.1)
    call(sandbox, "POST", "/v1/tags/", {"name": "Told"})
    with Ticker(Sandboxes(sandbox)):
        assert b'"name":"Told"' in posted.get(timeout=10)


def test_jobs_are_done_when_their_time_comes_and_told_of(sandbox, receiver):
    url, posted = receiver
    Jobs(sandbox).policy("time", seconds=0.1)
    Webhooks(sandbox).subscribe(url, ["BOM"])
    call(
        sandbox,
        "PUT",
        "/v1/boms/async_upsert/",
        {"name": "Later", "integration_source_name": "erp", "integration_record_id": "7"},
    )
    with Ticker(Sandboxes(sandbox)):
        assert b'"name":"Later"' in posted.get(timeout=10)
