"""The control plane under `/__mock__/`: health, reset, the contract and its reference page. Never part of the contract."""
import orjson
from flask import Blueprint, Response, current_app
from flask_swagger_ui import get_swaggerui_blueprint

PREFIX = "/__mock__"


def register(app) -> None:
    """Add the control plane to the app."""
    app.register_blueprint(plane, url_prefix=PREFIX)
    app.register_blueprint(get_swaggerui_blueprint(
        f"{PREFIX}/docs", f"{PREFIX}/openapi.json", config={"app_name": "Cofactr Platform API (mock)", "persistAuthorization": True}))


plane = Blueprint("mock", __name__)


@plane.get("/health")
def health():
    """That the mock runs, and what it serves."""
    served = sum(operation.served for operation in current_app.operations)
    return _json({"status": "ok", "operations": served, "fixtures": current_app.sandbox.world.name, "seed": current_app.sandbox.seed})


@plane.get("/openapi.json")
def openapi():
    """The contract of what this mock serves."""
    return Response(current_app.contract, content_type="application/json")


@plane.post("/reset")
def reset():
    """Back to the fixture: data, ids, clock, jobs, files, keys."""
    sandbox = current_app.sandbox
    sandbox.reset()
    return _json({"status": "reset", "fixtures": sandbox.world.name, "seed": sandbox.seed})


def _json(value):
    return Response(orjson.dumps(value), content_type="application/json")
