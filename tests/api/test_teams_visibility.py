"""Team permissions: what a key sees of the records that teams carry."""

import pytest

from tests.conftest import VIEWER_KEY


@pytest.fixture
def world(api):
    """Ids by name: BOMs of two teams and of none, with the switch on. Chloe is in one of the teams."""
    chloe = next(user for user in api.get("/v1/users/")["results"] if user["first_name"] == "Chloe")
    mine = api.post("/v1/teams/", {"name": "Mine", "user_ids": [chloe["id"]]})["id"]
    theirs = api.post("/v1/teams/", {"name": "Theirs"})["id"]
    boms = {
        name: api.post("/v1/boms/", {"name": name, "team_ids": team_ids})["id"]
        for name, team_ids in {
            "see mine": [mine],
            "see theirs": [theirs],
            "see both": [mine, theirs],
            "see all": [],
        }.items()
    }
    switch(api, api.get("/v1/org/")["id"], True)
    return {"mine": mine, "theirs": theirs, "chloe": chloe["id"], **boms}


@pytest.fixture
def chloe(api, world):
    return api.as_key(VIEWER_KEY)


def switch(api, org_id, on):
    """Team permissions of an organisation. The one at the top is not set up through the API."""
    org = api.sandbox.store["org"].get(org_id)
    api.sandbox.store.replace("org", {**org, "settings": {**org["settings"], "use_team_permissions": on}})


def change_key(api, **values):
    key = next(key for key in api.sandbox.store["api_key"] if key["key"] == VIEWER_KEY)
    api.sandbox.store.replace("api_key", {**key, **values})


def seen(client, query="name=see "):
    return {bom["name"] for bom in client.get(f"/v1/boms/?{query}")["results"]}


EVERYTHING = {"see mine", "see theirs", "see both", "see all"}


def test_a_user_sees_the_records_of_its_teams_and_those_of_none(chloe):
    assert seen(chloe) == {"see mine", "see both", "see all"}


def test_the_count_and_the_pages_leave_out_what_is_hidden(chloe):
    listed = chloe.get("/v1/boms/?name=see%20&limit=2")
    assert listed["count"] == 3
    assert [bom["name"] for bom in chloe.get(listed["next"].removeprefix("http://localhost"))["results"]] == ["see all"]


def test_a_hidden_record_is_not_there(chloe, world):
    chloe.get(f"/v1/boms/{world['see mine']}/")
    chloe.get(f"/v1/boms/{world['see theirs']}/", expect=404)
    chloe.get(f"/v1/boms/{world['see theirs']}/lines/", expect=404)


def test_a_filter_by_another_team_finds_what_is_shared(chloe, world):
    assert seen(chloe, f"team_id={world['theirs']}") == {"see both"}


def test_an_admin_sees_everything(api, world):
    assert seen(api) == EVERYTHING


def test_an_admins_role_on_the_key_counts(api, chloe):
    change_key(api, roles=["Admin"])
    assert seen(chloe) == EVERYTHING


def test_a_key_of_nobody_sees_everything(api, chloe):
    change_key(api, user_id=None)
    assert seen(chloe) == EVERYTHING


def test_without_the_switch_everybody_sees_everything(api, chloe):
    switch(api, api.get("/v1/org/")["id"], False)
    assert seen(chloe) == EVERYTHING


def test_who_joins_a_team_sees_its_records_and_who_leaves_does_not(api, chloe, world):
    api.patch(f"/v1/teams/{world['theirs']}/", {"user_ids": [world["chloe"]]})
    assert seen(chloe) == EVERYTHING
    api.patch(f"/v1/teams/{world['mine']}/", {"user_ids": []})
    assert seen(chloe) == {"see theirs", "see both", "see all"}


def test_a_hidden_record_cannot_be_written_to(api, chloe, world):
    change_key(api, roles=["Editor"])
    chloe.patch(f"/v1/boms/{world['see theirs']}/", {"name": "taken"}, expect=404)
    chloe.delete(f"/v1/boms/{world['see theirs']}/", expect=404)
    assert chloe.patch(f"/v1/boms/{world['see mine']}/", {"version": "B"})["version"] == "B"


def test_a_sub_organisation_has_a_switch_of_its_own(api, chloe, world):
    sub_org = api.get("/v1/sub_orgs/")["results"][0]
    api.post(f"/v1/boms/?org_id={sub_org['id']}", {"name": "see below", "team_ids": [world["theirs"]]})
    assert "see below" in seen(chloe)
    api.patch(f"/v1/sub_orgs/{sub_org['id']}/", {"settings": {"use_team_permissions": True}})
    assert "see below" not in seen(chloe)


def test_suppliers_are_seen_by_the_same_rule(api, chloe, world):
    hidden = api.post("/v1/suppliers/", {"name": "Hidden", "team_ids": [world["theirs"]]})
    shown = api.post("/v1/suppliers/", {"name": "Shown", "team_ids": [world["mine"]]})
    chloe.get(f"/v1/suppliers/{hidden['id']}/", expect=404)
    chloe.get(f"/v1/suppliers/{shown['id']}/")


def test_users_and_teams_are_seen_whatever_teams_they_are_in(api, chloe, world):
    ben = next(user["id"] for user in api.get("/v1/users/")["results"] if user["first_name"] == "Ben")
    api.patch(f"/v1/teams/{world['theirs']}/", {"user_ids": [ben]})
    assert world["theirs"] in chloe.get(f"/v1/users/{ben}/")["team_ids"]
    assert chloe.get(f"/v1/users/?team_id={world['theirs']}")["count"] == 1
    assert chloe.get(f"/v1/teams/{world['theirs']}/")["user_ids"] == [ben]
