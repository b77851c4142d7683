"""The WSGI application: the life of a request, from its bytes to the answer."""

import dataclasses as dc
import functools
import time
import typing as t
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import orjson
from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge
from werkzeug.routing import BaseConverter, RequestRedirect

from mockserver import control, resources
from mockserver.admin import webhooks
from mockserver.admin.handles import settle
from mockserver.api import auth, loading
from mockserver.api.fields import Upload, current_scope
from mockserver.api.near_miss import near_misses
from mockserver.api.openapi import patch
from mockserver.api.operation import Operation
from mockserver.api.problems import Invalid, PermissionDenied, Problem, TooLarge, UnsupportedMediaType
from mockserver.api.problems import NotFound as NotFoundProblem
from mockserver.api.resource import Page, Reply, Resource
from mockserver.api.scope import Scope, may
from mockserver.app import recording
from mockserver.contract.validation import Contract
from mockserver.sandbox import Sandbox
from mockserver.sandbox.faults import Effect
from mockserver.sandbox.registry import Sandboxes

if t.TYPE_CHECKING:
    from mockserver.contract.overlay import Overlay
    from mockserver.contract.wire import Wire

MAX_BODY = 10 * 2**20


@dc.dataclass
class Call:
    """What is known of a request as it goes along; the journal's entry is made of it."""

    started: float
    sandbox: Sandbox | None = None
    operation: Operation | None = None
    stage: str = "routing"
    problem: Problem | None = None
    unknown_keys: list[str] = dc.field(default_factory=list)
    kept: dict[tuple, dict] = dc.field(default_factory=dict)  # of the body, what an overlay adds to what handlers know
    wire: "Wire | None" = None
    changes: list = dc.field(default_factory=list)
    effect: Effect | None = None


class App(Flask):
    """Serves the operations from the sandboxes that API keys open. `operations` are bound ones, all of them by default.

    With a `control_token` the control plane wants it. `fixtures` names what the default sandbox was made of, for
    sandboxes
    of the same with another seed. `save` writes the state to its file and answers where that is. An `overlay`
    corrects the
    contract and all that goes over the wire; YamlError when it does not fit.
    """

    def __init__(
        self,
        sandboxes: Sandbox | Sandboxes,
        operations=None,
        control_token: str | None = None,
        fixtures: str | Path | None = None,
        save: Callable[[], Path] | None = None,
        overlay: "Overlay | None" = None,
    ):
        super().__init__(__name__, static_folder=None)
        self.sandboxes = sandboxes if isinstance(sandboxes, Sandboxes) else Sandboxes(sandboxes)
        self.operations = resources.operations() if operations is None else operations
        self.corrected = None
        if overlay is not None:
            from mockserver.app.document import document

            self.corrected = overlay.apply(document(self.operations))
            self.operations = self.corrected.operations(self.operations)
        self.control_token, self.fixtures, self.save = control_token, fixtures, save
        self.config["MAX_CONTENT_LENGTH"] = MAX_BODY
        self.config["MAX_FORM_MEMORY_SIZE"] = MAX_BODY
        self.url_map.merge_slashes = False
        self.url_map.converters |= {"uuid": UuidConverter, "cpid": CpidConverter}
        self.register_error_handler(Problem, answer_problem)
        self.register_error_handler(HTTPException, answer_http_error)
        control.register(self)
        self.before_request(begin)
        self.after_request(self.finish)
        retrieve = {operation.id: operation.path for operation in self.operations}
        for operation in self.operations:
            if operation.served:
                self.add_url_rule(
                    rule(operation), operation.id, view(self, operation, retrieve), methods=[operation.method]
                )

    @property
    def sandbox(self) -> Sandbox:
        """The default sandbox."""
        return self.sandboxes.default

    @functools.cached_property
    def contract(self) -> bytes:
        """The OpenAPI document of what this app serves, as JSON."""
        from mockserver.app.document import document

        return orjson.dumps(document(self.operations) if self.corrected is None else self.corrected.document)

    @functools.cached_property
    def checks(self) -> Contract:
        """The same, to hold requests and answers to."""
        return Contract(orjson.loads(self.contract))

    def raise_routing_exception(self, request):
        """A path of the API without its trailing slash is not there, rather than moved."""
        if isinstance(request.routing_exception, RequestRedirect) and not request.path.startswith(control.PREFIX):
            raise NotFound
        return super().raise_routing_exception(request)

    def find_sandbox(self, prefix: str) -> Sandbox:
        """The sandbox of a request:
        the one it was made in, else the one its header names, else the one its key opens."""
        if (given := request.environ.get("mockserver.sandbox")) is not None:
            return given
        if (name := request.headers.get("X-Mock-Sandbox")) is not None:
            sandbox = self.sandboxes.get(name)
            if sandbox is None:
                raise UnknownSandbox(f"There is no sandbox called {name!r}. POST {control.PREFIX}/sandboxes makes one.")
            sandbox.used_at = time.monotonic()
            return sandbox
        return self.sandboxes.opened_by(prefix)

    def authenticate(self, authorization: str | None):
        """(sandbox, key record). In a sandbox named by its header the default sandbox's keys do as well."""
        substitute = self.sandbox if "X-Mock-Sandbox" in request.headers else None
        return auth.authenticate(self.find_sandbox, authorization, substitute)

    def finish(self, response):
        """Let the call's fault spoil the answer, and write down what is sent."""
        if request.path.startswith(control.PREFIX):
            return response
        call = g.call
        if call.effect:
            request.environ["mockserver.effect"] = call.effect
            if call.effect.malformed:
                response.set_data(response.get_data()[:-1] + b",")
        recording.record(self.operations, call.sandbox or self.sandbox_of_stranger(), call, response)
        return response

    def sandbox_of_stranger(self) -> Sandbox:
        """Where a call that opened no sandbox is written down."""
        try:
            return self.find_sandbox(
                request.headers.get("Authorization", "").removeprefix(auth.KEYWORD).partition(".")[0]
            )
        except Problem:
            return self.sandbox


class UnknownSandbox(NotFoundProblem):
    """`X-Mock-Sandbox` names a sandbox there is not."""


class UuidConverter(BaseConverter):
    regex = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"


class CpidConverter(BaseConverter):
    regex = "[0-9A-Z]{12}"


def rule(operation) -> str:
    """The path as Flask spells it. Ids are told from fixed words, so `/boms/async_upsert/` is no BOM's address."""
    path = operation.path
    for name, kind in zip(operation.parameters, operation.kinds, strict=True):
        path = path.replace(f"{{{name}}}", f"<{'cpid' if kind == 'part' else 'uuid'}:{name}>")
    return path


def begin():
    g.call = Call(time.perf_counter())


def view(app: App, operation, paths):
    """A Flask view for an operation.

    In order: key, right, fault, organisation, query, records, body, handler, answer.
    """
    handler = operation.handler
    wire = app.corrected and app.corrected.wire(operation.id)
    load_body = body_loader(handler, wire)
    query_schema = handler.query() if handler.query else None
    known_parameters = wire.known_parameters if wire else {"org_id", *(query_schema.fields if query_schema else ())}
    location = location_of(handler, paths)

    def respond(**ids):
        call = g.call
        call.operation, call.stage, call.wire = operation, "body", wire
        args = request.args if wire is None else wire.query(request.args)
        body = read_body(handler)
        call.stage = "authentication"
        authorization = request.headers.get("Authorization")
        call.sandbox, key = app.authenticate(authorization)
        with call.sandbox.lock:
            sandbox, key = app.authenticate(authorization)  # again: it may have been reset or the key rotated
            settle(sandbox)
            scope = Scope(sandbox, auth.touch(sandbox, key), resources.by_kind())
            call.stage = "permission"
            if not may(scope.roles, operation):
                raise PermissionDenied
            call.stage = "fault"
            call.effect = sandbox.faults.decide(operation.id, request.path, key["key"], sandbox.clock.now().timestamp())
            if call.effect and not call.effect.handled:
                if call.effect.drop:
                    return Response(status=503)  # never arrives: the door closes the connection
                if call.effect.status:
                    raise Injected(call.effect)
            call.stage = "organisation"
            if (org_id := args.get("org_id")) is not None:
                scope.narrow(loading.org_id(org_id))
            token = current_scope.set(scope)
            try:
                with sandbox.transaction() as call.changes:
                    parts = {}
                    call.stage = "query"
                    call.unknown_keys = [f"?{name}" for name in request.args if name not in known_parameters]
                    if call.unknown_keys and sandbox.policies.strict:
                        raise Invalid({name[1:]: ["Unknown query parameter."] for name in call.unknown_keys})
                    if query_schema:
                        parts["query"] = loading.load_query(query_schema, args)
                    call.stage = "records"
                    records = operation.locate(scope, ids)
                    call.stage = "body"
                    if load_body:
                        parts["data"] = load_body(body, call, sandbox.policies.strict)
                    call.stage = "state"
                    result = handler.run(scope, *records, **parts)
                    status, payload, headers = represent(scope, handler, result, wire.parameters if wire else {})
            finally:
                current_scope.reset(token)
            webhooks.announce(scope, call.changes)
            if location and status == 201:
                headers = {**headers, "Location": location.format(**ids, id=payload["id"])}
            if wire is not None and not callable(payload):
                status, payload, headers = wire.answer(sandbox, status, payload, headers, call.kept)
        if callable(payload):  # it takes time, and the lock only while it reads
            payload = payload()
            if wire is not None:
                with sandbox.lock:
                    status, payload, headers = wire.answer(sandbox, status, payload, headers, call.kept)
        if call.effect and call.effect.status:
            raise Injected(call.effect)
        return answer(status, payload, headers)

    return respond


class Injected(Problem):
    """The answer a fault puts in place of the operation's."""

    def __init__(self, effect):
        super().__init__(INJECTED.get(effect.status, "A fault was injected."))
        self.status = effect.status
        if effect.status in (429, 503):
            self.headers = {"Retry-After": str(effect.retry_after)}
        elif effect.status == 401:
            self.headers = {"WWW-Authenticate": "Api-Key"}


INJECTED = {
    400: "Malformed request.",
    401: "Invalid API key.",
    403: "You do not have permission to perform this action.",
    404: "Not found.",
    409: "The state of the record does not allow this.",
    429: "Request was throttled.",
    503: "Service temporarily unavailable, try again later.",
}


def read_body(handler):
    """The bytes or form of a request, read before the sandbox is held: a slow client holds up nobody."""
    if handler.body is None:
        return None
    return read_form() if handler.content_type == "multipart/form-data" else request.get_data()


def read_form() -> dict:
    """The texts and files of a form by name; of a repeated one the last counts."""
    texts = {name: values[-1] for name, values in request.form.lists()}
    files = {name: values[-1] for name, values in request.files.lists()}
    return texts | {name: Upload(file.filename or "", file.content_type, file.read()) for name, file in files.items()}


def body_loader(handler, wire=None):
    if handler.body is None:
        return None
    many = isinstance(handler.body, list)
    schema = handler.body[0] if many else handler.body
    schema = patch(schema) if handler.partial else schema()
    parse = parse_form if handler.content_type == "multipart/form-data" else loading.parse

    def load(body, call, strict):
        value, gone = parse(body, request.content_type), []
        if wire is not None:
            value = wire.request(value, call.kept, gone)
        paths = gone + loading.unknown_keys(schema, value)
        call.unknown_keys += [".".join(map(str, path)) for path in paths]
        if paths and strict:
            raise Invalid(loading.nested(paths, "Unknown field.", value))
        return loading.load(schema, value, many=many)

    return load


def parse_form(form, content_type):
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType(content_type)
    return form


def represent(scope, handler, result, names):
    """(status, payload, headers) of what a handler gave. `names`: of query parameters that are called otherwise."""
    status, headers = handler.status, {}
    if isinstance(result, Reply):
        status, headers, result = result.status or status, result.headers, result.value
    present = handler.returns[0] if isinstance(handler.returns, list) else handler.returns
    if isinstance(result, Page):
        return (
            status,
            page_document(result, [handler.page.present(scope, record) for record in result.results], names),
            headers,
        )
    if isinstance(present, Resource):
        if isinstance(result, list):
            return status, [present.present(scope, record) for record in result], headers
        return status, present.present(scope, result), headers
    return status, result, headers


def page_document(page, results, names):
    limit_name, offset_name = names.get("limit", "limit"), names.get("offset", "offset")

    def link(offset):
        query = [(key, value) for key, value in request.args.items(multi=True) if key not in (limit_name, offset_name)]
        return f"{request.base_url}?{urlencode([*query, (limit_name, page.limit), (offset_name, offset)])}"

    return {
        "count": page.count,
        "next": link(page.offset + page.limit) if page.offset + page.limit < page.count else None,
        "previous": link(max(0, page.offset - page.limit)) if page.offset else None,
        "results": results,
    }


def location_of(handler, paths):
    """Where a created record is to be read, as a format of the request's path ids and its own `id`."""
    if handler.status != 201 or not isinstance(handler.returns, Resource) or handler.returns.retrieve_id is None:
        return None
    return paths[handler.returns.retrieve_id].replace(f"{{{handler.returns.kind}_id}}", "{id}")


def answer(status, payload, headers=()):
    if payload is None:
        return Response(status=status, headers=headers)
    if isinstance(payload, bytes):
        return Response(payload, status, headers)
    return Response(orjson.dumps(payload), status, headers, content_type="application/json")


def answer_problem(problem):
    if g.call.wire is not None:
        problem.status, problem.body = g.call.wire.refusal(problem.status, problem.body)
    g.call.problem = problem
    return answer(problem.status, problem.body, problem.headers)


def answer_http_error(error):
    """werkzeug's refusals, as JSON, with the headers they come with."""
    if isinstance(error, RequestEntityTooLarge):
        return answer_problem(TooLarge(f"The request body is larger than {MAX_BODY} bytes."))
    detail = error.description
    if isinstance(error, MethodNotAllowed):
        detail = f'Method "{request.method}" not allowed.'
    elif isinstance(error, NotFound) and not request.path.startswith(control.PREFIX):
        nearest = near_misses(request.method, request.path, current_app.operations, most=1)
        detail = f"Not found. {nearest[0]['hint']}" if nearest else "Not found."
    elif isinstance(error, NotFound):
        detail = f"Not found. {control.PREFIX}/control/docs/ shows what there is."
    problem = Problem(detail)
    problem.status = error.code
    problem.headers = {name: value for name, value in error.get_headers() if name.lower() != "content-type"}
    return answer_problem(problem)
