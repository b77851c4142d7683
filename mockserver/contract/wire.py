"""Between a corrected contract and handlers that know it as it was: requests go back, answers forward.

Nothing here lists what an overlay did. Two contracts are walked side by side, with the values that follow
them; what differs in their properties is renamed, left out, completed or cast. A value that the handlers
cannot take, for a field they lack or of a type they refuse, is kept beside the record, in `Sandbox.extras`,
and answered from there.
"""

import dataclasses as dc
import functools
import typing as t
from collections.abc import Mapping

import orjson
from werkzeug.datastructures import MultiDict

from mockserver.api.problems import Invalid

# What does not decide whether a value fits.
ANNOTATIONS = frozenset({"description", "example", "examples", "readOnly", "default", "title", "deprecated"})
SAMPLES = {
    "date-time": "2025-01-01T00:00:00Z",
    "date": "2025-01-01",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
}
FORGET = object()  # the handlers keep the value themselves
MISSING = object()


@dc.dataclass
class Field:
    """A property before and after: `name` and `schema` are None where it is not there any more.

    `changed`: other values fit than before. `spelling` is how values of an enumeration are spelt now.
    """

    old: t.Any
    name: str | None
    schema: t.Any
    changed: bool = False
    spelling: dict = dc.field(default_factory=dict)


@dc.dataclass
class Shape:
    """An object before and after: the fields it had by their old names, those it gained by their new ones."""

    fields: dict[str, Field]
    added: dict[str, Field]
    required_before: frozenset[str]
    required: frozenset[str]

    @functools.cached_property
    def old_names(self) -> dict[str, str]:
        return {field.name: old for old, field in self.fields.items() if field.name is not None}


class Translator:
    """Walks values along the schemas of two contracts. `renames` are `{component: {old property: new}}`."""

    def __init__(self, base: Mapping, document: Mapping, renames: Mapping[str, Mapping[str, str]]):
        self.base, self.document, self.renames = base, document, renames
        self._shapes: dict[tuple, tuple[t.Any, t.Any, Shape]] = {}
        self._validators: dict[tuple, t.Any] = {}

    # -- answers

    def outward(self, value, old, new, extras: Mapping[str, dict], key: str = ""):
        """A value of the old schema as the new one has it. `key` names the record around it in `extras`."""
        old_name, old = self.resolved(self.base, old, value)
        new_name, new = self.resolved(self.document, new, value)
        if isinstance(value, list):
            items = old.get("items", {}), new.get("items", {})
            return [self.outward(item, *items, extras, f"{key}[{number}]") for number, item in enumerate(value)]
        if not isinstance(value, dict) or "properties" not in old or "properties" not in new:
            return value
        shape = self._shape(old_name, old, new_name, new)
        key = record_key(value, key)
        stored = extras.get(key, {})
        found = {}
        for name, item in value.items():
            field = shape.fields.get(name)
            if field is None:
                found[name] = item
            elif field.name is not None:
                kept = self._stored(stored, field)
                found[field.name] = self._forward(item, field, extras, f"{key}.{name}") if kept is MISSING else kept
        for name, field in shape.added.items():
            kept = self._stored(stored, field)
            found[name] = self.sample(field.schema) if kept is MISSING else kept
        return found

    def _stored(self, stored, field):
        """What was kept of a field; MISSING when there is nothing, or what was sent is no answer."""
        if field.name in stored and self._fits(self.document, field.schema, stored[field.name]):
            return stored[field.name]
        return MISSING

    def _forward(self, value, field, extras, key):
        if not field.changed:
            return self.outward(value, field.old, field.schema, extras, key)
        try:
            value = cast(
                self.outward(
                    field.spelling.get(value, value) if isinstance(value, str) else value,
                    field.old,
                    field.schema,
                    extras,
                    key,
                ),
                self.resolved(self.document, field.schema, value)[1],
            )
        except ValueError:
            return self.sample(field.schema)
        return value if self._fits(self.document, field.schema, value) else self.sample(field.schema)

    # -- requests

    def inward(self, value, old, new, kept: dict, unknown: list, path: tuple = ()):
        """A value of the new schema as the old one has it.

        What the old one cannot say goes to `kept`, `{path: {new name: value}}`; lost names to `unknown`.
        Raises Invalid where a changed or added field does not fit the new schema.
        """
        found, problems = self._back(value, old, new, kept, unknown, path)
        if problems:
            raise Invalid(problems)
        return found

    def _back(self, value, old, new, kept, unknown, path) -> tuple[t.Any, t.Any]:
        """(the value as the old schema has it, messages on what is wrong with it)."""
        old_name, old = self.resolved(self.base, old, value)
        new_name, new = self.resolved(self.document, new, value)
        if isinstance(value, list):
            pairs = [
                self._back(one, old.get("items", {}), new.get("items", {}), kept, unknown, (*path, number))
                for number, one in enumerate(value)
            ]
            return [found for found, _ in pairs], {
                str(number): messages for number, (_, messages) in enumerate(pairs) if messages
            }
        if not isinstance(value, dict) or "properties" not in old or "properties" not in new:
            return value, {}
        shape = self._shape(old_name, old, new_name, new)
        found, mine = {}, {}
        problems = {name: ["This field is required."] for name in shape.required if name not in value}
        for name, one in value.items():
            if name in shape.added:
                mine[name], messages = one, self._messages(shape.added[name].schema, one)
            elif name in shape.old_names:
                before, messages = self._backward(
                    one, shape.fields[shape.old_names[name]], kept, unknown, (*path, shape.old_names[name])
                )
                mine |= (
                    {name: one}
                    if before is MISSING
                    else {name: FORGET}
                    if shape.fields[shape.old_names[name]].changed
                    else {}
                )
                found |= {} if before is MISSING else {shape.old_names[name]: before}
            elif name in shape.fields:
                unknown.append((*path, name))
                continue
            else:
                found[name], messages = one, None
            if messages:
                problems[name] = messages
        for name in shape.required_before - found.keys():
            if shape.fields[name].name not in problems:  # the handlers want what the caller need not or cannot send
                found[name] = self.sample(shape.fields[name].old, self.base)
        if mine:
            kept[path] = mine
        return found, problems

    def _backward(self, value, field, kept, unknown, path) -> tuple[t.Any, t.Any]:
        """As `_back`, of a field; MISSING for a value that only the new schema allows."""
        if not field.changed:
            return self._back(value, field.old, field.schema, kept, unknown, path)
        if messages := self._messages(field.schema, value):
            return MISSING, messages
        before, messages = self._back(value, field.old, field.schema, kept, unknown, path)
        try:
            before = (
                {new: old for old, new in field.spelling.items()}.get(before, before)
                if isinstance(before, str)
                else before
            )
            before = cast(before, self.resolved(self.base, field.old, before)[1])
        except ValueError:
            return MISSING, messages
        return (before if self._fits(self.base, field.old, before) else MISSING), messages

    def keep(self, payload, kept: Mapping[tuple, dict], extras: dict[str, dict]) -> None:
        """Put what `inward` kept beside the record that was answered."""
        for path, values in kept.items():
            node, key = payload, record_key(payload, "")
            for step in path:
                key = f"{key}[{step}]" if isinstance(step, int) else f"{key}.{step}"
                node = item(node, step)
                key = record_key(node, key)
            stored = {name: value for name, value in {**extras.get(key, {}), **values}.items() if value is not FORGET}
            if stored or key in extras:
                extras[key] = stored

    # -- names

    def messages(self, messages, old, new):
        """Messages by field, under the new names."""
        old_name, old = self.resolved(self.base, old, {})
        new_name, new = self.resolved(self.document, new, {})
        if isinstance(messages, list):
            return [self.messages(one, old.get("items", {}), new.get("items", {})) for one in messages]
        if not isinstance(messages, dict):
            return messages
        if "properties" not in old or "properties" not in new:
            return {
                name: self.messages(one, old.get("items", {}), new.get("items", {})) for name, one in messages.items()
            }
        fields = self._shape(old_name, old, new_name, new).fields
        return {
            (fields[name].name or name) if name in fields else name: self.messages(
                one, fields[name].old, fields[name].schema or {}
            )
            if name in fields
            else one
            for name, one in messages.items()
        }

    # -- schemas

    def resolved(self, document, schema, value) -> tuple[str | None, t.Any]:
        """(component name, schema) with references followed; of alternatives the one made for the value."""
        name = None
        while isinstance(schema, Mapping):
            if "$ref" in schema:
                name = schema["$ref"].rpartition("/")[2]
                schema = document["components"]["schemas"][name]
            elif "anyOf" in schema:
                branches = [branch for branch in schema["anyOf"] if branch.get("type") != "null"]
                schema = (
                    branches[0]
                    if len(branches) == 1
                    else next((one for one in branches if self._made_for(document, one, value)), {})
                )
            else:
                return name, schema
        return name, {}

    def _made_for(self, document, schema, value):
        _, schema = self.resolved(document, schema, value)
        if isinstance(value, list):
            return "items" in schema
        required = schema.get("required", ())
        return (
            "properties" not in schema
            or not value
            or (isinstance(value, dict) and all(name in value for name in required))
        )

    def _shape(self, old_name, old, new_name, new) -> Shape:
        key = old_name or id(old), new_name or id(new)
        if key not in self._shapes:
            # The schemas are kept too: an id is only good while its object lives.
            self._shapes[key] = old, new, self._compare(old, new, self.renames.get(new_name or "", {}))
        return self._shapes[key][2]

    def _compare(self, old, new, renames) -> Shape:
        fields = {}
        for name, before in old["properties"].items():
            after = new["properties"].get(renames.get(name, name))
            if after is None:
                fields[name] = Field(before, None, None)
            else:
                fields[name] = Field(
                    before,
                    renames.get(name, name),
                    after,
                    bare(before) != bare(after),
                    spelling(before, after),
                )
        known = {field.name for field in fields.values()}
        added = {name: Field(None, name, schema) for name, schema in new["properties"].items() if name not in known}
        return Shape(
            fields,
            added,
            frozenset(old.get("required", ())) & fields.keys(),
            frozenset(new.get("required", ())),
        )

    def sample(self, schema, document=None):
        """A value that fits: the example when it has one."""
        document = document or self.document
        for key in ("x-example", "example", "default", "const"):
            if key in schema:
                return schema[key]
        for key in ("examples", "enum"):
            if schema.get(key):
                return schema[key][0]
        types = schema.get("type")
        if (types and "null" in types) or any(branch.get("type") == "null" for branch in schema.get("anyOf", ())):
            return None
        _, schema = self.resolved(document, schema, {})
        kind = types_of(schema)[0] if types_of(schema) else None
        if kind == "object":
            required = schema.get("required", ())
            return {
                name: self.sample(one, document)
                for name, one in schema.get("properties", {}).items()
                if name in required
            }
        if kind == "string":
            return SAMPLES.get(schema.get("format", ""), "x" * max(schema.get("minLength", 0), 0))
        return {
            "array": [],
            "boolean": False,
            "integer": schema.get("minimum", 0),
            "number": schema.get("minimum", 0),
        }.get(kind)

    def _fits(self, document, schema, value) -> bool:
        return self._validator(document, schema).is_valid(value)

    def _messages(self, schema, value) -> list[str]:
        return [f"{error.message}." for error in self._validator(self.document, schema).iter_errors(value)]

    def _validator(self, document, schema):
        key = document is self.base, id(schema)
        if key not in self._validators:
            import jsonschema_rs

            text = orjson.dumps(schema)
            whole = {**schema, "components": document["components"]} if b'"$ref"' in text else schema
            self._validators[key] = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        return self._validators[key]


class Wire:
    """One operation: its handler's requests, statuses and answers, and those of the corrected contract."""

    def __init__(
        self,
        translator: Translator,
        base: dict,
        operation: dict,
        parameters: Mapping[str, str],
        statuses: Mapping[int, int],
    ):
        self.translator, self.parameters, self.statuses = translator, parameters, statuses
        self._base, self._operation = base, operation

    @functools.cached_property
    def known_parameters(self) -> set[str]:
        return {one["name"] for one in self._operation.get("parameters", ()) if one["in"] == "query"}

    def query(self, args: MultiDict) -> MultiDict:
        """Query parameters under the names the handler knows."""
        back = {new: old for old, new in self.parameters.items()}
        return MultiDict(
            [
                (back.get(name, name), value)
                for name, value in args.items(multi=True)
                if name in back or name not in self.parameters
            ]
        )

    def request(self, value, kept: dict, unknown: list):
        """A body as the handler knows it; see `Translator.inward`."""
        return self.translator.inward(value, *self._bodies, kept, unknown)

    def answer(self, sandbox, status: int, payload, headers: dict, kept: Mapping) -> tuple[int, t.Any, dict]:
        """The answer as the corrected contract has it; what was kept of the request goes to the record."""
        if isinstance(payload, dict | list):
            self.translator.keep(payload, kept, sandbox.extras)
            payload = self.translator.outward(payload, *self._answers(status), sandbox.extras)
        status = self.statuses.get(status, status)
        if "Location" not in self._operation["responses"].get(str(status), {}).get("headers", {}):
            headers = {name: value for name, value in headers.items() if name != "Location"}
        return status, payload, headers

    def refusal(self, status: int, body) -> tuple[int, t.Any]:
        """(status, body) of a problem."""
        if status == 400 and isinstance(body, dict | list) and not is_problem(body):
            body = self.translator.messages(body, *self._bodies)
            if isinstance(body, dict):
                body = {self.parameters.get(name, name): messages for name, messages in body.items()}
        return self.statuses.get(status, status), self.translator.outward(body, *self._answers(status), {})

    def correct_examples(self) -> None:
        """Bring the examples in the corrected document forward."""
        old, new = (
            side.get("requestBody", {}).get("content", {}).get("application/json", {})
            for side in (self._base, self._operation)
        )
        if "example" in new:
            new["example"] = self.translator.outward(new["example"], old.get("schema", {}), new.get("schema", {}), {})
        for status in self._base["responses"]:
            media = self._media(self._operation, self.statuses.get(int(status), status))
            if "example" in media:
                media["example"] = self.translator.outward(media["example"], *self._answers(int(status)), {})

    @functools.cached_property
    def _bodies(self):
        return tuple(
            side.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            for side in (self._base, self._operation)
        )

    def _answers(self, status):
        return (
            self._media(self._base, status, self.translator.base).get("schema", {}),
            self._media(self._operation, self.statuses.get(status, status), self.translator.document).get("schema", {}),
        )

    def _media(self, operation, status, document=None):
        response = operation["responses"].get(str(status), {})
        if "$ref" in response:
            if document is None:
                return {}
            response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        return response.get("content", {}).get("application/json", {})


def is_problem(body) -> bool:
    return isinstance(body, dict) and isinstance(body.get("detail"), str)


def record_key(value, key: str) -> str:
    """Where values kept for an object are found: under its id, else its place in the record around it."""
    own = value.get("id") if isinstance(value, dict) else None
    return own if isinstance(own, str) else key


def item(node, step):
    if isinstance(node, dict):
        return node.get(step)
    return node[step] if isinstance(node, list) and isinstance(step, int) and step < len(node) else None


def bare(schema):
    """The schema without what does not decide whether a value fits."""
    if isinstance(schema, Mapping):
        return {
            key: {name: bare(one) for name, one in value.items()} if key == "properties" else bare(value)
            for key, value in schema.items()
            if key not in ANNOTATIONS and not (key.startswith("x-") and key != "x-enum")
        }
    return [bare(one) for one in schema] if isinstance(schema, list) else schema


def spelling(old, new) -> dict[str, str]:
    """How values of an enumeration are spelt now: as `x-enum` says, else but for case, `-`, `_`, blanks."""
    if "enum" not in old or "enum" not in new:
        return {}
    plain = {_plain(value): value for value in new["enum"] if isinstance(value, str)}
    found = {
        value: plain[_plain(value)]
        for value in old["enum"]
        if isinstance(value, str) and value not in new["enum"] and _plain(value) in plain
    }
    return found | dict(new.get("x-enum", {}))


def _plain(text):
    return "".join(letter for letter in text.lower() if letter.isalnum())


def types_of(schema) -> list[str]:
    types = schema.get("type", [])
    return types if isinstance(types, list) else [types]


def cast(value, schema):
    """The value as one of the schema's types. ValueError when it is none in any spelling."""
    types = types_of(schema)
    if isinstance(value, list) and "array" in types:
        return [cast(one, schema.get("items", {})) for one in value]
    if not types or any(_is(value, kind) for kind in types):
        return value[:10] if schema.get("format") == "date" and isinstance(value, str) else value
    if isinstance(value, dict | list):
        raise ValueError
    if "integer" in types and isinstance(value, str) and value.removeprefix("-").isdecimal() and len(value) < 19:
        return int(value)
    if "integer" in types and isinstance(value, float) and value.is_integer():
        return int(value)
    if "number" in types and isinstance(value, str):
        return float(value)
    if "boolean" in types and value in ("true", "false"):
        return value == "true"
    if "string" in types and value is not None:
        return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
    raise ValueError


def _is(value, kind):
    match kind:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
    return False
