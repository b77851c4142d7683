"""The mock in process: requests that would go to the real host reach a sandbox instead."""

import asyncio
import contextlib
import dataclasses as dc
import datetime as dt
import functools
import inspect
import typing as t
from pathlib import Path

from mockserver import verification, worlds
from mockserver.admin.clock import Clock, parse
from mockserver.admin.errors import Refused
from mockserver.admin.faults import Faults
from mockserver.admin.jobs import Jobs
from mockserver.admin.journal import Journal
from mockserver.admin.records import Outbox, Records
from mockserver.admin.snapshots import Difference, Expected, Snapshots, assert_changes
from mockserver.admin.webhooks import Webhooks
from mockserver.api import auth
from mockserver.app import App
from mockserver.control.sandboxes import shown
from mockserver.sandbox import Sandbox, Snapshot, World
from mockserver.sandbox.registry import Sandboxes
from mockserver.serving import wsgi
from mockserver.serving.intercept import intercept

ORIGIN = "https://flagship-api.cofactr.com"
ROUNDS = 100  # of webhooks that lead to calls that lead to webhooks


class Handle:
    """A sandbox as a test holds it: where to call it, with which key, what is in it, what was done to it."""

    url: str
    """Where the API is, without a slash at the end."""
    sandbox: Sandbox
    """The state behind it."""

    def __init__(
        self,
        url: str,
        sandbox: Sandbox,
        jobs=None,
        judge: verification.Verdicts | None = None,
        app: App | None = None,
    ):
        self.url, self.sandbox = url, sandbox
        self._jobs, self._app = jobs, app or shared_app()
        self._judge = judge or verification.Verdicts(sandbox)
        if judge is None:  # the first to hold it
            self._begin()

    def _begin(self):
        if self._jobs is not None:
            _set_policies(self.jobs, self._jobs)

    @property
    def api_key(self) -> str:
        """The first key of the fixture; in those that come with the mock, an Admin's."""
        return self.api_keys[0]["key"]

    @property
    def api_keys(self) -> list[dict]:
        """The keys that open the sandbox: `{key, name, role, roles, org_id}`."""
        return shown(self.sandbox)["api_keys"]

    @property
    def records(self) -> Records:
        """Every record there is: `records("bom", name="Motor")`, `.get(kind, id)`, `.put(kind, id, …)`,
        `.delete(kind, id)`, `.count()`."""
        return Records(self.sandbox)

    def given(self, kind: str, /, **values) -> dict:
        """A new record with these fields, the rest made up plausibly; answered as its GET operation does."""
        return self.records.given(kind, **values)

    @property
    def clock(self) -> Clock:
        """The time: `.now`, `.set("2026-02-01T00:00:00Z")`, `.advance(hours=2)`, `.freeze()`,
        `.run(rate=60)`."""
        return Clock(self.sandbox)

    @property
    def jobs(self) -> Jobs:
        """Asynchronous jobs: `.policy("manual")`, `.complete(id)`, `.fail(id, "why")`."""
        return Jobs(self.sandbox)

    @property
    def faults(self) -> Faults:
        """What goes wrong: `.add("create_bom", status=503, times=2)`, `.remove(id)`, `.clear()`."""
        return Faults(self.sandbox, self._app.operations)

    @property
    def webhooks(self) -> Webhooks:
        """Who is told of records, and how it went: `.subscribe(url, triggers=["BOM"])`, `.deliveries`,
        `.drain()`, `.redeliver(id)`.

        What is due is sent right after the call that caused it, before its caller has the answer. In a
        coroutine it waits for `await asyncio.to_thread(mock.webhooks.drain)`: the event loop may be the
        receiver's too.
        """
        return Webhooks(self.sandbox)

    @property
    def outbox(self) -> Outbox:
        """The e-mails, oldest first: `len(mock.outbox)`, `mock.outbox[-1]["subject"]`."""
        return Outbox(self.sandbox)

    @property
    def journal(self) -> Journal:
        """The latest calls and their answers: iterate, or `.find(operation="create_bom", status=409)`."""
        return Journal(self.sandbox, self._app.operations)

    def snapshot(self) -> Snapshot:
        """This moment, for `restore` and `diff`: all but the journal, which goes on."""
        return self.sandbox.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Bring a moment back."""
        self.sandbox.restore(_snapshot(snapshot))

    def diff(self, before: Snapshot, after: Snapshot | None = None) -> Difference:
        """What changed from one moment to another, or to now: records created, changed field by field, and deleted."""
        return Snapshots(self.sandbox).difference(_snapshot(before), after)

    def assert_changes(
        self,
        before: Snapshot,
        created: t.Mapping[str, Expected] | None = None,
        changed: t.Mapping[str, Expected] | None = None,
        deleted: t.Mapping[str, Expected] | None = None,
    ) -> None:
        """That just this changed since a moment: `mock.assert_changes(before, created={"purchase_order": 1})`.

        Of a kind one can expect a number of records, the fields of one, or a list with the fields of each. The
        AssertionError shows what is otherwise, and all that changed.
        """
        assert_changes(self.diff(before), created, changed, deleted)

    def reset(self) -> None:
        """Back to the start: all there is, the journal included."""
        self._judge.collect()
        self.sandbox.reset()
        self._begin()

    def assert_called(
        self,
        operation: str,
        *,
        times: int | None = None,
        body=None,
        query: dict | None = None,
        status: int | None = None,
        **ids: str,
    ) -> None:
        """That an operation was called, `times` times or at least once.

        `body` needs to be there in part: other keys do not count, lists are of the same length. `query` and
        `status` likewise, and the ids in the path by their names: `assert_called("get_bom", bom_id=id)`.
        The AssertionError shows the nearest calls and the fields in which they differ.
        """
        verification.assert_called(self.journal, self._expectation(operation, body, query, status, ids), times)

    def assert_not_called(
        self, operation: str, *, body=None, query: dict | None = None, status: int | None = None, **ids: str
    ) -> None:
        """That an operation was not called so; see `assert_called`."""
        verification.assert_not_called(self.journal, self._expectation(operation, body, query, status, ids))

    def _expectation(self, operation, body, query, status, ids):
        return verification.Expectation(self._app.operations, operation, body, query, status, **ids)

    def violations_allowed(self) -> contextlib.AbstractContextManager[None]:
        """`with mock.violations_allowed():` what breaks the contract in the block does so on purpose."""
        return self._judge.allowed()

    def assert_contract_kept(self) -> None:
        """That no request since the last time broke the contract. pytest's fixtures ask at the end of a test.

        It is broken by a path or verb there is not, a query or a body that does not fit. Not by what the
        state refuses (404, 409, a reference to what is not there), by rights, or by faults.
        Raises ContractViolation.
        """
        found = verification.violations(self._judge.take())
        if found:
            raise verification.ContractViolation(found)


class Mock(Handle):
    """A fresh sandbox behind the real API's address, for as long as the `with` block lasts.

        with Mock() as mock:
            requests.get(f"{mock.url}/v1/boms/", headers={"Authorization": f"Api-Key {mock.api_key}"})

    Calls of requests, urllib3, httpx and aiohttp to `origin` are answered in this process, without a
    socket, whichever thread or client object makes them; other hosts are left alone, or refused with
    `block_network`. `async with` does the same. As a decorator, `@Mock()` gives each run of a function or
    coroutine function a fresh one, and hands it over if there is a parameter called `mock`.

    `fixtures` is the name of a fixture or the path of a YAML file, `seed` another seed than its own.
    `strict` refuses undocumented keys. `jobs` is a policy (`"manual"`, `{"mode": "reads", "reads": 3}`) or
    one for each operation (`{"upsert_bom_async": "manual"}`). `now` is where the clock stands: a datetime
    with an offset, or RFC 3339. `overlay` is the path of corrections to the contract (see
    contracts/OVERLAY.md), which the mock then keeps to.
    Raises UnknownFixture, YamlError, or Refused with the reason.
    """

    def __init__(
        self,
        fixtures: str | Path = "default",
        seed: int | None = None,
        *,
        strict: bool = False,
        jobs: str | dict | None = None,
        now: dt.datetime | str | None = None,
        origin: str = ORIGIN,
        block_network: bool = False,
        overlay: str | Path | None = None,
    ):
        self._options = {
            "fixtures": fixtures,
            "seed": seed,
            "strict": strict,
            "jobs": jobs,
            "now": now,
            "origin": origin,
            "block_network": block_network,
            "overlay": overlay,
        }
        self._sandboxes = Sandboxes(Sandbox(_world(fixtures, seed, now), strict=strict))
        self._block_network = block_network
        self._blocks: list[t.Any] = []
        app = shared_app() if overlay is None else overlaid_app(Path(overlay))
        super().__init__(origin.rstrip("/"), self._sandboxes.default, jobs, app=app)

    def another(
        self,
        fixtures: str | Path = "default",
        seed: int | None = None,
        *,
        name: str | None = None,
        strict: bool = False,
        jobs: str | dict | None = None,
        now: dt.datetime | str | None = None,
    ) -> Handle:
        """One more world behind the same address, opened by its own API keys. Refused for a name in use."""
        try:
            sandbox = self._sandboxes.create(_world(fixtures, seed, now), name, strict)
        except ValueError as error:
            raise Refused(str(error)) from None
        return Handle(self.url, sandbox, jobs, app=self._app)

    @contextlib.contextmanager
    def live(self) -> t.Iterator[Handle]:
        """The same sandbox behind a second door: a server on a free port of 127.0.0.1, for any client."""
        from mockserver.serving.live import LiveServer

        with LiveServer(self._wsgi) as server:
            yield Handle(server.url, self.sandbox, self._jobs, self._judge, self._app)

    def __enter__(self) -> "Mock":
        block = intercept(self.answer, [self.url], self._block_network)
        block.__enter__()
        self._blocks.append(block)
        return self

    def __exit__(self, *exc_info) -> None:
        self._blocks.pop().__exit__(*exc_info)

    async def __aenter__(self) -> "Mock":
        return self.__enter__()

    async def __aexit__(self, *exc_info) -> None:
        self.__exit__(*exc_info)

    def __call__(self, function):
        """The function, each run of it with a fresh mock."""
        signature = inspect.signature(function)
        wants_it = "mock" in signature.parameters

        def given(mock, kwargs):
            return {**kwargs, "mock": mock} if wants_it else kwargs

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run(*args, **kwargs):
                async with Mock(**self._options) as mock:
                    return await function(*args, **given(mock, kwargs))
        else:

            @functools.wraps(function)
            def run(*args, **kwargs):
                with Mock(**self._options) as mock:
                    return function(*args, **given(mock, kwargs))

        # So that pytest does not look for a fixture called `mock`.
        run.__signature__ = signature.replace(
            parameters=[one for name, one in signature.parameters.items() if name != "mock"]
        )
        return run

    # -- the doors

    def answer(self, method, url, headers, body) -> wsgi.Answer:
        """The answer to one request. A fault may delay it, cut it short, or raise DropConnection."""
        answer = wsgi.call(self._wsgi, method, url, headers, body)
        if answer.dropped:
            raise wsgi.DropConnection
        return answer

    def _wsgi(self, environ, start_response):
        sandbox = environ["mockserver.sandbox"] = self._opened_by(environ)
        response = self._app.wsgi_app(environ, start_response)
        self._send_webhooks(sandbox)
        return response

    def _opened_by(self, environ) -> Sandbox:
        named = environ.get("HTTP_X_MOCK_SANDBOX")
        if named is not None:
            return self._sandboxes.get(named) or self.sandbox
        secret = environ.get("HTTP_AUTHORIZATION", "").removeprefix(auth.KEYWORD)
        return self._sandboxes.opened_by(auth.prefix_of(secret))

    def _send_webhooks(self, sandbox) -> None:
        """A receiver may call in turn: what that causes is sent here, after it has answered."""
        for _ in range(ROUNDS):
            if _in_coroutine() or not Webhooks(sandbox).send_due():
                return


@functools.cache
def shared_app() -> App:
    """The one app of the process: it holds no state, each request brings its sandbox."""
    return App(Sandbox(worlds.load("empty")))


def overlaid_app(path: Path) -> App:
    """The one app of the process for an overlay, as its file is now. YamlError for a wrong one."""
    return _overlaid_app(path, path.stat().st_mtime_ns if path.exists() else 0)


@functools.lru_cache(maxsize=8)
def _overlaid_app(path, changed_at) -> App:
    from mockserver.contract.overlay import Overlay

    return App(Sandbox(worlds.load("empty")), overlay=Overlay.load(path))


def _world(fixtures, seed, now) -> World:
    world = worlds.load(fixtures, seed)
    if now is None:
        return world
    return dc.replace(world, now=parse(now, "now"))


def _snapshot(given) -> Snapshot:
    if not isinstance(given, Snapshot):
        raise Refused(f"A snapshot that mock.snapshot() returned is wanted, not {type(given).__name__} {given!r}.")
    return given


def _set_policies(jobs: Jobs, given: str | dict) -> None:
    """From `"manual"`, `{"mode": …}`, or either by operation."""
    policies = {None: given} if isinstance(given, str) or "mode" in given else given
    for operation, policy in policies.items():
        policy = {"mode": policy} if isinstance(policy, str) else policy
        try:
            jobs.policy(**policy, operation=operation)
        except TypeError:
            raise Refused(
                f"A job policy is a mode, or a mapping with mode, reads, seconds and errors, not {policy!r}."
            ) from None


def _in_coroutine() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
