"""Two schemathesis checks of what is written: it is answered as it was sent, and read as it was answered.

Schemathesis looks at each answer alone, and then at whether records come and go. A PATCH that answers as it
should and saves nothing passes all of that; here the record is read again.
"""

import json
import re
import typing as t
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from uuid import UUID

import orjson

from mockserver.contract import documents

READ = "read_your_writes"
KEPT = "keep_what_was_sent"
_ABSENT = object()


def checks_of(document: Mapping) -> tuple[Callable, Callable]:
    """The checks for an OpenAPI document, called as READ and KEPT. They need the extra `contract`."""
    places = {
        f"{place.method} {place.path}": place
        for place in documents.places(document)
        if place.method in ("POST", "PATCH", "PUT")
    }
    readers = {label: reader for label, place in places.items() if (reader := _reader(document, place))}
    fields = {label: _fields(document, place) for label, place in places.items()}

    def read_your_writes(context, response, case):
        label, written = case.operation.label, _object(response)
        if label not in readers or written is None or not isinstance(written.get("id"), str):
            return True  # nothing to look at
        return _told(READ, label, _read(context, case, written, *readers[label]))

    def keep_what_was_sent(context, response, case):
        label, written = case.operation.label, _object(response)
        # A POST that answers 200 has met a record that was there, and may have been merged with it.
        if (
            label not in fields
            or written is None
            or not isinstance(case.body, dict)
            or case.method.upper() != case.operation.method.upper()  # such as OPTIONS, to see what it answers
            or (case.method == "POST" and response.status_code == 200)
        ):
            return True
        return _told(
            KEPT,
            label,
            [
                f"{name} was sent as {_shown(value)} and answered as {_shown(written[name])}"
                for name, value in case.body.items()
                if name in fields[label] and name in written and not _same(value, written[name])
            ],
        )

    return read_your_writes, keep_what_was_sent


def _told(check, label, wrong):
    if wrong:
        raise _failure(check)(operation=label, message="\n".join(wrong))


def _read(context, case, written, path, parameter) -> list[str]:
    """What a GET of the written record answers otherwise."""
    values = {**(case.path_parameters or {}), **({parameter: written["id"]} if parameter else {})}
    get = case.operation.schema[path]["GET"]
    settings = dict(context.internals.transport_kwargs or {})
    if get.app is not None:
        settings.setdefault("app", get.app)
    answer = case.operation.schema.transport.send(
        get.Case(path_parameters={name: values[name] for name in re.findall(r"{([^{}]+)}", path)}), **settings
    )
    read = _object(answer)
    if read is None:
        return [f"GET {path} answered {answer.status_code} right after the record {written['id']} was written"]
    return [
        f"{name} was answered as {_shown(written[name])} and is read as {_shown(read[name])}"
        for name in written
        if name in read and written[name] != read[name]
    ]


def _reader(document, place) -> tuple[str, str | None] | None:
    """(path, its parameter for the answered id) of the GET that reads what an operation writes.

    A collection's own record, `/tags/` -> `/tags/{tag_id}/`; the same path; or the record that an action is
    about, `/boms/{bom_id}/approve/` -> `/boms/{bom_id}/`. What is read must be what the write answers.
    """
    schemas = {schema for status, schema in _answers(document, place.operation) if status in ("200", "201")}
    gets = {path: item["get"] for path, item in document["paths"].items() if "get" in item}
    above = re.sub(r"[^/]+(/?)$", "", place.path)
    within = [path for path in gets if re.fullmatch(re.escape(place.path) + r"{[^{}]+}/?", path)]
    candidates = [(path, re.findall(r"{([^{}]+)}", path)[-1]) for path in within]
    if place.path.rstrip("/").endswith("}") and place.path in gets:
        candidates.append((place.path, None))
    elif re.search(r"}/?$", above) and above in gets:
        candidates.append((above, None))
    return next(
        (
            (path, parameter)
            for path, parameter in candidates
            if schemas & {schema for status, schema in _answers(document, gets[path]) if status == "200"}
        ),
        None,
    )


def _answers(document, operation) -> Iterator[tuple[str, str]]:
    """(status, the schema as text) of the JSON that an operation may answer."""
    for status, response in operation["responses"].items():
        if "$ref" in response:
            response = documents.at(document, documents.steps(response["$ref"]))
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        if schema is not None:
            yield status, str(schema)


def _fields(document, place) -> frozenset[str]:
    """The fields that a request's body may set."""
    body = place.operation.get("requestBody", {})
    if "$ref" in body:
        body = documents.at(document, documents.steps(body["$ref"]))
    schema = body.get("content", {}).get("application/json", {}).get("schema", {})
    if "$ref" in schema:
        schema = documents.at(document, documents.steps(schema["$ref"]))
    return frozenset(name for name, field in schema.get("properties", {}).items() if not field.get("readOnly"))


@cache
def _failure(check):
    from schemathesis.core.failures import Failure

    titles = {READ: "What was written is not what is read", KEPT: "What was sent is not what was written"}
    # It bears the name of its check, so that it can be excused like those of schemathesis.
    return type(
        check.title().replace("_", ""),
        (Failure,),
        {"code": "ST901", "checks": (check,), "kind_title": titles[check]},
    )


def _object(response) -> dict[str, t.Any] | None:
    """The JSON object of an answer with success."""
    if response.status_code not in (200, 201):
        return None
    try:
        value = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _same(sent, shown) -> bool:
    """Whether two values say the same: moments as instants, decimals as numbers, UUIDs in any case, lists of
    ids in any order, texts trimmed. An object may be answered with more than was sent."""
    if isinstance(sent, dict) and isinstance(shown, dict):
        return all(name not in shown or _same(value, shown[name]) for name, value in sent.items())
    if isinstance(sent, list) and isinstance(shown, list):
        if all(isinstance(item, str) and _uuid(item) is not _ABSENT for item in (*sent, *shown)):
            return sorted(map(str.lower, sent)) == sorted(map(str.lower, shown))
        return len(sent) == len(shown) and all(map(_same, sent, shown))
    if sent == shown:
        return True
    if isinstance(sent, int) and isinstance(shown, float):  # beyond 64 bits, an integer is read as a double
        return float(sent) == shown
    if not (isinstance(sent, str) and isinstance(shown, str)):
        return False
    if sent.strip() == shown:
        return True
    return any(read(sent) is not _ABSENT and read(sent) == read(shown) for read in (_moment, _decimal, _uuid))


def _moment(text):
    try:
        return datetime.fromisoformat(text.upper()) if re.match(r"\d{4}-\d\d-\d\d[Tt]", text) else _ABSENT
    except ValueError:
        return _ABSENT


def _decimal(text):
    try:
        return Decimal(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else _ABSENT
    except InvalidOperation:
        return _ABSENT


def _uuid(text):
    return UUID(text) if re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text) else _ABSENT


def _shown(value):
    text = json.dumps(value, ensure_ascii=False, default=str)  # orjson refuses integers beyond 64 bits
    return text if len(text) <= 100 else f"{text[:97]}..."
