"""An HTTP/1.1 server for WSGI applications, on one asyncio loop.

httptools (the parser of Node) reads the requests. Nothing reaches the application before a request is whole: a slow
sender, a delayed answer or an idle connection holds a little memory and no thread. The application runs in the loop
itself where a call is known to be cheap, else in a thread. What faults do to answers is done here.
"""

import asyncio
import collections
import email.utils
import itertools
import logging
import socket
import threading
import time
from collections.abc import Callable
from http.client import responses as REASONS
from urllib.parse import urlsplit

import httptools
import orjson

from mockserver.serving.addresses import BACKLOG, url_of
from mockserver.serving.threads import Threads
from mockserver.serving.wsgi import Answer, DropConnection, call

HEAD = 64 * 2**10  # bytes of a request's line and headers
BODY = 10 * 2**20  # bytes of a request's body that are kept; what is beyond is read and thrown away …
DRAINED = 256 * 2**20  # … up to here, so that clients which send before they read get to see their answer
HELD = 512 * 2**20  # bytes of all bodies that are kept at a time
HEAD_SECONDS = 30.0  # from the first byte of a request to the end of its headers
BODY_SECONDS = 60.0  # and from there to its last byte
SEND_SECONDS = 60.0  # without the client taking any of its answer
LINGER_SECONDS = 2.0  # to read on after an answer that came before its request had ended
QUEUED = 16  # requests of one connection read ahead

# What a call costs: little enough for the loop, or a thread, or one of the few threads for what takes seconds.
CHEAP, SHORT, LONG = range(3)
THREADS = {SHORT: 64, LONG: 8}

_log = logging.getLogger(__name__)


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock stays real where a test has frozen `time.monotonic`."""

    def time(self) -> float:
        return time.clock_gettime(time.CLOCK_MONOTONIC)


class Request:
    """One request, whole. `refusal` answers it in the application's place."""

    __slots__ = ("body", "headers", "keep_alive", "kept", "length", "method", "old", "refusal", "target")

    def __init__(self) -> None:
        self.method, self.target = "", b""
        self.headers: list[tuple[str, str]] = []
        self.body: list[bytes] = []
        self.length = self.kept = 0  # bytes of the body: sent, and kept
        self.keep_alive = False
        self.old = False  # HTTP/1.0
        self.refusal: Answer | None = None


class Server:
    """Serves one application on one listener.

    `cost(method, path, length of the body)` is CHEAP, SHORT (the default) or LONG. While a call runs in a thread,
    cheap ones go to threads as well, since the first may hold a lock that they wait for. `largest(path)` is how many
    bytes of a body the application takes: of a larger one it gets the length alone, to refuse it itself; without
    `largest` a body over BODY bytes is refused here. `hosts(host)` says whether a `Host` is answered, `streaming`
    whether an answer may go on for as long as the client listens. At most `connections` are open; beyond them the
    one that has been idle longest is closed.
    """

    def __init__(
        self,
        app: Callable,
        *,
        cost: Callable[[str, str, int], int] = lambda method, path, length: SHORT,
        largest: Callable[[str], int] | None = None,
        hosts: Callable[[str], bool] | None = None,
        streaming: bool = False,
        connections: int = 100_000,
    ):
        self.app, self.cost, self.hosts, self.streaming = app, cost, hosts, streaming
        self.largest = largest or (lambda path: BODY)
        self.refuses = largest is None
        self.threads = {cost: Threads("cofactr-mock-call", most) for cost, most in THREADS.items()}
        self.connections: set[Connection] = set()
        self.idle: dict[Connection, None] = {}  # the one that has been idle longest first
        self.most = connections
        self.deadlines: dict[Connection, float] = {}
        self.held = 0
        self.url = ""
        self.loop: asyncio.AbstractEventLoop
        self._accepting: asyncio.Server | None = None
        self._sweeping = False
        self._date = (0, "")

    async def start(self, listener: socket.socket) -> None:
        """Accept connections. The listener is the server's from now on."""
        self.loop = asyncio.get_running_loop()
        host, port = listener.getsockname()[:2]
        self.url = url_of(host, port)
        self._accepting = await self.loop.create_server(lambda: Connection(self), sock=listener, backlog=BACKLOG)

    async def stop(self, grace: float = 0.0) -> None:
        """Accept no more, give calls in flight `grace` seconds, and close all connections."""
        assert self._accepting is not None
        self._accepting.close()
        for connection in list(self.connections):
            connection.leave()
        end = self.loop.time() + grace
        while self.connections and self.loop.time() < end:
            await asyncio.sleep(0.01)
        for connection in list(self.connections):
            connection.transport.abort()
        while self.connections:
            await asyncio.sleep(0)

    def join(self, timeout: float) -> bool:
        """End the threads. Whether all calls have ended within `timeout` seconds."""
        end = self.loop.time() + timeout
        ended = [threads.stop(end - self.loop.time()) for threads in self.threads.values()]
        return all(ended)

    def respond(self, request: Request, streaming: bool = False) -> Answer:
        """What the application answers."""
        try:
            return call(
                self.app,
                request.method,
                self.url + request.target.decode("ascii"),
                request.headers,
                b"".join(request.body),
                length=request.length if request.kept < request.length else None,
                streaming=streaming,
            )
        except DropConnection:
            return Answer(0, "", [], b"", dropped=True)
        except Exception:
            _log.exception("The application failed on %s %s.", request.method, request.target.decode("ascii"))
            return problem(500, "The server failed on this request. Its log has the details.")

    def threads_for(self, request: Request) -> Threads | None:
        """The threads for a call; None when it is to be made in the loop."""
        cost = self.cost(request.method, _path(request), request.kept)
        if cost == CHEAP:
            if not self.threads[SHORT].active and not self.threads[LONG].active:
                return None
            cost = SHORT
        return self.threads[cost]

    # -- time

    def expect(self, connection: "Connection", seconds: float) -> None:
        """Call the connection's `expire` after this time, unless `deadlines` has lost it by then."""
        self.deadlines[connection] = self.loop.time() + seconds
        if not self._sweeping:
            self._sweeping = True
            self.loop.call_later(0.25, self._sweep)

    def _sweep(self) -> None:
        now = self.loop.time()
        for connection in [one for one, deadline in self.deadlines.items() if deadline <= now]:
            del self.deadlines[connection]
            connection.expire()
        self._sweeping = bool(self.deadlines)
        if self._sweeping:
            self.loop.call_later(0.25, self._sweep)

    def date(self) -> str:
        """The header line that says when an answer is made."""
        second = int(time.time())
        if second != self._date[0]:
            self._date = second, f"Date: {email.utils.formatdate(second, usegmt=True)}\r\n"
        return self._date[1]


class Connection(asyncio.Protocol):
    """One client: requests are read ahead and answered one after the other."""

    transport: asyncio.Transport

    def __init__(self, server: Server):
        self.server = server
        self.parser = httptools.HttpRequestParser(self)
        self.reading: Request | None = None  # the request that is under way
        self.in_body = False
        self.size = 0  # bytes of its head, or of what is not body in its body
        self.skipping = False  # a head that we wrote ourselves
        self.queue: collections.deque[Request] = collections.deque()
        self.answering: Request | None = None
        self.last = False  # nothing is read any more
        self.broken = False  # because a request broke off, and the client may still be sending
        self.ended = False  # the client sends no more
        self.stalled = False  # the client takes nothing of what is sent
        self.paused = False
        self.writable: threading.Event | None = None  # for the thread of a stream
        self.closed = False
        self.timer: asyncio.TimerHandle | None = None

    # -- from the transport

    def connection_made(self, transport) -> None:
        self.transport = transport
        server = self.server
        server.connections.add(self)
        server.idle[self] = None
        if len(server.connections) > server.most:
            oldest = next(iter(server.idle))
            oldest.transport.abort()
            server.idle.pop(oldest)

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        server = self.server
        server.connections.discard(self)
        server.idle.pop(self, None)
        server.deadlines.pop(self, None)
        for request in (self.reading, *self.queue):
            if request is not None:
                server.held -= request.kept
        self.queue.clear()
        self.reading = None
        if self.timer is not None:
            self.timer.cancel()
        if self.writable is not None:
            self.writable.set()

    def data_received(self, data: bytes) -> None:
        if self.last:
            return
        if self.reading is None and not data.isascii():
            data = _escaped(data)
        self.size += len(data)
        self._feed(data)
        request = self.reading
        if request is not None and not self.last:
            if self.size > HEAD + (8 * request.length if self.in_body else 0):
                self._break_off(_too_large_a_head(request))
            else:
                self._await_rest()
        if self.queue:
            if self.answering is None:
                self._next()
            if len(self.queue) > QUEUED and not self.paused and not self.closed:
                self.paused = True
                self.transport.pause_reading()

    def eof_received(self) -> bool:
        """The client sends no more; it may still read."""
        request = self.reading
        if request is not None and not self.last:
            what = f"its body ended after {request.length} bytes" if self.in_body else "it ended within its headers"
            self._break_off(problem(400, f"The request is incomplete: {what}."))
        self.last = self.ended = True
        if self.answering is None and self.queue:
            self._next()
        return self.answering is not None or bool(self.queue)

    def pause_writing(self) -> None:
        self.stalled = True
        self.server.expect(self, SEND_SECONDS)
        if self.writable is not None:
            self.writable.clear()

    def resume_writing(self) -> None:
        self.stalled = False
        self.server.deadlines.pop(self, None)
        self._await_rest()
        if self.writable is not None:
            self.writable.set()

    # -- from the parser, which must not be raised at

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserInvalidMethodError:
            self._break_off(problem(501, "The request's method is none that is known."))
        except httptools.HttpParserError as error:
            if not self.last:
                where = "body" if self.in_body else "head"
                self._break_off(problem(400, f"The request's {where} is malformed: {error}."))

    def on_message_begin(self) -> None:
        if not self.skipping and not self.last:
            self.server.idle.pop(self, None)
            self.reading = Request()
            self.in_body = False

    def on_url(self, url: bytes) -> None:
        if not self.skipping and self.reading is not None:
            self.reading.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.in_body and not self.skipping and self.reading is not None:  # a trailer says nothing
            self.reading.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if self.skipping:
            self.skipping = False
            return
        request, parser = self.reading, self.parser
        if request is None:
            return
        self.in_body = True
        request.method = parser.get_method().decode("ascii")
        request.keep_alive = parser.should_keep_alive()
        request.old = parser.get_http_version() == "1.0"
        self.size = 0
        self._got_part()
        request.refusal = self._check(request)
        if request.refusal is not None:
            request.keep_alive = False
        if not request.old and any(
            name.lower() == "expect" and value.lower() == "100-continue" for name, value in request.headers
        ):
            self._go_ahead(request)

    def on_body(self, body: bytes) -> None:
        request, server = self.reading, self.server
        if request is None:
            return
        request.length += len(body)
        self.size -= len(body)
        if request.refusal is None and self._fits(request, request.length):
            if server.held + len(body) > HELD:
                request.refusal = problem(
                    503, "The server holds as many request bodies as it may. Try again.", ("Retry-After", "1")
                )
            else:
                request.body.append(body)
                request.kept += len(body)
                server.held += len(body)
                return
        if request.kept:
            server.held -= request.kept
            request.body, request.kept = [], 0
        if request.length > DRAINED:
            self._break_off(request.refusal or problem(413, f"The request body is larger than {DRAINED} bytes."))

    def on_message_complete(self) -> None:
        request = self.reading
        if request is None or (self.parser.should_upgrade() and request.method != "CONNECT" and _framed(request)):
            return  # `_decline_upgrade` reads the body
        self._complete(request)

    # -- requests

    def _check(self, request: Request) -> Answer | None:
        """The refusal of a request that the application is not to see."""
        sizes = sum(len(name) + len(value) + 4 for name, value in request.headers) + len(request.target)
        if sizes > HEAD:
            return _too_large_a_head(request)
        if request.method == "CONNECT":
            self.broken = True
            allowed = "GET, HEAD, POST, PUT, PATCH, DELETE"
            return problem(405, "CONNECT is refused: this server is no tunnel.", ("Allow", allowed))
        hosts, upgrade = [], ""
        for name, value in request.headers:
            match name.lower():
                case "host":
                    hosts.append(value)
                case "upgrade":
                    upgrade = value
                case "transfer-encoding":
                    if value.strip().lower() != "chunked":
                        return problem(501, f"Transfer-Encoding: {value} is not known here, only chunked.")
                    if request.old:
                        return problem(400, "HTTP/1.0 has no Transfer-Encoding.")
        if not request.target.startswith(b"/") and (refusal := _absolute(request, hosts)):
            return refusal
        if len(hosts) > 1 or (not hosts and not request.old):
            return problem(400, f"The request should have one Host header, not {len(hosts)}.")
        if hosts and self.server.hosts is not None and not self.server.hosts(hosts[0]):
            return problem(
                421,
                f"{hosts[0][:200]!r} is not a name of this server, so this may be the call of a page from elsewhere. "
                "If it is meant, start the server with --allow-host and the name.",
            )
        if self.parser.should_upgrade() and upgrade.lower() != "h2c":
            return problem(501, f"The upgrade to {upgrade[:100]} is refused: this server speaks HTTP/1.1 alone.")
        return None

    def _go_ahead(self, request: Request) -> None:
        """Tell a client that waits for it to send the body, or else answer it at once."""
        announced = next((int(value) for name, value in request.headers if name.lower() == "content-length"), 0)
        if request.refusal is None and self._fits(request, announced):
            if self.answering is None and not self.queue:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        else:
            request.length, request.keep_alive = announced, False
            self._complete(request)
            self.broken = True

    def _fits(self, request: Request, length: int) -> bool:
        """Whether a body of this length is kept. Refuses the request where nobody else does."""
        if length <= self.server.largest(_path(request)):
            return True
        if self.server.refuses:
            request.refusal = problem(413, f"The request body is larger than {BODY} bytes.")
        return False

    def _complete(self, request: Request) -> None:
        self.reading, self.in_body, self.size = None, False, 0
        self._got_part()
        self.queue.append(request)
        if not request.keep_alive:
            self.last = True

    def _await_rest(self) -> None:
        """Expect the rest of the request under way within its time."""
        if self.reading is not None and not self.last and self not in self.server.deadlines:
            self.server.expect(self, BODY_SECONDS if self.in_body else HEAD_SECONDS)

    def _got_part(self) -> None:
        if not self.stalled:
            self.server.deadlines.pop(self, None)

    def _break_off(self, refusal: Answer) -> None:
        """Answer what cannot be read to its end, and read no more."""
        request = self.reading or Request()
        self.server.held -= request.kept
        request.kept, request.body, request.refusal, request.keep_alive = 0, [], refusal, False
        self._complete(request)
        self.broken = True

    def _decline_upgrade(self, rest: bytes) -> None:
        """Go on in HTTP/1.1, as a server may that is offered another protocol.

        The parser takes what follows such a head for the other protocol, also where it is the request's body. A
        fresh one is given a head of the same framing.
        """
        if self.last:
            return
        self.parser = httptools.HttpRequestParser(self)
        if self.reading is not None:
            self.skipping = True
            framing = "".join(f"{name}: {value}\r\n" for name, value in _framed(self.reading))
            self.parser.feed_data(f"POST / HTTP/1.1\r\n{framing}\r\n".encode("latin-1"))
        if rest:
            self._feed(rest)

    # -- answers

    def _next(self) -> None:
        """Begin to answer the next request, if there is one."""
        if self.closed or self.answering is not None:
            return
        if not self.queue:
            if self.last:
                self._end()
            elif self.reading is None:
                self.server.idle[self] = None
            return
        request = self.answering = self.queue.popleft()
        if self.paused and not self.queue:
            self.paused = False
            self.transport.resume_reading()
        server = self.server
        if request.refusal is not None:
            self._carry_out(request, request.refusal)
        elif (threads := server.threads_for(request)) is None:
            self._carry_out(request, server.respond(request))
        else:
            threads.run(lambda: self._respond_in_thread(request, threads))

    def _respond_in_thread(self, request: Request, threads: Threads) -> None:
        server = self.server
        answer = server.respond(request, server.streaming)
        try:
            server.loop.call_soon_threadsafe(self._responded, request, answer, threads)
        except RuntimeError:  # the loop has ended meanwhile
            _close(answer)

    def _responded(self, request: Request, answer: Answer, threads: Threads) -> None:
        threads.done()
        self._carry_out(request, answer)

    def _carry_out(self, request: Request, answer: Answer) -> None:
        self.server.held -= request.kept
        request.body, request.kept = [], 0
        if self.closed:
            _close(answer)
        elif answer.delay > 0:
            self.timer = self.server.loop.call_later(answer.delay, self._send, request, answer)
        else:
            self._send(request, answer)

    def _send(self, request: Request, answer: Answer) -> None:
        self.timer = None
        if answer.dropped:
            _close(answer)
            self.transport.close()
            return
        if answer.truncated:
            self.last = True
            while self.queue:
                self.server.held -= self.queue.popleft().kept
        if answer.stream is not None:
            self._stream(request, answer)
            return
        self._write(request, answer, b"" if request.method == "HEAD" else answer.sent)
        self._sent()

    def _write(self, request: Request, answer: Answer, body: bytes, extra: str = "") -> None:
        if not any(len(name) == 4 and name.lower() == "date" for name, _ in answer.headers):
            extra += self.server.date()
        if self.last and not self.queue:
            extra += "Connection: close\r\n"
        elif request.old:
            extra += "Connection: keep-alive\r\n"
        self.transport.write(answer.head(extra) + body)

    def _sent(self) -> None:
        self.answering = None
        if self.queue and not self.closed:
            # Others come in between: a client may send thousands of requests at once.
            self.server.loop.call_soon(self._next)
        else:
            self._next()

    def _end(self) -> None:
        """Close once everything is written. Where the client may still be sending, wait for it a little: closing
        at once would make its machine throw the answer away."""
        if self.ended or not self.broken:
            self.transport.close()
        elif not self.transport.is_closing():
            self.transport.write_eof()
            self.server.expect(self, LINGER_SECONDS)

    def leave(self) -> None:
        """Close after the answers under way; at once where there is none."""
        self.last = True
        if self.writable is not None or (self.answering is None and not self.queue):
            self.transport.close()

    def expire(self) -> None:
        """Something took too long."""
        if self.reading is not None and not self.last and not self.stalled:
            seconds = BODY_SECONDS if self.in_body else HEAD_SECONDS
            what = f"its body, of which {self.reading.length} bytes came" if self.in_body else "its headers"
            self._break_off(problem(408, f"The request took longer than {seconds:g} seconds to send {what}."))
            self._next()
        else:
            self.transport.abort()

    # -- bodies that go on

    def _stream(self, request: Request, answer: Answer) -> None:
        self.last = self.last or request.old
        self.writable = threading.Event()
        self.writable.set()
        self._write(request, answer, b"", "" if request.old else "Transfer-Encoding: chunked\r\n")
        threading.Thread(
            target=self._pump, args=(answer, not request.old), name="cofactr-mock-stream", daemon=True
        ).start()

    def _pump(self, answer: Answer, chunked: bool) -> None:
        loop, writable = self.server.loop, self.writable
        assert writable is not None
        assert answer.stream is not None
        try:
            for part in filter(None, itertools.chain([answer.body], answer.stream)):
                loop.call_soon_threadsafe(self._write_part, b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
                writable.wait()
                if self.closed or self.transport.is_closing():
                    return
            loop.call_soon_threadsafe(self._pumped, b"0\r\n\r\n" if chunked else b"")
        except RuntimeError:  # the loop has ended
            pass
        except Exception:
            _log.exception("The application failed in the middle of an answer.")
            loop.call_soon_threadsafe(self.transport.abort)
        finally:
            _close(answer)

    def _write_part(self, part: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(part)

    def _pumped(self, end: bytes) -> None:
        self._write_part(end)
        self.writable = None
        self._sent()


def problem(status: int, detail: str, *headers: tuple[str, str]) -> Answer:
    """An answer of the server's own."""
    body = orjson.dumps({"detail": detail})
    reason = REASONS.get(status, "")
    return Answer(status, reason, [("Content-Type", "application/json"), *headers], body)


def _path(request: Request) -> str:
    return request.target.partition(b"?")[0].decode("ascii")


def _framed(request: Request) -> list[tuple[str, str]]:
    """The headers that say where its body ends."""
    return [pair for pair in request.headers if pair[0].lower() in ("content-length", "transfer-encoding")]


def _too_large_a_head(request: Request) -> Answer:
    if len(request.target) > HEAD // 2:
        return problem(414, f"The request's address has {len(request.target)} bytes; {HEAD} is the most of a head.")
    return problem(431, f"The request's line and headers are larger than {HEAD} bytes.")


def _absolute(request: Request, hosts: list[str]) -> Answer | None:
    """Make a whole URL in a request's line its path and its Host, or refuse it."""
    try:
        address = urlsplit(request.target.decode("ascii"))
        known = address.scheme in ("http", "https") and bool(address.netloc)
    except ValueError:
        known = False
    if not known:
        return problem(400, "The request's address should be a path.")
    hosts[:] = [address.netloc.rpartition("@")[2]]
    request.headers = [pair for pair in request.headers if pair[0].lower() != "host"] + [("Host", hosts[0])]
    request.target = (address.path or "/").encode() + (b"?" + address.query.encode() if address.query else b"")
    return None


def _escaped(data: bytes) -> bytes:
    """Data that begins a request, its line in ASCII: some clients leave it to the server to escape an address."""
    line, end, rest = data.partition(b"\r\n")
    if line.isascii():
        return data
    return b"".join(b"%%%02X" % byte if byte > 127 else bytes((byte,)) for byte in line) + end + rest


def _close(answer: Answer) -> None:
    close = getattr(answer.stream, "close", None)
    if close is not None:
        close()
