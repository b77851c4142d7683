"""The OpenAPI document of the control plane, built from its routes and schemas."""

import functools
import re

import marshmallow as ma
from apispec import APISpec

from mockserver import control, resources
from mockserver.api import fields, openapi

DESCRIPTION = """\
Steers the mock: sandboxes, records, clock, jobs, faults, webhooks, journal. It is no part of the Cofactr API.

Each call about a sandbox is there twice: under `/__mock__/sandboxes/{sandbox}`, and without it for the
sandbox that the header `X-Mock-Sandbox` names or else the default one. A server started with
`--control-token` wants the token in
`Authorization: Bearer <token>` or `X-Mock-Token`."""

PROBLEMS = {
    400: "The request does not fit what is documented here.",
    401: "The server was started with a token, and the request has another or none.",
    403: "The request comes from a web page of another origin.",
    404: "There is no such thing.",
    413: "The request body is too large.",
    415: "The request body is not JSON.",
}
TEXT = {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}
PARAMETERS = {
    "sandbox": ("The sandbox, by name or id.", TEXT),
    "name": ("The snapshot.", TEXT),
    "id": ("The id.", TEXT),
    "fault_id": ("The number of the fault.", {"type": "integer", "minimum": 1}),
}


class Converter(openapi.Converter):
    """Requests of the control plane are closed too."""

    def schema2jsonschema(self, schema):
        document = super().schema2jsonschema(schema)
        if schema.unknown == ma.RAISE:
            document["additionalProperties"] = False
        return document


@functools.cache
def build() -> dict:
    """The document, as a dict."""
    spec = APISpec(
        "Control plane of the Cofactr mock",
        "1",
        "3.1.0",
        info={"description": DESCRIPTION},
        tags=[{"name": tag} for tag in dict.fromkeys(route.tag for route in control.ROUTES)],
        security=[{}, {"Token": []}],
    )
    spec.components.security_scheme("Token", {"type": "http", "scheme": "bearer"})
    spec.components.schemas.update(
        Messages=openapi.MESSAGES,
        MessagesByKey=openapi.MESSAGES_BY_KEY,
        Problem=openapi.PROBLEM,
        ValidationProblem=openapi.VALIDATION_PROBLEM,
    )
    requests, responses = Converter(spec, response=False), Converter(spec, response=True)
    for route in control.ROUTES:
        for id, path in route.addresses.items():
            spec.path(
                control.PREFIX + path,
                operations={route.method.lower(): operation(route, id, path, requests, responses)},
            )
    return spec.to_dict()


def operation(route, id, path, requests, responses) -> dict:
    summary, _, rest = route.run.__doc__.strip().partition("\n")
    document = {
        "operationId": id,
        "tags": [route.tag],
        "summary": summary,
        "parameters": parameters(route, path, requests),
    }
    if rest.strip():
        document["description"] = " ".join(rest.split())
    if route.body:
        document["requestBody"] = {
            "required": route.needs_body,
            "content": {"application/json": {"schema": schema(requests, route.body)}},
        }
    document["responses"] = answers(route, responses)
    if route.public:
        document["security"] = []
    return document


def parameters(route, path, requests) -> list[dict]:
    found = []
    for name in re.findall(r"{(\w+)}", path):
        description, of = (
            ("The kind of record.", {"type": "string", "enum": sorted(resources.by_kind())})
            if name == "kind"
            else PARAMETERS[name]
        )
        found.append({"name": name, "in": "path", "required": True, "description": description, "schema": of})
    for name, field in route.query._declared_fields.items():
        of = requests.field2property(field)
        parameter = {"name": name, "in": "query", "required": field.required, "schema": of}
        if "description" in of:
            parameter["description"] = of.pop("description")
        found.append(parameter)
    if not route.server and "{sandbox}" not in path:
        found.append(
            {
                "name": "X-Mock-Sandbox",
                "in": "header",
                "required": False,
                "schema": {"type": "string"},
                "description": "The sandbox, by name or id; the default one without it.",
            }
        )
    return found


def answers(route, responses) -> dict:
    success = {"description": "Done."}
    if route.returns is not None:
        success = {
            "description": "Success.",
            "content": {"application/json": {"schema": schema(responses, route.returns)}},
        }
    elif route.media_type != "application/json":
        success = {"description": "Success.", "content": {route.media_type: {"schema": {"type": "string"}}}}
    statuses = [400, 403, 404]
    if not route.public:
        statuses.append(401)
    if route.body:
        statuses += [413, 415]
    found = {
        str(route.status): success,
        **{str(status): problem(PROBLEMS[status], status) for status in statuses},
    }
    if route.refuses:
        found["409"] = problem(route.refuses, 409)
    return dict(sorted(found.items()))


def problem(description, status) -> dict:
    name = "ValidationProblem" if status == 400 else "Problem"
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}},
    }


def schema(converter, what) -> dict:
    if what is dict:
        return fields.Object().document()
    if isinstance(what, list):
        return {"type": "array", "items": schema(converter, what[0])}
    return converter.resolve_nested_schema(what)
