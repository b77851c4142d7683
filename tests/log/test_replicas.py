"""Sandboxes on a log: what was answered is there after a restart, and on every replica."""

import io
import threading

import orjson
import pytest

from mockserver.admin import state, webhooks
from mockserver.admin.webhooks import Webhooks
from mockserver.log import follower
from mockserver.log.sqlite import CannotOpen

from .conftest import Replica


def everything(replica):
    return orjson.loads(state.dumps(replica.sandbox))


def live_in(replica):
    """Do something of everything."""
    for path, body in (
        ("/v1/boms/", {"name": "Kept"}),
        ("/__mock__/jobs/policies", None),
        ("/__mock__/webhooks/subscriptions", {"url": "http://receiver.test/", "triggers": ["Tag"], "delay": 60}),
        ("/__mock__/faults", {"operation": "list_tags", "rate_limit": {"requests": 9, "seconds": 60}}),
        ("/__mock__/clock/advance", {"hours": 1}),
        ("/__mock__/snapshots", {"name": "then"}),
        ("/v1/tags/", {"name": "Told"}),
    ):
        if body is None:
            replica.answer("PUT", path, {"mode": "time", "seconds": 3600})
        else:
            replica.post(path, body)
    replica.get("/v1/tags/")
    start = {"name": "x", "integration_source_name": "plm", "integration_record_id": "1", "raw_lines": []}
    replica.answer("PUT", "/v1/boms/async_upsert/", start)
    replica.client.post(
        "/v1/stock_documents/",
        data={"file": (io.BytesIO(b"content"), "a.txt")},
        headers={"Authorization": f"Api-Key {replica.key}"},
    )
    replica.sandbox.extras["record"] = {"colour": "green"}


def test_everything_is_there_after_a_restart(target):
    with Replica(target) as replica:
        live_in(replica)
        replica.post(
            "/__mock__/sandboxes", {"name": "build", "fixtures": "empty", "seed": 7, "policies": {"strict": True}}
        )
        replica.post("/v1/tags/", {"name": "There"}, headers={"X-Mock-Sandbox": "build"})
        before, journal = everything(replica), replica.get("/__mock__/journal")
        keys = replica.get("/__mock__/sandboxes")
    with Replica(target) as replica:
        assert everything(replica) == before
        assert replica.get("/__mock__/journal") == journal
        assert replica.get("/__mock__/sandboxes") == keys
        key = keys[1]["api_keys"][0]["key"]
        assert [tag["name"] for tag in replica.get("/v1/tags/", key=key)["results"]] == ["There"]
        assert replica.call("POST", "/v1/tags/", {"name": "x", "colour": "y"}, key=key).status_code == 400
        assert [one["name"] for one in replica.get("/__mock__/snapshots")] == ["then"]
        told = replica.get("/__mock__/snapshots/then/diff")["created"]
        assert [tag["name"] for tag in told["tag"]] == ["Told"]
        replica.post("/__mock__/snapshots/then/restore")
        assert "Told" not in [tag["name"] for tag in replica.get("/v1/tags/")["results"]]
    with Replica(target) as replica:
        assert "Told" not in [tag["name"] for tag in replica.get("/v1/tags/")["results"]]
        assert replica.post("/v1/tags/", {"name": "Told"})


def test_it_is_there_after_a_snapshot_stood_for_it(target, monkeypatch):
    monkeypatch.setattr(follower, "COMPACT", 7)
    with Replica(target) as replica:
        live_in(replica)
        for number in range(20):
            replica.post("/v1/tags/", {"name": str(number)})
        for thread in threading.enumerate():
            if thread.name == "cofactr-mock-compact":
                thread.join()
        base, entries = replica.log.read(f"sandbox:{replica.sandbox.id}", 0)
        assert base is not None
        assert len(entries) < 14
        before = everything(replica)
    with Replica(target) as replica:
        assert everything(replica) == before
        assert [one["name"] for one in replica.get("/__mock__/snapshots")] == ["then"]


def test_a_reset_and_an_import_last_too(target):
    with Replica(target) as replica:
        fresh = everything(replica)
        live_in(replica)
        document = replica.get("/__mock__/export")
        replica.post("/__mock__/reset")
        assert everything(replica) == fresh
    with Replica(target) as replica:
        assert everything(replica) == fresh
        assert replica.get("/__mock__/snapshots") == []
        replica.post("/__mock__/import", document)
    with Replica(target) as replica:
        assert replica.get("/__mock__/export") == document


def test_what_was_refused_left_nothing(target):
    with Replica(target) as replica:
        replica.get("/v1/tags/")
        number = replica.sandbox.store.number
        assert replica.call("POST", "/v1/tags/", {"name": 5}).status_code == 400
        assert replica.sandbox.store.number == number
        before = everything(replica)
    with Replica(target) as replica:
        assert everything(replica) == before


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"fixtures": "empty"}, "was begun with --fixtures default --seed 1, not with --fixtures empty --seed 1"),
        ({"seed": 7}, "was begun with --fixtures default --seed 1, not with --fixtures default --seed 7"),
    ],
)
def test_another_world_is_refused(target, options, says):
    with Replica(target):
        pass
    with pytest.raises(CannotOpen, match=says), Replica(target, **options):
        pass


def test_a_deleted_sandbox_stays_deleted(target):
    with Replica(target) as replica:
        replica.post("/__mock__/sandboxes", {"name": "build"})
        replica.call("DELETE", "/__mock__/sandboxes/build")
        replica.post("/__mock__/sandboxes", {"name": "other"})
        before = replica.get("/__mock__/sandboxes")
    with Replica(target) as replica:
        assert replica.get("/__mock__/sandboxes") == before
        replica.post("/__mock__/sandboxes", {"name": "build"})


# -- several at once


@pytest.fixture
def pair(redis_server, replica_of):
    import redis

    client = redis.Redis(unix_socket_path=str(redis_server.socket))
    client.flushall()
    client.close()
    return replica_of(redis_server.url), replica_of(redis_server.url)


def test_what_one_answered_the_other_knows(pair):
    one, other = pair
    live_in(one)
    for turn in range(3):
        for writer, reader in ((one, other), (other, one)):
            writer.post("/v1/boms/", {"name": f"{turn}"})
            assert reader.get("/v1/boms/") == writer.get("/v1/boms/")
            assert reader.get("/__mock__/export") == writer.get("/__mock__/export")
    assert one.get("/__mock__/journal")["entries"] == other.get("/__mock__/journal")["entries"]
    ids = [entry["id"] for entry in one.get("/__mock__/journal")["entries"]]
    assert ids == list(range(1, len(ids) + 1))


def test_faults_count_over_all(pair):
    one, other = pair
    one.post("/__mock__/faults", {"operation": "list_tags", "rate_limit": {"requests": 3, "seconds": 60}})
    statuses = [replica.call("GET", "/v1/tags/").status_code for replica in (one, other, one, other, one)]
    assert statuses == [200, 200, 200, 429, 429]


def test_sandboxes_keys_and_resets_are_everybodys(pair):
    one, other = pair
    made = one.post("/__mock__/sandboxes", {"name": "build"})
    key = made["api_keys"][0]["key"]
    other.post("/v1/tags/", {"name": "There"}, key=key)
    assert "There" in [tag["name"] for tag in one.get("/v1/tags/", key=key)["results"]]
    new = one.answer("PATCH", "/v1/api_key/", {"rotate": True}, key=key)["key"]
    assert other.call("GET", "/v1/tags/", key=key).status_code == 401
    assert other.call("GET", "/v1/tags/", key=new).status_code == 200
    other.post("/__mock__/sandboxes/build/reset")
    assert one.call("GET", "/v1/tags/", key=new).status_code == 401
    assert "There" not in [tag["name"] for tag in one.get("/v1/tags/", key=key)["results"]]
    assert other.call("POST", "/__mock__/sandboxes", {"name": "build"}).status_code == 409
    one.call("DELETE", "/__mock__/sandboxes/build")
    assert other.call("GET", "/v1/tags/", headers={"X-Mock-Sandbox": "build"}).status_code == 404
    assert other.call("GET", "/v1/tags/", key=key).status_code == 401


def test_two_writers_lose_nothing(pair):
    counts = []

    def write(replica, name):
        client = replica.app.test_client()
        for number in range(40):
            response = client.post(
                "/v1/tags/", json={"name": f"{name} {number}"}, headers={"Authorization": f"Api-Key {replica.key}"}
            )
            counts.append(response.status_code)

    threads = [threading.Thread(target=write, args=(replica, str(n))) for n, replica in enumerate([*pair, *pair])]
    before = pair[0].get("/v1/tags/")["count"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counts) == [201] * 80 + [409] * 80 if len(set(counts)) > 1 else counts == [201] * 160
    one, other = (replica.get("/v1/tags/?limit=1000") for replica in pair)
    assert one == other
    assert one["count"] == before + counts.count(201)


def test_each_delivery_is_sent_by_one(pair, monkeypatch):
    sent = []

    def post(url, event):
        sent.append(event["id"])
        return 200, None

    monkeypatch.setattr(webhooks, "post", post)
    one, other = pair
    one.post("/__mock__/webhooks/subscriptions", {"url": "http://receiver.test/", "triggers": ["Tag"]})
    made = [one.post("/v1/tags/", {"name": str(number)})["id"] for number in range(30)]
    threads = [threading.Thread(target=Webhooks(replica.sandbox).drain) for replica in (one, other) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sent) == sorted(made)
    assert {delivery["status"] for delivery in other.get("/__mock__/webhooks/deliveries")} == {"delivered"}


def test_a_delivery_whose_sender_died_is_sent_by_another(pair, monkeypatch):
    one, other = pair
    one.post("/__mock__/webhooks/subscriptions", {"url": "http://receiver.test/", "triggers": ["Tag"]})
    one.post("/v1/tags/", {"name": "A"})

    class Died(BaseException):
        pass

    def die(url, event):
        raise Died

    monkeypatch.setattr(webhooks, "post", die)
    with pytest.raises(Died):
        Webhooks(one.sandbox).drain()
    monkeypatch.setattr(webhooks, "post", lambda url, event: (200, None))
    assert Webhooks(other.sandbox).drain() == []
    real = webhooks.wall
    monkeypatch.setattr(webhooks, "wall", lambda: real() + webhooks.CLAIM + 1)
    assert [delivery.status for delivery in Webhooks(other.sandbox).drain()] == ["delivered"]


def test_a_store_that_is_away_is_a_503_and_service_resumes(pair, redis_server):
    one, other = pair
    one.post("/v1/tags/", {"name": "Before"})
    redis_server.stop()
    for method, body in (("GET", None), ("POST", {"name": "Meanwhile"})):
        away = one.call(method, "/v1/tags/", body)
        assert (away.status_code, away.headers["Retry-After"]) == (503, "1")
        assert "The store of the mock's state is away" in away.json["detail"]
    redis_server.start()
    names = [tag["name"] for tag in other.get("/v1/tags/")["results"]]
    assert "Before" in names
    assert "Meanwhile" not in names
    one.post("/v1/tags/", {"name": "After"})
    assert "After" in [tag["name"] for tag in other.get("/v1/tags/")["results"]]


def test_a_sandbox_that_anybody_uses_is_not_idle(redis_server, replica_of, monkeypatch):
    import redis

    redis.Redis(unix_socket_path=str(redis_server.socket)).flushall()
    monkeypatch.setattr(follower, "MARK", 0.0)
    one, other = replica_of(redis_server.url, idle=5.0), replica_of(redis_server.url, idle=5.0)
    key = one.post("/__mock__/sandboxes", {"name": "build"})["api_keys"][0]["key"]
    other.get("/v1/tags/", key=key)
    [box] = [box for box in one.sandboxes if box.name == "build"]
    box.used_at -= 10
    one.sandboxes.drop_idle()
    assert one.sandboxes.get("build") is box
    for replica in (one, other):
        [box] = [box for box in replica.sandboxes if box.name == "build"]
        box.used_at -= 10
    one.sandboxes.drop_idle()
    assert one.sandboxes.get("build") is None
    assert other.sandboxes.get("build") is None
