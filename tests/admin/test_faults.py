"""Faults: what is counted, what is answered, and what the journal says of it."""

import pytest

from mockserver import resources
from mockserver.admin import faults as module
from mockserver.admin.errors import Refused, Unknown
from mockserver.admin.faults import Faults


@pytest.fixture
def faults(api):
    return Faults(api.sandbox, resources.operations())


def last(api):
    return list(api.sandbox.journal)[-1]


def test_an_operation_that_took_place_is_in_the_journal_whatever_became_of_its_answer(api, faults):
    faults.add("create_tag", status=503, handled=True)
    api.post("/v1/tags/", {"name": "Made"}, expect=503)
    entry = last(api)
    assert [(change["action"], change["kind"]) for change in entry.changes] == [("created", "tag")]
    assert (entry.status, entry.refused_by, entry.fault_id) == (503, None, 1)


def test_a_fault_that_comes_first_refuses(api, faults):
    faults.add("create_tag", status=503)
    api.post("/v1/tags/", {"name": "Made"}, expect=503)
    assert (last(api).changes, last(api).refused_by, last(api).fault_id) == ([], "fault", 1)
    assert "Made" not in [tag["name"] for tag in api.sandbox.store["tag"]]


def test_an_answer_without_a_body_is_not_given_one(api, faults):
    faults.add("delete_team_type", body="malformed")
    made = api.post("/v1/team_types/", {"name": "T"})
    answer = api.call("DELETE", f"/v1/team_types/{made['id']}/")
    assert (answer.status_code, answer.data) == (204, b"")


def test_a_refused_call_counts_too(api, faults):
    faults.add("create_tag", status=503, nth=2)
    api.post("/v1/tags/", {"name": 5}, expect=400)
    api.post("/v1/tags/", {"name": "A"}, expect=503)
    assert (faults.get(1).seen, faults.get(1).fired) == (2, 1)


def test_rules_for_one_and_for_all_operations_apply_in_the_order_of_their_making(api, faults):
    faults.add(status=503, times=1)
    faults.add("list_tags", status=429, times=2)
    faults.add(status=400, times=3)
    for status in (503, 429, 400, 200):
        api.get("/v1/tags/", expect=status)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({}, "A fault needs an effect: latency, status, rate_limit, body or drop."),
        ({"status": 99}, "status: Ensure this value is greater than or equal to 200."),
        ({"status": "503"}, "status: A valid integer is required."),
        ({"latency": "slow"}, "latency: latency should be seconds"),
        ({"status": 503, "nth": 0}, "nth: Ensure this value"),
        ({"rate_limit": {"requests": 0, "seconds": 1}}, "rate_limit.requests: Ensure"),
        ({"rate_limit": {"requests": 1}}, "rate_limit.seconds: This field is required."),
        ({"body": "gone", "status": 503}, "body: "),
        ({"status": 418}, "The contract lists no 418 for every operation"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(faults, rule, says):
    with pytest.raises(Refused) as refused:
        faults.add(**rule)
    assert says in str(refused.value)
    assert len(faults) == 0


def test_what_there_is_not_is_said(faults):
    with pytest.raises(TypeError):
        faults.add("list_tags", stauts=503)
    with pytest.raises(Unknown, match="There is no operation 'list_tag'"):
        faults.add("list_tag", status=503)
    for call in (faults.get, faults.remove):
        with pytest.raises(Unknown, match="There is no fault 7"):
            call(7)


def test_there_are_only_so_many(faults, monkeypatch):
    monkeypatch.setattr(module, "MOST", 2)
    for _ in range(2):
        faults.add(status=503)
    with pytest.raises(Refused, match="There are 2 faults already"):
        faults.add(status=503)


def test_periods_of_keys_that_are_over_are_forgotten(api, faults):
    faults.add("list_tags", rate_limit={"requests": 1, "seconds": 60})
    for key in api.sandbox.store["api_key"]:
        api.as_key(key["key"]).get("/v1/tags/", expect=None)
        api.sandbox.clock.advance(seconds=61)
    [record] = api.sandbox.store["mock_fault"]
    assert len(record["windows"]) == 1
