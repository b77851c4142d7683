"""Stock documents: files about parts and stock, such as certificates and test reports."""

import hashlib
import re
from urllib.parse import quote

from mockserver.api import fields
from mockserver.api.filters import Equals
from mockserver.api.resource import Record, Reply, Resource

TYPES = ("certificate_of_conformance", "test_report", "packing_slip", "datasheet", "photo", "other")
OTHER = TYPES[-1]
UNKNOWN_TYPE = "application/octet-stream"
TOKEN = r"[A-Za-z0-9!#$&^_.+-]{1,127}"
MEDIA_TYPE = rf'{TOKEN}/{TOKEN}(; ?{TOKEN}=({TOKEN}|"[ !#-\[\]-~]{{0,127}}")){{0,8}}'


class StockDocument(Record):
    """A file about a part or a stock lot."""

    name = fields.Text(
        required=True,
        description="The file's name. It is a text like any other, never a path.",
        example="CoC-4711.pdf",
    )
    document_type = fields.Choice(*TYPES, load_default=OTHER, description="What it is.")
    content_type = fields.Text(
        max=None,
        pattern=MEDIA_TYPE,
        load_default=UNKNOWN_TYPE,
        description=(f"The file's media type as it was sent; `{UNKNOWN_TYPE}` when none was, or none that could be."),
        example="application/pdf",
    )
    size = fields.Integer(dump_only=True, description="The file's length in bytes.")
    sha256 = fields.Text(
        dump_only=True, pattern="[0-9a-f]{64}", description="The SHA-256 digest of the file, in hexadecimal."
    )
    part_id = fields.Ref("part", null=True, description="The part it is about.")
    stock_lot_id = fields.Ref("stock_lot", null=True, description="The stock lot it is about.")
    content = fields.Text(max=None, min=0, trim=False, load_only=True)  # what fixtures say of the file; see `seed`


class StockDocumentRequest(fields.Schema):
    """A form: none of its texts can be null, what is not there is left out."""

    file = fields.File(required=True, description="The file. It may be empty.")
    name = fields.Text(description="The file's name, when it should be another than the one it is sent with.")
    document_type = fields.Choice(*TYPES, load_default=OTHER, description="What it is.")
    part_id = fields.Ref("part", description="The part it is about.")
    stock_lot_id = fields.Ref("stock_lot", description="The stock lot it is about.")


stock_documents = Resource(
    "stock_document",
    StockDocument,
    list="list_stock_documents",
    retrieve="get_stock_document",
    hidden=("content",),
    filters={
        "document_type": Equals("document_type"),
        "part_id": Equals("part_id"),
        "stock_lot_id": Equals("stock_lot_id"),
    },
)


@stock_documents.action(
    "create_stock_document", body=StockDocumentRequest, status=201, content_type="multipart/form-data"
)
def create(scope, data):
    """Keep a file. Its name and type are those it is sent with, unless the form names it."""
    upload = data.pop("file")
    sent = {"name": upload.filename[:255] or "file", "content_type": media_type(upload.content_type)}
    return stock_documents.add(scope, sent | data | keep(scope.sandbox, upload.content))


@stock_documents.action(
    "download_stock_document",
    returns=None,
    media_type="*/*",
    also={206: "The part that `Range` asks for.", 304: "`If-None-Match` names the file: the caller has it."},
)
def download(scope, document):
    """The file, byte for byte, of the type it was sent with and under its name; with `Range` a part of it."""
    return Reply(
        scope.sandbox.store["mock_file"].get(document["sha256"])["content"],
        headers={
            "Content-Type": document["content_type"],
            "Content-Disposition": disposition(document["name"]),
            "X-Content-Type-Options": "nosniff",
            "ETag": f'"{document["sha256"]}"',
        },
    )


def keep(sandbox, content: bytes) -> dict:
    """Put a file among the sandbox's, where its digest finds it, and answer what a record says of it."""
    digest = hashlib.sha256(content).hexdigest()
    if sandbox.store["mock_file"].get(digest) is None:
        sandbox.store.insert("mock_file", {"id": digest, "content": content})
    return {"size": len(content), "sha256": digest}


def media_type(text: str | None) -> str:
    """A media type that can be sent again: the one given if it is one."""
    return text if text and re.fullmatch(MEDIA_TYPE, text) else UNKNOWN_TYPE


def disposition(name: str) -> str:
    """A Content-Disposition (RFC 6266) that offers a name no client can take for a path or another header."""
    name = re.sub(r"[/\\\x00-\x1f\x7f-\x9f]|^\.+", "_", name)
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


@stock_documents.seed
def seed(world, values):
    """A fixture gives a file's content as text."""
    content = values.pop("content", "").encode()
    return {"content_type": "text/plain; charset=utf-8", **values, **keep(world.sandbox, content)}


@stock_documents.fake
def fake(f):
    part, document_type = f.one("part"), f.choice(TYPES)
    title = document_type.replace("_", " ").capitalize()
    return {
        "name": f"{document_type}-{f.ordinal}.txt",
        "document_type": document_type,
        "part_id": part["id"],
        "content": f"{title} of {part['mpn']}, number {f.int(1000, 9999)}\n",
    }
