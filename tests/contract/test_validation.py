"""Requests and answers held to the contract."""

import orjson
import pytest

from mockserver.contract.validation import Contract
from tests.conftest import contract

JSON = {"Content-Type": "application/json"}
BOM = "866204c6-8c81-4538-bbf8-5aebb22241af"


@pytest.fixture(scope="module")
def checks():
    return Contract(contract())


def body(value):
    return orjson.dumps(value)


def test_what_the_mock_answers_is_fine(api, checks):
    created = api.call("POST", "/v1/tags/", json={"name": "One"})
    assert checks.check_response("create_tag", 201, created.headers, created.data) == []
    listed = api.call("GET", "/v1/boms/")
    assert checks.check_response("list_boms", 200, listed.headers, listed.data) == []
    refused = api.call("GET", "/v1/boms/?limit=x", expect=400)
    assert checks.check_response("list_boms", 400, refused.headers, refused.data) == []


def test_an_answer_that_breaks_the_contract_is_shown_where_it_does(api, checks):
    created = api.call("POST", "/v1/tags/", json={"name": "One"})
    spoilt = body({**created.json, "name": 5})
    assert checks.check_response("create_tag", 201, created.headers, spoilt) == [
        {"field": "name", "reason": '5 is not of type "string"'}
    ]
    listed = api.call("GET", "/v1/tags/")
    page = listed.json
    page["results"][0]["id"] = "x"
    [found] = checks.check_response("list_tags", 200, listed.headers, body(page))
    assert found["field"] == "results[0].id"


@pytest.mark.parametrize(
    ("status", "headers", "content", "field", "says"),
    [
        (418, JSON, b"{}", "", "The contract lists no 418 for create_tag: 201, 400"),
        (429, JSON, b'{"detail": "x"}', "header Retry-After", "The header is missing."),
        (
            404,
            {"Content-Type": "text/html"},
            b"<p>",
            "header Content-Type",
            "text/html is not what the contract has: application/json.",
        ),
        (404, JSON, b"{", "", "The body is not JSON: "),
    ],
)
def test_statuses_headers_and_media_types_are_held_to_it_too(checks, status, headers, content, field, says):
    [found] = checks.check_response("create_tag", status, headers, content)
    assert found["field"] == field
    assert found["reason"].startswith(says)


def test_a_range_of_media_types_has_room_for_each(checks):
    picture = {"Content-Type": "image/png"}
    assert checks.check_response("download_stock_document", 200, picture, b"\x89PNG") == []


@pytest.mark.parametrize(
    ("operation", "request_", "fields"),
    [
        ("list_boms", {"query": "limit=5"}, []),
        ("list_boms", {"query": "limit=x"}, ["?limit"]),
        ("list_boms", {"query": "limit=0"}, ["?limit"]),
        ("list_boms", {"query": "whatever=1"}, []),
        ("get_bom", {"path_parameters": {"bom_id": BOM}}, []),
        ("get_bom", {"path_parameters": {"bom_id": "7"}}, ["bom_id"]),
        ("create_tag", {"headers": JSON, "body": body({"name": "X", "colour": "red"})}, []),
        ("create_tag", {"headers": JSON, "body": body({"name": 5})}, ["name"]),
        ("create_tag", {"headers": JSON, "body": b""}, [""]),
        ("create_tag", {"headers": {"Content-Type": "text/plain"}, "body": b"{}"}, ["header Content-Type"]),
    ],
)
def test_requests(checks, operation, request_, fields):
    assert [found["field"] for found in checks.check_request(operation, **request_)] == fields


def test_an_operation_the_contract_lacks_is_no_key(checks):
    assert "list_boms" in checks
    assert "launch_bom" not in checks
    with pytest.raises(KeyError):
        checks.check_request("launch_bom")
