"""Pages that somebody has open in a browser reach no control route, and frame none of its pages."""

import pytest

OWN = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "https://localhost"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://[::1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "reset"), ("GET", "journal"), ("GET", "health"), ("GET", "export")]
)
def test_a_page_from_elsewhere_is_refused(api, headers, method, path):
    store = api.sandbox.store
    refused = api.client.open(f"/__mock__/{path}", method=method, headers=headers)
    assert refused.status_code == 403
    assert "The control plane is not for pages of" in refused.json["detail"]
    assert api.sandbox.store is store


@pytest.mark.parametrize(
    "headers",
    [{}, OWN, {"Origin": "http://localhost:80"}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-origin"}],
)
def test_its_own_pages_and_other_programs_are_not(api, headers):
    assert api.client.post("/__mock__/reset", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["docs/", "control/docs/", "health", "no/such/page"])
def test_pages_say_how_they_may_be_shown(api, path):
    headers = api.client.get(f"/__mock__/{path}").headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
