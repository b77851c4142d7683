"""Custom properties."""
from mockserver.api import fields
from mockserver.api.resource import Record, Resource


class CustomProperty(Record):
    name = fields.Text(required=True)
    record_type = fields.Choice("bom", "program", "part", "supplier", "purchase_order", required=True)


custom_properties = Resource("custom_property", CustomProperty, indexes={"record_type": lambda property: (property["record_type"],)})
