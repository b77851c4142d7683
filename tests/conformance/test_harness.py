"""The harness notices what it is there to notice: schemathesis runs against a small, possibly broken app."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import flask
import pytest
from werkzeug.exceptions import HTTPException

from mockserver.conformance import harness

KEY = "Api-Key secret"
ID = {"type": "string", "pattern": "^[0-9A-Z]{12}$"}
NAME = {"type": "string", "minLength": 1, "maxLength": 20}


def closed(**properties):
    """An object with these properties, all required, and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def json_content(schema):
    return {"content": {"application/json": {"schema": schema}}}


def operation(operation_id, answers, *errors, takes=None, links=None):
    """`answers` is (status, schema or None), with `links`; 401 and `errors` are answered with a problem."""
    status, schema = answers
    problem = {"description": "refused", **json_content(closed(detail={"type": "string"}))}
    return {
        "operationId": operation_id,
        "tags": ["Lines" if "line" in operation_id else "Parts"],
        "responses": {
            str(status): {
                "description": "done",
                "links": links or {},
                **(json_content(schema) if schema else {}),
            },
            **{str(error): problem for error in (401, *errors)},
        },
        **({"requestBody": {"required": True, **json_content(takes)}} if takes else {}),
    }


def path_parameter(name, kind):
    return {"name": name, "in": "path", "required": True, "schema": ID, "x-references": kind}


PART = closed(id=ID, name=NAME)
LINE = closed(id=ID, part_id=ID)
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Parts in kits", "version": "1"},
    "security": [{"ApiKey": []}],
    "components": {"securitySchemes": {"ApiKey": {"type": "apiKey", "in": "header", "name": "Authorization"}}},
    "paths": {
        "/parts/": {"post": operation("create_part", (201, PART), 400, 409, 415, takes=closed(name=NAME))},
        "/parts/{part_id}/": {
            "parameters": [path_parameter("part_id", "part")],
            "get": operation("get_part", (200, PART), 404),
            "patch": operation("update_part", (200, PART), 400, 404, 409, 415, takes=closed(name=NAME)),
            "delete": operation("delete_part", (204, None), 404),
        },
        "/kits/{kit_id}/lines/": {
            "parameters": [path_parameter("kit_id", "kit")],
            "post": operation(
                "create_line",
                (201, LINE),
                400,
                404,
                415,
                takes=closed(part_id={**ID, "x-references": "part", "examples": ["GRM155R61A10"]}),
                links={
                    "line": {
                        "operationId": "get_line",
                        "parameters": {"kit_id": "$request.path.kit_id", "line_id": "$response.body#/id"},
                    }
                },
            ),
        },
        "/kits/{kit_id}/lines/{line_id}/": {
            "parameters": [path_parameter("kit_id", "kit"), path_parameter("line_id", "line")],
            "get": operation("get_line", (200, LINE), 404),
        },
    },
}


class Kits:
    """The app and its state. `broken` names what is wrong with it."""

    def __init__(self, broken=None):
        self.broken = broken
        self.reset()
        self.app = flask.Flask("kits")
        self.app.before_request(self.authorize)
        self.app.register_error_handler(HTTPException, self.problem)
        for rule, methods in {
            "/parts/": {"POST": self.create_part},
            "/parts/<part>/": {
                "GET": self.get_part,
                "PATCH": self.update_part,
                "DELETE": self.delete_part,
            },
            "/kits/<kit>/lines/": {"POST": self.create_line},
            "/kits/<kit>/lines/<line>/": {"GET": self.get_line},
        }.items():
            for method, view in methods.items():
                self.app.add_url_rule(rule, view.__name__, view, methods=[method])
        if broken == "undocumented method":
            self.app.add_url_rule("/parts/", "put", lambda: ({}, 200), methods=["PUT"])

    def reset(self):
        self.ids = (f"{n:012}" for n in range(10**12))
        self.parts = {part["id"]: part for part in ({"id": next(self.ids), "name": f"p{n}"} for n in range(30))}
        self.kits = {next(self.ids): {} for _ in range(5)}
        for kit in self.kits.values():
            line = next(self.ids)
            kit[line] = {"id": line, "part_id": next(iter(self.parts))}

    def references(self, kind, path):
        return list({"part": self.parts, "kit": self.kits, "line": {}}[kind])

    def paths(self, operation_id):
        if operation_id != "get_line":
            return []
        return [{"kit_id": kit, "line_id": line} for kit, lines in self.kits.items() for line in lines]

    def authorize(self):
        if self.broken == "no auth" and flask.request.method == "GET":
            return
        if flask.request.headers.get("Authorization") != KEY:
            flask.abort(401)

    def problem(self, error):
        response = self.app.make_response(({"detail": error.description}, error.code))
        if getattr(error, "valid_methods", None):
            response.allow.update(error.valid_methods)
        return response

    def load(self, field, fits):
        data = flask.request.get_json()
        if not isinstance(data, dict) or set(data) != {field} or not isinstance(data[field], str):
            flask.abort(400, f"{field} alone is expected")
        if not fits(data[field]):
            flask.abort(400, f"{field} does not fit")
        return data[field]

    def load_name(self, but=None):
        name = self.load("name", lambda name: 1 <= len(name) <= 20)
        if any(part["name"] == name and part is not but for part in self.parts.values()):
            flask.abort(409, "taken")
        return name

    def find(self, records, wanted):
        return records[wanted] if wanted in records else flask.abort(404, "not found")

    def create_part(self):
        part = {"id": next(self.ids), "name": self.load_name()}
        if self.broken == "crash" and len(part["name"]) == 20:
            raise RuntimeError("twenty is too many")
        if self.broken == "500" and len(part["name"]) == 20:
            return {"detail": "twenty is too many"}, 500
        if self.broken != "lost create":
            self.parts[part["id"]] = part
        if self.broken == "missing field":
            return {"id": part["id"]}, 201
        if self.broken == "wrong type":
            return {**part, "name": 1}, 201
        return part, 202 if self.broken == "undocumented status" else 201

    def get_part(self, part):
        return self.find(self.parts, part)

    def update_part(self, part):
        found = self.find(self.parts, part)
        self.parts[part] = {**found, "name": self.load_name(but=found)}
        return self.parts[part]

    def delete_part(self, part):
        self.find(self.parts, part)
        if self.broken != "nothing deleted":
            del self.parts[part]
        return "", 204

    def create_line(self, kit):
        lines = self.find(self.kits, kit)
        part = self.load("part_id", self.parts.__contains__)
        line = next(self.ids)
        lines[line] = {"id": line, "part_id": part}
        return lines[line], 201

    def get_line(self, kit, line):
        return self.find(self.find(self.kits, kit), line)


def run(broken=None, *, key=KEY, **options):
    kits = Kits(broken)
    # The app reports a crash on stderr as well.
    kits.app.logger.disabled = True
    return harness.run(
        DOCUMENT,
        app=kits.app,
        headers={"Authorization": key},
        reset=kits.reset,
        **{
            "max_examples": 10,
            "reference_ids": kits.references,
            "reference_paths": kits.paths,
            "config_file": Path(__file__).with_name("guessing.toml"),
            **options,
        },
    )


@cache
def sound():
    return run()


def found(outcome):
    return {(failure.operation, failure.check) for failure in outcome.failures}


def test_a_sound_app_passes_and_every_operation_is_served():
    outcome = sound()

    assert outcome.ok, str(outcome)
    assert {name for name, tested in outcome.operations.items() if tested.served} == {
        "create_part", "get_part", "update_part", "delete_part", "create_line", "get_line"
    }  # fmt: skip
    assert outcome.links_covered
    assert outcome.cases == sum(tested.cases for tested in outcome.operations.values())


def test_equal_seeds_send_equal_cases():
    again = run()

    assert again.operations == sound().operations
    assert again.links_covered == sound().links_covered


@pytest.mark.parametrize(
    ("broken", "failure"),
    [
        ("500", ("create_part", "not_a_server_error")),
        ("missing field", ("create_part", "response_schema_conformance")),
        ("wrong type", ("create_part", "response_schema_conformance")),
        ("undocumented status", ("create_part", "status_code_conformance")),
        ("no auth", ("get_line", "ignored_auth")),
        ("lost create", ("create_part", "ensure_resource_availability")),
        ("nothing deleted", ("delete_part", "use_after_free")),
        ("undocumented method", ("create_part", "unsupported_method")),
    ],
)
def test_a_broken_promise_is_found(broken, failure):
    outcome = run(broken)

    assert failure in found(outcome)
    assert not outcome.ok
    assert all("curl" in failure.reproduce for failure in outcome.failures)


def test_an_exception_in_the_app_is_an_error_with_its_traceback():
    outcome = run("crash", phases=["coverage"])

    assert not outcome.ok
    assert "twenty is too many" in outcome.errors[0]
    assert "create_part" in outcome.errors[0]


def test_an_exclusion_excuses_its_operation_and_check_alone():
    excused = run("nothing deleted", excluded={"delete_part": {"use_after_free"}})
    assert excused.ok, str(excused)
    assert excused.excused[("delete_part", "use_after_free")]

    other = run("nothing deleted", excluded={"delete_part": {"ignored_auth"}, "get_part": {"use_after_free"}})
    assert found(other) == {("delete_part", "use_after_free")}
    assert not other.excused


def test_a_refused_key_passes_every_check_but_not_the_run():
    outcome = run(key="Api-Key wrong", phases=["fuzzing"])

    assert not outcome.failures
    assert not outcome.ok
    assert "get_part: missing auth" in outcome.warnings
    assert any("get_part: no valid request was answered with 2xx" in warning for warning in outcome.warnings)


def test_missing_records_are_a_warning():
    outcome = run(phases=["fuzzing"], operation_ids=["get_line"], reference_ids=None, reference_paths=None)

    assert "get_line: missing test data" in outcome.warnings
    assert not outcome.ok


def test_made_up_references_in_a_body_are_refused():
    outcome = run(phases=["fuzzing"], operation_ids=["create_line"], reference_ids=lambda kind, path: [])

    assert not outcome.operations["create_line"].served


def test_more_stateful_time_covers_more_links():
    once = run(phases=["stateful"], max_examples=2)
    longer = run(phases=["stateful"], max_examples=2, max_time=1)

    assert not longer.failures, str(longer)
    assert longer.links_covered > once.links_covered


def test_tags_select_operations_and_progress_tells_of_each():
    lines = []
    outcome = run(phases=["fuzzing"], tags=["Lines"], progress=lines.append)

    assert set(outcome.operations) == {"create_line", "get_line"}
    assert any(line.startswith("fuzzing: GET /kits/{kit_id}/lines/{line_id}/, ") for line in lines)


def test_reports_are_written(tmp_path):
    reports = {kind: tmp_path / f"report.{kind}" for kind in ("junit", "html")}
    run(phases=["coverage"], operation_ids=["get_part"], reports=reports)

    assert "GET /parts/{part_id}/" in reports["junit"].read_text()
    assert "/parts/{part_id}/" in reports["html"].read_text()


def test_an_unknown_operation_is_refused():
    with pytest.raises(ValueError, match="no operation get_prat"):
        run(operation_ids=["get_prat"])


def test_a_selection_of_nothing_does_not_pass():
    outcome = run(tags=["Prats"])

    assert outcome.errors == ["Nothing was tested: no operation has these tags and ids, or no phase these names."]


def test_an_app_or_a_url_is_needed():
    with pytest.raises(ValueError, match="either an app or a url"):
        harness.run(DOCUMENT)


def test_schemathesis_is_imported_by_a_run_only():
    code = "import sys, mockserver.conformance.harness; sys.exit('schemathesis' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_missing_extra_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "schemathesis", None)
    with pytest.raises(harness.ContractExtraMissing, match=r"pip install 'cofactr-mockserver\[contract\]'"):
        run()
