"""A server in a thread of this process, for clients that cannot be intercepted."""

import asyncio
import concurrent.futures
import socket
import threading
from collections.abc import Callable
from typing import Any

from .addresses import CannotListen, listen, url_of
from .server import Loop, Server

# Seconds that `stop` waits for calls that still run. Their threads end on their own later.
GRACE = 0.5


class LiveServer:
    """Serves a WSGI application from a thread: `with LiveServer(app) as server: ... server.url`.

    Port 0 picks a free port. Every call has a thread of its own. If the application raises DropConnection, the
    connection is closed without an answer; if it sends less than it announced, the connection is closed after that.
    `options` are those of `mockserver.serving.server.Server`.
    """

    def __init__(self, app: Callable, host: str = "127.0.0.1", port: int = 0, **options: Any):
        self.app, self.host, self.port, self.options = app, host, port, options
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return url_of(self.host, self.port)

    def start(self) -> None:
        """Listen; the port is known and connections are accepted on return. Raises OSError if it cannot."""
        if self._thread is not None:
            raise RuntimeError(f"The live server is running already, at {self.url}.")
        try:
            listener = listen(self.host, self.port)
        except CannotListen as error:
            raise OSError(f"Cannot listen on {self.host}:{self.port}: {error}") from error
        self.port = listener.getsockname()[1]
        started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(
            target=self._run, args=(listener, started), name="cofactr-mock-live", daemon=True
        )
        self._thread.start()
        started.result()

    def stop(self) -> None:
        """Stop listening, close every connection, also those with a request in flight, and wait for the threads.

        A call that takes longer than half a second is not waited for.
        """
        if self._thread is None:
            return
        thread, self._thread = self._thread, None
        self._loop.call_soon_threadsafe(self._stopping.set)
        thread.join()

    def __enter__(self) -> "LiveServer":
        self.start()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.stop()

    def _run(self, listener: socket.socket, started: concurrent.futures.Future[None]) -> None:
        with asyncio.Runner(loop_factory=Loop) as runner:
            runner.run(self._serve(listener, started))

    async def _serve(self, listener: socket.socket, started: concurrent.futures.Future[None]) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = Server(self.app, **self.options)
        await server.start(listener)
        started.set_result(None)
        await self._stopping.wait()
        await server.stop()
        server.join(GRACE)
