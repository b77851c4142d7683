"""A sandbox as those see it who administer it."""

from mockserver import resources
from mockserver.api.scope import ADMIN, Scope
from mockserver.sandbox import Sandbox


class Capability:
    """Something that can be done to a sandbox."""

    def __init__(self, sandbox: Sandbox):
        self.sandbox = sandbox


def admin_scope(sandbox: Sandbox) -> Scope:
    """Return the scope of an Admin of the first organisation to whom every organisation is open."""
    org = next(iter(sandbox.store["org"]))
    scope = Scope(sandbox, {"id": None, "roles": [ADMIN], "org_id": org["id"], "user_id": None}, resources.by_kind())
    scope.reach = scope.org_ids = [org["id"] for org in sandbox.store["org"]]
    return scope
