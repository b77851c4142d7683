"""Organisations, their sub-organisations and users."""

import re

from mockserver.api import fields
from mockserver.api.filters import Equals, Has
from mockserver.api.problems import Conflict, NotFound
from mockserver.api.resource import INHERITED, Page, Record, Resource
from mockserver.api.scope import ROLES

MAX_SLUG = 100


class Settings(fields.Schema):
    """An organisation's rules. Sent whole: what is left out is off."""

    use_team_permissions = fields.Boolean(
        load_default=False,
        evidence="product",
        description=("Whether records with teams are for the users of these teams, and Admins, alone."),
    )
    order_approval_threshold = fields.Money(
        null=True,
        evidence="product",
        description="Orders above this total, in the order's currency, need approval; null for none.",
    )


class OrgFields(fields.Schema):
    name = fields.Text(required=True, description="Its name.", example="Acme Medical")
    is_sandbox = fields.Boolean(
        load_default=False, evidence="product", description="Whether it is for trying things out."
    )
    settings = fields.Nested(
        Settings,
        load_default=lambda: {"use_team_permissions": False, "order_approval_threshold": None},
        description="Its rules.",
    )


class SubOrgRequest(OrgFields):
    """A sub-organisation."""

    slug = fields.Text(
        max=MAX_SLUG,
        pattern="[a-z0-9]+(-[a-z0-9]+)*",
        evidence="product",
        example="acme-medical",
        description=("Its name in addresses, unique among all organisations. Made from the name when absent."),
    )


class Org(Record, OrgFields):
    """An organisation, or one under it."""

    slug = fields.Text(
        max=MAX_SLUG,
        pattern="[a-z0-9]+(-[a-z0-9]+)*",
        required=True,
        evidence="product",
        description="Its name in addresses, unique among all.",
    )
    parent_org_id = fields.Ref(
        "org", dump_only=True, null=True, description="The organisation above it; null at the top."
    )


class User(Record):
    """A person of the organisation."""

    email = fields.Email(required=True, evidence="product")
    first_name = fields.Text(required=True, evidence="product")
    last_name = fields.Text(required=True, evidence="product")
    title = fields.Text(null=True, evidence="product", description="The job title.")
    roles = fields.Array(
        fields.Choice(*ROLES),
        load_default=list,
        unique=True,
        evidence="product",
        description="What the user may do; roles add up.",
    )
    team_ids = fields.Refs(
        "team", on_delete=fields.SET_NULL, evidence="product", description="The teams the user is in."
    )
    is_active = fields.Boolean(load_default=True, description="Whether the user can sign in.")


class Orgs(Resource):
    def add(self, scope, values, *, id=None, org_id=INHERITED):
        """A new organisation. It belongs to itself."""
        id = id or scope.sandbox.new_id("org")
        return super().add(scope, values, id=id, org_id=id)


class Users(Resource):
    def shown(self, scope, record):
        """A user is in teams, and not hidden by them."""
        return True


class SubOrgs(Resource):
    """The organisations under another, kept among all organisations.

    With `?org_id=` of the one above they are all there, with that of one of them it alone.
    """

    def locate(self, scope, id):
        org = scope.find("org", id.lower())
        if org is None or org not in self.all(scope):
            raise NotFound
        return org

    def page(self, scope, *, query):
        """The organisations under the key's own, oldest first."""
        found, limit, offset = self.all(scope), query["limit"], query["offset"]
        return Page(len(found), found[offset : offset + limit], limit, offset)

    def records(self, store):
        return [org for org in store["org"] if org["parent_org_id"]]

    def all(self, scope) -> list[dict]:
        return [
            org
            for org in scope.where("org", "parent_org_id", scope.primary_org_id)
            if org["id"] in scope.org_ids or org["parent_org_id"] in scope.org_ids
        ]

    def add(self, scope, values, *, id=None, org_id=INHERITED):
        return orgs.add(scope, {**values, "parent_org_id": scope.org_id}, id=id)

    def change(self, scope, record, values):
        return orgs.change(scope, record, values)


orgs = Orgs("org", Org, indexes={"slug": lambda org: (org["slug"],)})
sub_orgs = SubOrgs("sub_org", Org, record_type="Org", list="list_sub_orgs", retrieve="get_sub_org")
users = Users(
    "user",
    User,
    list="list_users",
    retrieve="get_user",
    filters={"email": Equals("email"), "role": Has("roles"), "team_id": Has("team_ids")},
)


@orgs.action("get_org")
def get_org(scope):
    """The key's primary organisation, or the one `?org_id=` names."""
    return scope.get("org", scope.org_id)


@sub_orgs.action(
    "create_sub_org",
    body=SubOrgRequest,
    status=201,
    conflict=("An organisation with this slug exists already, or the organisation is a sub-organisation itself."),
)
def create_sub_org(scope, data):
    """A sub-organisation: a library and purchasing rules apart, in reach of the same key."""
    if scope.get("org", scope.org_id)["parent_org_id"]:
        raise Conflict("A sub-organisation has none under it: leave org_id out, or name the organisation at the top.")
    return sub_orgs.add(scope, {"slug": free_slug(scope, data["name"]), **data})


@sub_orgs.action(
    "update_sub_org",
    body=SubOrgRequest,
    partial=True,
    conflict="An organisation with this slug exists already.",
)
def update_sub_org(scope, org, data):
    """Change a sub-organisation. Its slug stays when its name changes; `settings` is replaced whole."""
    return sub_orgs.change(scope, org, data)


@orgs.check
def keep_slug_unique(scope, after, before):
    if (before is None or before["slug"] != after["slug"]) and orgs.count(scope, "slug", after["slug"]):
        raise Conflict(f"Org with this slug already exists: {after['slug']}.")


@orgs.destroying
def keep_what_is_owned(scope, org):
    """No operation deletes an organisation, but the control plane can."""
    owned = sum(resource.count(scope, "org_id", org["id"]) for resource in scope.resources.values()) - 1  # itself
    below = orgs.count(scope, "parent_org_id", org["id"])
    if owned or below:
        raise Conflict(f"This organisation cannot be deleted: {owned + below} record(s) belong to it.")


def free_slug(scope, name: str) -> str:
    """The name in lower case with hyphens, and a number behind it when that is taken."""
    slug = slugified(name)
    number = 1
    while orgs.count(scope, "slug", slug):
        number += 1
        ending = f"-{number}"
        slug = slugified(name)[: MAX_SLUG - len(ending)].rstrip("-") + ending
    return slug


def slugified(name: str) -> str:
    return re.sub("[^a-z0-9]+", "-", name.lower())[:MAX_SLUG].strip("-") or "org"


@users.fake
def fake(f):
    first, last = f.faker.first_name(), f.faker.last_name()
    org = f.one("org")
    return {
        "email": f.unique(f"{first}.{last}".lower()) + f"@{org['slug']}.example.com",
        "first_name": first,
        "last_name": last,
        "title": f.choice(["Buyer", "Electronics Engineer", "Production Planner", "Quality Engineer"]),
        "roles": [f.choice(ROLES)],
        "org_id": org["id"],
    }
