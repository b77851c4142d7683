import pytest

from mockserver import worlds
from mockserver.resources._designators import read
from mockserver.sandbox import Sandbox

from ..conftest import Api

ABSENT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def only():
    """One client for all tests of the module: an app is dear to make, and a reset costs nothing."""
    return Api(Sandbox(worlds.load("default")))


@pytest.fixture
def api(only):
    only.sandbox.reset()
    return only


@pytest.fixture
def bom(api):
    """An empty BOM."""
    return api.post("/v1/boms/", {"name": "Board"})


@pytest.fixture
def part_ids(api):
    return [part["id"] for part in api.sandbox.store["part"]]


def part_called(api, mpn):
    return next(part for part in api.sandbox.store["part"] if part["mpn"] == mpn)


def parse(api, *raw_lines, **more):
    return api.post("/v1/parse_raw_bom/", {"name": "Raw", "raw_lines": list(raw_lines), **more})


def parsed_line(api, bom, raw, expect=201):
    return api.post(f"/v1/boms/{bom['id']}/parse_raw_bom_line/", raw, expect=expect)


def lines_of(api, bom):
    return api.get(f"/v1/boms/{bom['id']}/lines/")["results"]


def named(api, name, query=""):
    return next(bom for bom in api.get(f"/v1/boms/{query}")["results"] if bom["name"] == name)


def world(tmp_path, catalogue="{}", parts="{}"):
    """A client of a world of one organisation, with this catalogue and these parts."""
    path = tmp_path / "world.yaml"
    path.write_text(
        f"""
catalogue: {catalogue}
records:
  org: {{acme: {{name: Acme, slug: acme}}, lab: {{name: Lab, slug: lab, parent_org_id: acme}}}}
  user: {{ada: {{email: ada@acme.example.com, first_name: Ada, last_name: O, roles: [Admin]}}}}
  api_key: {{admin: {{name: Admin, user_id: ada, key: mockkey1.00000000000000000000000000000000}}}}
  part: {parts}
""",
        encoding="utf-8",
    )
    return Api(Sandbox(worlds.load(path)))


# -- designators ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("C1, C3-C5 C9", ["C1", "C3", "C4", "C5", "C9"]),
        ("C1", ["C1"]),
        ("", []),
        ("  ", []),
        (",;, ,", []),
        ("C1;C2,C3 C4\tC5\nC6", ["C1", "C2", "C3", "C4", "C5", "C6"]),
        ("C1-3", ["C1", "C2", "C3"]),
        ("C1 - C3", ["C1", "C2", "C3"]),
        ("C1- C3", ["C1", "C2", "C3"]),
        ("C1\N{EN DASH}C3", ["C1", "C2", "C3"]),
        ("C01-C03", ["C01", "C02", "C03"]),
        ("C8-C11", ["C8", "C9", "C10", "C11"]),
        ("C098-C101", ["C098", "C099", "C100", "C101"]),
        ("C3-C3", ["C3"]),
        ("X1_1-X1_2", ["X1_1-X1_2"]),
        ("TP_1-TP_2", ["TP_1", "TP_2"]),
        ("C5-C3", ["C3", "C4", "C5"]),
        ("C10-C1", [f"C{number}" for number in range(1, 11)]),
        ("C1\N{EM DASH}C3", ["C1", "C2", "C3"]),
        ("C1\N{MINUS SIGN}C3", ["C1", "C2", "C3"]),
        ("C1:C3", ["C1", "C2", "C3"]),
        ("C1..C3", ["C1", "C2", "C3"]),
        ("R1 to R4", ["R1", "R2", "R3", "R4"]),
        ("R1 TO R4 C7", ["R1", "R2", "R3", "R4", "C7"]),
        ("c1-C3", ["c1", "c2", "c3"]),
        ("R1\uff0cR2\u3001R3\uff1bR4", ["R1", "R2", "R3", "R4"]),
        ("C1 / C2", ["C1", "C2"]),
        ("C1/C2/R3", ["C1", "C2", "R3"]),
        ("R1 & R2 and R3", ["R1", "R2", "R3"]),
        ("R1, R1 R1", ["R1"]),
        ("R1-3", ["R1", "R2", "R3"]),
        ("J1-2", ["J1-2"]),
        ("U3-1, P1-2 K1:2", ["U3-1", "P1-2", "K1:2"]),
        ("Front panel, C1", ["Front panel", "C1"]),
        ("C1\u200b, \ufeffC1", ["C1"]),
        ("C1-R3", ["C1-R3"]),
        ("C-5", ["C-5"]),
        ("-", ["-"]),
        ("--", ["--"]),
        ("C1-", ["C1-"]),
        ("J-USB", ["J-USB"]),
        ("C1-C10000", [f"C{number}" for number in range(1, 10_001)]),
        ("C1-C10001", ["C1-C10001"]),
        ("C1-C999999999", ["C1-C999999999"]),
        ("C1-C99999999999999999999", ["C1-C99999999999999999999"]),
        ("🙂1", ["🙂1"]),
    ],
)
def test_designators_are_read_as_engineers_write_them(text, expected):
    assert read(text) == expected


def test_a_list_of_designators_counts_more_than_the_string(api, bom, part_ids):
    line = api.post(
        f"/v1/boms/{bom['id']}/lines/",
        {
            "part_id": part_ids[0],
            "reference_designators": ["R1", "R2", "R1"],
            "reference_designators_string": "C1-C9",
        },
    )
    assert line["reference_designators"] == ["R1", "R2"]
    assert line["reference_designators_string"] == "R1, R2"
    assert line["quantity"] == 2


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, 0),
        ({"quantity": 0}, 0),
        ({"quantity": 7}, 7),
        ({"quantity": 0, "reference_designators_string": "C1-C4"}, 4),
        ({"reference_designators": ["C1"]}, 1),
        ({"quantity": 9, "reference_designators": ["C1"]}, 9),
    ],
)
def test_no_quantity_stands_for_as_many_as_there_are_designators(api, bom, part_ids, given, expected):
    assert api.post(f"/v1/boms/{bom['id']}/lines/", {"part_id": part_ids[0], **given})["quantity"] == expected


# -- boms ----------------------------------------------------------------------------------------------------


def test_a_new_bom_has_documented_defaults(api, bom):
    assert api.get(f"/v1/boms/{bom['id']}/") == bom
    assert {
        name: bom[name]
        for name in (
            "version",
            "part_number",
            "data_source",
            "approved",
            "approved_at",
            "archived",
            "archived_at",
            "metadata",
            "line_count",
            "synced_from_integration",
            "integration_source_name",
            "team_ids",
            "tag_ids",
            "custom_properties",
        )
    } == {
        "version": None,
        "part_number": None,
        "data_source": None,
        "approved": False,
        "approved_at": None,
        "archived": False,
        "archived_at": None,
        "metadata": {},
        "line_count": 0,
        "synced_from_integration": False,
        "integration_source_name": None,
        "team_ids": [],
        "tag_ids": [],
        "custom_properties": {},
    }


def test_a_bom_may_come_with_lines_and_repeated_parts_are_summed(api, part_ids):
    bom = api.post(
        "/v1/boms/",
        {
            "name": "x",
            "lines": [
                {"part_id": part_ids[0], "reference_designators_string": "C1-C3"},
                {"part_id": part_ids[1], "quantity": 2},
                {"part_id": part_ids[0], "reference_designators_string": "C3, C9"},
            ],
        },
    )
    assert bom["line_count"] == 2
    assert [
        (line["part_id"], line["quantity"], line["reference_designators_string"]) for line in lines_of(api, bom)
    ] == [(part_ids[0], 5, "C1, C2, C3, C9"), (part_ids[1], 2, "")]


@pytest.mark.parametrize("path", ["/v1/boms/", "/v1/parse_raw_bom/"])
def test_a_bom_may_be_born_approved(api, path):
    bom = api.post(path, {"name": "x", "approved": True})
    assert (bom["approved"], bom["approved_at"]) == (True, "2026-01-15T09:00:00Z")


def test_a_patch_changes_what_it_names(api, bom):
    changed = api.patch(f"/v1/boms/{bom['id']}/", {"version": "B", "metadata": {"a": 1}, "approved": True})
    assert changed == {**bom, "version": "B", "metadata": {"a": 1}}


def test_approving_is_done_once(api, bom):
    api.sandbox.clock.advance(hours=1)
    approved = api.post(f"/v1/boms/{bom['id']}/approve/")
    assert (approved["approved"], approved["approved_at"]) == (True, "2026-01-15T10:00:00Z")
    assert api.post(f"/v1/boms/{bom['id']}/approve/", expect=409) == {"detail": "This BOM is approved already."}


def test_an_archived_bom_cannot_be_approved(api, bom):
    api.sandbox.store.replace("bom", {**api.sandbox.store["bom"].get(bom["id"]), "archived": True})
    assert api.post(f"/v1/boms/{bom['id']}/approve/", expect=409) == {"detail": "An archived BOM cannot be approved."}


def test_deleting_an_unapproved_bom_takes_its_lines(api, bom, part_ids):
    line = api.post(f"/v1/boms/{bom['id']}/lines/", {"part_id": part_ids[0]})
    api.delete(f"/v1/boms/{bom['id']}/")
    api.get(f"/v1/boms/{bom['id']}/", expect=404)
    assert api.sandbox.store["bom_line"].get(line["id"]) is None


def test_deleting_an_approved_bom_archives_it(api, bom, part_ids):
    api.post(f"/v1/boms/{bom['id']}/lines/", {"part_id": part_ids[0]})
    api.post(f"/v1/boms/{bom['id']}/approve/")
    api.sandbox.clock.advance(hours=1)
    for _ in range(2):  # deleted again, it stays as it is
        api.delete(f"/v1/boms/{bom['id']}/")
        archived = api.get(f"/v1/boms/{bom['id']}/")
        assert (archived["archived"], archived["archived_at"], archived["line_count"]) == (
            True,
            "2026-01-15T10:00:00Z",
            1,
        )
        api.sandbox.clock.advance(hours=1)
    listed = {
        query: [each["id"] for each in api.get(f"/v1/boms/{query}")["results"]]
        for query in ("", "?archived=false", "?archived=true")
    }
    assert bom["id"] not in listed[""]
    assert listed[""] == listed["?archived=false"]
    assert bom["id"] in listed["?archived=true"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("approved=true", ["Motor Controller"]),
        ("approved=false", ["Sensor Hub", "Patient Probe"]),
        ("archived=true", ["Legacy Driver"]),
        ("name=SENSOR", ["Sensor Hub"]),
        ("name=o", ["Motor Controller", "Sensor Hub", "Patient Probe"]),
        ("part_number=PCA-1050", ["Sensor Hub"]),
        ("part_number=pca-1050", []),
        ("updated_after=2026-01-15T09:00:00Z", []),
        ("name=o&approved=true&part_number=PCA-1042", ["Motor Controller"]),
        ("integration_record_id=PRJ-7", []),
        (f"tag_id={ABSENT}", []),
        (f"team_id={ABSENT}", []),
    ],
)
def test_filters_narrow_the_list(api, query, names):
    given = ["Motor Controller", "Sensor Hub", "Patient Probe", "Legacy Driver"]
    assert [bom["name"] for bom in api.get(f"/v1/boms/?{query}")["results"] if bom["name"] in given] == names


def test_filters_find_tags_integrations_and_what_changed(api, bom):
    tag = api.post("/v1/tags/", {"name": "Found"})
    api.sandbox.clock.advance(seconds=1)
    api.patch(f"/v1/boms/{bom['id']}/", {"tag_ids": [tag["id"]], "integration_record_id": "PRJ-9"})
    for query in (
        f"tag_id={tag['id']}",
        "integration_record_id=PRJ-9",
        "updated_after=2026-01-15T10:00:00%2B01:00",
    ):
        assert [each["id"] for each in api.get(f"/v1/boms/?{query}")["results"]] == [bom["id"]], query


# -- lines ---------------------------------------------------------------------------------------------------


def test_a_line_of_a_part_that_is_there_is_added_to_it(api, bom, part_ids):
    path = f"/v1/boms/{bom['id']}/lines/"
    first = api.call(
        "POST",
        path,
        json={"part_id": part_ids[0], "reference_designators_string": "C1-C3", "comments": "kept"},
        expect=201,
    )
    again = api.call(
        "POST",
        path,
        json={
            "part_id": part_ids[0],
            "quantity": 5,
            "reference_designators": ["C3", "C7"],
            "comments": "lost",
        },
        expect=200,
    )
    assert again.json == {
        **first.json,
        "quantity": 8,
        "reference_designators": ["C1", "C2", "C3", "C7"],
        "reference_designators_string": "C1, C2, C3, C7",
        "merged_lines": [{"comments": "lost"}],
        "status": again.json["status"],
    }
    assert "Location" in first.headers
    assert "Location" not in again.headers
    assert api.get(f"/v1/boms/{bom['id']}/")["line_count"] == 1


def test_a_line_names_its_part(api, bom):
    part = part_called(api, "STM32F407VGT6")
    line = api.post(f"/v1/boms/{bom['id']}/lines/", {"part_id": part["id"]})
    assert line["part"] == {name: part[name] for name in ("id", "mpn", "manufacturer_name", "description")}
    assert (line["mpn"], line["manufacturer_name"]) == ("STM32F407VGT6", "STMicroelectronics")


def test_a_line_is_changed_and_deleted(api, bom, part_ids):
    line = api.post(f"/v1/boms/{bom['id']}/lines/", {"part_id": part_ids[0], "quantity": 3, "value": "100nF"})
    path = f"/v1/boms/{bom['id']}/lines/{line['id']}/"
    assert api.patch(path, {"reference_designators_string": "C1-C4"})["reference_designators"] == [
        "C1",
        "C2",
        "C3",
        "C4",
    ]
    assert api.get(path)["quantity"] == 3
    assert api.patch(path, {"quantity": 0})["quantity"] == 4
    changed = api.patch(path, {"reference_designators": ["C9"], "quantity": 0, "value": None})
    assert (changed["reference_designators_string"], changed["quantity"], changed["value"]) == ("C9", 1, None)
    assert api.patch(path, {"part_id": None})["status"] == "no_match"
    api.delete(path)
    api.get(path, expect=404)
    assert lines_of(api, bom) == []


def test_lines_are_filtered(api):
    motor = named(api, "Motor Controller")
    assert [
        line["do_not_place"] for line in api.get(f"/v1/boms/{motor['id']}/lines/?do_not_place=true")["results"]
    ] == [True]
    part = part_called(api, "STM32F407VGT6")
    assert [line["part_id"] for line in api.get(f"/v1/boms/{motor['id']}/lines/?part_id={part['id']}")["results"]] == [
        part["id"]
    ]


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ({"ignore": True, "do_not_place": True}, "ignore"),
        ({"do_not_place": True}, "do_not_place"),
        ({"quantity": 2**31 - 1}, "needs_rfq"),
    ],
)
def test_the_status_tells_the_worst_news_first(api, bom, line, status):
    part = part_called(api, "RC0402FR-0710KL")
    assert api.post(f"/v1/boms/{bom['id']}/lines/", {"part_id": part["id"], **line})["status"] == status


def test_the_status_tells_what_can_be_bought_and_what_cannot_be_found(api, bom, part_ids):
    buyable = next(
        part
        for part in api.sandbox.store["part"]
        if part["buyable"] and not api.sandbox.store["stock_lot"].where("part_id", part["id"])
    )
    path = f"/v1/boms/{bom['id']}/lines/"
    assert api.post(path, {"part_id": buyable["id"], "quantity": buyable["buyable"]})["status"] == "buyable"
    assert api.post(path, {"part_id": buyable["id"], "quantity": 1})["status"] == "needs_rfq"
    assert parsed_line(api, bom, {"mpn": "NO-MAKER-KNOWN"})["status"] == "no_match"


def test_a_sum_beyond_an_integer_is_refused_with_its_field(api, bom, part_ids):
    line = {"part_id": part_ids[0], "quantity": 2**31 - 1}
    path = f"/v1/boms/{bom['id']}/lines/"
    before = api.post(path, line)
    told = {"quantity": ["Ensure the sum, 4294967294, is less than or equal to 2147483647."]}
    assert api.post(path, line, expect=400) == told
    assert lines_of(api, bom) == [before]
    other = {"part_id": part_ids[1], "quantity": 1}
    lines = {"name": "x", "lines": [line, other, line, other]}
    assert api.post("/v1/boms/", lines, expect=400) == {"lines": [{}, {}, told, {}]}
    raw = {"mpn": "LM358DR", "manufacturer_name": "TI", "quantity": 2**31 - 1}
    assert api.post("/v1/parse_raw_bom/", {"name": "x", "raw_lines": [raw, raw]}, expect=400) == {
        "raw_lines": [{}, told]
    }
    job = upsert(api, raw_lines=[raw, raw])
    assert (job["status"], job["errors"]) == (
        "failed",
        [{"detail": "raw_lines[1].quantity: Ensure the sum, 4294967294, is less than or equal to 2147483647."}],
    )


# -- raw lines -----------------------------------------------------------------------------------------------


def test_a_raw_bom_answers_its_lines_and_what_each_became(api):
    bom = parse(
        api,
        {
            "mpn": "grm155r61a104ka01d",
            "manufacturer_name": "murata",
            "reference_designators_string": "C1, C3-C5 C9",
        },
        {"mpn": "NOT-KNOWN", "quantity": 3},
        {"mpn": "LM358DR", "manufacturer_name": "TI", "quantity": 3},
        {"mpn": "LM358-DR", "manufacturer_name": "Texas Instruments", "quantity": 2},
    )
    assert bom["line_count"] == len(bom["lines"]) == 3
    assert bom["lines"] == lines_of(api, bom)
    assert [(line["quantity"], line["part"] and line["part"]["mpn"]) for line in bom["lines"]] == [
        (5, "GRM155R61A104KA01D"),
        (3, None),
        (5, "LM358DR"),
    ]
    assert [(each["index"], each["matched_by"], each["merged"]) for each in bom["resolutions"]] == [
        (0, "mpn", False),
        (1, None, False),
        (2, "mpn", False),
        (3, "mpn", True),
    ]
    assert [each["bom_line_id"] for each in bom["resolutions"]] == [
        bom["lines"][number]["id"] for number in (0, 1, 2, 2)
    ]
    assert bom["lines"][2]["mpn"] == "LM358DR"


@pytest.mark.parametrize(
    "raw",
    [
        {"mpn": "acme brk 01"},
        {"mpn": "ACMEBRK01", "manufacturer_name": "Acme Robotics, Inc."},
        {"custom_id": "900-0001"},
        {"mpn": "UNHEARD-OF", "custom_id": "900-0001"},
        {"alternative_mpns": ["NO", "ACME-BRK-01"]},
        {"mpn": "UNHEARD-OF", "custom_id": "no", "alternative_mpns": ["", "acme-brk-01"]},
    ],
)
def test_a_part_is_recognised_by_number_custom_id_or_alternative(api, bom, raw):
    assert parsed_line(api, bom, raw)["part"]["mpn"] == "ACME-BRK-01"


def test_a_number_counts_more_than_a_custom_id_and_that_more_than_an_alternative(api):
    resolutions = parse(
        api,
        {"mpn": "STM32F407VGT6", "custom_id": "900-0001"},
        {"custom_id": "900-0001", "alternative_mpns": ["STM32F407VGT6"]},
        {"alternative_mpns": ["STM32F407VGT6"]},
    )["resolutions"]
    assert [each["matched_by"] for each in resolutions] == ["mpn", "custom_id", "alternative_mpns"]


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"mpn": None},
        {"mpn": "STM32F407VGT6", "manufacturer_name": "Murata", "is_custom_part": True},
        {"mpn": "---"},
        {"manufacturer_name": "Murata"},
        {"custom_id": "9000001"},
        {"mpn": "UNHEARD-OF"},
    ],
)
def test_what_nothing_fits_stays_unmatched(api, bom, raw):
    line = parsed_line(api, bom, raw)
    assert (line["part_id"], line["part"], line["status"]) == (None, None, "no_match")


def test_the_organisations_own_part_comes_before_the_catalogue(api, bom):
    listed = parsed_line(api, bom, {"mpn": "OWN-7", "manufacturer_name": "Murata"})["part_id"]
    job = api.post("/v1/parts/async_create/", {"parts": [{"mpn": "own-7", "manufacturer_name": "Murata"}]})
    own = parsed_line(api, bom, {"mpn": "OWN7", "manufacturer_name": "Murata"})["part_id"]
    assert own == job["result"]["created"][0] != listed


def test_of_two_organisations_parts_the_own_one_is_nearer(tmp_path):
    api = world(
        tmp_path,
        parts="{a: {mpn: X-1, manufacturer_name: M, org_id: acme},"
        " b: {mpn: X-1, manufacturer_name: M, org_id: lab, id: BBBBBBBBBBBB}}",
    )
    lab = next(org["id"] for org in api.sandbox.store["org"] if org["slug"] == "lab")
    line = {"name": "x", "raw_lines": [{"mpn": "x1", "manufacturer_name": "m"}]}
    assert api.post(f"/v1/parse_raw_bom/?org_id={lab}", line)["lines"][0]["part_id"] == "BBBBBBBBBBBB"
    assert api.post("/v1/parse_raw_bom/", line)["lines"][0]["part_id"] != "BBBBBBBBBBBB"


def test_a_catalogue_may_know_its_parts_only(tmp_path):
    api = world(tmp_path, "{known_parts_only: true}", "{lm358: {mpn: LM358DR, manufacturer_name: Texas Instruments}}")
    parts = len(api.sandbox.store["part"])
    bom = parse(api, {"mpn": "lm358dr", "manufacturer_name": "TI"}, {"mpn": "NE555DR", "manufacturer_name": "TI"})
    assert [each["matched_by"] for each in bom["resolutions"]] == ["mpn", None]
    assert len(api.sandbox.store["part"]) == parts


def test_numbers_that_never_match_are_never_made_up(tmp_path):
    api = world(tmp_path, '{never_match: ["^test-", XYZ]}')
    bom = parse(api, *({"mpn": mpn, "manufacturer_name": "TI"} for mpn in ("TEST-1", "axyzb", "NE555DR", "A-TEST-1")))
    assert [each["matched_by"] for each in bom["resolutions"]] == [None, None, "mpn", "mpn"]


@pytest.mark.parametrize(
    ("more", "merges"),
    [
        ({"reference_designators_string": "C2 C1"}, True),
        ({"reference_designators": ["C1", "C2"], "quantity": 9}, True),
        ({"reference_designators": ["C1"]}, False),
        ({}, False),
        ({"reference_designators": ["C1", "C2"], "do_not_place": True}, False),
    ],
)
def test_raw_lines_become_one_when_part_and_designators_match(api, bom, more, merges):
    raw = {"mpn": "LM358DR", "manufacturer_name": "TI"}
    first = parsed_line(api, bom, raw | {"reference_designators_string": "C1, C2"})
    second = parsed_line(api, bom, raw | more, expect=200 if merges else 201)
    assert (second["id"] == first["id"]) is merges
    if merges:
        assert second["quantity"] == 2 + more.get("quantity", 2)
        assert second["reference_designators"] == ["C1", "C2"]


def test_raw_lines_of_no_part_stay_apart(api, bom):
    raw = {"mpn": "UNHEARD-OF", "reference_designators": ["U1"]}
    assert parsed_line(api, bom, raw)["id"] != parsed_line(api, bom, raw)["id"]


def test_every_documented_field_of_a_raw_line_is_kept(api, bom):
    raw = {
        "quantity": 4,
        "custom_id": "c",
        "line_number": "10",
        "description": "d",
        "link": "l",
        "comments": "c",
        "value": "100nF",
        "package": "0402",
        "mount_type": "SMT",
        "do_not_place": True,
        "is_custom_part": True,
        "metadata": {"row": 3},
        "mpn": "m",
        "manufacturer_name": "n",
        "alternative_mpns": ["", "x" * 1000],
    }
    line = parsed_line(api, bom, raw)
    assert {name: line[name] for name in raw} == raw


# -- upsert --------------------------------------------------------------------------------------------------

SOURCE = {"name": "From PLM", "integration_source_name": "altium365", "integration_record_id": "PRJ-7"}


def upsert(api, expect=202, query="", **values):
    return api.put(f"/v1/boms/async_upsert/{query}", {**SOURCE, **values}, expect=expect)


def test_an_upsert_creates_then_replaces(api):
    first = upsert(
        api,
        version="A",
        raw_lines=[{"mpn": "LM358DR", "manufacturer_name": "TI", "quantity": 2}, {"mpn": "NO"}],
    )
    assert first["status"] == "complete"
    resolutions = first["result"].pop("resolutions")
    assert [(each["index"], each["matched_by"], each["merged"]) for each in resolutions] == [
        (0, "mpn", False),
        (1, None, False),
    ]
    assert first["result"] == {"bom_id": first["result"]["bom_id"], "created": True, "unmatched_lines": [1]}
    again = upsert(api, name="Renamed", raw_lines=[{"mpn": "NE555DR", "manufacturer_name": "TI"}])
    assert len(again["result"].pop("resolutions")) == 1
    assert again["result"] == {"bom_id": first["result"]["bom_id"], "created": False, "unmatched_lines": []}
    bom = api.get(f"/v1/boms/{first['result']['bom_id']}/")
    assert (bom["name"], bom["version"], bom["line_count"]) == ("Renamed", None, 1)
    assert [line["mpn"] for line in lines_of(api, bom)] == ["NE555DR"]


def test_an_upsert_matches_both_names_within_its_organisation(api):
    lab = api.sandbox.store["org"].where("parent_org_id", next(iter(api.sandbox.store["org"]))["id"])[0]["id"]
    made = [
        upsert(api)["result"]["bom_id"],
        upsert(api, integration_source_name="other")["result"]["bom_id"],
        upsert(api, integration_record_id="PRJ-8")["result"]["bom_id"],
        upsert(api, query=f"?org_id={lab}")["result"]["bom_id"],
    ]
    assert len(set(made)) == 4
    assert upsert(api)["result"]["bom_id"] == made[0]


@pytest.mark.parametrize("name", ["integration_source_name", "integration_record_id", "name"])
def test_an_upsert_needs_its_names(api, name):
    body = {key: value for key, value in SOURCE.items() if key != name}
    assert api.put("/v1/boms/async_upsert/", body, expect=400) == {name: ["This field is required."]}


def test_an_upsert_may_approve_and_never_takes_approval_back(api):
    bom_id = upsert(api, approved=True)["result"]["bom_id"]
    upsert(api, approved=False)
    assert api.get(f"/v1/boms/{bom_id}/")["approved"] is True


def test_a_list_of_designators_is_read_as_a_text_is(api, bom, part_ids):
    path = f"/v1/boms/{bom['id']}/lines/"
    for number, (given, names) in enumerate(
        [
            (["C1-C4", "R1, R2"], ["C1", "C2", "C3", "C4", "R1", "R2"]),
            ([" C1", "C1 ", "C2"], ["C1", "C2"]),
            (["Front panel"], ["Front panel"]),
        ]
    ):
        line = api.post(path, {"part_id": part_ids[number], "reference_designators": given})
        assert (line["reference_designators"], line["quantity"]) == (names, len(names))


@pytest.mark.parametrize(
    ("raw", "note"),
    [
        ({"reference_designators_string": "C1, C3-C5 C9"}, None),
        ({"reference_designators": ["C1", "C2"]}, None),
        ({}, None),
        (
            {"reference_designators_string": "R1 to R4"},
            'The designators "R1 to R4" were read as 4: R1, R2, R3, R4.',
        ),
        ({"reference_designators_string": "C3-C1"}, 'The designators "C3-C1" were read as 3: C1, C2, C3.'),
        ({"reference_designators": ["C1-C2"]}, 'The designators "C1-C2" were read as 2: C1, C2.'),
        ({"reference_designators": ["C1", "C1 "]}, 'The designators "C1", "C1" were read as 1: C1.'),
    ],
)
def test_what_was_read_otherwise_than_written_is_said(api, raw, note):
    assert parse(api, {"mpn": "X", **raw})["resolutions"][0]["notes"] == ([note] if note else [])
    assert upsert(api, raw_lines=[raw])["result"]["resolutions"][0]["notes"] == ([note] if note else [])


# -- bounds ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "field", "count"),
    [
        ({"reference_designators_string": "C1-C9999, D1-D2"}, "reference_designators_string", 10_001),
        ({"reference_designators": ["C1-C9999", "D1-D2"]}, "reference_designators", 10_001),
        ({"reference_designators": ["C1-C9999"] * 1000}, "reference_designators", 9_999_000),
    ],
)
def test_a_line_has_a_bounded_number_of_designators(api, bom, part_ids, line, field, count):
    told = {field: [f"Ensure this field has no more than 10000 designators, not {count}."]}
    assert api.post(f"/v1/boms/{bom['id']}/lines/", {"part_id": part_ids[0], **line}, expect=400) == told
    assert api.post(f"/v1/boms/{bom['id']}/parse_raw_bom_line/", line, expect=400) == told


def test_a_request_has_a_bounded_number_of_designators(api, part_ids):
    line = {"reference_designators_string": "C1-C9999"}
    told = "Ensure these lines have no more than 100000 designators in all, not 109989."
    assert api.post("/v1/parse_raw_bom/", {"name": "x", "raw_lines": [line] * 11}, expect=400) == {"raw_lines": [told]}
    lines = [{"part_id": part_id, **line} for part_id in part_ids[:11]]
    assert api.post("/v1/boms/", {"name": "x", "lines": lines}, expect=400) == {"lines": [told]}


def test_a_line_does_not_grow_beyond_its_bound(api, bom, part_ids):
    path = f"/v1/boms/{bom['id']}/lines/"
    line = {"part_id": part_ids[0], "reference_designators_string": "C1-C9999"}
    api.post(path, line)
    more = {"part_id": part_ids[0], "reference_designators_string": "D1-D2"}
    told = {"reference_designators": ["Ensure this field has no more than 10000 designators, not 10001."]}
    assert api.post(path, more, expect=400) == told


def test_a_request_has_a_bounded_number_of_lines(api):
    told = ["Ensure this field has no more than 10000 elements."]
    lines = [{"mpn": None}] * 10_001
    assert api.post("/v1/parse_raw_bom/", {"name": "x", "raw_lines": lines}, expect=400) == {"raw_lines": told}
    assert api.post("/v1/boms/", {"name": "x", "lines": [{}] * 10_001}, expect=400) == {"lines": told}
    assert upsert(api, expect=400, raw_lines=lines) == {"raw_lines": told}


# -- what follows from what ------------------------------------------------------------------------------------


def test_a_line_of_another_part_has_its_number_and_maker(api, bom):
    cap, mcu = part_called(api, "GRM155R61A104KA01D"), part_called(api, "STM32F407VGT6")
    line = api.post(f"/v1/boms/{bom['id']}/lines/", {"part_id": cap["id"]})
    path = f"/v1/boms/{bom['id']}/lines/{line['id']}/"
    for change in ({"part_id": mcu["id"]}, {**line, "part_id": mcu["id"]}):
        api.patch(path, {"part_id": cap["id"]})
        changed = api.patch(path, change)
        assert (changed["mpn"], changed["manufacturer_name"]) == (mcu["mpn"], mcu["manufacturer_name"])
    said = api.patch(path, {"part_id": cap["id"], "mpn": "MINE"})
    assert (said["mpn"], said["manufacturer_name"]) == ("MINE", cap["manufacturer_name"])
    unmatched = api.patch(path, {"part_id": None})
    assert (unmatched["mpn"], unmatched["part"]) == ("MINE", None)


@pytest.mark.parametrize(
    ("before", "change", "quantity"),
    [
        ({"reference_designators_string": "C1-C4"}, {"reference_designators_string": "C1-C6"}, 6),
        ({"reference_designators_string": "C1-C4"}, {"reference_designators": ["C1"]}, 1),
        ({"reference_designators_string": "C1-C4", "quantity": 8}, {"reference_designators": ["C1"]}, 8),
        ({"reference_designators_string": "C1-C4"}, {"reference_designators": ["C1"], "quantity": 9}, 9),
        ({"reference_designators_string": "C1-C4"}, {"reference_designators": []}, 4),
        ({"reference_designators_string": "C1-C4"}, {"comments": "x"}, 4),
    ],
)
def test_a_quantity_that_was_the_number_of_designators_remains_so(api, bom, part_ids, before, change, quantity):
    line = api.post(f"/v1/boms/{bom['id']}/lines/", {"part_id": part_ids[0], **before})
    assert api.patch(f"/v1/boms/{bom['id']}/lines/{line['id']}/", change)["quantity"] == quantity


# -- merging, on every way in ----------------------------------------------------------------------------------

NE555 = {"mpn": "NE555DR", "manufacturer_name": "Texas Instruments"}


def with_a_bom_of_lines(api, part_id, lines):
    bom = api.post("/v1/boms/", {"name": "x", "lines": [{"part_id": part_id, **line} for line in lines]})
    return lines_of(api, bom)


def with_lines_one_by_one(api, part_id, lines):
    bom = api.post("/v1/boms/", {"name": "x"})
    for line in lines:
        api.post(f"/v1/boms/{bom['id']}/lines/", {"part_id": part_id, **line})
    return lines_of(api, bom)


def with_a_raw_bom(api, part_id, lines):
    return parse(api, *({**NE555, **line} for line in lines))["lines"]


def with_raw_lines_one_by_one(api, part_id, lines):
    bom = api.post("/v1/boms/", {"name": "x"})
    for line in lines:
        api.call("POST", f"/v1/boms/{bom['id']}/parse_raw_bom_line/", json={**NE555, **line})
    return lines_of(api, bom)


def with_an_upsert(api, part_id, lines):
    job = upsert(api, raw_lines=[{**NE555, **line} for line in lines])
    return lines_of(api, {"id": job["result"]["bom_id"]})


COFACTR = [with_a_bom_of_lines, with_lines_one_by_one]
RAW = [with_a_raw_bom, with_raw_lines_one_by_one, with_an_upsert]


@pytest.fixture
def timer(api):
    return parse(api, NE555)["lines"][0]["part_id"]


@pytest.mark.parametrize("add", COFACTR + RAW)
@pytest.mark.parametrize("first", [True, False])
def test_what_is_not_placed_is_not_merged_with_what_is(api, timer, add, first):
    """A program of ten builds needs the placed pieces, neither more nor none."""
    lines = [
        {"quantity": 4, "do_not_place": False},
        {"quantity": 1, "do_not_place": True},
    ]
    made = add(api, timer, lines if first else lines[::-1])
    assert sorted((line["quantity"], line["do_not_place"]) for line in made) == [(1, True), (4, False)]
    program = api.post("/v1/programs/", {"name": "x"})
    path = f"/v1/programs/{program['id']}/"
    api.post(f"{path}lines/", [{"bom_id": made[0]["bom_id"], "quantity": 10}])
    assert [part["required"] for part in api.get(f"{path}availabilities/")["parts"]] == [40]


@pytest.mark.parametrize("add", COFACTR)
def test_what_is_ignored_is_not_merged_with_what_is_not(api, timer, add):
    made = add(api, timer, [{"quantity": 4}, {"quantity": 1, "ignore": True}, {"quantity": 2}])
    assert [(line["quantity"], line["ignore"]) for line in made] == [(6, False), (1, True)]


@pytest.mark.parametrize("add", RAW[1:2])
def test_a_raw_line_is_not_merged_with_an_ignored_one(api, timer, add):
    bom = api.post("/v1/boms/", {"name": "x", "lines": [{"part_id": timer, "quantity": 1, "ignore": True}]})
    added = api.post(f"/v1/boms/{bom['id']}/parse_raw_bom_line/", {**NE555, "quantity": 4}, expect=201)
    assert [(line["quantity"], line["ignore"]) for line in lines_of(api, bom)] == [(1, True), (4, False)]
    assert added["quantity"] == 4


@pytest.mark.parametrize("add", COFACTR + RAW)
def test_what_merged_lines_say_differently_is_kept(api, timer, add):
    lines = [
        {"quantity": 4, "line_number": "1", "comments": "close to U1", "metadata": {"row": 1, "a": 1}},
        {"quantity": 2, "line_number": "7", "comments": "far from U1", "value": "555", "metadata": {"row": 7, "b": 2}},
        {"quantity": 1, "line_number": "1"},
    ]
    [line] = add(api, timer, lines)
    assert {name: line[name] for name in ("quantity", "line_number", "comments", "value", "metadata")} == {
        "quantity": 7,
        "line_number": "1",
        "comments": "close to U1",
        "value": "555",
        "metadata": {"row": 1, "a": 1, "b": 2},
    }
    assert line["merged_lines"] == [{"line_number": "7", "comments": "far from U1", "metadata": {"row": 7}}]


def test_the_resolution_says_what_a_merged_line_said_differently(api, timer):
    bom = parse(api, {**NE555, "comments": "one"}, {**NE555, "comments": "two"}, NE555)
    assert [each["differences"] for each in bom["resolutions"]] == [None, {"comments": "two"}, None]
    assert [each["merged"] for each in bom["resolutions"]] == [False, True, True]


@pytest.mark.parametrize("add", COFACTR + RAW)
@pytest.mark.parametrize(("names", "merges"), [([], False), (["X1"], True)])
def test_custom_parts_without_designators_are_not_merged(api, add, names, merges):
    part = part_called(api, "ACME-BRK-01")
    line = {"quantity": 1, "mpn": part["mpn"], "manufacturer_name": None, "reference_designators": names}
    made = add(api, part["id"], [line, line])
    assert {made_line["part_id"] for made_line in made} == {part["id"]}
    assert [made_line["quantity"] for made_line in made] == ([2] if merges else [1, 1])
