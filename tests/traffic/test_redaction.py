"""A list of the places a secret can sit, and of what must not be taken for one."""

import base64
import dataclasses
import json

import pytest

from mockserver.api.secrets import is_secret, without_secrets
from mockserver.traffic import recordings
from mockserver.traffic.redaction import redacted, redacted_json

SECRET = "s3cr3t-V4lue-0123"
BASIC = base64.b64encode(f"me:{SECRET}".encode()).decode()
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
PRESIGNED = f"https://files.test/a.pdf?X-Amz-Credential=AKIA&X-Amz-Signature={SECRET}&X-Amz-Expires=60"
URL = "https://api.test/v1/tags/"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\\n{SECRET}\\n-----END RSA PRIVATE KEY-----"


def multipart(*parts):
    """(a content type, a body) of (further headers, content)."""
    body = "".join(f"--xyz\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n" for head, content in parts)
    return "multipart/form-data; boundary=xyz", (body + "--xyz--\r\n").encode()


HEADERS = {
    "authorization": [
        ("Authorization", f"Api-Key {SECRET}"),
        ("Authorization", f"Bearer {SECRET}"),
        ("Authorization", f"Basic {BASIC}"),
        ("Authorization", SECRET),
        ("Authorization", f'Digest username="me", response="{SECRET}"'),
        ("Proxy-Authorization", f"Basic {BASIC}"),
    ],
    "cookies": [("Cookie", f"a={SECRET}"), ("Set-Cookie", f"id={SECRET}; Path=/; HttpOnly")],
    "names": [
        ("X-Api-Key", SECRET),
        ("X-Session", SECRET),
        ("X-Session-Id", SECRET),
        ("X-Mock-Token", SECRET),
        ("X-CSRFToken", SECRET),
        ("X-Amz-Security-Token", SECRET),
        ("X-Signature", SECRET),
        ("X-Hub-Signature-256", f"sha256={SECRET}"),
        ("X-Auth", SECRET),
        ("apikey", SECRET),
        ("X-JWT", SECRET),
        ("X-Vault-Passphrase", SECRET),
    ],
    "addresses": [
        ("Location", PRESIGNED),
        ("Location", f"/callback?code={SECRET}&state=1"),
        ("Location", f"https://app.test/#access_token={SECRET}&token_type=bearer"),
        ("Referer", f"https://me:{SECRET}@app.test/"),
        ("Referer", f"https://app.test/?redirect=https%3A%2F%2Fx.test%2F%3Ftoken%3D{SECRET}%26a%3Db"),
        ("Link", f'<https://api.test/v1/tags/?token={SECRET}&offset=3>; rel="next"'),
        ("X-Forwarded-Uri", f"/v1/tags/?api_key={SECRET}"),
    ],
    "looks": [("X-Debug", f"jwt was {JWT}"), ("Warning", f'299 - "Bearer {SECRET} expires"')],
}
ADDRESSES = [
    f"{URL}?api_key={SECRET}",
    f"{URL}?jwt={SECRET}",
    f"{URL}?sig={SECRET}&se=2026",
    f"{URL}?code={SECRET}&state=1",
    f"{URL}?passphrase={SECRET}",
    f"{URL}?session_id={SECRET}",
    f"{URL}?bearer={SECRET}",
    f"{URL}?a[password]={SECRET}",
    f"{URL}?next=%2Fx%3Ftoken%3D{SECRET}",
    f"https://me:{SECRET}@api.test/v1/tags/",
    f"{URL}{JWT}/",
]
BODIES = [
    ("application/json", json.dumps({"password": SECRET})),
    ("application/json", json.dumps({"user": {"clientSecret": SECRET}})),
    ("application/json", json.dumps([{"tokens": [SECRET, {"value": SECRET}]}])),
    ("application/json", json.dumps({"jwt": SECRET, "session_id": SECRET, "passphrase": SECRET, "bearer": SECRET})),
    ("application/json", json.dumps({"settings": [{"name": "api_key", "value": SECRET}]})),
    ("application/json", json.dumps({"url": PRESIGNED})),
    ("application/json", json.dumps({"note": f"see {PRESIGNED} and {JWT}"})),
    ("application/json", json.dumps({"database": f"postgres://me:{SECRET}@db.test/x"})),
    ("application/json", json.dumps({"dsn": f"https://{SECRET}@sentry.test/1"})),
    ("application/json", json.dumps({"connection": f"Server=db;Uid=me;Password={SECRET};"})),
    ("application/json", json.dumps({"log": f"password: {SECRET}"})),
    ("application/json", json.dumps({"body": json.dumps({"token": SECRET})})),
    ("application/json", json.dumps({"grant_type": "authorization_code", "code": SECRET})),
    ("application/json", json.dumps({"note": PEM.replace("\\n", "\n")})),
    ("application/json", f'{{"password": "{SECRET}", "password": ""}}'),
    ("application/json", f'{{"password": "{SECRET}"'),
    ("application/json", f'\ufeff{{"password": "{SECRET}"}}'),
    ("application/vnd.api+json", json.dumps({"password": SECRET})),
    ("text/plain", json.dumps({"password": SECRET})),
    ("", json.dumps({"password": SECRET})),
    ("application/x-ndjson", f'{{"a": 1}}\n{{"password": "{SECRET}"}}\n'),
    ("application/jsonl", f'{{"password": "{SECRET}"}}\n{{broken'),
    ("application/json", f'{{"a": 1}}\n{{"password": "{SECRET}"}}'),
    ("text/event-stream", f'event: x\ndata: {{"token": "{SECRET}"}}\n\n'),
    ("text/event-stream", f"data: {SECRET}\n\n"),
    ("application/x-www-form-urlencoded", f"user=me&password={SECRET}"),
    ("application/x-www-form-urlencoded", f"grant_type=authorization_code&code={SECRET}"),
    ("application/x-www-form-urlencoded", f"return=https%3A%2F%2Fx.test%2F%3Ftoken%3D{SECRET}"),
    ("application/xml", f"<login><password>{SECRET}</password></login>"),
    ("application/xml", f"<login password='{SECRET}'/>"),
    ("text/xml; charset=utf-8", f"<a xmlns:s='u'><s:Secret><s:v>{SECRET}</s:v></s:Secret></a>"),
    ("application/soap+xml", f"<p><param name='password' value='{SECRET}'/></p>"),
    ("application/xml", f"<p><name>api_key</name><value>{SECRET}</value></p>"),
    ("application/xml", f"<p><!-- password {SECRET} --></p>"),
    ("application/xml", f"<!DOCTYPE p [<!ENTITY e '{SECRET}'>]><p>&e;</p>"),
    ("application/xml", f"<p><password>{SECRET}</p>"),
    ("application/yaml", f"user: me\npassword: {SECRET}\n"),
    ("text/yaml", f"# the password is {SECRET}\nuser: me\n"),
    ("text/x-yaml", f"a: &x {SECRET}\nb: *x\n"),
    ("text/csv", f"user,password\nme,{SECRET}\n"),
    ("text/plain", f"the password is {SECRET}"),
    ("text/html", f"<input name=csrf value={SECRET}>"),
    ("application/octet-stream", f"\x00\x01{SECRET}"),
    ("application/pdf", f"%PDF {SECRET}"),
    ("", f"whatever {SECRET}"),
    multipart(('name="password"', SECRET)),
    multipart(('name="api_key"', SECRET), ('name="a"', "1")),
    multipart(('name="note"', f"see {PRESIGNED}")),
    multipart(('name="a"; filename="a.json"\r\nContent-Type: application/json', json.dumps({"token": SECRET}))),
    multipart(('name="a"; filename="a.bin"\r\nContent-Type: application/octet-stream', f"\x00{SECRET}")),
    multipart((f'name="a"; filename="x?token={SECRET}"\r\nContent-Type: text/csv', "a\n1\n")),
    ("multipart/form-data; boundary=xyz", f'--xyz\r\nContent-Disposition: form-data; name="password"\r\n\r\n{SECRET}'),
    ("multipart/form-data", f'--xyz\r\nContent-Disposition: form-data; name="password"\r\n\r\n{SECRET}\r\n--xyz--'),
    ("multipart/mixed; boundary=xyz", f"--xyz\r\nContent-Type: application/json\r\n\r\n{SECRET}\r\n--xyz--\r\n"),
]
PLACES = sum(map(len, HEADERS.values())) + len(ADDRESSES) + len(BODIES)


def written(tmp_path, **parts):
    """What a HAR file says of an exchange of these parts."""
    values = {
        "method": "POST",
        "url": URL,
        "request_headers": {},
        "request_body": b"",
        "status": 200,
        "response_headers": {},
        "response_body": b"",
    }
    recordings.write_har([recordings.exchange(**values | parts)], tmp_path / "out.har")
    text = (tmp_path / "out.har").read_text()
    encoded = [
        base64.b64decode(text[start + 9 :].partition('"')[0])
        for start in range(len(text))
        if text.startswith('"text": "', start) and '"encoding"' in text[start:].partition("}")[0]
    ]
    return text + "".join(part.decode("latin-1") for part in encoded)


def test_there_are_at_least_sixty_places():
    assert PLACES >= 60


@pytest.mark.parametrize("header", [pair for pairs in HEADERS.values() for pair in pairs], ids=repr)
@pytest.mark.parametrize("side", ["request", "response"])
def test_headers(tmp_path, header, side):
    text = written(tmp_path, **{f"{side}_headers": dict([header])})
    assert SECRET not in text
    assert BASIC not in text
    assert JWT not in text


@pytest.mark.parametrize("url", ADDRESSES)
def test_addresses(tmp_path, url):
    text = written(tmp_path, url=url)
    assert SECRET not in text
    assert JWT not in text


@pytest.mark.parametrize(("media_type", "body"), BODIES)
@pytest.mark.parametrize("side", ["request", "response"])
def test_bodies(tmp_path, side, media_type, body):
    content = body if isinstance(body, bytes) else body.encode()
    text = written(tmp_path, **{f"{side}_headers": {"Content-Type": media_type}, f"{side}_body": content})
    assert SECRET not in text
    assert JWT not in text


def test_a_secret_is_hidden_wherever_else_it_is(tmp_path):
    text = written(
        tmp_path,
        url=f"{URL}{SECRET}/?q={SECRET}",
        request_headers={"Content-Type": "application/json", "X-Note": SECRET},
        request_body=json.dumps({"password": SECRET, "again": f"<{SECRET}>"}).encode(),
        response_headers={"Content-Type": "application/json"},
        response_body=json.dumps({"said": SECRET}).encode(),
    )
    assert SECRET not in text


def test_a_body_left_out_is_said_and_read_so(tmp_path):
    written(tmp_path, request_headers={"Content-Type": "text/plain"}, request_body=b"what", response_body=b"ever")
    (exchange,) = recordings.read(tmp_path / "out.har")
    assert exchange.omitted == {"request", "response"}


def test_bodies_can_be_kept():
    plain = recordings.exchange(
        "GET", URL, {}, b"", 200, {"Content-Type": "text/plain"}, b"\xff a note, " + JWT.encode()
    )
    kept = redacted(plain, keep_bodies=True)
    assert (kept.response_body, kept.omitted) == (b"\xff a note, REDACTED", frozenset())


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "Basic information", "monkey": 1, "turkey": "x", "author": "me", "has_key": true,  "n": 1.50}',
        b'{"description": "Digest of parts, e.g. RC0402FR-0710KL", "path": "/v1/boms/?limit=3&offset=6"}',
        b'"just a text"',
        b"[1, 2.0, null]",
        b'{"name": "token", "color": "#000000"}',
    ],
)
def test_what_holds_no_secret_stays_byte_for_byte(body):
    plain = recordings.exchange("POST", URL, {"Content-Type": "application/json"}, body, 200, {}, b"")
    assert redacted(plain) == dataclasses.replace(plain)


@pytest.mark.parametrize(
    "name",
    ["Idempotency-Key", "monkey", "turkey", "keyboard", "author", "authored_at", "passive", "code", "assessment"],
)
def test_names_that_hold_no_secret(name):
    assert not is_secret(name)


def test_types_stay():
    shown = redacted_json({"pin": 1, "token": 7, "secret": None, "has_password": True, "keys": ["a", 1]})
    assert shown == {"pin": 1, "token": 0, "secret": None, "has_password": True, "keys": ["REDACTED", 0]}


def test_a_common_word_under_a_secret_name_is_hidden_there_alone():
    body = json.dumps({"key": "quantity", "quantity": 1, "label": "quantity"}).encode()
    plain = recordings.exchange("POST", URL, {"Content-Type": "application/json"}, body, 200, {}, b"")
    assert redacted(plain).request_json == {"key": "REDACTED", "quantity": 1, "label": "quantity"}


def test_escaped_parameters_end_where_they_end():
    assert without_secrets("a=1&token=x%26y%20z&b=2") == "a=1&token=REDACTED&b=2"
    assert (
        without_secrets("/r/https%3A%2F%2Fx%2F%3Ftoken%3Dabc%26b%3D2")
        == "/r/https%3A%2F%2Fx%2F%3Ftoken%3DREDACTED%26b%3D2"
    )
