"""What is kept of a request once it is answered: its entry in the journal."""

import time

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from mockserver.api.near_miss import near_misses
from mockserver.api.secrets import is_secret, without_secrets
from mockserver.app.errors import Injected
from mockserver.sandbox import OWN_KINDS


def record(operations, sandbox, call, response) -> None:
    """Write the call down in its sandbox's journal. What is costly to tell is told when somebody asks."""
    spoilt = call.done and isinstance(call.problem, Injected)  # by a fault, after the operation took place
    problem = None if spoilt else call.problem
    method, path, environ = request.method, request.path, request.environ
    sent = [(name, value) for name, value in environ.items() if name[:5] == "HTTP_" or name[:8] == "CONTENT_"]
    headers = response.headers
    later = {
        "request_headers": lambda: request_headers(sent),
        "response_headers": lambda: dict(headers),
        "changes": lambda: changes_of(call.changes),
    }
    if problem is not None:
        step = call.step
        later["violations"] = lambda: violations(problem, step)
    if call.plan is None:
        later["near_misses"] = lambda: near_misses(method, path, operations)
    sandbox.journal.add(
        at=sandbox.clock.stamp(),
        method=method,
        path=path,
        query=without_secrets(request.query_string.decode("latin-1")),
        request_body=body_of(call),
        operation=call.plan and call.plan.operation.id,
        status=response.status_code,
        response_body=b"" if response.is_streamed else without_keys(response.get_data(), call.changes),
        refused_by=call.step if problem is not None else None,
        detail=problem and problem.body,
        unknown_keys=call.unknown_keys,
        fault_id=call.effect.fault_id if call.effect else None,
        commit=call.commit,
        seconds=round(time.perf_counter() - call.started, 6),
        later=later,
    )


def request_headers(sent) -> dict[str, str]:
    """The headers by their usual names, out of a WSGI environment."""
    found = {}
    for name, value in sent:
        name = name.removeprefix("HTTP_").replace("_", "-").title()
        if value or not name.startswith("Content-"):
            found[name] = hidden(name, value)
    return found


def hidden(name: str, value: str) -> str:
    """The value of a header, for all to see."""
    if name == "Authorization":
        return f"{value.partition(' ')[0]} ***" if " " in value else "***"
    return "***" if is_secret(name) else without_secrets(value)


def without_keys(body: bytes, changes) -> bytes:
    """The body of an answer without the API keys that the call has made or changed."""
    for change in changes:
        if change.kind == "api_key" and change.after is not None:
            body = body.replace(change.after["key"].encode(), b"***")
    return body


def changes_of(changes) -> list[dict]:
    return [
        {"action": change.action, "kind": change.kind, "id": change.id}
        for change in changes
        if change.kind not in OWN_KINDS
    ]


def body_of(call) -> bytes:
    """The request's body, unless it was a form, whose parts are spent, or too large to be read."""
    if request.mimetype == "multipart/form-data" or (call.problem and call.problem.status == 413):
        return b""
    try:
        return request.get_data()
    except RequestEntityTooLarge:
        return b""


def violations(problem, step: str) -> list[dict]:
    """What in a request breaks the contract: not references to what is not there, nor what a state refuses."""
    if step not in ("routing", "query", "body"):
        return []
    return [
        {"field": field, "reason": reason}
        for field, reason in flat(problem.body)
        if not reason.startswith("Invalid pk ")
    ]


def flat(body, path="") -> list[tuple[str, str]]:
    """The messages of a problem, each with the dotted path of its field."""
    if isinstance(body, dict):
        return [
            found
            for key, value in body.items()
            for found in flat(value, path if key == "detail" else f"{path}.{key}" if path else key)
        ]
    if isinstance(body, list):
        if all(isinstance(item, str) for item in body):
            return [(path, item) for item in body]
        return [found for number, item in enumerate(body) for found in flat(item, f"{path}[{number}]")]
    return [(path, str(body))]
