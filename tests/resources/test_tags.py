"""Tags: labels, and the records that wear them."""

import pytest


def test_a_tag_is_created_read_changed_and_listed(api):
    created = api.call(
        "POST",
        "/v1/tags/",
        json={"name": "Automotive", "color": "#1F77b4", "description": "AEC-Q parts only."},
        expect=201,
    )
    tag = api.get(created.headers["Location"])
    assert (tag["name"], tag["color"], tag["description"]) == ("Automotive", "#1F77b4", "AEC-Q parts only.")
    changed = api.patch(f"/v1/tags/{tag['id']}/", {"description": None})
    assert changed["description"] is None
    assert changed["color"] == "#1F77b4"
    assert api.get("/v1/tags/")["results"][-1] == changed


def test_a_tag_without_a_colour_is_grey(api):
    assert api.post("/v1/tags/", {"name": "Plain"})["color"] == "#808080"


def test_a_name_is_taken_once_in_an_organisation(api):
    tag = api.post("/v1/tags/", {"name": "Automotive"})
    api.post("/v1/tags/", {"name": "Automotive"}, expect=409)
    other = api.post("/v1/tags/", {"name": "Medical"})
    api.patch(f"/v1/tags/{other['id']}/", {"name": "Automotive"}, expect=409)
    api.patch(f"/v1/tags/{tag['id']}/", {"name": "Automotive"})
    sub_org = api.get("/v1/sub_orgs/")["results"][0]
    api.post(f"/v1/tags/?org_id={sub_org['id']}", {"name": "Automotive"}, expect=201)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": 7},
        {"name": "x", "color": "red"},
        {"name": "x", "color": "#12345"},
        {"name": "x" * 256},
    ],
)
def test_a_malformed_tag_is_refused(api, body):
    api.post("/v1/tags/", body, expect=400)


def test_a_record_is_found_by_its_tag(api):
    tag = api.post("/v1/tags/", {"name": "Automotive"})
    bom = api.post("/v1/boms/", {"name": "Dashboard", "tag_ids": [tag["id"]]})
    assert [found["id"] for found in api.get(f"/v1/boms/?tag_id={tag['id']}")["results"]] == [bom["id"]]


def test_a_tag_that_is_not_there_is_refused_by_name(api):
    unknown = "00000000-0000-4000-8000-000000000000"
    refused = api.post("/v1/boms/", {"name": "Dashboard", "tag_ids": [unknown]}, expect=400)
    assert refused == {"tag_ids": [f'Invalid pk "{unknown}" - object does not exist.']}
    api.get(f"/v1/tags/{unknown}/", expect=404)
