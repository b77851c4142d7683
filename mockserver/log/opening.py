"""Opening a state: which log it is, what it began with, and the sandboxes brought to where it ends."""

import contextlib
import datetime as dt
import hashlib
import os
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from mockserver.log import Log, LogUnavailable
from mockserver.log.follower import REGISTRY, JournalWriter, RegistryFollower
from mockserver.log.sqlite import CannotOpen, SqliteLog
from mockserver.sandbox import OWN_KINDS, World
from mockserver.sandbox.clock import stamp
from mockserver.sandbox.registry import Sandboxes

FORMAT = 1
URLS = ("redis://", "rediss://", "unix://")


class State(t.NamedTuple):
    """A log, and what it began with, None when it is new: `{format, fixtures, seed, fingerprint, now, api_key}`."""

    log: Log
    begin: dict | None
    target: str


def open_state(target: str) -> State:
    """Return the state in a file, or on a server of Redis's or Valkey's. Raises CannotOpen."""
    if target.startswith(URLS):
        try:
            from mockserver.log.redis import RedisLog
        except ImportError:
            raise CannotOpen(
                "A state on a server needs the redis client: pip install 'cofactr-mockserver[redis]'."
            ) from None
        try:
            log: Log = RedisLog(target)
        except ValueError as error:
            raise CannotOpen(f"{target} is no address of a server: {error}.") from None
    else:
        log = SqliteLog(Path(target))
    try:
        entries = log.read(REGISTRY, 0)[1]
    except LogUnavailable as error:
        log.close()
        raise CannotOpen(f"{error} Start it, or choose another --state.") from None
    return State(log, orjson.loads(entries[0])["begin"] if entries else None, target)


def begin(state: State, world: World, api_key: str) -> None:
    """Write down what the state begins with, or check that it began so. Raises CannotOpen."""
    mine = {
        "format": FORMAT,
        "fixtures": world.name,
        "seed": world.seed,
        "fingerprint": fingerprint(world),
        "now": stamp(world.now),
        "api_key": api_key,
        "created_at": stamp(dt.datetime.now(dt.UTC)),
    }
    other = state.begin
    if other is None and state.log.append(REGISTRY, 0, [orjson.dumps({"begin": mine})]) is None:
        other = orjson.loads(state.log.read(REGISTRY, 0)[1][0])["begin"]  # another process was first
    if other is None:
        return
    if other["format"] != FORMAT:
        raise CannotOpen(
            f"{state.target} was written by another version of the mock (format {other['format']}; this one "
            f"has {FORMAT}). Use that version, or another --state."
        )
    if (other["fixtures"], other["seed"]) != (world.name, world.seed):
        raise CannotOpen(
            f"{state.target} was begun with --fixtures {other['fixtures']} --seed {other['seed']}, not with "
            f"--fixtures {world.name} --seed {world.seed}. Start it as it was begun, or choose another --state."
        )
    if other["fingerprint"] != mine["fingerprint"]:
        raise CannotOpen(
            f"The fixture {world.name!r} is another than when {state.target} was begun, so its records would not fit. "
            "Bring the fixture back (`mockserver state export` keeps what there is), or choose another --state."
        )


@contextlib.contextmanager
def followed(state: State, sandboxes: Sandboxes, load_world: Callable[[str, int, float], World]) -> Iterator[None]:
    """Keep the sandboxes in step with the state while the block lasts."""
    writer = None if state.log.shared else JournalWriter(sandboxes)
    RegistryFollower(state.log, sandboxes, load_world, writer and writer.watch).start()
    try:
        with writer or contextlib.nullcontext():
            yield
    finally:
        state.log.close()


def fingerprint(world: World) -> str:
    """Return a digest of the records a world holds, API keys aside: those are given when a server starts."""
    digest = hashlib.blake2b(digest_size=16)
    for kind, table in world.store.tables.items():
        if kind != "api_key" and kind not in OWN_KINDS:
            digest.update(orjson.dumps([kind, list(table)]))
    return digest.hexdigest()


def set_aside(path: Path) -> Path:
    """Rename the file of an older version, whose state was loaded, and return its new name."""
    old = path.with_name(f"{path.name}.old")
    os.replace(path, old)
    return old
