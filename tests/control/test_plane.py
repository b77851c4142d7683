"""Records, clock, jobs, faults, webhooks, journal and outbox over HTTP."""

import pytest

from mockserver.admin import webhooks

BOM = "/__mock__/records/bom"
LATER = {"name": "Later", "integration_source_name": "erp", "integration_record_id": "7"}


@pytest.fixture
def sent(monkeypatch):
    """What webhooks sent; every receiver answers 200."""
    events = []

    def post(url, event):
        events.append(event)
        return 200, None

    monkeypatch.setattr(webhooks, "post", post)
    return events


# -- records


def test_records_of_every_kind_are_counted_and_read(api):
    counts = api.get("/__mock__/records")
    assert counts["tag"] == api.get("/v1/tags/")["count"]
    page = api.get("/__mock__/records/tag?limit=1&offset=1")
    assert page["count"] == counts["tag"]
    assert page["results"] == api.get("/v1/tags/?limit=1&offset=1")["results"]
    [rfq, *_] = api.get("/__mock__/records/rfq")["results"]
    assert api.get(f"/__mock__/records/rfq/{rfq['id']}") == rfq


def test_an_organisation_stays_while_anything_belongs_to_it(api):
    org, *_ = api.get("/__mock__/records/org")["results"]
    refused = api.client.delete(f"/__mock__/records/org/{org['id']}")
    assert refused.status_code == 409
    assert "record(s) belong to it" in refused.json["detail"]
    lone = api.post("/__mock__/records/org", {"name": "Lone", "slug": "lone"})
    api.delete(f"/__mock__/records/org/{lone['id']}")


def test_a_record_is_put_changed_made_up_and_deleted(api):
    made = api.post(BOM, {"name": "Given"})
    assert api.get(f"/v1/boms/{made['id']}/") == made
    changed = api.put(f"{BOM}/{made['id']}", {"created_at": "2020-01-01T00:00:00Z"})
    assert (changed["name"], changed["created_at"]) == ("Given", "2020-01-01T00:00:00Z")
    api.delete(f"{BOM}/{made['id']}")
    api.get(f"/v1/boms/{made['id']}/", expect=404)
    id = "00000000-0000-4000-8000-000000000001"
    assert api.put(f"/__mock__/records/tag/{id}", {"name": "New"})["id"] == id


def test_a_field_may_be_called_kind(api):
    line = api.get("/__mock__/records/no_part_line")["results"][0]
    put = api.put(f"/__mock__/records/no_part_line/{line['id']}", {"kind": line["kind"]})
    assert put["kind"] == line["kind"]
    assert "kind: " in api.post("/__mock__/records/no_part_line", {"kind": 5}, expect=409)["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        (
            "GET",
            "/records/planet",
            None,
            404,
            "There is no kind of record called 'planet'. There are api_key,",
        ),
        ("GET", "/records/bom/none", None, 404, "There is no bom none."),
        ("GET", "/records/sub_org", None, 404, "There is no kind of record called 'sub_org'."),
        ("POST", "/records/bom", {"nme": "X"}, 409, "A bom has no field 'nme'. It has id,"),
        ("POST", "/records/bom", {"name": 5}, 409, "name: Not a valid string."),
        ("POST", "/records/bom", [], 400, "Expected a dictionary"),
        ("PUT", "/records/bom/banana", {"name": "X"}, 409, "id: Must be a valid UUID."),
        (
            "PUT",
            "/records/tag/00000000-0000-4000-8000-000000000001",
            {"id": "00000000-0000-4000-8000-000000000002", "name": "X"},
            409,
            "A record keeps its id.",
        ),
        ("POST", "/clock/set", {"now": "9999-01-01T00:00:00Z"}, 409, "The clock goes from 1970 to 2999"),
        ("POST", "/clock/set", {"now": "yesterday"}, 400, "Datetime has wrong format."),
        ("POST", "/clock/advance", {"hours": "2"}, 400, "A number from"),
        ("PUT", "/jobs/policies", {"mode": "never"}, 400, "is not a valid choice. There are immediate,"),
        ("POST", "/jobs/none/complete", None, 404, "There is no job none."),
        ("POST", "/faults", {}, 409, "A fault needs an effect: latency, status, rate_limit, body or drop."),
        (
            "POST",
            "/faults",
            {"operation": "list_boms", "status": 409},
            409,
            "Say force=True to answer it all the same.",
        ),
        (
            "POST",
            "/faults",
            {"latency": {"uniform": [-1, 2]}},
            400,
            "latency should be seconds from 0 to 300",
        ),
        ("DELETE", "/faults/5", None, 404, "There is no fault 5."),
        ("POST", "/webhooks/subscriptions", {"url": "ftp://x"}, 400, "Enter a valid URL."),
        (
            "POST",
            "/webhooks/subscriptions",
            {"url": "http://x/", "triggers": ["Planet"]},
            400,
            "is not a valid choice. There are ApiKey,",
        ),
        ("DELETE", "/webhooks/subscriptions/none", None, 404, "There is no subscription none."),
        ("GET", "/journal?sttaus=200", None, 400, "There is no such field. There are operation,"),
        (
            "POST",
            "/save",
            None,
            409,
            "This server keeps no state. Start it with `mockserver serve --state FILE`",
        ),
        ("GET", "/journal/stream", None, 409, "There is no connection here that a stream could use."),
    ],
)
def test_bad_input_is_refused_with_the_reason(api, method, path, body, status, says):
    refused = (
        api.client.open(f"/__mock__{path}", method=method, json=body)
        if body is not None
        else api.client.open(f"/__mock__{path}", method=method)
    )
    assert refused.status_code == status, refused.text
    assert says in refused.text.replace('\\"', '"')


def test_a_body_that_is_not_said_to_be_json_is_refused(api):
    refused = api.client.post("/__mock__/faults", data={"status": 503})
    assert refused.status_code == 415
    assert refused.json["detail"].endswith("Send JSON with Content-Type: application/json.")


# -- time and jobs


def test_the_clock_is_set_moved_run_and_frozen(api):
    assert api.post("/__mock__/clock/set", {"now": "2027-01-01T00:00:00+01:00"}) == {
        "now": "2026-12-31T23:00:00Z",
        "rate": 0.0,
    }
    assert api.post("/__mock__/clock/advance", {"hours": 1, "minutes": 1})["now"] == "2027-01-01T00:01:00Z"
    assert api.post("/v1/tags/", {"name": "Then"})["created_at"] == "2027-01-01T00:01:00Z"
    assert api.post("/__mock__/clock/run", {"rate": 60})["rate"] == 60
    assert api.post("/__mock__/clock/freeze")["rate"] == 0


def test_jobs_wait_for_their_time_or_their_master(api):
    start = {"operation": "upsert_bom_async"}
    assert (
        api.put("/__mock__/jobs/policies", {"mode": "time", "seconds": 60, **start})["operations"]["upsert_bom_async"][
            "mode"
        ]
        == "time"
    )
    job = api.put("/v1/boms/async_upsert/", LATER)
    assert job["status"] == "pending"
    api.post("/__mock__/clock/advance", {"minutes": 2})
    assert api.get(f"/v1/async_jobs/{job['id']}/")["status"] == "complete"
    api.put("/__mock__/jobs/policies", {"mode": "manual"})
    api.client.delete("/__mock__/jobs/policies")
    assert api.get("/__mock__/jobs/policies")["operations"] == {}
    api.put("/__mock__/jobs/policies", {"mode": "manual"})
    one, other = (
        api.put("/v1/boms/async_upsert/", {**LATER, "integration_record_id": name})["id"] for name in ("A", "B")
    )
    assert api.post(f"/__mock__/jobs/{one}/complete")["status"] == "complete"
    assert api.post(f"/__mock__/jobs/{other}/fail", {"errors": ["No."]})["errors"] == [{"detail": "No."}]
    assert api.post(f"/__mock__/jobs/{other}/complete", expect=409) == {"detail": f"Job {other} is failed already."}


# -- faults


def test_a_fault_spoils_the_calls_it_is_for(api):
    fault = api.post("/__mock__/faults", {"operation": "list_boms", "status": 503, "times": 1, "retry_after": 7})
    spoilt = api.client.get("/v1/boms/", headers=api.headers)
    assert spoilt.status_code == 503
    assert spoilt.headers["Retry-After"] == "7"
    api.get("/v1/boms/")
    [rule] = api.get("/__mock__/faults")
    assert rule == {**fault, "seen": 2, "fired": 1}
    api.delete(f"/__mock__/faults/{fault['id']}")
    assert api.get("/__mock__/faults") == []


# -- webhooks


def test_a_subscriber_is_told_and_the_telling_is_on_record(sent, api):
    api.post("/__mock__/webhooks/subscriptions", {"url": "http://receiver.test/", "triggers": ["BOM"]})
    bom = api.post("/v1/boms/", {"name": "Told"})
    api.post("/v1/tags/", {"name": "Not told"})
    [pending] = api.get("/__mock__/webhooks/deliveries?status=pending")
    assert pending["event"]["data"] == bom
    [tried] = api.post("/__mock__/webhooks/drain")
    assert (tried["status"], tried["attempts"][0]["status"]) == ("delivered", 200)
    again = api.post(f"/__mock__/webhooks/deliveries/{tried['id']}/redeliver")
    assert again["id"] != tried["id"]
    assert sent == [pending["event"]] * 2


def test_what_a_job_writes_is_told_whoever_has_it_done(sent, api):
    api.post("/__mock__/webhooks/subscriptions", {"url": "http://receiver.test/"})
    api.put("/__mock__/jobs/policies", {"mode": "time", "seconds": 60})
    api.put("/v1/boms/async_upsert/", LATER)
    api.post("/__mock__/webhooks/drain")
    sent.clear()
    api.post("/__mock__/clock/advance", {"minutes": 2})
    assert "Later" in [event["data"].get("name") for event in sent]


# -- journal and outbox


def test_the_journal_tells_what_was_called_and_what_came_of_it(api):
    api.post("/v1/tags/", {"name": "One", "colour": "red"})
    api.get("/v1/boms/?limit=x", expect=400)
    api.client.get("/v1/bomz/", headers=api.headers)
    page = api.get("/__mock__/journal")
    assert [entry["status"] for entry in page["entries"]] == [201, 400, 404]
    created, invalid, lost = page["entries"]
    assert created["unknown_keys"] == ["colour"]
    assert created["changes"][-1]["kind"] == "tag"
    assert created["response_violations"] == []
    assert invalid["violations"] == [{"field": "limit", "reason": "A valid integer is required."}]
    assert lost["near_misses"][0]["operation"] == "list_boms"
    assert api.get("/__mock__/journal?refused=true&after=2")["entries"] == [lost]
    assert api.get("/__mock__/journal/count?operation=create_tag&method=post&status=201") == {"count": 1}
    api.delete("/__mock__/journal")
    assert api.get("/__mock__/journal") == {"count": 0, "total": 0, "entries": []}


def test_the_journal_shows_an_answer_that_breaks_the_contract(api):
    api.post("/__mock__/faults", {"operation": "list_tags", "body": "malformed"})
    api.client.get("/v1/tags/", headers=api.headers)
    [entry] = api.get("/__mock__/journal")["entries"]
    assert entry["fault_id"] == 1
    assert entry["response_violations"][0]["reason"].startswith("The body is not JSON: ")


def test_the_outbox_holds_the_emails(api):
    before = api.get("/__mock__/outbox")["count"]
    api.post("/v1/outbound_emails/", {"to_emails": ["a@example.com"], "subject": "Hello", "body": "There"})
    assert api.get(f"/__mock__/outbox?offset={before}")["results"][0]["subject"] == "Hello"
