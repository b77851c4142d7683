"""Answer in process what requests, urllib3, httpx and aiohttp would send to an origin. No sockets.

    with intercept(answer, ["https://flagship-api.cofactr.com"]):
        requests.get("https://flagship-api.cofactr.com/...")

While a block is active, in every thread:

* a request to one of the origins goes to `answer`, whichever client object sends it, also one made before
  the block and also one that has a proxy. What lies above the wire is the client's own: retries,
  redirects, cookies, decompression, streaming, time-outs, exceptions. (So aiohttp sends an idempotent
  request a second time after a dropped connection, as it does in life.)
* a request to the *host* of an origin by another scheme, port or client fails with a message that says
  so: it never leaves the machine.
* other hosts are untouched, unless network access is blocked.

Out of reach: a transport, adapter or connector of the user's own that does not end in the libraries'
(httpx.MockTransport, requests adapters such as `responses` installs) is left to its work. A client that
opens sockets in C (pycurl, grpc, uvloop) is neither answered nor refused.
"""

import asyncio
import errno
import functools
import http.client
import io
import ipaddress
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .wsgi import PORTS, Answer, DropConnection

__all__ = ["Answer", "DropConnection", "intercept"]

Answering = Callable[[str, str, list[tuple[str, str]], bytes], Answer]
Origin = tuple[str, str, int]


@contextmanager
def intercept(answer: Answering, origins: Iterable[str], block_network: bool = False) -> Iterator[None]:
    """Send what is meant for `origins` to `answer(method, url, headers, body)` for the length of the block.

    An origin is a scheme and a host, with a port unless it is the usual one. `answer` gets an absolute URL,
    the headers as pairs and the whole body; it may raise DropConnection. With `block_network`, any other
    host but this machine is refused. Blocks may nest and overlap: of those that serve the same origin the
    one entered last answers. Raises ValueError for what is not an origin.
    """
    block = _Block(answer, tuple(_origin(text) for text in origins), block_network)
    _enter(block)
    try:
        yield
    finally:
        _leave(block)


# --- what is active ---------------------------------------------------------------------------------------
#
# The libraries are patched when the first block is entered and put back when the last one is left: a dozen
# setattr, some microseconds, so nothing needs to stay behind. What a wrapper does is looked up at each
# call in `_active`, which is replaced and never changed: readers need no lock, and a wrapper that someone
# has kept a reference to is harmless later.


class _Block(NamedTuple):
    answer: Answering
    origins: tuple[Origin, ...]
    block_network: bool


class _Active(NamedTuple):
    answers: dict[Origin, Answering]
    hosts: dict[str, str]
    """host → the origins served there, for messages"""
    block_network: bool


class _Refused(Exception):
    """The request may not leave the machine; the message says why."""


_lock = threading.RLock()
_blocks: list[_Block] = []
_active = _Active({}, {}, False)


def _enter(block: _Block) -> None:
    with _lock:
        if not _blocks:
            _install()
        _blocks.append(block)
        _refresh()


def _leave(block: _Block) -> None:
    with _lock:
        # By identity, the last one: equal blocks may be active at once.
        at = next(i for i in reversed(range(len(_blocks))) if _blocks[i] is block)
        del _blocks[at]
        _refresh()
        if not _blocks:
            _uninstall()


def _refresh() -> None:
    global _active
    answers = {origin: block.answer for block in _blocks for origin in block.origins}
    hosts: dict[str, str] = {}
    for origin in answers:
        hosts[origin[1]] = f"{hosts[origin[1]]}, {_spell(origin)}" if origin[1] in hosts else _spell(origin)
    _active = _Active(answers, hosts, any(block.block_network for block in _blocks))


def _origin(text: str) -> Origin:
    parts = urlsplit(text)
    beyond = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme not in PORTS or not parts.hostname or beyond:
        raise ValueError(f"{text!r} is not an origin. Write scheme and host, like 'https://api.example.com'.")
    return parts.scheme, _plain(parts.hostname), parts.port or PORTS[parts.scheme]


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _spell(origin: Origin) -> str:
    scheme, host, port = origin
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}" if port == PORTS[scheme] else f"{scheme}://{host}:{port}"


def _route(scheme: str, host: str, port: int | None) -> tuple[Answering, str] | None:
    """Who answers for an origin and how the origin is spelled; None if nobody. Raises _Refused."""
    origin = scheme, _plain(host), port or PORTS.get(scheme, 0)
    answer = _active.answers.get(origin)
    if answer is not None:
        return answer, _spell(origin)
    _check_network(host)
    served = _active.hosts.get(origin[1])
    if served is not None and not _is_local(origin[1]):
        raise _Refused(
            f"{scheme}://{host}{f':{port}' if port else ''} is refused: in this test the Cofactr mock serves "
            f"{served} and nothing else on that host. Correct the URL, or add this origin to the mock's."
        )
    return None


def _check_network(host: str) -> None:
    """Raises _Refused for a host that is neither served nor this machine, if network access is blocked."""
    if _active.block_network and _plain(host) not in _active.hosts and not _is_local(host):
        raise _Refused(
            f"{host} is not served by the Cofactr mock and network access is blocked in this test. "
            "To allow it, leave out block_network=True, or --cofactr-block-network."
        )


def _check_socket(host: str | bytes | None) -> None:
    """Raises _Refused for a host that no request may reach through a socket."""
    if not host:
        return
    name = host.decode("latin-1") if isinstance(host, bytes) else str(host)
    _check_network(name)
    if _plain(name) in _active.hosts and not _is_local(name):
        raise _Refused(
            f"{name} is served by the Cofactr mock in this test; call it with requests, urllib3, httpx or "
            "aiohttp, or give this client the URL of the mock's live server."
        )


@functools.lru_cache(256)
def _is_local(host: str) -> bool:
    host = _plain(host)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


# --- patching ---------------------------------------------------------------------------------------------

_MISSING = object()
_replaced: list[tuple[Any, str, Any, Any]] = []


def _replace(owner: Any, name: str, wrap: Callable[[Callable], Callable]) -> None:
    """Put wrap(original) in the place of an attribute until _uninstall."""
    before = vars(owner).get(name, _MISSING)
    original = getattr(owner, name, None)
    if original is None:
        raise RuntimeError(
            f"Requests are intercepted in {owner.__name__}.{name}, which this release of "
            f"{getattr(owner, '__module__', owner.__name__).partition('.')[0]} no longer has. "
            "Use an older release of it, or the mock's live server."
        )
    wrapper = functools.wraps(original)(wrap(original))
    setattr(owner, name, wrapper)
    _replaced.append((owner, name, before, wrapper))


def _install() -> None:
    try:
        _patch_sockets()
        # Only what is imported already: nobody pays for importing a client they do not use.
        for name, patch in _CLIENTS.items():
            if name in sys.modules:
                patch(sys.modules[name])
    except BaseException:
        _uninstall()
        raise
    sys.meta_path.insert(0, _late_imports)


def _uninstall() -> None:
    if _late_imports in sys.meta_path:
        sys.meta_path.remove(_late_imports)
    while _replaced:
        owner, name, before, wrapper = _replaced.pop()
        if vars(owner).get(name) is not wrapper:
            continue  # someone has patched over it; theirs to put back, and ours only passes calls on now
        if before is _MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


class _LateImports:
    """Import hook: patches a client library that is first imported inside a block."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in _CLIENTS:
            return None
        for finder in list(sys.meta_path):
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _PatchingLoader(spec.loader)
                return spec
        return None


class _PatchingLoader:
    def __init__(self, loader: Any):
        self.loader = loader

    def create_module(self, spec: Any) -> Any:
        return self.loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        with _lock:
            if _blocks:
                _CLIENTS[module.__name__](module)


_late_imports = _LateImports()


# --- any client that opens a socket: refused --------------------------------------------------------------


def _patch_sockets() -> None:
    _replace(socket, "getaddrinfo", _guard_lookup)
    _replace(socket, "gethostbyname", _guard_lookup)
    _replace(socket, "gethostbyname_ex", _guard_lookup)
    _replace(socket.socket, "connect", _guard_connect)
    _replace(socket.socket, "connect_ex", _guard_connect)
    # A proxy resolves the name itself, and a connection may be open from before: no look-up to stop then.
    _replace(http.client.HTTPConnection, "putrequest", _guard_putrequest)
    _replace(http.client.HTTPConnection, "set_tunnel", _guard_set_tunnel)


def _guard_lookup(original: Callable) -> Callable:
    def lookup(host: Any, *args: Any, **options: Any) -> Any:
        try:
            _check_socket(host)
        except _Refused as refusal:
            raise socket.gaierror(socket.EAI_FAIL, str(refusal)) from None
        return original(host, *args, **options)

    return lookup


def _guard_connect(original: Callable) -> Callable:
    def connect(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            try:
                _check_socket(address[0])
            except _Refused as refusal:
                raise _unreachable(refusal) from None
        return original(self, address)

    return connect


def _guard_putrequest(original: Callable) -> Callable:
    def putrequest(self: Any, method: str, url: str, *args: Any, **options: Any) -> None:
        try:
            for host in (self.host, self._tunnel_host, urlsplit(url).hostname if "://" in url else None):
                _check_socket(host)
        except _Refused as refusal:
            raise _unreachable(refusal) from None
        original(self, method, url, *args, **options)

    return putrequest


def _guard_set_tunnel(original: Callable) -> Callable:
    def set_tunnel(self: Any, host: str, *args: Any, **options: Any) -> None:
        try:
            # The host may come with its port.
            _check_socket(urlsplit(f"//{host}").hostname)
        except _Refused as refusal:
            raise _unreachable(refusal) from None
        original(self, host, *args, **options)

    return set_tunnel


def _unreachable(refusal: _Refused) -> OSError:
    return OSError(errno.EHOSTUNREACH, str(refusal))


# --- what the clients share -------------------------------------------------------------------------------


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _wait(answer: Answer, timeout: float | None) -> bool:
    """Sleep as long as the answer takes, at most `timeout` seconds. Whether the answer came in time."""
    if timeout is not None and answer.delay > timeout:
        time.sleep(timeout)
        return False
    if answer.delay:
        time.sleep(answer.delay)
    return True


# --- urllib3, hence requests ------------------------------------------------------------------------------
#
# `_make_request` sends one request over one connection. Above it lie the pool's retries and redirects,
# which therefore run as always. The name is private; a test tells when a release renames it.


def _patch_urllib3(urllib3: Any) -> None:
    _replace(urllib3.connectionpool.HTTPConnectionPool, "_make_request", _urllib3_make_request)
    _replace(urllib3.connectionpool.HTTPSConnectionPool, "_prepare_proxy", _urllib3_prepare_proxy)


def _urllib3_make_request(original: Callable) -> Callable:
    def make_request(
        self: Any, conn: Any, method: str, url: str, body: Any = None, headers: Any = None, **options: Any
    ) -> Any:
        import urllib3

        try:
            answering, absolute = _urllib3_route(self, url)
        except _Refused as refusal:
            # As MaxRetryError, because no retry could help.
            error = urllib3.exceptions.NewConnectionError(conn, str(refusal))
            raise urllib3.exceptions.MaxRetryError(self, url, error) from None
        if answering is None:
            return original(self, conn, method, url, body=body, headers=headers, **options)
        timeout = _urllib3_read_timeout(self, options.get("timeout"))
        try:
            answer = answering(method, absolute, _urllib3_headers(headers), _read(body))
        except DropConnection:
            closed = http.client.RemoteDisconnected("Remote end closed connection without response")
            raise urllib3.exceptions.ProtocolError("Connection aborted.", closed) from None
        if not _wait(answer, timeout):
            conn._has_connected_to_proxy = True  # else the pool blames a proxy, if there is one
            raise urllib3.exceptions.ReadTimeoutError(self, url, f"Read timed out. (read timeout={timeout})")
        return _urllib3_response(self, method, url, answer, options)

    return make_request


def _urllib3_prepare_proxy(original: Callable) -> Callable:
    def prepare_proxy(self: Any, conn: Any) -> None:
        try:
            tunnel = _route(self.scheme, self.host, self.port) is None
        except _Refused:
            tunnel = False  # _make_request comes next and says why
        if tunnel:
            original(self, conn)

    return prepare_proxy


def _urllib3_route(pool: Any, url: str) -> tuple[Answering | None, str]:
    """Who answers, and the absolute URL.

    What goes to a forwarding proxy has an absolute URL already, and the pool is the proxy's.
    """
    if not url.startswith("/"):
        parts = urlsplit(url)
        if parts.hostname:
            route = _route(parts.scheme, parts.hostname, parts.port)
            if route is not None:
                return route[0], url
    route = _route(pool.scheme, pool.host, pool.port)
    return (None, url) if route is None else (route[0], route[1] + url)


def _urllib3_read_timeout(pool: Any, timeout: Any) -> float | None:
    timeout = pool._get_timeout(timeout)
    timeout.start_connect()
    seconds = timeout.read_timeout
    return seconds if seconds is None or isinstance(seconds, int | float) else socket.getdefaulttimeout()


def _urllib3_headers(headers: Any) -> list[tuple[str, str]]:
    import urllib3

    skip = urllib3.util.SKIP_HEADER
    pairs = [(_text(name), _text(value)) for name, value in (headers or {}).items()]
    names = {name.lower() for name, _ in pairs}
    # What the connection would have added.
    if "accept-encoding" not in names:
        pairs.append(("Accept-Encoding", "identity"))
    if "user-agent" not in names:
        pairs.append(("User-Agent", f"python-urllib3/{urllib3.__version__}"))
    return [pair for pair in pairs if pair[1] != skip]


def _read(body: Any) -> bytes:
    """A request body as urllib3 takes it: text, bytes, file or iterable of them."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if hasattr(body, "read"):
        return _read(body.read())
    try:
        return bytes(memoryview(body))
    except TypeError:
        return b"".join(map(_read, body))


def _urllib3_response(pool: Any, method: str, url: str, answer: Answer, options: dict[str, Any]) -> Any:
    import urllib3

    response = http.client.HTTPResponse(_Received(answer.wire()), method=method)  # type: ignore[arg-type]
    response.begin()
    if urllib3.__version__.startswith("1."):
        return response
    wrapped = urllib3.HTTPResponse(
        body=response,  # type: ignore[arg-type]
        headers=urllib3.HTTPHeaderDict(response.headers.items()),
        status=response.status,
        version=response.version,
        reason=response.reason,
        preload_content=options.get("preload_content", True),
        decode_content=options.get("decode_content", True),
        original_response=response,
        pool=pool,
        connection=options.get("response_conn"),
        retries=options.get("retries"),
        enforce_content_length=options.get("enforce_content_length", True),
        request_method=method,
        request_url=url,
    )
    wrapped.version_string = "HTTP/1.1"
    return wrapped


class _Received:
    """A socket, as far as http.client.HTTPResponse looks at it."""

    def __init__(self, data: bytes):
        self.data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self.data)


# --- httpx ------------------------------------------------------------------------------------------------
#
# The two transports are httpx's public seam, and a proxy or mount is one of them.


def _patch_httpx(httpx: Any) -> None:
    if not hasattr(httpx, "HTTPTransport"):
        return  # the pre-releases of 1.0 have other seams; their connections are refused like those of any other client
    _replace(httpx.HTTPTransport, "handle_request", _httpx_handle_request)
    _replace(httpx.AsyncHTTPTransport, "handle_async_request", _httpx_handle_async_request)


def _httpx_handle_request(original: Callable) -> Callable:
    def handle_request(self: Any, request: Any) -> Any:
        answering = _httpx_route(request)
        if answering is None:
            return original(self, request)
        answer = _httpx_answer(answering, request, b"".join(request.stream))
        if not _wait(answer, _httpx_read_timeout(request)):
            raise _httpx_timed_out(request)
        return _httpx_response(request, answer)

    return handle_request


def _httpx_handle_async_request(original: Callable) -> Callable:
    async def handle_async_request(self: Any, request: Any) -> Any:
        answering = _httpx_route(request)
        if answering is None:
            return await original(self, request)
        body = b"".join([part async for part in request.stream])
        answer = _httpx_answer(answering, request, body)  # inline: it takes less than a hop to a thread
        if answer.delay:
            import anyio  # httpx needs it anyway, and it sleeps under trio too

            timeout = _httpx_read_timeout(request)
            if timeout is not None and answer.delay > timeout:
                await anyio.sleep(timeout)
                raise _httpx_timed_out(request)
            await anyio.sleep(answer.delay)
        return _httpx_response(request, answer)

    return handle_async_request


def _httpx_route(request: Any) -> Answering | None:
    import httpx

    url = request.url
    try:
        route = _route(url.scheme, url.raw_host.decode("ascii"), url.port)
    except _Refused as refusal:
        raise httpx.ConnectError(str(refusal), request=request) from None
    return None if route is None else route[0]


def _httpx_answer(answering: Answering, request: Any, body: bytes) -> Answer:
    import httpx

    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
    try:
        return answering(request.method, str(request.url), headers, body)
    except DropConnection:
        message = "Server disconnected without sending a response."
        raise httpx.RemoteProtocolError(message, request=request) from None


def _httpx_read_timeout(request: Any) -> float | None:
    return request.extensions.get("timeout", {}).get("read")


def _httpx_timed_out(request: Any) -> Exception:
    import httpx

    return httpx.ReadTimeout("The read operation timed out", request=request)


def _httpx_response(request: Any, answer: Answer) -> Any:
    import httpx

    return httpx.Response(
        answer.status,
        headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers],
        stream=_httpx_stream_class()(request, answer),
        extensions={"http_version": b"HTTP/1.1", "reason_phrase": answer.reason.encode("latin-1")},
    )


@functools.cache
def _httpx_stream_class() -> type:
    import httpx

    class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __init__(self, request: Any, answer: Answer):
            self.request, self.answer = request, answer

        def __iter__(self) -> Iterator[bytes]:
            body, announced = self.answer.sent, self.answer.announced
            if body:
                yield body
            if self.answer.truncated and len(body) < announced and self.request.method != "HEAD":
                raise httpx.RemoteProtocolError(
                    "peer closed connection without sending complete message body "
                    f"(received {len(body)} bytes, expected {announced})",
                    request=self.request,
                )

        async def __aiter__(self) -> Any:
            for part in self:
                yield part

    return Stream


# --- aiohttp ----------------------------------------------------------------------------------------------
#
# The connector hands out a connection whose far end is here: aiohttp writes its request and parses the
# response itself, so that time-outs, decompression and broken connections are its own.


def _patch_aiohttp(aiohttp: Any) -> None:
    _replace(aiohttp.BaseConnector, "connect", _aiohttp_connect)


def _aiohttp_connect(original: Callable) -> Callable:
    async def connect(self: Any, req: Any, *args: Any, **options: Any) -> Any:
        import aiohttp

        try:
            route = _route(req.url.scheme, req.url.raw_host, req.url.port)
        except _Refused as refusal:
            raise aiohttp.ClientConnectorError(req.connection_key, _unreachable(refusal)) from None
        if route is None:
            return await original(self, req, *args, **options)
        loop = asyncio.get_running_loop()
        protocol = aiohttp.client_proto.ResponseHandler(loop)
        protocol.connection_made(_FarEnd(route[0], req, protocol, loop))
        protocol.force_close()  # it must not be pooled: it could be used again after the block
        return aiohttp.connector.Connection(self, req.connection_key, protocol, loop)

    return connect


class _FarEnd(asyncio.Transport):
    """A transport that answers what is written to it."""

    def __init__(self, answering: Answering, request: Any, protocol: Any, loop: asyncio.AbstractEventLoop):
        super().__init__()
        self.answering, self.request, self.protocol, self.loop = answering, request, protocol, loop
        self.received = bytearray()
        self.body_at = 0
        self.to_send = b""
        self.then_close = self.paused = self.closed = False

    def write(self, data: Any) -> None:
        self.received += data
        if not self.body_at:
            self.body_at = self.received.find(b"\r\n\r\n") + 4
            if "100-continue" in self.request.headers.get("Expect", "").lower():
                self.loop.call_soon(self.protocol.data_received, b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self._body()
        if body is not None:
            # Not at once: aiohttp starts its read timer after writing.
            self.loop.call_soon(self._respond, body)

    def _body(self) -> bytes | None:
        """The request body; None while it is not complete."""
        headers = self.request.headers
        if "chunked" in headers.get("Transfer-Encoding", "").lower():
            complete = self.received.endswith(b"0\r\n\r\n")
            return _dechunk(bytes(self.received[self.body_at :])) if complete else None
        missing = self.body_at + int(headers.get("Content-Length", 0)) - len(self.received)
        return None if missing > 0 else bytes(self.received[self.body_at :])

    def _respond(self, body: bytes) -> None:
        request = self.request
        # aiohttp writes header values as UTF-8.
        headers = [(name, value.encode().decode("latin-1")) for name, value in request.headers.items()]
        try:
            answer = self.answering(request.method, str(request.url), headers, body)
        except DropConnection:
            self.then_close = True
            self._send()
        except Exception as error:
            self.protocol.set_exception(error)
        else:
            self.to_send, self.then_close = answer.wire(), answer.truncated
            self.loop.call_later(answer.delay, self._send) if answer.delay else self._send()

    def _send(self) -> None:
        # In pieces, because a reader that lags behind pauses the connection.
        while self.to_send and not self.paused and not self.closed:
            piece, self.to_send = self.to_send[:65536], self.to_send[65536:]
            self.protocol.data_received(piece)
        if self.then_close and not self.to_send and not self.closed:
            self.closed = True
            self.protocol.connection_lost(None)

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False
        self.loop.call_soon(self._send)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def get_write_buffer_size(self) -> int:
        return 0


def _dechunk(data: bytes) -> bytes | None:
    """The body that came in chunks; None while the last one has not come."""
    body, at = [], 0
    while (end := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:end].partition(b";")[0], 16)
        if not size:
            return b"".join(body)
        at = end + 2 + size + 2
        body.append(data[end + 2 : at - 2])
    return None


_CLIENTS: dict[str, Callable[[Any], None]] = {
    "urllib3": _patch_urllib3,
    "httpx": _patch_httpx,
    "aiohttp": _patch_aiohttp,
}
