import pytest

from mockserver.admin.jobs import Jobs
from mockserver.resources.async_jobs import MANUAL


def create(api, *parts, **kwargs):
    return api.post("/v1/parts/async_create/", {"parts": list(parts)}, **{"expect": 202, **kwargs})


def upsert(api, *parts, **kwargs):
    path = next(operation for operation in api.app.operations if operation.id == "upsert_parts_async")
    return api.call(path.method, path.path, json={"parts": list(parts)}, **{"expect": 202, **kwargs}).json


def get(api, part_id, **kwargs):
    return api.get(f"/v1/parts/{part_id}/", **kwargs)


@pytest.fixture
def own(api):
    """A part of the organisation's own."""
    return get(
        api,
        create(api, {"mpn": "OWN-1", "manufacturer_name": "Maker", "custom_id": "900-1"})["result"]["created"][0],
    )


def first(api, **wanted):
    return next(
        part for part in api.sandbox.store["part"] if all(part[name] == value for name, value in wanted.items())
    )


# -- reading -------------------------------------------------------------------------------------------------


def test_a_catalogue_part_belongs_to_nobody_and_is_everybodys(api):
    part = get(api, first(api, mpn="GRM155R61A104KA01D")["id"])
    assert part["org_id"] is None
    assert part["inventory_level"] == sum(offer["inventory_level"] for offer in part["offers"])
    assert part["buyable"] + part["quotable"] + part["maybe"] == part["inventory_level"]
    assert part["specs"]


def test_price_breaks_rise_in_quantity_and_fall_in_price(api):
    for part in api.sandbox.store["part"]:
        for prices in (part["reference_prices"], *(offer["prices"] for offer in part["offers"])):
            assert [price["quantity"] for price in prices] == sorted({price["quantity"] for price in prices})
            amounts = [float(price["price"]) for price in prices]
            assert amounts == sorted(amounts, reverse=True)


@pytest.mark.parametrize("part_id", ["AAAAAAAAAAAA", "000000000000"])
def test_a_part_that_is_not_there_is_404(api, part_id):
    assert "Not found." in get(api, part_id, expect=404)["detail"]


@pytest.mark.parametrize("retired", ["RETIRED00001", "000000000001"])
def test_a_retired_id_answers_with_its_successor(api, own, retired):
    api.sandbox.store.replace("part", {**api.sandbox.store["part"].get(own["id"]), "deprecated_ids": [retired]})
    assert get(api, retired)["id"] == own["id"]
    bom = api.post("/v1/boms/", {"name": "x", "lines": [{"part_id": retired}]})
    assert api.get(f"/v1/boms/{bom['id']}/lines/")["results"][0]["part_id"] == own["id"]


# -- creating ------------------------------------------------------------------------------------------------


def test_parts_are_created_by_a_job(api):
    job = create(api, {"mpn": "A-1"}, {"mpn": "A-2", "manufacturer_name": "Maker"})
    assert (job["type"], job["status"], job["progress"]) == (
        "create_parts_async",
        "complete",
        {"done": 2, "total": 2},
    )
    assert (len(job["result"]["created"]), job["result"]["updated"], job["result"]["errors"]) == (2, [], [])
    assert [get(api, part_id)["mpn"] for part_id in job["result"]["created"]] == ["A-1", "A-2"]
    assert api.get(f"/v1/async_jobs/{job['id']}/") == job


def test_a_part_keeps_what_was_said_of_it(api):
    said = {
        "mpn": "K-1",
        "alt_mpns": ["K-2"],
        "manufacturer_name": "Maker",
        "custom_id": "7",
        "description": "d",
        "classification": "c",
        "package": "0402",
        "msl": "1",
        "terminations": 2,
        "termination_type": "SMT",
        "lifecycle_status": "Production",
        "rohs_status": "RoHS Compliant",
        "reach_status": "REACH Unaffected",
        "aecq_status": "AEC-Q200",
        "specs": [{"id": "r", "label": "R", "value": "1 kΩ"}],
        "documents": [{"label": "Datasheet", "url": "https://example.com/a.pdf", "filename": "a.pdf"}],
        "metadata": {"a": [1]},
    }
    part = get(api, create(api, said)["result"]["created"][0])
    assert {name: part[name] for name in said} == said
    assert part["org_id"] == next(iter(api.sandbox.store["org"]))["id"]


def test_a_bought_part_takes_over_the_catalogues_offers_and_a_custom_part_has_none(api):
    bought, custom = (
        get(api, part_id)
        for part_id in create(
            api,
            {"mpn": "LM358DR", "manufacturer_name": "TI"},
            {"mpn": "NE555DR", "manufacturer_name": "TI", "is_custom_part": True},
        )["result"]["created"]
    )
    bom = api.post("/v1/parse_raw_bom/", {"name": "x", "raw_lines": [{"mpn": "LM358DR", "manufacturer_name": "TI"}]})
    assert bought["offers"]
    assert bom["lines"][0]["part_id"] == bought["id"]
    assert (custom["offers"], custom["reference_prices"], custom["inventory_level"]) == ([], [], 0)


@pytest.mark.parametrize(
    ("again", "taken"),
    [
        ({"mpn": "own 1", "manufacturer_name": "MAKER, Inc."}, True),
        ({"mpn": "OWN-1", "manufacturer_name": "Other"}, False),
        ({"mpn": "OWN-1"}, False),
        ({"mpn": "OWN-2", "manufacturer_name": "Maker"}, False),
    ],
)
def test_a_part_is_its_number_and_maker(api, own, again, taken):
    result = create(api, again)["result"]
    assert result["errors"] == (
        [{"index": 0, "errors": {"mpn": ["A part with this number and manufacturer already exists."]}}] if taken else []
    )
    assert len(result["created"]) == (0 if taken else 1)


def test_errors_are_told_by_index_and_the_rest_is_done(api, own):
    result = create(
        api, {"mpn": "B-1"}, {"mpn": "OWN-1", "manufacturer_name": "Maker"}, {"mpn": "B-1"}, {"mpn": "B-2"}
    )["result"]
    assert [get(api, part_id)["mpn"] for part_id in result["created"]] == ["B-1", "B-2"]
    assert [error["index"] for error in result["errors"]] == [1, 2]


def test_each_organisation_has_parts_of_its_own(api, own):
    lab = api.sandbox.store["org"].where("parent_org_id", own["org_id"])[0]["id"]
    path, body = (
        f"/v1/parts/async_create/?org_id={lab}",
        {"parts": [{"mpn": "OWN-1", "manufacturer_name": "Maker"}]},
    )
    created = api.post(path, body)["result"]["created"]
    assert get(api, created[0])["org_id"] == lab
    assert api.post(path, body)["result"]["errors"][0]["index"] == 0


@pytest.mark.parametrize("post", [create, upsert])
def test_up_to_500_parts_are_taken_at_a_time(api, post):
    assert post(api, expect=400) == {"parts": ["Ensure this field has at least 1 elements."]}
    assert post(api, *[{"mpn": "X"}] * 501, expect=400) == {
        "parts": ["Ensure this field has no more than 500 elements."]
    }
    assert len(post(api, *({"mpn": f"X-{number}"} for number in range(500)))["result"]["created"]) == 500


def test_a_malformed_part_refuses_the_request(api):
    assert create(api, {"mpn": "X"}, {"mpn": 5}, expect=400) == {"parts": [{}, {"mpn": ["Not a valid string."]}]}
    assert create(api, {"mpn": "X", "lifecycle_status": "Fresh"}, expect=400) == {
        "parts": [
            {"lifecycle_status": ['"Fresh" is not a valid choice. There are New, NRFND, Production, EOL, Obsolete.']}
        ]
    }


# -- upsert --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        lambda own: {"id": own["id"], "mpn": "NEW", "manufacturer_name": "New"},
        lambda own: {"custom_id": "900-1", "mpn": "NEW"},
        lambda own: {"mpn": "own1", "manufacturer_name": "maker"},
    ],
)
def test_an_upsert_matches_id_custom_id_or_number_and_maker(api, own, said):
    api.sandbox.clock.advance(seconds=1)
    job = upsert(api, {**said(own), "description": "Updated"})
    assert job["result"] == {"created": [], "updated": [own["id"]], "errors": []}
    part = get(api, own["id"])
    assert part["description"] == "Updated"
    assert part["updated_at"] > own["updated_at"] == own["created_at"]


def test_an_id_counts_more_than_a_custom_id_and_that_more_than_a_number(api, own):
    other = create(api, {"mpn": "OTHER", "custom_id": "900-2"})["result"]["created"][0]
    assert upsert(api, {"id": other, "mpn": "OTHER-2", "custom_id": "900-3"})["result"]["updated"] == [other]
    assert upsert(api, {"custom_id": "900-3", "mpn": "OTHER-3"})["result"]["updated"] == [other]
    assert upsert(api, {"mpn": "OTHER-3", "custom_id": "900-4"})["result"]["updated"] == [other]


TAKEN = "already exists."


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"custom_id": "900-1"}, "custom_id"),
        ({"mpn": "OWN-1", "manufacturer_name": "Maker"}, "mpn"),
        ({"mpn": "own 1", "manufacturer_name": "MAKER"}, "mpn"),
    ],
)
def test_no_two_parts_of_an_organisation_are_the_same(api, own, said, field):
    """What would make them so is an error of the item, however the item finds its part; nothing is changed."""
    other = create(api, {"mpn": "OTHER", "custom_id": "900-2"})["result"]["created"][0]
    before = get(api, other)
    found_by = [{"id": other}] + ([] if "custom_id" in said else [{"custom_id": "900-2"}])
    for key in found_by:
        result = upsert(api, {**key, **said}, {"mpn": "FINE"})["result"]
        assert [(error["index"], list(error["errors"])) for error in result["errors"]] == [(0, [field])]
        assert result["errors"][0]["errors"][field][0].endswith(TAKEN)
        assert len(result["created"] + result["updated"]) == 1
    assert get(api, other) == before
    fresh = create(api, {"mpn": "FRESH", **said})["result"]
    assert [list(error["errors"]) for error in fresh["errors"]] == [[field]]
    twice = create(api, {"mpn": "TWICE-1", "custom_id": "900-9"}, {"mpn": "TWICE-2", "custom_id": "900-9"})["result"]
    assert (len(twice["created"]), [error["index"] for error in twice["errors"]]) == (1, [1])


def test_an_upsert_keeps_what_it_does_not_name_and_null_clears(api, own):
    said = {"description": "d", "alt_mpns": ["A"], "metadata": {"a": 1}, "package": "0402", "msl": "1"}
    upsert(api, {"id": own["id"], **said})
    before = get(api, own["id"])
    assert upsert(api, {"id": own["id"], "msl": None})["result"]["updated"] == [own["id"]]
    assert get(api, own["id"]) == {**before, "msl": None}
    upsert(api, {"mpn": "OWN-1", "manufacturer_name": "Maker", "package": "0603"})
    assert get(api, own["id"]) == {**before, "msl": None, "package": "0603"}


def test_a_new_part_needs_its_number(api):
    result = upsert(api, {"custom_id": "900-7", "description": "d"})["result"]
    assert result["errors"] == [{"index": 0, "errors": {"mpn": ["This field is required."]}}]


SUPPLY = ("inventory_level", "buyable", "quotable", "maybe", "reference_prices", "offers")


def test_what_can_be_bought_follows_what_part_it_is(api):
    """A part that becomes another number has the offers that one is created with; a custom one has none."""
    two = {"mpn": "LM358DR", "manufacturer_name": "TI"}, {"mpn": "NE555DR", "manufacturer_name": "TI"}
    ids = [create(api, values)["result"]["created"][0] for values in two]
    new = get(api, ids[1])
    upsert(api, {"id": ids[1], "mpn": "OUT-OF-THE-WAY"})
    upsert(api, {"id": ids[0], **two[1]})
    changed = get(api, ids[0])
    assert changed["offers"]
    assert {name: changed[name] for name in SUPPLY} == {name: new[name] for name in SUPPLY}
    assert get(api, ids[1])["offers"] != new["offers"]
    upsert(api, {"id": ids[0], "is_custom_part": True})
    custom = get(api, ids[0])
    assert {name: bool(custom[name]) for name in SUPPLY} == dict.fromkeys(SUPPLY, False)
    upsert(api, {"id": ids[0], "is_custom_part": False})
    assert get(api, ids[0])["offers"] == new["offers"]
    upsert(api, {"id": ids[0], "description": "the same part"})
    assert get(api, ids[0])["offers"] == new["offers"]


def test_what_matches_nothing_is_created(api, own):
    result = upsert(api, {"mpn": "OWN-1", "manufacturer_name": "Other"}, {"id": None, "mpn": "FRESH"})["result"]
    assert (len(result["created"]), result["updated"]) == (2, [])


def test_an_id_of_nothing_of_ones_own_is_an_error(api, own):
    listed = first(api, org_id=None)["id"]
    result = upsert(
        api,
        {"id": "AAAAAAAAAAAA", "mpn": "N-1"},
        {"id": listed, "mpn": "N-2"},
        {"id": own["id"], "mpn": "OWN-1"},
    )["result"]
    assert [(error["index"], list(error["errors"])) for error in result["errors"]] == [
        (0, ["id"]),
        (1, ["id"]),
    ]
    assert result["updated"] == [own["id"]]


def test_a_retired_id_upserts_its_successor(api, own):
    api.sandbox.store.replace("part", {**api.sandbox.store["part"].get(own["id"]), "deprecated_ids": ["RETIRED00001"]})
    assert upsert(api, {"id": "RETIRED00001", "mpn": "OWN-1"})["result"]["updated"] == [own["id"]]


def test_another_organisations_part_is_not_updated(api, own):
    lab = api.sandbox.store["org"].where("parent_org_id", own["org_id"])[0]["id"]
    operation = next(operation for operation in api.app.operations if operation.id == "upsert_parts_async")
    body = {"parts": [{"mpn": "OWN-1", "manufacturer_name": "Maker", "custom_id": "900-1", "description": "Lab's"}]}
    made = [api.call(operation.method, f"{operation.path}?org_id={lab}", json=body).json["result"] for _ in range(2)]
    assert made[0]["created"] == made[1]["updated"]
    assert get(api, own["id"]) == own


def test_nothing_is_created_before_the_job_is_done(api):
    Jobs(api.sandbox).policy(MANUAL)
    parts = len(api.sandbox.store["part"])
    assert create(api, {"mpn": "LATER"})["result"] is None
    assert len(api.sandbox.store["part"]) == parts
