"""The contract tests can fail: an app broken on purpose, one way at a time, and each break noticed."""

import pytest
from flask import Response

from mockserver import worlds
from mockserver.api import auth, loading
from mockserver.api.problems import Invalid
from mockserver.api.resource import Resource
from mockserver.app import App
from mockserver.conformance import selftest
from mockserver.resources.tags import tags
from mockserver.sandbox import OWN_KINDS, Sandbox
from mockserver.sandbox.store import Store

TAGS = ("list_tags", "create_tag", "get_tag", "update_tag")
TEAMS = ("create_team", "get_team", "delete_team")


def checks_that_fail(app=None, phases=("coverage", "fuzzing"), operation_ids=TAGS):
    outcome = selftest.run(app, operation_ids=operation_ids, max_examples=10, excluded={}, phases=phases)
    return {failure.check for failure in outcome.failures}, outcome


def test_unbroken_it_passes():
    failing, outcome = checks_that_fail()
    assert outcome.ok, str(outcome)
    assert not failing


def answering(**changes):
    """A tag as it is answered, with some of its fields replaced; `...` leaves a field out."""

    def present(self, scope, record):
        return {name: value for name, value in {**record, **changes}.items() if value is not ...}

    return present


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"color": ...}, "response_schema_conformance"),
        ({"name": 7}, "response_schema_conformance"),
        ({"created_at": "yesterday"}, "response_schema_conformance"),
        ({"secret": "undocumented"}, "response_schema_conformance"),
    ],
    ids=["a field is missing", "a field is of another type", "a format is broken", "a field is undocumented"],
)
def test_a_wrong_answer_is_noticed(monkeypatch, changes, check):
    monkeypatch.setattr(Resource, "present", answering(**changes))
    assert check in checks_that_fail()[0]


def test_a_crash_is_noticed(monkeypatch):
    app = App(Sandbox(worlds.load("default")))
    app.after_request(
        lambda response: (
            Response(b"{}", 500, content_type="application/json") if response.status_code == 201 else response
        )
    )
    assert "not_a_server_error" in checks_that_fail(app)[0]


def test_an_undocumented_status_is_noticed(monkeypatch):
    monkeypatch.setattr(tags.handlers["create_tag"], "status", 418)
    app = App(Sandbox(worlds.load("default")))
    document = app.contract.replace(b'"418"', b'"201"')
    app.__dict__["contract"] = document
    assert "status_code_conformance" in checks_that_fail(app)[0]


def test_a_key_that_is_not_checked_is_noticed(monkeypatch):
    genuine = auth.authenticate

    def lax(sandbox, secret, substitute=None):
        return genuine(sandbox, next(iter(sandbox.store["api_key"]))["key"], substitute)

    monkeypatch.setattr(auth, "secret_of", lambda authorization: "")
    monkeypatch.setattr(auth, "authenticate", lax)
    assert "ignored_auth" in checks_that_fail()[0]


def test_a_record_that_is_not_kept_is_noticed(monkeypatch):
    app = App(Sandbox(selftest.well_filled()))
    kept = Store.insert
    monkeypatch.setattr(
        Store, "insert", lambda self, kind, record: kept(self, kind, record) if kind in OWN_KINDS else record
    )
    assert "ensure_resource_availability" in checks_that_fail(app, phases=["stateful"])[0]


def test_a_delete_that_does_nothing_is_noticed(monkeypatch):
    monkeypatch.setattr(Resource, "remove", lambda self, scope, record: None)
    assert "use_after_free" in checks_that_fail(phases=["stateful"], operation_ids=TEAMS)[0]


def test_input_that_is_not_checked_is_noticed(monkeypatch):
    monkeypatch.setattr(loading, "load", lambda schema, value, many=False: {"name": "x", "color": "#000000"})
    assert "negative_data_rejection" in checks_that_fail()[0]


def test_input_that_is_refused_for_nothing_is_noticed(monkeypatch):
    genuine = loading.load

    def fussy(schema, value, many=False):
        if isinstance(value, dict) and len(str(value.get("name", ""))) > 1:
            raise Invalid({"name": ["Too long for us."]})
        return genuine(schema, value, many=many)

    monkeypatch.setattr(loading, "load", fussy)
    assert "positive_data_acceptance" in checks_that_fail()[0]


def test_a_lost_update_is_noticed(monkeypatch):
    monkeypatch.setattr(Resource, "change", lambda self, scope, record, values: {**record, **values})
    assert "read_your_writes" in checks_that_fail()[0]


def test_a_stale_read_is_noticed(monkeypatch):
    seen = {}

    def stale(scope, record):
        return seen.setdefault(record["id"], record)

    monkeypatch.setattr(tags.handlers["get_tag"], "run", stale)
    assert "read_your_writes" in checks_that_fail()[0]


def test_a_field_that_is_not_taken_over_is_noticed(monkeypatch):
    genuine = Resource.change

    def forgetful(self, scope, record, values):
        return genuine(self, scope, record, {**values, "color": record["color"]})

    monkeypatch.setattr(Resource, "change", forgetful)
    assert "keep_what_was_sent" in checks_that_fail()[0]
