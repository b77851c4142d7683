"""The mock in hand: worlds, doors, what can be arranged in it, and what it says of the calls it got."""

import asyncio
import datetime as dt
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
import requests

import mockserver
from mockserver.admin.errors import Refused, Unknown
from mockserver.worlds import UnknownFixture

EU = "https://eu.cofactr.com"


@pytest.fixture
def mock():
    with mockserver.Mock() as mock:
        yield mock


def call(handle, method, path, key=None, **options):
    headers = {"Authorization": f"Api-Key {key or handle.api_key}"}
    return requests.request(method, handle.url + path, headers=headers, **options)


def names(handle):
    return [bom["name"] for bom in call(handle, "GET", "/v1/boms/").json()["results"]]


# -- worlds


def test_a_fixture_a_seed_and_a_moment_make_a_world():
    with mockserver.Mock("empty", seed=5, now=dt.datetime(2026, 5, 1, tzinfo=dt.UTC)) as mock:
        assert names(mock) == []
        assert call(mock, "POST", "/v1/boms/", json={"name": "New"}).json()["created_at"] == "2026-05-01T00:00:00Z"


def test_a_reset_leads_back_to_the_moment_and_the_jobs_it_was_made_with():
    with mockserver.Mock(now="2026-05-01T00:00:00Z", jobs={"upsert_bom_async": "manual"}) as mock:
        mock.clock.advance(days=1)
        mock.jobs.policy("immediate", operation="upsert_bom_async")
        mock.reset()
        assert mock.clock.now == dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
        assert mock.jobs.by_operation["upsert_bom_async"].mode == "manual"
        assert mock.jobs.default.mode == "immediate"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"now": "tomorrow"}, "now: 'tomorrow' is no RFC 3339 date-time"),
        ({"now": dt.datetime(2026, 5, 1)}, "no offset from UTC"),
        ({"jobs": "sometimes"}, "There are immediate, reads, time, manual, fail"),
        ({"jobs": {"upsert_bom_async": 3}}, "A job policy is a mode, or a mapping"),
        ({"jobs": {"create_bom": "manual"}}, "'create_bom' starts no jobs"),
    ],
)
def test_what_makes_no_sense_is_refused(options, says):
    with pytest.raises(Refused, match=says):
        mockserver.Mock(**options)


def test_an_unknown_fixture_is_refused():
    with pytest.raises(UnknownFixture, match="Those that come with the mock are default"):
        mockserver.Mock("defualt")


def test_keys_open_worlds_behind_the_same_address(mock):
    other = mock.another("empty", name="other", jobs="manual")
    assert other.url == mock.url
    assert names(other) == []
    assert len(names(mock)) == 3
    assert [entry.path for entry in other.journal] == ["/v1/boms/"]
    assert {key["key"] for key in other.api_keys}.isdisjoint(key["key"] for key in mock.api_keys)
    with pytest.raises(Refused, match="called 'other' already"):
        mock.another(name="other")


def test_mocks_of_different_addresses_stand_side_by_side(mock):
    with mockserver.Mock("empty", origin=EU) as eu:
        assert names(eu) == []
        assert len(names(mock)) == 3


def test_the_control_plane_is_behind_the_address_too(mock):
    call(mock, "POST", "/v1/boms/", json={"name": "New"})
    assert requests.post(f"{mock.url}/__mock__/reset").status_code == 200
    assert "New" not in names(mock)


# -- doors


def test_it_hands_itself_to_a_function_that_asks():
    @mockserver.Mock("empty")
    def count(kind, *, mock):
        mock.given("bom")
        return len(mock.records(kind))

    assert [count("bom"), count("bom")] == [1, 1], "each run has a world of its own"


def test_a_function_that_does_not_ask_is_left_as_it_is():
    @mockserver.Mock()
    def status():
        return requests.get("https://flagship-api.cofactr.com/v1/boms/").status_code

    assert status() == 401


def test_coroutines_are_served():
    @mockserver.Mock("empty")
    async def decorated(mock):
        async with httpx.AsyncClient() as client:
            return (
                await client.get(f"{mock.url}/v1/boms/", headers={"Authorization": f"Api-Key {mock.api_key}"})
            ).json()["count"]

    async def entered():
        async with mockserver.Mock("empty") as mock, httpx.AsyncClient() as client:
            return (
                await client.get(f"{mock.url}/v1/boms/", headers={"Authorization": f"Api-Key {mock.api_key}"})
            ).json()["count"]

    assert asyncio.run(decorated()) == 0
    assert asyncio.run(entered()) == 0


def test_both_doors_lead_to_the_same_sandbox(mock):
    with mock.live() as live:
        assert live.url.startswith("http://127.0.0.1:")
        bom = call(live, "POST", "/v1/boms/", json={"name": "New"}).json()
        assert call(mock, "GET", f"/v1/boms/{bom['id']}/").json() == bom
        live.assert_called("get_bom", times=1, bom_id=bom["id"])


def test_other_hosts_can_be_blocked():
    with (
        mockserver.Mock(block_network=True),
        pytest.raises(requests.ConnectionError, match="network access is blocked"),
    ):
        requests.get("https://example.com/")


# -- faults and webhooks through both doors


@pytest.fixture(params=["in process", "live"])
def door(request, mock):
    if request.param == "in process":
        yield mock
    else:
        with mock.live() as live:
            yield live


def test_a_dropped_connection(door):
    door.faults.add("list_boms", drop=True)
    with pytest.raises(requests.ConnectionError):
        call(door, "GET", "/v1/boms/")


def test_half_an_answer(door):
    door.faults.add("list_boms", body="truncated")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        call(door, "GET", "/v1/boms/")


def test_a_late_answer(door):
    door.faults.add("list_boms", latency=0.3)
    with pytest.raises(requests.ReadTimeout):
        call(door, "GET", "/v1/boms/", timeout=0.05)


@pytest.fixture
def receiver():
    """A server that keeps the events POSTed to it, and calls `.then(event)` before it answers."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server.events.append(event)
            self.server.then(event)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.events, server.then = [], lambda event: None
        server.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_webhook_is_sent_right_after_the_call_that_caused_it(door, receiver):
    door.webhooks.subscribe(receiver.url, triggers=["BOM"])
    bom = call(door, "POST", "/v1/boms/", json={"name": "New"}).json()
    assert receiver.events == [{"event_type": "created", "record_type": "BOM", "id": bom["id"], "data": bom}]


def test_a_delayed_webhook_is_sent_when_its_time_has_come(door, receiver):
    door.webhooks.subscribe(receiver.url, triggers=["BOM"], delay=60)
    call(door, "POST", "/v1/boms/", json={"name": "New"})
    assert receiver.events == []
    door.clock.advance(minutes=1)
    assert len(receiver.events) == 1


def test_a_receiver_may_call_in_turn(door, receiver):
    """What it causes is sent once it has answered: it need not serve two at once."""

    def approve(event):
        if not event["data"]["approved"]:
            assert call(door, "POST", f"/v1/boms/{event['id']}/approve/").status_code == 200

    receiver.then = approve
    door.webhooks.subscribe(receiver.url, triggers=["BOM"])
    call(door, "POST", "/v1/boms/", json={"name": "New"})
    assert [event["data"]["approved"] for event in receiver.events] == [False, True]


def test_in_a_coroutine_webhooks_wait_to_be_drained(mock, receiver):
    async def create():
        async with httpx.AsyncClient() as client:
            await client.post(
                f"{mock.url}/v1/boms/",
                json={"name": "New"},
                headers={"Authorization": f"Api-Key {mock.api_key}"},
            )
        before = len(receiver.events)
        await asyncio.to_thread(mock.webhooks.drain)
        return before, len(receiver.events)

    mock.webhooks.subscribe(receiver.url, triggers=["BOM"])
    assert asyncio.run(create()) == (0, 1)


# -- what was called


def test_a_call_is_told_by_part_of_what_it_sent(mock):
    bom = call(mock, "POST", "/v1/boms/", json={"name": "New", "metadata": {"a": 1, "b": 2}}).json()
    call(mock, "GET", "/v1/boms/?limit=5&approved=true")
    call(mock, "GET", f"/v1/boms/{bom['id']}/lines/")
    mock.assert_called("create_bom")
    mock.assert_called("create_bom", times=1, status=201, body={"metadata": {"b": 2}})
    mock.assert_called("list_boms", query={"limit": 5, "approved": True})
    mock.assert_called("list_bom_lines", times=1, bom_id=bom["id"])
    mock.assert_called("list_boms", times=0, query={"limit": 6})
    mock.assert_not_called("create_bom", body={"name": "Old"})
    mock.assert_not_called("delete_bom")


def failure(function, *args, **kwargs):
    with pytest.raises(AssertionError) as error:
        function(*args, **kwargs)
    return str(error.value).splitlines()


def test_the_nearest_calls_and_their_differences_are_shown(mock):
    call(mock, "POST", "/v1/boms/", json={"name": "Far", "version": "C", "approved": True})
    call(mock, "POST", "/v1/boms/", json={"name": "Near", "version": "B", "metadata": {"tags": [1, 2]}})
    expected = {"name": "Near", "version": "B", "approved": False, "metadata": {"tags": [1, 3]}}
    assert failure(mock.assert_called, "create_bom", times=1, body=expected) == [
        "create_bom should have been called once as described; it was never.",
        "It was called twice otherwise. The nearest:",
        "  #2 POST /v1/boms/ (create_bom) → 201",
        "      body.approved: expected False, was not sent",
        "      body.metadata.tags[1]: expected 3, was 2",
        "  #1 POST /v1/boms/ (create_bom) → 201",
        "      body.name: expected 'Near', was 'Far'",
        "      body.version: expected 'B', was 'C'",
        "      body.approved: expected False, was True",
        "      body.metadata: expected {'tags': [1, 3]}, was not sent",
    ]


def test_calls_too_many_are_shown(mock):
    for name in ("A", "A", "B"):
        call(mock, "POST", "/v1/boms/", json={"name": name})
    assert failure(mock.assert_called, "create_bom", times=1, body={"name": "A"}) == [
        "create_bom should have been called once as described; it was twice.",
        "Those that fit:",
        "  #1 POST /v1/boms/ (create_bom) → 201",
        "  #2 POST /v1/boms/ (create_bom) → 201",
        "The nearest of those that differ:",
        "  #3 POST /v1/boms/ (create_bom) → 201",
        "      body.name: expected 'A', was 'B'",
    ]
    assert failure(mock.assert_not_called, "create_bom", body={"name": "B"}) == [
        "create_bom should not have been called as described; it was once:",
        "  #3 POST /v1/boms/ (create_bom) → 201",
    ]


def test_what_was_called_instead_is_shown(mock):
    assert failure(mock.assert_called, "create_bom")[1] == (
        "Nothing was called at all. Does the client send its requests to the mock's url, with the mock's api_key?"
    )
    call(mock, "GET", "/v1/boms/")
    assert failure(mock.assert_called, "create_bom")[1:] == [
        "What was called:",
        "  #1 GET /v1/boms/ (list_boms) → 200",
    ]


def test_true_is_not_one(mock):
    call(mock, "POST", "/v1/boms/", json={"name": "New", "metadata": {"n": 1}})
    assert failure(mock.assert_called, "create_bom", body={"metadata": {"n": True}})[-1].endswith(
        "expected True, was 1"
    )


def test_a_call_that_cannot_be_is_not_asked_for(mock):
    with pytest.raises(Unknown, match="no operation 'create_bomb'"):
        mock.assert_called("create_bomb")
    with pytest.raises(TypeError, match=r"'bom' is no id in the path of get_bom; it has bom_id"):
        mock.assert_called("get_bom", bom="1")


# -- the contract


def test_a_broken_contract_is_told_once(mock):
    call(mock, "POST", "/v1/boms/", json={"lines": [{"quantity": "many"}]})
    assert failure(mock.assert_contract_kept) == [
        "POST /v1/boms/ (create_bom) broke the contract and was answered 400:",
        "    name: This field is required.",
        "    lines[0].quantity: A valid integer is required.",
        "    lines[0].part_id: This field is required.",
        '  It sent {"lines": [{"quantity": "many"}]}',
    ]
    mock.assert_contract_kept()


def test_unknown_paths_break_it(mock):
    call(mock, "GET", "/v1/boms")
    call(mock, "DELETE", "/v1/boms/")
    told = "\n".join(failure(mock.assert_contract_kept))
    assert "A path needs its trailing slash: /v1/boms/" in told
    assert 'DELETE /v1/boms/ broke the contract and was answered 405:\n    Method "DELETE" not allowed.' in told


def test_what_the_state_refuses_does_not_break_it(mock):
    nobody = "00000000-0000-4000-8000-000000000000"
    assert call(mock, "GET", f"/v1/boms/{nobody}/").status_code == 404
    assert call(mock, "POST", "/v1/boms/", json={"name": "New", "tag_ids": [nobody]}).status_code == 400
    approved = mock.records("bom", approved=True)[0]
    assert call(mock, "POST", f"/v1/boms/{approved['id']}/approve/").status_code == 409
    mock.faults.add("list_boms", status=503)
    assert call(mock, "GET", "/v1/boms/").status_code == 503
    mock.assert_contract_kept()


def test_it_can_be_broken_on_purpose(mock):
    call(mock, "POST", "/v1/boms/", json={"title": "by mistake"})
    with mock.violations_allowed():
        call(mock, "POST", "/v1/boms/", json={"title": "on purpose"})
    told = "\n".join(failure(mock.assert_contract_kept))
    assert "by mistake" in told
    assert "on purpose" not in told


def test_a_reset_does_not_hide_what_broke_it(mock):
    call(mock, "GET", "/v1/bomms/")
    mock.reset()
    assert "GET /v1/bomms/" in failure(mock.assert_contract_kept)[0]


def test_strict_worlds_refuse_undocumented_keys():
    with mockserver.Mock(strict=True) as mock:
        assert call(mock, "POST", "/v1/boms/", json={"name": "New", "colour": "red"}).json() == {
            "colour": ["Unknown field."]
        }
        assert "    colour: Unknown field." in failure(mock.assert_contract_kept)


# -- the rest


def test_records_can_be_given(mock):
    bom = mock.given("bom", name="Given")
    line = mock.given("bom_line", bom_id=bom["id"], quantity=7)
    assert call(mock, "GET", f"/v1/boms/{bom['id']}/").json()["line_count"] == 1
    assert mock.records("bom_line", bom_id=bom["id"]) == [line]


def test_a_snapshot_brings_a_moment_back(mock):
    before = mock.snapshot()
    mock.given("bom", name="Given")
    mock.clock.advance(hours=1)
    mock.restore(before)
    assert len(names(mock)) == 3
    assert mock.clock.now == before.now


def test_what_the_package_does_not_have_is_said_as_usual():
    with pytest.raises(AttributeError, match="module 'mockserver' has no attribute 'mok'"):
        mockserver.mok  # noqa: B018
