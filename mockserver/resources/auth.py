"""API keys."""
from mockserver.api import fields
from mockserver.api.resource import Record, Resource
from mockserver.api.scope import ROLES
from mockserver.sandbox import ids


class ApiKey(Record):
    """A key of the API. `key` itself is shown once, when it is made."""

    name = fields.Text(required=True)
    prefix = fields.Text(dump_only=True, description="The key up to its point.")
    key = fields.Text(dump_only=True, description="The key itself.")
    roles = fields.Array(fields.Choice(*ROLES), dump_only=True)
    user_id = fields.Ref("user", dump_only=True, null=True, on_delete=fields.CASCADE)
    expires_at = fields.Timestamp(null=True)
    last_used_at = fields.Timestamp(dump_only=True, null=True)


api_keys = Resource("api_key", ApiKey, indexes={"prefix": lambda key: (key["prefix"],)}, hidden=("key",))


@api_keys.seed
def seed(world, values):
    """A key takes the roles of its user, and a secret of its own, unless told otherwise."""
    user = world.sandbox.store["user"].get(values["user_id"]) if values.get("user_id") else None
    ordinal = world.sandbox.store.next_ordinal("api_key")
    values.setdefault("roles", user["roles"] if user else [])
    values.setdefault("key", new_secret(world.seed, "api_key", ordinal))
    return {**values, "prefix": values["key"].partition(".")[0]}


def new_secret(seed, *names) -> str:
    """A key as the platform makes them: 8 letters and digits, a point, 32 more."""
    return f"{ids.cpid(seed, 'prefix', *names)[:8].lower()}.{ids.digest(seed, 'secret', *names):032x}"
