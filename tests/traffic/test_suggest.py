"""What traffic says otherwise than the contract is suggested; what it does not say is not."""

import functools

import orjson
import pytest
from click.testing import CliRunner

from mockserver import worlds
from mockserver.app import App
from mockserver.app.document import document
from mockserver.cli import main
from mockserver.sandbox import Sandbox
from mockserver.traffic import recordings
from mockserver.traffic.suggest import suggest

ID = "11111111-1111-4111-8111-111111111111"
STAMP = "2026-03-01T10:00:00Z"
TAG = {
    "id": ID,
    "org_id": ID,
    "name": "Prototype",
    "color": "#000000",
    "description": None,
    "created_at": STAMP,
    "updated_at": STAMP,
}
HEADERS = {"content-type": "application/json"}


@functools.cache
def contract():
    return document()


def tag(**changes):
    """A tag, with other fields, or without those that are None here."""
    return {name: value for name, value in (TAG | changes).items() if value is not ...}


def exchange(answer, method="GET", path=f"/v1/tags/{ID}/", sent=None, status=200, number=1):
    return recordings.exchange(
        method,
        f"https://api.example{path}",
        HEADERS,
        orjson.dumps(sent) if sent is not None else b"",
        status,
        HEADERS,
        orjson.dumps(answer) if answer is not None else b"",
        source=f"session.har#{number}",
    )


def effects(*exchanges):
    """`(target, what it does)` of what is suggested."""
    return [
        (
            action["target"],
            *((key, action[key]) for key in ("update", "remove", "x-rename", "x-move", "x-status") if key in action),
        )
        for action in suggest(contract(), exchanges)
    ]


TAG_PLACE = "$.components.schemas.Tag"


def test_traffic_that_keeps_the_contract_suggests_nothing():
    sandbox = Sandbox(worlds.load("default"))
    client, seen = App(sandbox).test_client(), []
    for path in ("/v1/tags/", "/v1/boms/", "/v1/suppliers/", "/v1/teams/", "/v1/programs/", "/v1/nowhere/"):
        client.get(path, headers={"Authorization": "Api-Key mockkey1." + "0" * 32})
    for entry in sandbox.journal:
        seen.append(
            recordings.exchange(
                entry.method,
                entry.path,
                entry.request_headers,
                entry.request_body,
                entry.status,
                entry.response_headers,
                entry.response_body,
            )
        )
    assert len(seen) == 6
    assert effects(*seen) == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (tag(created_at=..., inserted_at=STAMP), [(TAG_PLACE, ("x-rename", {"created_at": "inserted_at"}))]),
        (tag(createdAt=STAMP, created_at=...), [(TAG_PLACE, ("x-rename", {"created_at": "createdAt"}))]),
        (tag(color=...), [(f"{TAG_PLACE}.properties.color", ("remove", True))]),
        (
            tag(color=..., weight=3),
            [
                (f"{TAG_PLACE}.properties.color", ("remove", True)),
                (
                    TAG_PLACE,
                    (
                        "update",
                        {
                            "properties": {"weight": {"type": "integer", "x-example": 3}},
                            "required": ["weight"],
                        },
                    ),
                ),
            ],
        ),
        (tag(color=None), [(f"{TAG_PLACE}.properties.color", ("update", {"type": ["string", "null"]}))]),
        (
            tag(color="blue"),
            [
                (f"{TAG_PLACE}.properties.color.pattern", ("remove", True)),
                (f"{TAG_PLACE}.properties.color.minLength", ("remove", True)),
            ],
        ),
        (
            tag(description=5),
            [
                (f"{TAG_PLACE}.properties.description.type", ("remove", True)),
                (f"{TAG_PLACE}.properties.description.pattern", ("remove", True)),
                (f"{TAG_PLACE}.properties.description", ("update", {"type": ["integer", "null"]})),
            ],
        ),
    ],
)
def test_fields_of_answers(answer, expected):
    found = effects(exchange(answer))
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_a_field_that_is_there_at_times_is_not_required():
    assert effects(exchange(tag()), exchange(tag(color=...))) == [
        (f"{TAG_PLACE}.required[?(@ == 'color')]", ("remove", True))
    ]


def test_unlike_fields_are_no_rename():
    found = effects(exchange(tag(name=..., slogan="Everything flies")))
    assert not any("x-rename" in dict(effect) for _, *effect in found)


def test_requests_follow_what_answers_call_a_field():
    found = effects(exchange(tag(name=..., label="A"), "POST", "/v1/tags/", {"label": "A"}, 201))
    renamed = {target.rpartition(".")[2] for target, effect, *_ in found if effect == ("x-rename", {"name": "label"})}
    assert renamed == {"Tag", "TagRequest", "PatchedTagRequest"}


def test_secrets_are_no_examples():
    found = suggest(contract(), [exchange(tag(access_token="supersecret", nested={"password": "hunter2", "size": 1}))])
    assert "supersecret" not in str(found)
    assert "hunter2" not in str(found)


def test_each_suggestion_has_its_evidence():
    [action] = suggest(
        contract(),
        [exchange(tag(color=None), number=3), exchange(tag()), exchange(tag(color=None), number=7)],
    )
    assert action["x-evidence"] == {"exchanges": 2, "sources": ["session.har#3", "session.har#7"]}


def test_statuses():
    target = "$.paths[*][?(@.operationId == 'create_tag')]"
    answered = exchange(tag(), "POST", "/v1/tags/", {"name": "A"}, 202)
    assert (target, ("x-status", {201: 202})) in effects(answered)
    refused = exchange({"name": ["Wrong."]}, "POST", "/v1/tags/", {"name": ""}, 422)
    assert effects(refused) == [(target, ("x-status", {400: 422}))]


@pytest.mark.parametrize(
    ("method", "path", "answer", "operation", "move"),
    [
        ("GET", f"/v1/labels/{ID}/", tag(), "get_tag", {"path": "/v1/labels/{tag_id}/"}),
        ("GET", f"/api/v2/tag/{ID}", tag(), "get_tag", {"path": "/api/v2/tag/{tag_id}"}),
        ("PUT", f"/v1/tags/{ID}/", tag(), "update_tag", {"method": "PUT"}),
    ],
)
def test_paths_and_verbs(method, path, answer, operation, move):
    sent = {"name": "Prototype"} if method == "PUT" else None
    assert effects(exchange(answer, method, path, sent)) == [
        (f"$.paths[*][?(@.operationId == '{operation}')]", ("x-move", move))
    ]


def test_what_is_like_no_operation_is_not_moved():
    assert effects(exchange({"temperature": 20}, path="/v1/weather/today/")) == []


def test_query_parameters():
    page = {"count": 0, "next": None, "previous": None, "results": []}
    found = effects(exchange(page, path="/v1/tags/?page_size=1&flavour=sweet"))
    assert found == [
        ("$.paths[*][?(@.operationId == 'list_tags')]", ("x-rename", {"limit": "page_size"})),
        (
            "$.paths[*][?(@.operationId == 'list_tags')].parameters",
            ("update", {"name": "flavour", "in": "query", "required": False, "schema": {"type": "string"}}),
        ),
    ]


def test_the_command_writes_the_overlay_and_says_what_it_leaves(tmp_path):
    recordings.write_har(
        [exchange(tag(color=None)), exchange({"error": "no"}, path="/v1/weather/today/")],
        tmp_path / "session.har",
    )
    result = CliRunner().invoke(
        main, ["contract", "suggest", str(tmp_path / "session.har"), "-o", str(tmp_path / "overlay.yaml")]
    )
    assert result.exit_code == 0, result.output
    assert "1 corrections from 2 exchanges" in result.output
    assert "What they leave" in result.output
    assert (tmp_path / "overlay.yaml").read_text().startswith("overlay: 1.0.0")


def test_the_command_says_what_it_cannot_read(tmp_path):
    result = CliRunner().invoke(
        main, ["contract", "suggest", str(tmp_path / "nothing.har"), "-o", str(tmp_path / "overlay.yaml")]
    )
    assert result.exit_code
    assert "nothing.har" in result.output
    assert "cannot be read" in result.output
