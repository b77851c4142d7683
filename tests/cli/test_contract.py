"""`mockserver contract`: what its commands print, write and exit with."""

import gzip
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from mockserver._data import contracts_dir
from mockserver.app import App
from mockserver.cli import main
from mockserver.conformance import harness, remote, selftest
from mockserver.contract.documents import load
from mockserver.traffic.recordings import exchange, write_har

OURS = contracts_dir() / "openapi.yaml"
KEY = "realkey1.abcdefghijklmnopqrstuvwxyz"


def run(*arguments, **environment):
    """The exit status and what was printed, on either stream."""
    result = CliRunner(env=environment).invoke(main, ["contract", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result.exit_code, result.output


@pytest.fixture
def recorded(api, tmp_path):
    """A function that records calls of the mock, with the answer of one spoilt when asked for."""

    def record(*paths, spoil=None):
        exchanges = []
        for path in paths:
            answer = api.call("GET", path)
            body = answer.json
            if spoil:
                body["results"][0].update(spoil)
            exchanges.append(
                exchange(
                    "GET",
                    f"https://host{path}",
                    {"Authorization": "Api-Key x"},
                    b"",
                    200,
                    dict(answer.headers),
                    json.dumps(body).encode(),
                )
            )
        write_har(exchanges, tmp_path / "session.har")
        return tmp_path / "session.har"

    return record


def test_check_of_sound_traffic(recorded):
    status, output = run("check", recorded("/v1/tags/", "/v1/boms/"))

    assert status == 0
    assert (
        output == "2 exchanges, 2 of them with 2 operations of the contract: 0 breaking, 0 warning, 0 informational.\n"
    )


def test_check_of_traffic_that_differs(recorded, tmp_path):
    reports = {kind: tmp_path / kind for kind in ("json", "junit", "html")}
    status, output = run(
        "check",
        recorded("/v1/tags/", spoil={"color": 7}),
        "--report",
        ",".join(f"{kind}={path}" for kind, path in reports.items()),
    )

    assert status == 1
    assert "breaking      response 200 results[].color: Expected string, got integer." in output
    assert json.loads(reports["json"].read_text())["summary"]["breaking"] == 1
    assert ET.parse(reports["junit"]).find(".//failure").get("type") == "type"
    assert "results[].color" in reports["html"].read_text()


@pytest.mark.parametrize(("content", "reason"), [("{}", "is no recording"), ("[]", "There are no exchanges")])
def test_check_of_what_is_no_traffic(tmp_path, content, reason):
    (tmp_path / "x.json").write_text(content)
    status, output = run("check", tmp_path / "x.json")

    assert status == 2
    assert reason in output


def test_check_of_a_folder_and_of_a_pattern(recorded, tmp_path):
    session = recorded("/v1/tags/", "/v1/boms/")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "again.har.gz").write_bytes(gzip.compress(session.read_bytes()))
    (tmp_path / "deep" / "package.json").write_text("{}")

    for argument in (tmp_path, tmp_path / "**" / "*.har*"):
        status, output = run("check", argument)
        assert (status, output.splitlines()[-1].split(",")[0]) == (0, "4 exchanges")
    status, output = run("check", tmp_path / "**" / "*.yaml")
    assert (status, output) == (2, f"Error: {tmp_path}/**/*.yaml: there is no recording\n")


def test_check_of_requests_alone_finds_nothing_and_says_so(tmp_path):
    entry = {"request": {"method": "GET", "url": "https://host/v1/nothing/"}}
    (tmp_path / "x.har").write_text(json.dumps({"log": {"entries": [entry]}}))
    status, output = run("check", tmp_path / "x.har")
    assert status == 0
    assert "0 exchanges" in output
    assert "Left out: 1 without a recorded answer." in output


def test_a_report_of_an_unknown_kind_is_refused():
    status, output = run("check", "x", "--report", "pdf=x")

    assert status == 2
    assert "should be one of html=FILE, json=FILE, junit=FILE" in output
    assert "one of har=FILE, html=FILE, junit=FILE" in run("test", "--report", "pdf=x")[1]


def test_diff(tmp_path):
    changed = load(OURS)
    del changed["paths"]["/v1/tags/"]["post"]
    (tmp_path / "new.json").write_text(json.dumps(changed))

    assert run("diff", OURS) == (0, "No changes.\n")
    assert run("diff", OURS, tmp_path / "new.json")[0] == 0
    status, output = run("diff", OURS, tmp_path / "new.json", "--fail-on", "breaking")
    assert status == 1
    assert output.startswith("POST /v1/tags/\n  breaking      operation: The operation was removed.\n")
    assert run("diff", tmp_path / "nowhere.yaml") == (
        2,
        f"Error: {tmp_path / 'nowhere.yaml'}: cannot be read: No such file or directory\n",
    )


def test_diff_of_what_is_nested_too_deeply(tmp_path):
    schema = {"type": "string"}
    for _ in range(150):
        schema = {"type": "object", "properties": {"a": schema}}
    document = {"openapi": "3.1.0", "info": {}, "paths": {"/": {"post": {"requestBody": {"content": {"a/b": {}}}}}}}
    document["paths"]["/"]["post"]["requestBody"]["content"]["a/b"]["schema"] = schema
    (tmp_path / "deep.json").write_text(json.dumps(document))

    status, output = run("diff", tmp_path / "deep.json", tmp_path / "deep.json")
    assert (status, output) in (
        (0, "No changes.\n"),
        (2, f"Error: {tmp_path}/deep.json: is nested too deeply to be compared.\n"),
    )


def test_show_counts_what_traffic_confirms(recorded):
    status, output = run("show", "--traffic", recorded("/v1/tags/", "/v1/boms/"))
    rows = {line[:20].strip(): line[20:].split() for line in output.splitlines()[2:]}

    assert status == 0
    assert rows["Tags"][:2] == ["4", "1"]
    assert rows["all"][:2] == ["104", "2"]


def test_a_fresh_mock_is_tested(tmp_path):
    status, output = run(
        "test", "--include-tag", "Tags", "--max-examples", "3", "--report", f"junit={tmp_path / 'junit.xml'}"
    )

    assert status == 0, output
    assert "group  operations   cases  failures  no 2xx\nTags            4" in output
    assert "0 failures, 0 errors, 0 warnings" in output
    assert "/v1/tags/" in (tmp_path / "junit.xml").read_text()


def test_a_failure_is_shown_with_how_to_repeat_it(monkeypatch):
    def present(self, scope, record):
        return {**record, "color": 7}

    from mockserver.api.resource import Resource

    monkeypatch.setattr(Resource, "present", present)
    status, output = run("test", "--include-tag", "Tags", "--max-examples", "1", "--seed", "5")

    assert status == 1
    assert "list_tags: response_schema_conformance" in output
    assert 'curl -X GET -H "Authorization: Api-Key $COFACTR_API_KEY"' in output
    assert "mockserver contract test --seed 5 --max-examples 1 --include-tag Tags" in output
    assert "mockkey1." not in output


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--url", "host"], "--url should look like"),
        (["--url", "https://user:secret@host"], "the key comes from COFACTR_API_KEY"),
        (["--url", "http://127.0.0.1:9"], "does not answer"),
        (["--read-only", "--allow-writes"], "either --read-only or --allow-writes"),
        (["--report", "junit=/nowhere/x.xml"], "there is no folder"),
        (["--contract", "x.yaml"], "--contract is for --url"),
        (["--include-tag", "Nothing"], "Nothing was tested"),
    ],
)
def test_what_cannot_run_says_why(arguments, reason):
    status, output = run("test", *arguments)

    assert status == 2
    assert reason in output


class Session:
    """Stands in for a connection to the app: a deployment or, with its control plane, a mock."""

    def __init__(self, app, calls, control):
        self.client, self.calls, self.control, self.headers = app.test_client(), calls, control, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def get(self, url, **kwargs):
        return self.request("GET", url)

    def request(self, method, url, json=None, **kwargs):
        path = "/" + url.split("/", 3)[3]
        self.calls.append((method, path))
        if path.startswith("/__mock__") and not self.control:
            path = "/not-here"
        answer = self.client.open(
            path, method=method, headers=self.headers, **({"json": json} if json is not None else {})
        )
        return SimpleNamespace(status_code=answer.status_code, json=answer.get_json)


@pytest.fixture
def connected(monkeypatch, sandbox):
    """A function that puts the app where a URL points to; gives the calls made and the options of the run."""
    import requests

    def connect(control):
        app, calls, given = App(sandbox), [], {}

        def test(document, *, url, **options):
            given.update(options, document=document)
            return harness.Outcome(seed=1, operations={}, cases=1)

        monkeypatch.setattr(requests, "Session", lambda: Session(app, calls, control))
        monkeypatch.setattr(remote, "PAUSE", 0)
        monkeypatch.setattr(harness, "run", test)
        return calls, given

    return connect


def test_a_mock_is_tested_in_a_sandbox_of_its_own(connected, sandbox):
    calls, given = connected(control=True)
    status, output = run("test", "--url", "http://127.0.0.1:1")

    assert (status, given["read_only"]) == (0, False), output
    made = f"/__mock__/sandboxes/{calls[-1][1].rpartition('/')[2]}"
    assert calls[0] == ("GET", "/__mock__/health")
    assert calls[-1] == ("DELETE", made)
    assert given["headers"]["Authorization"].startswith("Api-Key ")
    assert sandbox.store["api_key"]
    assert given["headers"]["Authorization"] not in {f"Api-Key {key['key']}" for key in sandbox.store["api_key"]}
    assert given["reference_ids"]("tag", {}) == [tag["id"] for tag in sandbox.store["tag"]]
    assert {"bom_id": next(iter(sandbox.store["bom"]))["id"]} in given["reference_paths"]("get_bom")


def test_a_deployment_is_only_read(connected, sandbox):
    key = next(iter(sandbox.store["api_key"]))["key"]
    calls, given = connected(control=False)
    status, output = run("test", "--url", "https://deployment/", COFACTR_API_KEY=key)

    assert (status, given["read_only"]) == (0, True), output
    assert {method for method, _ in calls} == {"GET"}
    assert key not in output
    assert given["headers"] == {"Authorization": f"Api-Key {key}"}
    assert set(given["reference_ids"]("tag", {})) == {tag["id"] for tag in sandbox.store["tag"]}
    assert given["reference_paths"]("get_bom_line")[0].keys() == {"bom_id", "bom_line_id"}


def test_a_deployment_is_written_to_when_that_is_allowed(connected, sandbox):
    key = next(iter(sandbox.store["api_key"]))["key"]
    _, given = connected(control=False)

    assert run("test", "--url", "https://deployment", "--allow-writes", COFACTR_API_KEY=key)[0] == 0
    assert given["read_only"] is False


@pytest.mark.parametrize(
    ("url", "key", "reason"),
    [
        ("https://deployment", None, "Set COFACTR_API_KEY"),
        ("https://deployment", KEY, "is COFACTR_API_KEY a key of this deployment?"),
        ("http://deployment", KEY, "in the clear"),
    ],
)
def test_a_deployment_that_cannot_be_tested(connected, url, key, reason):
    connected(control=False)
    status, output = run("test", "--url", url, **({"COFACTR_API_KEY": key} if key else {"COFACTR_API_KEY": ""}))

    assert status == 2
    assert reason in output
    assert KEY not in output


def test_read_only_sends_valid_gets_with_the_key_alone(sandbox):
    app, sent = App(sandbox), set()
    serve = app.wsgi_app

    def watched(environ, start_response):
        sent.add((environ["REQUEST_METHOD"], environ.get("HTTP_AUTHORIZATION", "none").partition(" ")[0]))
        return serve(environ, start_response)

    app.wsgi_app = watched
    outcome = selftest.run(
        app,
        tags=["Tags"],
        max_examples=1,
        phases=["coverage", "stateful"],
        operation_ids=["get_tag"],
        read_only=True,
    )

    assert sent == {("GET", "Api-Key")}
    assert set(outcome.operations) == {"get_tag"}


def test_the_command_line_starts_without_what_only_its_commands_need():
    heavy = {"schemathesis", "jsonschema_rs", "flask", "orjson"}
    code = f"import sys, mockserver.cli; sys.exit(bool({heavy} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
