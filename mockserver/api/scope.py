"""The sandbox as one API key sees it: what it may do, which records are in its reach."""

import functools

from mockserver.api.problems import NotFound

ADMIN, EDITOR, VIEWER = "Admin", "Editor", "View & Comment"
RESTRICTED, APPROVER = "Restricted", "Procurement Approver"
ROLES = (ADMIN, EDITOR, VIEWER, RESTRICTED, APPROVER)

# Users, organisation, teams and tags: only an Admin changes these, and all that a Restricted key reads.
ADMINISTRATION = ("Account", "Teams", "Tags")


def may(roles, operation) -> bool:
    """Whether a key with these roles may call the operation. Roles add up."""
    if ADMIN in roles or not set(roles).isdisjoint(operation.handler.grants):
        return True
    if operation.reads:
        return VIEWER in roles or EDITOR in roles or (RESTRICTED in roles and operation.tag in ADMINISTRATION)
    return EDITOR in roles and operation.tag not in ADMINISTRATION and operation.tag != "Auth"


class Scope:
    """What handlers get instead of a request. `org_id` is the organisation of what is written."""

    def __init__(self, sandbox, key: dict, resources):
        self.sandbox, self.key, self.resources = sandbox, key, resources
        self.store = sandbox.store
        self.roles = key["roles"]
        self.primary_org_id = key["org_id"]
        self.org_id = self.primary_org_id
        self.org_ids = self.reach

    @functools.cached_property
    def reach(self) -> list[str]:
        """The key's primary organisation and all its sub-organisations."""
        below = self.store["org"].where("parent_org_id", self.primary_org_id)
        return [self.primary_org_id, *(org["id"] for org in below)]

    @functools.cached_property
    def user(self) -> dict | None:
        return self.store["user"].get(self.key["user_id"]) if self.key["user_id"] else None

    @functools.cached_property
    def now(self) -> str:
        return self.sandbox.clock.stamp()

    def narrow(self, org_id: str) -> None:
        """Keep to one organisation, as `?org_id=` asks."""
        org_id = org_id.lower()
        if org_id not in self.reach:
            raise NotFound
        self.org_id, self.org_ids = org_id, [org_id]

    def sees(self, record: dict, org_ids=None) -> bool:
        """Whether a record is in reach, and not another team's. `org_ids` takes the place of the scope's own.

        Records of no organisation (the part catalogue) are everybody's.
        """
        org_id = record["org_id"]
        if org_id is not None and org_id not in (self.org_ids if org_ids is None else org_ids):
            return False
        team_ids = record.get("team_ids")
        if not team_ids or org_id not in self._by_team or not self._team_ids.isdisjoint(team_ids):
            return True
        return self.store["user"].get(record["id"]) is not None  # a user is in teams, and not hidden by them

    @functools.cached_property
    def _by_team(self) -> set[str]:
        """The organisations whose records are, for this key, those of its user's teams and of none."""
        if self.user is None or ADMIN in self.roles:
            return set()
        return {id for id in self.reach if self.store["org"].get(id)["settings"]["use_team_permissions"]}

    @functools.cached_property
    def _team_ids(self) -> set[str]:
        return set(self.user["team_ids"])

    def get(self, kind: str, id: str) -> dict:
        """The record, as stored; NotFound when it is not there or not to be seen."""
        record = self.store[kind].get(id)
        if record is None or not self.sees(record):
            raise NotFound
        return record

    def find(self, kind: str, id: str) -> dict | None:
        """As `get`, anywhere in the key's reach whatever `?org_id=` says; None when there is none.

        A retired id finds the record that succeeded it.
        """
        record = self.store[kind].get(id) or self.resources[kind].successor(self, id)
        return record if record is not None and self.sees(record, self.reach) else None
