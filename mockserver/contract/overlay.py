"""Corrections of the contract: OpenAPI Overlay 1.0 with a few extensions. See contracts/OVERLAY.md."""

import dataclasses as dc
import functools
import re
from pathlib import Path

import orjson

from mockserver._yaml import YamlDict, YamlError, load_yaml
from mockserver.api.operation import Operation, corrected
from mockserver.contract.jsonpath import Path as JsonPath
from mockserver.contract.wire import Translator, Wire, cast

KEYS = ("target", "description", "update", "remove", "x-rename", "x-move", "x-status", "x-evidence")
EFFECTS = ("update", "remove", "x-rename", "x-move", "x-status")
METHODS = ("get", "post", "put", "patch", "delete")


@dc.dataclass(frozen=True)
class Action:
    """One correction. `line` is where it stands, `raw` the mapping as it was read, with its lines."""

    path: JsonPath
    line: int
    raw: YamlDict


class Overlay:
    """A list of corrections, in the order in which they are applied."""

    def __init__(self, file: str | Path, actions: list[Action]):
        self.file, self.actions = file, actions

    @classmethod
    def load(cls, file: str | Path) -> "Overlay":
        """The overlay in a YAML or JSON file. Raises YamlError (file, line, reason) when it is none."""
        document = load_yaml(file)
        if not isinstance(document, dict) or "overlay" not in document:
            raise YamlError(file, 1, "expected an OpenAPI Overlay: overlay: 1.0.0, info, actions")
        if not re.fullmatch(r"1\.0\.\d+", str(document["overlay"])):
            raise YamlError(file, document.line_of("overlay"), f"overlay should be 1.0.0, not {document['overlay']!r}")
        actions = document.get("actions")
        if not isinstance(actions, list):
            raise YamlError(file, document.line_of("actions"), "actions should be a list")
        return cls(file, [_action(file, raw, actions.line_of(number)) for number, raw in enumerate(actions)])

    def apply(self, document: dict) -> "Corrected":
        """The document corrected, and how to go from one to the other. YamlError names the action's line.

        Targets go by the names before it: renames, moves and statuses take effect after all else.
        """
        result = Corrected(
            self.file,
            base=orjson.loads(orjson.dumps(document)),
            document=orjson.loads(orjson.dumps(document)),
        )
        for action in self.actions:
            found = action.path.find(result.document)
            if not found:
                raise YamlError(
                    self.file,
                    action.raw.line_of("target"),
                    f"{action.path.text} selects nothing in the contract",
                )
            # From behind: a removal from a list shifts what follows.
            for keys, node in reversed(found):
                _perform(self.file, result, action, keys, node)
        try:
            result.finish()
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise YamlError(self.file, None, f"the contract is none any more once it is applied: {error!r}") from None
        return result


def _action(file, raw, line) -> Action:
    if not isinstance(raw, dict):
        raise YamlError(file, line, "an action should be a mapping with a target")
    if unknown := [key for key in raw if key not in KEYS and not (isinstance(key, str) and key.startswith("x-"))]:
        raise YamlError(file, raw.line_of(unknown[0]), f"an action has no {unknown[0]!r}; there are {', '.join(KEYS)}")
    if misspelt := [key for key in raw if key.startswith("x-") and key not in KEYS]:
        raise YamlError(
            file,
            raw.line_of(misspelt[0]),
            f"{misspelt[0]} is no extension we know; there are {', '.join(KEYS[4:])}",
        )
    if not isinstance(raw.get("target"), str):
        raise YamlError(file, raw.line_of("target"), "an action needs a target, a JSONPath")
    if not any(raw.get(key) for key in EFFECTS):
        raise YamlError(file, line, f"the action does nothing; it needs one of {', '.join(EFFECTS)}")
    for key in ("x-rename", "x-move", "x-status"):
        if key in raw and not (isinstance(raw[key], dict) and raw[key]):
            raise YamlError(
                file,
                raw.line_of(key),
                f"{key} should be a mapping, of the old to the new"
                if key != "x-move"
                else "x-move should be a mapping with method, path or both",
            )
    if not isinstance(raw.get("remove", False), bool):
        raise YamlError(file, raw.line_of("remove"), f"remove should be true or false, not {raw['remove']!r}")
    try:
        return Action(JsonPath(raw["target"]), line, raw)
    except ValueError as error:
        raise YamlError(file, raw.line_of("target"), f"target {raw['target']}: {error}") from None


def _perform(file, result, action, keys, node):
    raw = action.raw
    if raw.get("remove"):
        if not keys:
            raise YamlError(file, raw.line_of("target"), "the whole contract cannot be removed")
        del _at(result.document, keys[:-1])[keys[-1]]
        return
    if "update" in raw:
        _update(file, raw, node)
        if keys[:2] == ("components", "schemas") and len(keys) > 2:
            _require_schema(file, raw, result.document, keys[2])
    if "x-rename" in raw:
        _rename(file, result, raw, keys, node)
    for key, perform in (("x-move", _move), ("x-status", _status)):
        if key in raw:
            if not _is_operation(keys):
                raise YamlError(
                    file,
                    raw.line_of("target"),
                    f"{key} is for an operation, such as $.paths['/v1/boms/'].get; {action.path.text} is none",
                )
            perform(file, result, raw, keys, node)


def _at(node, keys):
    for key in keys:
        node = node[key]
    return node


def _is_operation(keys):
    return len(keys) == 3 and keys[0] == "paths" and keys[2] in METHODS


def _update(file, raw, node):
    try:
        # As plain JSON, of this place alone.
        update = orjson.loads(orjson.dumps(raw["update"], option=orjson.OPT_NON_STR_KEYS))
    except TypeError as error:
        raise YamlError(file, raw.line_of("update"), f"update holds what JSON cannot say: {error}") from None
    if isinstance(node, list):
        node.append(update)
    elif not isinstance(node, dict):
        raise YamlError(
            file,
            raw.line_of("target"),
            "an update needs an object or a list as its target; aim at what holds the value",
        )
    elif not isinstance(update, dict):
        raise YamlError(file, raw.line_of("update"), f"an update of an object should be a mapping, not {update!r}")
    else:
        _merge(node, update)


def _require_schema(file, raw, document, name):
    """A schema that is none would only be found out by the first request."""
    import jsonschema_rs

    try:
        jsonschema_rs.Draft202012Validator(
            {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise YamlError(file, raw.line_of("update"), f"{name} would be no schema that can be used: {reason}") from None


def _merge(node: dict, update: dict) -> None:
    """Objects are merged, lists joined, anything else replaced."""
    for key, value in update.items():
        old = node.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            _merge(old, value)
        elif isinstance(old, list) and isinstance(value, list):
            node[key] = [*old, *(item for item in value if item not in old)]
        else:
            node[key] = value


def _rename(file, result, raw, keys, node):
    names = raw["x-rename"]
    if len(keys) == 3 and keys[:2] == ("components", "schemas"):
        known, renames = list(node.get("properties", ())), result.renames.setdefault(keys[2], {})
    elif _is_operation(keys):
        known = [parameter["name"] for parameter in node.get("parameters", ()) if parameter["in"] == "query"]
        renames = result.parameters.setdefault(node["operationId"], {})
    else:
        raise YamlError(
            file,
            raw.line_of("target"),
            "x-rename is for the properties of a component, $.components.schemas.Bom, "
            "or the query parameters of an operation, $.paths['/v1/boms/'].get",
        )
    for old, new in names.items():
        if old not in known:
            raise YamlError(file, names.line_of(old), f"{keys[-1]} has no {old!r}; it has {', '.join(known) or 'none'}")
        if not isinstance(new, str) or not new:
            raise YamlError(file, names.line_of(old), f"{old} should be renamed to a text, not {new!r}")
        renames[old] = new
    final = [renames.get(name, name) for name in known]
    if clash := next((name for name in final if final.count(name) > 1), None):
        raise YamlError(file, raw.line_of("x-rename"), f"{keys[-1]} would have {clash!r} twice")


def _move(file, result, raw, keys, node):
    if unknown := [key for key in raw["x-move"] if key not in ("method", "path")]:
        raise YamlError(file, raw["x-move"].line_of(unknown[0]), f"x-move has method and path, no {unknown[0]!r}")
    operation = Operation(node["operationId"], "", keys[2].upper(), keys[1], "", {})
    moved = corrected(operation, raw["x-move"], file)
    result.moves[operation.id] = (moved.method, moved.path, raw.line_of("x-move"))


def _status(file, result, raw, keys, node):
    statuses = result.statuses.setdefault(node["operationId"], {})
    for old, new in raw["x-status"].items():
        if str(old) not in node["responses"]:
            raise YamlError(
                file,
                raw["x-status"].line_of(old),
                f"{node['operationId']} has no status {old}; it has {', '.join(node['responses'])}",
            )
        if not re.fullmatch(r"[1-5]\d\d", str(new)):
            raise YamlError(file, raw["x-status"].line_of(old), f"{new!r} is no HTTP status")
        statuses[int(old)] = int(new)


@dc.dataclass
class Corrected:
    """A contract after its overlay, `document`, and before, `base`.

    `renames` are `{component: {old: new}}`, `parameters` and `statuses` `{operation id: {old: new}}`, `moves`
    `{operation id: (method, path, line)}`.
    """

    file: str | Path
    base: dict
    document: dict
    renames: dict[str, dict[str, str]] = dc.field(default_factory=dict)
    parameters: dict[str, dict[str, str]] = dc.field(default_factory=dict)
    statuses: dict[str, dict[int, int]] = dc.field(default_factory=dict)
    moves: dict[str, tuple[str, str, int]] = dc.field(default_factory=dict)

    def operations(self, operations: list[Operation]) -> list[Operation]:
        """The operations with the verbs and paths that the overlay gives them."""
        found = []
        for operation in operations:
            method, path, _ = self.moves.get(operation.id, (operation.method, operation.path, 0))
            changes = {
                key: value for key, value in (("method", method), ("path", path)) if value != getattr(operation, key)
            }
            found.append(
                dc.replace(operation, **changes, evidence=operation.evidence | dict.fromkeys(changes, "corrected"))
            )
        return found

    def wire(self, operation_id: str) -> Wire:
        """How the requests and answers of an operation differ from those its handler knows."""
        return Wire(
            self.translator,
            self._base_operations[operation_id],
            self._operations[operation_id],
            self.parameters.get(operation_id, {}),
            self.statuses.get(operation_id, {}),
        )

    @functools.cached_property
    def translator(self) -> Translator:
        return Translator(self.base, self.document, self.renames)

    def finish(self) -> None:
        """Put the renames, statuses and moves into the document, and its examples into the new shape."""
        self._base_operations = dict(_operations(self.base))
        for name, schema in self.document["components"]["schemas"].items():
            _finish_schema(schema, self.base["components"]["schemas"].get(name, {}), self.renames.get(name, {}))
        self._operations = dict(_operations(self.document))
        for id, operation in self._operations.items():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "query":
                    parameter["name"] = self.parameters.get(id, {}).get(parameter["name"], parameter["name"])
            operation["responses"] = self._responses(operation, self.statuses.get(id, {}))
        self._finish_moves()
        for id in self._operations.keys() & self._base_operations.keys():
            self.wire(id).correct_examples()
        for operation in self._operations.values():
            self._correct_links(operation)

    def _responses(self, operation, statuses):
        moved = {
            str(statuses.get(int(status), status)): response
            for status, response in operation["responses"].items()
            if int(status) in statuses
        }
        kept = {status: response for status, response in operation["responses"].items() if int(status) not in statuses}
        return dict(sorted((moved | kept).items()))

    def _finish_moves(self):
        paths = self.document["paths"]
        lifted = []
        for path, item in list(paths.items()):
            for method in [method for method in item if method in METHODS]:
                if item[method]["operationId"] in self.moves:
                    lifted.append(item.pop(method))
            if not any(method in item for method in METHODS):
                del paths[path]
        for operation in lifted:
            method, path, line = self.moves[operation["operationId"]]
            before = next(
                (
                    path
                    for path, item in self.base["paths"].items()
                    for one in item.values()
                    if isinstance(one, dict) and one.get("operationId") == operation["operationId"]
                )
            )
            taken = next(
                (
                    item[method.lower()]["operationId"]
                    for other, item in paths.items()
                    if _bare(other) == _bare(path) and method.lower() in item
                ),
                None,
            )
            if taken:
                raise YamlError(
                    self.file,
                    line,
                    f"{operation['operationId']} and {taken} clash: both would be {method} {path}",
                )
            operation["x-evidence"] = {
                **operation.get("x-evidence", {}),
                **({"path": "corrected"} if path != before else {}),
                "method": "corrected",
            }
            paths.setdefault(path, {})[method.lower()] = operation

    def _correct_links(self, operation):
        """Links point at fields of the answer by their names."""
        for response in operation["responses"].values():
            schema = response.get("content", {}).get("application/json", {}).get("schema", {})
            renames = self.renames.get(schema.get("$ref", "").rpartition("/")[2], {})
            for link in response.get("links", {}).values():
                for name, expression in link.get("parameters", {}).items():
                    body, _, field = expression.partition("#/")
                    if body == "$response.body" and field in renames:
                        link["parameters"][name] = f"{body}#/{renames[field]}"


def _bare(path):
    return re.sub(r"{\w+}", "{}", path)


def _operations(document):
    return [
        (operation["operationId"], operation)
        for item in document["paths"].values()
        for method, operation in item.items()
        if method in METHODS
    ]


def _finish_schema(schema, base, renames):
    """Properties under their new names; what is corrected says so; nothing is required that is not there."""
    if "properties" not in schema:
        return
    old = base.get("properties", {})
    for name, document in schema["properties"].items():
        if isinstance(document, dict) and (document != old.get(name) or name in renames):
            document["x-evidence"] = "corrected"
            _finish_values(document)
    if "required" in schema:
        schema["required"] = [renames.get(name, name) for name in schema["required"] if name in schema["properties"]]
        if not schema["required"]:
            del schema["required"]
    schema["properties"] = {renames.get(name, name): document for name, document in schema["properties"].items()}


def _finish_values(schema):
    """Defaults and examples in the types that there are now; what does not fit is dropped."""
    if "default" in schema:
        default = schema.pop("default")
        if _castable(default, schema):
            schema["default"] = cast(default, schema)
    if "examples" in schema:
        schema["examples"] = [cast(value, schema) for value in schema["examples"] if _castable(value, schema)]


def _castable(value, schema):
    try:
        cast(value, schema)
    except ValueError:
        return False
    return True
