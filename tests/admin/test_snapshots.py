"""What changed between two moments, told and asserted."""

import pytest

import mockserver
from mockserver.admin.errors import Refused, Unknown
from mockserver.admin.faults import Faults
from mockserver.admin.snapshots import Snapshots, assert_changes


@pytest.fixture
def snapshots(api):
    return Snapshots(api.sandbox)


def test_records_created_changed_and_deleted_are_told_field_by_field(api, snapshots):
    kept = api.post("/v1/tags/", {"name": "Kept", "color": "#000000"})
    gone = api.post("/v1/tags/", {"name": "Gone"})
    before = api.sandbox.snapshot()
    made = api.post("/v1/tags/", {"name": "Made"})
    api.patch(f"/v1/tags/{kept['id']}/", {"color": "#ffffff"})
    api.delete(f"/__mock__/records/tag/{gone['id']}")

    difference = snapshots.difference(before)

    assert [change.record["name"] for change in difference.created["tag"]] == ["Made"]
    [changed] = difference.changed["tag"]
    assert (changed.id, changed.fields) == (kept["id"], {"color": ("#000000", "#ffffff")})
    assert [change.id for change in difference.deleted["tag"]] == [gone["id"]]
    assert f"tag {made['id']} (Made) was created" in str(difference)
    assert "    color: '#000000' → '#ffffff'" in str(difference)


def test_the_mocks_own_state_is_told_too(api, snapshots):
    before = api.sandbox.snapshot()
    api.post("/__mock__/faults", {"status": 503})
    api.post("/__mock__/clock/advance", {"days": 1})
    difference = snapshots.difference(before)
    assert difference.created.keys() == {"mock_fault"}
    [clock] = difference.changed["mock_clock"]
    assert clock.fields == {"now": ("2026-01-15T09:00:00Z", "2026-01-16T09:00:00Z")}


def test_nothing_changed_when_a_change_was_taken_back(api, snapshots):
    tag = api.post("/v1/tags/", {"name": "A", "color": "#000000"})
    before = api.sandbox.snapshot()
    api.patch(f"/v1/tags/{tag['id']}/", {"color": "#ffffff"})
    api.patch(f"/v1/tags/{tag['id']}/", {"color": "#000000"})
    assert list(snapshots.difference(before)) == []
    assert str(snapshots.difference(before)) == "Nothing changed."


def test_secrets_are_not_shown(api, snapshots):
    before = api.sandbox.snapshot()
    new = api.patch("/v1/api_key/", {"rotate": True})["key"]
    assert new not in str(snapshots.difference(before).document())


def test_two_snapshots_are_compared_over_http(api):
    api.post("/__mock__/snapshots", {"name": "one"})
    tag = api.post("/v1/tags/", {"name": "Made"})
    api.post("/__mock__/snapshots", {"name": "two"})
    api.post("/v1/tags/", {"name": "Later"})
    told = api.get("/__mock__/snapshots/one/diff?with=two")
    assert [record["id"] for record in told["created"]["tag"]] == [tag["id"]]
    assert len(api.get("/__mock__/snapshots/one/diff")["created"]["tag"]) == 2
    assert [one["id"] for one in api.get("/__mock__/snapshots/two/diff?with=one")["deleted"]["tag"]] == [tag["id"]]
    answer = api.get("/__mock__/snapshots/one/diff?with=three", expect=404)
    assert answer == {"detail": "There is no snapshot 'three'. There are one, two."}


def test_an_import_and_a_restore_can_be_compared(api, snapshots):
    before = api.sandbox.snapshot()
    document = api.get("/__mock__/export")
    api.post("/v1/tags/", {"name": "Made"})
    api.post("/__mock__/import", document)
    assert list(snapshots.difference(before)) == []


class TestAssertChanges:
    def changes(self, api, snapshots):
        before = api.sandbox.snapshot()
        api.post("/v1/tags/", {"name": "A", "color": "#000000"})
        api.post("/v1/tags/", {"name": "B"})
        api.sandbox.clock.advance(hours=1)
        return snapshots.difference(before)

    @pytest.mark.parametrize(
        "expected", [2, [{"name": "B"}, {"name": "A"}], [{}, {"name": "A", "color": "#000000"}]], ids=str
    )
    def test_what_is_expected_may_be_a_number_or_fields(self, api, snapshots, expected):
        assert_changes(self.changes(api, snapshots), created={"tag": expected})

    @pytest.mark.parametrize(
        ("expected", "says"),
        [
            ({}, "0 tag should have been created, 2 were."),
            ({"created": {"tag": 1}}, "1 tag should have been created, 2 were."),
            ({"created": {"tag": 2, "bom": 1}}, "1 bom should have been created, 0 were."),
            ({"created": {"tag": 2}, "deleted": {"tag": 1}}, "1 tag should have been deleted, 0 were."),
            ({"created": {"tag": [{"name": "A"}, {"name": "C"}]}}, "name is 'B', not 'C'"),
            ({"created": {"tag": 2, "mock_fault": 1}}, "1 mock_fault should have been created, 0 were."),
        ],
    )
    def test_what_differs_is_explained(self, api, snapshots, expected, says):
        with pytest.raises(AssertionError) as error:
            assert_changes(self.changes(api, snapshots), **expected)
        assert says in str(error.value)
        assert "(A) was created\n" in str(error.value).partition("What changed:\n")[2]

    def test_a_kind_there_is_not_is_no_expectation(self, api, snapshots):
        with pytest.raises(Unknown, match="There is no kind of record called 'tags'"):
            assert_changes(self.changes(api, snapshots), created={"tags": 2})


def test_a_test_asserts_what_it_changed(api):
    with mockserver.Mock() as mock:
        before = mock.snapshot()
        mock.given("tag", name="A")
        mock.faults.add(status=503)
        mock.assert_changes(before, created={"tag": {"name": "A"}})
        assert mock.diff(before).created.keys() == {"tag", "mock_fault"}
        with pytest.raises(Refused, match=r"A snapshot that mock\.snapshot"):
            mock.diff({})
        with pytest.raises(Refused, match=r"A snapshot that mock\.snapshot"):
            mock.restore({})


def test_a_fault_brought_back_counts_on_where_it_was(api):
    faults = Faults(api.sandbox, api.app.operations)
    faults.add("list_tags", rate_limit={"requests": 2, "seconds": 60})
    api.get("/v1/tags/")
    moment = api.sandbox.snapshot()
    api.get("/v1/tags/")
    api.get("/v1/tags/", expect=429)
    api.sandbox.restore(moment)
    api.get("/v1/tags/")
    api.get("/v1/tags/", expect=429)
