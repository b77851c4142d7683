"""Organisations, their sub-organisations and users."""
from mockserver.api import fields
from mockserver.api.filters import Contains, Equals, Has
from mockserver.api.resource import Record, Resource
from mockserver.api.scope import ROLES


class Settings(fields.Schema):
    use_team_permissions = fields.Boolean(load_default=False, evidence="product", description="Whether users see only the records of their teams.")
    order_approval_threshold = fields.Money(null=True, evidence="product", description="Orders above this total, in the order's currency, need approval; null for none.")


class Org(Record):
    """An organisation, or one under it."""

    name = fields.Text(required=True, description="Its name.")
    slug = fields.Text(max=100, pattern="[a-z0-9]+(-[a-z0-9]+)*", required=True, evidence="product", description="Its name in addresses, unique.")
    parent_org_id = fields.Ref("org", dump_only=True, null=True, description="The organisation above it; null at the top.")
    is_sandbox = fields.Boolean(load_default=False, evidence="product", description="Whether it is for trying things out.")
    settings = fields.Nested(Settings, load_default=lambda: {"use_team_permissions": False, "order_approval_threshold": None})


class User(Record):
    """A person of the organisation."""

    email = fields.Email(required=True)
    first_name = fields.Text(required=True, evidence="product")
    last_name = fields.Text(required=True, evidence="product")
    title = fields.Text(null=True, evidence="product", description="The job title.")
    roles = fields.Array(fields.Choice(*ROLES), load_default=list, unique=True, evidence="product", description="What the user may do; roles add up.")
    team_ids = fields.Refs("team", evidence="product", description="The teams the user is in.")
    is_active = fields.Boolean(load_default=True)


orgs = Resource("org", Org)
users = Resource("user", User, filters={"email": Equals("email"), "role": Has("roles"), "team_id": Has("team_ids")})
__all__ = ["Contains", "orgs", "users"]
