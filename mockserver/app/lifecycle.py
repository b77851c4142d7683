"""The life of a call of the API, step by step, from its bytes to its answer."""

import contextlib
import dataclasses as dc
import time
import typing as t
from urllib.parse import urlencode

from flask import Response, request

from mockserver import resources
from mockserver.admin import faults, webhooks
from mockserver.admin.faults import Effect
from mockserver.admin.jobs import run_due_jobs
from mockserver.api import auth, loading
from mockserver.api.fields import Upload, current_scope
from mockserver.api.openapi import patch
from mockserver.api.operation import Handler, Operation
from mockserver.api.problems import Invalid, PermissionDenied, Problem, UnsupportedMediaType
from mockserver.api.resource import Page, Reply, Resource
from mockserver.api.scope import Scope, may
from mockserver.app.errors import Injected, answer
from mockserver.sandbox import Sandbox
from mockserver.sandbox.store import Change

if t.TYPE_CHECKING:
    from mockserver.app import App
    from mockserver.contract.wire import Wire


class Plan:
    """What is known of an operation before anybody calls it: how its query and body are loaded, where it creates."""

    def __init__(self, app: "App", operation: Operation, paths: dict[str, str]):
        handler: Handler = operation.handler
        self.app, self.operation, self.handler = app, operation, handler
        self.wire: Wire | None = app.corrected and app.corrected.wire(operation.id)
        self.query = handler.query() if handler.query else None
        own = {"org_id", *(self.query.fields if self.query else ())}
        self.parameters = self.wire.known_parameters if self.wire else own
        self.many = isinstance(handler.body, list)
        body = handler.body[0] if self.many else handler.body
        self.body = body and (patch(body) if handler.partial else body())
        self.location = _location_of(handler, paths)


@dc.dataclass
class Call:
    """One request as it goes along; the journal's entry is made of it."""

    started: float = dc.field(default_factory=time.perf_counter)
    plan: Plan | None = None
    ids: dict[str, str] = dc.field(default_factory=dict)  # in its path
    body: t.Any = None  # as it was read: bytes, or the parts of a form
    secret: str = ""  # the API key it was made with
    sandbox: Sandbox | None = None
    scope: Scope | None = None
    step: str = "routing"  # the one it is at, or was refused by
    problem: Problem | None = None
    effect: Effect | None = None
    unknown_keys: list[str] = dc.field(default_factory=list)
    kept: dict[tuple, dict] = dc.field(default_factory=dict)  # of the body, what an overlay adds to what handlers know
    records: list[dict] = dc.field(default_factory=list)  # that its path names
    parts: dict[str, t.Any] = dc.field(default_factory=dict)  # the loaded query and body
    result: t.Any = None  # what the handler returned
    status: int = 200
    payload: t.Any = None
    headers: dict[str, str] = dc.field(default_factory=dict)
    changes: list[Change] = dc.field(default_factory=list)
    commit: int | None = None  # the latest of the sandbox, when the call was over
    done: bool = False  # whether the operation took place, whatever became of its answer

    def begin_again(self) -> None:
        """Forget what an attempt led to that came too late."""
        self.problem = self.effect = self.scope = None
        self.unknown_keys, self.kept, self.records, self.parts, self.headers, self.changes = [], {}, [], {}, {}, []
        self.done = False

    @property
    def wire(self) -> "Wire | None":
        return self.plan and self.plan.wire

    @property
    def args(self):
        """The query, in the words the handlers know."""
        return request.args if self.wire is None else self.wire.query(request.args)


def respond(call: Call) -> Response:
    """Carry out a call of an operation and return its answer; raise the Problem it is refused with."""
    call.step = "body"
    call.body = read_body(call.plan.handler)  # before the sandbox is held: a slow client holds up nobody
    call.step = "authentication"
    call.secret = auth.secret_of(request.headers.get("Authorization"))
    call.sandbox = sandbox = call.plan.app.open_sandbox(call.secret)
    sandbox.attempt(lambda: carry_out(call))
    if call.problem is not None:
        raise call.problem
    if callable(call.payload):
        finish_slow_answer(call)
    if call.effect and call.effect.status:
        raise Injected(call.effect)
    return answer(call.status, call.payload, call.headers)


def carry_out(call: Call) -> None:
    """Take the steps of a call. Run twice on the same state it does the same."""
    call.begin_again()
    sandbox = call.sandbox
    with sandbox.transaction(call), contextlib.suppress(Refused):  # one commit, of a refused call too
        for step in PREPARATION:
            take(call, step)
        with sandbox.transaction() as commit, scope_of(call):  # undone alone when the operation refuses
            for step in OPERATION:
                take(call, step)
            call.changes, call.done = list(commit.changes), True
            webhooks.publish(call.scope, commit)
    call.commit = sandbox.store.number


class Refused(Exception):
    """A step refused the call; its problem is the call's."""


def take(call: Call, step: tuple[str, t.Callable]) -> None:
    call.step, run = step
    try:
        run(call)
    except Problem as problem:
        call.problem = problem
        raise Refused from None


@contextlib.contextmanager
def scope_of(call: Call):
    """References are looked up in what the call's key can see."""
    token = current_scope.set(call.scope)
    try:
        yield
    finally:
        current_scope.reset(token)


# -- the steps -------------------------------------------------------------------------------------------------


def run_due(call):
    run_due_jobs(call.sandbox)


def authenticate(call):
    key = auth.authenticate(call.sandbox, call.secret, call.plan.app.substitute())
    call.scope = Scope(call.sandbox, auth.touch(call.sandbox, key), resources.by_kind())


def permit(call):
    if not may(call.scope.roles, call.plan.operation):
        raise PermissionDenied


def inject_fault(call):
    call.effect = faults.decide(call.sandbox, call.plan.operation.id, request.path, call.scope.key["key"])
    if call.effect and not call.effect.handled and (call.effect.drop or call.effect.status):
        raise Injected(call.effect if call.effect.status else dc.replace(call.effect, status=503))


def choose_organisation(call):
    if (org_id := call.args.get("org_id")) is not None:
        call.scope.narrow(loading.org_id(org_id))


def load_query(call):
    call.unknown_keys = [f"?{name}" for name in request.args if name not in call.plan.parameters]
    if call.unknown_keys and call.sandbox.strict:
        raise Invalid({name[1:]: ["Unknown query parameter."] for name in call.unknown_keys})
    if call.plan.query:
        call.parts["query"] = loading.load_query(call.plan.query, call.args)


def find_records(call):
    call.records = call.plan.operation.locate(call.scope, call.ids)


def load_body(call):
    plan = call.plan
    if plan.body is None:
        return
    parse = parse_form if plan.handler.content_type == "multipart/form-data" else loading.parse
    value, gone = parse(call.body, request.content_type), []
    if plan.wire is not None:
        value = plan.wire.request(value, call.kept, gone)
    paths = gone + loading.unknown_keys(plan.body, value)
    call.unknown_keys += [".".join(map(str, path)) for path in paths]
    if paths and call.sandbox.strict:
        raise Invalid(loading.nested(paths, "Unknown field.", value))
    call.parts["data"] = loading.load(plan.body, value, many=plan.many)


def handle(call):
    call.result = call.plan.handler.run(call.scope, *call.records, **call.parts)


def represent(call):
    handler, result = call.plan.handler, call.result
    call.status = handler.status
    if isinstance(result, Reply):
        call.status, call.headers, result = result.status or call.status, result.headers, result.value
    present = handler.returns[0] if isinstance(handler.returns, list) else handler.returns
    if isinstance(result, Page):
        call.payload = page_document(call, result)
    elif not isinstance(present, Resource):
        call.payload = result
    elif isinstance(result, list):
        call.payload = [present.present(call.scope, record) for record in result]
    else:
        call.payload = present.present(call.scope, result)
    if call.plan.location and call.status == 201:
        location = call.plan.location.format(**call.ids, id=call.payload["id"])
        call.headers = {**call.headers, "Location": location}
    if call.wire is not None and not callable(call.payload):
        translate(call)


PREPARATION = (
    ("routing", run_due),
    ("authentication", authenticate),
    ("permission", permit),
    ("fault", inject_fault),
    ("organisation", choose_organisation),
)
OPERATION = (
    ("query", load_query),
    ("records", find_records),
    ("body", load_body),
    ("state", handle),
    ("state", represent),
)


# -- what the steps are made of --------------------------------------------------------------------------------


def finish_slow_answer(call: Call) -> None:
    """Make an answer that takes time, and the sandbox only while it reads."""
    call.payload = call.payload()
    if call.wire is not None:
        made = call.status, call.payload, call.headers

        def translate_again():
            call.status, call.payload, call.headers = made
            with call.sandbox.transaction():
                translate(call)

        call.sandbox.attempt(translate_again)


def translate(call: Call) -> None:
    """Put the answer in the words of the corrected contract."""
    call.status, call.payload, call.headers = call.wire.answer(
        call.sandbox, call.status, call.payload, call.headers, call.kept
    )


def read_body(handler: Handler):
    """Return the bytes or the form of the request; None when the operation takes none."""
    if handler.body is None:
        return None
    return read_form() if handler.content_type == "multipart/form-data" else request.get_data()


def read_form() -> dict:
    """Return the texts and files of a form by name; of a repeated one the last counts."""
    texts = {name: values[-1] for name, values in request.form.lists()}
    files = {name: values[-1] for name, values in request.files.lists()}
    return texts | {name: Upload(file.filename or "", file.content_type, file.read()) for name, file in files.items()}


def parse_form(form, content_type):
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType(content_type)
    return form


def page_document(call: Call, page: Page) -> dict:
    """Return a page of records as it goes on the wire, with links to its neighbours."""
    names = call.wire.parameters if call.wire else {}
    limit_name, offset_name = names.get("limit", "limit"), names.get("offset", "offset")

    def link(offset):
        query = [(key, value) for key, value in request.args.items(multi=True) if key not in (limit_name, offset_name)]
        return f"{base_url()}?{urlencode([*query, (limit_name, page.limit), (offset_name, offset)])}"

    resource = call.plan.handler.page
    return {
        "count": page.count,
        "next": link(page.offset + page.limit) if page.offset + page.limit < page.count else None,
        "previous": link(max(0, page.offset - page.limit)) if page.offset else None,
        "results": [resource.present(call.scope, record) for record in page.results],
    }


def base_url() -> str:
    """Return the URL of the request without its query. One without a Host went to the server's own address."""
    if request.host:
        return request.base_url
    name, port = request.environ.get("SERVER_NAME") or "localhost", request.environ.get("SERVER_PORT") or "80"
    return f"{request.scheme}://{name}:{port}{request.path}"


def _location_of(handler, paths):
    """Where a created record is to be read, as a format of the request's path ids and its own `id`."""
    if handler.status != 201 or not isinstance(handler.returns, Resource) or handler.returns.retrieve_id is None:
        return None
    return paths[handler.returns.retrieve_id].replace(f"{{{handler.returns.kind}_id}}", "{id}")
