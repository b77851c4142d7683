"""Requests and answers held to the contract, without sending any."""
import functools
import re
import typing as t
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

import orjson

_BASE = "urn:contract"


class Contract:
    """Checks calls against an OpenAPI document. What is wrong is listed as `{field, reason}`; an empty list is fine.

    `field` is the dotted path in the body, `lines[0].quantity`, the parameter as `?limit`, the header as
    `header Location`, or empty for the whole. Operations are named by their ids; KeyError for one the document lacks.
    Schemas are compiled when they are first needed.
    """

    def __init__(self, document: Mapping[str, t.Any]):
        self.document = document
        self._places = {operation["operationId"]: (path, method) for path, methods in document["paths"].items()
                        for method, operation in methods.items() if isinstance(operation, dict) and "operationId" in operation}
        self._validators: dict[str, t.Any] = {}

    def __contains__(self, operation: str) -> bool:
        return operation in self._places

    def check_response(self, operation: str, status: int, headers: Mapping[str, str], body: bytes) -> list[dict]:
        """What in an answer breaks the contract: its status, its headers, its media type, its body."""
        pointer = [*self._pointer(operation), "responses", str(status)]
        responses = self._at(pointer[:-1])
        if str(status) not in responses:
            return [_finding("", f"The contract lists no {status} for {operation}: {', '.join(responses)}.")]
        pointer, response = self._resolved(pointer)
        headers = {name.lower(): value for name, value in headers.items()}
        found = []
        for name, header in response.get("headers", {}).items():
            value = headers.get(name.lower())
            if value is not None:
                found += self._errors([*pointer, "headers", name, "schema"], _typed(value, header["schema"]), f"header {name}")
            elif header.get("required"):
                found.append(_finding(f"header {name}", "The header is missing."))
        content = response.get("content")
        if not content:
            return found if not body else [*found, _finding("", "The contract has no body here.")]
        given = _media_type(headers)
        if given not in content:
            return [*found, _finding("header Content-Type", f"{given or 'No media type'} is not what the contract has: {', '.join(content)}.")]
        return found + self._body([*pointer, "content", given, "schema"], given, body)

    def check_request(self, operation: str, query: str = "", headers: Mapping[str, str] | None = None, body: bytes = b"",
                      path_parameters: Mapping[str, str] | None = None) -> list[dict]:
        """What in a request breaks the contract: its parameters, its media type, its body.

        `query` is the query string as sent. Keys and parameters the contract does not know are no breach of it.
        """
        pointer = self._pointer(operation)
        found = []
        given = {"query": dict(parse_qsl(query, keep_blank_values=True)), "path": dict(path_parameters or {})}
        for number, parameter in enumerate(self._at(pointer).get("parameters", [])):
            name, place = parameter["name"], parameter["in"]
            if place not in given:
                continue
            shown = f"?{name}" if place == "query" else name
            if name in given[place]:
                found += self._errors([*pointer, "parameters", str(number), "schema"], _typed(given[place][name], parameter["schema"]), shown)
            elif parameter.get("required") and (place == "query" or path_parameters is not None):
                found.append(_finding(shown, "The parameter is missing."))
        request = self._at(pointer).get("requestBody")
        if request is None:
            return found
        if not body:
            return [*found, _finding("", "The body is missing.")] if request.get("required") else found
        media_type = _media_type({name.lower(): value for name, value in (headers or {}).items()})
        if media_type not in request["content"]:
            return [*found, _finding("header Content-Type", f"{media_type or 'No media type'} is not what the contract has: "
                                                            f"{', '.join(request['content'])}.")]
        return found + self._body([*pointer, "requestBody", "content", media_type, "schema"], media_type, body)

    # -- internals

    def _pointer(self, operation):
        path, method = self._places[operation]
        return ["paths", path, method]

    def _at(self, pointer):
        node = self.document
        for step in pointer:
            node = node[int(step)] if isinstance(node, list) else node[step]
        return node

    def _resolved(self, pointer):
        node = self._at(pointer)
        if "$ref" in node:
            pointer = node["$ref"].removeprefix("#/").split("/")
            node = self._at(pointer)
        return pointer, node

    def _body(self, pointer, media_type, body):
        if media_type != "application/json":
            return []
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            return [_finding("", f"The body is not JSON: {error}.")]
        return self._errors(pointer, value)

    def _errors(self, pointer, value, within=""):
        return [_finding(within or _path(error.instance_path), error.message) for error in self._validator(tuple(pointer)).iter_errors(value)]

    def _validator(self, pointer):
        if pointer not in self._validators:
            import jsonschema_rs

            escaped = "/".join(step.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D") for step in pointer)
            self._validators[pointer] = jsonschema_rs.Draft202012Validator(
                {"$ref": f"{_BASE}#/{escaped}"}, registry=self._registry, validate_formats=True)
        return self._validators[pointer]

    @functools.cached_property
    def _registry(self):
        import jsonschema_rs

        return jsonschema_rs.Registry([(_BASE, dict(self.document))], draft=jsonschema_rs.Draft202012)


def _finding(field, reason):
    return {"field": field, "reason": reason}


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
