"""Refusals as answers: problems of the API, faults, and what werkzeug refuses."""

import orjson
from flask import Response, current_app, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge
from werkzeug.http import parse_range_header

from mockserver import control
from mockserver.admin.faults import Effect
from mockserver.api.near_miss import near_misses
from mockserver.api.problems import Problem, TooLarge
from mockserver.log import LogUnavailable

MAX_BODY = 10 * 2**20
INJECTED = {
    400: "Malformed request.",
    401: "Invalid API key.",
    403: "You do not have permission to perform this action.",
    404: "Not found.",
    409: "The state of the record does not allow this.",
    429: "Request was throttled.",
    503: "Service temporarily unavailable, try again later.",
}


class Injected(Problem):
    """The answer a fault puts in place of the operation's."""

    def __init__(self, effect: Effect):
        super().__init__(INJECTED.get(effect.status, "A fault was injected."))
        self.status = effect.status
        if effect.status in (429, 503):
            self.headers = {"Retry-After": str(effect.retry_after)}
        elif effect.status == 401:
            self.headers = {"WWW-Authenticate": "Api-Key"}


def answer(status: int, payload, headers=()) -> Response:
    """Return the answer of this payload: JSON, bytes of the type that the headers name, or none."""
    if payload is None:
        return Response(status=status, headers=headers)
    if isinstance(payload, bytes):
        return download(Response(payload, status, headers))
    return Response(orjson.dumps(payload), status, headers, content_type="application/json")


def download(response: Response) -> Response:
    """Return a file, or the part of it that the request's Range asks for; nothing when the client has it already.

    Several ranges at once, and units other than bytes, are not looked at: the answer is the whole.
    """
    if response.status_code == 200:
        asked = parse_range_header(request.headers.get("Range"))
        one = asked is not None and asked.units == "bytes" and len(asked.ranges) == 1
        environ = {name: value for name, value in request.environ.items() if one or name != "HTTP_RANGE"}
        response.make_conditional(environ, accept_ranges=True, complete_length=len(response.get_data()))
    return response


def answer_problem(problem: Problem) -> Response:
    """Return the answer of a refusal, as the corrected contract has it."""
    call = g.call
    if call.wire is not None:
        problem.status, problem.body = call.wire.refusal(problem.status, problem.body)
    call.problem = problem
    return answer(problem.status, problem.body, problem.headers)


def answer_unavailable(error: LogUnavailable) -> Response:
    """Return the 503 of a mock whose state is out of reach."""
    problem = Problem(f"{error} Try again later.", **{"Retry-After": "1"})
    problem.status = 503
    return answer_problem(problem)


def answer_http_error(error: HTTPException) -> Response:
    """Return werkzeug's refusal as JSON, with the headers it comes with."""
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
