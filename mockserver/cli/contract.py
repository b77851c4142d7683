"""The command line of the contract: `mockserver contract test`, `check`, `diff`, `show`."""

import ipaddress
import itertools
import os
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import click


class CannotRun(click.ClickException):
    """What keeps a command from running at all; exit status 2, for 1 is what it finds."""

    exit_code = 2


class Reports(click.ParamType):
    """`junit=FILE,html=FILE` as a mapping."""

    name = "reports"

    def __init__(self, *kinds: str):
        self.kinds = kinds

    def convert(self, value, param, ctx):
        found = {}
        for part in value.split(","):
            kind, _, path = part.partition("=")
            if kind not in self.kinds or not path:
                known = ", ".join(f"{kind}=FILE" for kind in self.kinds)
                self.fail(f"{part!r} should be one of {known}.", param, ctx)
            found[kind] = path
        return found


@click.group()
def contract():
    """Check the contract: of a mock, of a deployment, of recorded traffic.

    \b
    Exit status: 0 fine, 1 something was found, 2 it could not run.
    """


contract_file = click.option(
    "--contract", "document", metavar="FILE", help="Another OpenAPI document than ours, YAML or JSON."
)


@contract.command()
@click.option(
    "--url", metavar="URL", help="What to test; without it, a fresh mock. The key comes from COFACTR_API_KEY."
)
@click.option(
    "--read-only",
    is_flag=True,
    help="GET alone, valid data, two requests in a second. The rule for all but a mock.",
)
@click.option(
    "--allow-writes",
    is_flag=True,
    help="Test all operations of what is no mock. It will be full of nonsense afterwards.",
)
@click.option(
    "--include-tag",
    "tags",
    multiple=True,
    metavar="TAG",
    help="Only this group of operations; may be repeated.",
)
@click.option("--max-examples", type=click.IntRange(1), help="Made-up requests for each operation.  [default: 20]")
@click.option(
    "--max-time",
    type=click.FloatRange(0),
    default=0,
    metavar="SECONDS",
    help="Go on with chains of requests for so long.",
)
@click.option("--seed", default=1, show_default=True, help="Equal seeds send equal requests.")
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=Reports("har", "html", "junit"),
    metavar="KIND=PATH,…",
    help="junit=FILE, html=FILE, har=FILE.",
)
@contract_file
def test(url, read_only, allow_writes, tags, max_examples, max_time, seed, reports, document):
    """Does an API keep the contract? Made-up requests to every operation, by schemathesis."""
    # Hypothesis would leave its caches in the working directory.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(tempfile.gettempdir(), "mockserver-hypothesis")))
    from mockserver.conformance import harness, remote

    options = {
        "tags": tags,
        "max_examples": max_examples,
        "max_time": max_time,
        "seed": seed,
        "reports": _merged(reports),
    }
    if read_only and allow_writes:
        raise click.UsageError("Say either --read-only or --allow-writes.")
    _require_writable(options["reports"])
    with _Progress() as options["progress"]:
        try:
            if url is None:
                outcome = _fresh(document, read_only, options)
            else:
                outcome, read_only = _at(
                    _address(url),
                    os.environ.get("COFACTR_API_KEY"),
                    read_only,
                    allow_writes,
                    document,
                    options,
                )
        except (remote.Unreachable, harness.ContractExtraMissing, ValueError, OSError) as error:
            raise CannotRun(str(error)) from None
    _tell(outcome, read_only)
    if outcome.failures or (outcome.warnings and not read_only):
        _say_how_to_repeat(url, tags, max_examples, max_time, seed, read_only, allow_writes)
        sys.exit(1)
    if outcome.errors:
        sys.exit(2 if not outcome.cases else 1)


@contract.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=Reports("html", "json", "junit"),
    metavar="KIND=FILE,…",
    help="json=FILE, junit=FILE, html=FILE.",
)
@click.option(
    "--show-bodies",
    is_flag=True,
    help="Quote bodies and values too. Secrets stay hidden where they can be told.",
)
@contract_file
def check(files, reports, show_bodies, document):
    """Does recorded traffic keep the contract? HAR files, VCR cassettes, the journal's export.

    FILE may be a folder, or a pattern such as 'tests/**/*.yaml'; any file may be compressed by gzip.
    """
    from mockserver.traffic import report

    outcome = _checked(files, _document(document), show_bodies)
    if not outcome.exchanges and not outcome.left_out:
        raise CannotRun(f"There are no exchanges in {', '.join(files)}.")
    for kind, path in _merged(reports).items():
        try:
            report.write(outcome, kind, path)
        except OSError as error:
            raise CannotRun(f"{path}: cannot be written: {error.strerror}") from None
    click.echo(report.text(outcome))
    sys.exit(1 if outcome.breaking else 0)


@contract.command()
@click.argument("old")
@click.argument("new", required=False)
@click.option(
    "--fail-on",
    type=click.Choice(["breaking", "warning"]),
    help="Exit with 1 for such a change, or a worse one.",
)
def diff(old, new, fail_on):
    """What changed from OLD to NEW, two OpenAPI documents? Ours is NEW when it is left out."""
    from mockserver.contract import diff as diffing

    try:
        changes = diffing.diff(_document(old), _document(new))
    except RecursionError:
        raise CannotRun(f"{old}: is nested too deeply to be compared.") from None
    click.echo(diffing.text(changes))
    fatal = {None: set(), "breaking": {"breaking"}, "warning": {"breaking", "warning"}}[fail_on]
    sys.exit(1 if any(change.severity in fatal for change in changes) else 0)


@contract.command()
@click.option(
    "--traffic",
    "files",
    multiple=True,
    metavar="FILE",
    help="Recorded traffic that may confirm operations; may be repeated.",
)
@contract_file
def show(files, document):
    """How is the contract known? Verbs, paths and fields, documented or inferred, and confirmed by
    traffic."""
    from mockserver.contract import inventory

    document = _document(document)
    confirmed = {id for id, count in _checked(files, document).confirmed.items() if count} if files else set()
    click.echo(inventory.text(inventory.inventory(document, confirmed)))


# -- what the commands share


def _document(path):
    from mockserver._data import contracts_dir
    from mockserver.contract import documents

    try:
        return documents.load(path or contracts_dir() / "openapi.yaml")
    except documents.DocumentError as error:
        raise CannotRun(str(error)) from None


def _checked(files, document, show_bodies=False):
    """The report of the recordings that files, folders and patterns name."""
    from mockserver.contract.documents import DocumentError
    from mockserver.traffic import check, recordings

    try:
        several = [recordings.Recording(path) for path in recordings.files(files)]
        report = check.check(itertools.chain.from_iterable(several), document, show_bodies)
    except (DocumentError, recordings.TrafficError) as error:
        raise CannotRun(str(error)) from None
    report.left_out += sum(recording.left_out for recording in several)
    return report


def _merged(reports):
    return {kind: path for report in reports for kind, path in report.items()}


def _require_writable(reports):
    """A run of minutes should not end in a report that cannot be written."""
    for path in reports.values():
        folder = Path(path).parent
        if not folder.is_dir():
            raise CannotRun(f"{path}: there is no folder {folder}.")


# -- contract test


def _fresh(document, read_only, options):
    from mockserver.conformance import selftest

    if document is not None:
        raise click.UsageError("--contract is for --url; a fresh mock has its own.")
    return selftest.run(read_only=read_only, **options)


def _at(url, key, read_only, allow_writes, document, options):
    """(outcome, whether it was read-only) of a test of what is at a URL."""
    from mockserver.conformance import harness, remote, selftest

    with remote.mock(url, os.environ.get("MOCKSERVER_CONTROL_TOKEN")) as mock:
        if mock is not None:
            own, key = mock.pop("document"), mock.pop("key")
            return harness.run(
                own if document is None else _document(document),
                url=url,
                headers={"Authorization": f"Api-Key {key}"},
                excluded=selftest.excluded_checks(),
                read_only=read_only,
                **mock,
                **options,
            ), read_only
    if not key:
        raise CannotRun("Set COFACTR_API_KEY to a key of this deployment.")
    if urlsplit(url).scheme == "http" and not _is_loopback(url):
        raise CannotRun(f"{url} would send the key in the clear. Use https.")
    read_only = not allow_writes
    if read_only:
        click.echo(
            "No mock: reading only, at most two requests in a second. --allow-writes tests the rest.",
            err=True,
        )
    contract, headers = _document(document), {"Authorization": f"Api-Key {key}"}
    known = remote.deployment(url, contract, headers)
    return harness.run(contract, url=url, headers=headers, read_only=read_only, **known, **options), read_only


def _address(url):
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.UsageError(f"--url should look like https://host or http://127.0.0.1:8080, not {url!r}.")
    if parts.username or parts.query or parts.fragment:
        raise click.UsageError(
            "--url should have neither user, query nor fragment; the key comes from COFACTR_API_KEY."
        )
    return url.rstrip("/")


def _is_loopback(url):
    host = urlsplit(url).hostname
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Progress:
    """One line on a terminal that says what is being tested; nothing elsewhere."""

    def __enter__(self):
        self._shown = sys.stderr.isatty()
        return self._show if self._shown else None

    def __exit__(self, *_):
        if self._shown:
            click.echo("\r\033[K", nl=False, err=True)

    def _show(self, line):
        click.echo(f"\r\033[K{line[:100]}", nl=False, err=True)


def _tell(outcome, read_only):
    for failure in outcome.failures:
        click.echo(_repeatable(str(failure)) + "\n")
    for text in (
        *(f"error: {text}" for text in outcome.errors),
        *(f"warning: {text}" for text in outcome.warnings),
    ):
        click.echo(text)
    groups = {}
    for id, tested in outcome.operations.items():
        groups.setdefault(tested.tag or "(no group)", {})[id] = tested
    width = max(map(len, [*groups, "group"]))
    click.echo(f"\n{'group':{width}}  operations   cases  failures  no 2xx")
    for name, operations in groups.items():
        without = [id for id, tested in operations.items() if not tested.served]
        click.echo(
            f"{name:{width}}  {len(operations):10}  {sum(tested.cases for tested in operations.values()):6}"
            f"  {sum(len(tested.failures) for tested in operations.values()):8}  {', '.join(without) or '-'}"
        )
    click.echo(f"\n{outcome.summary()}{' Read only.' if read_only else ''}")


def _repeatable(text):
    """A curl command that runs as it stands, its key taken from the environment."""
    return text.replace("'Authorization: [Filtered]'", '"Authorization: Api-Key $COFACTR_API_KEY"').replace(
        "http://localhost/", "http://127.0.0.1:8080/"
    )


def _say_how_to_repeat(url, tags, max_examples, max_time, seed, read_only, allow_writes):
    import shlex

    words = ["mockserver", "contract", "test", "--seed", str(seed)]
    words += [
        word
        for name, value in (("--url", url), ("--max-examples", max_examples), ("--max-time", max_time))
        if value
        for word in (name, str(value))
    ]
    words += [word for tag in tags for word in ("--include-tag", tag)]
    words += ["--read-only"] if read_only else ["--allow-writes"] if allow_writes else []
    click.echo(f"\nTo repeat it all:  {shlex.join(words)}")
    if url is None:
        click.echo(
            "To repeat one:     mockserver serve, then its curl command with the key that serve prints as "
            "COFACTR_API_KEY; "
            "what a chain of requests made before may be needed, too."
        )
