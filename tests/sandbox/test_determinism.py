"""What a call makes depends on the seed and on earlier calls of its kind, never on what else went on."""

import functools
import itertools

import orjson
import pytest

from mockserver import worlds
from mockserver.sandbox import OWN_KINDS, Sandbox, ids

from ..conftest import Api


def a_bom(api):
    return api.post("/v1/boms/", {"name": "Board", "tag_ids": []})


def an_email(api):
    return api.post("/v1/outbound_emails/", {"to_emails": ["a@example.com"], "subject": "s", "body": "b"})


def a_tag(api):
    return api.post("/v1/tags/", {"name": "Tag"})


def some_parts(api):
    """Own parts, one of them listed in the catalogue as well."""
    return api.post(
        "/v1/parts/async_create/",
        {
            "parts": [
                {"mpn": "OWN-1", "is_custom_part": True},
                {"mpn": "lm358dr", "manufacturer_name": "TI", "alt_mpns": ["LM358"]},
                {"mpn": "NE555DR", "manufacturer_name": "TI"},
            ]
        },
    )


def catalogue_lines(api):
    """Raw lines whose parts the catalogue makes up, one of them again in other words."""
    sensor_hub = api.get("/v1/boms/?approved=false")["results"][0]["id"]
    for line in (
        {"mpn": "BAT54S", "manufacturer_name": "Nexperia"},
        {"mpn": "MMBT3904", "manufacturer_name": "onsemi"},
        {"mpn": "bat54s", "manufacturer_name": "NEXPERIA", "do_not_place": True},
    ):
        api.post(f"/v1/boms/{sensor_hub}/parse_raw_bom_line/", line)


CALLS = (a_bom, an_email, a_tag, some_parts, catalogue_lines)


def records(sandbox) -> dict[str, bytes]:
    """All records, kind by kind. In which order the catalogue came to know its parts does not count."""
    return {
        kind: orjson.dumps(sorted(table, key=lambda record: record["id"]) if kind == "part" else list(table))
        for kind, table in sandbox.store.tables.items()
        if kind not in OWN_KINDS
    }


@functools.cache
def api_of(fixture, seed) -> Api:
    return Api(Sandbox(worlds.load(fixture, seed)))


def fresh(fixture, seed) -> Api:
    """A client of a sandbox in which nothing has happened yet."""
    api = api_of(fixture, seed)
    api.sandbox.reset()
    return api


def run(calls, seed=None):
    api = fresh("default", seed)
    for call in calls:
        call(api)
    return records(api.sandbox)


def test_calls_of_different_kinds_do_not_shift_each_other():
    expected = run(CALLS)
    permutations = list(itertools.permutations(CALLS))
    for calls in permutations[1::4]:
        assert run(calls) == expected, [call.__name__ for call in calls]


def test_a_call_in_between_shifts_nothing():
    alone, beside = run([a_bom]), run([a_tag, catalogue_lines, an_email, some_parts, a_bom])
    assert alone["bom"] == beside["bom"]


def test_the_same_seed_makes_the_same_world_and_another_seed_another():
    first, again, other = run(CALLS, seed=7), run(CALLS, seed=7), run(CALLS, seed=8)
    assert first == again
    for kind in ("bom", "bom_line", "part", "tag", "outbound_email", "async_job"):
        ids_of = {record["id"] for record in orjson.loads(first[kind])}
        assert ids_of.isdisjoint(record["id"] for record in orjson.loads(other[kind])), kind


def catalogue_part(*lines, seed=None) -> dict:
    """The part that the first of these raw lines is matched to, after the others were."""
    api = fresh("empty", seed)
    for line in reversed(lines):
        bom = api.post(
            "/v1/parse_raw_bom/",
            {"name": "b", "raw_lines": [dict(zip(("mpn", "manufacturer_name"), line, strict=True))]},
        )
    return api.get(f"/v1/parts/{bom['lines'][0]['part_id']}/")


@pytest.mark.parametrize(
    "spelling",
    [
        ("grm155r61a104ka01d", "Murata"),
        ("GRM155R61A104KA01D", "MURATA ELECTRONICS"),
        (" GRM155R61A104KA01D ", "Murata "),
        ("Grm155R61A104KA01d", "Murata Manufacturing"),
        ("GRM155R61A104KA01D", "murata, Inc."),
    ],
)
def test_a_catalogue_part_is_the_same_however_it_is_asked_for(spelling):
    expected = catalogue_part(("GRM155R61A104KA01D", "Murata Electronics"))
    assert expected["mpn"] == "GRM155R61A104KA01D"
    assert expected["manufacturer_name"] == "Murata Electronics"
    assert catalogue_part(spelling) == expected
    assert catalogue_part(("GRM155R61A104KA01D", "Murata Electronics"), spelling) == expected


@pytest.mark.parametrize("spelling", ["acme widgets", "ACME  Widgets", "Acme Widgets, Inc.", "Acme Widgets Ltd."])
def test_so_is_one_of_a_maker_nobody_knows(spelling):
    assert catalogue_part(("W-1", spelling)) == catalogue_part(("w-1", "Acme Widgets"))


def test_a_catalogue_part_does_not_depend_on_what_was_asked_before():
    one, other = ("LM358DR", "TI"), ("NE555DR", "TI")
    assert catalogue_part(one) == catalogue_part(one, other)


def test_a_catalogue_part_depends_on_the_seed():
    assert catalogue_part(("LM358DR", "TI"), seed=1)["id"] != catalogue_part(("LM358DR", "TI"), seed=2)["id"]


# -- the functions underneath --------------------------------------------------------------------------------


def test_a_uuid_is_of_version_4_and_a_function_of_its_arguments():
    made = ids.uuid(1, "bom", 1)
    assert made == ids.uuid(1, "bom", 1)
    assert made[14] == "4"
    assert made[19] in "89ab"
    assert len({made, ids.uuid(2, "bom", 1), ids.uuid(1, "tag", 1), ids.uuid(1, "bom", 2)}) == 4


def test_names_do_not_run_into_each_other():
    assert ids.digest(1, "ab", "c") != ids.digest(1, "a", "bc")


def test_draws_stay_in_their_bounds():
    random = ids.Random(1, "bounds")
    drawn = [random.randint(3, 5) for _ in range(200)]
    assert set(drawn) == {3, 4, 5}
    assert all(0 <= random.random() < 1 for _ in range(200))
    assert {random.choice("ab") for _ in range(50)} == {"a", "b"}
    assert sorted(random.sample(range(5), 5)) == [0, 1, 2, 3, 4]
    assert all(random.getrandbits(64) < 1 << 64 for _ in range(50))


def test_faker_at_one_place_says_the_same_whatever_it_said_elsewhere():
    name = ids.fake_at(1, "bom", 1).board_name()
    ids.fake_at(2, "bom", 1).board_name()
    assert ids.fake_at(1, "bom", 1).board_name() == name
