"""Recorded traffic: exchanges read from HAR files, VCR cassettes and exports of the journal, and written as
HAR.

What the formats keep differs. HAR and VCR keep bodies as they were, and here they are without any
compression, and in UTF-8 when they are text. The journal keeps JSON bodies as values: equal, but not byte for
byte. A body that a recording has left out, such as a form in the journal or a page saved by a browser without
its content, is empty here, and its side named in `omitted`. Any file may be compressed by gzip.

JSON is read entry by entry, so that the size of a recording does not matter; YAML is read whole.
"""

import base64
import binascii
import codecs
import contextlib
import dataclasses as dc
import glob
import gzip
import json
import re
import typing as t
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import orjson
import yaml

from mockserver.traffic.redaction import redacted

LARGEST = 64 * 2**20  # bytes of one decompressed body
DEEPEST = 100  # nesting of a YAML file
CHUNK = 2**20  # bytes of a JSON file that are read at a time
SUFFIXES = (".har", ".json", ".yaml", ".yml")  # of the recordings in a folder; `.gz` may follow
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
        bodies.append(_in_utf8(headers, body or b""))
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


def files(arguments: Iterable[str | Path]) -> list[Path]:
    """The recordings that paths, folders and patterns such as `cassettes/**/*.yaml` name, each once. Those of
    a folder are all files within that have the suffix of a recording and are one. Raises TrafficError for a
    pattern or folder without any."""
    found: dict[Path, None] = {}
    for argument in arguments:
        path = Path(argument)
        if path.is_dir():
            inside = [file for file in sorted(path.rglob("*")) if _is_recording(file)]
        elif not path.exists() and glob.has_magic(str(argument)):
            inside = sorted(file for file in map(Path, glob.glob(str(argument), recursive=True)) if file.is_file())
        else:
            inside = [path]
        if not inside:
            raise TrafficError(argument, "there is no recording")
        found |= dict.fromkeys(inside)
    return list(found)


class Recording:
    """The exchanges of a HAR file, a VCR cassette (YAML or JSON) or an export of the journal, in their order, read
    as they are asked for.

    Entries without an answer or an address are left out; `left_out` counts them once all was read. Iterating
    raises TrafficError for any other file, and for one that breaks its format.
    """

    def __init__(self, path: str | Path):
        self.path, self.left_out = Path(path), 0

    def __iter__(self) -> Iterator[Exchange]:
        self.left_out = 0
        try:
            with _opened(self.path) as file:
                for number, (convert, entry) in enumerate(_entries(file), 1):
                    try:
                        one = convert(_mapping(entry, "the entry"), self.path.parent)
                    except (_Wrong, ValueError) as error:
                        raise _Wrong(f"entry {number}: {error}") from None
                    if one is None:
                        self.left_out += 1
                    else:
                        yield dc.replace(one, source=f"{self.path.name}#{number}")
        except _Wrong as error:
            raise TrafficError(self.path, str(error)) from None
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise TrafficError(self.path, f"cannot be read: {reason}") from None
        except RecursionError:
            raise TrafficError(self.path, "is nested too deeply") from None


def read(path: str | Path) -> list[Exchange]:
    """All exchanges of a recording. Raises TrafficError."""
    return list(Recording(path))


class _Wrong(Exception):
    """What is wrong in a file, yet without the file's name."""


@contextlib.contextmanager
def _opened(path):
    """A file or pipe, without the compression it may have."""
    with path.open("rb") as file:
        yield gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == b"\x1f\x8b" else file


def _is_recording(file) -> bool:
    """Whether a file in a folder is a recording by its name and by how it begins."""
    if not file.is_file() or not file.name.removesuffix(".gz").endswith(SUFFIXES):
        return False
    if file.name.removesuffix(".gz").endswith(".har"):
        return True  # broken or not, it is meant to be one
    try:
        with _opened(file) as content:
            start = content.peek(4096)
            try:
                convert, entry = next(_entries(content), (None, None))
            except (_Wrong, RecursionError):
                return b"interactions:" in start  # a broken cassette
    except (OSError, EOFError, zlib.error):
        return False
    return convert is not _from_journal or (isinstance(entry, dict) and entry.keys() >= _JOURNAL)


def _entries(file) -> Iterator[tuple[t.Callable, t.Any]]:
    """(the function that makes an exchange of it, an entry) of a file."""
    start = file.peek(4096).removeprefix(codecs.BOM_UTF8).strip()
    if not start:
        raise _Wrong("is empty")
    if start[:1] in (b"{", b"["):
        yield from _json_entries(_Json(file))
    else:
        yield from _yaml_entries(file.read().removeprefix(codecs.BOM_UTF8))


def _yaml_entries(content):
    try:
        _require_shallow(content)
        document = yaml.load(content, _Loader)
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise _Wrong(f"is neither JSON nor YAML that can be read: {_line(error)}") from None
    name = next((name for name in _CASSETTE if isinstance(document, dict) and name in document), None)
    if name is None:
        raise _Wrong(_UNKNOWN)
    for entry in _list(document[name], name):
        yield _from_cassette, entry


def _json_entries(source):
    """The entries of a JSON file: a list of the journal's, or an object that holds a list."""
    if source.peek() == "[":
        for entry in source.items():
            yield _from_journal, entry
        source.end()
        return
    known, alone = False, {}
    for name in source.names():
        if name == "log":
            known = True
            _require_next(source, "{", "log", "an object")
            for inner in source.names():
                if inner == "entries":
                    yield from _listed(source, "log.entries", _from_har)
                else:
                    source.value()
        elif name in _CASSETTE or name == "entries":
            known = True
            yield from _listed(source, name, _from_cassette if name in _CASSETTE else _from_journal)
        elif name in ("request", "response"):
            alone[name] = source.value()
        else:
            source.value()
    source.end()
    if alone.keys() == {"request", "response"}:  # an entry by itself
        yield _from_har, alone
    elif not known:
        raise _Wrong(_UNKNOWN)


def _listed(source, name, convert):
    if source.peek() == "n":
        source.value()  # null: no entries
        return
    _require_next(source, "[", name, "a list")
    for entry in source.items():
        yield convert, entry


def _require_next(source, character, what, kind):
    if source.peek() != character:
        raise _Wrong(f"{what} should be {kind}, not {_kind(source.value())}")


class _Json:
    """A JSON document in a file, of which no more is held than one value of a list at a time."""

    def __init__(self, file: t.BinaryIO):
        self._file, self._decoded = file, codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at, self._before = "", 0, 0
        self._decode = json.JSONDecoder().raw_decode  # unlike orjson it takes lone surrogates

    def names(self) -> Iterator[str]:
        """The names in the object that comes; whoever asks takes the value of each before the next."""
        self._take("{")
        comma = self.peek() != "}"
        while comma:
            name = self.value()
            self._take(":")
            yield name
            comma = self._taken(",")
        self._take("}")

    def items(self) -> Iterator[t.Any]:
        """The values of the list that comes."""
        self._take("[")
        comma = self.peek() != "]"
        while comma:
            yield self.value()
            comma = self._taken(",")
        self._take("]")

    def value(self) -> t.Any:
        self.peek()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._more():
                    continue
                raise _Wrong(f"is not JSON: {error.msg} at character {self._before + error.pos + 1}") from None
            if end == len(self._text) and self._more():
                continue  # a number may go on
            self._at = end
            return value

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in " \t\r\n":
                self._at += 1
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def end(self) -> None:
        if self.peek():
            raise _Wrong(f"is not JSON: something follows at character {self._before + self._at + 1}")

    def _take(self, character):
        if not self._taken(character):
            raise _Wrong(f"is not JSON: expected {character!r} at character {self._before + self._at + 1}")

    def _taken(self, character) -> bool:
        if self.peek() != character:
            return False
        self._at += 1
        return True

    def _more(self) -> bool:
        """Read on; what is held doubles when one value needs it."""
        try:
            content = self._file.read(max(CHUNK, len(self._text) - self._at))
            chunk = self._decoded.decode(content, final=not content)
        except UnicodeDecodeError as error:
            raise _Wrong(f"is not JSON: {error.reason} in what should be UTF-8") from None
        if content:
            self._before += self._at
            self._text, self._at = self._text[self._at :] + chunk, 0
        return bool(content)


_CASSETTE = ("interactions", "http_interactions")
_JOURNAL = frozenset({"method", "path", "status"})  # what each of its entries has
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


def _from_har(entry, folder):
    response = entry.get("response")
    if not response or (isinstance(response, dict) and response.get("status") in _NO_STATUS):
        return None  # not recorded, blocked or broken off
    request, response = _mapping(entry.get("request") or {}, "request"), _mapping(response, "response")
    url, method = request.get("url"), request.get("method")
    if not url or not method:
        return None
    url = _text(url, "request.url")
    status = _status(response.get("status"))
    if status < 200 or not re.match(r"https?:|/", url, re.IGNORECASE):
        return None  # a web socket, data in the address, what a browser extension loads
    content = _mapping(response.get("content") or {}, "response.content")
    request_headers, response_headers = _har_headers(request), _har_headers(response)
    request_body = _har_sent(request, request_headers, folder)
    response_body = _har_body(content, "response.content", folder)
    if response_body is None and (content.get("size") == 0 or response.get("bodySize") == 0 or status in (204, 304)):
        response_body = b""
    _set_type(response_headers, content)
    return exchange(
        _text(method, "request.method"),
        url,
        request_headers,
        request_body or b"",
        status,
        response_headers,
        response_body or b"",
        omitted=[side for side, body in (("request", request_body), ("response", response_body)) if body is None],
        at=_moment(entry.get("startedDateTime")),
    )


_NO_STATUS = (None, 0, "0", "", -1, "-1")


def _har_sent(request, headers, folder) -> bytes | None:
    """The body of a request; None when there was one that the recorder left out."""
    data = request.get("postData")
    if not data:
        said = headers.get("content-length", "0") != "0" or _number(request.get("bodySize")) > 0
        return None if said or ("content-type" in headers and request.get("bodySize") != 0) else b""
    data = _mapping(data, "request.postData")
    _set_type(headers, data)
    body = _har_body(data, "request.postData", folder)
    form = "multipart" in headers.get("content-type", "")
    if body or (body is not None and not form and not data.get("params")):
        return body
    if form or not data.get("params"):
        return None  # what the parts of a form were is not kept
    parameters = [_mapping(one, "a form's parameter") for one in _list(data["params"], "request.postData.params")]
    pairs = [(str(one.get("name", "")), str(one.get("value", ""))) for one in parameters]
    return urlencode(pairs, errors="replace").encode()


def _har_body(content, what, folder) -> bytes | None:
    """What a `content` or `postData` holds; None when it holds nothing. Playwright keeps bodies in files of
    their own."""
    text, name = content.get("text"), content.get("_file")
    if text is None and isinstance(name, str) and Path(name).name == name and (folder / name).is_file():
        return (folder / name).read_bytes()
    if text is None:
        return None
    if isinstance(text, dict | list):
        return json.dumps(text).encode()
    text = _text(text, f"{what}.text", empty=True)
    return _base64(text) if content.get("encoding") == "base64" else _utf8(text)


def _set_type(headers, content):
    """Browsers leave headers out that they tell in another place."""
    media_type = content.get("mimeType")
    if isinstance(media_type, str) and "/" in media_type:
        headers.setdefault("content-type", media_type)


def _har_headers(message):
    headers = message.get("headers") or []
    if isinstance(headers, dict):
        return _headers(headers)
    pairs = [_mapping(one, "a header") for one in _list(headers, "headers")]
    return _headers([(one.get("name"), one.get("value")) for one in pairs])


def _from_cassette(entry, folder):
    if not entry.get("response"):
        return None
    request, response = _mapping(entry.get("request"), "request"), _mapping(entry.get("response"), "response")
    status = response.get("status", response.get("status_code"))
    if isinstance(status, dict):
        status = status.get("code")
    if status in _NO_STATUS:
        return None
    return exchange(
        _text(request.get("method"), "request.method"),
        _text(request.get("uri", request.get("url")), "request.uri"),
        _cassette_headers(request),
        _cassette_body(request, "request"),
        _status(status),
        _cassette_headers(response),
        _cassette_body(response, "response"),
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


def _cassette_body(message, what):
    """The body of a message: under `content` when httpx was recorded, as a value where a serializer parsed it."""
    body = message["content"] if "content" in message else message.get("body")
    if body is None and message.get("parsed_body") is not None:
        return json.dumps(message["parsed_body"]).encode()
    if isinstance(body, dict):
        if "base64_string" in body:
            return _base64(_text(body["base64_string"], f"{what}.body.base64_string", empty=True))
        body = body.get("string")
    if body is None:
        return b""
    if isinstance(body, bytes):  # `!!binary`
        return body
    return _utf8(_text(body, f"{what}.body", empty=True))


def _from_journal(entry, folder):
    if not entry.keys() >= _JOURNAL:
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
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


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


def _in_utf8(headers, body: bytes) -> bytes:
    """A text in UTF-8, whatever the charset it was sent in; what is no text stays."""
    charset = re.search(r"charset=[\"']?([\w.:-]+)", headers.get("content-type", ""), re.IGNORECASE)
    if charset is None or (_is_text(body) and b"\0" not in body):
        return body
    try:
        return body.decode(charset[1]).encode()
    except (LookupError, ValueError):
        return body


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
        "bodySize": -1 if "request" in exchange.omitted else len(exchange.request_body),
    }
    if exchange.request_body:
        request["postData"] = {
            "mimeType": exchange.request_headers.get("content-type", ""),
            **_har_text(exchange.request_body),
        }
    elif "request" in exchange.omitted:
        request["postData"] = {"mimeType": exchange.request_headers.get("content-type", ""), "comment": "left out"}
    content = {
        "size": len(exchange.response_body),
        "mimeType": exchange.response_headers.get("content-type", ""),
    }
    if exchange.response_body:
        content |= _har_text(exchange.response_body)
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
        "bodySize": -1 if "response" in exchange.omitted else len(exchange.response_body),
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


def _har_text(body):
    if _is_text(body):
        return {"text": body.decode()}
    return {"text": base64.b64encode(body).decode(), "encoding": "base64"}
