"""What faults do to answers, at the doors of real servers; and what is sent without anybody calling."""

import http.client
import http.server
import queue
import threading
import time

import pytest
import requests

from mockserver import worlds
from mockserver.admin.faults import Effect
from mockserver.admin.jobs import Jobs
from mockserver.admin.webhooks import Webhooks
from mockserver.app import App
from mockserver.sandbox import Sandbox
from mockserver.sandbox.registry import Sandboxes
from mockserver.serving import wsgi
from mockserver.serving.live import LiveServer
from mockserver.serving.ticker import Ticker
from tests.conftest import ADMIN_KEY

BODY = b"0123456789"


def suffering(effect):
    def app(environ, start_response):
        if effect is not None:
            environ["mockserver.effect"] = effect
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))])
        return [BODY]

    return app


def answer(effect):
    return wsgi.call(suffering(effect), "GET", "http://mock.test/", [], b"")


def test_without_a_fault_the_answer_is_the_apps():
    whole = answer(None)
    assert (whole.status, whole.body, whole.truncated, whole.dropped, whole.delay) == (200, BODY, False, False, 0)


def test_half_a_body_comes_though_the_whole_was_promised():
    cut = answer(Effect(truncated=True))
    assert (cut.announced, cut.sent, cut.truncated) == (10, b"01234", True)


def test_a_delay_and_a_dropped_connection_are_for_the_server_to_carry_out():
    assert answer(Effect(delay=2.5)).delay == 2.5
    assert answer(Effect(drop=True)).dropped


def test_a_client_of_a_live_server_sees_them():
    with LiveServer(suffering(Effect(drop=True))) as server, pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=5)
    with LiveServer(suffering(Effect(delay=0.2))) as server:
        started = time.monotonic()
        assert requests.get(server.url, timeout=5).content == BODY
        assert time.monotonic() - started >= 0.2
    with LiveServer(suffering(Effect(truncated=True))) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        connection.request("GET", "/")
        with pytest.raises(http.client.IncompleteRead) as cut:
            connection.getresponse().read()
        connection.close()
    assert cut.value.partial == b"01234"


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
