"""An overlay corrects the contract, and with it all that the mock takes and answers."""

import functools

import orjson
import pytest
import requests
from click.testing import CliRunner
from openapi_spec_validator import OpenAPIV31SpecValidator

from mockserver import worlds
from mockserver._yaml import YamlError
from mockserver.admin import state
from mockserver.app import App
from mockserver.app.document import document
from mockserver.cli import main
from mockserver.contract.overlay import Overlay
from mockserver.mock import Mock
from mockserver.sandbox import Sandbox

pytest_plugins = ["pytester"]
KEY = "mockkey1.00000000000000000000000000000000"
HEAD = "overlay: 1.0.0\ninfo: {title: ours, version: '1'}\nactions:\n"
BOMS = "$.components.schemas['Bom', 'CreateBomRequest', 'PatchedBomRequest']"


@functools.cache
def contract():
    return document()


class Client:
    """Calls a mock that an overlay corrects; each answer must fit the corrected contract."""

    def __init__(self, overlay):
        self.app = App(Sandbox(worlds.load("default")), overlay=overlay)
        self.contract = self.app.corrected.document
        self.client = self.app.test_client()

    def __call__(self, method, path, json=None, expect=200):
        answer = self.client.open(path, method=method, json=json, headers={"Authorization": f"Api-Key {KEY}"})
        assert answer.status_code == expect, answer.text
        entry = list(self.app.sandbox.journal)[-1]
        if entry.operation:
            assert (
                self.app.checks.check_response(
                    entry.operation, entry.status, entry.response_headers, entry.response_body
                )
                == []
            )
        return answer.json


@pytest.fixture
def corrected(tmp_path):
    """A function from the actions of an overlay, as YAML, to a client of the mock that has it."""

    def make(actions):
        file = tmp_path / "overlay.yaml"
        file.write_text(HEAD + actions)
        return Client(Overlay.load(file))

    return make


@pytest.fixture
def applied(tmp_path):
    """A function from the actions of an overlay, as YAML, to the contract that results."""

    def make(actions):
        file = tmp_path / "overlay.yaml"
        file.write_text(HEAD + actions)
        return Overlay.load(file).apply(contract()).document

    return make


def test_a_renamed_field_is_renamed_in_both_directions(corrected):
    call = corrected(f"- target: {BOMS}\n  x-rename: {{name: title, part_number: number}}\n")
    made = call("POST", "/v1/boms/", {"title": "Board", "number": "PCA-1"}, expect=201)
    assert (made["title"], made["number"]) == ("Board", "PCA-1")
    assert "name" not in made
    assert call("PATCH", f"/v1/boms/{made['id']}/", {"title": "Shield"})["title"] == "Shield"
    assert call.contract["components"]["schemas"]["Bom"]["properties"]["title"]["x-evidence"] == "corrected"


def test_messages_speak_of_fields_by_their_new_names(corrected):
    call = corrected(f"- target: {BOMS}\n  x-rename: {{name: title, version: revision}}\n")
    assert call("POST", "/v1/boms/", {"revision": "A"}, expect=400) == {"title": ["This field is required."]}
    assert list(call("POST", "/v1/boms/", {"title": "Board", "revision": 3}, expect=400)) == ["revision"]


def test_an_old_name_is_unknown(corrected):
    call = corrected("- target: $.components.schemas.PatchedTagRequest\n  x-rename: {name: label}\n")
    tag = call("GET", "/v1/tags/")["results"][0]
    assert call("PATCH", f"/v1/tags/{tag['id']}/", {"name": "Ignored"})["name"] == tag["name"]
    assert list(call.app.sandbox.journal)[-1].unknown_keys == ["name"]


def test_a_removed_field_is_not_answered(corrected):
    call = corrected("- target: $.components.schemas.Tag.properties.color\n  remove: true\n")
    assert "color" not in call("POST", "/v1/tags/", {"name": "Green", "color": "#00ff00"}, expect=201)
    assert "color" not in call.contract["components"]["schemas"]["Tag"]["required"]


ADDED = """\
- target: $.components.schemas.Tag
  update: {properties: {owner: {type: string, x-example: Ann}}, required: [owner]}
- target: $.components.schemas['TagRequest', 'PatchedTagRequest']
  update: {properties: {owner: {type: string, minLength: 1}}}
"""


def test_an_added_field_is_stored_and_answered_else_its_example(corrected):
    call = corrected(ADDED)
    plain = call("POST", "/v1/tags/", {"name": "Plain"}, expect=201)
    owned = call("POST", "/v1/tags/", {"name": "Owned", "owner": "Bob"}, expect=201)
    assert (plain["owner"], owned["owner"]) == ("Ann", "Bob")
    call("PATCH", f"/v1/tags/{plain['id']}/", {"owner": "Eve"})
    found = {tag["name"]: tag["owner"] for tag in call("GET", "/v1/tags/")["results"]}
    assert (found["Plain"], found["Owned"]) == ("Eve", "Bob")
    assert list(call("POST", "/v1/tags/", {"name": "Bad", "owner": 5}, expect=400)) == ["owner"]


def test_what_is_stored_of_added_fields_belongs_to_the_sandbox(corrected):
    call = corrected(ADDED)
    sandbox = call.app.sandbox
    tag = call("GET", "/v1/tags/")["results"][0]

    def owner():
        return call("GET", f"/v1/tags/{tag['id']}/")["owner"]

    call("PATCH", f"/v1/tags/{tag['id']}/", {"owner": "Bob"})
    snapshot = sandbox.snapshot()
    call("PATCH", f"/v1/tags/{tag['id']}/", {"owner": "Eve"})
    sandbox.restore(snapshot)
    assert owner() == "Bob"
    exported = orjson.loads(state.dumps(sandbox))
    call("PATCH", f"/v1/tags/{tag['id']}/", {"owner": "Eve"})
    state.load(sandbox, exported)
    assert owner() == "Bob"
    call("PATCH", f"/v1/tags/{tag['id']}/", {"owner": "Eve", "name": ""}, expect=400)
    assert owner() == "Bob"
    sandbox.reset()
    assert owner() == "Ann"


def test_an_added_field_of_a_line_is_kept_with_it(corrected):
    call = corrected(
        "- target: $.components.schemas['BomLineRequest', 'BomLine']\n"
        "  update: {properties: {torque: {type: integer, example: 3}}}\n"
    )
    bom, part = (
        call("POST", "/v1/boms/", {"name": "Empty"}, expect=201),
        next(iter(call.app.sandbox.store["part"])),
    )
    lines = f"/v1/boms/{bom['id']}/lines/"
    line = call("POST", lines, {"part_id": part["id"], "reference_designators": ["U99"], "torque": 7}, expect=201)
    assert line["torque"] == 7
    assert {one["id"]: one["torque"] for one in call("GET", lines)["results"]}[line["id"]] == 7


def test_an_integer_may_become_text(corrected):
    call = corrected(
        "- target: $.components.schemas['BomLine', 'BomLineRequest', 'PatchedPatchBomLineRequest']"
        ".properties.quantity\n"
        "  update: {type: string, pattern: '^[0-9]{1,6}$'}\n"
    )
    bom, part = (
        call("POST", "/v1/boms/", {"name": "Empty"}, expect=201),
        next(iter(call.app.sandbox.store["part"])),
    )
    lines = f"/v1/boms/{bom['id']}/lines/"
    line = call("POST", lines, {"part_id": part["id"], "reference_designators": ["U98"], "quantity": "12"}, expect=201)
    assert line["quantity"] == "12"
    assert call.app.sandbox.store["bom_line"].get(line["id"])["quantity"] == 12
    assert list(call("PATCH", f"{lines}{line['id']}/", {"quantity": 12}, expect=400)) == ["quantity"]


def test_a_field_may_become_nullable(corrected):
    call = corrected(
        "- target: $.components.schemas['Tag', 'TagRequest', 'PatchedTagRequest'].properties.color\n"
        "  update: {type: [string, 'null']}\n"
    )
    tag = call("POST", "/v1/tags/", {"name": "Colourless", "color": None}, expect=201)
    assert tag["color"] is None
    assert call("PATCH", f"/v1/tags/{tag['id']}/", {"color": "#123456"})["color"] == "#123456"


def test_a_field_may_cease_to_be_nullable(corrected):
    call = corrected(
        "- target: $.components.schemas.Tag.properties.description.type\n  remove: true\n"
        "- target: $.components.schemas.Tag.properties.description\n"
        "  update: {type: string, x-example: none given}\n"
    )
    assert call("POST", "/v1/tags/", {"name": "Bare"}, expect=201)["description"] == "none given"


def test_an_enumeration_may_gain_values_and_be_spelt_otherwise(corrected):
    call = corrected(
        "- target: $.components.schemas.BomLine.properties.status.enum\n  remove: true\n"
        "- target: $.components.schemas.BomLine.properties.status\n"
        "  update:\n    enum: [NO_MATCH, DNP, ON_HAND, BUYABLE, NEEDS_RFQ, IGNORE, OBSOLETE]\n"
        "    x-enum: {do_not_place: DNP}\n"
    )
    bom, part = (
        call("POST", "/v1/boms/", {"name": "Empty"}, expect=201),
        next(iter(call.app.sandbox.store["part"])),
    )
    line = call(
        "POST",
        f"/v1/boms/{bom['id']}/lines/",
        {"part_id": part["id"], "reference_designators": ["U97"], "do_not_place": True},
        expect=201,
    )
    assert line["status"] == "DNP"
    assert {one["status"] for one in call("GET", f"/v1/boms/{bom['id']}/lines/")["results"]} <= {
        "DNP",
        "ON_HAND",
        "BUYABLE",
        "NEEDS_RFQ",
        "NO_MATCH",
    }


def test_a_page_may_have_another_shape(corrected):
    call = corrected(
        "- target: $.components.schemas.PaginatedTagList\n  x-rename: {count: total, results: items}\n"
        "- target: $.components.schemas.PaginatedTagList.properties['next', 'previous']\n  remove: true\n"
        "- target: $.paths['/v1/tags/'].get\n  x-rename: {limit: page_size}\n"
    )
    page = call("GET", "/v1/tags/?page_size=1")
    assert page.keys() == {"total", "items"}
    assert len(page["items"]) == 1
    assert list(call("GET", "/v1/tags/?page_size=none", expect=400)) == ["page_size"]


def test_links_of_a_page_follow_its_parameters(corrected):
    call = corrected("- target: $.paths['/v1/tags/'].get\n  x-rename: {limit: page_size, offset: skip}\n")
    assert call("GET", "/v1/tags/?page_size=1")["next"].endswith("?page_size=1&skip=1")


def test_paths_and_verbs_may_be_others(corrected):
    call = corrected(
        "- target: $.paths[*][?(@.operationId == 'update_bom')]\n"
        "  x-move: {method: PUT, path: '/v2/bill_of_materials/{bom_id}'}\n"
        "- target: $.paths['/v1/boms/{bom_id}/'].get\n  x-move: {path: '/v2/bill_of_materials/{bom_id}'}\n"
    )
    made = call("POST", "/v1/boms/", {"name": "Board"}, expect=201)
    assert call("PUT", f"/v2/bill_of_materials/{made['id']}", {"name": "Shield"})["name"] == "Shield"
    call("PATCH", f"/v1/boms/{made['id']}/", {"name": "Old"}, expect=405)
    operation = call.contract["paths"]["/v2/bill_of_materials/{bom_id}"]["put"]
    assert operation["operationId"] == "update_bom"
    assert operation["x-evidence"]["path"] == "corrected"
    location = call.client.post("/v1/boms/", json={"name": "B2"}, headers={"Authorization": f"Api-Key {KEY}"}).headers[
        "Location"
    ]
    assert location.startswith("/v2/bill_of_materials/")


def test_statuses_may_be_others(corrected):
    call = corrected("- target: $.paths['/v1/boms/'].post\n  x-status: {201: 200, 400: 422}\n")
    call("POST", "/v1/boms/", {"name": "Board"}, expect=200)
    call("POST", "/v1/boms/", {}, expect=422)
    assert {"201", "400"}.isdisjoint(call.contract["paths"]["/v1/boms/"]["post"]["responses"])


def test_examples_and_links_of_the_contract_follow(corrected):
    call = corrected(
        "- target: $.components.schemas.Tag\n  x-rename: {id: uid, name: label}\n"
        "- target: $.components.schemas.TagRequest\n  x-rename: {name: label}\n"
    )
    created = call.contract["paths"]["/v1/tags/"]["post"]["responses"]["201"]
    assert created["links"]["get_tag"]["parameters"] == {"tag_id": "$response.body#/uid"}
    assert "label" in created["content"]["application/json"]["example"]
    assert call("POST", "/v1/tags/", {"label": "Fresh"}, expect=201)["uid"]


@pytest.mark.parametrize(
    ("actions", "line", "reason"),
    [
        ("- update: {}\n", 4, "needs a target"),
        ("- target: $.components\n", 4, "does nothing"),
        ("- target: $.components\n  remove: yes please\n", 5, "true or false"),
        ("- target: components.schemas\n  remove: true\n", 4, "begins with"),
        ("- target: $.components.schemas..Bom\n  remove: true\n", 4, "is not understood"),
        ("- target: $.paths[*][?(@.operationId > 'x')]\n  remove: true\n", 4, "the condition"),
        ("- target: $.components.schemas.Bomb\n  remove: true\n", 4, "selects nothing"),
        ("- target: $.components.schemas.Bom\n  updte: {}\n", 5, "no 'updte'"),
        ("- target: $.components.schemas.Bom\n  x-renam: {a: b}\n", 5, "no extension we know"),
        ("- target: $.components.schemas.Bom\n  update: 5\n", 5, "should be a mapping"),
        (
            "- target: $.components.schemas.Bom.properties.name\n  update: {type: strnig}\n",
            5,
            "no schema that can be used",
        ),
        (
            "- target: $.components.schemas.Bom.properties.name\n  update: {pattern: '['}\n",
            5,
            "no schema that can be used",
        ),
        (
            "- target: $.components.schemas.Bom\n  update: {$ref: '#/components/schemas/Nome'}\n",
            5,
            "no schema that can be used",
        ),
        ("- target: $.components.schemas.Bom.description\n  update: {a: 1}\n", 4, "an object or a list"),
        ("- target: $.components.schemas.Bom\n  x-rename:\n    name: title\n    nam: x\n", 7, "has no 'nam'"),
        ("- target: $.components.schemas.Bom\n  x-rename: {name: version}\n", 5, "'version' twice"),
        ("- target: $.info\n  x-rename: {title: name}\n", 4, "properties of a component"),
        ("- target: $.info\n  x-move: {path: /x/}\n", 4, "for an operation"),
        ("- target: $.paths['/v1/boms/'].get\n  x-move:\n    method: FETCH\n", 6, "method of list_boms"),
        ("- target: $.paths['/v1/boms/{bom_id}/'].get\n  x-move:\n    path: /v1/b/\n", 6, "lacks {bom_id}"),
        ("- target: $.paths['/v1/boms/'].get\n  x-move: {path: /v1/tags/}\n", 5, "clash"),
        ("- target: $.paths['/v1/boms/'].get\n  x-status: {299: 200}\n", 5, "no status 299"),
        ("- target: $.paths['/v1/boms/'].get\n  x-status: {200: fine}\n", 5, "no HTTP status"),
    ],
)
def test_a_wrong_overlay_is_refused_with_its_line_and_reason(applied, actions, line, reason):
    with pytest.raises(YamlError, match=rf"overlay.yaml:{line}: .*{reason}"):
        applied(actions)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5", "expected an OpenAPI Overlay"),
        ("overlay: 2.0.0\nactions: []", "should be 1.0.0"),
        ("overlay: 1.0.0", "should be a list"),
    ],
)
def test_what_is_no_overlay_is_refused(text, reason, tmp_path):
    (tmp_path / "overlay.yaml").write_text(text)
    with pytest.raises(YamlError, match=reason):
        Overlay.load(tmp_path / "overlay.yaml")


def test_a_contract_that_is_none_any_more_is_refused(applied):
    with pytest.raises(YamlError, match="none any more"):
        applied("- target: $.components.schemas\n  remove: true\n")


def test_responses_may_be_added_by_number(applied):
    document = applied(
        "- target: $.paths['/v1/boms/'].get\n  update: {responses: {418: {description: Short and stout.}}}\n"
    )
    assert "418" in document["paths"]["/v1/boms/"]["get"]["responses"]


def test_the_mock_in_process_takes_an_overlay(tmp_path):
    file = tmp_path / "overlay.yaml"
    file.write_text(f"{HEAD}- target: $.components.schemas['Tag', 'TagRequest']\n  x-rename: {{name: label}}\n")
    with Mock(overlay=file) as mock:
        headers = {"Authorization": f"Api-Key {mock.api_key}"}
        assert requests.post(f"{mock.url}/v1/tags/", json={"label": "Ours"}, headers=headers).json()["label"] == "Ours"
    with Mock() as mock:
        assert "name" in requests.get(f"{mock.url}/v1/tags/", headers=headers).json()["results"][0]


def test_the_marker_takes_an_overlay(pytester):
    pytester.makefile(".yaml", overlay=f"{HEAD}- target: $.components.schemas.Tag\n  x-rename: {{name: label}}\n")
    pytester.makepyfile("""
        import pytest
        import requests

        @pytest.mark.cofactr(overlay="overlay.yaml")
        def test_it(cofactr_mock):
            headers = {"Authorization": f"Api-Key {cofactr_mock.api_key}"}
            answer = requests.get(f"{cofactr_mock.url}/v1/tags/", headers=headers)
            assert "label" in answer.json()["results"][0]

        @pytest.mark.cofactr(overlay="nowhere.yaml")
        def test_wrong(cofactr_mock):
            pass
    """)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*nowhere.yaml: cannot be read*"])


def test_serve_refuses_a_wrong_overlay_before_it_listens(tmp_path):
    file = tmp_path / "overlay.yaml"
    file.write_text(f"{HEAD}- target: $.components.schemas.Bomb\n  remove: true\n")
    result = CliRunner().invoke(main, ["serve", "--port", "0", "--overlay", str(file)])
    assert result.exit_code == 1
    assert "overlay.yaml:4: $.components.schemas.Bomb selects nothing" in result.output


EVERYTHING = f"""\
- target: {BOMS}
  x-rename: {{name: title}}
- target: $.components.schemas['BomLine', 'BomLineRequest', 'PatchedPatchBomLineRequest'].properties.quantity
  update: {{type: string, pattern: '^[0-9]{{1,6}}$'}}
- target: $.paths['/v1/boms/'].post
  x-status: {{201: 200}}
  x-move: {{path: /v1/bill_of_materials/}}
- target: $.components.schemas.Tag.properties.color
  remove: true
{ADDED}"""


def test_the_corrected_contract_is_a_valid_document(applied):
    OpenAPIV31SpecValidator(applied(EVERYTHING)).validate()
