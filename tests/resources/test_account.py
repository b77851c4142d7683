"""Organisations, sub-organisations, users."""

import pytest


def test_the_organisation_is_the_keys_own(api):
    org = api.get("/v1/org/")
    assert (org["slug"], org["parent_org_id"], org["org_id"]) == ("acme-robotics", None, org["id"])
    assert org["settings"]["use_team_permissions"] is False


def test_org_id_names_another_organisation_in_reach(api):
    sub_org = api.get("/v1/sub_orgs/")["results"][0]
    assert api.get(f"/v1/org/?org_id={sub_org['id']}") == sub_org
    api.get("/v1/org/?org_id=00000000-0000-4000-8000-000000000000", expect=404)


def test_sub_orgs_are_those_under_the_organisation(api):
    listed = api.get("/v1/sub_orgs/?limit=1")
    assert (listed["count"], len(listed["results"])) == (2, 1)
    rest = api.get("/v1/sub_orgs/?limit=1&offset=1")["results"]
    top = api.get("/v1/org/")
    assert {org["parent_org_id"] for org in [*listed["results"], *rest]} == {top["id"]}


def test_org_id_of_the_top_keeps_its_sub_orgs_and_that_of_a_sub_org_it_alone(api):
    top = api.get("/v1/org/")
    first, second = api.get(f"/v1/sub_orgs/?org_id={top['id']}")["results"]
    assert api.get(f"/v1/sub_orgs/{first['id']}/?org_id={top['id']}") == first
    assert api.get(f"/v1/sub_orgs/?org_id={second['id']}")["results"] == [second]
    api.get(f"/v1/sub_orgs/{first['id']}/?org_id={second['id']}", expect=404)


def test_the_organisation_itself_is_no_sub_org(api):
    top = api.get("/v1/org/")
    api.get(f"/v1/sub_orgs/{top['id']}/", expect=404)
    api.patch(f"/v1/sub_orgs/{top['id']}/", {"name": "Mine"}, expect=404)


def test_a_new_sub_org_is_in_reach_at_once(api):
    created = api.call("POST", "/v1/sub_orgs/", json={"name": "Acme Space", "slug": "space"}, expect=201)
    sub_org = created.json
    assert sub_org == api.get(created.headers["Location"])
    assert (sub_org["slug"], sub_org["is_sandbox"], sub_org["org_id"]) == ("space", False, sub_org["id"])
    assert sub_org["parent_org_id"] == api.get("/v1/org/")["id"]
    bom = api.post(f"/v1/boms/?org_id={sub_org['id']}", {"name": "Rocket"})
    assert api.get(f"/v1/boms/?org_id={sub_org['id']}")["results"] == [bom]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Acme Space & Sea", "acme-space-sea"),
        ("Acme Medical", "acme-medical-2"),
        ("???", "org"),
        ("x" * 200, "x" * 100),
    ],
)
def test_a_slug_is_made_from_the_name(api, name, slug):
    assert api.post("/v1/sub_orgs/", {"name": name})["slug"] == slug


def test_made_slugs_never_clash(api):
    slugs = [api.post("/v1/sub_orgs/", {"name": "x" * 120})["slug"] for _ in range(3)]
    assert slugs == ["x" * 100, "x" * 98 + "-2", "x" * 98 + "-3"]


def test_a_slug_is_taken_once_over_all_organisations(api):
    assert (
        "acme-robotics" in api.post("/v1/sub_orgs/", {"name": "Space", "slug": "acme-robotics"}, expect=409)["detail"]
    )
    sub_org = api.post("/v1/sub_orgs/", {"name": "Space", "slug": "space"})
    api.post("/v1/sub_orgs/", {"name": "Other", "slug": "space"}, expect=409)
    api.patch(f"/v1/sub_orgs/{sub_org['id']}/", {"slug": "acme-medical"}, expect=409)
    api.patch(f"/v1/sub_orgs/{sub_org['id']}/", {"slug": "space", "name": "Outer Space"})


@pytest.mark.parametrize("slug", ["", "Upper", "a--b", "-a", "a_b", None])
def test_a_malformed_slug_is_refused(api, slug):
    assert "slug" in api.post("/v1/sub_orgs/", {"name": "Space", "slug": slug}, expect=400)


def test_a_sub_org_has_none_under_it(api):
    sub_org = api.get("/v1/sub_orgs/")["results"][0]
    api.post(f"/v1/sub_orgs/?org_id={sub_org['id']}", {"name": "Deeper"}, expect=409)


def test_settings_of_a_sub_org_are_sent_whole(api):
    sub_org = api.post("/v1/sub_orgs/", {"name": "Space", "settings": {"order_approval_threshold": "500.00"}})
    assert sub_org["settings"] == {"use_team_permissions": False, "order_approval_threshold": "500.00"}
    changed = api.patch(f"/v1/sub_orgs/{sub_org['id']}/", {"settings": {"use_team_permissions": True}})
    assert changed["settings"] == {"use_team_permissions": True, "order_approval_threshold": None}
    assert (changed["name"], changed["slug"]) == ("Space", "space")


def test_users_are_listed_and_read(api):
    users = api.get("/v1/users/")["results"]
    ben = next(user for user in users if user["first_name"] == "Ben")
    assert api.get(f"/v1/users/{ben['id']}/") == ben
    assert (ben["email"], ben["title"], ben["roles"], ben["is_active"]) == (
        "ben@acme.example.com",
        "Electronics Engineer",
        ["Editor"],
        True,
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"email": "ada@acme.example.com"}, {"Ada"}),
        ({"role": "Editor"}, {"Ben", "Eva"}),
        ({"role": "Procurement Approver", "email": "ben@acme.example.com"}, set()),
    ],
)
def test_users_are_found_by_address_and_role(api, query, found):
    users = api.get("/v1/users/", query_string=query)["results"]
    assert {user["first_name"] for user in users} & {"Ada", "Ben", "Chloe", "Dev", "Eva"} == found


def test_an_unknown_role_is_a_bad_query(api):
    assert "role" in api.get("/v1/users/?role=King", expect=400)


def test_a_user_of_an_organisation_out_of_reach_is_not_there(api):
    ben = next(user for user in api.get("/v1/users/?role=Editor")["results"])
    sub_org = api.get("/v1/sub_orgs/")["results"][0]
    api.get(f"/v1/users/{ben['id']}/?org_id={sub_org['id']}", expect=404)


def test_org_id_is_an_id_however_it_is_written(api):
    sub_org = api.get("/v1/sub_orgs/")["results"][0]
    assert api.get(f"/v1/org/?org_id={sub_org['id'].upper()}") == sub_org
