"""What a log promises, wherever it is kept."""

import sqlite3
import subprocess
import sys
import threading

import pytest

from mockserver.log import Base, LogUnavailable
from mockserver.log.opening import open_state
from mockserver.log.sqlite import CannotOpen


@pytest.fixture
def log(target):
    state = open_state(target)
    yield state.log
    state.log.close()


def test_entries_are_read_after_a_position(log):
    assert log.read("a", 0) == (None, [])
    assert log.append("a", 0, [b"one", b"two"]) == 2
    assert log.append("a", 2, [b"three"]) == 3
    assert log.read("a", 0) == (None, [b"one", b"two", b"three"])
    assert log.read("a", 2) == (None, [b"three"])
    assert log.read("a", 3) == (None, [])
    assert log.read("b", 0) == (None, [])


def test_what_was_not_seen_cannot_be_appended_to(log):
    log.append("a", 0, [b"one"])
    assert log.append("a", 0, [b"other"]) is None
    assert log.append("a", 2, [b"other"]) is None
    assert log.read("a", 0) == (None, [b"one"])


def test_an_entry_may_be_appended_wherever_the_log_ends(log):
    assert log.append("a", None, [b"one"]) == 1
    assert log.append("a", None, []) == 1
    assert log.append("a", None, [b"two", b"three"]) == 3


def test_a_snapshot_stands_for_the_first_entries(log):
    log.append("a", 0, [b"one", b"two", b"three"])
    log.compact("a", 2, b"snapshot")
    assert log.read("a", 0) == (Base(2, b"snapshot"), [b"three"])
    assert log.read("a", 1) == (Base(2, b"snapshot"), [b"three"])
    assert log.read("a", 2) == (None, [b"three"])
    assert log.append("a", 3, [b"four"]) == 4
    log.compact("a", 1, b"older")  # somebody who comes late
    assert log.read("a", 0) == (Base(2, b"snapshot"), [b"three", b"four"])
    log.compact("a", 4, b"newer")
    assert log.read("a", 3) == (Base(4, b"newer"), [])
    assert log.append("a", 4, [b"five"]) == 5


def test_of_many_who_append_to_one_position_one_succeeds(target):
    if not target.startswith("unix"):
        pytest.skip("a file is one process's, and its log has one writer")
    ends = []

    def write(number):
        state = open_state(target)
        position = 0
        for turn in range(20):
            while True:
                position += len(state.log.read("a", position)[1])
                end = state.log.append("a", position, [f"{number}/{turn}".encode()])
                if end is not None:
                    break
            ends.append(end)
            position = end
        state.log.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == list(range(1, 81))


# -- a file


def test_a_file_has_one_owner(tmp_path):
    path = str(tmp_path / "mock.db")
    state = open_state(path)
    other = [sys.executable, "-c", f"from mockserver.log.opening import open_state; open_state({path!r})"]
    import os

    refused = subprocess.run(other, capture_output=True, text=True)
    assert f"is the state of another server, process {os.getpid()}. Stop it, or choose another" in refused.stderr
    state.log.close()
    assert subprocess.run(other, capture_output=True).returncode == 0


def test_a_file_of_another_kind_is_left_alone(tmp_path):
    path = tmp_path / "mock.db"
    path.write_text("These are my notes, which nobody should overwrite. " * 30)
    before = path.read_bytes()
    with pytest.raises(CannotOpen, match=r"mock\.db cannot be opened: file is not a database"):
        open_state(str(path))
    assert path.read_bytes() == before


def test_a_database_of_somebody_elses_is_left_alone(tmp_path):
    path = tmp_path / "mock.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (a)")
    connection.close()
    with pytest.raises(CannotOpen, match="was written by another version of the mock"):
        open_state(str(path))


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(CannotOpen, match="No such file or directory"):
        open_state(str(tmp_path / "none" / "mock.db"))


# -- a server


def test_a_server_that_is_not_there_is_said(tmp_path):
    with pytest.raises(CannotOpen, match="is away"):
        open_state(f"unix://{tmp_path}/none.sock")


def test_a_server_that_goes_away_is_an_error_at_once(redis_server):
    log = open_state(redis_server.url).log
    redis_server.stop()
    try:
        with pytest.raises(LogUnavailable, match="The store of the mock's state is away"):
            log.append("a", None, [b"x"])
    finally:
        redis_server.start()
    log.append("a", None, [b"x"])
    log.close()
