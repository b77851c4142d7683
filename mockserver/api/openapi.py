"""The OpenAPI 3.1 document of the operations served, built from their rows, handlers and schemas."""

import marshmallow as ma
from apispec import APISpec
from apispec.ext.marshmallow import OpenAPIConverter

from mockserver.api import descriptions, fields
from mockserver.api.loading import MAX_ITEMS
from mockserver.api.resource import Page, Resource

DESCRIPTION = """\
The Cofactr Platform API as far as it is publicly known, completed by inference.

`x-evidence` says how each operation and field is known: *documented* on a public page of the API,
*product* when the product's own pages describe it, *corrected* when the user said so, else *inferred*.
A field without it is known as its operation's body is."""

MESSAGES = {
    "anyOf": [
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
        {
            "type": "array",
            "items": {
                "anyOf": [
                    {"$ref": "#/components/schemas/MessagesByKey"},
                    {"type": "array", "items": {"type": "string"}, "minItems": 1},
                ]
            },
            "minItems": 1,
        },
        {"$ref": "#/components/schemas/MessagesByKey"},
    ],
    "description": "What is wrong with a value: messages, or for an object or a list the same for each part of it.",
}
# A schema of its own: generators of clients can make a class of it, and so end the recursion.
MESSAGES_BY_KEY = {
    "type": "object",
    "additionalProperties": {"$ref": "#/components/schemas/Messages"},
    "description": "What is wrong with each of an object's values.",
}
PROBLEM = {
    "type": "object",
    "properties": {"detail": {"type": "string", "description": "What is wrong, in a sentence."}},
    "required": ["detail"],
    "additionalProperties": False,
}
VALIDATION_PROBLEM = {
    "anyOf": [
        {"$ref": "#/components/schemas/Problem"},
        {"$ref": "#/components/schemas/MessagesByKey", "minProperties": 1},
        {"type": "array", "items": {"$ref": "#/components/schemas/MessagesByKey"}},
    ],
    "description": "Messages for each field, nested and indexed as the body was.",
}
RETRY_AFTER = {
    "Retry-After": {"description": "Seconds to wait.", "required": True, "schema": {"type": "integer", "minimum": 0}}
}
PROBLEMS = {
    400: "The request does not fit what the operation takes.",
    401: "The API key is absent, unknown or expired.",
    403: "The key's roles do not allow this.",
    404: "There is no such record in the key's reach.",
    413: "The request body is too large.",
    416: "There is nothing of the content in the range that is asked for.",
    415: "The request body is of a media type the operation does not take.",
    429: "Too many requests. Try again later.",
    503: "The service is unavailable for the moment. Try again later.",
}
HEADERS = {
    401: {
        "WWW-Authenticate": {
            "description": "The scheme to use.",
            "required": True,
            "schema": {"type": "string", "const": "Api-Key"},
        }
    },
    416: {"Content-Range": {"description": "The length there is.", "schema": {"type": "string"}}},
    429: RETRY_AFTER,
    503: RETRY_AFTER,
}


class Converter(OpenAPIConverter):
    """apispec's converter for one direction: what requests may carry, or what responses do.

    Responses are complete and closed: every field is there and no other. Requests leave out what
    is read-only; unknown keys are ignored there.
    """

    def __init__(self, spec, response: bool):
        super().__init__("3.1.0", lambda schema: None, spec)
        self.spec, self.response = spec, response

    def resolve_nested_schema(self, schema):
        schema = schema() if isinstance(schema, type) else schema
        name = type(schema).__name__
        if not self.response:
            name = ("Patched" if schema.partial else "") + name.removesuffix("Request") + "Request"
        if name not in self.spec.components.schemas:
            self.spec.components.schemas[name] = {}  # holds the place while the schema refers to itself
            self.spec.components.schemas[name].update(self.schema2jsonschema(schema))
        return {"$ref": f"#/components/schemas/{name}"}

    def schema2jsonschema(self, schema):
        shown = {
            name: field
            for name, field in schema.fields.items()
            if not (field.load_only if self.response else field.dump_only)
        }
        document = {
            "type": "object",
            "properties": {name: self.described(name, field) for name, field in shown.items()},
        }
        required = [name for name, field in shown.items() if self.response or (field.required and not schema.partial)]
        if required:
            document["required"] = required
        if self.response:
            document["additionalProperties"] = False
        if schema.__doc__:
            document["description"] = _text(schema.__doc__)
        return document

    def described(self, name, field):
        document = self.field2property(field)
        if "description" not in document and (text := descriptions.description(name)):
            document["description"] = text
        return document

    def field2property(self, field):
        if isinstance(field, fields.Nested):
            document = dict(self.resolve_nested_schema(field.schema))
        elif isinstance(field, fields.Array):
            document = {"type": "array", "items": self.field2property(field.inner), **field.document()}
        else:
            document = dict(field.document())
        if field.allow_none:
            document = _nullable(document)
        if not self.response and field.load_default is not ma.missing:
            document["default"] = field.load_default() if callable(field.load_default) else field.load_default
        if self.response and field.dump_only:
            document["readOnly"] = True
        return document | field.metadata


def _nullable(document):
    if "$ref" in document or "anyOf" in document:
        return {"anyOf": [*document.get("anyOf", [document]), {"type": "null"}]}
    if "type" not in document:
        return document
    document = {**document, "type": [document["type"], "null"]}
    if "enum" in document:
        document["enum"] = [*document["enum"], None]
    return document


class Builder:
    """Writes the document, operation by operation."""

    def __init__(self, operations, version: str, examples=None):
        self.operations = [operation for operation in operations if operation.served]
        self.examples = examples or {}
        tags = list(dict.fromkeys(operation.tag for operation in self.operations))
        self.spec = APISpec(
            "Cofactr Platform API",
            version,
            "3.1.0",
            info={"description": DESCRIPTION, "license": {"name": "MIT", "identifier": "MIT"}},
            servers=[{"url": "https://flagship-api.cofactr.com", "description": "The host the documentation names."}],
            security=[{"ApiKey": []}],
            tags=[{"name": tag} for tag in tags],
        )
        self.spec.components.security_scheme(
            "ApiKey",
            {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "x-evidence": "documented",
                "description": "`Api-Key <key>`; the word is case-sensitive.",
            },
        )
        self.spec.components.schemas.update(
            Messages=MESSAGES, MessagesByKey=MESSAGES_BY_KEY, Problem=PROBLEM, ValidationProblem=VALIDATION_PROBLEM
        )
        self.requests, self.responses = Converter(self.spec, response=False), Converter(self.spec, response=True)

    def document(self) -> dict:
        for operation in self.operations:
            self.spec.path(operation.path, operations={operation.method.lower(): self.operation(operation)})
        return self.spec.to_dict()

    def operation(self, operation) -> dict:
        handler = operation.handler
        document = {"operationId": operation.id, "summary": operation.title, "tags": [operation.tag]}
        if handler.run.__doc__ and handler.page is None:
            document["description"] = _text(handler.run.__doc__)
        document["parameters"] = self.parameters(operation)
        if handler.body:
            media = {"schema": self.schema(self.requests, handler.body, handler.partial)}
            if (example := self.examples.get(operation.id, {}).get("request")) is not None:
                media["example"] = example
            document["requestBody"] = {"required": True, "content": {handler.content_type: media}}
        document["responses"] = self.answers(operation)
        document["x-evidence"] = {**operation.evidence, **handler.evidence}
        return document

    def parameters(self, operation):
        found = []
        for name, kind in zip(operation.parameters, operation.kinds, strict=True):
            schema = fields.Cpid().document() if kind == "part" else fields.Id().document()
            found.append({"name": name, "in": "path", "required": True, "schema": schema, "x-references": kind})
        if operation.handler.query:
            schema = operation.handler.query()
            for name, field in schema.fields.items():
                document = self.requests.field2property(field)
                parameter = {"name": name, "in": "query", "required": field.required, "schema": document}
                if name in getattr(schema, "filters", ()):
                    parameter["allowEmptyValue"] = True
                for key in ("description", "x-references", "x-evidence"):
                    if key in document:
                        parameter[key] = document.pop(key)
                found.append(parameter)
        found.append(
            {
                "name": "org_id",
                "in": "query",
                "required": False,
                "x-references": "org",
                "x-evidence": "documented",
                "schema": fields.Id().document(),
                "description": "Keep to this organisation instead of the key's own and all its sub-organisations; "
                "what is written belongs to it.",
            }
        )
        return found

    def answers(self, operation):
        handler = operation.handler
        success = {"description": "Success."}
        if handler.media_type != "application/json":
            success = {"description": "The content.", "content": {handler.media_type: {"schema": {}}}}
        elif handler.returns is not None:
            media = {
                "schema": self.schema(
                    self.responses, Page(0, [], 0, 0) if handler.returns is Page else handler.returns, page=handler.page
                )
            }
            if (example := self.examples.get(operation.id, {}).get("response")) is not None:
                media["example"] = example
            success["content"] = {"application/json": media}
        if handler.status == 201 and isinstance(handler.returns, Resource) and handler.returns.retrieve_id:
            success["headers"] = {
                "Location": {"description": "Where the new record is.", "schema": {"type": "string"}, "required": True}
            }
        found = {str(handler.status): success}
        for status, description in handler.also.items():
            left_out = {"headers"} if status != 304 else {"headers", "content"}
            found[str(status)] = {
                **{key: value for key, value in success.items() if key not in left_out},
                "description": description,
            }
        links = self.links(operation)
        for status in list(found):
            if links:
                found[status] = {**found[status], "links": links}
        statuses = [400, 401, 403, 404]
        if handler.body:
            statuses += [413, 415]
        if handler.media_type != "application/json":
            statuses.append(416)
        for status in [*statuses, 429, 503]:
            found[str(status)] = self.problem(status, PROBLEMS[status])
        if handler.conflict:
            found["409"] = {
                "description": handler.conflict,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }
        return dict(sorted(found.items()))

    def problem(self, status, description):
        name = f"Problem{status}"
        if name not in self.spec.components.responses:
            schema = "ValidationProblem" if status == 400 else "Problem"
            response = {
                "description": description,
                "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
            }
            self.spec.components.responses[name] = response | (
                {"headers": HEADERS[status]} if status in HEADERS else {}
            )
        return {"$ref": f"#/components/responses/{name}"}

    def links(self, operation):
        """From what creates a record to all that takes its id."""
        resource = operation.handler.returns
        if operation.method != "POST" or not isinstance(resource, Resource) or operation.kinds[-1:] == [resource.kind]:
            return None
        own = f"{resource.kind}_id"
        found = {}
        for other in self.operations:
            if own in other.parameters and set(other.parameters) <= {own, *operation.parameters}:
                found[other.id] = {
                    "operationId": other.id,
                    "parameters": {
                        name: "$response.body#/id" if name == own else f"$request.path.{name}"
                        for name in other.parameters
                    },
                }
        return found

    def schema(self, converter, what, partial=False, page=None):
        if isinstance(what, Page):
            return self.page(page)
        if isinstance(what, list):
            return {
                "type": "array",
                "items": self.schema(converter, what[0], partial),
                **({} if converter.response else {"minItems": 1, "maxItems": MAX_ITEMS}),
            }
        if isinstance(what, Resource):
            what = what.schema
        return converter.resolve_nested_schema(patch(what) if partial else what)

    def page(self, resource):
        name = f"Paginated{resource.schema.__name__}List"
        url = {"type": ["string", "null"], "format": "uri"}
        self.spec.components.schemas.setdefault(
            name,
            {
                "type": "object",
                "required": ["count", "next", "previous", "results"],
                "additionalProperties": False,
                "properties": {
                    "count": {"type": "integer", "minimum": 0, "description": "How many there are in all."},
                    "next": {**url, "description": "The following window of the list."},
                    "previous": {**url, "description": "The window before."},
                    "results": {
                        "type": "array",
                        "description": descriptions.description("results"),
                        "items": self.responses.resolve_nested_schema(resource.schema),
                    },
                },
            },
        )
        return {"$ref": f"#/components/schemas/{name}"}


def patch(schema: type[ma.Schema]) -> ma.Schema:
    """The schema for a PATCH: what is not sent stays. Only at the top; a nested object is sent whole."""
    return schema(partial=tuple(schema._declared_fields))


def build(operations, version: str = "1", examples=None) -> dict:
    """The document as a dict. `examples`: `{operation id: {"request": …, "response": …}}`."""
    return Builder(operations, version, examples).document()


def _text(docstring):
    return " ".join(docstring.split())
