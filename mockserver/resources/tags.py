"""Tags: labels an organisation puts on its records."""

from mockserver.api import fields
from mockserver.api.resource import Record, Resource


class Tag(Record):
    """A label."""

    name = fields.Text(required=True, description="Unique in the organisation.", example="Prototype")
    color = fields.Text(
        max=7,
        min=7,
        pattern="#[0-9a-fA-F]{6}",
        load_default="#808080",
        description="As `#rrggbb`.",
        example="#1f77b4",
    )
    description = fields.Text(null=True, example="Not for production.")


tags = Resource(
    "tag",
    Tag,
    list="list_tags",
    create="create_tag",
    retrieve="get_tag",
    update="update_tag",
    unique=["name"],
)


@tags.fake
def fake(f):
    return {
        "name": f.unique(
            f.choice(
                [
                    "Prototype",
                    "Production",
                    "Long lead",
                    "Second source",
                    "Automotive",
                    "Medical",
                    "End of life",
                ]
            )
        ),
        "color": f"#{f.bits(24):06x}",
        "description": None,
    }
