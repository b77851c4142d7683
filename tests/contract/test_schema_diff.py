"""What two schemas allow is compared keyword by keyword, whoever sends and whoever reads."""

import copy

import pytest

from mockserver.contract.diff import diff

B, W, N = "breaking", "warning", "informational"
CAT = {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}}}
DOG = {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "dog"}, "tail": {"type": "boolean"}}}
BIRD = {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "bird"}, "wings": {"type": "integer"}}}
STRING, INTEGER = {"type": "string"}, {"type": "integer"}


def document(schema, media_type="application/json"):
    content = {"content": {media_type: {"schema": schema}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "-", "version": "1"},
        "components": {"schemas": {"Cat": CAT, "Dog": DOG, "Bird": BIRD, "Tree": TREE}},
        "paths": {"/x": {"post": {"requestBody": content, "responses": {"200": {"description": "-", **content}}}}},
    }


TREE = {
    "type": "object",
    "properties": {"name": STRING, "children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}},
}


def found(old, new, media_type="application/json"):
    """{(side, field): severity} of what became of a schema in the body of a request and of its answer."""
    changes = diff(document(copy.deepcopy(old), media_type), document(copy.deepcopy(new), media_type))
    table = {}
    for change in changes:
        field = change.field.removeprefix("200").strip()
        severities = [table.get((change.side, field), N), change.severity]
        table[change.side, field] = min(severities, key=[B, W, N].index)
    return table


def ref(name):
    return {"$ref": f"#/components/schemas/{name}"}


def fields(required=(), **properties):
    return {"type": "object", "required": list(required), "properties": properties}


def test_a_schema_does_not_differ_from_itself():
    schema = {
        "oneOf": [ref("Cat"), ref("Dog"), ref("Tree"), {"type": "array", "prefixItems": [STRING], "items": False}]
    }
    assert found(schema, schema) == {}


@pytest.mark.parametrize(
    ("old", "new", "field", "sent", "read"),
    [
        # types
        (STRING, INTEGER, "", B, B),
        ({"type": "number"}, INTEGER, "", B, N),
        ({}, STRING, "", B, N),
        (STRING, {"type": ["string", "null"]}, "", N, B),
        (STRING, {"anyOf": [STRING, {"type": "null"}]}, "", N, B),
        (STRING, {"type": ["string", "integer"]}, "", N, B),
        ({"type": ["string", "integer"]}, {"type": ["string", "boolean"]}, "", B, B),
        ({"type": "array", "items": STRING}, {"type": "array", "items": INTEGER}, "[]", B, B),
        # values
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, "", B, N),
        ({"enum": ["a"]}, {"enum": ["a", "b"]}, "", N, W),
        (STRING, {"type": "string", "enum": ["a"]}, "", B, N),
        ({"const": "a"}, {"const": "b"}, "", B, B),
        ({"enum": [1]}, {"enum": [True]}, "", B, B),
        ({"oneOf": [{"const": "a"}, {"const": "b"}]}, {"oneOf": [{"const": "a"}]}, "", B, N),
        ({"type": "string", "x-extensible-enum": ["a", "b"]}, {"type": "string", "x-extensible-enum": ["a"]}, "", B, N),
        # text
        ({"type": "string", "maxLength": 9}, {"type": "string", "maxLength": 5}, "", B, N),
        (STRING, {"type": "string", "maxLength": 5}, "", W, N),
        ({"type": "string", "maxLength": 5}, STRING, "", N, B),
        (STRING, {"type": "string", "minLength": 5}, "", B, N),
        (STRING, {"type": "string", "pattern": "^a"}, "", B, N),
        ({"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "^b"}, "", W, W),
        (STRING, {"type": "string", "format": "date"}, "", B, N),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "uuid"}, "", B, B),
        ({"type": "string", "contentEncoding": "base64"}, STRING, "", B, B),
        # numbers
        ({"type": "number", "maximum": 9}, {"type": "number", "maximum": 5}, "", B, N),
        ({"type": "number", "minimum": 0}, {"type": "number", "exclusiveMinimum": 0}, "", B, N),
        ({"type": "number", "multipleOf": 10}, {"type": "number", "multipleOf": 5}, "", N, B),
        ({"type": "integer", "format": "int32"}, {"type": "integer", "format": "int64"}, "", N, B),
        (INTEGER, {"type": "integer", "format": "int64"}, "", N, N),
        # objects
        (fields(), fields(a=STRING), "a", N, N),
        (fields(), fields("a", a=STRING), "a", B, N),
        (fields(a=STRING), fields("a", a=STRING), "a", B, N),
        (fields("a", a=STRING), fields(a=STRING), "a", N, B),
        (fields(a=STRING), fields(), "a", W, W),
        (fields("a", a=STRING), fields(), "a", W, B),
        ({**fields(a=STRING), "additionalProperties": False}, {**fields(), "additionalProperties": False}, "a", B, W),
        (fields(), {**fields(), "additionalProperties": False}, "", B, N),
        ({**fields(), "additionalProperties": False}, fields(), "", N, N),
        (
            {"type": "object", "additionalProperties": STRING},
            {"type": "object", "additionalProperties": INTEGER},
            "*",
            B,
            B,
        ),
        ({"type": "object", "additionalProperties": STRING}, {"type": "object"}, "*", N, B),
        ({"type": "object"}, {"type": "object", "minProperties": 1}, "", B, N),
        ({"type": "object"}, {"type": "object", "patternProperties": {"^x": STRING}}, "patternProperties[^x]", B, N),
        ({"type": "object"}, {"type": "object", "propertyNames": {"pattern": "^x"}}, "", B, N),
        ({"type": "object"}, {"type": "object", "dependentRequired": {"a": ["b"]}}, "a", B, N),
        ({"type": "object"}, {"type": "object", "dependentSchemas": {"a": fields("b")}}, "dependentSchemas[a]", B, N),
        ({"type": "object"}, {"type": "object", "unevaluatedProperties": False}, "", B, N),
        # lists
        ({"type": "array", "maxItems": 9}, {"type": "array", "maxItems": 5}, "", B, N),
        ({"type": "array", "uniqueItems": True}, {"type": "array"}, "", N, B),
        (
            {"type": "array", "contains": STRING},
            {"type": "array", "contains": STRING, "minContains": 2},
            "contains",
            B,
            N,
        ),
        ({"type": "array"}, {"type": "array", "contains": STRING}, "", B, N),
        ({"type": "array", "prefixItems": [STRING]}, {"type": "array", "prefixItems": [INTEGER]}, "[0]", B, B),
        # composition
        (ref("Cat"), {"oneOf": [ref("Cat"), ref("Dog")]}, "", N, B),
        ({"oneOf": [ref("Cat"), ref("Dog")]}, {"oneOf": [ref("Cat")]}, "", B, N),
        ({"anyOf": [ref("Cat"), ref("Dog")]}, {"anyOf": [ref("Cat"), ref("Dog"), ref("Bird")]}, "", N, W),
        ({"oneOf": [ref("Cat"), ref("Dog")]}, {"oneOf": [ref("Dog"), ref("Cat")]}, "", None, None),
        ({"allOf": [fields(a=STRING)]}, {"allOf": [fields(a=STRING), fields("b", b=STRING)]}, "b", B, N),
        (
            {"allOf": [{"maxLength": 5}, {"maxLength": 9}], "type": "string"},
            {"type": "string", "maxLength": 5},
            "",
            None,
            None,
        ),
        (
            {"allOf": [{"maxLength": 5}, {"type": "string"}]},
            {"allOf": [{"maxLength": 3}, {"type": "string"}]},
            "",
            B,
            N,
        ),
        ({"allOf": [fields(a=STRING), fields(b=STRING)]}, fields(a=STRING, b=STRING), "", None, None),
        (STRING, {"type": "string", "not": {"const": "a"}}, "", B, N),
        ({"not": STRING}, {"not": {"type": ["string", "integer"]}}, "", B, N),
        (STRING, {"type": "string", "if": {"minLength": 1}, "then": {"pattern": "^a"}}, "", B, N),
        ({"type": ["string", "integer"]}, {"anyOf": [STRING, INTEGER]}, "", None, None),
        # a field that only one side sends
        (fields("a", a=STRING), fields("a", a={"type": "string", "readOnly": True}), "a", W, None),
        (fields("a", a={"type": "string", "readOnly": True}), fields("a", a=STRING), "a", B, None),
        (fields("a", a=STRING), fields("a", a={"type": "string", "writeOnly": True}), "a", None, W),
        (fields(a={"type": "string", "readOnly": True}), fields(a={"type": "integer", "readOnly": True}), "a", None, B),
        # the rest
        ({"type": "string", "default": "a"}, {"type": "string", "default": "b"}, "", N, N),
        ({"type": "string", "description": "a"}, {"type": "string", "description": "b"}, "", None, None),
        (STRING, True, "", N, B),
        (True, False, "", B, N),
    ],
)
def test_a_change_of_a_schema(old, new, field, sent, read):
    expected = {("request", field): sent, ("response", field): read}
    assert found(old, new) == {place: severity for place, severity in expected.items() if severity}


def test_a_schema_within_itself_is_told_once():
    changed = copy.deepcopy(TREE)
    changed["properties"]["name"] = INTEGER
    new = document(ref("Tree"))
    new["components"]["schemas"]["Tree"] = changed

    assert [(change.side, change.field) for change in diff(document(ref("Tree")), new)] == [
        ("request", "name"),
        ("response", "200 name"),
    ]


def test_a_schema_that_grows_out_of_itself_ends():
    grown = {"allOf": [ref("Tree"), {"properties": {"children": {"items": ref("Tree")}}}]}
    assert found(ref("Tree"), grown) == {}


def test_too_many_alternatives_are_not_counted_out():
    choice = {"anyOf": [{"properties": {str(number): STRING}} for number in range(9)]}
    many = {"allOf": [copy.deepcopy(choice) for _ in range(9)]}
    assert found(many, many) == {}
    assert found(many, {"allOf": many["allOf"][:8]}) == {("request", ""): W, ("response", ""): W}
    old, new = document(ref("Many")), document(ref("Many"))
    old["components"]["schemas"]["Many"], new["components"]["schemas"]["Many"] = many, {"allOf": many["allOf"][:8]}
    assert {change.severity for change in diff(old, new)} == {W}


@pytest.mark.parametrize("media_type", ["application/xml", "application/x-www-form-urlencoded", "text/plain"])
def test_what_travels_as_text_may_become_a_string(media_type):
    assert found(fields(a=INTEGER), fields(a=STRING), media_type) == {("request", "a"): N, ("response", "a"): B}
    assert found(fields(a=STRING), fields(a=INTEGER), media_type) == {("request", "a"): B, ("response", "a"): N}


@pytest.mark.parametrize(
    "schema",
    [
        None,
        [],
        {"type": None},
        {"type": {"a": 1}},
        {"properties": None, "required": None, "items": [STRING], "enum": None},
        {"properties": {"a": None, "b": True}},
        {"allOf": None, "anyOf": {}, "oneOf": [None, 3]},
        {"$ref": 7},
        {"enum": [[1], {"a": 1}, None], "minLength": "3", "maximum": True, "pattern": 5, "format": ["x"]},
    ],
)
def test_a_schema_that_is_none_is_no_traceback(schema):
    assert found(schema, schema) == {}
    diff(document(schema), document(fields(a=STRING)))
    diff(document(fields(a=STRING)), document(schema))
