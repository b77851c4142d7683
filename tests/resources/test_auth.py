"""The API key: how it changes itself."""

import pytest

ANSWER = {"id", "name", "prefix", "created_at", "expires_at", "last_used_at", "key"}
UNCHANGED = "mockkey1.00000000000000000000000000000000"


def test_a_key_is_renamed_and_its_secret_not_shown(api):
    key = api.patch("/v1/api_key/", {"name": "ERP"})
    assert set(key) == ANSWER
    assert (key["name"], key["prefix"], key["key"]) == ("ERP", "mockkey1", None)
    assert key["last_used_at"] == "2026-01-15T09:00:00Z"


def test_nothing_sent_is_nothing_changed(api):
    first = api.patch("/v1/api_key/", {})
    assert (first["name"], first["expires_at"], first["key"]) == ("Admin key", None, None)
    assert api.patch("/v1/api_key/", {"rotate": False}) == first


def test_a_rotated_key_replaces_the_old_one(api):
    answer = api.patch("/v1/api_key/", {"rotate": True})
    prefix, _, secret = answer["key"].partition(".")
    assert prefix == answer["prefix"] == "mockkey1"
    assert len(secret) == 32
    assert api.get("/v1/org/", expect=401)["detail"] == "Invalid API key."
    rotated = api.as_key(answer["key"])
    assert rotated.patch("/v1/api_key/", {})["id"] == answer["id"]


def test_each_rotation_gives_another_key(api):
    seen = [UNCHANGED]
    for _ in range(3):
        seen.append(api.as_key(seen[-1]).patch("/v1/api_key/", {"rotate": True})["key"])
    assert len(set(seen)) == 4


def test_a_reset_brings_the_first_key_back(api):
    api.patch("/v1/api_key/", {"rotate": True})
    api.sandbox.reset()
    assert api.get("/v1/org/")["slug"] == "acme-robotics"


def test_a_key_is_refused_from_its_expiry_on(api):
    key = api.patch("/v1/api_key/", {"expires_at": "2026-01-15T12:00:00+02:00"})
    assert key["expires_at"] == "2026-01-15T10:00:00Z"
    api.sandbox.clock.advance(minutes=59)
    api.get("/v1/org/")
    api.sandbox.clock.advance(minutes=1)
    assert api.get("/v1/org/", expect=401)["detail"] == "This API key has expired."


def test_an_expiry_is_taken_back(api):
    api.patch("/v1/api_key/", {"expires_at": "2026-01-15T10:00:00Z"})
    assert api.patch("/v1/api_key/", {"expires_at": None})["expires_at"] is None
    api.sandbox.clock.advance(hours=2)
    api.get("/v1/org/")


@pytest.mark.parametrize("moment", ["2026-01-15T09:00:00Z", "2020-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_an_expiry_in_the_past_is_refused_and_nothing_changes(api, moment):
    refused = api.patch("/v1/api_key/", {"expires_at": moment, "name": "ERP", "rotate": True}, expect=409)
    assert "2026-01-15T09:00:00Z" in refused["detail"]
    assert api.patch("/v1/api_key/", {})["name"] == "Admin key"


def test_the_last_moment_of_the_calendar_is_an_expiry_too(api):
    api.patch("/v1/api_key/", {"expires_at": "9999-12-31T23:59:59Z"})
    api.get("/v1/org/")


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_a_moment_out_of_the_calendar_in_utc_is_refused(api, moment):
    refused = api.patch("/v1/api_key/", {"expires_at": moment}, expect=400)
    assert refused == {"expires_at": ["Datetime value out of range."]}


@pytest.mark.parametrize(
    "body", [{"name": None}, {"name": ""}, {"expires_at": "soon"}, {"rotate": "yes"}, {"rotate": None}]
)
def test_a_malformed_change_is_refused(api, body):
    assert list(body) == list(api.patch("/v1/api_key/", body, expect=400))


def test_the_last_use_is_noted(api):
    api.get("/v1/org/")
    api.sandbox.clock.advance(minutes=5)
    assert api.patch("/v1/api_key/", {})["last_used_at"] == "2026-01-15T09:05:00Z"
