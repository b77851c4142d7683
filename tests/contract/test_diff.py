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
        (tag(name={"type": "string"}), "name", "warning"),
        (tag(name={"type": "string", "maxLength": 20, "format": "email"}), "name", "warning"),
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
            ("DELETE /tags/{}/", "request", "", "breaking"),
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
                                    "of": {"anyOf": [{"type": "object"}, {"type": "null"}]},
                                },
                            }
                        )
                    }
                }
            }
        },
    }

    assert diff(documents.load(tmp_path / "old.yaml"), new) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("hello", "no OpenAPI document"),
        ("{", "neither JSON nor YAML"),
        ("swagger: '2.0'", "no OpenAPI document"),
        ("openapi: 3.1.0", "has no paths"),
        ("openapi: 3.1.0\npaths: {/a: {get: {}}}", "GET /a has no responses"),
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
