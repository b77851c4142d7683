"""Teams and team types: who is in them, what keeps them from being deleted."""

import pytest

from mockserver import worlds
from mockserver._yaml import YamlError


@pytest.fixture
def people(api):
    """The ids of the users, by first name."""
    return {user["first_name"]: user["id"] for user in api.get("/v1/users/")["results"]}


def team_ids(api, user_id):
    return api.get(f"/v1/users/{user_id}/")["team_ids"]


def test_a_team_has_users_and_they_have_the_team(api, people):
    created = api.call(
        "POST",
        "/v1/teams/",
        json={"name": "Night shift", "user_ids": [people["Ben"], people["Eva"]]},
        expect=201,
    )
    team = api.get(created.headers["Location"])
    assert team == created.json
    assert set(team["user_ids"]) == {people["Ben"], people["Eva"]}
    assert team["id"] in team_ids(api, people["Ben"])
    assert team["id"] not in team_ids(api, people["Chloe"])


def test_new_user_ids_replace_the_old_at_both_ends(api, people):
    team = api.post("/v1/teams/", {"name": "Night shift", "user_ids": [people["Ben"], people["Eva"]]})
    team = api.patch(f"/v1/teams/{team['id']}/", {"user_ids": [people["Chloe"], people["Eva"]]})
    assert set(team["user_ids"]) == {people["Chloe"], people["Eva"]}
    assert team["id"] not in team_ids(api, people["Ben"])
    assert team["id"] in team_ids(api, people["Chloe"])
    listed = api.get(f"/v1/users/?team_id={team['id']}")["results"]
    assert {user["first_name"] for user in listed} == {"Chloe", "Eva"}


def test_a_change_of_the_name_leaves_the_users(api, people):
    team = api.post("/v1/teams/", {"name": "Night shift", "user_ids": [people["Ben"]]})
    assert api.patch(f"/v1/teams/{team['id']}/", {"name": "Late shift"})["user_ids"] == [people["Ben"]]


def test_a_user_keeps_the_teams_it_was_in(api, people):
    before = team_ids(api, people["Ben"])
    first = api.post("/v1/teams/", {"name": "Night shift", "user_ids": [people["Ben"]]})
    second = api.post("/v1/teams/", {"name": "Fire brigade", "user_ids": [people["Ben"]]})
    assert team_ids(api, people["Ben"]) == [*before, first["id"], second["id"]]
    api.delete(f"/v1/teams/{first['id']}/")
    assert team_ids(api, people["Ben"]) == [*before, second["id"]]


def test_an_unknown_user_is_refused_and_nothing_is_created(api, people):
    unknown = "00000000-0000-4000-8000-000000000000"
    api.post("/v1/teams/", {"name": "Night shift", "user_ids": [people["Ben"], unknown]}, expect=400)
    assert api.get("/v1/teams/?name=night")["count"] == 0


def test_a_team_that_a_record_carries_stays(api, people):
    team = api.post("/v1/teams/", {"name": "Night shift", "user_ids": [people["Ben"]]})
    bom = api.post("/v1/boms/", {"name": "Torch", "team_ids": [team["id"]]})
    assert "bom" in api.delete(f"/v1/teams/{team['id']}/", expect=409).json["detail"]
    assert team["id"] in team_ids(api, people["Ben"])
    api.delete(f"/v1/boms/{bom['id']}/")
    api.delete(f"/v1/teams/{team['id']}/")
    api.get(f"/v1/teams/{team['id']}/", expect=404)


def test_archiving_twice_is_archiving_once(api):
    team = api.post("/v1/teams/", {"name": "Night shift"})
    assert (team["archived"], team["archived_at"]) == (False, None)
    archived = api.post(f"/v1/teams/{team['id']}/archive/")
    assert (archived["archived"], archived["archived_at"]) == (True, "2026-01-15T09:00:00Z")
    api.sandbox.clock.advance(hours=1)
    assert api.post(f"/v1/teams/{team['id']}/archive/") == archived
    restored = api.post(f"/v1/teams/{team['id']}/unarchive/")
    assert (restored["archived"], restored["archived_at"]) == (False, None)
    api.sandbox.clock.advance(hours=1)
    assert api.post(f"/v1/teams/{team['id']}/unarchive/") == restored


def test_archived_teams_are_listed_when_asked_for(api):
    team = api.post("/v1/teams/", {"name": "Night shift"})
    api.post(f"/v1/teams/{team['id']}/archive/")
    assert api.get("/v1/teams/?name=night")["count"] == 0
    assert api.get("/v1/teams/?name=night&archived=true")["count"] == 1
    assert api.get(f"/v1/teams/{team['id']}/")["archived"] is True


def test_team_names_are_unique_archived_ones_included(api):
    team = api.post("/v1/teams/", {"name": "Night shift"})
    api.post(f"/v1/teams/{team['id']}/archive/")
    api.post("/v1/teams/", {"name": "Night shift"}, expect=409)
    other = api.post("/v1/teams/", {"name": "Late shift"})
    api.patch(f"/v1/teams/{other['id']}/", {"name": "Night shift"}, expect=409)


def test_a_team_type_is_created_read_changed_and_listed(api):
    created = api.call("POST", "/v1/team_types/", json={"name": "Guild"}, expect=201)
    type_ = api.get(created.headers["Location"])
    assert api.patch(f"/v1/team_types/{type_['id']}/", {"name": "Chapter"})["name"] == "Chapter"
    assert [found["id"] for found in api.get("/v1/team_types/?name=chapter")["results"]] == [type_["id"]]
    api.post("/v1/team_types/", {"name": "Chapter"}, expect=409)


def test_a_type_that_a_team_is_of_stays(api):
    type_ = api.post("/v1/team_types/", {"name": "Guild"})
    team = api.post("/v1/teams/", {"name": "Testers", "team_type_id": type_["id"]})
    assert [found["id"] for found in api.get(f"/v1/teams/?team_type_id={type_['id']}")["results"]] == [team["id"]]
    assert "team" in api.delete(f"/v1/team_types/{type_['id']}/", expect=409).json["detail"]
    api.patch(f"/v1/teams/{team['id']}/", {"team_type_id": None})
    api.delete(f"/v1/team_types/{type_['id']}/")
    api.get(f"/v1/team_types/{type_['id']}/", expect=404)


def test_a_fixture_says_who_is_in_a_team_at_the_users(tmp_path):
    fixture = tmp_path / "small.yaml"
    head = "records:\n  org: {acme: {name: Acme, slug: acme}}\n  api_key: [{name: Key}]\n"
    user = "email: ada@acme.example.com, first_name: Ada, last_name: Okafor"
    fixture.write_text(head + f"  user: {{ada: {{{user}, team_ids: [power]}}}}\n  team: {{power: {{name: Power}}}}\n")
    world = worlds.load(fixture)
    user, team = next(iter(world.store["user"])), next(iter(world.store["team"]))
    assert user["team_ids"] == [team["id"]]

    fixture = tmp_path / "wrong.yaml"
    fixture.write_text(
        head + "  user: {ada: {email: ada@acme.example.com, first_name: Ada, last_name: Okafor}}\n"
        "  team: {power: {name: Power, user_ids: [ada]}}\n"
    )
    with pytest.raises(YamlError, match="list the team in their team_ids"):
        worlds.load(fixture)
