"""Who may steer the mock."""

import pytest

from mockserver.app import App


@pytest.fixture
def client(sandbox):
    return App(sandbox, control_token="s3cret").test_client()


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer other"}, {"Authorization": "Api-Key s3cret"}, {"X-Mock-Token": "é"}],
)
def test_without_the_token_nothing_is_done(client, headers, sandbox):
    before = sandbox.store
    refused = client.post("/__mock__/reset", headers=headers)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert "Authorization: Bearer <token>" in refused.json["detail"]
    assert sandbox.store is before


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer s3cret"}, {"X-Mock-Token": "s3cret"}])
def test_with_it_all_is(client, headers):
    assert client.post("/__mock__/reset", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/docs/", "/openapi.json", "/control/docs/", "/control/openapi.json"])
def test_health_and_the_pages_hold_no_state_and_need_no_token(client, path):
    assert client.get(f"/__mock__{path}").status_code == 200


def test_a_page_from_elsewhere_may_not(api):
    assert api.client.post("/__mock__/reset", headers={"Origin": "https://evil.example"}).status_code == 403
    assert api.client.post("/__mock__/reset", headers={"Origin": "http://localhost"}).status_code == 200
    assert "Access-Control-Allow-Origin" not in api.client.get("/__mock__/clock").headers
