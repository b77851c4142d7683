"""The state that `mockserver serve --state` keeps, and the commands that look into it: `mockserver state …`."""

import contextlib
import os
import typing as t
from pathlib import Path

import click

if t.TYPE_CHECKING:
    import datetime as dt


class Kept:
    """The state of a server: `with Kept("mock.db") as kept: …; kept.open(sandboxes, …)`. Raises ClickException."""

    def __init__(self, target: str):
        from mockserver.log.opening import URLS

        self.target = target
        self.told = target  # with a word on what was found in it, once it is open
        self._stack = contextlib.ExitStack()
        self._state = None
        self._path = None if target.startswith(URLS) else Path(target)
        self._older = self._path is not None and _is_json(self._path)

    def __enter__(self) -> "Kept":
        if not self._older:
            self._open_log()
        return self

    def __exit__(self, *exc_info) -> None:
        self._stack.close()

    def _open_log(self):
        from mockserver.log.opening import open_state
        from mockserver.log.sqlite import CannotOpen

        if self._path is not None and not self._path.parent.is_dir():
            raise click.ClickException(
                f"{self._path.parent} is no folder, so no state can be kept in it. Make it, or choose another --state."
            )
        try:
            self._state = open_state(self.target)
        except CannotOpen as error:
            raise click.ClickException(str(error)) from None
        self._stack.callback(self._state.log.close)

    @property
    def api_key(self) -> str | None:
        """The Admin's key that the state began with; None when it is new."""
        begin = self._state and self._state.begin
        return begin and begin["api_key"]

    @property
    def begun(self) -> "dt.datetime | None":
        """The moment that the fixture's own was moved to when the state began; None when it is new."""
        from mockserver.sandbox.clock import moment

        begin = self._state and self._state.begin
        return begin and moment(begin["now"])

    def open(self, sandboxes, fixtures: str, api_key: str | None) -> None:
        """Bring the sandboxes to where the state ends, and keep them in it. `api_key` becomes the Admin's."""
        from mockserver import worlds
        from mockserver.admin import state
        from mockserver.log.opening import begin, followed
        from mockserver.log.sqlite import CannotOpen

        default = sandboxes.default
        if self._older:
            try:
                state.read(default, self._path)
            except state.InvalidState as invalid:
                raise click.ClickException(
                    f"{invalid} The file was left as it is; move it away to start afresh."
                ) from None
            aside = self._path.with_name(f"{self._path.name}.old")
            os.replace(self._path, aside)
            self._open_log()
            self.told = f"{self.target} (what was in it before is in {aside})"

        def load_world(name, seed, rate):
            world = worlds.load(fixtures if name == default.world.name else name, seed)
            return worlds.at(world, default.world.now) if rate else world

        known = self._state.begin is not None
        try:
            begin(self._state, default.world, next(iter(default.store["api_key"]))["key"])
        except CannotOpen as error:
            raise click.ClickException(str(error)) from None
        self._stack.enter_context(followed(self._state, sandboxes, load_world))
        if known:
            self.told = (
                f"{self.target} ({len(list(sandboxes))} sandboxes, {default.store.number} commits in the default one)"
            )
        first = next(iter(default.store["api_key"]))
        if api_key is not None and first["key"] != api_key:
            prefix = api_key.partition(".")[0]
            default.attempt(lambda: default.store.replace("api_key", {**first, "key": api_key, "prefix": prefix}))

    def save(self) -> str:
        """Return where the state is. It is there already: each write is, before it is answered."""
        return self.target


def _is_json(path: Path) -> bool:
    """Whether the file is the document of an older version."""
    try:
        with open(path, "rb") as file:
            return file.read(64).lstrip()[:1] == b"{"
    except OSError:  # which opening it says better
        return False


# -- commands


@click.group()
def state():
    """Look into a state that `mockserver serve --state` keeps. No server should have it open, if it is a file."""


target = click.argument("target", metavar="FILE|URL")


@contextlib.contextmanager
def _opened(target):
    from mockserver import worlds
    from mockserver._yaml import YamlError
    from mockserver.sandbox import Sandbox
    from mockserver.sandbox.registry import Sandboxes

    if "://" not in target and not Path(target).exists():
        raise click.ClickException(f"There is no {target}.")
    with Kept(target) as kept:
        if kept._state is None:
            raise click.ClickException(f"{target} is a document already, not a state that a server keeps.")
        begin = kept._state.begin
        if begin is None:
            raise click.ClickException(f"There is no state in {target}: no server was started on it yet.")
        try:
            world = worlds.with_key(worlds.load(begin["fixtures"], begin["seed"]), begin["api_key"])
            world = worlds.at(world, kept.begun)
        except (worlds.UnknownFixture, YamlError) as error:
            raise click.ClickException(f"The fixture that {target} was begun with cannot be read: {error}") from None
        sandboxes = Sandboxes(Sandbox(world))
        kept.open(sandboxes, begin["fixtures"], None)
        yield begin, sandboxes


@state.command()
@target
def info(target):
    """Say what is in it: its sandboxes, how many records and commits each has."""
    from mockserver.sandbox import OWN_KINDS
    from mockserver.sandbox.clock import stamp

    with _opened(target) as (begin, sandboxes):
        click.echo(f"{target}: fixtures {begin['fixtures']} (seed {begin['seed']}), begun {begin['created_at']}")
        for sandbox in sandboxes:
            tables = sandbox.store.tables.items()
            records = sum(len(table) for kind, table in tables if kind not in OWN_KINDS)
            click.echo(
                f"  {sandbox.name:<20} {records} records, {sandbox.store.number} commits, "
                f"{len(sandbox.snapshots)} snapshots, clock {stamp(sandbox.clock.now())}"
            )


@state.command()
@target
@click.option("--sandbox", "name", default="default", show_default=True, help="Which sandbox.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to; stdout without it.")
def export(target, name, output):
    """Write a sandbox as the JSON document that POST /__mock__/import and `state import` take."""
    from mockserver.admin import state as documents

    with _opened(target) as (_, sandboxes):
        sandbox = sandboxes.get(name)
        if sandbox is None:
            known = ", ".join(one.name for one in sandboxes)
            raise click.ClickException(f"There is no sandbox {name!r} in {target}. There are {known}.")
        content = documents.dumps(sandbox)
    if output is None:
        click.echo(content)
    else:
        output.write_bytes(content)


@state.command(name="import")
@target
@click.argument("document", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--fixtures", default="default", show_default=True, metavar="NAME|PATH", help="The world it began in.")
@click.option("--seed", type=int, help="Another seed than the fixture's own.")
def import_(target, document, fixtures, seed):
    """Make a state of a JSON document, or put the document in place of what the default sandbox of one holds."""
    from mockserver import worlds
    from mockserver._yaml import YamlError
    from mockserver.admin import state as documents
    from mockserver.sandbox import Sandbox
    from mockserver.sandbox.registry import Sandboxes

    with Kept(target) as kept:
        try:
            world = worlds.load(fixtures, seed)
        except (worlds.UnknownFixture, YamlError) as error:
            raise click.ClickException(str(error)) from None
        world = worlds.with_key(world, kept.api_key) if kept.api_key else world
        world = worlds.at(world, kept.begun) if kept.begun else world
        sandboxes = Sandboxes(Sandbox(world))
        kept.open(sandboxes, fixtures, None)
        sandbox = sandboxes.default
        try:
            sandbox.attempt(lambda: documents.read(sandbox, document))
        except documents.InvalidState as invalid:
            raise click.ClickException(str(invalid)) from None
    click.echo(f"{document} is in {target} now.")
