"""Stock documents."""
from mockserver.api import fields
from mockserver.api.resource import Record, Resource


class StockDocument(Record):
    name = fields.Text(required=True)


stock_documents = Resource("stock_document", StockDocument)
