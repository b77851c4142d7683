"""The WSGI application: the life of a request, from its bytes to the answer."""
import functools
from urllib.parse import urlencode

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge
from werkzeug.routing import RequestRedirect

from mockserver import control, resources
from mockserver.api import auth, loading
from mockserver.api.fields import current_scope
from mockserver.api.openapi import patch
from mockserver.api.operation import bind, load_operations
from mockserver.api.problems import PermissionDenied, Problem, TooLarge, UnsupportedMediaType
from mockserver.api.resource import Page, Reply, Resource
from mockserver.api.scope import Scope, may

MAX_BODY = 10 * 2**20


class App(Flask):
    """Serves the operations from one sandbox. `operations` are bound ones, all 104 by default."""

    def __init__(self, sandbox, operations=None):
        super().__init__(__name__, static_folder=None)
        self.sandbox = sandbox
        self.operations = served_operations() if operations is None else operations
        self.config["MAX_CONTENT_LENGTH"] = MAX_BODY
        self.config["MAX_FORM_MEMORY_SIZE"] = MAX_BODY
        self.url_map.merge_slashes = False
        self.register_error_handler(Problem, answer_problem)
        self.register_error_handler(HTTPException, answer_http_error)
        control.register(self)
        retrieve = {operation.id: operation.path for operation in self.operations}
        for operation in self.operations:
            if operation.served:
                path = operation.path.replace("{", "<").replace("}", ">")
                self.add_url_rule(path, operation.id, view(self, operation, retrieve), methods=[operation.method])

    @functools.cached_property
    def contract(self) -> bytes:
        """The OpenAPI document of what this app serves, as JSON."""
        from mockserver.document import document

        return orjson.dumps(document(self.operations))

    def raise_routing_exception(self, request):
        """A path of the API without its trailing slash is not there, rather than moved."""
        if isinstance(request.routing_exception, RequestRedirect) and not request.path.startswith(control.PREFIX):
            raise NotFound(f"Not found. A path needs its trailing slash: {request.path}/")
        return super().raise_routing_exception(request)

    def find_sandbox(self, prefix: str):
        """The sandbox that keys of this prefix open: the one the request was made in, else the app's own."""
        return request.environ.get("mockserver.sandbox", self.sandbox)


def served_operations(*corrections) -> list:
    """The operations with their handlers; `corrections` are files that replace verbs and paths."""
    return bind(load_operations(*corrections), resources.groups())


def view(app: App, operation, paths):
    """A Flask view for an operation. In order: key, right, organisation, query, body, records, handler, answer."""
    handler = operation.handler
    load_body = body_loader(handler)
    query_schema = handler.query() if handler.query else None
    location = location_of(handler, paths)

    def respond(**ids):
        body = read_body(handler)
        authorization = request.headers.get("Authorization")
        sandbox, _ = auth.authenticate(app.find_sandbox, authorization)
        with sandbox.lock:
            sandbox, key = auth.authenticate(app.find_sandbox, authorization)
            resources.settle(sandbox)
            scope = Scope(sandbox, auth.touch(sandbox, key), resources.by_kind())
            if not may(scope.roles, operation):
                raise PermissionDenied
            if (org_id := request.args.get("org_id")) is not None:
                scope.narrow(org_id)
            token = current_scope.set(scope)
            try:
                with sandbox.transaction():
                    parts = {}
                    if query_schema:
                        parts["query"] = loading.load_query(query_schema, request.args)
                    records = operation.locate(scope, ids)
                    if load_body:
                        parts["data"] = load_body(body, sandbox.policies.strict)
                    result = handler.run(scope, *records, **parts)
                    status, payload, headers = represent(scope, handler, result)
            finally:
                current_scope.reset(token)
        if location and status == 201:
            headers = {**headers, "Location": location.format(**ids, id=payload["id"])}
        return answer(status, payload, headers)

    return respond


def read_body(handler):
    """The bytes or form of a request, read before the sandbox is held: a slow client holds up nobody."""
    if handler.body is None:
        return None
    if handler.content_type == "multipart/form-data":
        return request.mimetype, request.form, request.files
    return request.get_data(cache=False)


def body_loader(handler):
    if handler.body is None:
        return None
    many = isinstance(handler.body, list)
    schema = handler.body[0] if many else handler.body
    schema = patch(schema) if handler.partial else schema()
    if handler.content_type == "multipart/form-data":
        return lambda body, strict: load_form(schema, *body)
    return lambda body, strict: loading.load(schema, loading.parse(body, request.content_type), many=many, strict=strict)


def load_form(schema, mimetype, form, files):
    if mimetype != "multipart/form-data":
        raise UnsupportedMediaType(mimetype)
    return loading.load(schema, {**{name: value for name, value in form.items()}, **{name: file for name, file in files.items()}})


def represent(scope, handler, result):
    """(status, payload, headers) of what a handler gave."""
    status, headers = handler.status, {}
    if isinstance(result, Reply):
        status, headers, result = result.status or status, result.headers, result.value
    present = handler.returns[0] if isinstance(handler.returns, list) else handler.returns
    if isinstance(result, Page):
        return status, page_document(result, [handler.page.present(scope, record) for record in result.results]), headers
    if isinstance(present, Resource):
        if isinstance(result, list):
            return status, [present.present(scope, record) for record in result], headers
        return status, present.present(scope, result), headers
    return status, result, headers


def page_document(page, results):
    def link(offset):
        query = [(key, value) for key, value in request.args.items(multi=True) if key not in ("limit", "offset")]
        return f"{request.base_url}?{urlencode([*query, ('limit', page.limit), ('offset', offset)])}"

    return {"count": page.count,
            "next": link(page.offset + page.limit) if page.offset + page.limit < page.count else None,
            "previous": link(max(0, page.offset - page.limit)) if page.offset else None,
            "results": results}


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
    return answer(problem.status, problem.body, problem.headers)


def answer_http_error(error):
    """werkzeug's refusals, as JSON, with the headers they come with."""
    if isinstance(error, RequestEntityTooLarge):
        return answer_problem(TooLarge(f"The request body is larger than {MAX_BODY} bytes."))
    detail = error.description
    if isinstance(error, MethodNotAllowed):
        detail = f'Method "{request.method}" not allowed.'
    elif isinstance(error, NotFound) and not (detail or "").startswith("Not found."):
        detail = "Not found."
    headers = {name: value for name, value in error.get_headers() if name.lower() != "content-type"}
    return answer(error.code, {"detail": detail}, headers)

