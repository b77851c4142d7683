"""What the server makes of requests as they come: broken, slow, many at once, or meant for somebody else."""

import contextlib
import http.client
import json
import re
import socket
import threading
import time

import pytest
import requests

from mockserver.serving import server as serving
from mockserver.serving.addresses import known_hosts
from mockserver.serving.live import LiveServer

HOST = b"Host: localhost\r\n"


class Echo:
    """An application that tells what it was sent, and keeps count."""

    def __init__(self):
        self.seen = []

    def __call__(self, environ, start_response):
        seen = {name: value for name, value in environ.items() if isinstance(value, str)}
        seen["body"] = environ["wsgi.input"].read().decode("latin-1")
        self.seen.append(seen)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(seen).encode()]


@pytest.fixture
def app():
    return Echo()


@pytest.fixture
def server(app):
    with LiveServer(app) as server:
        yield server


def connect(server):
    return contextlib.closing(socket.create_connection(("127.0.0.1", server.port), timeout=10))


def read(client):
    """All that comes until the server closes the connection, or sends nothing for long."""
    return b"".join(iter(lambda: client.recv(65536), b""))


def exchange(server, *sent, end=True):
    """What comes back on one raw connection. `end`: the client sends no more after that."""
    with connect(server) as client:
        for data in sent:
            client.sendall(data)
        if end:
            client.shutdown(socket.SHUT_WR)
        return read(client)


def statuses(answers):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]


# -- what is not whole ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"PATCH", b"DELETE", b"GET"])
@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 10\r\n\r\nabc",
        b"Content-Length: 10\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        b"Content-Len",
    ],
    ids=repr,
)
def test_a_request_that_ends_too_soon_is_refused(server, app, method, rest):
    answer = exchange(server, method + b" / HTTP/1.1\r\n" + HOST + rest)
    assert statuses(answer) == [400]
    assert b"The request is incomplete: " in answer
    assert app.seen == []


@pytest.mark.parametrize(
    "chunks",
    [
        b"zz\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"3\nabc\n0\n\n",
        b"3 \r\nabc\r\n0\r\n\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"-3\r\nabc\r\n0\r\n\r\n",
        b"+3\r\nabc\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    ],
    ids=repr,
)
def test_malformed_chunks_are_refused(server, app, chunks):
    answer = exchange(
        server, b"DELETE / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks, end=False
    )
    assert statuses(answer) == [400]
    assert b"body is malformed" in answer
    assert app.seen == []


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"Content-Length: 3, 3\r\n\r\nabc",
        b"Content-Length: +3\r\n\r\nabc",
        b"Content-Length: 0x3\r\n\r\nabc",
        b"Content-Length: -3\r\n\r\nabc",
        b"Content-Length: 99999999999999999999999\r\n\r\nabc",
        b"Content-Length : 3\r\n\r\nabc",
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: identity\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"X: a\r\n Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"X: a\x00b\r\n\r\n",
        b"X: a\nY: b\r\n\r\n",
        b"X: a\rY: b\r\n\r\n",
        b": a\r\n\r\n",
        b"Host: other\r\n\r\n",
    ],
    ids=repr,
)
def test_a_head_that_two_servers_may_read_differently_is_refused(server, app, head):
    answer = exchange(server, b"POST / HTTP/1.1\r\n" + HOST + head)
    assert statuses(answer) in ([400], [501])
    assert app.seen == []


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET /\r\n\r\n",
        b"FOO / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01",
    ],
    ids=repr,
)
def test_what_is_no_request_is_refused(server, app, line):
    assert statuses(exchange(server, line)) in ([400], [501])
    assert app.seen == []


def test_too_large_a_head_is_refused(server, app):
    assert statuses(exchange(server, b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", end=False)) == [414]
    long = b"X: " + b"a" * 300_000
    assert statuses(exchange(server, b"GET / HTTP/1.1\r\n" + HOST + long + b"\r\n\r\n", end=False)) == [431]
    many = b"X: a\r\n" * 20_000
    assert statuses(exchange(server, b"GET / HTTP/1.1\r\n" + HOST + many + b"\r\n", end=False)) == [431]
    endless = b"0\r\nX: " + b"a" * 300_000
    answer = exchange(
        server, b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + endless, end=False
    )
    assert statuses(answer) == [431]
    assert app.seen == []


# -- what is passed on as it came ----------------------------------------------------------------------------


def test_an_address_is_passed_on_as_it_came(server, app):
    exchange(server, b"GET /a%2Fb/../c//d?x=%20y HTTP/1.1\r\n" + HOST + b"\r\n")
    assert app.seen[0]["REQUEST_URI"] == "/a%2Fb/../c//d?x=%20y"
    assert app.seen[0]["PATH_INFO"] == "/a/b/../c//d"


def test_an_address_whose_characters_nobody_escaped_is_understood(server, app):
    exchange(server, "GET /é?name=Müller HTTP/1.1\r\n".encode() + HOST + b"\r\n")
    assert app.seen[0]["REQUEST_URI"] == "/%C3%A9?name=M%C3%BCller"


def test_header_values_outside_ascii_are_passed_on(server, app):
    exchange(server, b"GET / HTTP/1.1\r\n" + HOST + b"X-Name: caf\xe9\r\n\r\n")
    assert app.seen[0]["HTTP_X_NAME"] == "caf\xe9"


def test_a_whole_url_says_the_host(server, app):
    exchange(server, b"GET http://other.test:81/a?b HTTP/1.1\r\n" + HOST + b"\r\n")
    assert (app.seen[0]["HTTP_HOST"], app.seen[0]["REQUEST_URI"]) == ("other.test:81", "/a?b")


def test_trailers_are_no_headers(server, app):
    chunks = b"3;x=1\r\nabc\r\n0\r\nAuthorization: forged\r\n\r\n"
    exchange(server, b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    assert app.seen[0]["body"] == "abc"
    assert "HTTP_AUTHORIZATION" not in app.seen[0]


def test_a_request_in_single_bytes_is_one(server, app):
    with connect(server) as client:
        for byte in b"POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc":
            client.sendall(bytes([byte]))
        client.shutdown(socket.SHUT_WR)
        assert statuses(read(client)) == [200]
    assert [seen["body"] for seen in app.seen] == ["abc"]


def test_requests_sent_at_once_are_answered_in_their_order(server, app):
    requests = b"".join(b"GET /%d HTTP/1.1\r\n" % number + HOST + b"\r\n" for number in range(200))
    assert statuses(exchange(server, requests)) == [200] * 200
    assert [seen["PATH_INFO"] for seen in app.seen] == [f"/{number}" for number in range(200)]


def test_nothing_is_read_after_a_request_that_closes(server, app):
    last = b"GET /1 HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    assert statuses(exchange(server, last + b"GET /2 HTTP/1.1\r\n" + HOST + b"\r\n", end=False)) == [200]
    assert len(app.seen) == 1


def test_an_old_client_is_answered_and_left(server):
    answer = exchange(server, b"GET / HTTP/1.0\r\n\r\n", end=False)
    assert statuses(answer) == [200]
    assert b"Connection: close" in answer
    with connect(server) as client:
        for _ in range(2):
            client.sendall(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert b"Connection: keep-alive" in client.recv(65536)


# -- other protocols -----------------------------------------------------------------------------------------


def test_connect_is_refused(server, app):
    answer = exchange(server, b"CONNECT host.test:443 HTTP/1.1\r\nHost: host.test:443\r\n\r\n", end=False)
    assert statuses(answer) == [405]
    assert b"this server is no tunnel" in answer
    assert app.seen == []


def test_an_upgrade_to_websockets_is_refused(server, app):
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    answer = exchange(server, b"GET / HTTP/1.1\r\n" + HOST + upgrade)
    assert statuses(answer) == [501]
    assert b"The upgrade to websocket is refused" in answer
    assert app.seen == []


@pytest.mark.parametrize(
    "body", [b"\r\n", b"Content-Length: 3\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]
)
def test_a_client_that_offers_http_2_is_answered_in_http_1(server, app, body):
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    post = b"POST /1 HTTP/1.1\r\n" + HOST + upgrade + body
    assert statuses(exchange(server, post, b"GET /2 HTTP/1.1\r\n" + HOST + b"\r\n")) == [200, 200]
    assert [seen["body"] for seen in app.seen] == ["" if body == b"\r\n" else "abc", ""]


# -- large bodies --------------------------------------------------------------------------------------------


def test_a_client_that_asks_first_is_told_to_go_on(server, app):
    with connect(server) as client:
        client.sendall(b"POST / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert app.seen == []
        client.sendall(b"abc")
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert app.seen[0]["body"] == "abc"


def test_a_client_that_asks_first_learns_that_its_body_is_too_large(server, app):
    head = b"POST / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (serving.BODY + 1)
    assert statuses(exchange(server, head, end=False)) == [413]
    assert app.seen == []


@pytest.mark.parametrize("chunked", [False, True])
def test_too_large_a_body_is_read_before_it_is_refused(server, app, chunked):
    body = b"x" * (serving.BODY + 1)
    with requests.Session() as session:
        refused = session.post(server.url, data=iter([body]) if chunked else body, timeout=30)
        assert (refused.status_code, refused.json()) == (
            413,
            {"detail": f"The request body is larger than {serving.BODY} bytes."},
        )
        assert app.seen == []
        assert session.post(server.url, data=b"x" * serving.BODY, timeout=30).status_code == 200


def test_an_app_with_a_limit_of_its_own_is_told_the_length():
    def app(environ, start_response):
        start_response("413 Content Too Large", [])
        return [f"{environ['CONTENT_LENGTH']} {len(environ['wsgi.input'].read())}".encode()]

    with LiveServer(app, largest=lambda path: 5) as server:
        assert requests.post(server.url, data=b"123456", timeout=10).text == "6 0"
        assert requests.post(server.url, data=iter([b"1234", b"56"]), timeout=10).text == "6 0"


def test_there_is_an_end_to_what_is_read_in_vain(server, monkeypatch):
    monkeypatch.setattr(serving, "DRAINED", 11 * 2**20)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", str(2**30))
    connection.endheaders(b"x" * (12 * 2**20))
    assert connection.getresponse().status == 413
    connection.close()


def test_there_is_an_end_to_what_all_bodies_take(server, monkeypatch):
    monkeypatch.setattr(serving, "HELD", 1000)
    with connect(server) as other:
        other.sendall(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 900\r\n\r\n" + b"x" * 899)
        time.sleep(0.2)
        refused = requests.post(server.url, data=b"x" * 200, timeout=10)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert requests.post(server.url, data=b"x" * 50, timeout=10).status_code == 200
    time.sleep(0.2)
    assert requests.post(server.url, data=b"x" * 999, timeout=10).status_code == 200


# -- slow clients --------------------------------------------------------------------------------------------


def test_headers_and_bodies_have_deadlines(server, app, monkeypatch):
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(serving, "BODY_SECONDS", 0.6)
    answer = exchange(server, b"GET / HTTP/1.1\r\nHost: ", end=False)
    assert statuses(answer) == [408]
    assert b"longer than 0.3 seconds to send its headers" in answer
    with connect(server) as client:
        client.sendall(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\n")
        for _ in range(4):  # the time does not begin anew
            time.sleep(0.1)
            client.sendall(b"x")
        answer = read(client)
    assert statuses(answer) == [408]
    assert b"its body, of which 4 bytes came" in answer
    assert app.seen == []


def test_a_client_that_takes_no_answer_is_left(monkeypatch):
    monkeypatch.setattr(serving, "SEND_SECONDS", 0.3)

    def app(environ, start_response):
        start_response("200 OK", [])
        return [b"x" * (50 * 2**20)]

    with LiveServer(app) as server, connect(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        time.sleep(1)
        with contextlib.suppress(ConnectionResetError):
            assert len(read(client)) < 50 * 2**20


def test_slow_senders_delayed_answers_and_idle_clients_hold_nobody_up():
    class Effect:
        delay, truncated, drop = 30.0, False, False

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/slow":
            environ["mockserver.effect"] = Effect
        start_response("200 OK", [])
        return [b"ok"]

    with (
        LiveServer(app, cost=lambda *_: serving.CHEAP) as server,
        contextlib.ExitStack() as clients,
    ):
        for sent in (
            b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nx",
            b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n",
            b"",
        ):
            for _ in range(100):
                clients.enter_context(connect(server)).sendall(sent)
        threads = threading.active_count()
        started = time.monotonic()
        assert requests.get(server.url, timeout=5).text == "ok"
        assert time.monotonic() - started < 1
        assert threading.active_count() == threads


def test_a_client_that_leaves_during_a_delay_is_forgotten(app):
    class Effect:
        delay, truncated, drop = 30.0, False, False

    def delayed(environ, start_response):
        environ["mockserver.effect"] = Effect
        return app(environ, start_response)

    with LiveServer(delayed) as server:
        with connect(server) as client:
            client.sendall(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
            time.sleep(0.2)
        started = time.monotonic()
    assert time.monotonic() - started < 1


def test_a_cheap_call_does_not_wait_for_a_lock_that_a_long_one_holds():
    lock, begun, release = threading.Lock(), threading.Event(), threading.Event()

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/long":
            with lock:
                begun.set()
                release.wait(10)
        elif environ["PATH_INFO"] == "/locked":
            with lock:
                pass
        start_response("200 OK", [])
        return [threading.current_thread().name.encode()]

    def cost(method, path, length):
        return serving.LONG if path == "/long" else serving.CHEAP

    with LiveServer(app, cost=cost) as server:
        assert requests.get(server.url, timeout=5).text == "cofactr-mock-live"
        long = threading.Thread(target=requests.get, args=(f"{server.url}/long",))
        long.start()
        assert begun.wait(5)
        locked = threading.Thread(target=requests.get, args=(f"{server.url}/locked",))
        locked.start()
        assert requests.get(f"{server.url}/free", timeout=5).text == "cofactr-mock-call"
        release.set()
        long.join(5)
        locked.join(5)


def test_of_too_many_connections_the_longest_idle_one_is_closed(app):
    with LiveServer(app, connections=3) as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(3)]
        for client in clients:
            client.sendall(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
            assert client.recv(65536)
        assert requests.get(server.url, timeout=5).status_code == 200
        clients[1].sendall(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        assert clients[1].recv(65536)
        with contextlib.suppress(ConnectionError):
            assert clients[0].recv(1) == b""


# -- answers that go on --------------------------------------------------------------------------------------


def test_an_answer_may_go_on_and_ends_with_its_client():
    closed = threading.Event()

    def app(environ, start_response):
        def numbers():
            try:
                for number in range(10**9):
                    yield b"%d\n" % number
                    time.sleep(0.01)
            finally:
                closed.set()

        start_response("200 OK", [("Content-Type", "text/plain")])
        return numbers() if environ.get("mockserver.streaming") else [b"whole"]

    with LiveServer(app) as server:
        assert requests.get(server.url, timeout=5).text == "whole"
    with LiveServer(app, streaming=True) as server:
        with requests.get(server.url, timeout=5, stream=True) as answer:
            lines = answer.iter_lines()
            assert [next(lines), next(lines)] == [b"0", b"1"]
        assert closed.wait(5)
    with LiveServer(app, streaming=True) as server:
        closed.clear()
        with connect(server) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            time.sleep(0.1)
            assert b"\r\n\r\n0\n1\n" in client.recv(65536)
            server.stop()
            read(client)
        assert closed.wait(5)


# -- hosts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8080", "LOCALHOST", "localhost.", "api.localhost", "127.0.0.1:1", "127.8.8.8", "[::1]:80"],
)
def test_names_of_this_machine_are_answered(host):
    assert known_hosts("127.0.0.1")(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.test",
        "evil.test:8080",
        "127.0.0.1.evil.test",
        "localhost.evil.test",
        "evil.test/localhost",
        "evil.test#.localhost",
        "evil.test@localhost",
        "localhost@evil.test",
        "192.168.0.1",
        "[fe80::1]",
        "[::1",
        "2130706433",
    ],
)
def test_names_of_others_are_not(host):
    assert not known_hosts("127.0.0.1")(host)


def test_further_names_can_be_allowed():
    answers = known_hosts("127.0.0.1", ["mock.test:8080", ".internal.test"])
    assert [*map(answers, ("mock.test", "MOCK.TEST:99", "a.b.internal.test", "localhost"))] == [True] * 4
    assert not any(map(answers, ("x.mock.test", "internal.test", "evilinternal.test")))


def test_where_others_reach_the_server_it_answers_to_all_names_unless_some_are_allowed():
    assert known_hosts("0.0.0.0") is None
    assert not known_hosts("0.0.0.0", ["mock.test"])("evil.test")


def test_a_host_that_is_not_known_is_refused_with_what_to_do(app):
    with LiveServer(app, hosts=known_hosts("127.0.0.1")) as server:
        refused = requests.get(server.url, headers={"Host": "evil.test"}, timeout=5)
        assert refused.status_code == 421
        assert "--allow-host" in refused.json()["detail"]
        whole = b"GET http://evil.test/ HTTP/1.1\r\n" + HOST + b"\r\n"
        assert statuses(exchange(server, whole)) == [421]
        assert app.seen == []
        assert requests.get(server.url, timeout=5).status_code == 200
