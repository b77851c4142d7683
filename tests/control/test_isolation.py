"""Sandboxes under load: nothing crosses over, nothing is lost, nothing grows without end."""

import concurrent.futures

from mockserver import worlds
from mockserver.admin import webhooks
from mockserver.admin.webhooks import Webhooks
from mockserver.app import App
from mockserver.sandbox import Sandbox, journal
from mockserver.sandbox.registry import Sandboxes

SANDBOXES = THREADS = 16
WRITES = 4  # of each thread in each sandbox


def test_sixteen_threads_write_to_sixteen_sandboxes_and_each_keeps_its_own():
    app = App(Sandboxes(Sandbox(worlds.load("empty"))))
    client = app.test_client()
    boxes = [client.post("/__mock__/sandboxes", json={"name": f"box{number}"}).json for number in range(SANDBOXES)]
    headers = [{"Authorization": f"Api-Key {box['api_keys'][0]['key']}"} for box in boxes]
    counters = [client.post("/v1/tags/", json={"name": "shared"}, headers=given).json["id"] for given in headers]

    def hammer(thread):
        mine = app.test_client()
        for turn in range(WRITES):
            for number in range(SANDBOXES):
                given = headers[(number + thread) % SANDBOXES]
                name = f"{(number + thread) % SANDBOXES}/{thread}/{turn}"
                assert mine.post("/v1/boms/", json={"name": name}, headers=given).status_code == 201
                path = f"/v1/tags/{counters[(number + thread) % SANDBOXES]}/"
                assert mine.patch(path, json={"name": name}, headers=given).status_code == 200

    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(hammer, range(THREADS)))
    for number, given in enumerate(headers):
        names = [bom["name"] for bom in client.get("/v1/boms/?limit=1000", headers=given).json["results"]]
        assert sorted(names) == sorted(
            f"{number}/{thread}/{turn}" for thread in range(THREADS) for turn in range(WRITES)
        )
        entries = app.sandboxes.get(f"box{number}").journal
        assert entries.total == 2 * THREADS * WRITES + 2
        written = {
            (change["kind"], change["id"]) for entry in entries for change in entry.changes if change["kind"] == "bom"
        }
        assert len(written) == THREADS * WRITES
    assert len(app.sandbox.store["bom"]) == 0


def test_what_is_remembered_of_calls_is_bounded(api, monkeypatch):
    monkeypatch.setattr(webhooks, "KEPT", 10)
    api.sandbox.journal.capacity = 10
    monkeypatch.setattr(webhooks, "post", lambda url, event: (200, None))
    hooks = Webhooks(api.sandbox)
    hooks.subscribe("http://receiver.test/")
    tag = api.post("/v1/tags/", json={"name": "0"})
    for number in range(30):
        api.patch(f"/v1/tags/{tag['id']}/", json={"name": str(number)})
    assert len(api.sandbox.journal) == 10
    assert api.sandbox.journal.total == 31
    assert len(hooks.deliveries) == 31
    assert len(hooks.drain()) == 31
    assert len(hooks.deliveries) == 10
    assert len(api.sandbox.store["tag"].rows) <= len(api.sandbox.store["tag"])


def test_large_bodies_push_the_oldest_calls_out(monkeypatch):
    monkeypatch.setattr(journal, "BUDGET", 1000)
    kept = journal.Journal()
    for _ in range(10):
        kept.add(at="", method="GET", path="/", query="", request_headers={}, request_body=b"x" * 400)
    assert len(kept) == 2
