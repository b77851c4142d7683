"""The ways in beside the fixtures of the other tests."""
import json
import urllib.request

import aiohttp
import httpx
import mockserver
import pytest
import requests

from bom_sync.client import Cofactr

SESSION = requests.Session()                                      # made before any test, and answered all the same


# [session]
def test_a_session_from_before_the_test(cofactr_mock):
    headers = {"Authorization": f"Api-Key {cofactr_mock.api_key}"}
    response = SESSION.get("https://flagship-api.cofactr.com/v1/boms/", headers=headers)
    assert response.json()["count"] == 3
# [/session]


# [server]
def test_any_client_can_call_the_live_server(cofactr_server):
    headers = {"Authorization": f"Api-Key {cofactr_server.api_key}"}
    request = urllib.request.Request(f"{cofactr_server.url}/v1/boms/", headers=headers)
    with urllib.request.urlopen(request) as response:
        assert json.load(response)["count"] == 3
    cofactr_server.assert_called("list_boms", times=1)
# [/server]


# [without pytest]
def test_as_a_context_manager():
    with mockserver.Mock(fixtures="empty", jobs="manual") as mock:
        mock.given("bom", name="Valve Driver")
        assert [bom["name"] for bom in Cofactr(mock.api_key).boms()] == ["Valve Driver"]


@mockserver.Mock(seed=7)
def test_as_a_decorator(mock):
    assert len(Cofactr(mock.api_key).boms()) == 3
# [/without pytest]


@pytest.fixture
def anyio_backend():
    return "asyncio"


# [async]
@pytest.mark.anyio
async def test_async_clients(cofactr_mock):
    headers = {"Authorization": f"Api-Key {cofactr_mock.api_key}"}
    async with httpx.AsyncClient(headers=headers) as client:
        assert (await client.get(f"{cofactr_mock.url}/v1/boms/")).json()["count"] == 3
    async with aiohttp.ClientSession(headers=headers) as session:
        response = await session.get(f"{cofactr_mock.url}/v1/boms/")
        assert (await response.json())["count"] == 3
    cofactr_mock.assert_called("list_boms", times=2)
# [/async]


# [explained]
def test_what_was_not_called_is_explained(cofactr_mock):
    Cofactr(cofactr_mock.api_key).send_email(["ada@acme.example.com"], "2 unknown parts", "…")

    with pytest.raises(AssertionError) as error:
        cofactr_mock.assert_called("create_outbound_email", times=1, body={"subject": "1 unknown parts"})

    assert str(error.value) == """\
create_outbound_email should have been called once as described; it was never.
It was called once otherwise. The nearest:
  #1 POST /v1/outbound_emails/ (create_outbound_email) → 200
      body.subject: expected '1 unknown parts', was '2 unknown parts'"""
# [/explained]
