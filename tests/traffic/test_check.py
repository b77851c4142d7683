"""Traffic held against a contract: each difference found, named and weighed, and nothing else."""

import copy
import gzip
import json
import xml.etree.ElementTree as ET
import zlib

import pytest

from mockserver.traffic.check import check
from mockserver.traffic.recordings import exchange
from mockserver.traffic.report import text, write

ID = "866204c6-8c81-4538-bbf8-5aebb22241af"
JSON = {"Content-Type": "application/json"}
TAG = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "name", "color", "made_at", "owner"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "name": {"type": "string", "maxLength": 10},
        "color": {"enum": ["red", "blue"]},
        "made_at": {"type": ["string", "null"], "format": "date-time"},
        "owner": {"anyOf": [{"$ref": "#/components/schemas/Owner"}, {"type": "null"}]},
    },
}
OWNER = {"type": "object", "required": ["email"], "properties": {"email": {"type": "string"}}}
PAGE = {
    "type": "object",
    "required": ["results"],
    "properties": {"results": {"type": "array", "items": {"$ref": "#/components/schemas/Tag"}}},
}
PROBLEM = {"type": "object", "required": ["detail"], "properties": {"detail": {"type": "string"}}}


def content(schema):
    return {"description": "-", "content": {"application/json": {"schema": schema}}}


ID_PARAMETER = {
    "name": "tag_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Tags", "version": "1"},
    "servers": [{"url": "https://host/api"}],
    "components": {"schemas": {"Tag": TAG, "Owner": OWNER}},
    "paths": {
        "/tags/": {
            "get": {
                "operationId": "list_tags",
                "parameters": [{"name": "limit", "in": "query", "schema": {"type": "integer"}}],
                "responses": {"200": content(PAGE)},
            },
            "post": {
                "operationId": "create_tag",
                "responses": {"201": content({"$ref": "#/components/schemas/Tag"}), "400": content(PROBLEM)},
                "requestBody": {
                    "required": True,
                    **content(
                        {
                            "type": "object",
                            "required": ["name"],
                            "properties": {"name": {"type": "string"}, "owner_id": {"type": "string"}},
                        }
                    ),
                },
            },
        },
        "/tags/{tag_id}/": {
            "parameters": [ID_PARAMETER],
            "get": {
                "operationId": "get_tag",
                "responses": {"200": content({"$ref": "#/components/schemas/Tag"}), "404": content(PROBLEM)},
            },
        },
        "/tags/recent/": {"get": {"operationId": "recent_tags", "responses": {"200": content(PAGE)}}},
    },
}
GOOD = {"id": ID, "name": "x", "color": "red", "made_at": None, "owner": None}


def call(method, path, status, answer=None, sent=None, headers=JSON, **facts):
    return exchange(
        method,
        f"https://host/api{path}",
        {**JSON, "Authorization": "Api-Key topsecret1"},
        json.dumps(sent).encode() if sent is not None else b"",
        status,
        headers,
        json.dumps(answer).encode() if answer is not None else b"",
        **facts,
    )


def got(answer, status=200):
    return call("GET", f"/tags/{ID}/", status, answer)


def found(*exchanges):
    return {(f.operation, f.side, f.field, f.kind, f.severity) for f in check(exchanges, DOCUMENT).findings}


def test_traffic_as_the_contract_says_shows_nothing_and_confirms_its_operations():
    report = check(
        [
            call("GET", "/tags/?limit=5", 200, {"results": [GOOD]}),
            call("GET", "/tags/recent/", 200, {"results": []}),
            got(GOOD),
            call("POST", "/tags/", 201, GOOD, {"name": "x"}),
        ],
        DOCUMENT,
    )

    assert report.findings == []
    assert report.confirmed == {"list_tags": 1, "recent_tags": 1, "get_tag": 1, "create_tag": 1}
    assert (
        report.summary()
        == "4 exchanges, 4 of them with 4 operations of the contract: 0 breaking, 0 warning, 0 informational."
    )


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"name": ...}, ("name", "missing", "breaking")),
        ({"name": 7}, ("name", "type", "breaking")),
        ({"name": None}, ("name", "type", "breaking")),
        ({"id": "no uuid"}, ("id", "format", "warning")),
        ({"color": "green"}, ("color", "enum", "warning")),
        ({"name": "eleven chars"}, ("name", "range", "warning")),
        ({"made_at": "yesterday"}, ("made_at", "format", "warning")),
        ({"owner": {"email": 7}}, ("owner.email", "type", "breaking")),
        ({"owner": {}}, ("owner.email", "missing", "breaking")),
        ({"owner": "me"}, ("owner", "type", "breaking")),
        ({"owner": {"email": "x", "phone": "y"}}, ("owner.phone", "extra", "informational")),
        ({"note": "x"}, ("note", "extra", "informational")),
    ],
)
def test_a_field_of_an_answer_that_differs(change, finding):
    answer = {name: value for name, value in {**GOOD, **change}.items() if value is not ...}

    assert found(got(answer)) == {("get_tag", "response", *finding)}


@pytest.mark.parametrize(
    ("exchange", "finding"),
    [
        (call("GET", "/labels/", 200, {}), ("GET /api/labels/", "request", "", "path", "breaking")),
        (
            call("GET", f"/labels/{ID}/", 200, {}),
            ("GET /api/labels/{id}/", "request", "", "path", "breaking"),
        ),
        (call("PUT", "/tags/", 405, {}), ("PUT /api/tags/", "request", "", "path", "informational")),
        (
            call("GET", "/tags/?limit=x", 200, {"results": []}),
            ("list_tags", "request", "?limit", "type", "warning"),
        ),
        (
            call("GET", "/tags/?page=2", 200, {"results": []}),
            ("list_tags", "request", "?page", "extra", "warning"),
        ),
        (
            call("POST", "/tags/", 201, GOOD, {"name": 5}),
            ("create_tag", "request", "name", "type", "warning"),
        ),
        (
            call("POST", "/tags/", 201, GOOD, {"name": "x", "hue": 5}),
            ("create_tag", "request", "hue", "extra", "warning"),
        ),
        (
            call("POST", "/tags/", 400, {"detail": "no"}, {"name": "x"}),
            ("create_tag", "request", "", "refused", "warning"),
        ),
        (
            call("POST", "/tags/", 400, {"error": "no"}, {}),
            ("create_tag", "response", "detail", "missing", "warning"),
        ),
        (
            call("POST", "/tags/", 200, GOOD, {"name": "x"}),
            ("create_tag", "response", "", "status", "breaking"),
        ),
        (call("GET", "/tags/", 502, {}), ("list_tags", "response", "", "status", "warning")),
        (
            call("GET", "/tags/", 200, {}, headers={"Content-Type": "text/html"}),
            ("list_tags", "response", "header Content-Type", "other", "breaking"),
        ),
        (call("GET", "/tags/17/", 404, {"detail": "no"}), None),
    ],
)
def test_a_call_that_differs(exchange, finding):
    assert finding is None or finding in found(exchange)
    assert len({one for one in found(exchange) if one[4] != "informational"} - {finding}) <= (exchange.status == 400)


def test_an_undocumented_success_hides_no_other_difference():
    assert found(call("POST", "/tags/", 200, {**GOOD, "name": 7}, {"name": "x"})) == {
        ("create_tag", "response", "", "status", "breaking"),
        ("create_tag", "response", "name", "type", "breaking"),
    }


def test_a_call_that_both_refuse_shows_nothing():
    assert found(call("POST", "/tags/", 400, {"detail": "name is required"}, {"nam": "x"})) == set()


def test_items_of_a_list_are_one_finding_that_counts_the_exchanges():
    pages = [
        call("GET", "/tags/", 200, {"results": [{**GOOD, "name": 1}, {**GOOD, "name": 2}]}, source=f"a.har#{n}")
        for n in (1, 2, 3)
    ]
    (finding,) = check(pages, DOCUMENT).findings

    assert (finding.field, finding.count, finding.sources) == (
        "results[].name",
        3,
        ["a.har#1", "a.har#2", "a.har#3"],
    )
    assert finding.example == {"source": "a.har#1", "call": "GET /api/tags/", "status": 200}


def test_what_a_recording_left_out_is_not_missed():
    assert (
        found(
            call("GET", "/tags/", 200, omitted=["response"]),
            call("POST", "/tags/", 201, GOOD, omitted=["request"]),
        )
        == set()
    )


def test_what_was_redacted_is_not_judged():
    assert found(got({**GOOD, "id": "REDACTED", "color": "[Filtered]"})) == set()


def test_preflights_and_the_control_plane_are_left_out():
    report = check(
        [
            call("OPTIONS", "/tags/", 200),
            exchange("GET", "http://host/__mock__/health", {}, b"", 200, {}, b""),
        ],
        DOCUMENT,
    )

    assert (report.exchanges, report.findings) == (0, [])


WRONG = call(
    "POST",
    "/tags/?token=topsecret2",
    201,
    {**GOOD, "name": 70077, "extra\x00": 1},
    {"name": "private name"},
    source="a.har#1",
)


@pytest.mark.parametrize("show_bodies", [False, True])
def test_bodies_are_shown_when_asked_for_and_secrets_never(show_bodies, tmp_path):
    report = check([WRONG], DOCUMENT, show_bodies)
    for kind in ("json", "junit", "html"):
        write(report, kind, tmp_path / kind)
    texts = [text(report), *((tmp_path / kind).read_text() for kind in ("json", "junit", "html"))]

    assert not any("topsecret" in text for text in texts)
    assert any("private name" in text for text in texts) == show_bodies
    assert any("70077" in text for text in texts) == show_bodies


def test_the_text_goes_by_operation_the_worst_first():
    lines = text(check([WRONG, got(GOOD), call("GET", "/labels/", 200, {})], DOCUMENT)).splitlines()

    assert lines[0] == "GET /api/labels/"
    assert lines[4] == "create_tag  POST /tags/"
    assert lines[5] == "  breaking      response 201 name: Expected string, got integer."
    assert lines[6] == "                type, once, such as a.har#1: POST /api/tags/?token=REDACTED -> 201"
    assert (
        lines[-1] == "3 exchanges, 2 of them with 2 operations of the contract: 2 breaking, 1 warning, 1 informational."
    )


def test_the_text_steers_no_terminal():
    shown = text(check([got({**GOOD, "\x1b[2J": 1})], DOCUMENT))

    assert "\x1b" not in shown
    assert "\N{REPLACEMENT CHARACTER}[2J" in shown


def test_reports_are_written(tmp_path):
    report = check([WRONG, got(GOOD)], DOCUMENT)
    for kind in ("json", "junit", "html"):
        write(report, kind, tmp_path / kind)

    assert json.loads((tmp_path / "json").read_text())["summary"] == {
        "breaking": 1,
        "warning": 1,
        "informational": 1,
    }
    suites = {suite.get("name"): suite for suite in ET.parse(tmp_path / "junit").getroot()}
    assert (suites["create_tag"].get("tests"), suites["create_tag"].get("failures")) == ("3", "1")
    assert (suites["get_tag"].get("tests"), suites["get_tag"].get("failures")) == ("1", "0")
    page = (tmp_path / "html").read_text()
    assert page.index('<a href="#operation-1">create_tag</a>') < page.index('<section id="operation-1">')
    section = page[page.index('<section id="operation-1">') :]
    assert "create_tag <small>POST /tags/</small>" in section
    assert "<td>response 201 name</td>\n<td>Expected string, got integer." in section
    assert "get_tag" not in section
    assert "http://" not in page.replace("http://www.w3.org", "")


LIST = {"type": "array", "items": {"$ref": "#/components/schemas/Tag"}}
ENVELOPE = {"type": "object", "required": ["data"], "properties": {"data": {"$ref": "#/components/schemas/Tag"}}}


def wrapped(schema, answer, status=200):
    """{(field, kind): message} of an answer where the contract has a schema."""
    document = copy.deepcopy(DOCUMENT)
    document["paths"]["/tags/{tag_id}/"]["get"]["responses"]["200"] = content(schema)
    report = check([got(answer, status)], document)
    return {(finding.field, finding.kind): finding.message for finding in report.findings}


TAG_SCHEMA = {"$ref": "#/components/schemas/Tag"}


@pytest.mark.parametrize(
    ("schema", "answer", "expected"),
    [
        (TAG_SCHEMA, {"data": GOOD}, {("", "wrapped"): "The record is under `data`."}),
        (
            TAG_SCHEMA,
            {"data": GOOD, "meta": {}},
            {("", "wrapped"): "The record is under `data`.", ("meta", "extra"): ...},
        ),
        (TAG_SCHEMA, {"data": {**GOOD, "name": 7}}, {("", "wrapped"): ..., ("data.name", "type"): ...}),
        (LIST, {"items": [GOOD]}, {("", "wrapped"): "The list is under `items`."}),
        (LIST, {"items": [{**GOOD, "name": 7}]}, {("", "wrapped"): ..., ("items[].name", "type"): ...}),
        (ENVELOPE, GOOD, {("", "wrapped"): "The record is not under `data`: it stands alone."}),
        (ENVELOPE, {**GOOD, "name": 7}, {("", "wrapped"): ..., ("name", "type"): ...}),
        (PAGE, {"data": {"results": [GOOD]}}, {("", "wrapped"): "The record is under `data`."}),
        # a field of the record that looks like one is none
        (PAGE, {"error": "x"}, {("results", "missing"): ..., ("error", "extra"): ...}),
        (ENVELOPE, {"note": "x"}, {("data", "missing"): ..., ("note", "extra"): ...}),
        (
            TAG_SCHEMA,
            {"owner": {}, "id": ID, "color": "red", "made_at": None},
            {("name", "missing"): ..., ("owner.email", "missing"): ...},
        ),
        (LIST, GOOD, {("", "type"): ...}),
    ],
)
def test_a_record_at_another_level_is_said_once(schema, answer, expected):
    found = wrapped(schema, answer)
    assert found.keys() == expected.keys()
    assert all(expected[key] in (..., message) for key, message in found.items())


def test_a_sent_record_at_another_level_is_said_once():
    report = check([call("POST", "/tags/?page=1", 201, GOOD, {"tag": {"name": "x"}})], DOCUMENT)
    assert {(finding.field, finding.kind) for finding in report.findings} == {("", "wrapped"), ("?page", "extra")}


def test_calls_of_other_hosts_are_no_differences():
    elsewhere = [
        exchange("GET", f"https://{host}/x", {}, b"", 200, {}, b"") for host in ("a.example", "a.example", "b")
    ]
    report = check([got(GOOD), *elsewhere], DOCUMENT)

    assert (report.exchanges, report.findings, report.elsewhere) == (1, [], {"a.example": 2, "b": 1})
    assert report.summary().endswith("Not of this API: 3 with other hosts (a.example, b).")


def test_where_the_contract_knows_no_host_all_are_differences():
    report = check([exchange("GET", "https://a.example/x", {}, b"", 200, {}, b"")], DOCUMENT)
    assert (report.exchanges, report.breaking) == (1, True)


def test_what_the_client_had_in_its_cache_is_not_judged():
    report = check([call("GET", "/tags/", 304)], DOCUMENT)
    assert (report.exchanges, report.left_out, report.findings) == (0, 1, [])


def test_an_answer_whose_headers_were_not_kept_is_judged_by_its_body():
    assert found(call("GET", f"/tags/{ID}/", 200, {**GOOD, "name": 7}, headers={})) == {
        ("get_tag", "response", "name", "type", "breaking")
    }


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
@pytest.mark.parametrize("name", ["x", 5])
def test_a_packed_request_gets_the_verdict_of_what_is_in_it(pack, name):
    encoding = {gzip.compress: "gzip", zlib.compress: "deflate"}[pack]

    def sent(headers, body):
        return exchange(
            "POST", "https://host/api/tags/", {**JSON, **headers}, body, 201, JSON, json.dumps(GOOD).encode()
        )

    body = json.dumps({"name": name}).encode()
    assert found(sent({"Content-Encoding": encoding}, pack(body))) == found(sent({}, body))


def test_a_text_in_another_charset_gets_the_verdict_of_what_it_says():
    body = json.dumps({**GOOD, "name": "caf\u00e9"}, ensure_ascii=False).encode("iso-8859-1")
    headers = {"Content-Type": "application/json; charset=ISO-8859-1"}
    assert found(exchange("GET", f"https://host/api/tags/{ID}/", {}, b"", 200, headers, body)) == set()
