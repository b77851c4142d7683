"""The rules every operation keeps: who may call, what is answered, and that a refusal changes nothing."""

import io
import re

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockserver import worlds
from mockserver.sandbox import Sandbox

from ..conftest import ADMIN_KEY, VIEWER_KEY, Api, contract

ABSENT = "00000000-0000-4000-8000-000000000000"
RIVAL_KEY = "rivalkey.11111111111111111111111111111111"
TWO_HOUSES = f"""
seed: 3
records:
  org:
    acme: {{name: Acme, slug: acme}}
    acme-lab: {{name: Acme Lab, slug: acme-lab, parent_org_id: acme}}
    rival: {{name: Rival, slug: rival}}
  user:
    ada: {{email: ada@acme.example.com, first_name: Ada, last_name: O, roles: [Admin]}}
    rob: {{email: rob@rival.example.com, first_name: Rob, last_name: R, roles: [Admin], org_id: rival}}
  api_key:
    acme: {{name: Acme, user_id: ada, key: {ADMIN_KEY}}}
    rival: {{name: Rival, user_id: rob, key: {RIVAL_KEY}, org_id: rival}}
  tag:
    ours: {{name: Ours}}
    labs: {{name: Labs, org_id: acme-lab}}
    theirs: {{name: Theirs, org_id: rival}}
  bom:
    ours: {{name: Ours}}
    labs: {{name: Labs, org_id: acme-lab}}
    theirs: {{name: Theirs, org_id: rival}}
"""


@pytest.fixture(scope="module")
def only():
    """One client for all tests of the module: an app is dear to make, and a reset costs nothing."""
    return Api(Sandbox(worlds.load("default")))


@pytest.fixture
def api(only):
    only.sandbox.reset()
    return only


@pytest.fixture
def houses(tmp_path):
    """A client of Acme, with a sub-organisation, in a world where there is a rival."""
    path = tmp_path / "houses.yaml"
    path.write_text(TWO_HOUSES, encoding="utf-8")
    return Api(Sandbox(worlds.load(path)))


def named(api, kind, name):
    return next(record["id"] for record in api.sandbox.store[kind] if record["name"] == name)


def state(sandbox):
    """All records but for the time a key was last used."""
    tables = {kind: list(table) for kind, table in sandbox.store.tables.items()}
    tables["api_key"] = [{**key, "last_used_at": None} for key in tables["api_key"]]
    return tables


# -- addresses -----------------------------------------------------------------------------------------------


def test_every_path_has_its_base_and_its_trailing_slash(api):
    assert all(re.fullmatch(r"/v1/.+/", operation.path) for operation in api.app.operations)


def test_without_its_trailing_slash_a_path_is_not_there(api):
    answer = api.get("/v1/boms", expect=404)
    assert "trailing slash" in answer["detail"]
    assert "Location" not in api.call("POST", "/v1/boms", json={"name": "x"}, expect=404).headers


def test_an_id_is_found_in_upper_case_too(api):
    bom_id = api.get("/v1/boms/")["results"][0]["id"]
    assert api.get(f"/v1/boms/{bom_id.upper()}/")["id"] == bom_id


# -- who may call --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Api-Key",
        "Api-Key ",
        f"api-key {ADMIN_KEY}",
        f"Bearer {ADMIN_KEY}",
        ADMIN_KEY,
        f"Api-Key {ADMIN_KEY[:-1]}",
        f"Api-Key {ADMIN_KEY}0",
        "Api-Key mockkey1",
        "Api-Key .",
        "Api-Key \xff\xfe",
    ],
)
def test_without_a_good_key_nobody_gets_in(api, authorization):
    for method, path in (("GET", "/v1/boms/"), ("POST", "/v1/boms/"), ("GET", f"/v1/boms/{ABSENT}/")):
        response = api.client.open(
            path, method=method, headers={"Authorization": authorization} if authorization is not None else {}
        )
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Api-Key"
        assert list(response.json) == ["detail"]


def test_the_word_before_the_key_is_told_to_be_case_sensitive(api):
    response = api.client.get("/v1/boms/", headers={"Authorization": f"api-key {ADMIN_KEY}"})
    assert "case-sensitive" in response.json["detail"]


def test_a_key_expires_on_the_sandbox_clock(api):
    key = next(iter(api.sandbox.store["api_key"]))
    api.sandbox.store.replace("api_key", {**key, "expires_at": "2026-01-16T00:00:00Z"})
    api.get("/v1/boms/")
    api.sandbox.clock.advance(days=1)
    assert api.get("/v1/boms/", expect=401) == {"detail": "This API key has expired."}


def test_a_key_without_the_right_is_told_so(api):
    viewer = api.as_key(VIEWER_KEY)
    assert viewer.get("/v1/boms/")["count"]
    assert viewer.post("/v1/boms/", {"name": "x"}, expect=403) == {
        "detail": "You do not have permission to perform this action."
    }


# -- whose records -------------------------------------------------------------------------------------------


def test_a_key_reaches_its_organisation_and_those_under_it(houses):
    assert {bom["name"] for bom in houses.get("/v1/boms/")["results"]} == {"Ours", "Labs"}
    assert {bom["name"] for bom in houses.as_key(RIVAL_KEY).get("/v1/boms/")["results"]} == {"Theirs"}


def test_org_id_narrows_what_is_read(houses):
    lab = named(houses, "org", "Acme Lab")
    assert [bom["name"] for bom in houses.get(f"/v1/boms/?org_id={lab}")["results"]] == ["Labs"]
    houses.get(f"/v1/boms/{named(houses, 'bom', 'Labs')}/?org_id={lab}")
    houses.get(f"/v1/boms/{named(houses, 'bom', 'Ours')}/?org_id={lab}", expect=404)


def test_org_id_chooses_the_organisation_of_what_is_written(houses):
    acme, lab = named(houses, "org", "Acme"), named(houses, "org", "Acme Lab")
    assert houses.post("/v1/boms/", {"name": "x"})["org_id"] == acme
    assert houses.post(f"/v1/boms/?org_id={lab}", {"name": "x"})["org_id"] == lab


@pytest.mark.parametrize("org", ["Rival", None])
def test_an_organisation_out_of_reach_is_not_there(houses, org):
    org_id = named(houses, "org", org) if org else ABSENT
    for method, path in (("GET", "/v1/boms/"), ("POST", "/v1/boms/")):
        assert houses.call(method, f"{path}?org_id={org_id}", json={"name": "x"}, expect=404).json == {
            "detail": "Not found."
        }


def test_records_of_an_organisation_out_of_reach_are_not_there(houses):
    theirs = named(houses, "bom", "Theirs")
    before = state(houses.sandbox)
    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "approve/"),
        ("GET", "lines/"),
        ("POST", "lines/"),
    ):
        body = {"json": {}} if method in ("POST", "PATCH") else {}
        assert houses.call(method, f"/v1/boms/{theirs}/{path}", expect=404, **body).json == {"detail": "Not found."}
    assert state(houses.sandbox) == before
    assert houses.as_key(RIVAL_KEY).get(f"/v1/boms/{theirs}/")["name"] == "Theirs"


def test_what_belongs_to_a_record_belongs_to_its_organisation(houses):
    part_id = houses.post(
        "/v1/parse_raw_bom/", {"name": "x", "raw_lines": [{"mpn": "LM358DR", "manufacturer_name": "TI"}]}
    )["lines"][0]["part_id"]
    line = houses.post(f"/v1/boms/{named(houses, 'bom', 'Labs')}/lines/", {"part_id": part_id})
    assert line["org_id"] == named(houses, "org", "Acme Lab")


def test_a_record_is_found_under_its_own_parent_alone(api):
    boms = api.get("/v1/boms/")["results"]
    line = api.get(f"/v1/boms/{boms[0]['id']}/lines/")["results"][0]
    api.get(f"/v1/boms/{boms[0]['id']}/lines/{line['id']}/")
    api.get(f"/v1/boms/{boms[1]['id']}/lines/{line['id']}/", expect=404)


def test_a_reference_to_what_is_not_there_is_told_by_its_field(houses):
    for tag_id in (ABSENT, named(houses, "tag", "Theirs")):
        assert houses.post("/v1/boms/", {"name": "x", "tag_ids": [tag_id]}, expect=400) == {
            "tag_ids": [f'Invalid pk "{tag_id}" - object does not exist.']
        }
    bom_id = named(houses, "bom", "Ours")
    assert houses.post(f"/v1/boms/{bom_id}/lines/", {"part_id": "AAAAAAAAAAAA"}, expect=400) == {
        "part_id": ['Invalid pk "AAAAAAAAAAAA" - object does not exist.']
    }
    assert houses.post("/v1/boms/", {"name": "x", "tag_ids": [named(houses, "tag", "Labs")]})["tag_ids"]


# -- what a record looks like --------------------------------------------------------------------------------


def test_ids_times_and_money_have_one_form(api):
    bom = api.post("/v1/boms/", {"name": "x"})
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", bom["id"])
    assert bom["created_at"] == bom["updated_at"] == "2026-01-15T09:00:00Z"
    assert bom["approved_at"] is None
    part = api.get(f"/v1/parts/{next(part['id'] for part in api.sandbox.store['part'] if part['reference_prices'])}/")
    assert re.fullmatch(r"[0-9A-Z]{12}", part["id"])
    assert all(
        re.fullmatch(r"[0-9]+\.[0-9]+", price["price"]) and re.fullmatch("[A-Z]{3}", price["currency"])
        for price in part["reference_prices"]
    )


def test_changing_a_record_moves_its_updated_at_alone(api):
    bom = api.post("/v1/boms/", {"name": "x"})
    api.sandbox.clock.advance(seconds=1.5)
    changed = api.patch(f"/v1/boms/{bom['id']}/", {"name": "y"})
    assert changed == {**bom, "name": "y", "updated_at": "2026-01-15T09:00:01.500000Z"}


@pytest.mark.parametrize("schema", ["Bom", "BomLine", "Tag", "AsyncJob", "Part"])
def test_every_record_carries_the_same_four_fields(schema):
    assert {"id", "org_id", "created_at", "updated_at"} <= contract()["components"]["schemas"][schema][
        "properties"
    ].keys()


@pytest.mark.parametrize("schema", ["Bom", "Part", "Supplier", "PurchaseOrder", "Program"])
def test_what_an_integration_keeps_carries_its_block(schema):
    block = {
        "synced_from_integration",
        "integration_source_name",
        "integration_record_id",
        "synced_from_integration_at",
        "team_ids",
        "tag_ids",
        "custom_properties",
    }
    assert block <= contract()["components"]["schemas"][schema]["properties"].keys()


@pytest.mark.parametrize("schema", ["Bom", "BomLine", "Program", "PurchaseOrder", "Part"])
def test_metadata_is_any_object(schema):
    assert contract()["components"]["schemas"][schema]["properties"]["metadata"]["type"] == "object"


def test_metadata_comes_back_as_it_was(api):
    metadata = {"nested": {"list": [1, 2.5, None, True, "é"]}, "": {}}
    assert api.post("/v1/boms/", {"name": "x", "metadata": metadata})["metadata"] == metadata
    api.post("/v1/boms/", {"name": "x", "metadata": []}, expect=400)


# -- lists ---------------------------------------------------------------------------------------------------


@pytest.fixture
def forty(api):
    """A client of a sandbox with forty more BOMs, every other one with a part number."""
    for number in range(40):
        api.post("/v1/boms/", {"name": f"Board {number}", "part_number": "EVEN" if number % 2 == 0 else None})
    return api


def test_a_list_is_an_envelope_in_order_of_creation(forty):
    page = forty.get("/v1/boms/?name=board")
    assert list(page) == ["count", "next", "previous", "results"]
    assert page["count"] == 40
    assert page["next"] is page["previous"] is None
    assert [bom["name"] for bom in page["results"]] == [f"Board {number}" for number in range(40)]


@pytest.mark.parametrize("limit", [1, 7, 40])
def test_links_lead_through_a_list_and_back(forty, limit):
    pages, link = [], f"http://localhost/v1/boms/?name=board&limit={limit}"
    while link:
        page = forty.get(link)
        pages.append(page)
        link = page["next"]
    assert [bom["name"] for page in pages for bom in page["results"]] == [f"Board {number}" for number in range(40)]
    link = pages[-1]["previous"]
    back = 1
    while link:
        page = forty.get(link)
        back += 1
        assert page["count"] == 40
        link = page["previous"]
    assert back == len(pages)


def test_links_keep_the_filters(forty):
    page = forty.get("/v1/boms/?part_number=EVEN&limit=3&name=board")
    assert page["count"] == 20
    assert forty.get(page["next"])["results"][0]["name"] == "Board 6"


def test_beyond_its_end_a_list_is_empty(forty):
    page = forty.get("/v1/boms/?offset=100000")
    assert (page["results"], page["next"]) == ([], None)
    assert page["count"] > 40


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("limit=1.5", "limit"),
        ("offset=-1", "offset"),
        ("limit=99999999999999999999", "limit"),
        ("approved=yes", "approved"),
        ("tag_id=5", "tag_id"),
        ("updated_after=yesterday", "updated_after"),
        ("org_id=5", "org_id"),
    ],
)
def test_a_bad_query_parameter_is_told_by_its_name(api, query, field):
    assert list(api.get(f"/v1/boms/?{query}", expect=400)) == [field]


def test_an_empty_filter_is_none(api):
    everything = api.get("/v1/boms/")
    assert everything["count"] > 1
    for query in ("name=", "name=%20", "tag_id=", "approved=", "updated_after=", "part_number="):
        assert api.get(f"/v1/boms/?{query}")["results"] == everything["results"], query


def test_true_and_false_are_read_in_any_case(api):
    for spelt in ("true", "True", "TRUE"):
        assert {bom["approved"] for bom in api.get(f"/v1/boms/?approved={spelt}")["results"]} == {True}
    assert {bom["approved"] for bom in api.get("/v1/boms/?approved=False")["results"]} == {False}


def test_limits_reach_from_1_to_1000(api):
    assert len(api.get("/v1/boms/?limit=1")["results"]) == 1
    api.get("/v1/boms/?limit=1000")


def test_a_list_has_100_results_unless_told_otherwise(api):
    bom_id = api.post("/v1/boms/", {"name": "x"})["id"]
    for number in range(101):
        api.post(f"/v1/boms/{bom_id}/parse_raw_bom_line/", {"mpn": None, "description": f"{number}"})
    page = api.get(f"/v1/boms/{bom_id}/lines/")
    assert (page["count"], len(page["results"])) == (101, 100)
    assert len(api.get(page["next"])["results"]) == 1


# -- status codes and wording --------------------------------------------------------------------------------


def test_creating_answers_201_and_where_the_record_is(api):
    response = api.call("POST", "/v1/boms/", json={"name": "x"}, expect=201)
    assert api.get(response.headers["Location"]) == response.json


def test_deleting_answers_204_and_nothing(api):
    bom_id = api.post("/v1/boms/", {"name": "x"})["id"]
    assert api.delete(f"/v1/boms/{bom_id}/").data == b""
    assert api.get(f"/v1/boms/{bom_id}/", expect=404) == {"detail": "Not found."}


def test_asynchronous_operations_answer_202(api):
    api.call("POST", "/v1/parts/async_create/", json={"parts": [{"mpn": "X"}]}, expect=202)


def test_an_email_answers_200(api):
    api.call(
        "POST", "/v1/outbound_emails/", json={"to_emails": ["a@example.com"], "subject": "", "body": ""}, expect=200
    )


def test_an_email_goes_to_somebody(api):
    nobody = {"to_emails": [], "subject": "", "body": ""}
    told = {"to_emails": ["Ensure this field has at least 1 elements."]}
    assert api.post("/v1/outbound_emails/", nobody, expect=400) == told


def test_errors_are_nested_and_indexed_like_the_body(api):
    part_id = next(iter(api.sandbox.store["part"]))["id"]
    body = {"lines": [{"part_id": part_id}, {"part_id": part_id, "quantity": "5"}, 7, {}]}
    assert api.post("/v1/boms/", body, expect=400) == {
        "name": ["This field is required."],
        "lines": [
            {},
            {"quantity": ["A valid integer is required."]},
            {"non_field_errors": ["Invalid data. Expected a dictionary, but got int."]},
            {"part_id": ["This field is required."]},
        ],
    }


@pytest.mark.parametrize(("body", "kind"), [([], "list"), ("x", "str"), (5, "int"), (None, "NoneType"), (True, "bool")])
def test_a_body_that_is_no_object_is_a_non_field_error(api, body, kind):
    answer = api.post("/v1/boms/", data=orjson.dumps(body), headers={"Content-Type": "application/json"}, expect=400)
    assert answer == {"non_field_errors": [f"Invalid data. Expected a dictionary, but got {kind}."]}


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ({"name": 5}, {"name": ["Not a valid string."]}),
        ({"name": None}, {"name": ["This field may not be null."]}),
        ({"name": ""}, {"name": ["This field may not be blank."]}),
        ({"name": "x" * 256}, {"name": ["Ensure this field has no more than 255 characters."]}),
        ({"name": "x", "approved": 1}, {"approved": ["Must be a valid boolean."]}),
        ({"name": "x", "tag_ids": "x"}, {"tag_ids": ['Expected a list of items but got type "str".']}),
    ],
)
def test_json_types_are_exact(api, values, errors):
    assert api.post("/v1/boms/", values, expect=400) == errors


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/boms/", {"GET", "POST"}),
        ("DELETE", "/v1/boms/", {"GET", "POST"}),
        ("GET", "/v1/outbound_emails/", {"POST"}),
    ],
)
def test_a_wrong_verb_is_told_the_right_ones(api, method, path, allowed):
    response = api.call(method, path, expect=405)
    assert response.json == {"detail": f'Method "{method}" not allowed.'}
    assert allowed <= {verb.strip() for verb in response.headers["Allow"].split(",")}


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "", "application/", "é"],
)
def test_a_body_of_another_type_is_415(api, content_type):
    answer = api.post("/v1/boms/", data=b'{"name": "x"}', headers={"Content-Type": content_type}, expect=415)
    assert answer["detail"].startswith("Unsupported media type")


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_has_many_spellings(api, content_type):
    api.post("/v1/boms/", data=b'{"name": "x"}', headers={"Content-Type": content_type}, expect=201)


def test_a_body_too_large_is_413(api):
    answer = api.post(
        "/v1/boms/", data=b" " * (10 * 2**20 + 1), headers={"Content-Type": "application/json"}, expect=413
    )
    assert answer == {"detail": "The request body is larger than 10485760 bytes."}


def test_what_the_state_refuses_is_409(api):
    api.post("/v1/tags/", {"name": "Twice"})
    assert api.post("/v1/tags/", {"name": "Twice"}, expect=409)["detail"]


def test_nothing_in_a_body_is_400(api):
    for body in (b"", b"   ", b"{", b"{'name': 'x'}"):
        answer = api.post("/v1/boms/", data=body, headers={"Content-Type": "application/json"}, expect=400)
        assert answer["detail"].startswith("JSON parse error")


def test_unknown_keys_are_ignored_unless_the_sandbox_is_strict(api):
    part_id = next(iter(api.sandbox.store["part"]))["id"]
    body = {"name": "x", "colour": "red", "lines": [{"part_id": part_id, "size": 5}]}
    assert "colour" not in api.post("/v1/boms/", body)
    api.sandbox.strict = True
    before = state(api.sandbox)
    assert api.post("/v1/boms/", body, expect=400) == {
        "colour": ["Unknown field."],
        "lines": [{"size": ["Unknown field."]}],
    }
    assert state(api.sandbox) == before
    del body["colour"], body["lines"][0]["size"]
    api.post("/v1/boms/", body, expect=201)


def test_what_is_read_only_cannot_be_written(api):
    bom = api.post("/v1/boms/", {"name": "x"})
    assert (
        api.patch(
            f"/v1/boms/{bom['id']}/",
            {"id": ABSENT, "archived": True, "line_count": 7, "created_at": "2020-01-01T00:00:00Z"},
        )
        == bom
    )


# -- a refusal changes nothing -------------------------------------------------------------------------------

BAD_BODIES = (
    b"",
    b"{",
    b"[]",
    b"null",
    b"5",
    b'"x"',
    b"{}",
    b"[{}]",
    b"[5]",
    b'{"name": 5}',
    b'{"parts": [{"mpn": 5}]}',
    b'{"sql": "DROP TABLE boms"}',
    b'[{"id": "00000000-0000-4000-8000-000000000000"}]',
    b'{"name": "", "part_id": "x", "quantity": -1, "lines": [{}], "status": "no"}',
    b'{"quantity": "5", "tag_ids": ["x"], "email": "x", "supplier_id": "00000000-0000-4000-8000-00000000"}',
)


def addresses(api, operation):
    """The operation's path with the id of the first record of each kind, and with an id of none."""
    found = operation.path
    for name, kind in zip(operation.parameters, operation.kinds, strict=True):
        table = api.sandbox.store.tables.get(kind, ())
        found = found.replace(f"{{{name}}}", next((record["id"] for record in table), ABSENT))
    absent = re.sub(r"{\w+}", lambda match: "A" * 12 if match[0] == "{part_id}" else ABSENT, operation.path)
    return dict.fromkeys((found, absent))


def test_a_refused_request_changes_nothing_whatever_the_operation(api):
    refused = 0
    for operation in api.app.operations:
        if not operation.served:
            continue
        for path in addresses(api, operation):
            for body in BAD_BODIES if operation.method not in ("GET", "DELETE") else (b"",):
                for headers in (
                    ({"Content-Type": "application/json"},)
                    if body
                    else ({"Content-Type": "application/json"}, {"Authorization": "Api-Key no"})
                ):
                    before = state(api.sandbox)
                    response = api.client.open(
                        path, method=operation.method, data=body, headers={**api.headers, **headers}
                    )
                    assert response.status_code < 500, (operation.id, body, response.text)
                    if response.status_code >= 400:
                        refused += 1
                        assert state(api.sandbox) == before, (operation.id, body)
                        assert response.is_json, operation.id
                    else:
                        api.sandbox.reset()
    assert refused > 500


def test_a_bulk_operation_is_done_in_whole_or_not_at_all(api):
    parts = [part["id"] for part in api.sandbox.store["part"]][:2]
    before = state(api.sandbox)
    api.post(
        "/v1/boms/",
        {"name": "x", "lines": [{"part_id": parts[0]}, {"part_id": parts[1], "quantity": -1}]},
        expect=400,
    )
    assert state(api.sandbox) == before


# -- whatever comes in, JSON goes out ------------------------------------------------------------------------

AWKWARD = {
    "deep": b"[" * 100_000,
    "deep and closed": b'{"metadata": ' + b"[" * 500 + b"]" * 500 + b', "name": "x"}',
    "lone surrogate": rb'{"name": "\ud800"}',
    "NaN": b'{"name": NaN}',
    "infinity": b'{"name": "x", "metadata": {"a": 1e999}}',
    "byte order mark": b'\xef\xbb\xbf{"name": "x"}',
    "not UTF-8": b'{"name": "\xff"}',
    "NUL": b'{"name": "a\x00b"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "two values": b'{"name": "x"} {}',
    "only a comma": b",",
}


@pytest.mark.parametrize("body", AWKWARD.values(), ids=AWKWARD)
def test_awkward_bodies_are_400(api, body):
    before = state(api.sandbox)
    answer = api.post("/v1/boms/", data=body, headers={"Content-Type": "application/json"}, expect=400)
    assert answer["detail"].startswith("JSON parse error")
    assert state(api.sandbox) == before


def test_awkward_values_come_back_as_json(api):
    for text, expected in (
        (b"1e400", None),
        (b"123456789012345678901234567890", 123456789012345678901234567890.0),
        (b"18446744073709551615", 2**64 - 1),
        (rb'"a\u0000b"', "a\0b"),
        (b"-0.0", -0.0),
        (b'"\xf0\x9f\x98\x80"', "😀"),
    ):
        status = 400 if expected is None else 201
        answer = api.post(
            "/v1/boms/",
            data=b'{"name": "x", "metadata": {"a": %s}}' % text,
            headers={"Content-Type": "application/json"},
            expect=status,
        )
        assert expected is None or answer["metadata"] == {"a": expected}


def test_of_a_repeated_key_the_last_counts(api):
    answer = api.post("/v1/boms/", data=b'{"name": "x", "name": "y"}', headers={"Content-Type": "application/json"})
    assert answer["name"] == "y"


NOT_THERE = (
    "/",
    "/v1",
    "/v1/",
    "/v1/nothing/",
    "/v2/boms/",
    "/v1//boms/",
    "/v1/boms//",
    "/v1/boms/not-an-id/",
    "/v1/boms/%00/",
    "/v1/boms/%ff%fe/",
    "/v1/boms/%zz/",
    "/v1/boms/../boms/",
    "/v1/boms/%2e%2e/",
    f"/v1/boms/{ABSENT}/",
    f"/v1/boms/{ABSENT}\n/",
    "/v1/parts/aaaaaaaaaaaa/",
    "/v1/boms/" + "x" * 5000 + "/",
    "/é/",
    "/v1/boms/;drop/",
    "/V1/BOMS/",
)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_what_is_not_there_is_404_or_405_in_json(api, method):
    for path in NOT_THERE:
        response = api.client.open(path, method=method, headers=api.headers)
        assert response.status_code in (404, 405), (path, response.text)
        assert list(response.json) == ["detail"], path


def test_the_other_verbs_are_answered_too(api):
    assert api.client.open("/v1/boms/", method="HEAD", headers=api.headers).status_code == 200
    assert api.client.open("/v1/boms/", method="HEAD").status_code == 401
    assert "POST" in api.client.open("/v1/boms/", method="OPTIONS", headers=api.headers).headers["Allow"]
    for verb in ("TRACE", "PROPFIND", "FOO"):
        assert api.client.open("/v1/boms/", method=verb, headers=api.headers).status_code == 405


def test_a_huge_query_is_answered(api):
    for query in (
        "name=" + "x" * 100_000,
        "&".join(f"p{number}=1" for number in range(5000)),
        "limit=5&limit=6",
        "%ff=%fe",
        "=&=&&",
        "name=%00",
    ):
        response = api.client.get(f"/v1/boms/?{query}", headers=api.headers)
        assert response.status_code in (200, 400), response.text
        assert response.is_json


def test_a_body_without_a_length_is_read_to_its_end(api):
    response = api.client.open(
        "/v1/boms/",
        method="POST",
        headers={**api.headers, "Content-Type": "application/json", "Transfer-Encoding": "chunked"},
        input_stream=io.BytesIO(b'{"name": "chunked"}'),
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert (response.status_code, response.json["name"]) == (201, "chunked")


@pytest.mark.parametrize("length", ["-1", "x", "99999999999999999999"])
def test_a_false_content_length_is_no_crash(api, length):
    response = api.client.post(
        "/v1/boms/",
        data=b'{"name": "x"}',
        headers={**api.headers, "Content-Type": "application/json"},
        environ_overrides={"CONTENT_LENGTH": length},
    )
    assert response.status_code < 500
    assert response.is_json


JSON_BITS = st.lists(
    st.sampled_from(
        [
            b"{",
            b"}",
            b"[",
            b"]",
            b":",
            b",",
            b'"',
            b'"name"',
            b'"x"',
            b"null",
            b"1",
            b"-",
            b"e9",
            b"true",
            b"\\u",
            b"d800",
            b" ",
            b"\x00",
            b"\xff",
            b'"metadata"',
            b'"lines"',
            b'"part_id"',
            b"1e999",
            b"\xe2\x82\xac",
        ]
    ),
    max_size=12,
).map(b"".join)
PATHS = st.lists(
    st.sampled_from(
        [
            "/",
            "v1",
            "boms",
            "parts",
            "lines",
            ABSENT,
            "A" * 12,
            "%00",
            "%ff",
            "..",
            "?",
            "&",
            "limit=",
            "x",
            "=",
            "async_create",
            "é",
            "org_id=",
            "tags",
            "parse_raw_bom",
            "\\",
            ";",
            "[",
            "]",
        ]
    ),
    max_size=10,
).map("".join)


def test_no_bytes_and_no_path_bring_it_down(sandbox):
    api = Api(sandbox)
    targets = [
        operation for operation in api.app.operations if operation.served and operation.method not in ("GET", "DELETE")
    ]
    paths = {operation.id: list(addresses(api, operation)) for operation in targets}

    @settings(max_examples=600, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(targets), st.one_of(JSON_BITS, st.binary(max_size=30)), st.booleans())
    def any_body(operation, body, there):
        path = paths[operation.id][0 if there else -1]
        response = api.client.open(
            path,
            method=operation.method,
            data=body,
            headers={**api.headers, "Content-Type": "application/json"},
        )
        assert response.status_code < 500
        assert not response.data or response.is_json

    @settings(max_examples=400, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(["GET", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS"]), PATHS)
    def any_path(method, path):
        response = api.client.open("/v1/" + path, method=method, headers=api.headers)
        assert response.status_code < 500

    any_body()
    any_path()


# -- OPTIONS, and addresses without a host -----------------------------------------------------------------------


def test_options_tells_what_an_address_takes(api):
    response = api.client.open("/v1/boms/", method="OPTIONS", headers=api.headers)
    assert (response.status_code, response.content_type) == (200, "application/json")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "POST", "OPTIONS"}
    told = response.json
    assert {"name", "description", "renders", "parses", "actions"} == told.keys()
    assert (told["renders"], told["parses"]) == (["application/json"], ["application/json"])
    name = told["actions"]["POST"]["name"]
    assert (name["type"], name["required"], name["read_only"], name["max_length"]) == ("string", True, False, 255)
    line = told["actions"]["POST"]["lines"]["child"]["children"]
    assert (line["quantity"]["type"], line["quantity"]["max_value"]) == ("integer", 2**31 - 1)


def test_options_are_those_of_the_key(api):
    viewer = api.as_key(VIEWER_KEY)
    assert "actions" not in api.client.open("/v1/boms/", method="OPTIONS", headers=viewer.headers).json
    assert api.client.open("/v1/boms/", method="OPTIONS").status_code == 401


def test_options_answer_of_every_address(api):
    for path in {operation.path for operation in api.app.operations}:
        filled = re.sub("{part_id}", "AAAAAAAAAAAA", path)
        filled = re.sub("{[a-z_]+}", ABSENT, filled)
        response = api.client.open(filled, method="OPTIONS", headers=api.headers)
        assert response.status_code == 200, path
        assert response.json["name"]


def test_a_link_has_a_host_though_the_request_had_none(api):
    response = api.client.get(
        "/v1/boms/?limit=1",
        headers=api.headers,
        environ_overrides={"HTTP_HOST": "", "SERVER_NAME": "", "SERVER_PORT": ""},
    )
    assert response.json["next"].startswith("http://localhost:80/v1/boms/?limit=1&offset=1")
