"""The sync itself, against worlds of several kinds."""
import pytest

from bom_sync.client import Cofactr
from bom_sync.sync import Mirror, sync


# [first test]
def test_assemblies_become_boms(mock, client, export):
    report = sync(client, export)

    assert [one.created for one in report] == [True, True]
    assert mock.records("bom", part_number="PCA-7001")[0]["name"] == "Valve Driver"
    mock.assert_called("upsert_bom_async", times=2)
    mock.assert_called("upsert_bom_async", times=1, body={"name": "Level Sensor", "raw_lines": [{"mpn": "RC0402FR-0710KL"}, {}]})
    mock.assert_not_called("delete_bom")
# [/first test]


def test_a_second_sync_changes_what_is_there(mock, client, export):
    first = sync(client, export)
    export[0]["title"] = "Valve Driver Pro"
    second = sync(client, export)

    assert [one.bom_id for one in second] == [one.bom_id for one in first]
    assert not any(one.created for one in second)
    assert mock.records.get("bom", first[0].bom_id)["name"] == "Valve Driver Pro"
    assert [line["quantity"] for line in client.lines(first[0].bom_id)] == [4, 1]


# [outbox]
@pytest.mark.cofactr(fixtures="plant.yaml")
def test_someone_is_told_of_unknown_parts(mock, client, export):
    sync(client, export, tell="ada@acme.example.com")

    email = mock.outbox[-1]
    assert email["to_emails"] == "ada@acme.example.com"
    assert email["body"] == "PCA-7002: UNKNOWN-4711"
# [/outbox]


# [webhooks]
def test_webhooks_keep_a_mirror(mock, client, export):
    mirror = Mirror()
    with mirror.listen() as address:
        mock.webhooks.subscribe(address, triggers=["BOM"])
        [valve, _] = sync(client, export)

    assert mirror.boms[valve.bom_id] == client.call("GET", f"/v1/boms/{valve.bom_id}/")
    assert [delivery.status for delivery in mock.webhooks.deliveries.values()] == ["delivered", "delivered"]
# [/webhooks]


def test_a_webhook_that_found_nobody_comes_again(mock, client, export):
    mirror = Mirror()
    with mirror.listen() as address:
        pass                                                      # and hangs up
    mock.webhooks.subscribe(address, triggers=["BOM"], backoff=60)
    [valve] = sync(client, export[:1])
    [delivery] = mock.webhooks.deliveries.values()
    assert delivery.status == "pending"

    mirror.receive(delivery.event)
    assert mirror.boms[valve.bom_id]["name"] == "Valve Driver"


# [snapshot]
def test_a_moment_can_be_brought_back(mock, client, export):
    before = mock.snapshot()
    sync(client, export)
    mock.restore(before)
    assert all(one.created for one in sync(client, export))

    mock.reset()
    assert len(client.boms()) == 3
# [/snapshot]


# [worlds]
@pytest.mark.cofactr(fixtures="plant.yaml")
def test_a_world_of_ones_own(client):
    assert [bom["name"] for bom in client.boms()] == ["Pump Driver"]


def test_two_customers_at_once(cofactr_mock_factory, export):
    acme, plant = cofactr_mock_factory(name="acme"), cofactr_mock_factory(name="plant", fixtures="empty")
    assert acme.url == plant.url

    sync(Cofactr(acme.api_key, acme.url), export)

    assert len(acme.records("bom", name="Valve Driver")) == 1
    assert plant.records("bom") == []
    plant.assert_not_called("upsert_bom_async")
# [/worlds]


# [journal]
def test_the_journal_tells_what_happened(mock, client, export):
    sync(client, export[:1])

    [upsert] = mock.journal.find(operation="upsert_bom_async")
    assert upsert.json["version"] == "A"
    assert upsert.status == 202
    assert {change["kind"] for change in upsert.changes} >= {"async_job", "bom", "bom_line"}
# [/journal]
