import hashlib
import io
import re
from urllib.parse import unquote

import pytest

from mockserver import worlds
from mockserver.app.errors import MAX_BODY
from mockserver.sandbox import Sandbox

PATH = "/v1/stock_documents/"
NOWHERE = "00000000-0000-4000-8000-000000000000"


def upload(api, content=b"certified", filename="coc.pdf", content_type="application/pdf", expect=201, **form):
    return api.call(
        "POST", PATH, data={"file": (io.BytesIO(content), filename, content_type), **form}, expect=expect
    ).json


def download(api, document):
    return api.call("GET", f"{PATH}{document['id']}/download/", expect=200)


def raw(api, head: bytes, body=b"x", expect=201, **headers):
    """A form with one part, header by header."""
    content = b"--B\r\n" + head + b"\r\n\r\n" + body + b"\r\n--B--\r\n"
    return api.call(
        "POST",
        PATH,
        data=content,
        headers={"Content-Type": "multipart/form-data; boundary=B", **headers},
        expect=expect,
    ).json


def test_a_file_is_kept_with_its_name_type_and_digest(api):
    document = upload(api)
    assert (document["name"], document["content_type"], document["document_type"], document["size"]) == (
        "coc.pdf",
        "application/pdf",
        "other",
        9,
    )
    assert document["sha256"] == hashlib.sha256(b"certified").hexdigest()
    assert api.get(f"{PATH}{document['id']}/") == document


def test_the_form_says_what_the_file_is_about(api, sandbox):
    part_id = next(iter(sandbox.store["part"]))["id"]
    document = upload(api, name="Certificate", document_type="certificate_of_conformance", part_id=part_id)
    assert (document["name"], document["document_type"], document["part_id"]) == (
        "Certificate",
        "certificate_of_conformance",
        part_id,
    )
    assert document["stock_lot_id"] is None


@pytest.mark.parametrize("content", [b"", bytes(range(256)) * 100, b"\r\n--B--\r\n"])
def test_every_byte_comes_back(api, content):
    document = upload(api, content)
    response = download(api, document)
    assert response.data == content
    assert document["size"] == len(content) == int(response.headers["Content-Length"])
    assert response.headers["Content-Type"] == "application/pdf"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "name",
    [
        "a\r\nSet-Cookie: x=1",
        'quo"te\\.pdf',
        "../../etc/passwd",
        "..",
        "naïve 图纸.pdf",
        "x" * 255,
        "; filename=evil",
        "100%",
    ],
)
def test_a_hostile_name_is_data(api, name):
    document = upload(api, name=name)
    assert document["name"] == name
    header = download(api, document).headers["Content-Disposition"]
    plain, encoded = re.fullmatch(
        r"attachment; filename=\"([A-Za-z0-9._ -]+)\"; filename\*=UTF-8''([A-Za-z0-9._~%-]+)", header
    ).groups()
    for offered in (plain, unquote(encoded)):
        assert not re.search(r"[/\\\x00-\x1f]", offered)
        assert offered not in (".", "..")
    if re.fullmatch(r"[^/\\\x00-\x1f.][^/\\\x00-\x1f]*", name):
        assert unquote(encoded) == name


def test_a_long_or_empty_filename_is_no_obstacle(api):
    assert upload(api, filename="n" * 1000)["name"] == "n" * 255
    assert raw(api, b'Content-Disposition: form-data; name="file"; filename=""')["name"] == "file"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("text/html", "text/html"),
        ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("nonsense", "application/octet-stream"),
        ("text/html\x0b", "application/octet-stream"),
        ("text/", "application/octet-stream"),
        ("caf\u00e9/x", "application/octet-stream"),
        ("a/" + "b" * 500, "application/octet-stream"),
        ('text/x; a="\\"', "application/octet-stream"),
    ],
)
def test_only_a_media_type_is_sent_again(api, sent, kept):
    document = raw(api, b'Content-Disposition: form-data; name="file"; filename="f"\r\nContent-Type: ' + sent.encode())
    assert document["content_type"] == kept
    assert download(api, document).headers["Content-Type"] == kept


def test_a_file_without_a_type_has_the_unknown_one(api):
    assert (
        raw(api, b'Content-Disposition: form-data; name="file"; filename="f"')["content_type"]
        == "application/octet-stream"
    )


def test_without_a_file_there_is_no_document(api):
    assert api.call("POST", PATH, data={"name": "x"}, content_type="multipart/form-data", expect=400).json == {
        "file": ["No file was submitted."]
    }
    errors = api.call("POST", PATH, data={"file": "text"}, content_type="multipart/form-data", expect=400).json
    assert errors == {"file": ["The submitted data was not a file. Check the encoding type on the form."]}


def test_bad_fields_and_references_are_named(api):
    errors = upload(api, name="", document_type="poem", part_id="AAAAAAAAAAAA", stock_lot_id=NOWHERE, expect=400)
    assert set(errors) == {"name", "document_type", "part_id", "stock_lot_id"}
    assert "object does not exist" in errors["part_id"][0]
    api.call("POST", PATH, data={"file": (io.BytesIO(b"x"), "f"), "name": (io.BytesIO(b"x"), "f")}, expect=400)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/x-www-form-urlencoded", "text/plain", "multipart/mixed; boundary=B"],
)
def test_another_media_type_is_refused(api, content_type):
    api.call("POST", PATH, data=b"{}", content_type=content_type, expect=415)


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\u00e9"],
)
def test_a_form_that_cannot_be_read_lacks_its_file(api, content_type):
    assert api.call("POST", PATH, data=b"--B\r\n", headers={"Content-Type": content_type}, expect=400).json == {
        "file": ["No file was submitted."]
    }


def test_a_file_that_is_too_large_is_refused(api, sandbox):
    before = len(sandbox.store["mock_file"])
    raw(api, b'Content-Disposition: form-data; name="file"; filename="f"', b"x" * MAX_BODY, expect=413)
    assert len(sandbox.store["mock_file"]) == before


def test_a_file_of_some_size_is_kept(api):
    content = bytes(range(256)) * 2**12
    assert (
        download(api, raw(api, b'Content-Disposition: form-data; name="file"; filename="f"', content)).data == content
    )


def test_equal_files_are_kept_once(api, sandbox):
    before = len(sandbox.store["mock_file"])
    first, second = upload(api, b"the same"), upload(api, b"the same", filename="other.pdf")
    assert first["id"] != second["id"]
    assert len(sandbox.store["mock_file"]) == before + 1


def test_the_list_can_be_narrowed(api, sandbox):
    part_id = next(iter(sandbox.store["part"]))["id"]
    photo = upload(api, document_type="photo", part_id=part_id)
    upload(api, document_type="datasheet", part_id=part_id)
    listed = api.get(f"{PATH}?document_type=photo&part_id={part_id}&limit=1000")["results"]
    assert photo in listed
    assert {document["document_type"] for document in listed} == {"photo"}
    assert {document["part_id"] for document in listed} == {part_id}
    assert api.get(f"{PATH}?stock_lot_id={NOWHERE}")["count"] == 0
    api.get(f"{PATH}?document_type=poem", expect=400)


def test_an_email_carries_a_document(api):
    document = upload(api)
    email = api.post(
        "/v1/outbound_emails/",
        {"to_emails": ["user@example.com"], "subject": "s", "body": "b", "attachments": [document["id"]]},
    )
    assert email["attachments"] == [document["id"]]


def test_what_is_not_there_cannot_be_downloaded(api):
    api.get(f"{PATH}{NOWHERE}/", expect=404)
    api.get(f"{PATH}{NOWHERE}/download/", expect=404)


def test_reset_forgets_files(api, sandbox):
    document = upload(api)
    sandbox.reset()
    assert document["sha256"] not in {file["id"] for file in sandbox.store["mock_file"]}


def test_a_fixture_gives_a_documents_content(tmp_path):
    recipe = tmp_path / "documents.yaml"
    recipe.write_text("""\
counts: {part: 1, stock_document: 3}
records:
  org:
    acme: {name: Acme, slug: acme}
  api_key:
    - {name: Key, key: mockkey1.00000000000000000000000000000000}
  stock_document:
    report: {name: report.csv, document_type: test_report, content: "a;b\\n", content_type: text/csv}
""")
    sandbox = Sandbox(worlds.load(recipe))
    report, *made_up = sandbox.store["stock_document"]
    assert sandbox.store["mock_file"].get(report["sha256"])["content"] == b"a;b\n"
    assert (report["size"], report["content_type"], "content" in report) == (4, "text/csv", False)
    assert [len(sandbox.store["mock_file"].get(document["sha256"])["content"]) for document in made_up] == [
        document["size"] for document in made_up
    ]


@pytest.mark.parametrize(
    ("asked", "status", "part", "content_range"),
    [
        (None, 200, b"certified", None),
        ("bytes=0-3", 206, b"cert", "bytes 0-3/9"),
        ("bytes=4-", 206, b"ified", "bytes 4-8/9"),
        ("bytes=-2", 206, b"ed", "bytes 7-8/9"),
        ("bytes=4-400", 206, b"ified", "bytes 4-8/9"),
        ("bytes=9-", 416, None, "bytes */9"),
        ("lines=1", 200, b"certified", None),
        ("bytes=0-1,3-4", 200, b"certified", None),
        ("bytes=x", 200, b"certified", None),
    ],
)
def test_a_part_of_a_file_is_sent_as_range_asks(api, asked, status, part, content_range):
    document = upload(api)
    headers = {"Range": asked} if asked else {}
    response = api.call("GET", f"{PATH}{document['id']}/download/", headers=headers, expect=status)
    assert response.headers.get("Content-Range") == content_range
    if part is not None:
        assert (response.data, response.headers["Accept-Ranges"]) == (part, "bytes")
        assert response.headers["ETag"] == f'"{document["sha256"]}"'


def test_a_download_goes_on_when_the_file_is_still_the_same(api):
    document = upload(api)
    path, etag = f"{PATH}{document['id']}/download/", f'"{document["sha256"]}"'
    assert api.call("GET", path, headers={"Range": "bytes=4-", "If-Range": etag}).data == b"ified"
    assert api.call("GET", path, headers={"Range": "bytes=4-", "If-Range": '"other"'}).data == b"certified"
    assert api.call("GET", path, headers={"If-None-Match": etag}, expect=304).data == b""
