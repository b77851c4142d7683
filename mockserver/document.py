"""The contract: the OpenAPI document of the operations served, with examples from the default world."""
import orjson
import yaml

from mockserver import resources, worlds
from mockserver._data import contracts_dir
from mockserver._yaml import load_yaml
from mockserver.api import openapi
from mockserver.api.resource import Page, Resource
from mockserver.api.scope import Scope
from mockserver.app import served_operations
from mockserver.sandbox import Sandbox

VERSION = "1"


def document(operations=None) -> dict:
    """The OpenAPI 3.1 document of these operations, all of ours by default."""
    operations = served_operations() if operations is None else operations
    return openapi.build(operations, VERSION, examples(operations))


def examples(operations) -> dict[str, dict]:
    """`{operation id: {"request": …, "response": …}}`: the documentation's own where it has some, else records of the default world."""
    sandbox = Sandbox(worlds.load("default"))
    scope = Scope(sandbox, next(iter(sandbox.store["api_key"])), resources.by_kind())
    found = {operation.id: example for operation in operations if operation.served and (example := from_world(scope, operation.handler))}
    for path in sorted((contracts_dir() / "examples").glob("*.yaml")):
        found[path.stem] = orjson.loads(orjson.dumps(load_yaml(path)))        # as plain JSON
    return found


def from_world(scope, handler) -> dict | None:
    if handler.returns is Page:
        records = list(scope.store[handler.page.kind])[:1]
        return records and {"response": {"count": 1, "next": None, "previous": None, "results": [handler.page.present(scope, records[0])]}}
    returns = handler.returns[0] if isinstance(handler.returns, list) else handler.returns
    if not isinstance(returns, Resource):
        return None
    record = next(iter(scope.store[returns.kind]), None)
    if record is None:
        return None
    shown = returns.present(scope, record)
    return {"response": [shown] if isinstance(handler.returns, list) else shown}


def to_yaml(contract: dict) -> str:
    """The document as `contracts/openapi.yaml` has it."""
    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):
        def ignore_aliases(self, data):
            return True

    return yaml.dump(contract, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)


if __name__ == "__main__":                                        # make contract
    path = contracts_dir() / "openapi.yaml"
    path.write_text(to_yaml(document()), encoding="utf-8")
    print(f"Renewed {path}.")
