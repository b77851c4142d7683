"""Webhooks: an event for each record that was written, sent once, in order, and never lost while it is pending."""

import concurrent.futures
import contextlib
import datetime as dt
import socket
import threading
import time

import pytest

from mockserver.admin import webhooks
from mockserver.admin.errors import Refused, Unknown
from mockserver.admin.jobs import Jobs
from mockserver.admin.webhooks import Webhooks

RECEIVER = "http://receiver.test/"


@pytest.fixture
def hooks(api):
    return Webhooks(api.sandbox)


@pytest.fixture
def sent(monkeypatch):
    """What was posted, as (url, event); every receiver answers 200."""
    posted = []

    def post(url, event):
        posted.append((url, event))
        return 200, None

    monkeypatch.setattr(webhooks, "post", post)
    return posted


def test_a_call_yields_one_event_for_each_record_it_changed(api, hooks, sent):
    hooks.subscribe(RECEIVER, ["BOM", "BomLine"])
    lines = [{"mpn": f"UNKNOWN-{number}"} for number in range(1500)]
    bom = api.post("/v1/parse_raw_bom/", {"name": "Long", "raw_lines": lines})
    assert len(hooks.deliveries) == 1501
    hooks.drain()
    ids = [event["id"] for _, event in sent]
    assert len(ids) == len(set(ids)) == 1501
    assert ids.count(bom["id"]) == 1
    assert len(hooks.deliveries) == webhooks.KEPT


def test_a_call_that_is_refused_tells_nobody(api, hooks):
    hooks.subscribe(RECEIVER)
    api.post("/v1/boms/", {"name": 5}, expect=400)
    assert hooks.deliveries == {}


def test_the_work_of_a_job_is_told_when_it_is_done(api, hooks, sent):
    hooks.subscribe(RECEIVER, ["BOM"])
    Jobs(api.sandbox).policy("manual")
    start = {"name": "x", "integration_source_name": "plm", "integration_record_id": "1"}
    job = api.put("/v1/boms/async_upsert/", start)
    assert hooks.deliveries == {}
    Jobs(api.sandbox).complete(job["id"])
    assert [event["data"]["name"] for _, event in sent] == ["x"]


def test_after_a_reset_a_moment_brought_back_delivers_when_it_is_due(api, hooks, sent):
    hooks.subscribe(RECEIVER, ["Tag"], delay=3600)
    api.post("/v1/tags/", {"name": "Late"})
    moment = api.sandbox.snapshot()
    api.sandbox.reset()
    assert hooks.deliveries == {}
    api.sandbox.restore(moment)
    api.post("/__mock__/clock/advance", {"minutes": 59})
    assert sent == []
    api.post("/__mock__/clock/advance", {"minutes": 1})
    assert [event["data"]["name"] for _, event in sent] == ["Late"]


def test_a_failed_delivery_is_tried_again_later_and_then_given_up(api, hooks, monkeypatch):
    monkeypatch.setattr(webhooks, "post", lambda url, event: (500, None))
    hooks.subscribe(RECEIVER, ["Tag"], retries=2, backoff=60)
    api.post("/v1/tags/", {"name": "A"})
    [delivery] = hooks.send_due()
    assert (delivery.status, delivery.due_at) == ("pending", "2026-01-15T09:01:00Z")
    assert hooks.send_due() == []
    api.sandbox.clock.advance(minutes=1)
    [delivery] = hooks.send_due()
    assert delivery.due_at == "2026-01-15T09:03:00Z"
    api.sandbox.clock.advance(minutes=2)
    [delivery] = hooks.send_due()
    assert (delivery.status, delivery.due_at) == ("failed", None)
    assert [attempt["status"] for attempt in delivery.attempts] == [500, 500, 500]


def test_many_threads_send_what_is_due_once(api, hooks, monkeypatch):
    sent = []

    def slow(url, event):
        sent.append(event["id"])
        time.sleep(0.002)
        return 200, None

    monkeypatch.setattr(webhooks, "post", slow)
    hooks.subscribe(RECEIVER, ["Tag"])
    made = [api.post("/v1/tags/", {"name": str(number)})["id"] for number in range(20)]
    [first, *_] = hooks.deliveries
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(Webhooks(api.sandbox).send_due) for _ in range(8)]
        again = pool.submit(Webhooks(api.sandbox).redeliver, first)
        concurrent.futures.wait(calls)
    assert again.result().status == "delivered"
    assert sorted(sent) == sorted([*made, made[0]])


def test_one_sandbox_sends_while_another_is_sending(api, hooks, monkeypatch):
    other = type(api)(type(api.sandbox)(api.sandbox.world, name="other"))
    Webhooks(other.sandbox).subscribe("http://other.test/")
    hooks.subscribe(RECEIVER)
    other.post("/v1/tags/", {"name": "A"})
    api.post("/v1/tags/", {"name": "A"})
    statuses = []

    def post(url, event):
        if url == RECEIVER:
            statuses.extend(delivery.status for delivery in Webhooks(other.sandbox).send_due())
        return 200, None

    monkeypatch.setattr(webhooks, "post", post)
    assert [delivery.status for delivery in hooks.send_due()] == ["delivered"]
    assert statuses == ["delivered"]


def test_a_receiver_that_calls_in_turn_causes_no_recursion(api, hooks, monkeypatch):
    depth = []

    def post(url, event):
        depth.append(1)
        if len(depth) < 5:
            api.post("/v1/tags/", {"name": f"again {len(depth)}"})
            assert hooks.send_due() == []  # the one who is sending goes on with it
        return 200, None

    monkeypatch.setattr(webhooks, "post", post)
    hooks.subscribe(RECEIVER, ["Tag"])
    api.post("/v1/tags/", {"name": "first"})
    assert len(hooks.send_due()) == 5


def test_what_is_unsubscribed_is_told_nothing_more(api, hooks, sent):
    subscription = hooks.subscribe(RECEIVER, ["Tag"])
    api.post("/v1/tags/", {"name": "A"})
    [delivery] = hooks.deliveries.values()
    hooks.unsubscribe(subscription.id)
    api.post("/v1/tags/", {"name": "B"})
    assert hooks.drain() == sent == []
    assert [one.status for one in hooks.deliveries.values()] == ["failed"]
    with pytest.raises(
        Refused, match=f"The subscription of delivery {delivery.id} is gone. Subscribe {RECEIVER} again"
    ):
        hooks.redeliver(delivery.id)
    with pytest.raises(Unknown, match="There is no subscription"):
        hooks.unsubscribe(subscription.id)


def test_a_reset_while_something_is_sent_is_not_undone_by_the_answer(api, hooks, monkeypatch):
    def post(url, event):
        api.sandbox.reset()
        return 200, None

    monkeypatch.setattr(webhooks, "post", post)
    hooks.subscribe(RECEIVER, ["Tag"])
    api.post("/v1/tags/", {"name": "A"})
    hooks.send_due()
    assert hooks.deliveries == hooks.subscriptions == {}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"url": "ftp://x"}, "url: Enter a valid URL."),
        ({"delay": -1}, "delay: A number from 0"),
        ({"retries": 1.5}, "retries: A valid integer is required."),
        ({"triggers": ["Planet"]}, "There is no record type 'Planet'. There are ApiKey,"),
        ({"url": "http://127.0.0.1:8080/__mock__/reset"}, "A webhook cannot call the control plane of a mock"),
    ],
)
def test_a_subscription_that_makes_no_sense_is_refused(hooks, values, says):
    with pytest.raises(Refused) as refused:
        hooks.subscribe(**{"url": RECEIVER, **values})
    assert says in str(refused.value)
    assert hooks.subscriptions == {}


def test_what_there_is_not_is_an_error_at_once(hooks):
    with pytest.raises(AttributeError):
        hooks.nonsense()
    with pytest.raises(TypeError):
        hooks.subscribe(RECEIVER, dely=3)


# -- a real POST, on loopback


@contextlib.contextmanager
def server(answer):
    """`answer(connection)` is called with each connection; yields the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook?a=1"


def test_an_event_is_posted_as_json():
    received = []

    def answer(connection):
        request = b""
        while not request.endswith(b"}"):
            request += connection.recv(65536)
        received.append(request)
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")

    with server(answer) as url:
        assert webhooks.post(url, {"event_type": "created"}) == (302, None)  # and not followed
    [request] = received
    assert request.startswith(b"POST /hook?a=1 HTTP/1.1\r\n")
    assert b"Content-Type: application/json\r\n" in request
    assert request.endswith(b'\r\n\r\n{"event_type":"created"}')


@pytest.mark.parametrize("drip", [b"X-Drip: 1\r\n", b""], ids=["headers", "nothing"])
def test_a_whole_delivery_has_one_deadline(monkeypatch, drip):
    monkeypatch.setattr(webhooks, "TIMEOUT", 0.3)
    over = threading.Event()

    def answer(connection):
        connection.recv(65536)
        connection.sendall(drip and b"HTTP/1.1 200 OK\r\n")
        while not over.wait(0.05):
            connection.sendall(drip)

    with server(answer) as url:
        assert webhooks.post(url, {}) == (None, "no answer within 0.3 seconds")
        over.set()


def test_a_receiver_that_is_not_there_is_said():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    status, error = webhooks.post(f"http://127.0.0.1:{port}/", {})
    assert status is None
    assert "refused" in error


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "100.100.100.200"])
def test_link_local_and_metadata_addresses_are_not_asked(monkeypatch, address):
    """The name is looked up here, and nothing is ever connected to."""
    connected = []
    monkeypatch.setattr(webhooks.socket, "create_connection", lambda *args: connected.append(args))
    monkeypatch.setattr(webhooks.socket, "getaddrinfo", lambda *args, **kwargs: [(0, 0, 0, "", (address, 80, 0, 0))])
    status, error = webhooks.post("http://metadata.test/", {})
    assert (status, connected) == (None, [])
    assert "is a link-local or metadata address; `serve --webhook-hosts metadata.test` allows it" in error


def test_a_claim_dies_with_its_sandbox(api):
    before = len(webhooks._claims)
    Webhooks(type(api.sandbox)(api.sandbox.world)).drain()
    __import__("gc").collect()
    assert len(webhooks._claims) <= before + 1


def test_deliveries_are_due_on_the_sandboxes_clock(api, hooks, sent):
    hooks.subscribe(RECEIVER, ["Tag"], delay=120)
    api.post("/v1/tags/", {"name": "A"})
    [delivery] = hooks.deliveries.values()
    assert delivery.due_at == "2026-01-15T09:02:00Z"
    assert not hooks.due
    api.sandbox.clock.advance(dt.timedelta(minutes=2))
    assert hooks.due
