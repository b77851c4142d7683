"""What a fault does to an answer on its way: a delay, half a body, a connection that ends."""

import time
from collections.abc import Callable, Iterable, Iterator

from mockserver.serving.wsgi import DropConnection

# Granian may drop what it has not sent yet once it sees that the rest is missing.
PAUSE = 0.05


class Effects:
    """A WSGI application whose answers suffer what `environ["mockserver.effect"]` says once it has run.

    The application is done by then, so a delay holds nothing but the thread of its own connection. With
    `drops` the server closes the connection without an answer when DropConnection is raised; otherwise a
    dropped connection is one
    that ends after the headers, in front of the body they announce.
    """

    def __init__(self, app: Callable, drops: bool = False):
        self.app, self.drops = app, drops

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        started: list = []
        body = self.app(environ, lambda *head: started.append(head))
        effect = environ.get("mockserver.effect")
        if effect is None:
            start_response(*started[-1])
            return body
        time.sleep(effect.delay)
        if effect.drop:
            _close(body)
            if self.drops:
                raise DropConnection
            start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "1")])
            return _cut(b"")
        status, headers = started[-1][:2]
        if effect.truncated and (whole := b"".join(body)):
            _close(body)
            start_response(
                status,
                [pair for pair in headers if pair[0].lower() != "content-length"]
                + [("Content-Length", str(len(whole)))],
            )
            return _cut(whole[: len(whole) // 2])
        start_response(status, headers)
        return body


def _cut(part: bytes) -> Iterator[bytes]:
    yield part
    time.sleep(PAUSE)


def _close(body) -> None:
    if hasattr(body, "close"):
        body.close()
