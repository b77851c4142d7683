"""The contract: the OpenAPI document of the operations served, with examples from the default world."""

import orjson
import yaml

from mockserver import resources, worlds
from mockserver._data import contracts_dir
from mockserver._yaml import load_yaml
from mockserver.api import fields, openapi
from mockserver.api.resource import Page, Resource
from mockserver.api.scope import Scope
from mockserver.sandbox import Sandbox

VERSION = "1"


def document(operations=None) -> dict:
    """The OpenAPI 3.1 document of these operations, all of ours by default."""
    operations = resources.operations() if operations is None else operations
    return openapi.build(operations, VERSION, examples(operations))


def examples(operations) -> dict[str, dict]:
    """`{operation id:
    {"request": …, "response": …}}`: the documentation's own where it has some, else records of the default world."""
    sandbox = Sandbox(worlds.load("default"))
    scope = Scope(sandbox, next(iter(sandbox.store["api_key"])), resources.by_kind())
    found = {
        operation.id: example
        for operation in operations
        if operation.served and (example := from_world(scope, operation.handler))
    }
    for path in sorted((contracts_dir() / "examples").glob("*.yaml")):
        found[path.stem] = orjson.loads(orjson.dumps(load_yaml(path)))  # as plain JSON
    return found


def from_world(scope, handler) -> dict | None:
    if handler.returns is Page:
        records = list(scope.sandbox.store[handler.page.kind])[:1]
        return records and {
            "response": {
                "count": 1,
                "next": None,
                "previous": None,
                "results": [handler.page.present(scope, records[0])],
            }
        }
    returns = handler.returns[0] if isinstance(handler.returns, list) else handler.returns
    if not isinstance(returns, Resource):
        return None
    record = next(iter(scope.sandbox.store[returns.kind]), None)
    if record is None:
        return None
    shown = returns.present(scope, record)
    found = {"response": [shown] if isinstance(handler.returns, list) else shown}
    if handler.body and not handler.partial and handler.content_type == "application/json":
        request = request_for(handler.body[0] if isinstance(handler.body, list) else handler.body, shown)
        if request is not None:
            found["request"] = [request] if isinstance(handler.body, list) else request
    return found


def request_for(schema, record: dict) -> dict | None:
    """What one would send for such a record: its fields that may be sent and are set.

    None when a required one is missing.
    """
    request = {}
    for name, field in (schema() if isinstance(schema, type) else schema).fields.items():
        if field.dump_only:
            continue
        value = field.metadata["examples"][0] if "examples" in field.metadata else sendable(field, record.get(name))
        if value not in (None, [], {}):
            request[name] = value
        elif field.required:
            return None
    return request


def sendable(field, value):
    """A value of a record without what is read-only in it."""
    if isinstance(field, fields.Array) and isinstance(value, list):
        return [sendable(field.inner, item) for item in value]
    if isinstance(field, fields.Nested) and isinstance(value, dict):
        return request_for(field.schema, value)
    return value


def to_yaml(contract: dict) -> str:
    """The document as `contracts/openapi.yaml` has it."""

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):
        def ignore_aliases(self, data):
            return True

    return yaml.dump(contract, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)


if __name__ == "__main__":  # make contract
    path = contracts_dir() / "openapi.yaml"
    path.write_text(to_yaml(document()), encoding="utf-8")
    print(f"Renewed {path}.")
