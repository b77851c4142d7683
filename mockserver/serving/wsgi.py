"""Call a WSGI application in process: one request in, one `Answer` out. No server, no socket."""

import io
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

# What speaks of one connection only. There is none here, so neither side's word on it is passed on.
HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
PORTS = {"http": 80, "https": 443}


class DropConnection(Exception):
    """Raised instead of answering: the client sees its connection closed without a response."""


class Answer(NamedTuple):
    """A whole response, and what a fault does to it on its way. `reason` may be empty, `headers` may repeat a name."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes
    delay: float = 0.0
    """Seconds before the first byte comes."""
    truncated: bool = False
    """The connection ends before Content-Length bytes have come: after `body`, or half of a whole one."""
    dropped: bool = False
    """The connection ends without an answer."""
    stream: Iterable[bytes] | None = None
    """The rest of a body that goes on for as long as somebody reads it; to be closed in the end."""

    @property
    def announced(self) -> int:
        """What Content-Length says; the length of the body if the header is missing."""
        return next((int(v) for name, v in self.headers if name.lower() == "content-length"), len(self.body))

    @property
    def sent(self) -> bytes:
        """The part of the body that comes."""
        if self.truncated and len(self.body) >= self.announced:
            return self.body[: len(self.body) // 2]
        return self.body

    def head(self, extra: str = "") -> bytes:
        """The status and headers as bytes, `extra` being further lines of headers."""
        lines, known = [f"HTTP/1.1 {self.status} {self.reason}\r\n"], self.stream is not None
        for name, value in self.headers:
            lines.append(f"{name}: {value}\r\n")
            known = known or (len(name) == 14 and name.lower() == "content-length")
        if not known and self.status not in (204, 304):
            lines.append(f"Content-Length: {len(self.body)}\r\n")
        return "".join((*lines, extra, "\r\n")).encode("latin-1")

    def wire(self) -> bytes:
        """The bytes a server sends."""
        return self.head() + self.sent


def call(
    app: Callable,
    method: str,
    url: str,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    *,
    length: int | None = None,
    streaming: bool = False,
) -> Answer:
    """Send one request to a WSGI application.

    `url` is absolute and percent-encoded, header values are latin-1 text, `body` is complete: its length
    counts, not what the headers claim. `length` is that of a body too large to be kept, for the application to
    refuse. The answer to HEAD, and a 204 or 304, has no body; any other answer has a Content-Length, unless
    `streaming` allows the application to answer with a body of unknown length (`Answer.stream`). An application
    that sends less than it announced gives a truncated answer. What faults do to the answer is read from
    `environ["mockserver.effect"]`. Whatever the application raises, also while its body is iterated, is raised here.
    """
    environ = _environ(method, url, headers, body)
    if length is not None:
        environ["CONTENT_LENGTH"] = str(length)
    if streaming:
        environ["mockserver.streaming"] = True
    started: list[Any] = []
    chunks: list[bytes] = []

    def start_response(status: str, fields: list[tuple[str, str]], exc_info: Any = None) -> Callable:
        if started and exc_info is None:
            raise RuntimeError("The application called start_response a second time without exc_info.")
        started[:] = status, fields
        return chunks.append

    iterable = app(environ, start_response)
    if streaming and started and _endless(method, *started):
        status, _, reason = started[0].partition(" ")
        kept = [pair for pair in started[1] if pair[0].lower() not in HOP_BY_HOP]
        return Answer(int(status), reason, kept, b"".join(chunks), stream=iterable)
    try:
        chunks.extend(iterable)
    finally:
        close = getattr(iterable, "close", None)
        if close is not None:
            close()
    if not started:
        raise RuntimeError("The application ended without calling start_response.")
    answer = _answer(method, *started, b"".join(chunks))
    effect = environ.get("mockserver.effect")
    if effect is None:
        return answer
    return answer._replace(delay=effect.delay, truncated=answer.truncated or effect.truncated, dropped=effect.drop)


def _endless(method: str, status: str, headers: list[tuple[str, str]]) -> bool:
    """Whether an answer has a body whose length nobody has said."""
    return (
        method != "HEAD"
        and status[:3] not in ("204", "304")
        and not any(name.lower() == "content-length" for name, _ in headers)
    )


def _environ(method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes) -> dict[str, Any]:
    scheme, netloc, path, query, _ = parts = urlsplit(url)
    path, query = _latin1(path or "/"), _latin1(query)
    raw = f"{path}?{query}" if query else path
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1") if "%" in path else path,
        "QUERY_STRING": query,
        "REQUEST_URI": raw,
        "RAW_URI": raw,
        "SERVER_NAME": parts.hostname,
        "SERVER_PORT": str(parts.port or PORTS[scheme]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers:
        key = _environ_key(name)
        if key is None:
            continue
        if not value.isascii():
            value.encode("latin-1")  # raises for what could not have been sent
        if key in environ:
            value = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ', '}{value}"
        environ[key] = value
    if "HTTP_HOST" not in environ:
        environ["HTTP_HOST"] = netloc.rpartition("@")[2]
    if body or "CONTENT_LENGTH" in environ:
        environ["CONTENT_LENGTH"] = str(len(body))
    return environ


def _latin1(text: str) -> str:
    """Text as WSGI wants it: its UTF-8 bytes, each as one character."""
    return text if text.isascii() else text.encode().decode("latin-1")


@lru_cache(1024)
def _environ_key(name: str) -> str | None:
    # X_Key and X-Key would share one environ key: like any server, believe the one with the hyphen.
    if name.lower() in HOP_BY_HOP or "_" in name:
        return None
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


def _answer(method: str, status: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
    number, _, reason = status.partition(" ")
    code = int(number)
    kept, announced = [], None
    for pair in headers:
        name = pair[0].lower()
        if name == "content-length":
            announced = int(pair[1])
        if name not in HOP_BY_HOP:
            kept.append(pair)
    if method == "HEAD" or code in (204, 304) or code < 200:
        return Answer(code, reason, kept, b"")
    if announced is None:
        kept.append(("Content-Length", str(len(body))))
        return Answer(code, reason, kept, body)
    return Answer(code, reason, kept, body[:announced], truncated=len(body) < announced)
