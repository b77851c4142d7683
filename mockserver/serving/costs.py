"""What the server has to know of the mock's calls before it makes them: how long they take, how large they may be."""

from collections.abc import Callable

from mockserver import control
from mockserver.app import App
from mockserver.app.errors import MAX_BODY
from mockserver.serving.server import CHEAP, LONG, SHORT

LONG_OPERATIONS = ("parse_raw_bom", "run_sql_query")
LONG_CONTROLS = ("/export", "/import", "/save")
LARGE = 64 * 2**10  # bytes of a body whose reading alone takes a while


def cost(app: App) -> Callable[[str, str, int], int]:
    """A function that says what a call of this app costs, see `mockserver.serving.server.Server`."""
    long = {operation.path for operation in app.operations if operation.id in LONG_OPERATIONS}
    health = f"{control.PREFIX}/health"

    def cost(method: str, path: str, length: int) -> int:
        if path.startswith(control.PREFIX):
            return LONG if path.endswith(LONG_CONTROLS) else CHEAP if path == health else SHORT
        return LONG if length > LARGE or path in long else CHEAP

    return cost


def largest(path: str) -> int:
    """How many bytes of a request's body the app takes; a larger one it refuses by its length."""
    return control.IMPORTED if path.startswith(control.PREFIX) and path.endswith("/import") else MAX_BODY
