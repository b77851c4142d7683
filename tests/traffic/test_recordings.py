"""Recorded traffic is read from three formats, and written without secrets."""

import base64
import gzip
import json
import zlib

import pytest
import yaml

from mockserver.traffic import recordings
from mockserver.traffic.recordings import TrafficError

URL = "https://flagship-api.cofactr.com/v1/tags/?limit=2&name=a%20b"
TAG = {"id": "a", "name": "Prototyp\u00e9"}
BODY = json.dumps(TAG).encode()


def har(*entries):
    return {"log": {"version": "1.2", "creator": {"name": "test", "version": "1"}, "entries": list(entries)}}


def entry(content, *, method="GET", url=URL, status=200, headers=(), **request):
    return {
        "startedDateTime": "2026-01-15T09:00:00.000Z",
        "request": {
            "method": method,
            "url": url,
            "headers": [{"name": "Authorization", "value": "Api-Key abc.0123456789"}],
            **request,
        },
        "response": {
            "status": status,
            "headers": [{"name": name, "value": value} for name, value in headers],
            "content": content,
        },
    }


def interaction(body, headers=None, request_body=None):
    return {
        "request": {"method": "GET", "uri": URL, "headers": {"Accept": ["*/*"]}, "body": request_body},
        "response": {"status": {"code": 200, "message": "OK"}, "headers": headers or {}, "body": body},
    }


@pytest.fixture
def written(tmp_path):
    def write(content, name="session.har"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return write


def test_a_har_file_is_read(written):
    sent = {"method": "POST", "postData": {"mimeType": "application/json", "text": '{"name": "x"}'}}
    path = written(
        har(
            entry(
                {"text": BODY.decode()},
                headers=[("Content-Type", "application/json"), ("X-A", "1"), ("x-a", "2")],
                **sent,
            )
        )
    )
    (exchange,) = recordings.read(path)

    assert (exchange.method, exchange.path, exchange.status) == ("POST", "/v1/tags/", 200)
    assert exchange.query == [("limit", "2"), ("name", "a b")]
    assert exchange.request_headers == {
        "authorization": "Api-Key abc.0123456789",
        "content-type": "application/json",
    }
    assert exchange.response_headers == {"content-type": "application/json", "x-a": "1, 2"}
    assert exchange.request_json == {"name": "x"}
    assert exchange.response_json == TAG
    assert (exchange.source, exchange.url, exchange.at) == ("session.har#1", URL, "2026-01-15T09:00:00.000Z")


def test_bodies_in_base64_and_compressed_ones_are_decoded(written):
    packed = base64.b64encode(gzip.compress(BODY, mtime=0)).decode()
    path = written(
        har(
            entry({"text": base64.b64encode(BODY).decode(), "encoding": "base64"}),
            entry({"text": packed, "encoding": "base64"}, headers=[("Content-Encoding", "gzip")]),
            entry({"text": BODY.decode()}, headers=[("Content-Encoding", "gzip")]),
        )
    )  # unpacked by the browser

    assert [exchange.response_body for exchange in recordings.read(path)] == [BODY, BODY, BODY]


def test_a_body_the_recorder_left_out_is_told_from_none(written):
    form = {
        "method": "POST",
        "postData": {"mimeType": "multipart/form-data; boundary=x", "params": [{"name": "file"}]},
    }
    path = written(har(entry({"size": 300}), entry({"size": 0}), entry({"size": 0}, **form)))

    assert [exchange.omitted for exchange in recordings.read(path)] == [{"response"}, set(), {"request"}]


def test_a_request_that_got_no_answer_is_left_out(written):
    exchanges = recordings.read(written(har(entry({}, status=0), entry({}, status=204))))

    assert [(exchange.status, exchange.source) for exchange in exchanges] == [(204, "session.har#2")]


@pytest.mark.parametrize(
    "body",
    [
        {"string": BODY.decode()},
        {"string": BODY},
        {"base64_string": base64.b64encode(BODY).decode()},
        BODY.decode(),
    ],
    ids=["text", "binary", "base64", "plain"],
)
def test_a_cassette_is_read(written, body):
    path = written(
        yaml.safe_dump(
            {
                "version": 1,
                "interactions": [interaction(body, {"Content-Type": ["application/json"]}, "sent")],
            }
        ).encode(),
        "c.yaml",
    )
    (exchange,) = recordings.read(path)

    assert exchange.response_json == TAG
    assert exchange.request_body == b"sent"
    assert exchange.response_headers == {"content-type": "application/json"}
    assert exchange.source == "c.yaml#1"


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [("gzip", gzip.compress(BODY, mtime=0)), ("deflate", zlib.compress(BODY)), ("deflate", zlib.compress(BODY)[2:-4])],
)
def test_a_cassette_of_compressed_bodies_is_unpacked(written, encoding, packed):
    path = written(
        yaml.safe_dump({"interactions": [interaction({"string": packed}, {"content-encoding": [encoding]})]}).encode(),
        "c.yaml",
    )

    assert recordings.read(path)[0].response_json == TAG


def test_a_body_in_an_encoding_nobody_here_reads_counts_as_left_out(written):
    path = written(
        yaml.safe_dump(
            {"interactions": [interaction({"string": b"\x8b\xff\x00"}, {"content-encoding": ["br"]})]}
        ).encode(),
        "c.yaml",
    )

    assert recordings.read(path)[0].omitted == {"response"}


def test_the_journal_is_read_as_it_is_exported(api, written):
    api.post(
        "/v1/tags/?org_id=" + api.get("/v1/tags/")["results"][0]["org_id"],
        {"name": "From the journal", "color": "#000000"},
    )
    entries = [entry.document() for entry in api.sandbox.journal]

    for document in (entries, {"entries": entries, "total": len(entries)}):
        listed, created = recordings.read(written(document, "journal.json"))
        assert listed.response_json["count"] == 3
        assert created.request_json == {"name": "From the journal", "color": "#000000"}
        assert created.query[0][0] == "org_id"
        assert created.response_json["name"] == "From the journal"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"{", "is not JSON"),
        (b"\x00", "neither JSON nor YAML"),
        (b"a: [", "line 2"),
        (b"hello", "is no recording"),
        ({"openapi": "3.1.0"}, "is no recording"),
        ({"log": []}, "log should be an object, not list"),
        ({"log": {"entries": {}}}, "log.entries should be a list, not dict"),
        (har({"request": [1], "response": {"status": 200}}), "entry 1: request should be an object, not list"),
        (har(entry({"text": 7})), "entry 1: response.content.text should be text, not int"),
        (
            har(entry({"text": "?", "encoding": "base64"}), entry({}, status="x")),
            "entry 2: the status should be a number",
        ),
        (har(entry({}, url="http://[")), "entry 1: "),
        ([{"name": "x"}], "entry 1: expected an entry of the mock's journal"),
        (b"interactions:\n- !!python/object:os.system x\n", "line 2"),
        (b"interactions: &a [*a]", "entry 1: the entry should be an object"),
        (b"- " * 5000, "is nested too deeply"),
        (b"[" * 100_000, "is nested too deeply"),
    ],
)
def test_what_is_no_recording_is_refused_with_file_and_reason(written, content, reason):
    path = written(content)
    with pytest.raises(TrafficError) as caught:
        recordings.read(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert reason in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(TrafficError, match=r"nowhere\.har: cannot be read: No such file"):
        recordings.read(tmp_path / "nowhere.har")


def test_a_body_that_swells_without_end_is_refused(written, monkeypatch):
    monkeypatch.setattr(recordings, "LARGEST", 1000)
    path = written(
        yaml.safe_dump(
            {"interactions": [interaction({"string": gzip.compress(b"0" * 5000)}, {"content-encoding": ["gzip"]})]}
        ).encode()
    )

    with pytest.raises(TrafficError, match="larger than"):
        recordings.read(path)


SECRETS = ("topsecret1", "topsecret2", "topsecret3", "topsecret4", "topsecret5", "topsecret6")


def secretive():
    return recordings.exchange(
        "POST",
        "https://someone:topsecret6@host/v1/tags/topsecret1/?api_key=topsecret2&limit=1",
        {"Authorization": "Api-Key topsecret1", "Cookie": "a=topsecret3", "Content-Type": "application/json"},
        b'{"name": "x", "client_secret": {"value": "topsecret4"}, "monkey": "topsecret1 again"}',
        200,
        {"Set-Cookie": "a=topsecret3", "Content-Type": "application/json"},
        b'{"results": [{"accessToken": "topsecret5", "has_key": true, "name": "x"}]}',
    )


def test_a_har_file_is_written_without_secrets_and_read_again(tmp_path):
    recordings.write_har([secretive()], tmp_path / "out.har")
    text = (tmp_path / "out.har").read_text()
    (exchange,) = recordings.read(tmp_path / "out.har")

    assert [secret for secret in SECRETS if secret in text] == []
    assert exchange.url == "https://host/v1/tags/REDACTED/?api_key=REDACTED&limit=1"
    assert exchange.request_headers["authorization"] == "Api-Key REDACTED"
    assert exchange.request_json == {
        "name": "x",
        "client_secret": {"value": "REDACTED"},
        "monkey": "REDACTED again",
    }
    assert exchange.response_json == {"results": [{"accessToken": "REDACTED", "has_key": True, "name": "x"}]}


def test_a_har_file_may_be_written_as_it_was(tmp_path):
    binary = recordings.exchange(
        "GET", "https://host/a?b=1", {"Content-Type": "x/y"}, b"\xff\x00", 200, {}, b"\xfe\x01"
    )
    recordings.write_har([secretive(), binary], tmp_path / "out.har", redact=False)
    exchanges = recordings.read(tmp_path / "out.har")

    assert exchanges[0].request_body == secretive().request_body
    assert (exchanges[1].request_body, exchanges[1].response_body) == (b"\xff\x00", b"\xfe\x01")
