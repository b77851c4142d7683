"""Custom properties: what an organisation keeps on its records beside the usual fields."""

from mockserver.api import fields
from mockserver.api.filters import Contains, Equals
from mockserver.api.problems import Conflict
from mockserver.api.resource import Record, Resource
from mockserver.resources._blocks import RECORD_TYPES, VALUE_TYPES


class CustomProperty(Record):
    """A property of one type of record. Its values are in `custom_properties` there, by this id."""

    name = fields.Text(
        required=True,
        description="Unique among the organisation's properties of its type of record.",
        example="Cost centre",
    )
    record_type = fields.Choice(
        *RECORD_TYPES, required=True, description="The records that may carry it. Fixed once one does."
    )
    value_type = fields.Choice(
        *VALUE_TYPES, required=True, description="What its values are. Fixed once a record carries one."
    )
    options = fields.Array(
        fields.Text(),
        max=500,
        unique=True,
        load_default=list,
        description=(
            "What a `select` is a choice of, at least one; empty for the other types. One that a record carries stays."
        ),
    )
    required = fields.Boolean(
        load_default=False,
        description="Whether a record that carries any of its properties carries this one.",
    )


UNFIT = "The type of record has a property of this name already, or the options do not go with the value type"

custom_properties = Resource(
    "custom_property",
    CustomProperty,
    list="list_custom_properties",
    retrieve="get_custom_property",
    unique=[("record_type", "name")],
    indexes={"record_type": lambda property: (property["record_type"],)},
    filters={
        "name": Contains("name"),
        "record_type": Equals("record_type"),
        "value_type": Equals("value_type"),
    },
)


@custom_properties.action("create_custom_property", body=CustomProperty, status=201, conflict=f"{UNFIT}.")
def create_property(scope, data):
    """Define a property. Records of the type can carry it at once."""
    return custom_properties.add(scope, data)


@custom_properties.action(
    "update_custom_property",
    body=CustomProperty,
    partial=True,
    conflict=(f"{UNFIT}, or records carry what would no longer fit."),
)
def update_property(scope, property, data):
    """Change a property. Once a record carries it, its types are fixed, and so are the options in use."""
    return custom_properties.change(scope, property, data)


@custom_properties.check
def keep_options(scope, after, before):
    """A select has options, and nothing else has."""
    if after["value_type"] == "select" and not after["options"]:
        raise Conflict("A property of value type select needs at least one option in options.")
    if after["value_type"] != "select" and after["options"]:
        raise Conflict(
            f"A property of value type {after['value_type']} has no options: "
            "leave options empty, or make value_type select."
        )


@custom_properties.check
def keep_values(scope, after, before):
    """What records carry stays right."""
    if before is None:
        return
    fixed = [name for name in ("record_type", "value_type") if after[name] != before[name]]
    gone = set(before["options"]) - set(after["options"])
    values = in_use(scope, before) if fixed or gone else []
    if fixed and values:
        raise Conflict(
            f"The {fixed[0]} of this property is {before[fixed[0]]} and fixed: "
            f"{len(values)} {before['record_type']}(s) carry it. Define a new property instead."
        )
    if taken := sorted(gone.intersection(values)):
        raise Conflict(f"These options are in use and have to stay: {', '.join(taken)}.")


def in_use(scope, property: dict) -> list:
    """The values that records carry of a property, one for each record."""
    carriers = scope.resources[property["record_type"]].referring(scope, "custom_properties", property["id"])
    return [record["custom_properties"][property["id"]] for record in carriers]


@custom_properties.fake
def fake(f):
    value_type = f.choice(VALUE_TYPES)
    return {
        "name": f.unique(f.choice(["Cost centre", "Export class", "Owner", "Risk", "Review date", "Revision note"])),
        "record_type": f.choice(RECORD_TYPES),
        "value_type": value_type,
        "options": ["Low", "Medium", "High"] if value_type == "select" else [],
    }
