"""The command line: `mockserver serve`, `mockserver operations`, `mockserver proxy`, `mockserver contract …`."""

import datetime as dt
import gc
import shlex
import typing as t
from pathlib import Path

import click

from mockserver.cli.console import Console
from mockserver.cli.contract import contract
from mockserver.cli.state import state
from mockserver.cli.suggest import suggest

DEFAULT_KEY = "mockkey1." + "0" * 32


@click.group(cls=Console, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cofactr-mockserver")
def main():
    """A stateful mock of the Cofactr Platform API."""


contract.add_command(suggest)
main.add_command(contract)
main.add_command(state)

operations_file = click.option(
    "--operations",
    "corrections",
    type=click.Path(),
    metavar="FILE",
    help="YAML with verbs and paths that replace ours, in the form of contracts/operations.yaml.",
)

overlay_file = click.option(
    "--overlay",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Corrections of the contract, as `contract suggest` writes them; see contracts/OVERLAY.md.",
)


allow_host = click.option(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    metavar="NAME",
    help="A further name that requests may call this server by; `.example.com` for all below. Give it once for each. "
    "On 127.0.0.1 only this machine's names are answered otherwise, so that no web page can reach the server.",
)


class ClockRate(click.ParamType):
    """How many seconds the clock moves in a second: `real` is 1, `still` is 0."""

    name = "real|still|RATE"
    named: t.ClassVar = {"real": 1.0, "still": 0.0}

    def get_metavar(self, param, ctx=None):
        return self.name

    def convert(self, value, param, ctx):
        from mockserver.admin.clock import FASTEST

        try:
            rate = self.named[value] if value in self.named else float(value)
        except (TypeError, ValueError):
            rate = -1.0
        if not 0 <= rate <= FASTEST:
            self.fail(f"{value!r} is neither real nor still nor a number from 0 to {FASTEST:.0f}.", param, ctx)
        return rate


def clock_in_words(sandbox) -> str:
    """Return how a sandbox's clock goes, and what it shows."""
    from mockserver.sandbox.clock import stamp

    now, rate = stamp(sandbox.clock.now().replace(microsecond=0)), sandbox.clock.rate
    if not rate:
        return f"clock still at {now}"
    return f"clock running{'' if rate == 1 else f' {rate:g} times as fast'} from {now}"


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@allow_host
@click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="The port to listen on; 0 for any free one.",
)
@click.option(
    "--fixtures",
    default="default",
    show_default=True,
    metavar="NAME|PATH",
    help="The world to start in: the name of a fixture, or a YAML file.",
)
@click.option("--seed", type=int, help="Another seed than the fixture's own.")
@click.option(
    "--api-key",
    envvar="MOCKSERVER_API_KEY",
    default=DEFAULT_KEY,
    show_default=True,
    help="The Admin's key. Or set MOCKSERVER_API_KEY.",
)
@operations_file
@overlay_file
@click.option("--strict", is_flag=True, help="Refuse requests with undocumented keys with 400.")
@click.option(
    "--clock",
    "rate",
    type=ClockRate(),
    default="real",
    show_default=True,
    help="Whether time goes on as really, so many times as fast, or stands still at the moment of the fixture. When it "
    "goes on, all moments of the fixture are moved, so that its own is the start. New sandboxes do the same.",
)
@click.option(
    "--state",
    metavar="FILE|URL",
    help="Keep the state: every write is in this file (SQLite) before it is answered, or on a server that replicas "
    "share (redis://…).",
)
@click.option(
    "--cors",
    multiple=True,
    metavar="ORIGIN",
    help="Let web pages of this origin call the API, such as http://localhost:3000, or * for all. Give it once for "
    "each. /__mock__/ stays closed to them.",
)
@click.option(
    "--forwarded",
    is_flag=True,
    help="Believe X-Forwarded-Proto, -Host and -Prefix, for links to lead through the proxy in front. Only where all "
    "requests come through one.",
)
@click.option(
    "--control-token",
    envvar="MOCKSERVER_CONTROL_TOKEN",
    metavar="TOKEN",
    help="What calls under /__mock__/ have to know. Or set MOCKSERVER_CONTROL_TOKEN.",
)
@click.option(
    "--max-sandboxes",
    default=1000,
    show_default=True,
    type=click.IntRange(0),
    help="How many sandboxes there may be beside the default one.",
)
@click.option(
    "--sandbox-idle",
    default=3600.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="After how long without a call a sandbox is dropped.",
)
@click.pass_context
def serve(
    context,
    host,
    allow_hosts,
    port,
    fixtures,
    seed,
    api_key,
    corrections,
    overlay,
    strict,
    rate,
    state,
    cors,
    forwarded,
    control_token,
    max_sandboxes,
    sandbox_idle,
):
    """Serve the mock until SIGINT, SIGTERM or SIGHUP, its state in memory unless --state says where else."""
    from mockserver import resources, worlds
    from mockserver._yaml import YamlError
    from mockserver.app import App
    from mockserver.cli.state import Kept
    from mockserver.sandbox import Sandbox
    from mockserver.sandbox.registry import Sandboxes
    from mockserver.serving import browsers, costs, standalone
    from mockserver.serving.addresses import loopback
    from mockserver.serving.ticker import Ticker

    if not api_key.isascii() or not api_key.isprintable() or not api_key.strip() or " " in api_key:
        raise click.ClickException(
            "The API key should be printable ASCII without spaces, such as "
            f"{DEFAULT_KEY}. Give another with --api-key or MOCKSERVER_API_KEY."
        )
    given = context.get_parameter_source("api_key") is not click.core.ParameterSource.DEFAULT
    kept = context.with_resource(Kept(state)) if state is not None else None
    if kept is not None and not given:
        api_key = kept.api_key or api_key
    try:
        operations = resources.operations(*([corrections] if corrections else []))
        with worlds.gc_paused():
            world = worlds.with_key(worlds.load(fixtures, seed), api_key)
            if rate:
                begun = kept and kept.begun
                world = worlds.at(world, begun or dt.datetime.now(dt.UTC).replace(microsecond=0))
            gc.freeze()  # the world is there to stay: collections need not trace it
    except (worlds.UnknownFixture, YamlError) as error:
        raise click.ClickException(str(error)) from None
    if control_token is not None and not (
        control_token.isascii() and control_token.isprintable() and control_token.strip() == control_token != ""
    ):
        raise click.ClickException(
            "The control token should be printable ASCII without spaces around it. Give another with --control-token."
        )
    if control_token is None and not loopback(host):
        click.echo(
            f"Warning: whoever reaches {host} can steer this mock under /__mock__/. Give it a --control-token.",
            err=True,
        )
    try:
        origins = [browsers.origin(text) for text in cors]
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    sandbox = Sandbox(world, rate=rate, strict=strict)
    sandboxes = Sandboxes(sandbox, max_sandboxes, sandbox_idle)
    if kept is not None:
        kept.open(sandboxes, fixtures, api_key if given else None)
        api_key = next(iter(sandbox.store["api_key"]))["key"]
    try:
        app = App(
            sandboxes,
            operations,
            control_token,
            fixtures,
            kept and kept.save,
            load_overlay(overlay) if overlay else None,
        )
    except YamlError as error:
        raise click.ClickException(str(error)) from None
    wsgi = browsers.CrossOrigin(app, origins) if origins else app
    if forwarded:
        from werkzeug.middleware.proxy_fix import ProxyFix

        wsgi = ProxyFix(wsgi, x_for=1, x_proto=1, x_host=1, x_prefix=1)

    def ready(url):
        header = shlex.quote(f"Authorization: Api-Key {api_key}")
        boms = next(operation.path for operation in app.operations if operation.id == "list_boms")
        say(
            f"Cofactr mock ready on {url}\n"
            f"  fixtures  {world.name} (seed {world.seed}), "
            f"{sum(operation.served for operation in operations)} operations, {clock_in_words(sandbox)}\n"
            f"  API key   {api_key}\n"
            + (f"  state     {kept.told}\n" if kept else "")
            + f"  docs      {url}/__mock__/docs/\n"
            f"  try       curl -H {header} {url}{boms}"
        )

    try:
        with Ticker(sandboxes):
            status = standalone.serve(
                lambda: wsgi,
                host,
                port,
                ready,
                cost=costs.cost(app),
                largest=costs.largest,
                allow_hosts=allow_hosts,
            )
    except standalone.CannotListen as error:
        raise click.ClickException(str(error)) from None
    context.exit(status)


@main.command()
@click.option(
    "--target",
    required=True,
    metavar="URL",
    help="The deployment that everything is forwarded to, and nothing anywhere else.",
)
@click.option(
    "--record",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The HAR file to record to; one that is there is replaced.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@allow_host
@click.option(
    "--port",
    default=8081,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="The port to listen on; 0 for any free one.",
)
@overlay_file
@click.option(
    "--keep-bodies",
    is_flag=True,
    help="Record bodies of forms that cannot be searched for secrets, such as plain text or files, all the same.",
)
def proxy(target, record, host, allow_hosts, port, overlay, keep_bodies):
    """Forward to a real deployment, hold both directions to the contract, and record them without secrets.

    Each answer counts what breaks the contract in X-Contract-Violations; /__mock__/journal has the details.
    """
    from mockserver._yaml import YamlError
    from mockserver.app.document import document
    from mockserver.contract.overlay import Overlay
    from mockserver.serving import standalone
    from mockserver.serving.addresses import loopback
    from mockserver.traffic.proxy import Proxy, Recording, WrongTarget

    try:
        contract = Overlay.load(overlay).apply(document()).document if overlay else document()
        app = Proxy(target, contract, keep_bodies=keep_bodies)
        app.recording = Recording(record)
    except (WrongTarget, YamlError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{record} cannot be written: {error.strerror}. Choose another --record.") from None
    if not loopback(host):
        click.echo(
            f"Warning: whoever reaches {host} reaches {app.target.origin} through this proxy, "
            "and reads what went through it.",
            err=True,
        )

    def ready(url):
        say(
            f"Proxy ready on {url}\n"
            f"  target   {app.target.origin}{app.target.base}\n"
            f"  record   {record}\n"
            f"  journal  {url}/__mock__/journal"
        )

    lost = []

    def stop():
        try:
            app.recording.save()
        except OSError as error:
            lost.append(f"The recording could not be saved to {record}: {error.strerror or error}. It is lost.")
        if app.recording.left_out:
            click.echo(
                f"{app.recording.left_out} exchanges were left out of {record}: it would have become too large.",
                err=True,
            )

    try:
        status = standalone.serve(lambda: app, host, port, ready, stop, cost=app.cost, allow_hosts=allow_hosts)
    except standalone.CannotListen as error:
        raise click.ClickException(str(error)) from None
    if lost:
        raise click.ClickException(lost[0])
    click.get_current_context().exit(status)


def load_overlay(path: Path):
    from mockserver.contract.overlay import Overlay

    return Overlay.load(path)


def say(text: str) -> None:
    """Print a line at once. A ClickException when nobody can read it, since a server that cannot say where it is
    serves nobody."""
    try:
        click.echo(text)
    except OSError as error:
        raise click.ClickException(f"The standard output cannot be written: {error.strerror}.") from None


@main.command()
@operations_file
def operations(corrections):
    """Print all operations: id, verb, path, whether they are served, how they are known, documented title."""
    from mockserver import resources
    from mockserver._yaml import YamlError

    try:
        rows = resources.operations(*([corrections] if corrections else []))
    except YamlError as error:
        raise click.ClickException(str(error)) from None
    width, path_width = max(len(row.id) for row in rows), max(len(row.path) for row in rows)
    tag = None
    for row in rows:
        if row.tag != tag:
            tag = row.tag
            click.secho(f"\n{tag}", bold=True)
        known = ", ".join(f"{part} {evidence}" for part, evidence in row.evidence.items())
        served = "served" if row.served else "not yet"
        shown = f"{row.id:{width}}  {row.method:6}  {row.path:{path_width}}  {served:7}  {known}"
        click.echo(f"  {shown}  “{row.title}”")
    click.echo(f"\n{sum(row.served for row in rows)} of {len(rows)} operations served.")
