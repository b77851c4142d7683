"""Recorded exchanges without their secrets.

A secret is told by its name or its look (`mockserver.api.secrets`), in headers, addresses and bodies; a text found
once is hidden wherever else it occurs. A body that cannot be taken apart is left out: nobody can say what it holds.
"""

import base64
import binascii
import contextlib
import csv
import dataclasses as dc
import io
import json
import re
import typing as t
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from email.message import Message
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson
import yaml
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData, Preamble

from mockserver.api.secrets import REDACTED, hider, is_secret, is_secret_parameter, without_secrets

if t.TYPE_CHECKING:
    from mockserver.traffic.recordings import Exchange

__all__ = ["REDACTED", "is_secret", "redacted", "redacted_json"]

DEEPEST = 200  # nesting of a body that is searched
_NAMES = ("name", "key", "field", "header", "id", "parameter", "Name", "Key")  # of a pair that holds a name and a value
_VALUES = ("value", "Value", "values")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Opaque(Exception):
    """A body that cannot be searched for secrets."""


def redacted(exchange: "Exchange", keep_bodies: bool = False) -> "Exchange":
    """The exchange without secrets. `REDACTED` stands in their place, 0 in that of a number.

    A body that cannot be taken apart is left out (see `Exchange.omitted`), or with `keep_bodies` searched like a
    text.
    """
    secrets: set[str] = set()
    headers = [_headers(side, secrets) for side in (exchange.request_headers, exchange.response_headers)]
    omitted, bodies = set(exchange.omitted), []
    for side, fields, body in (
        ("request", exchange.request_headers, exchange.request_body),
        ("response", exchange.response_headers, exchange.response_body),
    ):
        try:
            shown = _body(fields, body, secrets)
        except (Opaque, RecursionError, ValueError):
            if keep_bodies:
                shown = without_secrets(body.decode("latin-1"), secrets).encode("latin-1")
            else:
                shown = b""
                omitted.add(side)
        bodies.append(shown)
    query = [(name, _parameter(name, value, secrets)) for name, value in exchange.query]
    address = urlsplit(exchange.url)
    url = address._replace(
        netloc=address.netloc.rpartition("@")[2], query=urlencode(query) if address.query else ""
    ).geturl()
    path, url = without_secrets(exchange.path, secrets), without_secrets(url, secrets)
    hide = hider(secrets)
    return dc.replace(
        exchange,
        path=hide(path),
        query=[(hide(name), hide(value)) for name, value in query],
        url=hide(url),
        request_headers={name: hide(value) for name, value in headers[0].items()},
        request_body=hide(bodies[0]),
        response_headers={name: hide(value) for name, value in headers[1].items()},
        response_body=hide(bodies[1]),
        omitted=frozenset(omitted),
    )


def redacted_json(value: t.Any, secrets: set[str] | None = None) -> t.Any:
    """The value without what stands under secret names or looks like a secret; the texts are added to `secrets`."""
    secrets = set() if secrets is None else secrets
    if isinstance(value, dict):
        named = next((value[name] for name in _NAMES if isinstance(value.get(name), str)), "")
        shown = {}
        for name, item in value.items():
            hidden = is_secret(str(name)) and not (
                name in _NAMES and isinstance(item, str) and item == named and _pair(value)
            )
            hidden = hidden or (name in _VALUES and is_secret(named)) or (name == "code" and "grant_type" in value)
            shown[_text(name, secrets)] = _secret(item, secrets) if hidden else redacted_json(item, secrets)
        return shown
    if isinstance(value, list):
        return [redacted_json(item, secrets) for item in value]
    return _text(value, secrets)


def _pair(value: dict) -> bool:
    """Whether an object is a name and its value, so that `key` in it names something."""
    return any(name in value for name in _VALUES)


def _text(value, secrets):
    """A text without what looks like a secret, also where it is JSON in its turn."""
    if not isinstance(value, str):
        return value
    if value[:1] in "{[" and value:
        try:
            inner, _ = _parsed(value)
        except ValueError:
            pass
        else:
            shown = redacted_json(inner, secrets)
            return value if shown == inner else json.dumps(shown)
    return without_secrets(value, secrets)


def _secret(value, secrets):
    """The value without what it tells; its type stays, so that it still fits its schema where it can."""
    if isinstance(value, str):
        secrets.add(value)
        return REDACTED if value else value
    if isinstance(value, dict):
        return {name: _secret(item, secrets) for name, item in value.items()}
    if isinstance(value, list):
        return [_secret(item, secrets) for item in value]
    return value if value is None or isinstance(value, bool) else 0


def _parameter(name, value, secrets):
    return _secret(value, secrets) if is_secret_parameter(name) else _text(value, secrets)


# -- headers


def _headers(headers, secrets):
    return {name: _header(name, value, secrets) for name, value in headers.items()}


def _header(name, value, secrets):
    if not is_secret(name):
        return without_secrets(value, secrets)
    if name.endswith("cookie"):
        for part in value.split(";")[: 1 if name == "set-cookie" else None]:  # what follows in it is no secret
            secrets.add(part.partition("=")[2].strip().strip('"'))
    scheme, _, credential = value.partition(" ")
    if not name.endswith("authorization") or not credential:
        return _secret(value, secrets)
    if scheme.lower() == "basic":
        with contextlib.suppress(binascii.Error, ValueError):
            secrets.update(base64.b64decode(credential).decode().split(":", 1))
    return f"{scheme} {_secret(credential, secrets)}"


# -- bodies


def _body(headers, body: bytes, secrets) -> bytes:
    """A body without secrets. What holds none stays byte for byte. Opaque or ValueError when it cannot be read."""
    if not body:
        return body
    header = Message()
    header["content-type"] = headers.get("content-type", "")
    media_type, content = header.get_content_type() if headers.get("content-type") else "", body
    if media_type == "multipart/form-data" or media_type.startswith("multipart/"):
        return _multipart(body, header.get_param("boundary"), secrets)
    if "x-www-form-urlencoded" in media_type:
        pairs = parse_qsl(body.decode(), keep_blank_values=True)
        return urlencode([(name, _parameter(name, value, secrets)) for name, value in pairs]).encode()
    try:
        return _json(content, secrets)
    except ValueError:
        pass
    for known, read in _READERS:
        if re.search(known, media_type):
            return read(content.decode("utf-8-sig"), secrets).encode()
    raise Opaque


def _json(body: bytes, secrets) -> bytes:
    value, repeated = _parsed(body.decode("utf-8-sig"))
    shown = redacted_json(value, secrets)
    if shown == value and not repeated:
        return body
    try:
        return orjson.dumps(shown)
    except TypeError:  # a whole number beyond 64 bits
        return json.dumps(shown).encode()


def _parsed(text: str) -> tuple[t.Any, bool]:
    """(the JSON value, whether some object has a name twice). ValueError."""
    repeated = False

    def built(pairs):
        nonlocal repeated
        value = dict(pairs)
        repeated |= len(value) < len(pairs)
        return value

    return json.loads(text, object_pairs_hook=built), repeated


def _lines(text: str, secrets) -> str:
    """JSON in each line."""
    return "\n".join(_json(line.encode(), secrets).decode() if line.strip() else line for line in text.splitlines())


def _events(text: str, secrets) -> str:
    """Server-sent events, their data JSON."""
    shown = []
    for line in text.splitlines():
        field, colon, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data" and value.strip():
            value = _json(value.encode(), secrets).decode()
        shown.append(f"{field}{colon} {value}" if value else line)
    return "\n".join(shown) + "\n"


def _xml(text: str, secrets) -> str:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Opaque
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        raise Opaque from None

    def local(name):
        return name.rpartition("}")[2]

    def hide(element, hidden):
        names = [value for name, value in element.attrib.items() if local(name).lower() in ("name", "key", "id")]
        hidden = hidden or is_secret(local(element.tag)) or any(map(is_secret, names))
        for name, value in element.attrib.items():
            secret = (is_secret(local(name)) and value not in names) or (hidden and local(name).lower() == "value")
            element.attrib[name] = _secret(value, secrets) if secret else _text(value, secrets)
        if element.text and element.text.strip():
            element.text = _secret(element.text.strip(), secrets) if hidden else _text(element.text, secrets)
        for child in element:
            hide(child, hidden)
            if child.tail and child.tail.strip():
                child.tail = _secret(child.tail, secrets) if hidden else _text(child.tail, secrets)
        pair = {local(child.tag).lower(): child for child in element}
        if "name" in pair and "value" in pair and is_secret(pair["name"].text or "") and not hidden:
            hide(pair["value"], True)

    hide(root, False)
    return ElementTree.tostring(root, encoding="unicode")


def _yaml(text: str, secrets) -> str:
    depth = 0
    try:
        for event in yaml.parse(text, _Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST or isinstance(event, yaml.AliasEvent):
                raise Opaque
        documents = [*yaml.load_all(text, _Loader)]
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, OverflowError):
        raise Opaque from None
    if not all(isinstance(document, dict | list) for document in documents):
        raise Opaque
    return yaml.safe_dump_all([redacted_json(document, secrets) for document in documents], sort_keys=False)


def _csv(text: str, secrets) -> str:
    rows = [*csv.reader(io.StringIO(text), strict=True)]
    hidden = [is_secret(name) for name in rows[0]] if rows else []
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n" if "\r\n" in text else "\n").writerows(
        [
            (_secret if number and place < len(hidden) and hidden[place] else _text)(value, secrets)
            for place, value in enumerate(row)
        ]
        for number, row in enumerate(rows)
    )
    return out.getvalue()


_READERS: tuple[tuple[str, Callable[[str, set], str]], ...] = (
    (r"ndjson|jsonl|json-seq|json-lines|application/(x-)?json", _lines),
    (r"event-stream", _events),
    (r"[/+]xml$", _xml),
    (r"yaml", _yaml),
    (r"text/csv", _csv),
)


def _multipart(body: bytes, boundary, secrets) -> bytes:
    """The parts of a form, each as a body of its own; a file that cannot be read is emptied."""
    if not isinstance(boundary, str):
        raise Opaque
    decoder = MultipartDecoder(boundary.encode("latin-1"))
    decoder.receive_data(body)
    decoder.receive_data(None)
    parts: list[tuple[Field | File, bytearray]] = []
    while not isinstance(event := decoder.next_event(), Epilogue):
        if isinstance(event, NeedData):
            raise Opaque
        if isinstance(event, Field | File):
            parts.append((event, bytearray()))
        elif isinstance(event, Data):
            parts[-1][1].extend(event.data)
        elif not isinstance(event, Preamble):
            raise Opaque
    shown = bytearray()
    for part, content in parts:
        shown += f"--{boundary}\r\n".encode("latin-1")
        for name, value in part.headers.items():
            shown += f"{name}: {without_secrets(value, secrets)}\r\n".encode()
        shown += b"\r\n" + _part(part, bytes(content), secrets) + b"\r\n"
    return bytes(shown) + f"--{boundary}--\r\n".encode("latin-1")


def _part(part, content: bytes, secrets) -> bytes:
    if is_secret_parameter(part.name or ""):
        return _secret(content.decode("utf-8", "replace"), secrets).encode()
    media_type = part.headers.get("content-type", "")
    if isinstance(part, Field) and media_type in ("", "text/plain"):
        return _text(content.decode(), secrets).encode()
    try:
        return _body({"content-type": media_type}, content, secrets)
    except (Opaque, ValueError):
        return b""
