"""Recorded traffic: exchanges read from HAR files, VCR cassettes and exports of the journal, and written as
HAR.

What the formats keep differs. HAR and VCR keep bodies as they were, and here they are without any
compression. The journal keeps JSON bodies as values: equal, but not byte for byte. A body that a recording
has left out, such as a form in the journal or a page saved by a browser without its content, is empty here,
and its side named in `omitted`.
"""

import base64
import binascii
import dataclasses as dc
import json
import re
import typing as t
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import orjson
import yaml

from mockserver.traffic.redaction import redacted

LARGEST = 64 * 2**20  # bytes of one decompressed body
DEEPEST = 100  # nesting of a YAML file
EPOCH = "1970-01-01T00:00:00.000Z"

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class TrafficError(Exception):
    """A file that holds no traffic that can be read. Reads `file: reason`."""

    def __init__(self, file, reason: str):
        self.file, self.reason = str(file), reason
        super().__init__(f"{file}: {reason}")


@dc.dataclass(frozen=True)
class Exchange:
    """A request and its answer. Header names are lower-case; a repeated header's values are joined by `, `.

    `path` is decoded, `query` the pairs as sent, `source` where it was recorded (`session.har#12` is the
    twelfth), `at` when (ISO 8601). `omitted` holds `request` or `response` when the recording lacks the body
    of that side.
    """

    method: str
    path: str
    query: list[tuple[str, str]]
    request_headers: dict[str, str]
    request_body: bytes
    status: int
    response_headers: dict[str, str]
    response_body: bytes
    source: str = ""
    url: str = ""
    at: str = EPOCH
    omitted: frozenset[str] = frozenset()

    @property
    def request_json(self) -> t.Any:
        """The request's body as JSON; None when it is not JSON."""
        return _json(self.request_body)

    @property
    def response_json(self) -> t.Any:
        """The answer's body as JSON; None when it is not JSON."""
        return _json(self.response_body)

    @property
    def query_string(self) -> str:
        return urlencode(self.query)


def exchange(
    method: str,
    url: str,
    request_headers: Mapping,
    request_body: bytes,
    status: int,
    response_headers: Mapping,
    response_body: bytes,
    **facts,
) -> Exchange:
    """An exchange from its parts as they went over the wire. ValueError for a URL that is none."""
    address = urlsplit(url)
    omitted = set(facts.pop("omitted", ()))
    request_headers, response_headers = _headers(request_headers), _headers(response_headers)
    bodies = []
    for side, headers, body in (
        ("request", request_headers, request_body),
        ("response", response_headers, response_body),
    ):
        body = _decompressed(headers, body)
        if body is None:
            omitted.add(side)
        bodies.append(body or b"")
    return Exchange(
        method.upper(),
        unquote(address.path) or "/",
        parse_qsl(address.query, keep_blank_values=True),
        request_headers,
        bodies[0],
        status,
        response_headers,
        bodies[1],
        url=url,
        omitted=frozenset(omitted),
        **facts,
    )


# -- reading


def read(path: str | Path) -> list[Exchange]:
    """The exchanges in a HAR file, a VCR cassette (YAML or JSON) or an export of the journal, in their order.

    Requests that got no answer are left out. Raises TrafficError for anything else, and for a file that
    breaks its format.
    """
    path = Path(path)
    try:
        document = _parsed(path)
        entries, convert = _recognised(document)
        found = []
        for number, entry in enumerate(entries, 1):
            try:
                one = convert(_mapping(entry, "the entry"))
            except (_Wrong, ValueError) as error:
                raise _Wrong(f"entry {number}: {error}") from None
            if one is not None:
                found.append(dc.replace(one, source=f"{path.name}#{number}"))
        return found
    except _Wrong as error:
        raise TrafficError(path, str(error)) from None
    except RecursionError:
        raise TrafficError(path, "is nested too deeply") from None


class _Wrong(Exception):
    """What is wrong in a file, yet without the file's name."""


def _parsed(path):
    try:
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise _Wrong(f"cannot be read: {error.strerror or error}") from None
    if not content.strip():
        raise _Wrong("is empty")
    if content.lstrip()[:1] in (b"{", b"["):
        try:
            return json.loads(content)  # unlike orjson it takes lone surrogates
        except ValueError as error:
            raise _Wrong(f"is not JSON: {error}") from None
    try:
        _require_shallow(content)
        document = yaml.load(content, _Loader)
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise _Wrong(f"is neither JSON nor YAML that can be read: {_line(error)}") from None
    if not isinstance(document, dict) or not document.keys() & {"interactions", "http_interactions"}:
        raise _Wrong(_UNKNOWN)
    return document


_UNKNOWN = (
    "is no recording: expected a HAR file (log.entries), a VCR cassette (interactions) "
    "or an export of the mock's journal (a list of its entries)"
)


def _require_shallow(content):
    """libyaml builds nodes by recursion in C, where too deep a file ends the process; its events come
    flat."""
    depth = 0
    for event in yaml.parse(content, _Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise RecursionError


def _line(error):
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"line {mark.line + 1}: {reason}" if mark else reason


def _recognised(document):
    """(entries, the function that makes an exchange of one)."""
    if isinstance(document, list):
        return document, _from_journal
    for name, convert in (
        ("interactions", _from_cassette),
        ("http_interactions", _from_cassette),
        ("entries", _from_journal),
    ):
        if name in document:
            return _list(document[name], name), convert
    if "log" in document:
        return _list(_mapping(document["log"], "log").get("entries"), "log.entries"), _from_har
    raise _Wrong(_UNKNOWN)


def _from_har(entry):
    request, response = _mapping(entry.get("request"), "request"), _mapping(entry.get("response"), "response")
    status = _status(response.get("status"))
    if status == 0:
        return None  # blocked or broken off
    data, content = request.get("postData"), _mapping(response.get("content", {}), "response.content")
    omitted = set()
    request_body = b""
    if data is not None:
        data = _mapping(data, "request.postData")
        if "text" not in data and data.get("params"):
            if "multipart" in str(data.get("mimeType", "")):
                omitted.add("request")
            else:
                parameters = [
                    _mapping(one, "a form's parameter") for one in _list(data["params"], "request.postData.params")
                ]
                request_body = urlencode(
                    [(str(one.get("name", "")), str(one.get("value", ""))) for one in parameters],
                    errors="replace",
                ).encode()
        elif "text" not in data:
            omitted.add("request")
        else:
            request_body = _har_text(data, "request.postData")
    if "text" not in content and _number(content.get("size")) != 0:
        omitted.add("response")
    request_headers = _har_headers(request)
    if data is not None and isinstance(data.get("mimeType"), str):
        request_headers.setdefault("content-type", data["mimeType"])
    return exchange(
        _text(request.get("method"), "request.method"),
        _text(request.get("url"), "request.url"),
        request_headers,
        request_body,
        status,
        _har_headers(response),
        _har_text(content, "response.content"),
        omitted=omitted,
        at=_moment(entry.get("startedDateTime")),
    )


def _har_headers(message):
    pairs = [_mapping(one, "a header") for one in _list(message.get("headers", []), "headers")]
    return _headers([(one.get("name"), one.get("value")) for one in pairs])


def _har_text(content, what):
    text = content.get("text")
    if text is None:
        return b""
    text = _text(text, f"{what}.text", empty=True)
    return _base64(text) if content.get("encoding") == "base64" else _utf8(text)


def _from_cassette(entry):
    request, response = _mapping(entry.get("request"), "request"), _mapping(entry.get("response"), "response")
    status = response.get("status", response.get("status_code"))
    if isinstance(status, dict):
        status = status.get("code")
    body = (
        response["content"] if "content" in response else response.get("body")
    )  # `content`: what httpx was recorded as
    return exchange(
        _text(request.get("method"), "request.method"),
        _text(request.get("uri", request.get("url")), "request.uri"),
        _cassette_headers(request),
        _cassette_body(request.get("body"), "request.body"),
        _status(status),
        _cassette_headers(response),
        _cassette_body(body, "response.body"),
        at=_moment(entry.get("recorded_at")),
    )


def _cassette_headers(message):
    headers = _mapping(message.get("headers") or {}, "headers")
    return _headers(
        [
            (name, value)
            for name, values in headers.items()
            for value in (values if isinstance(values, list) else [values])
        ]
    )


def _cassette_body(body, what):
    if isinstance(body, dict):
        if "base64_string" in body:
            return _base64(_text(body["base64_string"], f"{what}.base64_string", empty=True))
        body = body.get("string")
    if body is None:
        return b""
    if isinstance(body, bytes):  # `!!binary`
        return body
    return _utf8(_text(body, what, empty=True))


def _from_journal(entry):
    if not {"method", "path", "status"} <= entry.keys():
        raise _Wrong("expected an entry of the mock's journal with method, path and status")
    status = _status(entry["status"])
    query = _text(entry.get("query") or "", "query", empty=True)
    path = quote(_text(entry["path"], "path"), errors="replace")
    request_headers = _headers(_mapping(entry.get("request_headers") or {}, "request_headers"))
    form = request_headers.get("content-type", "").startswith("multipart/form-data")
    return exchange(
        _text(entry["method"], "method"),
        f"{path}?{query}" if query else path,
        request_headers,
        _shown(entry.get("request_body")),
        status,
        _headers(_mapping(entry.get("response_headers") or {}, "response_headers")),
        _shown(entry.get("response_body")),
        omitted=["request"] if form else [],
        at=_moment(entry.get("at")),
    )


def _shown(body):
    """The bytes of a body that the journal shows as a JSON value, or as text when it was not JSON."""
    if body is None:
        return b""
    return _utf8(body) if isinstance(body, str) else json.dumps(body).encode()


# -- what the formats are made of


def _mapping(value, what):
    if not isinstance(value, dict):
        raise _Wrong(f"{what} should be an object, not {_kind(value)}")
    return value


def _list(value, what):
    if not isinstance(value, list):
        raise _Wrong(f"{what} should be a list, not {_kind(value)}")
    return value


def _text(value, what, empty=False):
    if not isinstance(value, str) or not (value or empty):
        raise _Wrong(f"{what} should be text, not {_kind(value)}")
    return _encodable(value)


def _encodable(text):
    """The text without lone surrogates, which browsers do write into JSON and which no bytes can say."""
    return text.encode("utf-8", "replace").decode()


def _kind(value):
    return "nothing" if value is None or value == "" else type(value).__name__


def _number(value):
    return value if isinstance(value, int) else 0


def _status(value):
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,3}", str(value)):
        raise _Wrong(f"the status should be a number of three digits, not {str(value)[:40]!r}")
    return int(value)


def _moment(value):
    return value if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d", value) else EPOCH


def _base64(text):
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError) as error:
        raise _Wrong(f"a body said to be base64 is not: {error}") from None


def _utf8(text):
    return text.encode("utf-8", "replace")


def _headers(headers) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        if isinstance(name, bytes):
            name = name.decode("latin-1")
        if isinstance(value, bytes):
            value = value.decode("latin-1")
        name, value = _encodable(str(name)).lower(), "" if value is None else _encodable(str(value))
        if not name.startswith(":"):  # HTTP/2 has the method and the path among them
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _decompressed(headers, body: bytes) -> bytes | None:
    """A body without its Content-Encoding, which many recorders have taken off already; None if it cannot be
    read."""
    encoding = headers.get("content-encoding", "").lower()
    if "gzip" in encoding and body[:2] == b"\x1f\x8b":
        return _inflated(body, (zlib.MAX_WBITS | 16,))
    if "deflate" in encoding and not _is_text(body):
        return _inflated(body, (zlib.MAX_WBITS, -zlib.MAX_WBITS))
    if encoding in ("br", "zstd") and not _is_text(body):
        return None
    return body


def _inflated(body, windows):
    for window in windows:
        reader = zlib.decompressobj(window)
        try:
            content = reader.decompress(body, LARGEST)
        except zlib.error:
            continue
        if reader.unconsumed_tail:
            raise _Wrong(f"a body is larger than {LARGEST // 2**20} MiB once decompressed")
        return content
    return None


def _is_text(body):
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _json(body):
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


# -- writing


def write_har(exchanges: Iterable[Exchange], path: str | Path, redact: bool = True) -> None:
    """Write the exchanges as HAR 1.2, without their secrets unless told otherwise. OSError when it cannot be
    written."""
    entries = [_har_entry(redacted(one) if redact else one) for one in exchanges]
    log = {"version": "1.2", "creator": {"name": "cofactr-mockserver", "version": "1"}, "entries": entries}
    Path(path).write_text(json.dumps({"log": log}, indent=1), encoding="utf-8")


def _har_entry(exchange):
    request = {
        "method": exchange.method,
        "url": exchange.url or exchange.path,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _har_pairs(exchange.request_headers),
        "queryString": _har_pairs(dict(exchange.query)),
        "headersSize": -1,
        "bodySize": len(exchange.request_body),
    }
    if exchange.request_body:
        request["postData"] = {
            "mimeType": exchange.request_headers.get("content-type", ""),
            **_har_body(exchange.request_body),
        }
    elif "request" in exchange.omitted:
        request["postData"] = {"mimeType": exchange.request_headers.get("content-type", ""), "comment": "left out"}
    content = {
        "size": len(exchange.response_body),
        "mimeType": exchange.response_headers.get("content-type", ""),
    }
    if exchange.response_body:
        content |= _har_body(exchange.response_body)
    elif "response" in exchange.omitted:
        content |= {"size": -1, "comment": "left out"}
    response = {
        "status": exchange.status,
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _har_pairs(exchange.response_headers),
        "content": content,
        "redirectURL": exchange.response_headers.get("location", ""),
        "headersSize": -1,
        "bodySize": len(exchange.response_body),
    }
    return {
        "startedDateTime": exchange.at,
        "time": 0,
        "request": request,
        "response": response,
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 0},
    }


def _har_pairs(values):
    return [{"name": name, "value": value} for name, value in values.items()]


def _har_body(body):
    if _is_text(body):
        return {"text": body.decode()}
    return {"text": base64.b64encode(body).decode(), "encoding": "base64"}
