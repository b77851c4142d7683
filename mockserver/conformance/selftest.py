"""The contract tests of the mock itself: what schemathesis needs to know of it."""

import dataclasses
import re
from collections.abc import Mapping

import orjson

from mockserver import resources, worlds
from mockserver._data import contracts_dir
from mockserver.admin.records import Records
from mockserver.admin.scope import admin_scope
from mockserver.api.resource import reference
from mockserver.app import App
from mockserver.conformance import harness
from mockserver.sandbox import Sandbox, World

MORE = 8


def run(app: App | None = None, **options) -> harness.Outcome:
    """Test an app, a fresh one on a well-filled world by default; `options` are those of `harness.run`."""
    app = app or App(Sandbox(well_filled()))
    key = next(iter(app.sandbox.store["api_key"]))["key"]
    options.setdefault("excluded", excluded_checks())
    return harness.run(
        orjson.loads(app.contract),
        app=app.wsgi_app,
        headers={"Authorization": f"Api-Key {key}"},
        reset=app.sandbox.reset,
        reference_ids=lambda kind, path: reference_ids(app.sandbox, kind, path),
        reference_paths=lambda id: reference_paths(app, id),
        **options,
    )


def well_filled() -> World:
    """The default world and `MORE` made-up records of each kind:
    enough in every state for each operation to succeed."""
    world = worlds.load("default")
    sandbox = Sandbox(world)
    records = Records(sandbox)
    for kind, resource in resources.by_kind().items():
        if resource._fake:
            for _ in range(MORE):
                records.given(kind)
    store = worlds.empty_store()
    for kind, table in sandbox.store.tables.items():
        if kind not in ("mock_clock", "mock_settings"):
            for record in table:
                store.insert(kind, record)
    return dataclasses.replace(world, name="well-filled", store=store)


def excluded_checks() -> dict[str, set[str]]:
    """`{operation id: checks}` that FIDELITY.md excuses, from the rows ``| `operation` | `check` | reason |``."""
    found: dict[str, set[str]] = {}
    text = (contracts_dir() / "FIDELITY.md").read_text(encoding="utf-8")
    for operation, check, _reason in re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.{20,}) \|$", text, re.MULTILINE):
        found.setdefault(operation, set()).add(check)
    return found


def reference_ids(sandbox: Sandbox, kind: str, path: Mapping[str, str]) -> list[str]:
    """The ids of the records of a kind that may be referred to: those of the record a path is about, if it has any."""
    if kind == "org":
        return [first_org_id(sandbox)]
    records = within_reach(sandbox, kind)
    about = dict(path)
    for name, id in path.items():
        about |= {
            field: value
            for field, value in (sandbox.store[name.removesuffix("_id")].get(id) or {}).items()
            if field.endswith("_id") and field != "org_id"
        }
    akin = [
        record
        for record in records
        if any(name in record for name in about)
        and all(record[name] == value for name, value in about.items() if name in record)
    ]
    return [record["id"] for record in akin or records]


def first_org_id(sandbox: Sandbox) -> str:
    return next(iter(sandbox.store["org"]))["id"]


def within_reach(sandbox: Sandbox, kind: str) -> list[dict]:
    """The records of a kind that a call finds with the first organisation's `org_id` and without any.

    Of other organisations none: what a call without `org_id` does to their records, one with it rightly does not find.
    """
    records = resources.by_kind()[kind].records(sandbox.store)
    if kind == "sub_org":
        return list(records)
    scope = admin_scope(sandbox)
    scope.org_ids = [first_org_id(sandbox)]
    return [record for record in records if scope.sees(kind, record)]


def reference_paths(app: App, operation_id: str) -> list[dict[str, str]]:
    """The path parameters under which an operation finds records: each with the parents it belongs to."""
    operation = next(operation for operation in app.operations if operation.id == operation_id)
    if not operation.parameters:
        return []
    known = resources.by_kind()
    paths = []
    for record in within_reach(app.sandbox, operation.kinds[-1]):
        path = {operation.parameters[-1]: record["id"]}
        for name, kind in zip(operation.parameters[-2::-1], operation.kinds[::-1], strict=False):
            if reference(known[kind].fields.get(name)) is None:
                break
            path[name] = record[name]
        else:
            paths.append(path)
    return paths
