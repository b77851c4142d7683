"""The WSGI application: the operations of the API and the control plane over sandboxes."""

import functools
import itertools
import typing as t
from collections.abc import Callable
from pathlib import Path

import orjson
from flask import Flask, g, request
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import BaseConverter, RequestRedirect

from mockserver import control, resources
from mockserver.api import auth
from mockserver.api.metadata import metadata
from mockserver.api.operation import Operation
from mockserver.api.problems import NotFound as NotFoundProblem
from mockserver.api.problems import Problem
from mockserver.app import errors, recording
from mockserver.app.lifecycle import Call, Plan, respond
from mockserver.contract.validation import Contract
from mockserver.log import LogUnavailable
from mockserver.sandbox import Sandbox
from mockserver.sandbox.clock import wall
from mockserver.sandbox.registry import Sandboxes

if t.TYPE_CHECKING:
    from mockserver.contract.overlay import Overlay


class App(Flask):
    """Serves the operations from the sandboxes that API keys open. `operations` are bound ones, all of them by default.

    With a `control_token` the control plane wants it. `fixtures` names what the default sandbox was made of, for
    sandboxes of the same with another seed. `save` writes the state to its file and answers where that is. An `overlay`
    corrects the contract and all that goes over the wire; YamlError when it does not fit.
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
            from mockserver.app.document import document  # which only some need, and takes 40 ms to import

            self.corrected = overlay.apply(document(self.operations))
            self.operations = self.corrected.operations(self.operations)
        self.control_token, self.fixtures, self.save = control_token, fixtures, save
        self.config["MAX_CONTENT_LENGTH"] = self.config["MAX_FORM_MEMORY_SIZE"] = errors.MAX_BODY
        self.url_map.merge_slashes = False
        self.url_map.converters |= {"uuid": UuidConverter, "cpid": CpidConverter}
        self.register_error_handler(Problem, errors.answer_problem)
        self.register_error_handler(HTTPException, errors.answer_http_error)
        self.register_error_handler(LogUnavailable, errors.answer_unavailable)
        control.register(self)
        self.before_request(self.begin)
        self.after_request(self.finish)
        paths = {operation.id: operation.path for operation in self.operations}
        served = [operation for operation in self.operations if operation.served]
        for operation in served:
            self.add_url_rule(
                rule(operation),
                operation.id,
                view(Plan(self, operation, paths)),
                methods=[operation.method],
                provide_automatic_options=False,
            )
        for path, group in itertools.groupby(sorted(served, key=rule), key=rule):
            self.add_url_rule(path, f"OPTIONS {path}", self.options(list(group)), methods=["OPTIONS"])

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

    def open_sandbox(self, secret: str) -> Sandbox:
        """Return the sandbox of a request: the one it was made in, else the one its header names, else its key's."""
        if (given := request.environ.get("mockserver.sandbox")) is not None:
            return given
        if (name := request.headers.get("X-Mock-Sandbox")) is not None:
            sandbox = self.sandboxes.get(name)
            if sandbox is None:
                raise UnknownSandbox(f"There is no sandbox called {name!r}. POST {control.PREFIX}/sandboxes makes one.")
            sandbox.used_at = wall()
            return sandbox
        return self.sandboxes.opened_by(auth.prefix_of(secret))

    def substitute(self) -> Sandbox | None:
        """Return the sandbox whose keys do as well: the default one's in a sandbox that the header names."""
        return self.sandbox if "X-Mock-Sandbox" in request.headers else None

    def options(self, operations: list[Operation]):
        """Return the Flask view that tells what these operations of one address are and take."""
        allowed = ", ".join([*(operation.method for operation in operations), "OPTIONS"])

        def tell(**ids):
            secret = auth.secret_of(request.headers.get("Authorization"))
            sandbox = g.call.sandbox = self.open_sandbox(secret)
            with sandbox.lock:
                key = auth.authenticate(sandbox, secret, self.substitute())
            return errors.answer(200, metadata(operations, key["roles"]), {"Allow": allowed})

        return tell

    def begin(self) -> None:
        g.call = Call()

    def finish(self, response):
        """Let the call's fault spoil the answer, and write down what is sent."""
        if request.path.startswith(control.PREFIX):
            return response
        call = g.call
        if call.effect:
            request.environ["mockserver.effect"] = call.effect
            if call.effect.malformed and (body := response.get_data()):
                response.set_data(body[:-1] + b",")
        recording.record(self.operations, call.sandbox or self.journal_sandbox(), call, response)
        return response

    def journal_sandbox(self) -> Sandbox:
        """Return the sandbox in whose journal a call is written down that opened none."""
        try:
            return self.open_sandbox(request.headers.get("Authorization", "").removeprefix(auth.KEYWORD))
        except Problem:
            return self.sandbox


def view(plan: Plan):
    """Return the Flask view of an operation."""

    def call(**ids):
        g.call.plan, g.call.ids = plan, ids
        return respond(g.call)

    return call


class UnknownSandbox(NotFoundProblem):
    """404: `X-Mock-Sandbox` names a sandbox there is not."""


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
