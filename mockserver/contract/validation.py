"""Requests and answers held to the contract, without sending any."""

import dataclasses as dc
import functools
import re
import typing as t
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import parse_qsl, urlsplit

import orjson

from mockserver.contract import documents

_BASE = "urn:contract"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_KINDS = {
    "required": "missing",
    "additionalProperties": "extra",
    "unevaluatedProperties": "extra",
    "falseSchema": "extra",
    "type": "type",
    "format": "format",
    "enum": "enum",
    "const": "enum",
    "pattern": "pattern",
    **dict.fromkeys(
        (
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "multipleOf",
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
            "minProperties",
            "maxProperties",
            "uniqueItems",
        ),
        "range",
    ),
}


@dc.dataclass(frozen=True)
class Violation:
    """One breach of the contract.

    `field` is the dotted path in the body, `lines[0].quantity`, the parameter as `?limit`, the header as
    `header Location`, or empty for the whole. `kind` is missing, extra, type, format, enum, pattern, range,
    status or other. `reason` may quote the value, `expected` never does.
    """

    field: str
    kind: str
    reason: str
    expected: str
    value: t.Any = dc.field(default=None, compare=False)

    @property
    def place(self) -> str:
        """The field for any index and any id: `lines[].quantity`, `custom_properties.*`."""
        return _UUID.sub("*", re.sub(r"\[\d+]", "[]", self.field))


class Contract:
    """Checks calls against an OpenAPI document of version 3.1. Operations are named by their ids, or `GET
    /path` without one.

    `request_violations` and `response_violations` list Violations, `check_request` and `check_response` the
    same as `{field, reason}`; an empty list is fine. KeyError for an operation the document lacks. Schemas
    are compiled when they are first needed.
    """

    def __init__(self, document: Mapping[str, t.Any]):
        self.document = document
        self.places = {place.name: place for place in documents.places(document)}
        self._validators: dict[tuple, t.Any] = {}

    def __contains__(self, operation: str) -> bool:
        return operation in self.places

    def match(self, method: str, path: str) -> tuple[str, dict[str, str]] | None:
        """(operation, path parameters) of a call. A fixed word beats a parameter, and what cannot be an id is
        none."""
        found = None
        for base in self._bases:
            if not path.startswith(base):
                continue
            for pattern, fixed, place in self._patterns:
                match = pattern.fullmatch(path[len(base) :]) if place.method == method else None
                if match and (found is None or fixed > found[0]):
                    values = dict(zip(re.findall(r"{([^{}]+)}", place.path), match.groups(), strict=True))
                    if self._are_ids(place, values):
                        found = (fixed, place.name, values)
        return found and found[1:]

    def response_key(self, operation: str, status: int) -> str | None:
        """The entry of an operation's responses that a status falls under."""
        responses = self.places[operation].operation["responses"]
        return next(
            (key for key in (str(status), f"{status // 100}XX", f"{status // 100}xx", "default") if key in responses),
            None,
        )

    def check_response(self, operation: str, status: int, headers: Mapping[str, str], body: bytes) -> list[dict]:
        """What in an answer breaks the contract: its status, its headers, its media type, its body."""
        return _findings(self.response_violations(operation, status, headers, body))

    def check_request(
        self,
        operation: str,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        path_parameters: Mapping[str, str] | None = None,
    ) -> list[dict]:
        """What in a request breaks the contract: its parameters, its media type, its body.

        `query` is the query string as sent. Keys and parameters the contract does not know are no breach of
        it.
        """
        return _findings(self.request_violations(operation, query, headers, body, path_parameters))

    def response_violations(
        self, operation: str, status: int, headers: Mapping[str, str], body: bytes
    ) -> list[Violation]:
        key = self.response_key(operation, status)
        if key is None:
            listed = ", ".join(self.places[operation].operation["responses"])
            return [
                _violation("", "status", f"The contract lists no {status} for {operation}: {listed}.", value=status)
            ]
        pointer, response = self._response(operation, key)
        headers = {name.lower(): value for name, value in headers.items()}
        found = []
        for name in response.get("headers", {}):
            header_pointer, header = documents.resolve(self.document, [*pointer, "headers", name])
            value = headers.get(name.lower())
            if value is not None and "schema" in header:
                found += self._errors([*header_pointer, "schema"], _typed(value, header["schema"]), f"header {name}")
            elif value is None and header.get("required"):
                found.append(_violation(f"header {name}", "missing", "The header is missing."))
        content = response.get("content")
        if not content:
            return found if not body else [*found, _violation("", "other", "The contract has no body here.")]
        return found + self._content([*pointer, "content"], content, headers, body)

    def request_violations(
        self,
        operation: str,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        path_parameters: Mapping[str, str] | None = None,
    ) -> list[Violation]:
        place = self.places[operation]
        found = []
        given = {"query": dict(parse_qsl(query, keep_blank_values=True)), "path": dict(path_parameters or {})}
        for pointer, parameter in place.parameters:
            name, where = parameter["name"], parameter["in"]
            if where not in given:
                continue
            shown = f"?{name}" if where == "query" else name
            if name in given[where]:
                found += self._errors(
                    [*pointer, "schema"], _typed(given[where][name], parameter.get("schema", {})), shown
                )
            elif parameter.get("required") and (where == "query" or path_parameters is not None):
                found.append(_violation(shown, "missing", "The parameter is missing."))
        if "requestBody" not in place.operation:
            return found
        pointer, request = self._request(operation)
        if not body:
            return [*found, _violation("", "missing", "The body is missing.")] if request.get("required") else found
        headers = {name.lower(): value for name, value in (headers or {}).items()}
        content = request.get("content")
        return found + self._content([*pointer, "content"], content, headers, body) if content else found

    def unknown_in_request(self, operation: str, query: str, body: bytes) -> list[Violation]:
        """The parameters and keys of a request that the contract does not know, allowed or not."""
        known = {parameter["name"] for _, parameter in self.places[operation].parameters if parameter["in"] == "query"}
        found = [_extra(f"?{name}") for name in dict(parse_qsl(query, keep_blank_values=True)) if name not in known]
        if "requestBody" in self.places[operation].operation:
            found += self._unknown(self._request(operation)[1], body)
        return found

    def unknown_in_response(self, operation: str, status: int, body: bytes) -> list[Violation]:
        """The keys of an answer that the contract does not know, allowed or not."""
        key = self.response_key(operation, status)
        return [] if key is None else self._unknown(self._response(operation, key)[1], body)

    # -- internals

    @functools.cached_property
    def _bases(self):
        paths = {
            urlsplit(str(server.get("url", ""))).path.rstrip("/")
            for server in self.document.get("servers", ())
            if isinstance(server, Mapping)
        }
        return ["", *(path for path in paths if path)]

    @functools.cached_property
    def _patterns(self):
        found = []
        for place in self.places.values():
            words = re.split(r"{([^{}]+)}", place.path)
            pattern = "".join("([^/]+)" if number % 2 else re.escape(word) for number, word in enumerate(words))
            found.append((re.compile(pattern), sum(map(len, words[::2])), place))
        return found

    def _are_ids(self, place, values):
        schemas = {
            parameter["name"]: [*pointer, "schema"]
            for pointer, parameter in place.parameters
            if parameter["in"] == "path"
        }
        return all(
            re.search(r"\d", value) or name not in schemas or not self._errors(schemas[name], value)
            for name, value in values.items()
        )

    def _response(self, operation, key):
        path, method = self.places[operation].path, self.places[operation].method.lower()
        return documents.resolve(self.document, ["paths", path, method, "responses", key])

    def _request(self, operation):
        return documents.resolve(
            self.document,
            ["paths", self.places[operation].path, self.places[operation].method.lower(), "requestBody"],
        )

    def _content(self, pointer, content, headers, body):
        given = _media_type(headers)
        documented = _documented(given, content)
        if documented is None:
            return [
                _violation(
                    "header Content-Type",
                    "other",
                    f"{given or 'No media type'} is not what the contract has: {', '.join(content)}.",
                    f"Expected {', '.join(content)}.",
                )
            ]
        if not _is_json(given) or "schema" not in content[documented]:
            return []
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            return [_violation("", "other", f"The body is not JSON: {error}.", "The body is not JSON.")]
        return self._errors([*pointer, documented, "schema"], value)

    def _unknown(self, message, body):
        schema = next(
            (media.get("schema") for name, media in (message.get("content") or {}).items() if _is_json(name)),
            None,
        )
        try:
            return [_extra(_path(path)) for path in self._extras(schema, orjson.loads(body))] if schema else []
        except orjson.JSONDecodeError:
            return []

    def _extras(self, schema, value, path=()) -> Iterator[tuple]:
        if not isinstance(value, dict | list):
            return
        parts = list(self._parts(schema, set()))
        if isinstance(value, dict):
            others = [
                part["additionalProperties"] for part in parts if part.get("additionalProperties") not in (None, False)
            ]
            closed = any("properties" in part or part.get("additionalProperties") is False for part in parts)
            for name, item in value.items():
                known = [part["properties"][name] for part in parts if name in part.get("properties", ())] or others
                if known and isinstance(item, dict | list):
                    yield from self._extras({"anyOf": known}, item, (*path, name))
                elif not known and closed:
                    yield (*path, name)
        else:
            items = [part["items"] for part in parts if "items" in part]
            for number, item in enumerate(value if items else ()):
                yield from self._extras({"anyOf": items}, item, (*path, number))

    def _parts(self, schema, seen) -> Iterator[Mapping]:
        """A schema and all that it is composed of, references resolved."""
        if not isinstance(schema, Mapping) or id(schema) in seen:
            return
        seen.add(id(schema))
        yield schema
        if "$ref" in schema:
            yield from self._parts(documents.resolve(self.document, documents.steps(schema["$ref"]))[1], seen)
        for keyword in ("allOf", "anyOf", "oneOf"):
            for branch in schema.get(keyword, ()):
                yield from self._parts(branch, seen)

    def _errors(self, pointer, value, within="") -> list[Violation]:
        found: dict[tuple, Violation] = {}
        for error in self._validator(tuple(pointer)).iter_errors(value):
            for violation in _violations(error, within):
                found.setdefault((violation.field, violation.kind), violation)
        return list(found.values())

    def _validator(self, pointer):
        if pointer not in self._validators:
            import jsonschema_rs

            escaped = "/".join(
                step.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D") for step in pointer
            )
            try:
                self._validators[pointer] = jsonschema_rs.Draft202012Validator(
                    {"$ref": f"{_BASE}#/{escaped}"}, registry=self._registry, validate_formats=True
                )
            except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
                raise documents.DocumentError("/".join(pointer), f"no schema that can be used: {error}") from None
        return self._validators[pointer]

    @functools.cached_property
    def _registry(self):
        import jsonschema_rs

        return jsonschema_rs.Registry([(_BASE, dict(self.document))], draft=jsonschema_rs.Draft202012)


def _findings(violations):
    return [{"field": violation.field, "reason": violation.reason} for violation in violations]


def _violation(field, kind, reason, expected=None, value=None):
    return Violation(field, kind, reason, expected or reason, value)


def _extra(field):
    return _violation(field, "extra", "The contract does not know it.")


def _violations(error, within) -> Iterator[Violation]:
    """What an error of the validator says; of alternatives, what is wrong with the one that was probably
    meant."""
    name, kind, path = error.kind.name, error.kind, list(error.instance_path)
    branches = getattr(kind, "context", None)
    if branches:
        near = [
            branch
            for branch in branches
            if not any(e.kind.name == "type" and list(e.instance_path) == path for e in branch)
        ]
        if near:
            for inner in min(near, key=len):
                yield from _violations(inner, within)
        else:
            types = list(
                dict.fromkeys(_types(inner) for branch in branches for inner in branch if inner.kind.name == "type")
            )
            yield _violation(
                within or _path(path),
                "type",
                error.message,
                f"Expected {' or '.join(types)}, got {_type_of(error.instance)}.",
                error.instance,
            )
        return
    if name == "required":
        yield _violation(within or _path([*path, kind.property]), "missing", error.message, "It is missing.")
    elif name == "additionalProperties":
        for unexpected in kind.unexpected:
            yield _extra(within or _path([*path, unexpected]))
    else:
        yield _violation(
            within or _path(path), _KINDS.get(name, "other"), error.message, _expected(error), error.instance
        )


def _expected(error):
    kind = error.kind
    match kind.name:
        case "type":
            return f"Expected {_types(error)}, got {_type_of(error.instance)}."
        case "format":
            return f"Expected the format {kind.format}."
        case "enum":
            return f"Expected one of {', '.join(map(str, kind.options))}."
        case "const":
            return f"Expected {kind.expected_value}."
        case "pattern":
            return f"Expected the pattern {kind.pattern}."
    limit = getattr(kind, "limit", None)
    return f"Expected {kind.name}{'' if limit is None else f' {limit}'}."


def _types(error):
    return " or ".join(sorted(error.kind.types, key=lambda name: name == "null"))


def _type_of(value):
    if isinstance(value, bool):
        return "boolean"
    names = {
        type(None): "null",
        int: "integer",
        float: "number",
        str: "string",
        list: "array",
        dict: "object",
    }
    return names.get(type(value), "another type")


def _path(steps: Iterable) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.removeprefix(".")


def _typed(text: str, schema):
    """A parameter or header as the type its schema wants, where it can be read so."""
    types = schema.get("type")
    types = types if isinstance(types, list) else [types]
    if "integer" in types and re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text)
    if "number" in types and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        return float(text)
    if "boolean" in types and text in ("true", "false"):
        return text == "true"
    return text


def _media_type(headers) -> str:
    return headers.get("content-type", "").split(";", 1)[0].strip().lower()


def _documented(media_type, content):
    """The key of `content` that a media type falls under: itself, else a range; None when there is none."""
    ranges = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
    return next((key for key in ranges if key in content), None)


def _is_json(media_type):
    return media_type == "application/json" or media_type.endswith("+json")
