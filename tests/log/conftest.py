"""Logs to test: a file of SQLite's, and a real server of Redis's on a unix socket, where there is one."""

import contextlib
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from mockserver import worlds
from mockserver.app import App
from mockserver.log.opening import begin, followed, open_state
from mockserver.sandbox import Sandbox
from mockserver.sandbox.registry import Sandboxes

KEY = "mockkey1.00000000000000000000000000000000"


class RedisServer:
    """A server of Redis's in a folder of its own; its data is lost when it stops, unless it keeps a file."""

    def __init__(self, folder: Path):
        self.folder, self.socket = folder, folder / "redis.sock"
        self.process = None

    def start(self):
        command = [
            "redis-server", "--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder), "--save", "",
            "--appendonly", "yes", "--appendfsync", "everysec", "--loglevel", "warning",
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(500):
            if self.answers():
                return
            time.sleep(0.02)
        raise RuntimeError("redis-server did not start")

    def answers(self) -> bool:
        import redis

        try:
            with contextlib.closing(redis.Redis(unix_socket_path=str(self.socket), socket_timeout=1)) as client:
                return client.ping()
        except redis.RedisError:
            return False

    def stop(self, kill=False):
        if self.process is not None:
            self.process.kill() if kill else self.process.terminate()
            self.process.wait()
            self.process = None

    @property
    def url(self):
        return f"unix://{self.socket}"


@pytest.fixture(scope="session")
def redis_server():
    pytest.importorskip("redis")
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    with tempfile.TemporaryDirectory(prefix="mock-redis-") as folder:  # short: the path of a socket is limited
        server = RedisServer(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture(params=["sqlite", "redis"])
def target(request, tmp_path):
    """Where a state may be kept, empty."""
    if request.param == "sqlite":
        return str(tmp_path / "mock.db")
    server = request.getfixturevalue("redis_server")
    import redis

    with contextlib.closing(redis.Redis(unix_socket_path=str(server.socket))) as client:
        client.flushall()
    return server.url


class Replica:
    """A server's app on a state, without the socket: `with Replica(target) as replica: replica.get("/v1/boms/")`."""

    def __init__(self, target, fixtures="default", seed=None, rate=0.0, key=KEY, idle=3600.0):
        self.target, self.fixtures, self.seed, self.rate, self.key, self.idle = target, fixtures, seed, rate, key, idle

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        world = worlds.load(self.fixtures, self.seed)
        state = open_state(self.target)
        self.log = state.log
        try:
            begin(state, world, self.key)
            self.sandboxes = Sandboxes(Sandbox(worlds.with_key(world, self.key), rate=self.rate), idle=self.idle)
            load_world = lambda name, seed, rate: worlds.load(name, seed)  # noqa: E731
            self.stack.enter_context(followed(state, self.sandboxes, load_world))
        except BaseException:
            state.log.close()
            raise
        self.app = App(self.sandboxes)
        self.client = self.app.test_client()
        return self

    def __exit__(self, *exc_info):
        self.stack.close()

    @property
    def sandbox(self):
        return self.sandboxes.default

    def call(self, method, path, json=None, key=None, headers=None, **kwargs):
        headers = {"Authorization": f"Api-Key {key or self.key}", **(headers or {})}
        return self.client.open(path, method=method, json=json, headers=headers, **kwargs)

    def answer(self, method, path, json=None, **kwargs):
        response = self.call(method, path, json, **kwargs)
        assert response.status_code < 400, response.text
        return response.json

    def get(self, path, **kwargs):
        return self.answer("GET", path, **kwargs)

    def post(self, path, json=None, **kwargs):
        return self.answer("POST", path, json, **kwargs)


@pytest.fixture
def replica_of():
    """`replica_of(target)`: a replica, running until the test ends."""
    with contextlib.ExitStack() as stack:
        yield lambda target, **options: stack.enter_context(Replica(target, **options))
