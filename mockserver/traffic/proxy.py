"""A proxy in front of a real deployment, which holds what goes through it to the contract and records it.

Whatever a request says, its path goes to the one target and nowhere else.
"""

import contextlib
import http.client
import os
import re
import ssl
import tempfile
import threading
import time
import typing as t
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import orjson

from mockserver.contract.validation import Contract
from mockserver.control.browsers import SECURITY_HEADERS, foreign_page
from mockserver.sandbox.journal import Journal
from mockserver.serving.addresses import loopback
from mockserver.serving.server import LONG, SHORT
from mockserver.serving.wsgi import HOP_BY_HOP
from mockserver.traffic import recordings, redaction
from mockserver.traffic.check import compare

JOURNAL = "/__mock__/journal"
LARGEST_ANSWER = 64 * 2**20
TIMEOUT = 60.0  # seconds for the target to answer
SAVED_EVERY = 10.0  # seconds between two savings of the recording
KEPT = 256 * 2**20  # bytes of bodies that a recording may hold
COUNT = "X-Contract-Violations"
_TEXTUAL = re.compile(r"(?i)json|xml|text/|yaml|javascript|x-www-form-urlencoded")


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

    def connections(self) -> httpcore.ConnectionPool:
        """What opens connections to it, through the proxy that HTTPS_PROXY or HTTP_PROXY names unless NO_PROXY has the
        host or it is on this machine. None is used twice: the target may have closed it meanwhile, and a call that
        changes something cannot be sent again."""
        options: dict[str, t.Any] = {
            "ssl_context": ssl.create_default_context(),
            "max_connections": None,
            "max_keepalive_connections": 0,
        }
        proxies = getproxies()
        proxy = proxies.get("https" if self.secure else "http") or proxies.get("all")
        if proxy and not loopback(self.host) and not proxy_bypass(self.host):
            address = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
            if address.scheme not in ("http", "https") or not address.hostname:
                raise WrongTarget(f"HTTPS_PROXY and HTTP_PROXY should be http:// or https:// URLs, not {proxy}.")
            auth = (unquote(address.username), unquote(address.password or "")) if address.username else None
            bare = address._replace(netloc=address.netloc.rpartition("@")[2], path="", query="", fragment="")
            return httpcore.HTTPProxy(bare.geturl(), proxy_auth=auth, **options)
        return httpcore.ConnectionPool(**options)

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

    def addresses(self) -> re.Pattern[str]:
        """Finds its address at the start of others, also in JSON that escapes slashes."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "(?::443|:80)?" if self.port in (80, 443) else f":{self.port}"
        base = re.escape(self.base).replace("/", r"\\?/")
        return re.compile(rf"(?i:https?:(\\?/\\?/){re.escape(host)}){port}{base}(?=[/?#\"'\s<>\\)\],;&]|$)")


class Shown:
    """What a client of the proxy sees of an answer: the target's addresses lead through the proxy."""

    def __init__(self, target: Target, own: str):
        self.target, self.own, self.addresses = target, own, target.addresses()

    def text(self, text: str) -> str:
        return self.addresses.sub(
            lambda found: self.own.replace("//", found[1]) if "\\" in found[1] else self.own, text
        )

    def body(self, media_type: str, body: bytes) -> bytes:
        if not _TEXTUAL.search(media_type) or self.target.host.encode() not in body.lower():
            return body
        return self.text(body.decode("latin-1")).encode("latin-1")

    def header(self, name: str, value: str) -> str:
        match name.lower():
            case "location" | "content-location":
                return self.target.within(value)
            case "set-cookie":
                return self.cookie(value)
            case _:
                return self.text(value)

    def cookie(self, value: str) -> str:
        """A cookie that the client gives back to the proxy."""
        kept = []
        for part in value.split(";"):
            name, _, setting = (word.strip() for word in part.partition("="))
            match name.lower():
                case "domain" if self.target.host.endswith(setting.lstrip(".").lower()):
                    continue
                case "secure" if self.own.startswith("http:") and kept:
                    continue
                case "samesite" if setting.lower() == "none" and self.own.startswith("http:"):
                    continue
                case "path" if kept and f"{setting}/".startswith(f"{self.target.base}/"):
                    part = f" Path={setting.removeprefix(self.target.base) or '/'}"
            kept.append(part)
        return ";".join(kept)


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

    `GET /__mock__/journal?after=<entry>` tells the details. With `keep_bodies` bodies that cannot be searched for
    secrets are recorded all the same. Raises WrongTarget.
    """

    def __init__(self, target: str, document: Mapping, recording: Recording | None = None, keep_bodies: bool = False):
        self.target, self.contract, self.recording = Target.parse(target), Contract(document), recording
        self.keep_bodies = keep_bodies
        self.connections = self.target.connections()
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

    @staticmethod
    def cost(method: str, path: str, length: int) -> int:
        """A function for the server: reading the journal does not wait for the target."""
        return LONG if path.startswith(JOURNAL) else SHORT

    def _answer(self, environ):
        path, _, query = environ["REQUEST_URI"].partition("?")
        if path == JOURNAL or path.startswith(f"{JOURNAL}/"):
            return self._told(environ)
        if any(unquote(part) in (".", "..") for part in path.split("/")):
            raise Refusal(400, f"The path {path} has dots that lead elsewhere. Send it without them.")
        started, at = (
            time.perf_counter(),
            datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )
        method, body = environ["REQUEST_METHOD"], environ["wsgi.input"].read()
        url = f"{path}?{query}" if query else path
        sent = _forwarded(environ)
        status, reason, headers, answer = self._send(method, url, sent, body)
        try:
            exchange = recordings.exchange(
                method, f"{self.target.origin}{url}", sent, body, status, headers, answer, at=at
            )
        except ValueError as error:
            raise Refusal(400, f"The request's address makes no sense: {error}.") from None
        count = self._judge(exchange, time.perf_counter() - started)
        shown = Shown(self.target, f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}")
        if "response" not in exchange.omitted and method != "HEAD":
            answer = shown.body(exchange.response_headers.get("content-type", ""), exchange.response_body)
            headers = [(name, value) for name, value in headers if name.lower() != "content-encoding"]
        headers = [(name, shown.header(name, value)) for name, value in headers]
        return status, reason, [*headers, (COUNT, str(count))], answer

    def _send(self, method, url, headers, body):
        """(status, reason, headers, body) of the target's answer, whole, without what is of one connection only."""
        pairs = [("Host", self.target.netloc), *headers.items(), ("Accept-Encoding", "identity")]
        if body or method in ("POST", "PUT", "PATCH"):
            pairs.append(("Content-Length", str(len(body))))
        usual = self.target.port == (443 if self.target.secure else 80)
        scheme, host = b"https" if self.target.secure else b"http", self.target.host.encode("idna")
        address = httpcore.URL(
            scheme=scheme,
            host=host,
            port=None if usual else self.target.port,
            target=(self.target.base + url).encode("latin-1"),
        )
        origin = self.target.origin
        try:
            with self.connections.stream(
                method,
                address,
                headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs],
                content=body or None,
                extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), TIMEOUT)},
            ) as response:
                answer = bytearray()
                for part in response.iter_stream():
                    answer += part
                    if len(answer) > LARGEST_ANSWER:
                        raise Refusal(
                            502,
                            f"The target's answer is larger than {LARGEST_ANSWER} bytes, more than the proxy takes.",
                        )
                reason = response.extensions.get("reason_phrase", b"").decode("latin-1")
                received = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers]
        except httpcore.TimeoutException:
            raise Refusal(502, f"The target {origin} did not answer within {TIMEOUT:.0f} seconds. Is it up?") from None
        except httpcore.ProxyError as error:
            raise Refusal(502, f"The proxy on the way to {origin} refuses: {error}. See HTTPS_PROXY.") from None
        except httpcore.RemoteProtocolError as error:
            raise Refusal(
                502,
                f"The target {origin} gave no whole HTTP answer, so nothing of it is passed on: {error}. "
                "Is --target right?",
            ) from None
        except (httpcore.LocalProtocolError, UnicodeError, ValueError) as error:
            raise Refusal(400, f"The request cannot be forwarded: {error}.") from None
        except httpcore.NetworkError as error:
            if isinstance(error.__cause__ or error.__context__, ssl.SSLError):
                raise Refusal(502, f"The target {origin} cannot be trusted or speaks no TLS: {error}.") from None
            raise Refusal(502, f"{origin} cannot be reached: {error}. Is it up, and is --target right?") from None
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
        return response.status, reason, headers, bytes(answer)

    def _judge(self, exchange, seconds) -> int:
        """Record the exchange, without its secrets, and count how often it breaks the contract."""
        operation, violations = compare(self.contract, exchange)
        found = [(side, {"field": violation.field, "reason": violation.expected}) for side, violation in violations]
        shown = redaction.redacted(exchange, self.keep_bodies)
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
        if (page := foreign_page(environ)) is not None:
            raise Refusal(403, f"The journal is not for {page}.")
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
        return 200, "OK", [("Content-Type", "application/json"), *SECURITY_HEADERS.items()], orjson.dumps(answer)


def _forwarded(environ) -> dict[str, str]:
    """The request's headers, without those of this connection."""
    single = HOP_BY_HOP | {word.strip().lower() for word in environ.get("HTTP_CONNECTION", "").split(",")}
    single |= {"host", "content-length", "accept-encoding", "expect"}
    headers = {name[5:].replace("_", "-").title(): value for name, value in environ.items() if name.startswith("HTTP_")}
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = environ["CONTENT_TYPE"]
    return {name: value for name, value in headers.items() if name.lower() not in single}
