"""The standalone server: an application served by this process until a signal ends it."""

from __future__ import annotations

import asyncio
import resource
import signal
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mockserver.serving.addresses import CannotListen, known_hosts, listen, url_of
from mockserver.serving.server import Loop, Server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["CannotListen", "serve"]

# Seconds that requests in flight are given to finish once the server is told to stop.
GRACE = 0.5
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Descriptors kept for files and for connections of the application's own.
RESERVED = 200
# Seconds a thread may hold the interpreter while the loop waits: the default would be 5 ms for each of its turns.
SWITCH = 0.001


def serve(
    app_factory: Callable[[], WSGIApplication],
    host: str = "127.0.0.1",
    port: int = 8080,
    on_ready: Callable[[str], object] | None = None,
    on_stop: Callable[[], object] | None = None,
    *,
    cost: Callable[[str, str, int], int] | None = None,
    largest: Callable[[str], int] | None = None,
    allow_hosts: Iterable[str] = (),
) -> int:
    """Serve the app that `app_factory` returns until SIGINT, SIGTERM or SIGHUP. Returns the status to exit with: 130
    when a second SIGINT came while the first was being heeded, else 0.

    `on_ready` is called with the base URL, such as "http://127.0.0.1:8080", once connections are accepted, and
    `on_stop` when the last has ended. Further signals do not disturb it, and are ignored from then on: the process is
    about to end. Port 0 takes any free port. `cost` and `largest` are those of `mockserver.serving.server.Server`,
    `allow_hosts` the names answered beside this machine's (see `known_hosts`). Call it from the main thread, for the
    signals. A request that is still running half a second after the signal is cut off; its thread is a daemon, so
    nothing keeps the process from ending.

    Raises CannotListen before the app is built.
    """
    listener = listen(host, port)
    try:
        app = app_factory()
    except BaseException:
        listener.close()
        raise
    server = Server(
        app,
        **({"cost": cost} if cost else {}),
        largest=largest,
        hosts=known_hosts(host, allow_hosts),
        streaming=True,
        connections=_most_connections(),
    )
    sys.setswitchinterval(SWITCH)
    received: list[int] = []

    async def run() -> None:
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()

        def stop(signum: int, _: object) -> None:
            received.append(signum)
            loop.call_soon_threadsafe(stopping.set)

        await server.start(listener)
        for signum in SIGNALS:
            signal.signal(signum, stop)
        if on_ready is not None:
            on_ready(url_of(host, listener.getsockname()[1]))
        await stopping.wait()
        await server.stop(GRACE)
        server.join(0)
        if on_stop is not None:
            on_stop()
        for signum in SIGNALS:
            signal.signal(signum, signal.SIG_IGN)

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(run())
    return 128 + signal.SIGINT if received.count(signal.SIGINT) > 1 else 0


def _most_connections() -> int:
    """How many connections there may be, once this process may open as many files as it can be allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (OSError, ValueError):
            pass
    return max(64, (1_000_000 if soft == resource.RLIM_INFINITY else soft) - RESERVED)
