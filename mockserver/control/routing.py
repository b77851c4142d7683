"""A route of the control plane: what it takes and gives, and the life of a call to it."""

import dataclasses as dc
import functools
import hmac
import re
import typing as t

import marshmallow as ma
import orjson
from flask import Response, request

from mockserver.admin.errors import Refused, Unknown
from mockserver.admin.schema import Strict
from mockserver.api import loading
from mockserver.api.problems import (
    Conflict,
    Invalid,
    NotAuthenticated,
    NotFound,
    PermissionDenied,
    TooLarge,
    UnsupportedMediaType,
)
from mockserver.control import browsers
from mockserver.sandbox import Sandbox
from mockserver.sandbox.clock import wall
from mockserver.sandbox.store import Stale

PREFIX = "/__mock__"
BY_NAME = "/sandboxes/{sandbox}"
MOST_VALUES = 2_000_000  # objects and arrays in an import, which take ten times their bytes once they are parsed


@dc.dataclass(frozen=True)
class Context:
    """What a handler works on.

    `sandbox` is None for routes of the server; `confined` to it when a door leads nowhere else.
    """

    app: t.Any
    sandbox: Sandbox | None
    confined: bool = False


@dc.dataclass(frozen=True)
class Route:
    """One call. `run(at, **ids, data=…, query=…)` answers JSON, a Response, or None with status 204.

    `body` is a schema, or dict for any object. A route of a sandbox is there twice: under
    `/sandboxes/{sandbox}`, and without it for the sandbox that
    `X-Mock-Sandbox` names or else the default one. `refuses` says in a sentence when it answers 409.
    """

    method: str
    path: str
    run: t.Callable
    tag: str
    body: type[ma.Schema] | type[dict] | None = None
    query: type[ma.Schema] = Strict
    returns: t.Any = None
    status: int = 200
    refuses: str | None = None
    server: bool = False
    named: bool = False  # there for a sandbox named in the path alone
    public: bool = False  # needs no token
    largest: int | None = None  # bytes of a body, the app's limit when None
    media_type: str = "application/json"

    @property
    def id(self) -> str:
        return f"{self.run.__module__.rsplit('.', 1)[1]}_{self.run.__name__.strip('_')}"

    @functools.cached_property
    def addresses(self) -> dict[str, str]:
        """`{operation id: path below the prefix}`."""
        if self.server:
            return {self.id: self.path}
        if self.named:
            return {self.id: BY_NAME + self.path}
        return {self.id: self.path, f"sandbox_{self.id}": BY_NAME + self.path}

    @property
    def needs_body(self) -> bool:
        return self.body not in (None, dict) and any(field.required for field in self.body._declared_fields.values())


def add(app, route: Route) -> None:
    """Serve a route."""
    for id, path in route.addresses.items():
        rule = re.sub(
            r"{(\w+)}", lambda match: f"<{'int:' if match[1] == 'fault_id' else ''}{match[1]}>", PREFIX + path
        )
        app.add_url_rule(rule, f"mock.{id}", view(app, route), methods=[route.method], strict_slashes=False)


def view(app, route: Route):
    query_schema, body_schema = route.query(), None if route.body in (None, dict) else route.body()

    def respond(sandbox=None, **ids):
        admit(app, route)
        at = locate(app, route, sandbox)
        parts = {}
        query = loading.load_query(query_schema, request.args)
        if query_schema.fields:
            parts["query"] = query
        if route.body:
            parts["data"] = load(route, body_schema)
        try:
            result = settled(at, lambda: route.run(at, **ids, **parts))
        except Unknown as unknown:
            raise NotFound(str(unknown)) from None
        except Refused as refused:
            raise Conflict(str(refused)) from None
        if isinstance(result, Response):
            return result
        if result is None:
            return Response(status=route.status)
        return Response(orjson.dumps(result), route.status, content_type="application/json")

    return respond


def settled(at: Context, action):
    """Return what the action returns on the latest state of the sandbox, run again when somebody else was first."""
    log = at.sandbox and at.sandbox.log
    if not log or not log.shared:
        return action()
    while True:
        with at.sandbox.lock:
            log.catch_up()
        try:
            return action()
        except Stale:
            continue


def admit(app, route) -> None:
    """Whether the caller may.

    A web page of somebody else's may not, whose requests a browser marks with their origin.
    """
    if (page := browsers.foreign_page(request.environ)) is not None:
        raise PermissionDenied(f"The control plane is not for {page}.")
    if route.public or app.control_token is None:
        return
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    given = request.headers.get("X-Mock-Token", given.strip() if scheme.lower() == "bearer" else "")
    if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), app.control_token.encode()):
        raise NotAuthenticated(
            "The control plane needs the token this server was started with: send "
            '"Authorization: Bearer <token>" or "X-Mock-Token: <token>".',
            **{"WWW-Authenticate": "Bearer"},
        )


def locate(app, route, name: str | None) -> Context:
    """The sandbox a call is about:

    the one in its path, the one it was made in, the one its header names, the default one.
    """
    given = request.environ.get("mockserver.sandbox")
    if route.server:
        return Context(app, given, confined=given is not None)
    name = name or (request.headers.get("X-Mock-Sandbox") if given is None else None)
    if name is None:
        sandbox = given or app.sandbox
    elif given is not None:
        sandbox = given if name in (given.name, given.id) else None
    else:
        sandbox = app.sandboxes.get(name)
    if sandbox is None:
        raise NotFound(f"There is no sandbox called {name!r}. GET {PREFIX}/sandboxes lists them, POST makes one.")
    sandbox.used_at = wall()
    return Context(app, sandbox, confined=given is not None)


def load(route, schema):
    """The loaded body. None at all is an empty object, where nothing is required."""
    if route.largest is not None:
        request.max_content_length = route.largest
    body = request.get_data(cache=False)
    if route.largest is not None and body.count(b"{") + body.count(b"[") > MOST_VALUES:
        raise TooLarge(f"The document has more than {MOST_VALUES} objects and arrays.")
    if not body and not route.needs_body and request.content_type is None:
        value = {}
    else:
        try:
            value = loading.parse(body, request.content_type)
        except UnsupportedMediaType as problem:
            problem.body = {"detail": f"{problem.body['detail']} Send JSON with Content-Type: application/json."}
            raise
    if schema is not None:
        return loading.load(schema, value)
    if not isinstance(value, dict):
        raise Invalid({"non_field_errors": [f"Invalid data. Expected a dictionary, but got {type(value).__name__}."]})
    return value
