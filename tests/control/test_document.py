"""The control plane's own OpenAPI document, and that the control plane keeps it whatever it is sent."""

import copy
import dataclasses

import pytest
from openapi_spec_validator import validate

from mockserver import control, worlds
from mockserver.admin import webhooks
from mockserver.api.operation import load_operations
from mockserver.app import App
from mockserver.conformance import harness
from mockserver.control import document
from mockserver.sandbox import Sandbox
from mockserver.sandbox.registry import Sandboxes
from tests.conftest import ADMIN_KEY


@pytest.fixture
def app(monkeypatch):
    """An app whose webhooks go nowhere and whose worlds are those that are there."""
    load = worlds.load

    def loaded(fixtures, seed=None):
        world = load("empty" if fixtures == "empty" else "default")
        return dataclasses.replace(world, name=str(fixtures), seed=world.seed if seed is None else seed)

    monkeypatch.setattr(worlds, "load", loaded)
    monkeypatch.setattr(webhooks, "post", lambda url, event: (200, None))
    return App(Sandboxes(Sandbox(load("default")), limit=20))


def test_it_is_valid_and_has_every_route():
    built = document.build()
    validate(built)
    ids = {operation["operationId"] for methods in built["paths"].values() for operation in methods.values()}
    assert ids == {id for route in control.ROUTES for id in route.addresses}


def test_it_is_served_beside_its_page_and_is_no_part_of_the_contract(api):
    assert api.get("/__mock__/control/openapi.json") == document.build()
    assert "/__mock__/control/openapi.json" in api.client.get("/__mock__/control/docs/").text
    ids = {id for route in control.ROUTES for id in route.addresses}
    assert ids.isdisjoint(operation.id for operation in load_operations())


def without_header(document):
    """The document with no way to name a sandbox, as made-up names find none."""
    document = copy.deepcopy(document)
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["parameters"] = [one for one in operation["parameters"] if one["in"] != "header"]
    return document


def test_every_answer_keeps_it_and_no_input_is_too_bad_for_it(app):
    once = [route.id if not route.named else next(iter(route.addresses)) for route in control.ROUTES]
    once.remove("journal_stream")

    def reset():
        app.sandbox.reset()
        client = app.test_client()
        for headers in ({}, {"Authorization": f"Api-Key {ADMIN_KEY}"}):
            client.get("/v1/boms/", headers=headers)

    [bom, *_] = app.sandbox.store["bom"]
    there = {
        "records_get": [{"kind": "bom", "id": bom["id"]}],
        "records_put": [{"kind": "bom", "id": bom["id"]}],
    }
    outcome = harness.run(
        without_header(document.build()),
        app=app,
        operation_ids=once,
        phases=("examples", "coverage", "fuzzing"),
        max_examples=5,
        reset=reset,
        reference_paths=lambda id: there.get(id, []),
    )
    assert not outcome.failures, str(outcome)
    assert not outcome.errors, str(outcome)
    assert outcome.cases > 500
