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
    """What handlers get instead of a request. `org_id` is the organisation of what is written.

    It is the one way from a handler to records: whatever it finds, the key may see. What a rule has to know of records
    whoever asks (whether a name is taken, what refers to a record in hand) `Resource` answers.
    """

    tells_parents = True  # whether what changes below a record counts as a change of it

    def __init__(self, sandbox, key: dict, resources):
        self.sandbox, self.key, self.resources = sandbox, key, resources
        self._store = sandbox.store
        self.roles = key["roles"]
        self.primary_org_id = key["org_id"]
        self.org_id = self.primary_org_id
        self.org_ids = self.reach
        self.touched: set[tuple[str, str]] = set()  # (kind, id) of what was written through this scope

    @functools.cached_property
    def reach(self) -> list[str]:
        """The key's primary organisation and all its sub-organisations."""
        below = self._store["org"].where("parent_org_id", self.primary_org_id)
        return [self.primary_org_id, *(org["id"] for org in below)]

    @functools.cached_property
    def user(self) -> dict | None:
        return self._store["user"].get(self.key["user_id"]) if self.key["user_id"] else None

    @functools.cached_property
    def now(self) -> str:
        return self.sandbox.clock.stamp()

    def narrow(self, org_id: str) -> None:
        """Keep to one organisation, as `?org_id=` asks."""
        org_id = org_id.lower()
        if org_id not in self.reach:
            raise NotFound
        self.org_id, self.org_ids = org_id, [org_id]

    def enter(self, record: dict) -> None:
        """Write to the organisation of this record from now on; to the one chosen so far when it is of none."""
        self.org_id = record["org_id"] or self.org_id

    # -- finding records ---------------------------------------------------------------------------------------

    def get(self, kind: str, id: str) -> dict:
        """Return the record with this id. NotFound when it is not there or not to be seen."""
        table = self._store[kind]
        record = table.get(id) or table.get(id.lower()) or self.resources[kind].successor(self, id)
        if record is None or not self.sees(kind, record):
            raise NotFound
        return record

    def find(self, kind: str, id: str) -> dict | None:
        """Return the record with this id anywhere in the key's reach, whatever `?org_id=` says; None without one.

        A retired id finds the record that succeeded it.
        """
        record = self._store[kind].get(id) or self.resources[kind].successor(self, id)
        return record if record is not None and self.sees(kind, record, self.reach) else None

    def where(self, kind: str, index: str, value, org_ids=None) -> list[dict]:
        """Return the records with `value` in `index` that are to be seen, oldest first.

        Of the organisations `org_ids`, or of all in the key's reach.
        """
        org_ids = self.reach if org_ids is None else org_ids
        return [record for record in self._store[kind].where(index, value) if self.sees(kind, record, org_ids)]

    def sees(self, kind: str, record: dict, org_ids=None) -> bool:
        """Return whether a record is in reach, not another team's nor below such a record, nor private to another.

        `org_ids` takes the place of the scope's own. Records of no organisation (the part catalogue) are everybody's.
        """
        org_id = record["org_id"]
        if org_id is not None and org_id not in (self.org_ids if org_ids is None else org_ids):
            return False
        resource = self.resources[kind]
        if not resource.shown(self, record):
            return False
        above = resource.target(self, record, resource.parent) if resource.parent else None
        return above is None or self.sees(resource.references[resource.parent].kind, above, self.reach)

    def in_team(self, record: dict) -> bool:
        """Return whether a record is of one of the user's teams or of none, where this matters."""
        team_ids = record.get("team_ids")
        return not team_ids or record["org_id"] not in self._by_team or not self._team_ids.isdisjoint(team_ids)

    @functools.cached_property
    def _by_team(self) -> set[str]:
        """The organisations whose records are, for this key, those of its user's teams and of none."""
        if self.user is None or ADMIN in self.roles:
            return set()
        return {id for id in self.reach if self._store["org"].get(id)["settings"]["use_team_permissions"]}

    @functools.cached_property
    def _team_ids(self) -> set[str]:
        return set(self.user["team_ids"])
