import json

import pytest

from mockserver.serving.wsgi import Answer, call


def echo(environ, start_response):
    """An application that tells what it was sent."""
    body = environ["wsgi.input"].read()
    seen = {
        "method": environ["REQUEST_METHOD"],
        "url": f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}{environ['PATH_INFO']}",
        "query": environ["QUERY_STRING"],
        "type": environ.get("CONTENT_TYPE"),
        "length": environ.get("CONTENT_LENGTH"),
        "headers": {key[5:]: value for key, value in environ.items() if key.startswith("HTTP_")},
        "body": body.decode("latin-1"),
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(seen).encode()]


def respond(status, *headers, body=b""):
    """An application with one answer."""

    def app(environ, start_response):
        start_response(status, list(headers))
        return [body]

    return app


def seen(url="https://api.test/", method="GET", headers=(), body=b""):
    return json.loads(call(echo, method, url, headers, body).body)


def test_the_application_sees_the_request():
    url = "https://api.test:8443/parts/?page=2&q=%20"
    answer = seen(url, "POST", [("Content-Type", "text/plain")], b"hi")
    assert answer == {
        "method": "POST",
        "url": "https://api.test:8443/parts/",
        "query": "page=2&q=%20",
        "type": "text/plain",
        "length": "2",
        "headers": {"HOST": "api.test:8443"},
        "body": "hi",
    }


def test_percent_encoded_path_arrives_as_its_bytes_in_latin1():
    assert seen("https://api.test/caf%C3%A9%2Fx/")["url"] == "https://api.test/cafÃ©/x/"


def test_repeated_headers_are_joined_cookies_with_a_semicolon():
    headers = seen(headers=[("X-A", "1"), ("x-a", "2"), ("Cookie", "a=1"), ("Cookie", "b=2")])["headers"]
    assert headers["X_A"] == "1, 2"
    assert headers["COOKIE"] == "a=1; b=2"


def test_what_headers_claim_about_the_connection_or_the_length_is_not_believed():
    claims = [("Content-Length", "999"), ("Transfer-Encoding", "chunked"), ("TE", "x"), ("X_Key", "y")]
    answer = seen(method="POST", headers=claims, body=b"abc")
    assert answer["length"] == "3"
    assert answer["headers"] == {"HOST": "api.test"}


def test_header_value_beyond_latin1_is_an_error():
    assert seen(headers=[("X-Name", "Zoë")])["headers"]["X_NAME"] == "Zoë"
    with pytest.raises(UnicodeEncodeError):
        seen(headers=[("X-Name", "Łukasz")])


def test_a_request_without_a_body_has_no_length_unless_it_says_so():
    assert seen()["length"] is None
    assert seen(method="POST", headers=[("Content-Length", "0")])["length"] == "0"


def test_answer_gets_a_length_and_loses_what_concerns_a_connection():
    app = respond("201 Created", ("Connection", "close"), ("X-A", "1"), ("X-A", "2"), body=b"{}")
    assert call(app, "GET", "https://api.test/", (), b"") == Answer(
        201, "Created", [("X-A", "1"), ("X-A", "2"), ("Content-Length", "2")], b"{}"
    )


def test_head_has_the_length_and_no_body():
    app = respond("200 OK", ("Content-Length", "5"), body=b"hello")
    answer = call(app, "HEAD", "https://api.test/", (), b"")
    assert (answer.body, answer.headers, answer.truncated) == (b"", [("Content-Length", "5")], False)


def test_body_shorter_than_announced_is_a_truncated_answer():
    app = respond("200 OK", ("Content-Length", "10"), body=b"hello")
    answer = call(app, "GET", "https://api.test/", (), b"")
    assert answer.truncated
    assert answer.wire().endswith(b"\r\n\r\nhello")


def test_a_whole_answer_that_is_to_be_truncated_ends_half_way():
    answer = Answer(200, "OK", [], b"12345678", truncated=True)
    assert answer.wire() == b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n1234"


def test_error_while_the_body_is_iterated_is_raised_and_the_iterable_closed():
    closed = []

    def app(environ, start_response):
        start_response("200 OK", [])
        try:
            yield b"begun"
            raise LookupError("half way")
        finally:
            closed.append(True)

    with pytest.raises(LookupError, match="half way"):
        call(app, "GET", "https://api.test/", (), b"")
    assert closed == [True]


def test_application_that_does_not_start_a_response_is_named_as_the_fault():
    with pytest.raises(RuntimeError, match="start_response"):
        call(lambda environ, start_response: [], "GET", "https://api.test/", (), b"")
