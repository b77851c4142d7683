"""The file of a server's state: held by one, written whole, found unfit at once."""

import os
import stat

import pytest

from mockserver.serving.state_file import StateFile, StateFileError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.json"


def names(path):
    return sorted(entry.name for entry in path.parent.iterdir())


def test_it_is_written_whole_and_leaves_nothing_else(path):
    with StateFile(path) as file:
        file.write(b"one")
        file.write(b"two")
    assert (path.read_bytes(), names(path)) == (b"two", ["state.json"])


def test_a_second_server_learns_who_has_it(path):
    with StateFile(path) as file:
        file.announce("http://127.0.0.1:8080")
        with pytest.raises(StateFileError, match=rf"held by http://127\.0\.0\.1:8080 \(process {os.getpid()}\)\. Stop"):
            StateFile(path)
    with StateFile(path):
        pass


def test_what_a_killed_server_has_left_is_no_obstacle(path):
    path.with_name(".state.json.lock").write_text("http://127.0.0.1:1 (process 1)")
    path.with_name(".state.json.abcd_123").write_text("half")
    path.with_name(".state.json.mine").write_text("not ours")
    with StateFile(path) as file:
        file.write(b"x")
    assert names(path) == [".state.json.mine", "state.json"]


def test_a_link_is_followed_and_the_mode_kept(path):
    real = path.with_name("real.json")
    real.write_text("old")
    real.chmod(0o640)
    path.symlink_to(real)
    with StateFile(path) as file:
        file.write(b"new")
        with pytest.raises(StateFileError, match="held by"):
            StateFile(real)
    assert path.is_symlink()
    assert (real.read_text(), stat.S_IMODE(real.stat().st_mode)) == ("new", 0o640)


def test_a_new_file_is_for_its_owner_alone(path):
    with StateFile(path) as file:
        file.write(b"x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_where_nothing_can_be_saved_is_said_at_once(tmp_path):
    with pytest.raises(StateFileError, match=r"is no folder, so no state can be saved in it\. Make it, or choose"):
        StateFile(tmp_path / "none" / "state.json")
    with pytest.raises(StateFileError, match="is no file, so no state can be saved in it"):
        StateFile(tmp_path)
    with pytest.raises(
        StateFileError, match=r"No state can be saved to /proc/state\.json: .* Choose another --state\."
    ):
        StateFile("/proc/state.json")


def test_a_file_that_cannot_be_written_leaves_the_old_one(path, monkeypatch):
    def full(*_):
        raise OSError("No space left on device")

    path.write_text("old")
    with StateFile(path) as file:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            file.write(b"new")
    assert (path.read_text(), names(path)) == ("old", ["state.json"])
