import asyncio
import json
import socket
import threading
import urllib.request
from functools import partial

import aiohttp
import httpx
import pytest
import requests

from mockserver.serving.intercept import intercept
from mockserver.serving.live import LiveServer
from mockserver.serving.wsgi import DropConnection, call


def echo(environ, start_response):
    """An application that tells what it was sent."""
    body = environ["wsgi.input"].read()
    seen = {
        "method": environ["REQUEST_METHOD"],
        "url": f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}{environ['PATH_INFO']}",
        "query": environ["QUERY_STRING"],
        "type": environ.get("CONTENT_TYPE"),
        "length": environ.get("CONTENT_LENGTH"),
        "headers": {key[5:]: value for key, value in environ.items() if key.startswith("HTTP_")},
        "body": body.decode("latin-1"),
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(seen).encode()]


def respond(status, *headers, body=b""):
    """An application with one answer."""

    def app(environ, start_response):
        start_response(status, list(headers))
        return [body]

    return app


def exchange(server, *sent):
    """What comes back on one raw connection until the server closes it."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as client:
        for data in sent:
            client.sendall(data)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_serves_on_a_free_port():
    with LiveServer(echo) as server:
        answer = requests.post(f"{server.url}/caf%C3%A9/?a=1", data="hi").json()
        assert server.url == f"http://127.0.0.1:{server.port}"
    assert (answer["url"], answer["query"], answer["body"]) == (f"{server.url}/cafÃ©/", "a=1", "hi")


def test_is_reached_through_sockets_while_another_origin_is_intercepted():
    async def get_aiohttp(url):
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status

    with LiveServer(echo) as server, intercept(partial(call, echo), ["https://api.test"], block_network=True):
        assert requests.get(server.url).status_code == 200
        assert httpx.get(server.url).status_code == 200
        assert asyncio.run(get_aiohttp(server.url)) == 200
        assert urllib.request.urlopen(server.url).status == 200


def test_connections_are_kept_alive():
    with LiveServer(echo) as server, requests.Session() as session:
        for method in ("GET", "POST", "HEAD", "DELETE"):
            session.request(method, server.url).raise_for_status()
        pools = session.get_adapter(server.url).poolmanager.pools
        [pool] = [pools[key] for key in pools.keys()]  # noqa: SIM118 - it refuses to be iterated over
        assert (pool.num_connections, pool.num_requests) == (1, 4)


def test_slow_request_holds_up_no_other():
    started, release = threading.Event(), threading.Event()

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/slow":
            started.set()
            release.wait(120)
        return echo(environ, start_response)

    with LiveServer(app) as server:
        statuses = []
        slow = [
            threading.Thread(target=lambda: statuses.append(httpx.get(f"{server.url}/slow").status_code))
            for _ in range(20)
        ]
        for thread in slow:
            thread.start()
        assert started.wait(120)
        assert httpx.get(f"{server.url}/fast").status_code == 200
        assert statuses == []
        release.set()
        for thread in slow:
            thread.join(5)
        assert statuses == [200] * 20


def test_dropped_connection():
    def app(environ, start_response):
        raise DropConnection

    with LiveServer(app) as server:
        assert exchange(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""
        with pytest.raises(requests.ConnectionError):
            requests.get(server.url)


def test_truncated_body():
    with LiveServer(respond("200 OK", ("Content-Length", "10"), body=b"hello")) as server:
        assert exchange(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").endswith(b"\r\n\r\nhello")
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            httpx.get(server.url)


def test_chunked_bodies():
    with LiveServer(echo) as server:
        answer = requests.post(server.url, data=iter([b"one ", b"two"])).json()
    assert (answer["body"], answer["length"]) == ("one two", "7")


@pytest.mark.parametrize(
    "framing", [b"Content-Length: x", b"Content-Length: -1", b"Transfer-Encoding: chunked"], ids=repr
)
def test_body_of_unknown_length_is_refused(framing):
    with LiveServer(echo) as server:
        answer = exchange(server, b"POST / HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n\r\nzz\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_an_error_of_the_application_is_a_500_and_logged(caplog):
    def app(environ, start_response):
        raise LookupError("a bug in the mock")

    with LiveServer(app) as server:
        assert requests.get(server.url).status_code == 500
    assert "a bug in the mock" in caplog.text


def test_after_stop_nothing_listens_and_open_connections_are_closed():
    server = LiveServer(echo)
    server.start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as idle:
        idle.sendall(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(65536).startswith(b"HTTP/1.1 200 OK")
        server.stop()
        assert idle.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))
    server.stop()


def test_stop_does_not_wait_for_a_request_in_flight():
    started, release = threading.Event(), threading.Event()

    def app(environ, start_response):
        started.set()
        release.wait(120)
        return echo(environ, start_response)

    with LiveServer(app) as server, socket.create_connection(("127.0.0.1", server.port), timeout=120) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert started.wait(120)
        server.stop()
        assert client.recv(1) == b""
    release.set()


def test_port_that_is_taken_is_named():
    with LiveServer(echo) as server, pytest.raises(OSError, match=f"Cannot listen on .*:{server.port}: "):
        LiveServer(echo, port=server.port).start()


def test_started_twice():
    with LiveServer(echo) as server, pytest.raises(RuntimeError, match="running already"):
        server.start()
