import pytest

from mockserver import worlds
from mockserver.admin.jobs import Jobs
from mockserver.resources import async_jobs
from mockserver.resources.async_jobs import FAIL, IMMEDIATE, MANUAL, READS, TIME
from mockserver.sandbox import Sandbox

from ..conftest import Api


def start(api):
    return api.post("/v1/parts/async_create/", {"parts": [{"mpn": "JOB-1"}, {"mpn": "JOB-2"}]}, expect=202)


def read(api, job):
    return api.get(f"/v1/async_jobs/{job['id']}/")


def parts(api):
    return sum(part["mpn"].startswith("JOB-") for part in api.sandbox.store["part"])


def stored(api, job):
    return api.sandbox.store["async_job"].get(job["id"])


def test_at_once_is_the_default(api):
    job = start(api)
    assert (job["status"], job["progress"], job["errors"]) == ("complete", {"done": 2, "total": 2}, [])
    assert job["created_at"] == job["started_at"] == job["finished_at"] == "2026-01-15T09:00:00Z"
    assert read(api, job) == job
    assert parts(api) == 2


@pytest.mark.parametrize("reads", [1, 3])
def test_a_job_may_be_done_at_its_nth_read(api, reads):
    Jobs(api.sandbox).policy(READS, reads=reads)
    job = start(api)
    assert (job["status"], job["result"], job["started_at"]) == ("pending", None, None)
    seen = [read(api, job) for _ in range(reads + 1)]
    assert [each["status"] for each in seen] == ["in_progress"] * (reads - 1) + ["complete"] * 2
    assert all(each["started_at"] for each in seen)
    assert seen[-1] == seen[-2]
    assert parts(api) == 2


def test_a_job_may_take_its_time(api):
    Jobs(api.sandbox).policy(TIME, seconds=60)
    job = start(api)
    api.sandbox.clock.advance(seconds=59)
    assert read(api, job)["status"] == "pending"
    assert parts(api) == 0
    api.sandbox.clock.advance(seconds=1)
    api.get("/v1/boms/")  # any call finds it done
    assert parts(api) == 2
    assert read(api, job)["finished_at"] == "2026-01-15T09:01:00Z"


def test_a_job_may_wait_to_be_told(api):
    Jobs(api.sandbox).policy(MANUAL)
    job = start(api)
    api.sandbox.clock.advance(days=365)
    assert read(api, job)["status"] == "pending"
    async_jobs.complete(api.sandbox, stored(api, job))
    done = read(api, job)
    assert (done["status"], len(done["result"]["created"])) == ("complete", 2)


def test_a_job_may_fail_by_hand(api):
    Jobs(api.sandbox).policy(MANUAL)
    job = start(api)
    async_jobs.fail(api.sandbox, stored(api, job), ["Broken."])
    assert (read(api, job)["status"], read(api, job)["errors"]) == ("failed", [{"detail": "Broken."}])


@pytest.mark.parametrize(("errors", "expected"), [((), ["The job failed."]), (("One.", "Two."), ["One.", "Two."])])
def test_jobs_may_be_made_to_fail(api, errors, expected):
    Jobs(api.sandbox).policy(FAIL, errors=errors)
    job = start(api)
    assert (job["status"], job["result"], job["errors"]) == (
        "failed",
        None,
        [{"detail": text} for text in expected],
    )
    assert job["finished_at"]
    assert read(api, job) == job
    assert parts(api) == 0


def test_a_policy_may_be_for_one_kind_of_job(api):
    Jobs(api.sandbox).policy(FAIL)
    Jobs(api.sandbox).policy(IMMEDIATE, operation="create_parts_async")
    assert start(api)["status"] == "complete"
    assert (
        api.put(
            "/v1/boms/async_upsert/",
            {"name": "x", "integration_source_name": "a", "integration_record_id": "1"},
        )["status"]
        == "failed"
    )


def test_work_is_done_in_the_organisation_it_was_asked_for(api):
    Jobs(api.sandbox).policy(MANUAL)
    org = next(iter(api.sandbox.store["org"]))["id"]
    lab = api.sandbox.store["org"].where("parent_org_id", org)[0]["id"]
    job = api.post(f"/v1/parts/async_create/?org_id={lab}", {"parts": [{"mpn": "JOB-1"}]})
    assert job["org_id"] == lab
    async_jobs.complete(api.sandbox, stored(api, job))
    part_id = read(api, job)["result"]["created"][0]
    assert api.sandbox.store["part"].get(part_id)["org_id"] == lab


def test_what_is_not_public_of_a_job_stays_so(api):
    assert set(start(api)) == {
        "id",
        "org_id",
        "type",
        "status",
        "progress",
        "result",
        "errors",
        "created_at",
        "updated_at",
        "started_at",
        "finished_at",
    }


def test_a_job_that_is_not_there_is_404(api):
    api.get("/v1/async_jobs/00000000-0000-4000-8000-000000000000/", expect=404)


@pytest.mark.parametrize("mode", [READS, TIME, MANUAL])
def test_a_job_out_of_a_fixture_has_no_work_to_do(tmp_path, mode):
    path = tmp_path / "jobs.yaml"
    path.write_text(
        """
records:
  org: {acme: {name: Acme, slug: acme}}
  user: {ada: {email: ada@acme.example.com, first_name: Ada, last_name: O, roles: [Admin]}}
  api_key: {admin: {name: Admin, user_id: ada, key: mockkey1.00000000000000000000000000000000}}
  async_job: {import: {type: upsert_bom_async, status: pending}}
""",
        encoding="utf-8",
    )
    api = Api(Sandbox(worlds.load(path)))
    Jobs(api.sandbox).policy(mode)
    job = next(iter(api.sandbox.store["async_job"]))
    assert read(api, job)["status"] in ("pending", "complete")
    async_jobs.complete(api.sandbox, stored(api, job))
    assert (read(api, job)["status"], read(api, job)["result"]) == ("complete", {})
