"""What is kept of a request once it is answered: its entry in the journal."""

import time

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from mockserver.api.near_miss import near_misses


def record(operations, sandbox, call, response) -> None:
    """The call as an entry of its sandbox's journal."""
    problem = call.problem
    sandbox.journal.add(
        at=sandbox.clock.stamp(),
        method=request.method,
        path=request.path,
        query=request.query_string.decode("latin-1"),
        request_headers={
            name: "Api-Key ***" if name == "Authorization" else value for name, value in request.headers.items()
        },
        request_body=body_of(problem),
        operation=call.operation and call.operation.id,
        status=response.status_code,
        response_headers=dict(response.headers),
        response_body=b"" if response.is_streamed else response.get_data(),
        refused_by=call.stage if problem is not None else None,
        detail=problem and problem.body,
        violations=violations(call),
        unknown_keys=call.unknown_keys,
        changes=changes_of(call.changes if problem is None else ()),
        near_misses=near_misses(request.method, request.path, operations) if call.operation is None else [],
        fault_id=call.effect.fault_id if call.effect else None,
        seconds=round(time.perf_counter() - call.started, 6),
    )


def changes_of(changes) -> list[dict]:
    return [
        {
            "action": "deleted" if after is None else "created" if before is None else "updated",
            "kind": kind,
            "id": (after or before)["id"],
        }
        for kind, _, before, after in changes
    ]


def body_of(problem) -> bytes:
    """The request's body, unless it was a form, whose parts are spent, or too large to be read."""
    if request.mimetype == "multipart/form-data" or (problem and problem.status == 413):
        return b""
    try:
        return request.get_data()
    except RequestEntityTooLarge:
        return b""


def violations(call) -> list[dict]:
    """What in a request breaks the contract: not references to what is not there, nor what a state refuses."""
    if call.problem is None or call.stage not in ("routing", "query", "body"):
        return []
    return [
        {"field": field, "reason": reason}
        for field, reason in flat(call.problem.body)
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
