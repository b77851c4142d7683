"""The standalone server: the app on Granian, in this process, until SIGINT or SIGTERM."""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import MTServer

from mockserver.serving.effects import Effects

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# A delayed answer occupies one thread, so this many may wait at once before others are held up. Threads are
# started on demand; more than one costs a third of the peak throughput, the number above that changes little.
THREADS = 64
BACKLOG = 1024
# Seconds that requests in flight are given to finish once the server is told to stop.
GRACE = 0.5


class CannotListen(Exception):
    """The address cannot be listened on; the message says why and what to do."""


def serve(
    app_factory: Callable[[], WSGIApplication],
    host: str = "127.0.0.1",
    port: int = 8080,
    on_ready: Callable[[str], object] | None = None,
    on_stop: Callable[[], object] | None = None,
) -> None:
    """Serve the app that `app_factory` returns until SIGINT or SIGTERM, then return.

    `on_ready` is called with the base URL, such as "http://127.0.0.1:8080", once connections are accepted, and
    `on_stop` when the last has ended. What faults do to answers is done here (see `mockserver.serving.effects`).
    Port 0 takes any free port. Call it from the main thread, for the signals. A request that is still running
    half a second after the signal is cut off and the process exits with status 0.

    Raises CannotListen before the app is built.
    """
    with _listen(host, port) as listener:
        url = _url(host, listener.getsockname()[1])
        server = _InProcessServer(listener, on_stop or (lambda: None))
        if on_ready is not None:
            server.on_startup(lambda: on_ready(url))
        app = _with_streams(Effects(app_factory()))
        server.serve(target_loader=lambda: app, wrap_loader=False)
        server.stopped()


def _with_streams(app: WSGIApplication) -> WSGIApplication:
    """The app, told that an answer here may go on for as long as the client listens."""

    def streaming(environ, start_response):
        environ["mockserver.streaming"] = True
        return app(environ, start_response)

    return streaming


class _InProcessServer(MTServer):
    """Granian's threaded server, which it keeps for free-threaded Python; it works with the GIL as well.

    The default server forks the app into a child process: that child outlives a killed parent and keeps the
    port, and its listener shares the port with whoever else asks for it.
    """

    def __init__(self, listener: socket.socket, on_stop: Callable[[], object]):
        super().__init__(
            "mockserver",
            interface=Interfaces.WSGI,
            http=HTTPModes.http1,
            websockets=False,
            blocking_threads=THREADS,
            backlog=BACKLOG,
            log_level=LogLevels.error,
        )
        self._listener = listener
        self._on_stop, self._stopping = on_stop, threading.Lock()
        self._give_up = threading.Timer(GRACE, self._exit)
        self._give_up.daemon = True

    def _check_gil(self) -> None:
        pass

    def _init_shared_socket(self) -> None:
        self._shd = SocketHolder(self._listener.detach(), False, BACKLOG)

    def signal_handler_interrupt(self, *args: object) -> None:
        if not self.interrupt_signal:
            self._give_up.start()
        super().signal_handler_interrupt()

    def shutdown(self, exit_code: int = 0) -> None:
        super().shutdown(exit_code)
        self._give_up.cancel()

    def stopped(self) -> None:
        """Run `on_stop` once, whoever of the two ways out comes first."""
        with self._stopping:
            on_stop, self._on_stop = self._on_stop, lambda: None
            on_stop()

    def _exit(self) -> None:
        """Leave although threads are still at work: joining them would wait for the slowest answer."""
        self.stopped()
        sys.stdout.flush()
        os._exit(0)


def _listen(host: str, port: int) -> socket.socket:
    address = _url(host, port).removeprefix("http://")
    try:
        family, kind, proto, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise CannotListen(f"{host} is not an address of this machine; choose another with --host.") from None
    listener = socket.socket(family, kind, proto)
    try:
        # Without it the port of a server just stopped is refused for a minute.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it. An answer goes out in two pieces, and the second would wait up to 40 ms for
        # the client to acknowledge the first.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(target)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotListen(_reason(error, address)) from None
    return listener


def _reason(error: OSError, address: str) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"{address} is taken by another process; stop it, or choose another with --port (0 = any free one)."
        case errno.EACCES:
            return f"{address} needs more rights than you have; choose a --port above 1023 (0 = any)."
        case errno.EADDRNOTAVAIL:
            return f"{address} is not an address of this machine; choose another with --host."
        case _:
            return f"{address} cannot be listened on: {error}."


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
