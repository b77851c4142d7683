"""The pytest plugin: the fixtures `cofactr_mock`, `cofactr_server` and `cofactr_mock_factory`.

Every pytest run of everyone who has the package installed imports this module, so it imports pytest
alone; the mock itself comes in with the first test that uses it.
"""

import contextlib
from pathlib import Path

import pytest

MODES = ("fail", "warn", "allow")
ARGUMENTS = ("fixtures", "seed", "strict", "jobs", "now", "overlay", "violations")
MARKER = (
    "cofactr(fixtures='default', seed=None, strict=False, jobs=None, now=None, overlay=None, violations='fail'): "
    "the world of the Cofactr mock in this test, "
    "and what a request that breaks the contract does to it (fail, warn or allow)."
)
ON_PURPOSE = 'If it is meant to: `with mock.violations_allowed():`, or @pytest.mark.cofactr(violations="allow").'

_held = pytest.StashKey[list]()  # of a test: the handles it got
_block = pytest.StashKey[contextlib.ExitStack]()  # of a run: its block of the network


# -- options


def pytest_addoption(parser):
    group = parser.getgroup("cofactr", "Cofactr mock")
    group.addoption(
        "--cofactr-block-network",
        action="store_true",
        help="Refuse requests to any host but this machine and the Cofactr mock, in every test.",
    )
    parser.addini(
        "cofactr_fixtures",
        "World of the Cofactr mock: a fixture, or a YAML file's path from the root.",
        default="default",
    )
    parser.addini("cofactr_seed", "Another seed than the fixture's own.", default="")
    parser.addini("cofactr_strict", "Whether the Cofactr mock refuses undocumented keys.", type="bool", default=False)
    parser.addini(
        "cofactr_origin",
        "Scheme and host that the Cofactr mock answers for.",
        default="https://flagship-api.cofactr.com",
    )
    parser.addini(
        "cofactr_cors",
        "Origins whose pages may call cofactr_server, such as http://localhost:3000, or * for all.",
        type="args",
        default=[],
    )
    parser.addini(
        "cofactr_violations",
        "What breaking the contract does to a test: fail, warn or allow.",
        default="fail",
    )


def pytest_configure(config):
    config.addinivalue_line("markers", MARKER)
    if config.getoption("--cofactr-block-network"):
        from mockserver.serving.intercept import intercept

        config.stash[_block] = contextlib.ExitStack()
        config.stash[_block].enter_context(intercept(_nobody, [], block_network=True))


def pytest_unconfigure(config):
    if _block in config.stash:
        config.stash[_block].close()


def _nobody(*request):
    raise AssertionError("A block without origins answers no request.")


# -- fixtures


@pytest.fixture
def cofactr_mock(request):
    """A fresh default sandbox that answers for https://flagship-api.cofactr.com during the test.

    requests, urllib3, httpx and aiohttp are answered in this process. `.url` is that address, `.api_key` a
    key that works; `.records`, `.given`, `.clock`, `.jobs`, `.faults`, `.webhooks`, `.outbox`, `.journal` and
    `.assert_called` hold the rest (see mockserver.Mock). A request that breaks the contract fails the test.
    """
    options = _options(request.node)
    options.pop("violations")
    origin = request.config.getini("cofactr_origin")
    with _clear_errors():
        from mockserver.mock import Mock

        mock = Mock(**options, origin=origin)
    with mock, _judged(request.node, mock):
        yield mock


@pytest.fixture
def cofactr_server(request, cofactr_mock):
    """The sandbox of `cofactr_mock` behind a live server on a free port, for browsers and other languages.

    `.url` is the server's address; the rest is as in `cofactr_mock`.
    """
    with cofactr_mock.live(request.config.getini("cofactr_cors")) as server:
        yield server


@pytest.fixture
def cofactr_mock_factory(request, cofactr_mock):
    """Makes further worlds: `factory(fixtures="empty", name="theirs")` answers one held as `cofactr_mock` is.

    It is behind the same address, and its own `.api_key` opens it; or behind another, given as `origin`.
    The other arguments are those of the marker, and default to what holds for the test.
    """
    with contextlib.ExitStack() as stack:

        def factory(*, origin=None, name=None, **given):
            from mockserver.mock import Mock

            options = {**_options(request.node), **given}
            options.pop("violations", None)
            if origin is None or origin.rstrip("/") == cofactr_mock.url:
                if options.pop("overlay") is not None and "overlay" in given:
                    pytest.fail("An overlay is of one address: give this world an origin too.", pytrace=False)
                handle = cofactr_mock.another(**options, name=name)
            else:
                handle = stack.enter_context(Mock(**options, origin=origin))
            stack.enter_context(_judged(request.node, handle))
            return handle

        yield factory


def _options(item) -> dict:
    """What the marker says, else the configuration."""
    config = item.config
    options = {
        "fixtures": _path(config.getini("cofactr_fixtures"), config.rootpath),
        "seed": _seed(config.getini("cofactr_seed")),
        "strict": config.getini("cofactr_strict"),
        "jobs": None,
        "now": None,
        "overlay": None,
        "violations": config.getini("cofactr_violations"),
    }
    for marker in reversed(list(item.iter_markers("cofactr"))):  # the nearest has the last word
        unknown = marker.kwargs.keys() - set(ARGUMENTS)
        if marker.args or unknown:
            wrong = f"{', '.join(sorted(unknown))} is none of them" if unknown else "all of them go by name"
            pytest.fail(f"@pytest.mark.cofactr takes {', '.join(ARGUMENTS)}; {wrong}.", pytrace=False)
        options |= marker.kwargs
        if "fixtures" in marker.kwargs:
            options["fixtures"] = _path(marker.kwargs["fixtures"], item.path.parent, config.rootpath)
        if marker.kwargs.get("overlay") is not None:
            options["overlay"] = _path(marker.kwargs["overlay"], item.path.parent, config.rootpath)
    if options["violations"] not in MODES:
        modes = ", ".join(MODES)
        pytest.fail(f"violations of the Cofactr contract can {modes}, not {options['violations']!r}.", pytrace=False)
    return options


def _path(fixtures, *directories):
    """A YAML file's path taken from the first of the directories in which it is; a name stays as it is."""
    found = (directory / fixtures for directory in directories if Path(fixtures).suffix in (".yaml", ".yml"))
    return next((path for path in found if path.is_file()), fixtures)


def _seed(text):
    try:
        return int(text) if text else None
    except ValueError:
        pytest.fail(f"cofactr_seed should be a whole number, not {text!r}.", pytrace=False)


@contextlib.contextmanager
def _clear_errors():
    """What the configuration or a marker got wrong, in words without a traceback through the mock."""
    from mockserver._yaml import YamlError
    from mockserver.worlds import UnknownFixture

    try:
        yield
    except (UnknownFixture, YamlError, ValueError) as error:
        pytest.fail(f"The Cofactr mock cannot start: {error}", pytrace=False)


# -- the contract


@contextlib.contextmanager
def _judged(item, handle):
    """Held to the contract: at the end of the test, and again once fixtures have cleared up."""
    item.stash.setdefault(_held, []).append(handle)
    yield
    _judge(item, handle)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    try:
        result = yield
    except BaseException:
        for handle in item.stash.get(_held, ()):
            _judge(item, handle, failed=True)
        raise
    for handle in item.stash.get(_held, ()):
        _judge(item, handle)
    return result


def _judge(item, handle, failed=False):
    """Fail, warn, or, when the test has failed already, add to its report."""
    entries = handle._judge.take()
    if not entries or (mode := _options(item)["violations"]) == "allow":
        return
    from mockserver import verification

    broken = verification.violations(entries)
    undocumented = [verification.undocumented(entry) for entry in entries if not entry.violations]
    if failed:
        text = "\n".join(filter(None, [broken, *undocumented]))
        item.add_report_section("call", "Cofactr contract violations", text)
        return
    if broken and mode == "fail":
        pytest.fail(f"{broken}\n{ON_PURPOSE}", pytrace=False)
    try:
        for sentence in undocumented:
            item.warn(verification.UndocumentedKeyWarning(sentence))
        if broken:
            item.warn(verification.ContractWarning(broken))
    except verification.ContractWarning as warning:  # the run's filters make errors of warnings
        pytest.fail(f"{warning}\n{ON_PURPOSE}", pytrace=False)
