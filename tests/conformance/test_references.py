"""Which values of a request are replaced by the ids of existing records, and which are left alone."""

import pytest

from mockserver.conformance.references import References

DOCUMENT = {
    "components": {
        "schemas": {
            "Id": {"type": "string"},
            "Line": {
                "type": "object",
                "properties": {
                    "part": {"$ref": "#/components/schemas/Id", "x-references": "part"},
                    "note": {"type": "string"},
                },
            },
            "Kit": {
                "type": "object",
                "properties": {
                    "owner": {"anyOf": [{"type": "string", "x-references": "user"}, {"type": "null"}]},
                    "parts": {
                        "type": "array",
                        "uniqueItems": True,
                        "items": {"type": "string", "x-references": "part"},
                    },
                    "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}},
                    "labels": {"type": "object", "x-references-keys": "label"},
                    "files": {"type": "array", "items": {"type": "string", "x-references": "file"}},
                },
            },
        }
    },
    "paths": {
        "/kits/": {
            "post": {
                "operationId": "create_kit",
                "parameters": [{"name": "part", "in": "query", "schema": {"x-references": "part"}}],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Kit"}}},
                },
            }
        },
        "/kits/{kit}/lines/{line}/": {
            "parameters": [{"name": "kit", "in": "path", "schema": {"type": "string"}, "x-references": "kit"}],
            "get": {"operationId": "get_line", "parameters": [{"name": "line", "in": "path"}]},
        },
    },
}
IDS = {"part": ["P1", "P2"], "user": ["U1"], "label": ["B1"], "file": [], "kit": ["K1", "K2"]}
LINES = [{"kit": "K1", "line": "L1"}, {"kit": "K2", "line": "L2"}]
GET_LINE = "GET /kits/{kit}/lines/{line}/"


def fill_body(body):
    references = References(DOCUMENT, ids=lambda kind, path: IDS[kind])
    return references.in_body("POST /kits/", "application/json", body, {})


def test_references_are_found_behind_refs_alternatives_and_arrays():
    filled = fill_body({"owner": "?", "lines": [{"part": "?", "note": "as it was"}]})

    assert filled["owner"] == "U1"
    assert filled["lines"][0]["part"] in IDS["part"]
    assert filled["lines"][0]["note"] == "as it was"


@pytest.mark.parametrize("body", [{"owner": None}, {"owner": "U1"}, {"owner": 7}, ["?"], None, "?"])
def test_null_existing_ids_and_other_types_stay(body):
    assert fill_body(body) == body


def test_unique_items_stay_unique():
    assert sorted(fill_body({"parts": ["a", "b", "c", "d", "e", "f"]})["parts"]) == ["P1", "P2"]


def test_an_object_whose_keys_are_ids_is_sent_empty():
    assert fill_body({"labels": {"B1": 1, "made up": 2}}) == {"labels": {}}


def test_a_list_of_records_of_which_there_are_none_is_empty():
    assert fill_body({"files": ["?"]}) == {"files": []}


def test_without_records_the_generated_value_stays():
    references = References(DOCUMENT, ids=lambda kind, path: [])

    assert references.in_query("POST /kits/", {"part": "?"}) == {"part": "?"}


def test_parent_and_child_come_from_one_record():
    references = References(DOCUMENT, paths=lambda operation: LINES if operation == "get_line" else [])
    filled = [references.in_path(GET_LINE, {"kit": "?", "line": str(n)}) for n in range(100)]
    found = [values for values in filled if values in LINES]

    assert {values["line"] for values in found} == {"L1", "L2"}
    assert 80 <= len(found) < 100, "about one in ten keeps its own values"


def test_requests_take_the_records_in_turn_and_equal_ones_the_same():
    many = [{"kit": f"K{n}", "line": f"L{n}"} for n in range(10)]
    references = References(DOCUMENT, paths=lambda operation: many)
    made_up = [{"kit": "?", "line": str(n)} for n in range(14)]
    filled = [references.in_path(GET_LINE, values) for values in made_up]

    assert all(record in filled for record in many)
    assert [references.in_path(GET_LINE, values) for values in made_up] == filled


def test_a_child_is_chosen_under_the_parent_that_a_link_has_set():
    references = References(DOCUMENT, paths=lambda operation: LINES)
    filled = [references.in_path(GET_LINE, {"kit": "K2", "line": str(n)}, keep={"kit"}) for n in range(100)]

    assert {values["kit"] for values in filled} == {"K2"}
    assert {"kit": "K2", "line": "L2"} in filled


def test_path_parameters_fall_back_to_their_own_kind():
    references = References(DOCUMENT, ids=lambda kind, path: IDS[kind])
    filled = [references.in_path(GET_LINE, {"kit": str(n), "line": "?"}) for n in range(50)]

    assert {"K1", "K2"} <= {values["kit"] for values in filled}
    assert {values["line"] for values in filled} == {"?"}
