"""A live server inside this process, for clients that cannot be intercepted.

One thread for each connection: a slow answer holds up no other, and connections are kept alive. Requests
go through the same `wsgi.call` as intercepted ones, so both modes behave alike; which is why this is not
werkzeug's server (it closes every connection after one answer) or waitress (a fixed number of threads, and
no way to close a connection without an answer).
"""

import contextlib
import logging
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

from .wsgi import DropConnection, call

_log = logging.getLogger(__name__)


class LiveServer:
    """Serves a WSGI application from a thread: `with LiveServer(app) as server: ... server.url`.

    Port 0 picks a free port. If the application raises DropConnection, the connection is closed without
    an answer; if it sends less than it announced, the connection is closed after that.
    """

    def __init__(self, app: Callable, host: str = "127.0.0.1", port: int = 0):
        self.app, self.host, self.port = app, host, port
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    def start(self) -> None:
        """Listen; the port is known and connections are accepted on return. Raises OSError if it cannot."""
        if self._server is not None:
            raise RuntimeError(f"The live server is running already, at {self.url}.")
        try:
            server = _Server(self.host, self.port)
        except OSError as error:
            message = f"Cannot listen on {self.host}:{self.port}: {error.strerror}. Port 0 takes a free one."
            raise OSError(error.errno, message) from None
        self._server, self.port = server, server.server_address[1]
        server.app, server.url = self.app, self.url
        # shutdown() waits for one turn of this loop.
        threading.Thread(target=server.serve_forever, args=(0.02,), name="cofactr-mock-live", daemon=True).start()

    def stop(self) -> None:
        """Stop listening and close every connection, also those with a request in flight."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.shutdown()
        server.server_close()
        server.close_connections()

    def __enter__(self) -> "LiveServer":
        self.start()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.stop()


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, host: str, port: int):
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.app: Callable
        self.url: str
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__((host, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Wakes the threads that wait for a next request; each closes its own connection."""
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):  # the client may have been faster
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.debug("The connection from %s broke off.", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def __getattr__(self, name: str) -> Any:
        # http.server looks for do_GET and so on. Which methods exist is the application's to say.
        if name.startswith("do_"):
            return self._respond
        raise AttributeError(name)

    def _respond(self) -> None:
        target = self.path if self.path.startswith(("http://", "https://")) else self.server.url + self.path
        # A header folded over several lines is one value.
        headers = [(name, value.replace("\r\n", "")) for name, value in self.headers.items()]
        try:
            body = b"".join(self._body())
        except ValueError as error:
            self.send_error(400, explain=str(error))
            return
        try:
            answer = call(self.server.app, self.command, target, headers, body)
        except DropConnection:
            self.close_connection = True
            return
        except Exception:
            _log.exception("The application failed on %s %s.", self.command, target)
            self.send_error(500)
            return
        if answer.truncated:
            self.close_connection = True
        if self.close_connection:
            answer.headers.append(("Connection", "close"))
        # In one piece: two small writes may wait for each other's acknowledgement.
        self.wfile.write(answer.wire())

    def _body(self) -> Iterator[bytes]:
        """Raises ValueError for a body whose length cannot be told."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            while size := _length(self.rfile.readline(100).split(b";")[0], 16):
                yield self._exactly(size)
                self.rfile.readline(100)
            while self.rfile.readline(65537) not in (b"\r\n", b"\n", b""):
                pass  # trailers
        else:
            yield self._exactly(_length(self.headers.get("Content-Length", "0").encode(), 10))

    def _exactly(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionAbortedError("The client went away in the middle of its request.")
        return data

    def log_message(self, format: str, *args: Any) -> None:
        _log.debug(format, *args)


def _length(digits: bytes, base: int) -> int:
    try:
        length = int(digits, base)
    except ValueError:
        length = -1
    if length < 0:
        raise ValueError(f"The length of the request body cannot be {digits.decode('latin-1')!r}.")
    return length
