"""Blocks of fields that several kinds of records carry."""

from mockserver.api import fields
from mockserver.api.filters import Equals, Has

# The kinds that carry custom properties, and what the values of these may be.
RECORD_TYPES = ("bom", "program", "part", "supplier", "purchase_order")
VALUE_TYPES = ("text", "number", "boolean", "date", "select")


class Integration(fields.Schema):
    """Where a record came from, when an integration keeps it in step."""

    synced_from_integration = fields.Boolean(
        load_default=False, evidence="documented", description="Whether an integration keeps this record."
    )
    integration_source_name = fields.Text(
        max=None, min=0, null=True, evidence="documented", description="The system it came from, such as `altium365`."
    )
    integration_record_id = fields.Text(
        max=None, min=0, null=True, evidence="documented", description="Its id in that system."
    )
    synced_from_integration_at = fields.Text(
        max=None,
        min=0,
        null=True,
        evidence="documented",
        description="When it was last synchronised, as the integration wrote it.",
    )


class CustomProperties(fields.Object):
    """`{property id: value}`, each value checked against its definition. null clears a property."""

    default_error_messages = {
        "unknown": 'Invalid pk "{id}" - object does not exist.',
        "record_type": "This property is for records of type {record_type}.",
        "required": "This property is required.",
        "type": "The value of this property should be {what}.",
    }
    WHAT = {
        "text": "a text of at most 255 characters",
        "number": "a number",
        "boolean": "true or false",
        "date": "a date, YYYY-MM-DD",
        "select": "one of its options: {options}",
    }

    def __init__(self, record_type, **kwargs):
        self.record_type = record_type
        super().__init__(
            load_default=dict,
            evidence="inferred",
            description="Values of the organisation's properties, by the property's id. Sent whole; null clears one.",
            metadata={"x-references-keys": "custom_property", "x-record-type": record_type},
            **kwargs,
        )

    def document(self):
        return {
            "type": "object",
            "propertyNames": {"type": "string", "format": "uuid"},
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
        }

    def _deserialize(self, value, attr, data, **kwargs):
        value = super()._deserialize(value, attr, data, **kwargs)
        scope = fields.current_scope.get()
        if scope is None:
            return value
        errors, values = {}, {}
        for id, content in value.items():
            definition = scope.find("custom_property", id.lower())
            if refusal := self._refusal(definition, id, content):
                errors[id] = [refusal.messages[0]]
            elif content is not None:
                values[definition["id"]] = content
        if value:  # a record without any properties lacks none
            for definition in scope.where("custom_property", "record_type", self.record_type, [scope.org_id]):
                if definition["required"] and definition["id"] not in values:
                    errors.setdefault(definition["id"], [self.make_error("required").messages[0]])
        if errors:
            raise fields.ma.ValidationError(errors)
        return values

    def _refusal(self, definition, id, content):
        """The error of one value; None when it is right."""
        if definition is None:
            return self.make_error("unknown", id=id)
        if definition["record_type"] != self.record_type:
            return self.make_error("record_type", record_type=definition["record_type"])
        if content is not None and not fits(definition, content):
            what = self.WHAT[definition["value_type"]].format(options=", ".join(definition["options"]))
            return self.make_error("type", what=what)
        return None


def fits(definition: dict, value) -> bool:
    """Whether a value is of a property's type."""
    match definition["value_type"]:
        case "text":
            return isinstance(value, str) and len(value) <= 255
        case "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "date":
            return isinstance(value, str) and is_date(value)
    return value in definition["options"]


def is_date(text):
    try:
        fields.Date().deserialize(text)
    except fields.ma.ValidationError:
        return False
    return True


class Labels(fields.Schema):
    """Who sees a record and how it is labelled. Subclasses add `custom_properties`."""

    team_ids = fields.Refs(
        "team", evidence="inferred", description="The teams that see it; without any, everybody does."
    )
    tag_ids = fields.Refs("tag", evidence="inferred", description="Its tags.")


LABEL_FILTERS = {
    "tag_id": Has("tag_ids"),
    "team_id": Has("team_ids"),
    "integration_record_id": Equals("integration_record_id"),
}


def metadata():
    return fields.Object(load_default=dict, evidence="documented", description="Any JSON object of the caller's own.")
