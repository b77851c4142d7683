"""Teams, and the types they are of. Who is in a team is kept at the users: see `User.team_ids`."""

from mockserver.api import fields
from mockserver.api.filters import Contains, Equals
from mockserver.api.problems import Invalid
from mockserver.api.resource import Record, Resource
from mockserver.resources.account import users


class TeamType(Record):
    """What sort of group a team is."""

    name = fields.Text(
        required=True, evidence="product", description="Unique in the organisation.", example="Business Unit"
    )


class TeamFields(fields.Schema):
    name = fields.Text(
        required=True,
        evidence="product",
        description="Unique in the organisation.",
        example="Power Electronics",
    )
    team_type_id = fields.Ref("team_type", null=True, evidence="product", description="What sort of team it is.")


class TeamRequest(TeamFields):
    """A team and who is in it."""

    user_ids = fields.Refs("user", evidence="product", description="Who is in it, all of them.")


class Team(Record, TeamFields):
    """A group of users. With team permissions on, a record that has teams is for their users alone."""

    archived = fields.Boolean(
        dump_only=True,
        dump_default=False,
        description="Whether it is archived: kept, and listed with `?archived=true` alone.",
    )
    archived_at = fields.Timestamp(dump_only=True, null=True, description="When it was archived.")
    user_ids = fields.Refs(
        "user",
        on_delete=fields.SET_NULL,
        dump_only=True,
        evidence="product",
        description="Who is in it: those with its id in their `team_ids`.",
    )


class Teams(Resource):
    """Teams whose `user_ids` are written to the users, and read off them."""

    def add(self, scope, values, **kwargs):
        values = dict(values)
        user_ids = values.pop("user_ids", [])
        team = super().add(scope, values, **kwargs)
        enrol(scope, team, user_ids)
        return team

    def change(self, scope, record, values):
        values = dict(values)
        user_ids = values.pop("user_ids", None)
        team = super().change(scope, record, values)
        if user_ids is not None:
            enrol(scope, team, user_ids)
        return team


team_types = Resource(
    "team_type",
    TeamType,
    list="list_team_types",
    create="create_team_type",
    retrieve="get_team_type",
    update="update_team_type",
    unique=["name"],
    filters={"name": Contains("name")},
)

teams = Teams(
    "team",
    Team,
    list="list_teams",
    retrieve="get_team",
    unique=["name"],
    filters={
        "name": Contains("name"),
        "team_type_id": Equals("team_type_id"),
        "archived": Equals("archived", default=False),
    },
)


@teams.represent("user_ids")
def represent(scope, team):
    return {**team, "user_ids": [user["id"] for user in members(scope, team)]}


@teams.action("create_team", body=TeamRequest, status=201, conflict="A team with this name exists already.")
def create_team(scope, data):
    """A team of the users named. Each has the team in `team_ids` from then on."""
    return teams.add(scope, data)


@teams.action("update_team", body=TeamRequest, partial=True, conflict="A team with this name exists already.")
def update_team(scope, team, data):
    """Change a team. `user_ids`, when given, replaces who is in it."""
    return teams.change(scope, team, data)


@teams.action("delete_team", returns=None, status=204, conflict="Records carry the team.")
def delete_team(scope, team):
    """Delete a team that no record carries. Its users leave it."""
    teams.remove(scope, team)


@teams.action("archive_team")
def archive(scope, team):
    """Archive a team. It stays on the records that carry it. Once archived, nothing changes."""
    return team if team["archived"] else teams.change(scope, team, {"archived": True, "archived_at": scope.now})


@teams.action("unarchive_team")
def unarchive(scope, team):
    """Take a team out of the archive. When it is not archived, nothing changes."""
    return teams.change(scope, team, {"archived": False, "archived_at": None}) if team["archived"] else team


@team_types.action("delete_team_type", returns=None, status=204, conflict="Teams are of this type.")
def delete_team_type(scope, team_type):
    """Delete a type that no team is of."""
    team_types.remove(scope, team_type)


def members(scope, team: dict) -> list[dict]:
    return users.referring(scope, "team_ids", team["id"])


def enrol(scope, team: dict, user_ids: list[str]) -> None:
    """Make these the users of the team."""
    before = {user["id"]: user for user in members(scope, team)}
    for id, user in before.items():
        if id not in user_ids:
            users.change(scope, user, {"team_ids": [other for other in user["team_ids"] if other != team["id"]]})
    for id in user_ids:
        if id not in before:
            user = scope.find("user", id)
            if user is None:  # in a fixture, where users come after teams
                raise Invalid({"user_ids": ["Say it at the users: list the team in their team_ids."]})
            users.change(scope, user, {"team_ids": [*user["team_ids"], team["id"]]})


@team_types.fake
def fake_type(f):
    return {"name": f.unique(f.choice(["Project", "Business Unit", "Customer", "Site", "Discipline"]))}


@teams.fake
def fake_team(f):
    return {
        "name": f.unique(
            f.choice(["Power", "Sensing", "Motion", "Vision", "Test", "Sourcing", "Prototyping", "Sustaining"])
        ),
        "team_type_id": f.one("team_type")["id"],
    }
