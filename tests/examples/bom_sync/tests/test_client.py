"""The client against trouble: pages, slow jobs, errors, lost connections, limits, time."""
import pytest
import requests

from bom_sync.client import Cofactr, JobFailed

BOM = {"integration_source_name": "acme-plm", "integration_record_id": "PCA-1", "name": "Valve Driver"}


# [records]
def test_all_pages_are_read(mock, client):
    for number in range(150):
        mock.given("bom", name=f"Board {number}")

    names = [bom["name"] for bom in client.boms(name="Board")]

    assert names == [f"Board {number}" for number in range(150)]
    mock.assert_called("list_boms", times=1, query={"offset": 100})
# [/records]


# [jobs]
@pytest.mark.cofactr(jobs={"mode": "reads", "reads": 3})
def test_a_job_is_polled_until_it_is_done(mock, client):
    job_id = client.upsert_bom(BOM)

    assert client.wait_for(job_id)["created"]
    mock.assert_called("get_async_job", times=3, async_job_id=job_id)


@pytest.mark.cofactr(jobs="manual")
def test_why_a_job_failed_is_told(mock, client):
    job_id = client.upsert_bom(BOM)
    mock.jobs.fail(job_id, "The parser is down.")

    with pytest.raises(JobFailed, match="The parser is down"):
        client.wait_for(job_id)
# [/jobs]


# [clock]
@pytest.mark.cofactr(now="2026-03-01T12:00:00Z", jobs={"upsert_bom_async": {"mode": "time", "seconds": 3600}})
def test_an_hour_takes_no_time(mock, client):
    job_id = client.upsert_bom(BOM)
    with pytest.raises(TimeoutError):
        client.wait_for(job_id, polls=2)

    mock.clock.advance(hours=1)

    bom_id = client.wait_for(job_id)["bom_id"]
    assert mock.records.get("bom", bom_id)["created_at"] == "2026-03-01T13:00:00Z"
# [/clock]


# [faults]
def test_an_outage_is_sat_out(mock, client):
    mock.faults.add("upsert_bom_async", status=503, retry_after=0, times=2)

    client.upsert_bom(BOM)

    mock.assert_called("upsert_bom_async", times=2, status=503)
    mock.assert_called("upsert_bom_async", times=1, status=202, body={"name": "Valve Driver"})


def test_a_lost_answer_is_asked_for_again(mock, client):
    mock.faults.add("upsert_bom_async", drop=True, handled=True, times=1)

    client.wait_for(client.upsert_bom(BOM))

    assert len(mock.records("bom", part_number=None, name="Valve Driver")) == 1
# [/faults]


def test_a_slow_answer_is_not_waited_for(mock):
    mock.faults.add("list_boms", latency=3)
    with pytest.raises(requests.exceptions.ConnectionError, match="Read timed out"):
        Cofactr(mock.api_key, mock.url, retries=0, timeout=0.05).boms()


def test_an_answer_cut_short_is_no_answer(mock, client):
    mock.faults.add("list_boms", body="truncated", times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.boms()


def test_a_limit_is_for_a_minute(mock):
    client = Cofactr(mock.api_key, mock.url, retries=0)
    mock.faults.add("list_boms", rate_limit={"requests": 2, "seconds": 60})
    client.boms(), client.boms()
    with pytest.raises(requests.HTTPError, match="429") as error:
        client.boms()
    assert error.value.response.headers["Retry-After"] == "60"

    mock.clock.advance(minutes=1)
    assert len(client.boms()) == 3


def test_what_is_refused_is_raised(mock, client):
    bom = next(bom for bom in client.boms() if bom["approved"])
    with pytest.raises(requests.HTTPError, match="409"):
        client.call("POST", f"/v1/boms/{bom['id']}/approve/")


# [contract]
def test_a_request_may_break_the_contract_on_purpose(mock, client):
    with mock.violations_allowed(), pytest.raises(requests.HTTPError, match="400"):
        client.call("POST", "/v1/boms/", json={"title": "it should be called name"})


@pytest.mark.cofactr(strict=True, violations="allow")
def test_in_a_strict_world_undocumented_keys_are_refused(client):
    with pytest.raises(requests.HTTPError, match="400"):
        client.call("POST", "/v1/boms/", json={"name": "Valve Driver", "colour": "green"})
# [/contract]
