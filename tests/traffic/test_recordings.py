"""Recorded traffic is read from three formats, and written without secrets."""

import base64
import gzip
import json
import os
import threading
import tracemalloc
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


RECORDED = {"text": BODY.decode(), "mimeType": "application/json"}


@pytest.mark.parametrize(
    ("content", "status", "omitted", "body"),
    [
        ({"size": -1}, 200, True, b""),
        ({"size": -1, "mimeType": "application/json"}, 200, True, b""),
        ({}, 200, True, b""),
        (None, 200, True, b""),
        ({"size": 0}, 200, False, b""),
        ({"size": -1}, 204, False, b""),
        ({"size": -1, "text": ""}, 200, False, b""),
        ({"size": -1, "text": BODY.decode()}, 200, False, BODY),
    ],
)
def test_an_answer_of_unknown_size_was_left_out(written, content, status, omitted, body):
    (exchange,) = recordings.read(written(har(entry(content, status=status))))
    assert (exchange.omitted, exchange.response_body) == ({"response"} if omitted else set(), body)


def test_the_media_type_may_stand_beside_the_headers(written):
    sent = {"method": "POST", "postData": {"mimeType": "text/plain", "text": "x"}}
    named = [("Content-Type", "application/problem+json")]
    exchanges = recordings.read(written(har(entry(RECORDED, **sent), entry(RECORDED, headers=named))))

    assert [exchange.response_headers["content-type"] for exchange in exchanges] == ["application/json", named[0][1]]
    assert exchanges[0].request_headers["content-type"] == "text/plain"
    (unknown,) = recordings.read(written(har(entry({"size": 0, "mimeType": "x-unknown"}))))
    assert unknown.response_headers == {}


@pytest.mark.parametrize(
    ("request_", "omitted"),
    [
        ({"headers": [{"name": "content-type", "value": "multipart/form-data; boundary=x"}], "bodySize": -1}, True),
        ({"headers": [{"name": "content-type", "value": "application/json"}]}, True),
        ({"headers": [{"name": "content-type", "value": "application/json"}], "bodySize": 0}, False),
        ({"headers": [{"name": "Content-Length", "value": "5"}]}, True),
        ({"headers": [], "bodySize": 5}, True),
        ({"headers": [], "bodySize": -1}, False),
        ({"headers": None, "postData": None}, False),
        ({"postData": {"mimeType": "multipart/form-data; boundary=x", "text": "", "params": []}}, True),
        ({"postData": {"mimeType": "application/json", "text": ""}}, False),
    ],
)
def test_a_sent_body_that_the_recorder_left_out_is_told_from_none(written, request_, omitted):
    one = entry(RECORDED, method="POST")
    one["request"].update(request_)
    (exchange,) = recordings.read(written(har(one)))
    assert exchange.omitted == ({"request"} if omitted else set())
    assert exchange.request_body == b""


def test_playwright_keeps_bodies_in_files_beside(written, tmp_path):
    (tmp_path / "a1.json").write_bytes(BODY)
    path = written(har(entry({"size": 9, "_file": "a1.json"}), entry({"_file": "../a1.json"}), entry({"_file": "a2"})))

    assert [exchange.response_body for exchange in recordings.read(path)] == [BODY, b"", b""]
    assert [exchange.omitted for exchange in recordings.read(path)] == [set(), {"response"}, {"response"}]


@pytest.mark.parametrize(
    "left_out",
    [
        {"request": {"method": "GET", "url": URL}},
        {"request": {"method": "GET", "url": URL}, "response": None},
        {"request": {"method": "GET", "url": URL}, "response": {}},
        {"request": {"method": "GET", "url": URL}, "response": {"status": -1, "content": {}}},
        {"request": {"method": "GET", "url": URL}, "response": {"status": "", "content": {}}},
        {"request": {"method": "GET", "url": "wss://host/"}, "response": {"status": 101, "content": {}}},
        {"request": {"method": "GET", "url": "data:text/plain,x"}, "response": {"status": 200, "content": {}}},
        {"request": {}, "response": {"status": 200, "content": {}}},
        {},
    ],
)
def test_an_entry_without_an_answer_or_an_address_is_counted_and_left_out(written, left_out):
    recording = recordings.Recording(written(har(entry(RECORDED), left_out, entry(RECORDED))))

    assert [exchange.source for exchange in recording] == ["session.har#1", "session.har#3"]
    assert recording.left_out == 1


@pytest.mark.parametrize("document", [{"log": {}}, {"log": {"entries": None}}, har(), {"interactions": []}, []])
def test_a_recording_of_nothing_is_read(written, document):
    assert recordings.read(written(document)) == []


def test_an_entry_by_itself_is_read(written):
    (exchange,) = recordings.read(written(entry(RECORDED)))
    assert exchange.response_json == TAG


def test_a_cassette_whose_bodies_were_parsed_is_read(written):
    parsed = interaction(None)
    parsed["request"]["parsed_body"], parsed["response"]["parsed_body"] = {"name": "x"}, TAG
    for content, name in (
        ({"interactions": [parsed]}, "c.json"),
        (yaml.safe_dump({"interactions": [parsed]}), "c.yaml"),
    ):
        (exchange,) = recordings.read(written(content.encode() if isinstance(content, str) else content, name))
        assert (exchange.request_json, exchange.response_json) == ({"name": "x"}, TAG)


def test_an_interaction_without_a_response_is_left_out(written):
    one = interaction("x")
    one["response"] = None
    assert recordings.read(written({"interactions": [one]}, "c.json")) == []


@pytest.mark.parametrize("name", ["session.har.gz", "session.har", "c.yaml.gz"])
def test_a_packed_file_is_read(written, name):
    content = (
        yaml.safe_dump({"interactions": [interaction(BODY.decode())]})
        if "yaml" in name
        else json.dumps(har(entry(RECORDED)))
    )
    (exchange,) = recordings.read(written(gzip.compress(content.encode()), name))
    assert exchange.response_json == TAG


@pytest.mark.parametrize("cut", [-20, 5, 12])
def test_a_packed_file_that_breaks_off_is_refused(written, cut):
    path = written(gzip.compress(json.dumps(har(entry(RECORDED))).encode())[:cut], "session.har.gz")
    with pytest.raises(TrafficError, match=r"cannot be read|is not JSON"):
        recordings.read(path)


def test_a_pipe_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    content = gzip.compress(json.dumps(har(entry(RECORDED))).encode())
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(content,))
    writer.start()
    assert len(recordings.read(tmp_path / "pipe")) == 1
    writer.join()


def test_an_entry_larger_than_what_is_read_at_a_time_is_read(written, monkeypatch):
    monkeypatch.setattr(recordings, "CHUNK", 7)
    entries = [entry({"text": "\u00e9" * size}) for size in (0, 1, 100, 3)]
    document = {"log": {"pages": [{"id": "p" * 50}], "entries": entries, "comment": "x"}, "more": 12.5}
    path = written(json.dumps(document, ensure_ascii=False, indent=1).encode())

    assert [len(exchange.response_body) for exchange in recordings.read(path)] == [0, 2, 200, 6]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"log": {"entries": [{}, ]}}', "is not JSON: Expecting value at character 26"),
        (b'{"log": {"entries": [{} {}]}}', "is not JSON: expected ']' at character 25"),
        (b'{"log": {"entries": []}} x', "is not JSON: something follows at character 26"),
        (b'{"log": {"entries": [{}', "is not JSON: expected ']' at character 24"),
        (b'{"log" {}}', "is not JSON: expected ':' at character 8"),
        (b'{"log": {"entries": ["\xff"]}}', "is not JSON: invalid start byte in what should be UTF-8"),
    ],
)
def test_json_that_is_broken_is_refused_with_its_place(written, content, reason):
    with pytest.raises(TrafficError) as caught:
        recordings.read(written(content))
    assert caught.value.reason == reason


def test_a_recording_is_not_held_in_memory(written):
    path = written(har(*(entry({"text": "x" * 1_000_000}) for _ in range(20))))
    tracemalloc.start()
    count = sum(1 for _ in recordings.Recording(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 20
    assert peak < 12_000_000


def test_a_body_in_another_charset_is_read(written):
    text = json.dumps({"name": "caf\u00e9"}, ensure_ascii=False)
    for charset in ("iso-8859-1", "utf-16", "Windows-1252"):
        packed = {"text": base64.b64encode(text.encode(charset)).decode(), "encoding": "base64"}
        path = written(har(entry(packed, headers=[("Content-Type", f'application/json; charset="{charset}"')])))
        assert recordings.read(path)[0].response_json == {"name": "caf\u00e9"}
    unknown = {"text": base64.b64encode(b"\xff").decode(), "encoding": "base64"}
    path = written(har(entry(unknown, headers=[("Content-Type", "text/plain; charset=nobody-knows")])))
    assert recordings.read(path)[0].response_body == b"\xff"


def test_recordings_are_found_in_folders_and_by_patterns(tmp_path, written):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("a/1.har", "a/b/2.yaml", "a/b/3.json", "a/b/4.har.gz"):
        content = json.dumps(har(entry(RECORDED))).encode()
        if name.endswith("yaml"):
            content = yaml.safe_dump({"interactions": [interaction("x")]}).encode()
        written(gzip.compress(content) if name.endswith("gz") else content, name)
    for name, content in (
        ("package.json", b"{}"),
        ("a/ci.yaml", b"on: push"),
        ("a/list.json", b"[1, 2]"),
        ("a/x.py", b""),
    ):
        written(content, name)

    def names(*arguments):
        return [str(path.relative_to(tmp_path)) for path in recordings.files([tmp_path / one for one in arguments])]

    assert names(".") == ["a/1.har", "a/b/2.yaml", "a/b/3.json", "a/b/4.har.gz"]
    assert names("a/**/*.har*") == ["a/1.har", "a/b/4.har.gz"]
    assert names("a/1.har", "a", "a/1.har") == ["a/1.har", "a/b/2.yaml", "a/b/3.json", "a/b/4.har.gz"]
    assert names("nowhere.har") == ["nowhere.har"]
    for argument in ("**/*.cassette", "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(TrafficError, match="there is no recording"):
            names(argument)


def test_a_file_whose_name_is_a_pattern_is_that_file(written):
    path = written(har(), "test[a].har")
    assert recordings.files([path]) == [path]


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
