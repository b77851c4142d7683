"""A log on a server of Redis's or Valkey's, for any number of processes."""

import contextlib

import redis

from mockserver.log import Base, LogUnavailable

TIMEOUT = 0.5  # seconds to connect or to answer, after which the server is away

# KEYS: entries, position of the base, snapshot. A log's keys share a hash tag, so that a cluster keeps them together.
READ = """
local base, after = tonumber(redis.call('GET', KEYS[2]) or '0'), tonumber(ARGV[1])
if after >= base then return {false, redis.call('LRANGE', KEYS[1], after - base, -1)} end
return {base, redis.call('LRANGE', KEYS[1], 0, -1), redis.call('GET', KEYS[3])}
"""
APPEND = """
local ends = redis.call('LLEN', KEYS[1]) + tonumber(redis.call('GET', KEYS[2]) or '0')
if ARGV[1] ~= '' and tonumber(ARGV[1]) ~= ends then return false end
for i = 2, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[i]) end
return ends + #ARGV - 1
"""
COMPACT = """
local base, upto = tonumber(redis.call('GET', KEYS[2]) or '0'), tonumber(ARGV[1])
if upto <= base then return 0 end
redis.call('LTRIM', KEYS[1], upto - base, -1)
redis.call('SET', KEYS[2], upto)
redis.call('SET', KEYS[3], ARGV[2])
return 1
"""


class RedisLog:
    """The logs on a server, such as `redis://host:6379/0` or `unix:///run/redis.sock`, under keys `cofactr-mock:…`."""

    shared = True

    def __init__(self, url: str):
        self._client = redis.Redis.from_url(
            url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=None, retry_on_error=[]
        )
        self._read, self._append, self._compact = map(self._client.register_script, (READ, APPEND, COMPACT))

    def read(self, name: str, after: int) -> tuple[Base | None, list[bytes]]:
        with _unavailable():
            base, entries, *snapshot = self._read(_keys(name), [after])
        return (None if base is None else Base(base, snapshot[0])), entries

    def append(self, name: str, after: int | None, entries: list[bytes]) -> int | None:
        with _unavailable():
            return self._append(_keys(name), ["" if after is None else after, *entries])

    def compact(self, name: str, upto: int, snapshot: bytes | None) -> None:
        with _unavailable():
            self._compact(_keys(name), [upto, snapshot or b""])

    def close(self) -> None:
        self._client.close()


def _keys(name: str) -> list[str]:
    return [f"cofactr-mock:{{{name}}}:{part}" for part in ("entries", "base", "snapshot")]


@contextlib.contextmanager
def _unavailable():
    try:
        yield
    except redis.RedisError as error:
        raise LogUnavailable(f"The store of the mock's state is away: {error}.") from None
