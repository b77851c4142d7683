import asyncio
import gzip
import http.client
import io
import json
import socket
import subprocess
import sys
import threading
import types
import urllib.error
import urllib.request
from functools import partial

import aiohttp
import httpx
import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from mockserver.serving.intercept import DropConnection, intercept
from mockserver.serving.wsgi import call


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


ORIGIN = "https://flagship-api.cofactr.com"
HOST = "flagship-api.cofactr.com"
CLIENTS = ["requests", "urllib3", "httpx", "httpx-async", "aiohttp"]


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Any attempt to reach the network fails the test."""

    def refuse(self, address, *rest):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            pytest.fail(f"a socket was opened to {address}")

    def resolve(host, *rest, **options):
        pytest.fail(f"{host} was looked up")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def mock(app=echo):
    return partial(call, app)


@pytest.fixture
def served():
    with intercept(mock(), [ORIGIN]):
        yield


def get(client, url, timeout=None, proxy=None):
    """GET with one of CLIENTS: (status, body). Follows redirects."""
    if client == "requests":
        with requests.Session() as session:
            session.proxies = {"all": proxy} if proxy else {}
            response = session.get(url, timeout=timeout)
            return response.status_code, response.content
    if client == "urllib3":
        bare = Retry(total=None, connect=False, read=False)  # errors as they are, redirects followed
        with urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager() as pool:
            response = pool.request("GET", url, timeout=timeout, retries=bare)
            return response.status, response.data
    if client == "httpx":
        with httpx.Client(timeout=timeout, proxy=proxy, follow_redirects=True) as session:
            response = session.get(url)
            return response.status_code, response.content

    async def get_httpx():
        async with httpx.AsyncClient(timeout=timeout, proxy=proxy, follow_redirects=True) as session:
            response = await session.get(url)
            return response.status_code, response.content

    async def get_aiohttp():
        limits = aiohttp.ClientTimeout(sock_read=timeout)
        session = aiohttp.ClientSession(timeout=limits, trust_env=True)
        async with session, session.get(url, proxy=proxy) as response:
            return response.status, await response.read()

    return asyncio.run(get_httpx() if client == "httpx-async" else get_aiohttp())


every_client = pytest.mark.parametrize("client", CLIENTS)


@every_client
def test_request_is_answered_in_process(client, served):
    status, body = get(client, f"{ORIGIN}/v1/parts/?q=a%20b")
    assert status == 200
    assert b'"url": "https://flagship-api.cofactr.com/v1/parts/", "query": "q=a%20b"' in body


@every_client
def test_after_the_block_requests_go_out_again(client, monkeypatch):
    resolved = []

    def resolve(host, *rest, **options):
        resolved.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "no such host")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with intercept(mock(), [ORIGIN]):
        get(client, ORIGIN)
    assert resolved == []
    with pytest.raises(Exception, match="no such host"):
        get(client, ORIGIN)
    assert set(resolved) <= {HOST, HOST.encode()}
    assert resolved


def test_everything_is_put_back():
    places = [
        (urllib3.connectionpool.HTTPConnectionPool, "_make_request"),
        (urllib3.connectionpool.HTTPSConnectionPool, "_prepare_proxy"),
        (httpx.HTTPTransport, "handle_request"),
        (httpx.AsyncHTTPTransport, "handle_async_request"),
        (aiohttp.BaseConnector, "connect"),
        (http.client.HTTPConnection, "putrequest"),
        (socket, "getaddrinfo"),
        (socket.socket, "connect"),
        (socket.socket, "connect_ex"),
    ]
    before = [vars(owner).get(name) for owner, name in places]
    finders = list(sys.meta_path)
    with intercept(mock(), [ORIGIN]):
        assert [vars(owner).get(name) for owner, name in places] != before
    assert [vars(owner).get(name) for owner, name in places] == before
    assert sys.meta_path == finders


def test_urllib3_still_has_the_private_methods_that_are_patched():
    for name in ("_make_request", "_prepare_proxy"):
        assert hasattr(urllib3.HTTPSConnectionPool, name), f"urllib3 has renamed {name}: adapt intercept.py"


def test_a_library_that_lost_its_seam_is_named_instead_of_let_through(monkeypatch):
    monkeypatch.delattr(urllib3.connectionpool.HTTPConnectionPool, "_make_request")
    advice = "HTTPConnectionPool._make_request, which this release of urllib3 no longer has"
    with pytest.raises(RuntimeError, match=advice), intercept(mock(), []):
        pass


def test_clients_made_before_the_block():
    session, pool, client = requests.Session(), urllib3.PoolManager(), httpx.Client()

    async def both():
        async with aiohttp.ClientSession() as async_session, httpx.AsyncClient() as async_client:
            with intercept(mock(), [ORIGIN]):
                async with async_session.get(ORIGIN) as response:
                    return response.status, (await async_client.get(ORIGIN)).status_code

    with session, client, intercept(mock(), [ORIGIN]):
        assert session.get(ORIGIN).status_code == 200
        assert pool.request("GET", ORIGIN).status == 200
        assert client.get(ORIGIN).status_code == 200
    assert asyncio.run(both()) == (200, 200)


@pytest.mark.parametrize("name", ["requests", "httpx", "aiohttp"])
def test_library_first_imported_inside_the_block(name):
    script = f"""
import sys
from functools import partial
from mockserver.serving.intercept import intercept
from mockserver.serving.wsgi import call
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"mock"]
with intercept(partial(call, app), ["{ORIGIN}"]):
    assert not {{"urllib3", "httpx", "aiohttp"}} & set(sys.modules)
    import {name}
    if {name!r} == "aiohttp":
        import asyncio
        async def main():
            async with aiohttp.ClientSession() as session, session.get("{ORIGIN}") as response:
                return await response.text()
        print(asyncio.run(main()))
    else:
        print({name}.get("{ORIGIN}").text)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "mock\n"


# --- retries, redirects, cookies --------------------------------------------------------------------------


def test_the_session_s_own_retry_policy_runs():
    answers = iter([respond("503 Busy"), respond("503 Busy"), respond("200 OK", body=b"done")])
    retries = Retry(total=3, backoff_factor=0, status_forcelist=[503])
    with requests.Session() as session, intercept(lambda *request: call(next(answers), *request), [ORIGIN]):
        session.mount("https://", HTTPAdapter(max_retries=retries))
        response = session.get(ORIGIN)
    assert response.text == "done"
    assert [entry.status for entry in response.raw.retries.history] == [503, 503]


def test_connections_go_back_to_a_pool_that_blocks(served):
    pool = urllib3.HTTPSConnectionPool(HOST, maxsize=1, block=True)
    for _ in range(3):
        response = pool.request("GET", "/", preload_content=False, pool_timeout=0.1)
        assert response.read()
        response.release_conn()


@every_client
def test_redirects_are_followed(client):
    def app(environ, start_response):
        here = environ["PATH_INFO"] == "/new"
        return (echo if here else respond("302 Found", ("Location", "/new")))(environ, start_response)

    with intercept(mock(app), [ORIGIN]):
        status, body = get(client, f"{ORIGIN}/old")
    assert status == 200
    assert b"cofactr.com/new" in body


def test_cookies_are_kept_by_the_session():
    app = respond("200 OK", ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))
    with requests.Session() as session, httpx.Client() as client:
        with intercept(mock(app), [ORIGIN]):
            session.get(ORIGIN)
            client.get(ORIGIN)
        assert dict(session.cookies) == dict(client.cookies) == {"a": "1", "b": "2"}


@every_client
def test_compressed_answers_are_decompressed(client):
    packed = respond("200 OK", ("Content-Encoding", "gzip"), body=gzip.compress(b"plain"))
    with intercept(mock(packed), [ORIGIN]):
        assert get(client, ORIGIN) == (200, b"plain")


@pytest.mark.parametrize("status", [200, 204, 404])
def test_head_and_empty_answers(status):
    app = respond(f"{status} Whatever", *([("Content-Length", "2")] if status == 200 else []), body=b"{}")

    async def head():
        async with aiohttp.ClientSession() as session, session.head(ORIGIN) as response:
            return response.status, await response.read()

    with intercept(mock(app), [ORIGIN]):
        response = requests.head(ORIGIN)
        assert (response.status_code, response.reason, response.content) == (status, "Whatever", b"")
        assert httpx.head(ORIGIN).status_code == status
        assert asyncio.run(head()) == (status, b"")


# --- streaming and bodies ---------------------------------------------------------------------------------

BIG = bytes(range(256)) * 4000


def test_streamed_answers():
    with intercept(mock(respond("200 OK", body=BIG)), [ORIGIN]):
        with requests.get(ORIGIN, stream=True) as response:
            assert b"".join(response.iter_content(5000)) == BIG
        with httpx.stream("GET", ORIGIN) as response:
            assert b"".join(response.iter_raw(5000)) == BIG

        async def stream():
            async with httpx.AsyncClient() as client, client.stream("GET", ORIGIN) as response:
                assert b"".join([part async for part in response.aiter_bytes(5000)]) == BIG
            async with aiohttp.ClientSession() as session, session.get(ORIGIN) as response:
                assert b"".join([part async for part in response.content.iter_chunked(5000)]) == BIG

        asyncio.run(stream())


def pieces():
    yield b"one "
    yield b"two"


async def async_pieces():
    for piece in pieces():
        yield piece


@pytest.mark.parametrize("body", [b"one two", "one two", io.BytesIO(b"one two"), pieces()], ids=type)
def test_bodies_sent_with_requests_and_urllib3(body, served):
    assert requests.post(ORIGIN, data=body).json()["body"] == "one two"
    if isinstance(body, bytes | str):
        assert urllib3.request("POST", ORIGIN, body=body).json()["body"] == "one two"


@pytest.mark.parametrize("body", [b"one two", "one two", io.BytesIO(b"one two"), pieces()], ids=type)
def test_bodies_sent_with_httpx(body, served):
    assert httpx.post(ORIGIN, content=body).json()["body"] == "one two"


@pytest.mark.parametrize("body", [b"one two", "one two", io.BytesIO(b"one two"), async_pieces()], ids=type)
def test_bodies_sent_with_aiohttp(body, served):
    async def post():
        async with aiohttp.ClientSession() as session, session.post(ORIGIN, data=body) as response:
            return (await response.json())["body"]

    assert asyncio.run(post()) == "one two"


def test_async_generator_sent_with_httpx(served):
    async def post():
        async with httpx.AsyncClient() as client:
            return (await client.post(ORIGIN, content=async_pieces())).json()["body"]

    assert asyncio.run(post()) == "one two"


def test_multipart_uploads(served):
    async def post():
        form = aiohttp.FormData()
        form.add_field("file", io.BytesIO(b"a,b"), filename="bom.csv")
        async with aiohttp.ClientSession() as session, session.post(ORIGIN, data=form) as response:
            return await response.json()

    files = {"file": ("bom.csv", b"a,b")}
    for answer in (
        requests.post(ORIGIN, files=files).json(),
        httpx.post(ORIGIN, files=files).json(),
        asyncio.run(post()),
    ):
        assert answer["type"].startswith("multipart/form-data; boundary=")
        assert 'filename="bom.csv"' in answer["body"]
        assert int(answer["length"]) == len(answer["body"])


def test_expect_100_continue_with_aiohttp(served):
    async def post():
        session = aiohttp.ClientSession()
        async with session, session.post(ORIGIN, data=b"body", expect100=True) as response:
            return (await response.json())["body"]

    assert asyncio.run(post()) == "body"


# --- proxies, and other ways out --------------------------------------------------------------------------


@every_client
@pytest.mark.parametrize("origin", [ORIGIN, f"http://{HOST}"])
def test_proxy_in_the_environment_is_not_asked(client, origin, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy.test:3128")
    with intercept(mock(), [origin]):
        assert get(client, origin)[0] == 200


@every_client
@pytest.mark.parametrize("origin", [ORIGIN, f"http://{HOST}"])
def test_proxy_of_the_client_is_not_asked(client, origin):
    with intercept(mock(), [origin]):
        assert get(client, f"{origin}/x", proxy="http://proxy.test:3128")[0] == 200


@every_client
@pytest.mark.parametrize("proxy", [None, "http://proxy.test:3128"])
@pytest.mark.parametrize("url", [f"http://{HOST}/", f"{ORIGIN}:8443/"])
def test_other_scheme_or_port_of_the_host_never_leaves(client, url, proxy, served):
    with pytest.raises(Exception, match=f"the Cofactr mock serves {ORIGIN} and nothing else") as error:
        get(client, url, proxy=proxy)
    if client == "requests":
        assert isinstance(error.value, requests.ConnectionError)
    if client.startswith("httpx"):
        assert isinstance(error.value, httpx.ConnectError)
    if client == "aiohttp":
        assert isinstance(error.value, aiohttp.ClientConnectorError)


@pytest.mark.parametrize("url", [ORIGIN, f"HTTPS://{HOST.upper()}:443", f"https://{HOST}./"])
def test_one_origin_many_spellings(url, served):
    assert requests.get(url).status_code == httpx.get(url).status_code == 200


def test_urllib_fails_with_advice(served, monkeypatch):
    advice = f"{HOST} is served by the Cofactr mock in this test; call it with"
    with pytest.raises(urllib.error.URLError, match=advice):
        urllib.request.urlopen(ORIGIN)
    with pytest.raises(socket.gaierror, match=advice):
        socket.create_connection((HOST, 443))
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    with pytest.raises(urllib.error.URLError, match=advice):
        urllib.request.urlopen(ORIGIN)


def test_an_httpx_with_other_seams_leaves_the_other_clients_alone(monkeypatch):
    monkeypatch.setitem(sys.modules, "httpx", types.ModuleType("httpx"))  # as the pre-releases of 1.0
    with intercept(partial(call, echo), [ORIGIN]):
        assert requests.get(ORIGIN).status_code == 200


def test_other_hosts_are_untouched(served):
    with httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(418))) as client:
        assert client.get("https://elsewhere.test").status_code == 418
    with pytest.raises(pytest.fail.Exception, match=r"elsewhere\.test was looked up"):
        requests.get("https://elsewhere.test")


@every_client
@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:3128"])
def test_blocked_network(client, proxy):
    with intercept(mock(), [ORIGIN], block_network=True):
        assert get(client, ORIGIN)[0] == 200
        with pytest.raises(Exception, match=r"example\.test is not .*To allow it, leave out block_network"):
            get(client, "https://example.test/", proxy=proxy)


def test_blocked_network_leaves_this_machine_reachable(monkeypatch):
    monkeypatch.undo()
    with socket.create_server(("127.0.0.1", 0)) as server, intercept(mock(), [ORIGIN], block_network=True):
        socket.create_connection(("localhost", server.getsockname()[1])).close()
        with socket.socket() as client, pytest.raises(OSError, match=r"192\.0\.2\.1 is not served"):
            client.connect(("192.0.2.1", 80))


def test_what_is_not_an_origin_is_refused():
    for text in ("flagship-api.cofactr.com", f"{ORIGIN}/v1", "ftp://host", ""):
        with pytest.raises(ValueError, match="is not an origin"), intercept(mock(), [text]):
            pass


# --- faults -----------------------------------------------------------------------------------------------


def drop(*request):
    raise DropConnection


@every_client
def test_dropped_connection(client):
    expected = {
        "requests": requests.ConnectionError,
        "urllib3": urllib3.exceptions.ProtocolError,
        "aiohttp": aiohttp.ServerDisconnectedError,
    }
    with intercept(drop, [ORIGIN]), pytest.raises(expected.get(client, httpx.RemoteProtocolError)):
        get(client, ORIGIN)


@pytest.mark.parametrize("proxy", [None, "http://proxy.test:3128"])
def test_dropped_connection_is_retried_by_the_policy(proxy):
    answers = iter([drop, drop, mock()])
    with requests.Session() as session, intercept(lambda *request: next(answers)(*request), [ORIGIN]):
        session.mount("https://", HTTPAdapter(max_retries=Retry(total=2, backoff_factor=0)))
        assert session.get(ORIGIN, proxies={"https": proxy}).status_code == 200


def slow(seconds, *request):
    return call(echo, *request)._replace(delay=seconds)


@every_client
def test_delayed_answer(client):
    with intercept(partial(slow, 0.01), [ORIGIN]):
        assert get(client, ORIGIN, timeout=5)[0] == 200


@every_client
@pytest.mark.parametrize("proxy", [None, "http://proxy.test:3128"])
def test_delay_beyond_the_read_timeout(client, proxy):
    expected = {
        "requests": requests.ReadTimeout,
        "urllib3": urllib3.exceptions.ReadTimeoutError,
        "aiohttp": aiohttp.ServerTimeoutError,
    }
    with intercept(partial(slow, 60), [ORIGIN]), pytest.raises(expected.get(client, httpx.ReadTimeout)):
        get(client, ORIGIN, timeout=0.02, proxy=proxy)


@every_client
@pytest.mark.parametrize("body", [b"12345678", BIG], ids=["small", "big"])
def test_truncated_answer(client, body):
    expected = {
        "requests": requests.exceptions.ChunkedEncodingError,
        "urllib3": urllib3.exceptions.ProtocolError,
        "aiohttp": aiohttp.ClientPayloadError,
    }

    def cut(*request):
        return call(respond("200 OK", body=body), *request)._replace(truncated=True)

    with intercept(cut, [ORIGIN]), pytest.raises(expected.get(client, httpx.RemoteProtocolError)):
        get(client, ORIGIN)


@every_client
def test_an_error_of_the_mock_itself_is_raised(client):
    def broken(*request):
        raise LookupError("a bug in the mock")

    with intercept(broken, [ORIGIN]), pytest.raises(LookupError, match="a bug in the mock"):
        get(client, ORIGIN)


# --- several blocks, threads ------------------------------------------------------------------------------


def name(text):
    return mock(respond("200 OK", body=text.encode()))


def test_innermost_block_answers():
    other = "https://other.test"
    with intercept(name("outer"), [ORIGIN, other]):
        with intercept(name("inner"), [ORIGIN]):
            assert (requests.get(ORIGIN).text, requests.get(other).text) == ("inner", "outer")
        assert requests.get(ORIGIN).text == "outer"


def test_blocks_may_end_in_any_order():
    first, second = intercept(name("first"), [ORIGIN]), intercept(name("second"), [ORIGIN])
    with first:
        second.__enter__()
    assert httpx.get(ORIGIN).text == "second"
    second.__exit__(None, None, None)
    with pytest.raises(pytest.fail.Exception, match="was looked up"):
        requests.get(ORIGIN)


def test_the_same_mock_twice():
    answer = name("mock")
    with intercept(answer, [ORIGIN]):
        with intercept(answer, [ORIGIN]):
            pass
        assert requests.get(ORIGIN).text == "mock"


def test_threads_are_intercepted_while_blocks_come_and_go(served):
    texts = []

    def work():
        with requests.Session() as session:
            for _ in range(20):
                with intercept(name("mine"), ["https://mine.test"]):
                    texts.append(session.get("https://mine.test").text)
                    session.get(ORIGIN).raise_for_status()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == ["mine"] * 80
