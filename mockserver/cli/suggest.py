"""`mockserver contract suggest`: from recorded traffic, an overlay."""

from pathlib import Path

import click


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option(
    "-o",
    "--output",
    "output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where the overlay goes; a file that is there is replaced.",
)
def suggest(files, output):
    """What would make the contract true? HAR files, VCR cassettes, the journal's export.

    Writes an OpenAPI Overlay, each action with its evidence. Read it before you use it: renames and paths are
    guesses, with a confidence. Then: mockserver serve --overlay FILE.
    """
    from mockserver._yaml import YamlError
    from mockserver.app.document import document
    from mockserver.cli.contract import CannotRun
    from mockserver.contract.overlay import Overlay
    from mockserver.traffic import check, recordings, report
    from mockserver.traffic.suggest import suggest as suggested
    from mockserver.traffic.suggest import to_yaml

    contract = document()
    try:
        exchanges = [exchange for file in files for exchange in recordings.read(file)]
        actions = suggested(contract, exchanges)
        output.write_text(to_yaml(actions), encoding="utf-8")
        left = (
            check.check(exchanges, Overlay.load(output).apply(contract).document)
            if actions
            else check.check(exchanges, contract)
        )
    except (recordings.TrafficError, YamlError) as error:
        raise CannotRun(str(error)) from None
    except OSError as error:
        raise CannotRun(f"{output} cannot be written: {error.strerror}.") from None
    for action in actions:
        click.echo(f"{action['target']}\n    {action['description']}")
    click.echo(f"\n{len(actions)} corrections from {len(exchanges)} exchanges, in {output}.")
    if left.findings:
        click.echo(f"\nWhat they leave:\n\n{report.text(left)}")
