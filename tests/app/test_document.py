"""The contract as a document: complete, valid, true to the documentation, and the one that is kept."""

import functools
import hashlib
import json

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from mockserver import resources, worlds
from mockserver._data import contracts_dir, fixtures_dir
from mockserver._yaml import load_yaml
from mockserver.app import document

EVIDENCE = {"documented", "product", "inferred"}


@functools.cache
def contract():
    return document.document()


def operations():
    return {operation["operationId"]: operation for path in contract()["paths"].values() for operation in path.values()}


def errors(schema, value):
    validator = jsonschema_rs.Draft202012Validator(
        {**schema, "components": contract()["components"]}, validate_formats=True
    )
    return [f"{'/'.join(map(str, error.instance_path))}: {error.message}" for error in validator.iter_errors(value)]


def answers(operation):
    """(status, media type object) of the answers with a JSON body of their own."""
    for status, response in operation["responses"].items():
        if "application/json" in response.get("content", {}):
            yield status, response["content"]["application/json"]


# -- what is kept --------------------------------------------------------------------------------------------


def test_the_contract_kept_is_that_of_the_code():
    kept = (contracts_dir() / "openapi.yaml").read_text(encoding="utf-8")
    assert kept == document.to_yaml(contract()), (
        "contracts/openapi.yaml is not what the code says. `make contract` renews it; read the difference."
    )


def test_the_worlds_are_what_their_recipes_said_when_they_were_locked():
    """Small worlds are kept whole, big ones by their digest: the same seed gives the same bytes."""
    locks = json.loads((fixtures_dir() / "locks.json").read_bytes())
    assert list(locks) == worlds.names(), "`make fixtures` locks new fixtures."
    for name, lock in locks.items():
        recipe = fixtures_dir() / f"{name}.yaml"
        content = worlds.expanded(worlds.Builder(recipe).build(), recipe)
        assert hashlib.sha256(content).hexdigest() == lock, (
            f"The fixture {name} has changed. `make fixtures` renews the locks; read the difference."
        )
        if recipe.with_suffix(".json").exists():
            assert recipe.with_suffix(".json").read_bytes() == content, (
                f"fixtures/{name}.json is not what its recipe gives: `make fixtures`."
            )


# -- well formed ---------------------------------------------------------------------------------------------


def test_it_is_a_valid_openapi_3_1_document():
    assert contract()["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(contract()).iter_errors()] == []


def test_it_describes_every_operation_served_under_its_documented_title():
    for row in resources.operations():
        if row.served:
            described = contract()["paths"][row.path][row.method.lower()]
            assert (described["operationId"], described["summary"], described["tags"]) == (
                row.id,
                row.title,
                [row.tag],
            )


def test_every_operation_says_how_it_is_known():
    for id, operation in operations().items():
        assert {"method", "path"} <= operation["x-evidence"].keys() <= {"method", "path", "request", "response"}, id
        assert set(operation["x-evidence"].values()) <= EVIDENCE, id


def test_fields_that_are_known_otherwise_than_their_operation_say_so():
    name = contract()["components"]["schemas"]["CreateRawBomLineRequest"]["properties"]["mpn"]
    assert name["x-evidence"] == "documented"
    said = {
        field["x-evidence"]
        for schema in contract()["components"]["schemas"].values()
        for field in schema.get("properties", {}).values()
        if "x-evidence" in field
    }
    assert said <= EVIDENCE


def test_every_tag_used_is_declared_and_the_other_way_round():
    used = {operation["tags"][0] for operation in operations().values()}
    assert used == {tag["name"] for tag in contract()["tags"]}


def test_answers_are_closed_and_complete():
    """An answer has all the fields its schema lists, and no other."""
    seen = set()

    def walk(schema):
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            if name in seen or name in ("Messages", "ValidationProblem"):
                return
            seen.add(name)
            schema = contract()["components"]["schemas"][name]
            if "properties" in schema:
                assert schema["additionalProperties"] is False, name
                assert set(schema.get("required", ())) == set(schema["properties"]), name
        for part in (
            *schema.get("properties", {}).values(),
            *schema.get("anyOf", ()),
            *([schema["items"]] if "items" in schema else ()),
        ):
            walk(part)

    for operation in operations().values():
        for _, media in answers(operation):
            walk(media["schema"])
    assert {"Bom", "BomLine", "OutboundEmail", "Part", "AsyncJob"} <= seen


# -- examples ------------------------------------------------------------------------------------------------


def test_examples_of_answers_fit_their_schemas():
    shown = 0
    for id, operation in operations().items():
        for status, media in answers(operation):
            if "example" in media:
                shown += 1
                assert errors(media["schema"], media["example"]) == [], f"{id} {status}"
    assert shown


def test_examples_of_fields_fit_their_schemas():
    shown = 0
    for name, schema in contract()["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            for example in described.get("examples", ()):
                shown += 1
                assert errors(described, example) == [], f"{name}.{field}"
    assert shown


# -- Create Outbound Email, the one operation documented with its bodies -------------------------------------


@pytest.fixture(scope="module")
def documented():
    return json.loads(json.dumps(load_yaml(contracts_dir() / "examples" / "create_outbound_email.yaml")))


def test_the_contract_shows_the_documented_email(documented):
    operation = operations()["create_outbound_email"]
    assert operation["requestBody"]["content"]["application/json"]["example"] == documented["request"]
    assert operation["responses"]["200"]["content"]["application/json"]["example"] == documented["response"]


def test_the_documented_request_fits_the_contract(documented):
    schema = operations()["create_outbound_email"]["requestBody"]["content"]["application/json"]["schema"]
    assert errors(schema, documented["request"]) == []


def test_the_documented_request_is_answered_in_the_documented_shape(api, documented):
    answer = api.post("/v1/outbound_emails/", json=documented["request"], expect=200)
    assert list(answer) == list(documented["response"])
    assert (
        answer
        | {
            "to_emails": "user@example.com",
            "cc_emails": "user@example.com",
            "bcc_emails": "user@example.com",
            "subject": "string",
            "body": "string",
        }
        == answer
    )
    assert answer["queued_at"] == "2026-01-15T09:00:00Z"
    assert answer["sent_at"] is None
    assert answer["attachments"] == []


def test_no_other_word_stands_for_a_document(api, documented):
    problem = api.post("/v1/outbound_emails/", json={**documented["request"], "attachments": ["strings"]}, expect=400)
    assert list(problem) == ["attachments"]


def test_the_documented_response_fits_the_contract(documented):
    [(status, media)] = answers(operations()["create_outbound_email"])
    assert status == "200"
    assert errors(media["schema"], documented["response"]) == []


def test_every_field_is_described():
    bare = [
        f"{name}.{field}"
        for name, schema in contract()["components"]["schemas"].items()
        for field, described in schema.get("properties", {}).items()
        if not described.get("description")
    ]
    assert bare == []
