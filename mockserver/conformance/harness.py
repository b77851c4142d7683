"""Contract testing: schemathesis's engine against a WSGI app in this process, or against a URL.

`run()` executes what ``schemathesis run`` executes, the phases examples, coverage, fuzzing and stateful with
every check, and returns an `Outcome` instead of printing one. It needs the extra ``contract``; importing this
module does not.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
import time
import tomllib
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mockserver._data import contracts_dir
from mockserver.conformance import writes
from mockserver.conformance.references import Ids, Paths, References, operations

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

PHASES = ("examples", "coverage", "fuzzing", "stateful")
BODY_SHOWN = 500  # bytes of a response that a failure quotes
SOCKET_SETTINGS = frozenset({"max_redirects", "verify", "cert", "proxies"})


class ContractExtraMissing(Exception):
    """Contract testing was asked for, but schemathesis is not installed."""


@dataclass(frozen=True)
class Failure:
    """A broken promise. `code` is schemathesis's (ST101 ...), `reproduce` the requests as curl commands."""

    operation: str
    check: str
    code: str
    title: str
    message: str
    reproduce: str

    def __str__(self) -> str:
        lines = [f"{self.operation}: {self.check} ({self.code} {self.title})", self.message, self.reproduce]
        return "\n".join(filter(None, lines))


@dataclass
class OperationOutcome:
    """What one operation went through. `served`: a valid request of its own was answered with 2xx."""

    tag: str | None = None
    cases: int = 0
    by_status: Counter[int] = field(default_factory=Counter)
    served: bool = False
    failures: list[Failure] = field(default_factory=list)


@dataclass
class Outcome:
    """The result of a run; `ok` if there are no failures, errors or warnings.

    `operations` is keyed by operation id. `warnings` say where the run proves less than it seems to: an
    operation that never answered 2xx, that lacked test data, that only refused. `errors` are exceptions in
    the app, a server that went away, a contract that cannot be used. `excused` counts the failures that
    `excluded` dropped, by (operation id, check): an exclusion that excused nothing is stale.
    """

    seed: int
    operations: dict[str, OperationOutcome]
    links_covered: int = 0
    links_total: int = 0
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    excused: Counter[tuple[str, str]] = field(default_factory=Counter)
    cases: int = 0
    seconds: float = 0.0

    @property
    def failures(self) -> list[Failure]:
        return [failure for operation in self.operations.values() for failure in operation.failures]

    @property
    def ok(self) -> bool:
        return not (self.failures or self.warnings or self.errors)

    def __str__(self) -> str:
        found = [*(f"error: {text}" for text in self.errors), *(f"warning: {text}" for text in self.warnings)]
        return "\n\n".join([*map(str, self.failures), *found, self.summary()])

    def summary(self) -> str:
        tested = sum(1 for operation in self.operations.values() if operation.cases)
        return (
            f"{self.cases} cases on {tested} of {len(self.operations)} operations, "
            f"{self.links_covered} of {self.links_total} links: "
            f"{len(self.failures)} failures, {len(self.errors)} errors, {len(self.warnings)} warnings "
            f"({self.seconds:.1f} s, seed {self.seed})"
        )


def run(
    document: Mapping[str, Any],
    *,
    app: WSGIApplication | None = None,
    url: str | None = None,
    headers: Mapping[str, str] | None = None,
    phases: Sequence[str] = PHASES,
    max_examples: int | None = None,
    max_time: float = 0,
    seed: int = 1,
    tags: Sequence[str] = (),
    operation_ids: Sequence[str] = (),
    excluded: Mapping[str, Collection[str]] | None = None,
    read_only: bool = False,
    reset: Callable[[], None] | None = None,
    reference_ids: Ids | None = None,
    reference_paths: Paths | None = None,
    config_file: str | Path | None = None,
    reports: Mapping[str, str | Path] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Outcome:
    """Test the `app`, or the server at `url` (the address that the document's paths are appended to).

    document        the OpenAPI document, as a dict; it is not changed
    headers         sent with every request; the credentials belong here, the auth checks take them off again
    max_examples    generated cases for an operation in the fuzzing phase, and scenarios in the stateful one
    max_time        seconds of further stateful testing, each round with its own seed. The count of cases then
                    depends on the machine; without it, equal seeds send equal requests
    tags, operation_ids   limit the run to operations that have one of each
    excluded        operation id -> names of the checks whose failures it is excused
    read_only       GET alone, valid data and credentials alone, at most two requests in a second
    reset           puts the API into its first state again: before each operation of a phase, each scenario
    reference_ids   kind, path parameters -> ids of existing records, for what the document marks with ``x-references``
    reference_paths operation id -> path parameters of existing records, as mappings
    config_file     a schemathesis.toml instead of the contracts' own; the other arguments overrule it
    reports         format (``junit``, ``html``, ``har`` ...) -> file
    progress        is told one line for each operation and scenario that is done

    Raises ContractExtraMissing without schemathesis, ValueError for an operation id that the document lacks.
    A selection that leaves nothing to test is an error in the outcome.
    """
    if (app is None) == (url is None):
        raise ValueError("Say what to test: either an app or a url.")
    _require_schemathesis()
    from schemathesis import openapi
    from schemathesis.checks import load_all_checks
    from schemathesis.config import SchemathesisConfig

    load_all_checks()
    excluded = excluded or {}
    ids = {label: operation.get("operationId", label) for label, _, operation in operations(document)}
    _require_known({*operation_ids, *excluded}, ids)

    reports = dict(reports or {})
    # schemathesis writes its page into a folder of its own; it is one file and stands alone.
    page, folder = reports.get("html"), tempfile.TemporaryDirectory(prefix="mockserver-report-")
    if page is not None:
        reports["html"] = folder.name
    settings = tomllib.loads(Path(config_file or contracts_dir() / "schemathesis.toml").read_text("utf-8"))
    _override(
        settings,
        seed=seed,
        url=url,
        headers=headers,
        phases=phases,
        max_examples=max_examples,
        reports=reports,
        read_only=read_only,
    )
    config = SchemathesisConfig.from_dict(settings)
    schema = openapi.from_dict(copy.deepcopy(dict(document)), config=config)
    schema.app = app
    selection = {
        "tag": list(tags) or None,
        "operation_id": list(operation_ids) or None,
        "method": "GET" if read_only else None,
    }
    if any(selection.values()):
        schema = schema.include(**selection)

    outcome = Outcome(seed=seed, operations={})
    _excuse(schema, excluded, ids, outcome.excused)
    references = References(document, reference_ids, reference_paths)
    started = time.perf_counter()
    with folder, _prepared(schema, references, reset or (lambda: None)), _checked(writes.checks_of(document)):
        _collect(schema, _events(schema, config, max_time), ids, outcome, excluded, progress)
        if page is not None:
            shutil.copyfile(Path(folder.name, "index.html"), page)
    outcome.seconds = time.perf_counter() - started
    return outcome


def _require_schemathesis() -> None:
    try:
        import schemathesis  # noqa: F401
    except ImportError as missing:
        raise ContractExtraMissing(
            "Contract testing needs schemathesis: pip install 'cofactr-mockserver[contract]'"
        ) from missing


def _require_known(named: Collection[str], ids: Mapping[str, str]) -> None:
    if unknown := sorted(set(named) - set(ids.values())):
        raise ValueError(f"The contract has no operation {', '.join(unknown)}; see the operationIds in the document.")


def _override(settings: dict, *, seed, url, headers, phases, max_examples, reports, read_only) -> None:
    """Put the arguments of `run` into what schemathesis.toml says."""
    settings["seed"] = seed
    # One failure must not hide the next, and a run that remembers earlier ones is not reproducible.
    settings["continue-on-failure"] = True
    settings["cache"] = {"enabled": False}
    settings["workers"] = 1
    settings.setdefault("generation", {})["database"] = "none"
    if max_examples is not None:
        settings["generation"]["max-examples"] = max_examples
    if url is not None:
        settings["base-url"] = url
    if headers:
        settings["headers"] = dict(headers)
    for phase in PHASES:
        settings.setdefault("phases", {}).setdefault(phase, {})["enabled"] = phase in phases
    for name, path in reports.items():
        settings.setdefault("reports", {})[name] = {"path": str(path)}
    if read_only:
        settings["rate-limit"] = "2/s"
        settings["generation"]["mode"] = "positive"
        settings["phases"]["stateful"]["enabled"] = False
        for check in ("ignored_auth", "unsupported_method", writes.READ, writes.KEPT):
            settings.setdefault("checks", {})[check] = {"enabled": False}


def _excuse(schema: Any, excluded: Mapping[str, Collection[str]], ids: Mapping[str, str], excused: Counter) -> None:
    # The failure's own operation decides, not the request's: it is a GET that finds what a DELETE has left.
    def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
        operation = ids.get(failure.operation, failure.operation)
        checks = set(failure.checks) & set(excluded.get(operation, ()))
        excused.update((operation, check) for check in checks)
        return not checks

    schema.hooks.hook(filter_failure)


@contextmanager
def _checked(checks: Collection[Callable]) -> Iterator[None]:
    """Have schemathesis run checks of ours beside its own."""
    from schemathesis.checks import CHECKS

    for check in checks:
        CHECKS.register(check)
    try:
        yield
    finally:
        for check in checks:
            CHECKS.unregister(check.__name__)


@contextmanager
def _prepared(schema: Any, references: References, reset: Callable[[], None]) -> Iterator[None]:
    """Reset the API and fill in references before the requests that schemathesis sends."""
    from schemathesis.core.parameters import ParameterLocation
    from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER
    from schemathesis.transport.wsgi import WSGI_TRANSPORT

    unit = None

    # Only the global scope knows this hook.
    def before_call(context: Any, case: Any, kwargs: dict) -> None:
        nonlocal unit
        if case.operation.schema is not schema or (phase := _phase(case)) == "stateful":
            return
        if unit != (phase, case.operation.label):
            unit = (phase, case.operation.label)
            reset()
        _fill(case, references)

    build = schema.build_state_machine

    def build_state_machine(**feedback: Any) -> type:
        class Scenario(build(**feedback)):
            def __init__(self) -> None:
                reset()
                super().__init__()

            def before_call(self, case: Any) -> None:
                # Whether a record is still found under its path is what the checks look at, so there a link's
                # id stays, deleted or not. In a body a deleted id is refused, and is replaced like any other.
                linked = self._current_input.applied_parameters
                _fill(case, references, {name for place, name in linked if place == ParameterLocation.PATH})
                super().before_call(case)

        return Scenario

    send = WSGI_TRANSPORT.send

    # When a check sends a request of its own, as ignored_auth does, schemathesis 4.32 passes the settings of
    # its socket transport on to werkzeug, which refuses them.
    def send_in_process(case: Any, **settings: Any) -> Any:
        return send(case, **{name: value for name, value in settings.items() if name not in SOCKET_SETTINGS})

    schema.build_state_machine = build_state_machine
    GLOBAL_HOOK_DISPATCHER.hook(before_call)
    WSGI_TRANSPORT.send = send_in_process
    try:
        yield
    finally:
        del WSGI_TRANSPORT.send
        GLOBAL_HOOK_DISPATCHER.unregister(before_call)


def _phase(case: Any) -> str | None:
    return case.meta.phase.name.value if case.meta else None


def _fill(case: Any, references: References, linked: Collection[str] = ()) -> None:
    """Fill the valid parts of a request; the path parameters named in `linked` stay as they are."""
    from schemathesis.core import NotSet
    from schemathesis.core.parameters import ParameterLocation

    if case.meta is None:
        return
    label = case.operation.label
    # What an example of the document has given is no component.
    broken = {place for place, component in case.meta.components.items() if not component.mode.is_positive}
    filled = {}
    if ParameterLocation.PATH not in broken:
        filled["path_parameters"] = references.in_path(label, case.path_parameters, linked, (case.query, case.body))
    if ParameterLocation.QUERY not in broken:
        filled["query"] = references.in_query(label, case.query)
    if ParameterLocation.BODY not in broken and not isinstance(case.body, NotSet):
        filled["body"] = references.in_body(
            label, case.media_type, case.body, filled.get("path_parameters") or case.path_parameters
        )
    for container, value in filled.items():
        # An assignment makes schemathesis judge the whole request anew.
        if value != getattr(case, container):
            setattr(case, container, value)


def _events(schema: Any, config: Any, max_time: float) -> Generator[Any]:
    """The engine's events; with `max_time`, those of a second, stateful run for that long.

    The engine shares a time limit out among all phases, which would cut the coverage phase short. The links
    that the first run learned stay in the schema.
    """
    from schemathesis.engine import events, from_schema

    yield from from_schema(schema).execute()
    if max_time and schema.config.phases.stateful.enabled:
        schema.config.phases.update(phases=["stateful"])
        config.update(seed=config.seed + 1_000_000, max_failures=None, max_time=max_time)
        yield from (event for event in from_schema(schema).execute() if not isinstance(event, events.EngineStarted))


def _collect(
    schema: Any,
    stream: Generator[Any],
    ids: Mapping[str, str],
    outcome: Outcome,
    excluded: Mapping[str, Collection[str]],
    progress: Callable | None,
) -> None:
    """Let schemathesis's own bookkeeping, and its report writers, see the events; then read it."""
    from schemathesis.cli.commands.run.context import ExecutionContext
    from schemathesis.cli.events import LoadingFinished
    from schemathesis.cli.executor import initialize_report_handlers
    from schemathesis.core.result import Ok
    from schemathesis.engine import events

    for result in schema.get_all_operations():
        if isinstance(result, Ok):
            label = result.ok().label
            outcome.operations[ids[label]] = OperationOutcome(tag=next(iter(result.ok().tags or ()), None))
    context = ExecutionContext(config=schema.config)
    with warnings.catch_warnings():
        # It opens each report's file to see that it can, and leaves the closing to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        handlers = initialize_report_handlers(config=schema.config, args=[], params={})
    loaded = LoadingFinished.from_schema(
        schema, location=schema.location or "", start_time=time.time(), base_url=schema.get_base_url()
    )
    links: set[str] = set()
    for handler in handlers:
        handler.start(context)
    try:
        for event in chain([loaded], stream):
            context.on_event(event)
            for handler in handlers:
                handler.handle_event(context, event)
            if isinstance(event, events.ScenarioFinished):
                links |= _count(event, ids, outcome)
                if progress and event.recorder.cases:
                    progress(f"{event.phase.value}: {event.label or 'scenario'}, {len(event.recorder.cases)} cases")
            elif isinstance(event, events.PhaseStarted) and event.payload:
                outcome.links_total = event.payload.transitions_selected
            elif isinstance(event, events.FatalError):
                outcome.errors.append(f"{type(event.exception).__name__}: {event.exception}")
            elif isinstance(event, events.Interrupted):
                raise KeyboardInterrupt
    finally:
        stream.close()
        for handler in handlers:
            handler.shutdown(context)
    outcome.links_covered = len(links)
    _conclude(context, ids, outcome, excluded)


def _count(event: Any, ids: Mapping[str, str], outcome: Outcome) -> set[str]:
    """Add a scenario's cases to the operations they were sent to. Returns the links it followed."""
    recorder, links = event.recorder, set()
    for case_id, node in recorder.cases.items():
        operation = outcome.operations[ids[node.value.operation.label]]
        operation.cases += 1
        outcome.cases += 1
        interaction = recorder.interactions.get(case_id)
        if interaction is not None and interaction.response is not None:
            status = interaction.response.status_code
            operation.by_status[status] += 1
            valid = node.value.meta is not None and node.value.meta.generation.mode.is_positive
            operation.served |= valid and 200 <= status < 300
        if node.transition is not None and node.is_transition_applied:
            links.add(node.transition.id)
    return links


def _conclude(context: Any, ids: Mapping[str, str], outcome: Outcome, excluded: Mapping[str, Collection[str]]) -> None:
    """Take over what the run as a whole has shown.

    An operation excused from accepting all that fits its schema is not warned of for the same reason.
    """
    from schemathesis.core.errors import NoLinksFound

    for group in chain.from_iterable(grouped.values() for grouped in context.statistic.failures.values()):
        for found in group.failures:
            outcome.operations[ids[found.operation]].failures.append(_failure(found, group, ids))
    if not outcome.cases:
        outcome.errors.append("Nothing was tested: no operation has these tags and ids, or no phase these names.")
    for error in sorted(context.errors, key=lambda error: (error.label, error.info.title)):
        # A few selected operations need not be linked.
        if not isinstance(error.value, NoLinksFound):
            outcome.errors.append(f"{error.label}: {error.info.format()}")
    for kind, labels in context.warnings.as_labels().items():
        excused = {id for id, checks in excluded.items() if "positive_data_acceptance" in checks}
        outcome.warnings += [
            f"{ids.get(label, label)}: {kind.replace('_', ' ')}"
            for label in labels
            if not (kind == "validation_mismatch" and ids.get(label) in excused)
        ]
    for found in context.statistic.extraction_failures:
        outcome.warnings.append(
            f"{ids[found.source]}: the link {found.id} finds no {found.parameter_name} at {found.expression}"
        )
    for operation, tested in outcome.operations.items():
        if not tested.served:
            counts = ", ".join(f"{count}x {status}" for status, count in sorted(tested.by_status.items()))
            outcome.warnings.append(f"{operation}: no valid request was answered with 2xx ({counts or 'no case'})")


def _failure(found: Any, group: Any, ids: Mapping[str, str]) -> Failure:
    message = found.message
    if group.response is not None:
        body = group.response.content[:BODY_SHOWN].decode("utf-8", "replace")
        message = f"{message}\n[{group.response.status_code}] {body}".strip()
    check = found.checks[0] if found.checks else type(found).__name__
    return Failure(ids[found.operation], check, found.code, found.title, message, group.code_sample or "")
