"""Cross-origin resource sharing: lets pages of named origins call the API from a browser."""

from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

import orjson

from mockserver.control import PREFIX

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
EXPOSED = "Location, Retry-After, WWW-Authenticate, Content-Disposition"
REMEMBERED = "600"  # seconds a browser may go without asking again


def origin(text: str) -> str:
    """The origin as browsers send it, or `*`. ValueError when the text is none."""
    if text == "*":
        return text
    address = urlsplit(text)
    if (
        address.scheme not in ("http", "https")
        or not address.hostname
        or (address.path.rstrip("/") or address.query or address.fragment or "@" in address.netloc)
    ):
        raise ValueError(f"{text!r} is no origin; one reads http://localhost:3000, or * for all.")
    return f"{address.scheme}://{address.netloc.lower()}"


class CrossOrigin:
    """A WSGI application that answers the preflights of some origins and opens the answers to them.

    `*` stands for all origins. The control plane stays closed to pages of others.
    """

    def __init__(self, app: Callable, origins: Iterable[str]):
        self.app, self.origins = app, frozenset(map(origin, origins))

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        asking = environ.get("HTTP_ORIGIN")
        if asking is None or environ["PATH_INFO"].startswith(PREFIX):
            return self.app(environ, start_response)
        allowed = asking in self.origins or "*" in self.origins
        if environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
            return self._preflight(environ, start_response, asking, allowed)

        def opened(status: str, headers: list[tuple[str, str]], *rest):
            added = [("Vary", "Origin")]
            if allowed:
                added += [("Access-Control-Allow-Origin", asking), ("Access-Control-Expose-Headers", EXPOSED)]
            return start_response(status, [*headers, *added], *rest)

        return self.app(environ, opened)

    def _preflight(self, environ, start_response, asking, allowed):
        vary = ("Vary", "Origin, Access-Control-Request-Headers")
        if not allowed:
            body = orjson.dumps(
                {"detail": f"Pages of {asking} may not call this server. Start it with --cors {asking}."}
            )
            start_response("403 Forbidden", [("Content-Type", "application/json"), vary])
            return [body]
        headers = [
            ("Access-Control-Allow-Origin", asking),
            ("Access-Control-Allow-Methods", METHODS),
            ("Access-Control-Allow-Headers", environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "*")),
            ("Access-Control-Max-Age", REMEMBERED),
            vary,
        ]
        if environ.get("HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK") == "true":
            headers.append(("Access-Control-Allow-Private-Network", "true"))
        start_response("204 No Content", headers)
        return []
