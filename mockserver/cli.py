"""The command line: `mockserver serve`, `mockserver operations`."""
import gc
import shlex

import click

DEFAULT_KEY = "mockkey1." + "0" * 32


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cofactr-mockserver")
def main():
    """A stateful mock of the Cofactr Platform API."""


operations_file = click.option("--operations", "corrections", type=click.Path(dir_okay=False), metavar="FILE",
                               help="YAML with verbs and paths that replace ours, in the form of contracts/operations.yaml.")


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="The port to listen on; 0 for any free one.")
@click.option("--fixtures", default="default", show_default=True, metavar="NAME|PATH", help="The world to start in: the name of a fixture, or a YAML file.")
@click.option("--seed", type=int, help="Another seed than the fixture's own.")
@click.option("--api-key", envvar="MOCKSERVER_API_KEY", default=DEFAULT_KEY, show_default=True, help="The Admin's key. Or set MOCKSERVER_API_KEY.")
@operations_file
def serve(host, port, fixtures, seed, api_key, corrections):
    """Serve the mock until SIGINT or SIGTERM. One process, its state in memory."""
    from mockserver import worlds
    from mockserver._yaml import YamlError
    from mockserver.app import App, served_operations
    from mockserver.sandbox import Sandbox
    from mockserver.serving import standalone

    if not api_key.isascii() or not api_key.isprintable() or not api_key.strip() or " " in api_key:
        raise click.ClickException("The API key should be printable ASCII without spaces, such as "
                                   f"{DEFAULT_KEY}. Give another with --api-key or MOCKSERVER_API_KEY.")
    try:
        operations = served_operations(*([corrections] if corrections else []))
        with worlds.uncollected():
            world = worlds.with_key(worlds.load(fixtures, seed), api_key)
            gc.freeze()                                           # the world is there to stay: collections need not trace it
    except (worlds.UnknownFixture, YamlError) as error:
        raise click.ClickException(str(error)) from None

    def ready(url):
        header = shlex.quote(f"Authorization: Api-Key {api_key}")
        boms = next(operation.path for operation in operations if operation.id == "list_boms")
        click.echo(f"Cofactr mock ready on {url}\n"
                   f"  fixtures  {world.name} (seed {world.seed}), {sum(operation.served for operation in operations)} operations\n"
                   f"  API key   {api_key}\n"
                   f"  docs      {url}/__mock__/docs/\n"
                   f"  try       curl -H {header} {url}{boms}")

    try:
        standalone.serve(lambda: App(Sandbox(world, rate=1.0), operations), host, port, ready)
    except standalone.CannotListen as error:
        raise click.ClickException(str(error)) from None


@main.command()
@operations_file
def operations(corrections):
    """Print all operations: id, verb, path, whether they are served, how they are known."""
    from mockserver._yaml import YamlError
    from mockserver.app import served_operations

    try:
        rows = served_operations(*([corrections] if corrections else []))
    except YamlError as error:
        raise click.ClickException(str(error)) from None
    width, path_width = max(len(row.id) for row in rows), max(len(row.path) for row in rows)
    tag = None
    for row in rows:
        if row.tag != tag:
            tag = row.tag
            click.secho(f"\n{tag}", bold=True)
        known = ", ".join(f"{part} {evidence}" for part, evidence in row.evidence.items())
        click.echo(f"  {row.id:{width}}  {row.method:6}  {row.path:{path_width}}  {'served' if row.served else 'not yet':7}  {known}")
    click.echo(f"\n{sum(row.served for row in rows)} of {len(rows)} operations served.")
