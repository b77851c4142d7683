"""What changed between two contracts, and which of it breaks a client."""

import copy

import pytest

from mockserver.contract import documents
from mockserver.contract.diff import diff, text

TAG = {
    "type": "object",
    "required": ["id", "name"],
    "properties": {
        "id": {"type": "string"},
        "name": {"type": "string", "maxLength": 20},
        "color": {"type": "string", "enum": ["red", "blue"]},
        "parent": {"anyOf": [{"$ref": "#/components/schemas/Tag"}, {"type": "null"}]},
    },
}
SENT = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "color": {"type": "string", "enum": ["red", "blue"]},
    },
}


def content(schema):
    return {"description": "-", "content": {"application/json": {"schema": schema}}}


OLD = {
    "openapi": "3.1.0",
    "info": {"title": "Tags", "version": "1"},
    "security": [{"Key": []}],
    "components": {
        "schemas": {"Tag": TAG, "Sent": SENT},
        "securitySchemes": {"Key": {"type": "apiKey", "in": "header", "name": "Authorization"}},
    },
    "paths": {
        "/tags/": {
            "get": {
                "operationId": "list_tags",
                "parameters": [{"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}}],
                "responses": {"200": content({"type": "array", "items": {"$ref": "#/components/schemas/Tag"}})},
            },
            "post": {
                "operationId": "create_tag",
                "requestBody": {"required": True, **content({"$ref": "#/components/schemas/Sent"})},
                "responses": {
                    "201": content({"$ref": "#/components/schemas/Tag"}),
                    "400": {"description": "-"},
                },
            },
        },
        "/tags/{tag_id}/": {
            "delete": {
                "operationId": "delete_tag",
                "responses": {"204": {"description": "-"}},
                "parameters": [{"name": "tag_id", "in": "path", "required": True, "schema": {"type": "string"}}],
            }
        },
    },
}


def changed(change):
    new = copy.deepcopy(OLD)
    change(new)
    return {(change.operation, change.side, change.field, change.severity) for change in diff(OLD, new)}


def tag(**fields):
    return lambda new: new["components"]["schemas"]["Tag"]["properties"].update(fields)


def sent(**fields):
    return lambda new: new["components"]["schemas"]["Sent"]["properties"].update(fields)


def test_a_document_does_not_differ_from_itself():
    assert diff(OLD, copy.deepcopy(OLD)) == []
    assert text([]) == "No changes."


@pytest.mark.parametrize(
    ("change", "field", "severity"),
    [
        (tag(name={"type": "integer"}), "name", "breaking"),
        (tag(name={"type": ["string", "null"], "maxLength": 20}), "name", "breaking"),
        (tag(name={"type": "string"}), "name", "breaking"),
        (tag(name={"type": "string", "maxLength": 20, "format": "email"}), "name", "informational"),
        (tag(color={"type": "string", "enum": ["red", "blue", "green"]}), "color", "warning"),
        (tag(color={"type": "string", "enum": ["red"]}), "color", "informational"),
        (tag(note={"type": "object", "properties": {"text": {"type": "string"}}}), "note", "informational"),
        (lambda new: new["components"]["schemas"]["Tag"]["properties"].pop("name"), "name", "breaking"),
        (lambda new: new["components"]["schemas"]["Tag"]["properties"].pop("color"), "color", "warning"),
        (lambda new: new["components"]["schemas"]["Tag"].update(required=["id"]), "name", "breaking"),
        (
            lambda new: new["components"]["schemas"]["Tag"].update(required=["id", "name", "color"]),
            "color",
            "informational",
        ),
    ],
)
def test_a_change_of_an_answer(change, field, severity):
    assert changed(change) == {
        ("GET /tags/", "response", f"200 [].{field}", severity),
        ("POST /tags/", "response", f"201 {field}", severity),
    }


@pytest.mark.parametrize(
    ("change", "field", "severity"),
    [
        (sent(name={"type": "integer"}), "name", "breaking"),
        (sent(name={"type": ["string", "null"], "maxLength": 20}), "name", "informational"),
        (sent(name={"type": "string", "maxLength": 10}), "name", "breaking"),
        (sent(name={"type": "string"}), "name", "informational"),
        (sent(color={"type": "string", "enum": ["red"]}), "color", "breaking"),
        (sent(color={"type": "string"}), "color", "informational"),
        (sent(note={"type": "string"}), "note", "informational"),
        (
            lambda new: new["components"]["schemas"]["Sent"].update(required=["name", "color"]),
            "color",
            "breaking",
        ),
        (lambda new: new["components"]["schemas"]["Sent"].update(required=[]), "name", "informational"),
        (lambda new: new["components"]["schemas"]["Sent"]["properties"].pop("color"), "color", "warning"),
    ],
)
def test_a_change_of_what_is_sent(change, field, severity):
    assert changed(change) == {("POST /tags/", "request", field, severity)}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda new: new["paths"].pop("/tags/{tag_id}/"), ("DELETE /tags/{}/", "operation", "", "breaking")),
        (
            lambda new: new["paths"].update({"/labels/{id}/": new["paths"].pop("/tags/{tag_id}/")}),
            ("DELETE /tags/{}/", "operation", "", "breaking"),
        ),
        (
            lambda new: new["paths"]["/tags/"].update(put={"responses": {}}),
            ("PUT /tags/", "operation", "", "informational"),
        ),
        (
            lambda new: new["paths"]["/tags/"]["get"]["parameters"][0]["schema"].update(maximum=50),
            ("GET /tags/", "request", "?limit", "breaking"),
        ),
        (
            lambda new: new["paths"]["/tags/"]["get"]["parameters"].append(
                {"name": "org", "in": "query", "required": True, "schema": {}}
            ),
            ("GET /tags/", "request", "?org", "breaking"),
        ),
        (
            lambda new: new["paths"]["/tags/"]["post"]["responses"].pop("400"),
            ("POST /tags/", "response", "400", "informational"),
        ),
        (
            lambda new: new["paths"]["/tags/{tag_id}/"]["delete"]["responses"].update({"200": {}}),
            ("DELETE /tags/{}/", "response", "200", "warning"),
        ),
        (
            lambda new: new["paths"]["/tags/{tag_id}/"]["delete"].update(security=[]),
            ("DELETE /tags/{}/", "request", "", "informational"),
        ),
    ],
)
def test_a_change_of_an_operation(change, found):
    assert found in changed(change)


def test_a_parameter_may_be_called_otherwise():
    def rename(new):
        item = new["paths"].pop("/tags/{tag_id}/")
        item["delete"]["parameters"][0]["name"] = "id"
        new["paths"]["/tags/{id}/"] = item

    assert changed(rename) == set()


def test_a_vendor_document_of_3_0_is_read_as_the_same(tmp_path):
    (tmp_path / "old.yaml").write_text("""
openapi: 3.0.3
info: {title: Tags, version: '1'}
servers: [{url: 'https://vendor/v1'}]
paths:
  /tags:
    get:
      responses:
        200:
          description: ''
          content:
            application/json:
              schema:
                allOf:
                - $ref: '#/components/schemas/Named'
                - properties: {size: {type: number, minimum: 0, exclusiveMinimum: true, nullable: true}}
components:
  schemas:
    Named:
      type: object
      properties:
        name: {type: string, nullable: true, enum: [a, b]}
        of: {nullable: true, allOf: [{$ref: '#/components/schemas/Named'}]}
""")
    new = {
        "openapi": "3.1.0",
        "components": {
            "schemas": {
                "Old": {
                    "type": "object",
                    "properties": {
                        "name": {"type": ["null", "string"], "enum": ["a", "b", None]},
                        "of": {"anyOf": [{"$ref": "#/components/schemas/Old"}, {"type": "null"}]},
                    },
                }
            }
        },
        "paths": {
            "/v1/tags": {
                "get": {
                    "responses": {
                        "200": content(
                            {
                                "type": "object",
                                "properties": {
                                    "name": {"type": ["null", "string"], "enum": ["a", "b", None]},
                                    "size": {"type": ["number", "null"], "exclusiveMinimum": 0},
                                    "of": {"anyOf": [{"$ref": "#/components/schemas/Old"}, {"type": "null"}]},
                                },
                            }
                        )
                    }
                }
            }
        },
    }

    assert diff(documents.load(tmp_path / "old.yaml"), new) == []


def operation(**parts):
    return {"openapi": "3.1.0", "info": {}, "paths": {"/a/{id}": {"post": {"responses": {"200": {}}, **parts}}}}


def severities(old, new):
    """{(side, field): severity} of the changes from one operation to another."""
    return {(change.side, change.field): change.severity for change in diff(old, new)}


def parameters(*several):
    return operation(parameters=[{"name": "x", "in": "query", "schema": {"type": "string"}, **one} for one in several])


LIST = {"type": "array", "items": {"type": "string"}}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"schema": LIST}, {"schema": LIST, "explode": False}, {"?x": "breaking"}),
        ({"schema": LIST}, {"schema": LIST, "style": "pipeDelimited"}, {"?x": "breaking"}),
        ({"schema": LIST}, {"schema": LIST, "style": "form", "explode": True}, {}),
        ({}, {"in": "header"}, {"?x": "breaking", "header x": "informational"}),
        ({}, {"in": "header", "name": "other"}, {"?x": "warning", "header other": "informational"}),
        ({"in": "header", "name": "X"}, {"in": "header"}, {}),
        (
            {"schema": {"type": "string", "default": "a"}},
            {"schema": {"type": "string", "default": "b"}},
            {"?x": "breaking"},
        ),
        ({"schema": {"type": "integer"}}, {}, {"?x": "informational"}),
        ({}, {"schema": {"type": "integer"}}, {"?x": "breaking"}),
        ({}, {"schema": LIST}, {}),
        ({"schema": LIST}, {}, {"?x": "breaking", "?x[]": ...}),
        ({}, {"required": True}, {"?x": "breaking"}),
        ({"allowEmptyValue": True}, {}, {"?x": "breaking"}),
        ({}, {"deprecated": True}, {"?x": "informational"}),
        (
            {"content": {"application/json": {"schema": {"maximum": 9}}}},
            {"content": {"application/json": {"schema": {"maximum": 5}}}},
            {"?x": "breaking"},
        ),
    ],
)
def test_a_change_of_a_parameter(old, new, expected):
    found = severities(parameters(old), parameters(new))
    assert found == {("request", name): severity for name, severity in expected.items() if severity is not ...}


def test_a_parameter_of_the_path_item_counts():
    new = operation()
    new["paths"]["/a/{id}"]["parameters"] = [{"name": "x", "in": "query", "required": True}]
    assert severities(operation(), new) == {("request", "?x"): "breaking"}


KEY = {"type": "apiKey", "in": "header", "name": "Authorization"}
OAUTH = {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "/token", "scopes": {"a": "", "b": ""}}}}


def secured(*requirements, **schemes):
    return {
        **operation(security=list(requirements)),
        "components": {"securitySchemes": {"key": KEY, "oauth": OAUTH, "other": KEY, **schemes}},
    }


@pytest.mark.parametrize(
    ("old", "new", "severity"),
    [
        (secured({"key": []}), secured({"key": []}, {"oauth": ["a"]}), "informational"),
        (secured({"key": []}, {"oauth": ["a"]}), secured({"oauth": ["a"]}, {"key": []}), None),
        (secured({"key": []}, {"oauth": ["a"]}), secured({"key": []}), "breaking"),
        (secured({"key": []}), secured({"key": [], "oauth": []}), "breaking"),
        (secured({"key": [], "oauth": ["a"]}), secured({"key": []}), "informational"),
        (secured({"oauth": ["a"]}), secured({"oauth": ["a", "b"]}), "breaking"),
        (secured({"oauth": ["a", "b"]}), secured({"oauth": ["a"]}), "informational"),
        (secured({"key": []}), secured(), "informational"),
        (secured(), secured({"key": []}), "breaking"),
        (secured({}), secured(), None),
        (secured({"key": []}), secured({"key": []}, {}), "informational"),
        (secured({"key": []}), secured({"renamed": []}, renamed=KEY), "informational"),
        (secured({"key": []}), secured({"other": []}), "breaking"),
        (secured({"key": []}), secured({"key": []}, key={**KEY, "in": "query"}), "breaking"),
        (secured({"key": []}), secured({"key": []}, key={**KEY, "name": "authorization"}), None),
        (secured({"oauth": []}), secured({"oauth": []}, oauth={**OAUTH, "flows": {}}), "breaking"),
    ],
)
def test_a_change_of_security(old, new, severity):
    assert severities(old, new) == ({("request", ""): severity} if severity else {})


def body(media_types, **facts):
    return {"content": {name: {"schema": schema} if schema else {} for name, schema in media_types.items()}, **facts}


STRING, INTEGER = {"type": "string"}, {"type": "integer"}


@pytest.mark.parametrize(
    ("old", "new", "sent", "read"),
    [
        (body({"application/json": STRING}), body({"application/json": INTEGER}), "breaking", "breaking"),
        (body({"text/csv": STRING}), body({"text/csv": INTEGER}), "breaking", "informational"),
        (body({"a/b": STRING, "c/d": STRING}), body({"a/b": STRING}), "breaking", "breaking"),
        (body({"a/b": STRING}), body({"a/b": STRING, "c/d": STRING}), "informational", "informational"),
        (body({"application/json": STRING}), body({"Application/JSON; charset=utf-8": STRING}), None, None),
        (body({"application/json": STRING}), body({"application/*": STRING}), "informational", "breaking"),
        (body({"*/*": STRING}), body({"application/json": STRING}), "breaking", "informational"),
        (body({"application/json": None}), body({"application/json": STRING}), "breaking", "informational"),
        (body({"application/json": STRING}), body({"application/json": None}), "informational", "warning"),
        (body({"application/json": STRING}), None, "breaking", "breaking"),
        (body({"application/json": STRING}), {"content": None}, "breaking", "breaking"),
    ],
)
def test_a_change_of_a_body(old, new, sent, read):
    assert severities(operation(requestBody=old), operation(requestBody=new)) == (
        {("request", ""): sent} if sent else {}
    )
    answers = [operation(responses={"200": response}) for response in (old, new)]
    assert severities(*answers) == ({("response", "200"): read} if read else {})


def test_the_encoding_of_a_form_counts():
    form = {"multipart/form-data": {"type": "object", "properties": {"file": STRING}}}
    new = body(form)
    new["content"]["multipart/form-data"]["encoding"] = {"file": {"contentType": "image/png"}}
    assert severities(operation(requestBody=body(form)), operation(requestBody=new)) == {
        ("request", "file"): "breaking"
    }


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"200": {}}, {"2XX": {}}, {"2XX": "warning"}),
        ({"200": {}}, {"201": {}}, {"200": "breaking", "201": "warning"}),
        ({"2XX": {}}, {"200": {}, "2XX": {}}, {}),
        ({"200": {}, "404": {}}, {"200": {}, "409": {}}, {"404": "informational", "409": "informational"}),
        ({"404": body({"a/b": STRING})}, {"404": body({"a/b": INTEGER})}, {"404": "informational"}),
        ({"404": body({"a/json": STRING})}, {"404": {}}, {"404": "warning"}),
        ({"200": {"headers": {"X": {}}}}, {"200": {}}, {"200 header x": "warning"}),
        ({"200": {"headers": {"X": {"required": True}}}}, {"200": {}}, {"200 header x": "breaking"}),
        (
            {"200": {"headers": {"X": {"required": True}}}},
            {"200": {"headers": {"x": {}}}},
            {"200 header x": "breaking"},
        ),
        (
            {"200": {"headers": {"X": {"schema": INTEGER}}}},
            {"200": {"headers": {"X": {"schema": STRING}}}},
            {"200 header x": "breaking"},
        ),
    ],
)
def test_a_change_of_the_responses(old, new, expected):
    found = severities(operation(responses=old), operation(responses=new))
    assert found == {("response", field): severity for field, severity in expected.items()}


def test_a_webhook_goes_the_other_way():
    def hooked(schema, status="200"):
        hook = {"post": {"requestBody": body({"application/json": schema}), "responses": {status: {}}}}
        return {"openapi": "3.1.0", "info": {}, "paths": {}, "webhooks": {"made": hook}}

    needed = {"type": "object", "required": ["a"], "properties": {"a": STRING}}
    free = {"type": "object", "properties": {"a": STRING}}
    assert severities(hooked(free), hooked(needed)) == {("request", "a"): "informational"}
    assert severities(hooked(needed), hooked(free)) == {("request", "a"): "breaking"}
    assert [change.operation for change in diff(hooked(free), hooked(needed))] == ["webhook made POST"]
    assert severities({**hooked(free)}, {**hooked(free), "webhooks": {}}) == {("operation", ""): "breaking"}


def test_a_callback_goes_the_other_way():
    def called(schema):
        inner = {"{$request.query.url}": {"post": {"requestBody": body({"application/json": schema})}}}
        return operation(callbacks={"done": inner})

    assert severities(called(STRING), called({"type": ["string", "null"]})) == {("request", ""): "breaking"}


def test_where_the_servers_say_another_path_the_operation_is_still_the_same():
    new = {**operation(), "servers": [{"url": "https://host/v2"}]}
    assert diff(operation(), new) == []


@pytest.mark.parametrize("part", [None, [], 7, "x", {"content": None}, {"content": {"application/json": None}}])
def test_a_document_that_is_not_all_it_should_be_is_no_traceback(part):
    broken = [
        operation(requestBody=part),
        operation(responses={"200": part}),
        operation(responses=part),
        operation(parameters=part),
        operation(parameters=[part]),
        operation(parameters=[{"name": "x", "in": "query", "schema": part, "content": part}]),
        operation(security=part, callbacks=part),
        {**operation(security=[{"key": part}]), "components": part, "webhooks": part, "servers": part},
        {**operation(), "paths": {"/a/{id}": part}},
        {**operation(), "paths": part},
    ]
    for document in broken:
        for other in (document, operation(requestBody=body({"application/json": STRING}))):
            diff(document, other)
            diff(other, document)


def test_a_document_of_webhooks_alone_is_read(tmp_path):
    (tmp_path / "hooks.yaml").write_text("openapi: 3.1.0\nwebhooks: {made: {post: {responses: {200: {}}}}}\n")
    assert text(diff(*2 * [documents.load(tmp_path / "hooks.yaml")])) == "No changes."


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("hello", "no OpenAPI document"),
        ("{", "neither JSON nor YAML"),
        ("swagger: '2.0'", "no OpenAPI document"),
        ("openapi: 3.1.0", "has no paths"),
        ("openapi: 3.1.0\npaths: {/a: {get: {responses: 7}}}", "the responses of GET /a should be an object"),
        ("openapi: 3.1.0\npaths: {/a: {get: 7}}", "GET /a should be an object"),
        (
            "openapi: 3.1.0\npaths: {/a: {get: {responses: {200: {$ref: '#/nowhere'}}}}}",
            "refers to #/nowhere, which is not there",
        ),
        (
            "openapi: 3.1.0\npaths: {/a: {get: {responses: {200: {$ref: 'b.yaml#/c'}}}}}",
            "which is another file",
        ),
    ],
)
def test_what_is_no_document_is_refused(tmp_path, content, reason):
    (tmp_path / "x.yaml").write_text(content)
    with pytest.raises(documents.DocumentError, match=reason):
        documents.load(tmp_path / "x.yaml")
