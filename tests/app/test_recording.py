"""The journal says what was called without the secrets of the callers."""

import json

SECRET = "s3cr3t-V4lue-0123"


def journal(api):
    return api.client.get("/__mock__/journal").json["entries"]


def test_secrets_in_headers_and_queries_are_not_written_down(api):
    headers = {
        "X-Mock-Token": SECRET,
        "X-Api-Key": SECRET,
        "X-Session": SECRET,
        "Cookie": f"session={SECRET}",
        "Referer": f"https://app.test/?token={SECRET}",
        "Idempotency-Key": "kept",
    }
    api.client.get(f"/v1/tags/?api_key={SECRET}&sig={SECRET}&limit=1", headers=headers)
    api.client.get("/v1/tags/", headers={"Authorization": f"Bearer {SECRET}"})
    api.client.get("/v1/tags/", headers={"Authorization": SECRET})
    entries = journal(api)
    assert SECRET not in json.dumps(entries)
    assert entries[-3]["query"] == "api_key=REDACTED&sig=REDACTED&limit=1"
    assert entries[-3]["request_headers"]["X-Api-Key"] == "***"
    assert entries[-3]["request_headers"]["Idempotency-Key"] == "kept"
    assert entries[-2]["request_headers"]["Authorization"] == "Bearer ***"


def test_a_rotated_key_is_not_written_down(api):
    rotated = api.patch("/v1/api_key/", json={"rotate": True})
    assert len(rotated["key"]) > 20
    text = json.dumps(journal(api))
    assert rotated["key"] not in text
    assert '"key": "***"' in text
