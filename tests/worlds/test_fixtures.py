"""The built-in worlds hold what they promise: the default one of everything, the large one of a lot."""

import re

import pytest

from mockserver import resources, worlds
from mockserver._data import fixtures_dir
from mockserver.api import fields
from mockserver.api.scope import Scope
from mockserver.sandbox import Sandbox

KINDS = {kind: resource for kind, resource in resources.by_kind().items() if kind != "sub_org"}
CHOICES = [
    (kind, name)
    for kind, resource in KINDS.items()
    for name, field in resource.fields.items()
    if isinstance(field, fields.Choice) and name in ("status", "preference", "visibility", "include")
]
FLAGS = [
    (kind, name)
    for kind, resource in KINDS.items()
    for name, field in resource.fields.items()
    if isinstance(field, fields.Boolean) and name not in ("synced_from_integration", "is_active", "required")
]


@pytest.fixture(scope="module")
def shown():
    """`shown(kind)`: the records of the default world as they go on the wire."""
    sandbox = Sandbox(worlds.load("default"))
    scope = Scope(sandbox, next(iter(sandbox.store["api_key"])), KINDS)
    return lambda kind: [KINDS[kind].present(scope, record) for record in sandbox.store[kind]]


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_world_holds_every_kind_of_record(shown, kind):
    assert shown(kind)


@pytest.mark.parametrize(("kind", "name"), CHOICES)
def test_the_default_world_holds_records_in_every_status(shown, kind, name):
    assert {record[name] for record in shown(kind)} - {None} == set(KINDS[kind].fields[name].choices)


@pytest.mark.parametrize(("kind", "name"), FLAGS)
def test_the_default_world_holds_records_with_each_flag_and_without(shown, kind, name):
    assert {record[name] for record in shown(kind)} == {True, False}


def test_the_recipe_of_the_readme_is_one(tmp_path):
    readme = (fixtures_dir() / "README.md").read_text(encoding="utf-8")
    path = tmp_path / "own.yaml"
    path.write_text(re.search(r"```yaml\n(.*?)```", readme, re.DOTALL)[1], encoding="utf-8")
    store = worlds.load(path).store
    assert (len(store["supplier"]), len(store["stock_lot"])) == (20, 100)
    assert next(iter(store["bom_line"]))["part_id"] == next(iter(store["part"]))["id"]


def test_the_readme_tells_of_every_world():
    readme = (fixtures_dir() / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE)) == worlds.names()


def test_the_large_world_grows_in_proportion():
    store = worlds.load("large").store
    kinds = {kind: len(store[kind]) for kind in KINDS}
    assert kinds["bom_line"] == 100_000
    few = {kind for kind, count in kinds.items() if count < 3}
    assert few == {"org", "user", "api_key", "async_job"}
