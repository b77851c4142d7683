"""API keys."""

from mockserver.api import fields
from mockserver.api.problems import Conflict
from mockserver.api.resource import Record, Resource
from mockserver.api.scope import ROLES
from mockserver.sandbox import ids
from mockserver.sandbox.clock import moment


class ApiKeyFields(fields.Schema):
    name = fields.Text(required=True, description="What it is for.", example="ERP connector")
    expires_at = fields.Timestamp(null=True, description="From when on it is refused; null for never.")


class ApiKeyRequest(ApiKeyFields):
    """The calling key, as it shall be."""

    rotate = fields.Boolean(
        load_default=False,
        description="Whether to put a new secret in place of the key. The old one is refused from then on.",
    )


class ApiKey(Record, ApiKeyFields):
    """A key of the API."""

    prefix = fields.Text(dump_only=True, description="The key up to its point.")
    key = fields.Text(dump_only=True, description="The key itself.")
    roles = fields.Array(fields.Choice(*ROLES), dump_only=True, description="What it may do; roles add up.")
    user_id = fields.Ref(
        "user",
        dump_only=True,
        null=True,
        on_delete=fields.CASCADE,
        description="Whose key it is; null for nobody's.",
    )
    last_used_at = fields.Timestamp(dump_only=True, null=True, description="When it was last used, to the minute.")


class UpdatedApiKey(fields.Schema):
    """The calling key. Its secret is answered once: when it is new."""

    id = fields.Id(description="The key's id.")
    name = fields.Text(description="What it is for.")
    prefix = fields.Text(description="The key up to its point. It stays when the key is rotated.")
    created_at = fields.Timestamp(description="When it was created.")
    expires_at = fields.Timestamp(null=True, description="From when on it is refused; null for never.")
    last_used_at = fields.Timestamp(null=True, description="When it was last used, to the minute.")
    key = fields.Text(null=True, description="The new key after a rotation, else null. It is not shown again.")


api_keys = Resource("api_key", ApiKey, indexes={"prefix": lambda key: (key["prefix"],)}, hidden={"key": fields.Text()})


@api_keys.action(
    "update_api_key",
    body=ApiKeyRequest,
    partial=True,
    returns=UpdatedApiKey,
    conflict="The moment of expiry is in the past.",
)
def update_api_key(scope, data):
    """Change the key the request is made with: rename it, let it expire, or rotate it."""
    data = dict(data)
    rotate = data.pop("rotate", False)
    if data.get("expires_at") and moment(data["expires_at"]) <= scope.sandbox.clock.now():
        raise Conflict(f"expires_at is in the past: it is {scope.now} now. Name a later moment, or null for no expiry.")
    if rotate:
        data["key"] = rotated(scope.sandbox.seed, scope.key)
    key = api_keys.change(scope, scope.key, data)
    return {name: key[name] for name in UpdatedApiKey._declared_fields} | {"key": key["key"] if rotate else None}


@api_keys.seed
def seed(world, values):
    """A key takes the roles of its user, and a secret of its own, unless told otherwise."""
    user = world.sandbox.store["user"].get(values["user_id"]) if values.get("user_id") else None
    ordinal = world.sandbox.store.next_ordinal("api_key")
    values.setdefault("roles", user["roles"] if user else [])
    values.setdefault("key", ids.api_key(world.seed, "api_key", ordinal))
    return {**values, "prefix": values["key"].partition(".")[0]}


def rotated(seed, key: dict) -> str:
    """The secret that follows a key's. It keeps the prefix, by which the key's sandbox is found."""
    return f"{key['prefix']}.{ids.digest(seed, 'rotated', key['key']):032x}"
