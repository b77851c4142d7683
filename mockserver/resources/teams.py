"""Teams."""
from mockserver.api import fields
from mockserver.api.resource import Record, Resource


class Team(Record):
    name = fields.Text(required=True)


teams = Resource("team", Team)
