"""A proxy in front of a real deployment, which holds what goes through it to the contract and records it.

Whatever a request says, its path goes to the one target and nowhere else.
"""

import contextlib
import http.client
import os
import ssl
import tempfile
import threading
import time
import typing as t
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import orjson

from mockserver.contract.validation import Contract
from mockserver.sandbox.journal import Journal
from mockserver.serving.wsgi import HOP_BY_HOP
from mockserver.traffic import recordings, redaction
from mockserver.traffic.check import compare

JOURNAL = "/__mock__/journal"
LARGEST_REQUEST = 10 * 2**20  # bytes
LARGEST_ANSWER = 64 * 2**20
TIMEOUT = 60.0  # seconds for the target to answer
SAVED_EVERY = 10.0  # seconds between two savings of the recording
KEPT = 256 * 2**20  # bytes of bodies that a recording may hold
COUNT = "X-Contract-Violations"
_PATH_SAFE = "/:@!$&'()*+,;=~-._"


class WrongTarget(ValueError):
    """The target is no address that can be forwarded to; the message says what would be."""


class Refusal(Exception):
    """An answer of the proxy's own: status and reason."""

    def __init__(self, status: int, detail: str):
        self.status, self.detail = status, detail
        super().__init__(detail)


class Target(t.NamedTuple):
    """Where everything goes: `https`, the host, the port, and what its paths begin with."""

    secure: bool
    host: str
    port: int
    base: str

    @classmethod
    def parse(cls, url: str) -> "Target":
        try:
            address = urlsplit(url)
            port = address.port
        except ValueError as error:
            raise WrongTarget(f"{url} is no address: {error}.") from None
        if address.scheme not in ("http", "https") or not address.hostname:
            raise WrongTarget(f"{url} should be a URL such as https://flagship-api.cofactr.com.")
        if address.username or address.query or address.fragment:
            raise WrongTarget(
                f"The target should have neither credentials nor a query: {address.scheme}://{address.hostname}{address.path}."
            )
        secure = address.scheme == "https"
        return cls(secure, address.hostname, port or (443 if secure else 80), address.path.rstrip("/"))

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.netloc}"

    def connect(self) -> http.client.HTTPConnection:
        if self.secure:
            return http.client.HTTPSConnection(
                self.host, self.port, timeout=TIMEOUT, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT)

    def within(self, location: str) -> str:
        """A Location as a client of the proxy has to follow it; one that leads elsewhere stays."""
        address = urlsplit(location)
        same = (
            address.scheme,
            address.hostname,
            address.port or (443 if address.scheme == "https" else 80),
        ) == ("https" if self.secure else "http", self.host, self.port)
        if (same or not address.netloc) and address.path.startswith(f"{self.base}/"):
            return address._replace(scheme="", netloc="", path=address.path.removeprefix(self.base)).geturl()
        return location


class Recording:
    """The exchanges so far and the HAR file they go to, without secrets. A file that is there is replaced."""

    def __init__(self, path: Path):
        self.path = path
        self.exchanges: list[recordings.Exchange] = []
        self.left_out = 0  # exchanges that would have made it too large
        self._bytes = 0
        self._lock = threading.Lock()
        self._saved_at = time.monotonic()
        self.save()

    def add(self, exchange: recordings.Exchange) -> None:
        with self._lock:
            size = len(exchange.request_body) + len(exchange.response_body)
            if self._bytes + size > KEPT:
                self.left_out += 1
                return
            self._bytes += size
            self.exchanges.append(exchange)
            due = time.monotonic() - self._saved_at > SAVED_EVERY
        if due:
            with contextlib.suppress(OSError):  # no reason to fail the call; stopping tries again, and tells
                self.save()

    def save(self) -> None:
        """Write the file. Whoever reads it meanwhile has the old one or the new one. OSError."""
        with self._lock:
            handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
            os.close(handle)
            try:
                recordings.write_har(self.exchanges, name, redact=False)  # they are already
                os.replace(name, self.path)
            except BaseException:
                os.unlink(name)
                raise
            self._saved_at = time.monotonic()


class Proxy:
    """A WSGI application. `X-Contract-Violations` says how often an exchange breaks the contract.

    `GET /__mock__/journal?after=<entry>` tells the details. Raises WrongTarget.
    """

    def __init__(self, target: str, document: Mapping, recording: Recording | None = None):
        self.target, self.contract, self.recording = Target.parse(target), Contract(document), recording
        self.journal = Journal()

    def __call__(self, environ, start_response):
        try:
            status, reason, headers, body = self._answer(environ)
        except Refusal as refusal:
            status, reason, body = (
                refusal.status,
                http.client.responses[refusal.status],
                orjson.dumps({"detail": refusal.detail}),
            )
            headers = [("Content-Type", "application/json")]
        if environ["REQUEST_METHOD"] != "HEAD" and status not in (204, 304):
            headers = [*headers, ("Content-Length", str(len(body)))]
        start_response(f"{status} {reason}", headers)
        return [body]

    def _answer(self, environ):
        if environ["PATH_INFO"] == JOURNAL or environ["PATH_INFO"].startswith(f"{JOURNAL}/"):
            return self._told(environ)
        started, at = (
            time.perf_counter(),
            datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )
        body = _body(environ)
        path = quote(environ["PATH_INFO"].encode("latin-1") or b"/", safe=_PATH_SAFE)
        query = environ.get("QUERY_STRING", "")
        url = f"{path}?{query}" if query else path
        sent = _forwarded(environ)
        status, reason, headers, answer = self._send(environ["REQUEST_METHOD"], url, sent, body)
        try:
            exchange = recordings.exchange(
                environ["REQUEST_METHOD"],
                f"{self.target.origin}{url}",
                sent,
                body,
                status,
                headers,
                answer,
                at=at,
            )
        except ValueError as error:
            raise Refusal(400, f"The request's address makes no sense: {error}.") from None
        count = self._judge(exchange, time.perf_counter() - started)
        shown = [(name, self.target.within(value) if name.lower() == "location" else value) for name, value in headers]
        return status, reason, [*shown, (COUNT, str(count))], answer

    def _send(self, method, url, headers, body):
        """(status, reason, headers, body) of the target's answer, without what is of one connection only."""
        connection = self.target.connect()
        try:
            connection.putrequest(method, self.target.base + url, skip_host=True, skip_accept_encoding=True)
            for name, value in {
                "Host": self.target.netloc,
                **headers,
                "Accept-Encoding": "identity",
                "Connection": "close",
            }.items():
                connection.putheader(name, value)
            if body or method in ("POST", "PUT", "PATCH"):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            response = connection.getresponse()
            answer = response.read(LARGEST_ANSWER + 1)
            if len(answer) > LARGEST_ANSWER:
                raise Refusal(
                    502,
                    f"The target's answer is larger than {LARGEST_ANSWER} bytes, more than the proxy takes.",
                )
            received = response.getheaders()
            single = {COUNT.lower(), *HOP_BY_HOP} | {
                word.strip().lower()
                for name, value in received
                if name.lower() == "connection"
                for word in value.split(",")
            }
            headers = [
                (name, value)
                for name, value in received
                if name.lower() not in single and (name.lower() != "content-length" or method == "HEAD")
            ]
            return response.status, response.reason, headers, answer
        except TimeoutError:
            raise Refusal(
                502, f"The target {self.target.origin} did not answer within {TIMEOUT:.0f} seconds. Is it up?"
            ) from None
        except ssl.SSLError as error:
            raise Refusal(
                502, f"The target {self.target.origin} cannot be trusted or speaks no TLS: {error}."
            ) from None
        except OSError as error:
            raise Refusal(
                502,
                f"{self.target.origin} cannot be reached: {error}. Is it up, and is --target right?",
            ) from None
        except http.client.HTTPException as error:
            raise Refusal(
                502, f"The target {self.target.origin} gave no HTTP answer: {error!r}. Is --target right?"
            ) from None
        except ValueError as error:
            raise Refusal(400, f"The request cannot be forwarded: {error}.") from None
        finally:
            connection.close()

    def _judge(self, exchange, seconds) -> int:
        """Record the exchange, without its secrets, and count how often it breaks the contract."""
        operation, violations = compare(self.contract, exchange)
        found = [(side, {"field": violation.field, "reason": violation.expected}) for side, violation in violations]
        shown = redaction.redacted(exchange)
        self.journal.add(
            at=shown.at,
            method=shown.method,
            path=shown.path,
            query=shown.query_string,
            request_headers=shown.request_headers,
            request_body=shown.request_body,
            operation=operation if operation in self.contract else None,
            status=shown.status,
            response_headers=shown.response_headers,
            response_body=shown.response_body,
            violations=[finding for side, finding in found if side == "request"],
            detail=[finding for side, finding in found if side == "response"],
            seconds=round(seconds, 6),
        )
        if self.recording is not None:
            self.recording.add(shown)
        return len(found)

    def _told(self, environ):
        """The journal's entries, oldest first, those after `?after=`."""
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and urlsplit(origin).netloc != environ.get("HTTP_HOST"):
            raise Refusal(403, f"The journal is not for pages of {origin}.")
        if environ["REQUEST_METHOD"] != "GET":
            raise Refusal(405, "The journal of the proxy can be read with GET only.")
        after = parse_qs(environ.get("QUERY_STRING", "")).get("after", ["0"])[-1]
        if not (after.isascii() and after.isdigit()):
            raise Refusal(400, f"after should be the id of an entry, a number, not {after!r}.")
        entries = []
        for entry in self.journal:
            if entry.id > int(after[:18]):
                document = entry.document()
                entries.append({**document, "response_violations": document["detail"], "detail": None})
        answer = {"count": len(entries), "total": self.journal.total, "entries": entries}
        return 200, "OK", [("Content-Type", "application/json")], orjson.dumps(answer)


def _body(environ) -> bytes:
    """The request's body. Refusal for one that is too large."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length.isdigit() and int(length) > LARGEST_REQUEST:
        raise Refusal(413, f"The request body is larger than {LARGEST_REQUEST} bytes, more than the proxy takes.")
    size = int(length) if length.isdigit() else LARGEST_REQUEST + 1 if environ.get("wsgi.input_terminated") else 0
    body = environ["wsgi.input"].read(size)
    if len(body) > LARGEST_REQUEST:
        raise Refusal(413, f"The request body is larger than {LARGEST_REQUEST} bytes, more than the proxy takes.")
    return body


def _forwarded(environ) -> dict[str, str]:
    """The request's headers, without those of this connection."""
    single = HOP_BY_HOP | {word.strip().lower() for word in environ.get("HTTP_CONNECTION", "").split(",")}
    single |= {"host", "content-length", "accept-encoding", "expect"}
    headers = {name[5:].replace("_", "-").title(): value for name, value in environ.items() if name.startswith("HTTP_")}
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = environ["CONTENT_TYPE"]
    return {name: value for name, value in headers.items() if name.lower() not in single}
