"""Cross-origin calls of the API from a browser."""

import pytest

from mockserver.serving import wsgi
from mockserver.serving.browsers import CrossOrigin, origin

PAGE = "http://localhost:3000"
URL = "http://mock.test/v1/tags/"


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["REQUEST_METHOD"].encode()]


def call(method="GET", url=URL, origins=(PAGE,), **headers):
    sent = [(name.replace("_", "-"), value) for name, value in headers.items()]
    answer = wsgi.call(CrossOrigin(app, origins), method, url, sent, b"")
    return answer, dict(answer.headers)


def preflight(**headers):
    return call("OPTIONS", Access_Control_Request_Method="POST", **headers)


def test_a_preflight_of_a_named_origin_is_answered():
    answer, headers = preflight(Origin=PAGE, Access_Control_Request_Headers="authorization,content-type")
    assert (answer.status, answer.body) == (204, b"")
    assert headers["Access-Control-Allow-Origin"] == PAGE
    assert headers["Access-Control-Allow-Headers"] == "authorization,content-type"
    assert "PATCH" in headers["Access-Control-Allow-Methods"]


def test_that_of_another_is_refused_with_what_to_do():
    answer, headers = preflight(Origin="http://localhost:4000")
    assert answer.status == 403
    assert b"--cors http://localhost:4000" in answer.body
    assert "Access-Control-Allow-Origin" not in headers


def test_answers_are_open_to_named_origins_alone():
    assert call(Origin=PAGE)[1]["Access-Control-Allow-Origin"] == PAGE
    assert "Location" in call(Origin=PAGE)[1]["Access-Control-Expose-Headers"]
    answer, headers = call(Origin="http://evil.test")
    assert (answer.status, headers["Vary"]) == (200, "Origin")
    assert "Access-Control-Allow-Origin" not in headers
    assert call(Origin="http://evil.test", origins=["*"])[1]["Access-Control-Allow-Origin"] == "http://evil.test"


def test_the_control_plane_stays_closed():
    answer, headers = call(
        "OPTIONS", "http://mock.test/__mock__/reset", Origin=PAGE, Access_Control_Request_Method="POST"
    )
    assert (answer.body, "Access-Control-Allow-Origin" in headers) == (b"OPTIONS", False)


def test_a_call_of_no_page_is_as_it_was():
    assert call()[1] == {"Content-Type": "text/plain", "Content-Length": "3"}
    assert call("OPTIONS")[0].body == b"OPTIONS"


def test_what_is_no_origin_is_refused():
    assert origin("HTTPS://App.test/") == "https://app.test"
    for text in ("app.test", "ftp://app.test", "https://app.test/path", "https://me@app.test", "", "null"):
        with pytest.raises(ValueError, match=r"is no origin; one reads http://localhost:3000"):
            origin(text)
