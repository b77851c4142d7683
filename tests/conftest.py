"""What the tests share: worlds, an app for each test, and a client that checks every answer against the contract."""

import functools
import re

import pytest
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from mockserver import resources, worlds
from mockserver.api import openapi
from mockserver.app import App
from mockserver.sandbox import Sandbox

ADMIN_KEY = "mockkey1.00000000000000000000000000000000"
VIEWER_KEY = "mockkey2.00000000000000000000000000000000"


@functools.cache
def contract() -> dict:
    return openapi.build(resources.operations())


@functools.cache
def validator(method: str, path: str, status: str):
    """A JSON Schema validator for an answer; None when the contract has no body for it."""
    import jsonschema_rs

    document = contract()
    response = document["paths"][path][method]["responses"][status]
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    content = response.get("content", {}).get("application/json")
    if content is None:
        return None
    return jsonschema_rs.Draft202012Validator(
        {**content["schema"], "components": document["components"]}, validate_formats=True
    )


@functools.cache
def shared_app() -> App:
    """One app for all tests, as its routes take 70 ms to compile: each client brings its own sandbox."""
    return App(Sandbox(worlds.load("empty")))


class Api:
    """Calls the app in process as a client with a key would, and holds each answer to the contract."""

    def __init__(self, sandbox, key=ADMIN_KEY):
        self.sandbox = sandbox
        self.app = shared_app()
        self.client = self.new_client()
        self.headers = {"Authorization": f"Api-Key {key}"}

    def new_client(self):
        """A Flask test client of this sandbox, for a thread of its own."""
        client = self.app.test_client()
        client.environ_base["mockserver.sandbox"] = self.sandbox
        return client

    def as_key(self, key):
        """The same sandbox through another key."""
        other = object.__new__(Api)
        other.__dict__.update(self.__dict__, headers={"Authorization": f"Api-Key {key}"})
        return other

    def call(self, method, path, *, expect=None, headers=None, **kwargs):
        """The response; its status must be `expect` when given, else below 400. Its `.json` is the body."""
        response = self.client.open(path, method=method, headers={**self.headers, **(headers or {})}, **kwargs)
        assert response.status_code < 500 or response.status_code == expect, response.text
        if expect is None:
            assert response.status_code < 400, f"{method} {path} answered {response.status_code}: {response.text}"
        else:
            assert response.status_code == expect, f"{method} {path} answered {response.status_code}: {response.text}"
        self.check(method, path, response)
        return response

    def check(self, method, path, response):
        """The status must be documented for the operation, and the body fit its schema."""
        try:
            rule, _ = self.app.url_map.bind("localhost").match(path.split("?")[0], method=method, return_rule=True)
        except (NotFound, MethodNotAllowed, RequestRedirect):
            return  # no operation of the contract
        template = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        if template not in contract()["paths"]:
            return
        status = str(response.status_code)
        documented = contract()["paths"][template][method.lower()]["responses"]
        assert status in documented, f"{method} {template} answered {status}, which its contract does not list"
        schema = validator(method.lower(), template, status)
        if schema is not None:
            error = next(schema.iter_errors(response.json), None)
            assert error is None, f"{method} {template} {status}: {error}"

    def get(self, path, **kwargs):
        return self.call("GET", path, **kwargs).json

    def post(self, path, json=None, **kwargs):
        return self.call("POST", path, **({"json": json} if json is not None else {}), **kwargs).json

    def put(self, path, json=None, **kwargs):
        return self.call("PUT", path, json=json, **kwargs).json

    def patch(self, path, json=None, **kwargs):
        return self.call("PATCH", path, json=json, **kwargs).json

    def delete(self, path, **kwargs):
        kwargs.setdefault("expect", 204)
        return self.call("DELETE", path, **kwargs)


@pytest.fixture
def sandbox():
    """A fresh default world."""
    return Sandbox(worlds.load("default"))


@pytest.fixture
def api(sandbox):
    """A client with an Admin's key on a fresh default world."""
    return Api(sandbox)


def pytest_terminal_summary(terminalreporter):
    """What contract runs found is told at the end, passed or not."""
    lines = [
        f"{report.nodeid}: {text}"
        for reports in terminalreporter.stats.values()
        for report in reports
        if hasattr(report, "user_properties") and getattr(report, "when", "") == "call"
        for name, text in report.user_properties
        if name == "contract run"
    ]
    if lines:
        terminalreporter.section("contract runs")
        terminalreporter.write_line("\n".join(lines))
