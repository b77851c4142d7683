"""Fixtures: what may stand in them, how a mistake is told, and that the built-in worlds are sound."""

import datetime as dt
import hashlib
import os
import re

import jsonschema_rs
import orjson
import pytest

from mockserver import resources, worlds
from mockserver._data import fixtures_dir
from mockserver._yaml import YamlError, load_yaml
from mockserver.api.scope import Scope
from mockserver.sandbox import Sandbox
from mockserver.sandbox.clock import moment, stamp
from tests.conftest import contract

LOCKS = orjson.loads((fixtures_dir() / "locks.json").read_bytes())
HEAD = """\
records:
  org: {acme: {name: Acme, slug: acme}}
  user: {ada: {email: ada@acme.example.com, first_name: Ada, last_name: O, roles: [Admin]}}
  api_key: {admin: {name: Admin, user_id: ada, key: mockkey1.00000000000000000000000000000000}}
"""


def written(tmp_path, text, name="own.yaml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def load(tmp_path, text, **kwargs):
    return worlds.load(written(tmp_path, text), **kwargs)


def named(world, kind, name):
    return next(record for record in world.store[kind] if record["name"] == name)


# -- one's own fixture ---------------------------------------------------------------------------------------


def test_records_refer_to_each_other_by_name_in_both_directions(tmp_path):
    world = load(
        tmp_path,
        HEAD
        + """\
  bom_line:
    - {bom_id: motor, part_id: cap, reference_designators_string: C1-C3}
  bom:
    motor: {name: Motor, tag_ids: [urgent, slow], team_ids: [electronics]}
  part:
    cap: {mpn: GRM155R61A104KA01D, manufacturer_name: Murata}
  tag: {urgent: {name: Urgent}, slow: {name: Slow}}
  team: {electronics: {name: Electronics}}
""",
    )
    bom, line = named(world, "bom", "Motor"), next(iter(world.store["bom_line"]))
    assert bom["tag_ids"] == [named(world, "tag", "Urgent")["id"], named(world, "tag", "Slow")["id"]]
    assert (line["bom_id"], line["part_id"]) == (bom["id"], next(iter(world.store["part"]))["id"])
    assert (line["quantity"], line["mpn"]) == (3, "GRM155R61A104KA01D")


def test_records_belong_to_the_first_organisation_unless_told_otherwise(tmp_path):
    world = load(
        tmp_path,
        HEAD.replace("slug: acme}", "slug: acme}, lab: {name: Lab, slug: lab, parent_org_id: acme}")
        + """\
  tag: [{name: One}, {name: Two, org_id: lab}]
""",
    )
    assert named(world, "tag", "One")["org_id"] == named(world, "org", "Acme")["id"]
    assert named(world, "tag", "Two")["org_id"] == named(world, "org", "Lab")["id"]


def test_an_id_of_ones_own_is_kept(tmp_path):
    world = load(tmp_path, HEAD + "  tag: [{id: ABCDEF00-0000-4000-8000-000000000001, name: One}]\n")
    assert named(world, "tag", "One")["id"] == "abcdef00-0000-4000-8000-000000000001"


def test_counts_fill_up_with_made_up_records(tmp_path):
    world = load(
        tmp_path,
        "counts: {tag: 12, part: 5, bom: 3, bom_line: 9}\n"
        + HEAD
        + "  tag: [{name: Prototype}]\n  part: [{mpn: TPS62130RGTR, manufacturer_name: TI}]\n",
    )
    assert {kind: len(world.store[kind]) for kind in ("tag", "part", "bom", "bom_line")} == {
        "tag": 12,
        "part": 5,
        "bom": 3,
        "bom_line": 9,
    }
    assert next(iter(world.store["tag"]))["name"] == "Prototype"
    assert len({tag["name"] for tag in world.store["tag"]}) == 12


def test_another_count_leaves_the_other_kinds_alone(tmp_path):
    one, other = (load(tmp_path, f"counts: {{tag: {tags}, part: 5}}\n" + HEAD, seed=1) for tags in (2, 9))
    assert list(one.store["part"]) == list(other.store["part"])
    assert list(one.store["tag"]) == list(other.store["tag"])[:2]


def test_a_seed_given_to_load_counts_more_than_the_fixtures(tmp_path):
    path = written(tmp_path, "seed: 5\n" + HEAD + "  tag: [{name: One}]\n")
    ids = [next(iter(worlds.load(path, seed).store["tag"]))["id"] for seed in (None, 5, 6)]
    assert worlds.load(path).seed == 5
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize("seed", [2, 7, 99, -1, 10**30])
def test_the_default_world_may_have_any_seed(seed):
    assert worlds.load("default", seed).seed == seed


def test_a_fixture_changed_on_disk_is_read_again(tmp_path):
    path = written(tmp_path, HEAD + "  tag: [{name: One}]\n")
    worlds.load(path)
    path.write_text(HEAD + "  tag: [{name: Two}]\n", encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert [tag["name"] for tag in worlds.load(path).store["tag"]] == ["Two"]


def test_now_and_the_catalogue_are_as_told(tmp_path):
    world = load(
        tmp_path,
        "now: 2030-05-06T07:08:09+02:00\ncatalogue: {known_parts_only: true, never_match: [^TEST]}\n" + HEAD,
    )
    assert Sandbox(world).clock.stamp() == "2030-05-06T05:08:09Z"
    assert (world.catalogue.known_parts_only, world.catalogue.never_match) == (True, ("^TEST",))


def test_yaml_may_merge_and_override(tmp_path):
    world = load(tmp_path, HEAD + "  tag:\n    - &one {name: One, color: '#111111'}\n    - {<<: *one, name: Two}\n")
    assert [(tag["name"], tag["color"]) for tag in world.store["tag"]] == [
        ("One", "#111111"),
        ("Two", "#111111"),
    ]


# -- mistakes ------------------------------------------------------------------------------------------------

MISTAKES = {
    "not a mapping": ("- 1\n", 1, "a fixture is a mapping with the keys"),
    "unknown key": ("seed: 1\nrecord: {}\n" + HEAD, 2, "unknown key 'record'"),
    "seed": ("description: x\nseed: one\n" + HEAD, 2, "seed: should be a whole number"),
    "now": ("now: 2026-01-15\n" + HEAD, 1, "now: Datetime has wrong format"),
    "catalogue": ("catalogue:\n  known_parts: true\n" + HEAD, 2, "catalogue.known_parts: unknown key"),
    "catalogue flag": (
        "catalogue:\n  known_parts_only: 1\n" + HEAD,
        2,
        "catalogue.known_parts_only: Must be a valid boolean.",
    ),
    "pattern": (
        "catalogue:\n  known_parts_only: true\n  never_match: ['(']\n" + HEAD,
        3,
        "catalogue.never_match: '(' is no regular expression",
    ),
    "records": ("records: 5\n", 1, "records: should be a mapping"),
    "unknown kind": (HEAD + "  bomb: []\n", 5, "records.bomb: unknown kind; there are"),
    "kind": (
        HEAD + "  tag: 5\n",
        5,
        "records.tag: should be a list of records, or a mapping of names to records",
    ),
    "record": (
        HEAD + "  tag:\n    - {name: One}\n    - Two\n",
        7,
        "records.tag.1: should be a mapping of fields to values",
    ),
    "unknown field": (
        HEAD + "  tag:\n    one:\n      name: One\n      colour: red\n",
        8,
        "records.tag.colour: a tag has no such field; there are",
    ),
    "missing field": (
        HEAD + "  tag:\n    - {name: One}\n    - {color: '#111111'}\n",
        7,
        "records.tag: name is missing",
    ),
    "missing parent": (HEAD + "  bom_line:\n    - {mpn: X}\n", 6, "records.bom_line: bom_id is missing"),
    "missing read-only field": (
        HEAD + "  outbound_email:\n    - {subject: x, body: y}\n",
        6,
        "records.outbound_email: to_emails is missing",
    ),
    "wrong type": (
        HEAD + "  tag:\n    - name: One\n    - name: 5\n",
        7,
        "records.tag.name: Not a valid string. It is 5.",
    ),
    "wrong choice": (
        HEAD + "  part:\n    - mpn: X\n      lifecycle_status: Fresh\n",
        7,
        'records.part.lifecycle_status: "Fresh" is not a valid choice.',
    ),
    "wrong maker": (
        HEAD + "  part:\n    - mpn: X\n      manufacturer_name: 5\n",
        7,
        "records.part.manufacturer_name: Not a valid string.",
    ),
    "wrong item": (
        HEAD + "  bom:\n    - name: X\n      tag_ids:\n        - nobody\n",
        8,
        "records.bom.tag_ids[0]: there is no tag called 'nobody'; there are none",
    ),
    "unknown name": (
        HEAD + "  tag: [{name: One}]\n  bom:\n    - {name: X, org_id: acne}\n",
        7,
        "records.bom.org_id: there is no org called 'acne'; there are acme",
    ),
    "name that is no name": (
        HEAD + "  bom:\n    - {name: X, org_id: [acme]}\n",
        6,
        "records.bom.org_id: there is no org called ['acme']",
    ),
    "not JSON": (
        HEAD + "  bom:\n    - {name: X, metadata: {1: one}}\n",
        6,
        "records.bom.metadata: is not JSON",
    ),
    "taken name": (
        HEAD + "  tag:\n    - {name: One}\n    - {name: One}\n",
        7,
        "records.tag: Tag with this name already exists.",
    ),
    "taken id": (
        HEAD + "  part:\n    - {mpn: X-1, manufacturer_name: M}\n    - {mpn: x1, manufacturer_name: M}\n",
        7,
        "records.part: There is a part",
    ),
    "wrong id": (HEAD + "  tag:\n    - {id: one, name: One}\n", 6, "records.tag.id: Must be a valid UUID."),
    "count": ("counts:\n  tag: many\n" + HEAD, 2, "counts.tag: should be a whole number, not 'many'"),
    "negative count": ("counts:\n  tag: -1\n" + HEAD, 2, "counts.tag: should be a whole number, not -1"),
    "count of an unknown kind": ("counts:\n  bomb: 1\n" + HEAD, 2, "counts.bomb: unknown kind"),
    "count of what cannot be made": (
        "counts:\n  bom_line: 1\n" + HEAD,
        2,
        "a made-up bom_line needs a bom, and there is none",
    ),
    "key twice": ("seed: 1\nseed: 2\n" + HEAD, 2, "the key 'seed' stands here twice"),
    "no YAML": ("seed: [1\nrecords: 2\n", 2, "not YAML"),
    "list as key": ("? [1]\n: 2\n", 1, "a key should be plain text"),
    "no organisation": ("records:\n  tag: [{name: One}]\n", 1, "a fixture needs at least one org"),
    "no key": (
        "seed: 1\nrecords:\n  org: {acme: {name: Acme, slug: acme}}\n",
        2,
        "a fixture needs at least one api_key",
    ),
}


@pytest.mark.parametrize(("text", "line", "reason"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_file_line_and_key(tmp_path, text, line, reason):
    path = written(tmp_path, text)
    with pytest.raises(YamlError) as mistake:
        worlds.load(path)
    assert str(mistake.value).startswith(f"{path}:{line}: ")
    assert reason in str(mistake.value)


def test_what_cannot_be_read_is_told_so(tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes("description: é".encode("latin-1"))
    with pytest.raises(YamlError, match="is not UTF-8 text"):
        worlds.load(path)
    with pytest.raises(YamlError, match="cannot be read: No such file"):
        load_yaml(tmp_path / "none.yaml")


@pytest.mark.parametrize("name", ["nothing", "no/such.yaml", "../default", ""])
def test_an_unknown_fixture_is_told_which_there_are(name):
    with pytest.raises(worlds.UnknownFixture, match=r"Those that come with the mock are .*default.*empty"):
        worlds.load(name)


# -- the worlds that come with the mock ----------------------------------------------------------------------


def test_names_lists_them():
    assert worlds.names() == sorted(LOCKS)
    assert {"default", "empty", "large"} <= set(worlds.names())


@pytest.fixture(scope="module")
def built():
    """Each world, made anew from its recipe."""
    return {name: worlds.Builder(fixtures_dir() / f"{name}.yaml").build() for name in worlds.names()}


@pytest.mark.parametrize("name", LOCKS)
def test_a_world_is_locked_to_its_seed(built, name):
    content = worlds.expanded(built[name], fixtures_dir() / f"{name}.yaml")
    assert hashlib.sha256(content).hexdigest() == LOCKS[name], (
        "The world has changed. When it was meant to: make fixtures."
    )


@pytest.mark.parametrize("name", LOCKS)
def test_an_expanded_world_is_the_one_its_recipe_makes(built, name):
    loaded = worlds.load(name)
    assert {kind: list(table) for kind, table in loaded.store.tables.items()} == {
        kind: list(table) for kind, table in built[name].store.tables.items()
    }
    assert (loaded.seed, loaded.now, loaded.catalogue) == (
        built[name].seed,
        built[name].now,
        built[name].catalogue,
    )


@pytest.mark.parametrize("name", LOCKS)
def test_every_record_of_a_world_fits_its_schema(built, name):
    sandbox = Sandbox(built[name])
    scope = Scope(sandbox, next(iter(sandbox.store["api_key"])), resources.by_kind())
    components, checked = contract()["components"], 0
    for kind, resource in resources.by_kind().items():
        if resource.schema.__name__ not in components["schemas"]:
            continue  # no operation answers it
        valid = jsonschema_rs.Draft202012Validator(
            {"$ref": f"#/components/schemas/{resource.schema.__name__}", "components": components},
            validate_formats=True,
        )
        table = list(sandbox.store[kind])
        for record in table[:: max(1, len(table) // 200)]:  # of a large world, a sample
            shown = orjson.loads(orjson.dumps(resource.present(scope, record)))
            error = next(valid.iter_errors(shown), None)
            assert error is None, f"{kind} {record['id']}: {error}"
            checked += 1
    assert checked > 1


@pytest.mark.parametrize("name", LOCKS)
def test_every_reference_of_a_world_leads_somewhere(built, name):
    store = built[name].store
    for kind, resource in resources.by_kind().items():
        for field, reference in resource.references.items():
            target = getattr(reference, "inner", reference).kind
            for record in store[kind]:
                value = record.get(field)
                for id in value if isinstance(value, list) else [value] if value else ():
                    assert store[target].get(id) is not None, f"{kind}.{field} {id}"


# -- at another moment -----------------------------------------------------------------------------------------


def test_a_world_at_another_moment_is_as_far_from_it_as_it_was():
    """Moments and dates at any depth; nothing else, and the world it was made of stays as it is."""
    world = worlds.load("default")
    before = {kind: list(table) for kind, table in world.store.tables.items()}
    delta = dt.timedelta(days=30, hours=5)
    moved = worlds.at(world, world.now + delta)
    assert moved.now == world.now + delta
    assert worlds.at(world, world.now + delta) is moved

    def shifted(value, key=None):
        if isinstance(value, dict):
            return {key: shifted(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [shifted(item, key) for item in value]
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", value):
            return stamp(moment(value) + delta)
        if key in ("deadline", "due_on", "issued_on", "valid_until", "required_by", "expected_delivery_date") and value:
            return str(dt.date.fromisoformat(value) + dt.timedelta(days=30))
        return value

    for kind, records in before.items():
        assert list(moved.store[kind]) == list(map(shifted, records)), kind
        assert list(world.store[kind]) == records
    order = next(order for order in moved.store["purchase_order"] if order["events"])
    assert moved.store["purchase_order"].where("unique:number", (order["org_id"], order["number"])) == [order]
