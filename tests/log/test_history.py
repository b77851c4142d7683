"""What several clients saw of servers that were killed: nothing answered is lost, and histories are linearizable."""

import contextlib

import pytest

from . import history

INF = float("inf")


def write(value, begun, ended):
    return ("write", 0, 0, value, begun, ended, ended != INF)


def read(value, begun, ended):
    return ("read", 0, 0, value, begun, ended, True)


def create(name, ended=1.0, certain=True):
    return ("create", 0, name, None, 0.0, ended, certain)


@pytest.mark.parametrize(
    ("notes", "final"),
    [
        ([write(1, 0, 1), read(1, 2, 3), write(2, 4, 5), read(2, 6, 7)], 2),
        ([write(1, 0, 5), write(2, 0, 5), read(2, 1, 2), read(1, 3, 4)], 1),
        ([write(1, 0, 1), write(2, 2, INF), read(1, 3, 4), read(2, 5, 6)], 2),
        ([write(1, 0, 1), write(2, 2, INF)], 1),
        ([read(0, 0, 1), write(1, 0, 3), read(1, 1, 2)], 1),
    ],
)
def test_histories_that_could_have_been_are_not_blamed(notes, final):
    assert history.check(notes, [[final]], {}) == []


@pytest.mark.parametrize(
    ("notes", "final", "says"),
    [
        ([write(1, 0, 1), write(2, 2, 3)], 1, "1 was read after 2"),
        ([write(1, 0, 1)], 0, "0 was read after 1"),
        ([write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)], 2, "1 was read after 2"),
        ([write(1, 0, 1), read(0, 2, 3)], 1, "0 was read after 1"),
        ([write(1, 0, 1), write(2, 2, INF), read(2, 3, 4), read(1, 5, 6)], 2, "1 was read after 2"),
        ([read(7, 0, 1)], 0, "7 was read and never written"),
        ([write(1, 2, 3), read(1, 0, 1)], 1, "1 was read before it was written"),
    ],
)
def test_histories_that_cannot_have_been_are_noticed(notes, final, says):
    assert says in "\n".join(history.check(notes, [[final]], {}))


@pytest.mark.parametrize(
    ("notes", "there", "says"),
    [
        ([create("a")], [], "a was acknowledged and lost"),
        ([create("a")], ["a", "a"], "a was created 2 times"),
        ([create("a", certain=False)], ["a"], "a is there and nobody made it"),
    ],
)
def test_creations_lost_or_done_twice_are_noticed(notes, there, says):
    assert says in "\n".join(history.check(notes, [[0]], {0: there}))


def test_a_creation_that_nobody_answered_may_be_there_or_not():
    for there in ([], ["a"]):
        assert history.check([create("a", INF, False)], [[0]], {0: there}) == []


def enough(counts):
    return all(counts[f"{what} answered"] > 20 for what in ("read", "write", "create"))


def test_a_server_on_a_file_that_is_killed_loses_nothing(tmp_path):
    problems, counts = history.run(str(tmp_path / "mock.db"), replicas=1, clients=4, seconds=6)
    assert problems == []
    assert enough(counts), counts


def test_replicas_that_are_killed_behave_as_one(redis_server):
    import redis

    with contextlib.closing(redis.Redis(unix_socket_path=str(redis_server.socket))) as client:
        client.flushall()
    problems, counts = history.run(redis_server.url, replicas=2, clients=6, seconds=6)
    assert problems == []
    assert enough(counts), counts
