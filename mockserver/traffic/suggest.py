"""From recorded traffic, the overlay that would make the contract true.

What is certain is read off the exchanges: a field that is there, a type, a status. What is guessed, that
a field is an old one under a new name, that a path is an operation of ours, has a confidence, and is only
said from `ENOUGH` on.
"""

import dataclasses as dc
import difflib
import re
import typing as t
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

import jsonschema_rs
import yaml

from mockserver.contract.validation import Contract
from mockserver.contract.wire import Translator, types_of
from mockserver.traffic.recordings import Exchange
from mockserver.traffic.redaction import REDACTED, is_secret

ENOUGH = 0.55  # confidence from which a guess is made
SOURCES = 5  # exchanges that an action names
LONGEST = 200  # characters of an example
_ID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{24,32}|[0-9A-Z]{12}|\d+")
_VERSION = re.compile(r"api|v\d+")
_FORMATS = {
    "uuid": r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "date-time": r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)",
    "date": r"\d{4}-\d\d-\d\d",
    "email": r"[^@\s]+@[^@\s]+\.[^@\s]+",
    "uri": r"https?://\S+",
}
# Names that APIs use for one thing.
_SYNONYMS = [
    frozenset(words.split())
    for words in (
        "name title label display_name",
        "count total total_count total_results",
        "results items data records entries rows",
        "id uid uuid guid",
        "next next_page next_url",
        "previous prev prev_page previous_page previous_url",
        "created_at created created_on creation_date date_created",
        "updated_at updated modified modified_at modified_on last_modified date_updated",
        "description details summary text",
        "version revision rev",
        "quantity qty amount",
        "color colour",
        "limit page_size per_page size max_results",
        "offset skip start",
        "status state",
        "detail error message",
        "archived deleted is_archived",
        "approved is_approved",
        "part_number number item_number",
    )
]
_SPELLINGS = (
    str.upper,
    str.lower,
    lambda text: text.replace("_", "-"),
    lambda text: text.replace("_", " "),
    lambda text: text.upper().replace("_", "-"),
    lambda text: text.upper().replace("_", " "),
    lambda text: text.replace("_", " ").capitalize(),
    lambda text: text.replace("_", " ").title(),
    lambda text: text.title().replace("_", ""),
    lambda text: text[:1] + text.title().replace("_", "")[1:],
)


@dc.dataclass
class Seen:
    """The objects of one component, each with the exchange it was in."""

    schema: Mapping
    response: bool
    objects: list[tuple[dict, str]] = dc.field(default_factory=list)

    def values(self, name: str) -> list[tuple[t.Any, str]]:
        return [(one[name], source) for one, source in self.objects if name in one]

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(name for one, _ in self.objects for name in one))


def suggest(document: Mapping, exchanges: Iterable[Exchange]) -> list[dict]:
    """The actions of an overlay for the document, each with its evidence."""
    return Suggestion(document, list(exchanges)).actions()


def to_yaml(actions: list[dict]) -> str:
    """The overlay of these actions."""
    overlay = {
        "overlay": "1.0.0",
        "info": {"title": "What recorded traffic says otherwise than the contract", "version": "1"},
        "actions": actions,
    }
    return yaml.safe_dump(overlay, sort_keys=False, allow_unicode=True, width=140)


class Suggestion:
    """What traffic says of a contract."""

    def __init__(self, document: Mapping, exchanges: list[Exchange]):
        self.document = document
        self.contract = Contract(document)
        self._translator = Translator(document, document, {})
        self.matched: list[tuple[str, Exchange]] = []
        unknown: dict[tuple[str, str], list[Exchange]] = defaultdict(list)
        for exchange in exchanges:
            found = self.contract.match(exchange.method, exchange.path)
            if found:
                self.matched.append((found[0], exchange))
            elif exchange.status < 400:  # what the API did not know either is no operation of it
                unknown[exchange.method, _general(exchange.path)].append(exchange)
        self.moves = self._moves(unknown)
        for (method, path), (operation, _) in self.moves.items():
            self.matched += [(operation, exchange) for exchange in unknown[method, path]]
        self._unknown = unknown
        self._collect()

    def actions(self) -> list[dict]:
        """Those of components, then of operations; paths and verbs come last."""
        found = []
        for name, seen in self.seen.items():
            found += self._component_actions(name, seen)
        for name, (renames, source) in self._carried.items():
            found.append(
                self._action(
                    f"$.components.schemas.{name}",
                    f"As in answers, of {source}: {_said(renames)}.",
                    [],
                    **{"x-rename": renames},
                )
            )
        for operation in dict.fromkeys(operation for operation, _ in self.matched):
            found += self._operation_actions(
                operation, [exchange for name, exchange in self.matched if name == operation]
            )
        for (method, path), (operation, confidence) in self.moves.items():
            place = self.contract.places[operation]
            parameters = iter(re.findall(r"{\w+}", place.path))
            path_now = re.sub("{}", lambda _, parameters=parameters: next(parameters), path)
            move = ({"method": method} if method != place.method else {}) | (
                {"path": path_now} if path_now != place.path else {}
            )
            found.append(
                self._action(
                    f"$.paths[*][?(@.operationId == '{operation}')]",
                    f"{place.method} {place.path} is called {method} {path_now} (confidence {confidence:.2f}).",
                    [one.source for one in self._unknown[method, path]],
                    **{"x-move": move},
                )
            )
        return found

    # -- paths

    def _moves(self, unknown) -> dict[tuple[str, str], tuple[str, float]]:
        """`{(verb, path with {} for ids): (operation, confidence)}`.

        The likeliest come first, and their words then speak for their neighbours.
        """
        taken = {operation for operation, _ in self.matched}
        words: dict[str, str] = {}  # of our paths, as the API says them
        moves: dict[tuple[str, str], tuple[str, float]] = {}
        while True:
            best = (ENOUGH, None, None)
            for (method, path), exchanges in unknown.items():
                if (method, path) in moves:
                    continue
                for place in self.contract.places.values():
                    if (
                        place.name not in taken
                        and (score := self._likeness(place, method, path, exchanges, words)) > best[0]
                    ):
                        best = (score, (method, path), place)
            score, address, place = best
            if place is None:
                return moves
            moves[address] = place.name, score
            taken.add(place.name)
            for ours, theirs in zip(_words(place.path), _words(address[1]), strict=True):
                words[ours] = theirs

    def _likeness(self, place, method, path, exchanges, words) -> float:
        """From 0 to 1: how alike the words of the paths and the fields of the bodies are."""
        ours, theirs = _words(place.path), _words(path)
        if len(ours) != len(theirs) or [word == "{}" for word in ours] != [word == "{}" for word in theirs]:
            return 0.0
        if (method == "GET") != (place.method == "GET") or (method == "DELETE") != (place.method == "DELETE"):
            return 0.0
        pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a != "{}"]
        likeness = sum(1.0 if a == b or words.get(a) == b else _alike(a, b) for a, b in pairs) / max(len(pairs), 1)
        if any(words.get(a, b) != b for a, b in pairs):
            return 0.0
        bodies = [self._body_likeness(place, exchange) for exchange in exchanges]
        bodies = [body for body in bodies if body is not None]
        body = sum(bodies) / len(bodies) if bodies else likeness
        # Either may carry it: a path that is nearly ours, or a body that is ours altogether.
        score = max(0.5 * likeness + 0.5 * body, 0.35 * likeness + 0.65 * body)
        if words and likeness == 1.0:  # what its neighbours are called, whatever the bodies
            score = max(score, 0.75)
        return score - (0.15 if method != place.method else 0.0)

    def _body_likeness(self, place, exchange) -> float | None:
        scores = []
        schema = self._success(place.name, exchange.status)
        if exchange.response_body and schema is not None:
            scores.append(self._fields_likeness(schema, exchange.response_json))
        if exchange.request_body:
            body = self._request_schema(place.name)
            scores.append(0.0 if body is None else self._fields_likeness(body, exchange.request_json))
        scores = [score for score in scores if score is not None]
        return sum(scores) / len(scores) if scores else None

    def _fields_likeness(self, schema, value) -> float | None:
        _, schema = self._translator.resolved(self.document, schema, value)
        if isinstance(value, list) or "items" in schema:
            if not isinstance(value, list) or "items" not in schema:
                return 0.0
            return self._fields_likeness(schema["items"], value[0]) if value else None
        if not isinstance(value, dict) or "properties" not in schema:
            return None
        inside = next(
            (
                (ours, theirs)
                for ours in schema["properties"].values()
                if types_of(ours) == ["array"] and "$ref" in ours.get("items", {})
                for theirs in value.values()
                if isinstance(theirs, list) and theirs and isinstance(theirs[0], dict)
            ),
            None,
        )
        if inside and len(schema["properties"]) <= 6:  # a page: its records tell more than its frame
            return self._fields_likeness(inside[0]["items"], inside[1][0])
        known = set(schema["properties"])
        required = set(schema.get("required", ()))
        return len(known & value.keys()) / max(len(value.keys() | required), 1)

    # -- fields

    def _collect(self):
        """The objects of each component, in rounds: what a renamed field holds is found once it is known."""
        self.renames: dict[str, dict[str, str]] = {}
        self.confidence: dict[tuple[str, str], float] = {}
        while True:
            self.seen: dict[str, Seen] = {}
            for operation, exchange in self.matched:
                if exchange.status < 300:
                    self._walk(self._request_schema(operation), exchange.request_json, exchange.source, False)
                self._walk(self._success(operation, exchange.status), exchange.response_json, exchange.source, True)
            before = {name: dict(renames) for name, renames in self.renames.items()}
            for name, seen in sorted(self.seen.items(), key=lambda one: not one[1].response):
                self.renames[name] = self._pair(name, seen)
            self._carry()
            if self.renames == before:
                return

    def _walk(self, schema, value, source, response):
        if schema is None or value is None:
            return
        name, schema = self._translator.resolved(self.document, schema, value)
        if isinstance(value, list):
            for one in value:
                self._walk(schema.get("items"), one, source, response)
        elif isinstance(value, dict) and "properties" in schema:
            if name:
                self.seen.setdefault(name, Seen(schema, response)).objects.append((value, source))
            for own, below in schema["properties"].items():
                self._walk(below, value.get(self.renames.get(name, {}).get(own, own)), source, response)

    def _pair(self, name, seen: Seen) -> dict[str, str]:
        """Old names and new: of fields we know that are never there, and fields that we do not know."""
        missing = [own for own in seen.schema.get("required", ()) if not seen.values(own)]
        extra = [other for other in seen.names if other not in seen.schema["properties"]]
        scores = sorted(
            (
                (self._rename_likeness(seen, own, other, missing, extra), own, other)
                for own in missing
                for other in extra
            ),
            reverse=True,
        )
        found: dict[str, str] = {}
        for score, own, other in scores:
            if score >= ENOUGH and own not in found and other not in found.values():
                found[own] = other
                self.confidence[name, own] = score
        return found

    def _rename_likeness(self, seen, own, other, missing, extra) -> float:
        """From 0 to 1. The values must fit; then the names count, or that no other field has such values."""
        schema = seen.schema["properties"][own]
        values = [value for value, _ in seen.values(other)]
        if not self._kindred(schema, values):
            return 0.0
        names = _alike(own, other)
        told = schema.get("format") or types_of(schema) not in (["string"], ["string", "null"])
        alone = (
            sum(self._kindred(schema, [value for value, _ in seen.values(one)]) for one in extra) == 1
            and sum(self._kindred(seen.schema["properties"][one], values) for one in missing) == 1
        )
        always = len(values) == len(seen.objects)
        listed = "$ref" in schema.get("items", {})  # whose items are alike, or they would not be kindred
        return (
            0.6 * names
            + (0.5 if listed and alone else 0.3 if told and alone else 0.1)
            + (0.1 if always else 0.0)
            + (0.2 if names >= 0.9 else 0.0)
        )

    def _kindred(self, schema, values) -> bool:
        values = [value for value in values if value is not None]
        if not values:
            return "null" in types_of(schema)
        _, resolved = self._translator.resolved(self.document, schema, values[0])
        types = types_of(resolved)
        if not all(_type(value) in types or (_type(value) == "integer" and "number" in types) for value in values):
            return False
        form = resolved.get("format")
        if form in _FORMATS and not all(re.fullmatch(_FORMATS[form], str(value)) for value in values):
            return False
        if form is None and "string" in types and _format(values) in ("uuid", "date-time"):
            return False
        items = [one for value in values if isinstance(value, list) for one in value]
        if not items or "items" not in resolved:
            return True
        if isinstance(items[0], dict) and "$ref" in resolved["items"]:
            return (self._fields_likeness(resolved["items"], items[0]) or 0.0) >= 0.5
        return self._kindred(resolved["items"], items)

    def _carry(self):
        """What answers call a field, requests for the record call it too, unless seen to do otherwise."""
        self._carried: dict[str, tuple[dict[str, str], str]] = {}
        for place in self.contract.places.values():
            asked, answered = (
                _component(self._request_schema(place.name)),
                _component(self._success(place.name, 200)),
            )
            if asked is None or not self.renames.get(answered or ""):
                continue
            schema, seen = self.document["components"]["schemas"][asked], self.seen.get(asked)
            renames = {
                own: other
                for own, other in self.renames[answered].items()
                if own in schema.get("properties", ())
                and other not in schema["properties"]
                and not (seen and seen.values(own))
            }
            mine = self.renames.get(asked, {})
            renames = {own: other for own, other in renames.items() if mine.get(own, other) == other}
            new = {own: other for own, other in renames.items() if own not in mine}
            if new and seen:
                self.renames[asked] = mine | new
                self.confidence |= {(asked, own): self.confidence.get((answered, own), ENOUGH) for own in new}
            elif new:
                self._carried[asked] = (renames, answered)

    def _component_actions(self, name, seen: Seen) -> list[dict]:
        place, renames = f"$.components.schemas.{name}", self.renames.get(name, {})
        properties, found, renamed = seen.schema["properties"], [], []
        required = set(seen.schema.get("required", ()))
        for own, schema in properties.items():
            called = renames.get(own, own)
            values = seen.values(called)
            if own in renames:
                sources = [source for _, source in values] or [source for _, source in seen.objects]
                renamed.append(
                    self._action(
                        place,
                        f"{own} is called {called} (confidence {min(self.confidence[name, own], 1):.2f}).",
                        sources,
                        **{"x-rename": {own: called}},
                    )
                )
            if not values and own not in renames and own in required:
                target = f"{place}.properties.{own}" if seen.response else f"{place}.required[?(@ == '{own}')]"
                found.append(
                    self._action(
                        target,
                        f"{own} is never {'answered' if seen.response else 'sent'}.",
                        [source for _, source in seen.objects],
                        remove=True,
                    )
                )
            elif values and own in required and len(values) < len(seen.objects):
                found.append(
                    self._action(
                        f"{place}.required[?(@ == '{own}')]",
                        f"{own} is not always there.",
                        [source for one, source in seen.objects if called not in one],
                        remove=True,
                    )
                )
            found += self._value_actions(f"{place}.properties.{own}", own, schema, values)
        for other in seen.names:
            if other not in properties and other not in renames.values():
                values = seen.values(other)
                update: dict = {"properties": {other: _inferred([value for value, _ in values], other)}}
                if seen.response and len(values) == len(seen.objects):
                    update["required"] = [other]
                found.append(
                    self._action(
                        place,
                        f"{other} is {'answered' if seen.response else 'sent'}, unknown to the contract.",
                        [source for _, source in values],
                        update=update,
                    )
                )
        return found + renamed

    def _value_actions(self, target, name, schema, values) -> list[dict]:
        """Types, null, enumerations, and whatever else of a schema the values do not keep to."""
        values = [(value, source) for value, source in values if value != REDACTED]
        if "anyOf" in schema or "$ref" in schema:
            return self._reference_actions(target, name, schema, values)
        types = types_of(schema)
        unfit = [(value, source) for value, source in values if types and not _is_of(value, types)]
        sources = [source for _, source in unfit]
        if unfit and all(value is None for value, _ in unfit):
            update = {"type": [*types, "null"]} | ({"enum": [None]} if "enum" in schema else {})
            return [
                self._action(target, f"{name} is null at times.", sources, update=update),
                *self._value_actions(
                    target,
                    name,
                    {**schema, "type": [*types, "null"]},
                    [one for one in values if one[0] is not None],
                ),
            ]
        if unfit:
            return self._type_actions(target, name, schema, types, values, sources)
        if "items" in schema and "array" in types:
            items = [(one, source) for value, source in values if isinstance(value, list) for one in value]
            if "$ref" not in schema["items"]:
                return self._value_actions(f"{target}.items", f"an item of {name}", schema["items"], items)
        found = []
        if "enum" in schema:
            found = self._enum_actions(target, name, schema["enum"], values)
        keywords: dict[str, list[str]] = defaultdict(list)
        judge = jsonschema_rs.Draft202012Validator(
            {key: value for key, value in schema.items() if key not in ("enum", "items")},
            validate_formats=True,
        )
        for value, source in values:
            for error in judge.iter_errors(value):
                keywords[str(error.schema_path[0])].append(source)
        return found + [
            self._action(
                f"{target}.{keyword}",
                f"{name} does not keep to {keyword} {schema[keyword]!r}.",
                sources,
                remove=True,
            )
            for keyword, sources in keywords.items()
            if keyword in schema
        ]

    def _reference_actions(self, target, name, schema, values) -> list[dict]:
        """Of a property that is an object with a schema of its own."""
        others = [(value, source) for value, source in values if not (value is None or isinstance(value, dict))]
        if others:
            sources = [source for _, source in others]
            sentence = f"{name} is {' or '.join(dict.fromkeys(_type(value) for value, _ in values))}, not an object."
            update = _inferred([value for value, _ in values], name)
            return [
                *(
                    self._action(f"{target}['{key}']", sentence, sources, remove=True)
                    for key in ("anyOf", "$ref")
                    if key in schema
                ),
                self._action(target, sentence, sources, update=update),
            ]
        nulls = [source for value, source in values if value is None]
        if "$ref" not in schema or not nulls:
            return []
        sentence = f"{name} is null at times."
        return [
            self._action(f"{target}['$ref']", sentence, nulls, remove=True),
            self._action(target, sentence, nulls, update={"anyOf": [{"$ref": schema["$ref"]}, {"type": "null"}]}),
        ]

    def _type_actions(self, target, name, schema, types, values, sources):
        given = list(dict.fromkeys(_type(value) for value, _ in values))
        if "null" in types and "null" not in given:
            given.append("null")
        update: dict = {"type": given if len(given) > 1 else given[0]}
        texts = [value for value, _ in values if isinstance(value, str)]
        if "integer" in types and texts and all(re.fullmatch(r"-?\d{1,9}", text) for text in texts):
            update["pattern"] = r"^[0-9]{1,9}$" if schema.get("minimum", -1) >= 0 else r"^-?[0-9]{1,9}$"
        elif "number" in types and texts and all(re.fullmatch(r"-?\d{1,9}(\.\d{1,9})?", text) for text in texts):
            update["pattern"] = r"^-?[0-9]{1,9}(\.[0-9]{1,9})?$"
        elif (form := _format(texts)) and form != schema.get("format"):
            update["format"] = form
        sentence = f"{name} is {' or '.join(given)}, not {' or '.join(types)}."
        drop = [
            key
            for key in ("type", "format", "pattern", "enum", "items")
            if key in schema and (key != "type" or isinstance(schema["type"], list))
        ]
        return [
            *(self._action(f"{target}.{key}", sentence, sources, remove=True) for key in drop),
            self._action(target, sentence, sources, update=update),
        ]

    def _enum_actions(self, target, name, enum, values):
        new = [(value, source) for value, source in values if value not in enum]
        if not new:
            return []
        sources, known = [source for _, source in new], [value for value in enum if isinstance(value, str)]
        for spell in _SPELLINGS:
            if all(value in [spell(one) for one in known] for value, _ in values if value is not None):
                respelt = [spell(value) if isinstance(value, str) else value for value in enum]
                return [
                    self._action(f"{target}.enum", f"Values of {name} are spelt otherwise.", sources, remove=True),
                    self._action(target, f"Values of {name} are spelt otherwise.", sources, update={"enum": respelt}),
                ]
        added = list(dict.fromkeys(value for value, _ in new if isinstance(value, str | int | float)))
        return [
            self._action(target, f"{name} may be {', '.join(map(str, added))} too.", sources, update={"enum": added})
        ]

    # -- operations

    def _operation_actions(self, name, exchanges) -> list[dict]:
        place = self.contract.places[name]
        target, found = f"$.paths[*][?(@.operationId == '{name}')]", []
        by_status: dict[int, list[Exchange]] = defaultdict(list)
        for exchange in exchanges:
            by_status[exchange.status].append(exchange)
        success = self._success_status(name)
        for status, group in sorted(by_status.items()):
            sources = [exchange.source for exchange in group]
            if self.contract.response_key(name, status) is None and status < 500:
                if 200 <= status < 300 and success and success not in by_status:
                    found.append(
                        self._action(
                            target,
                            f"It answers {status}, not {success}.",
                            sources,
                            **{"x-status": {success: status}},
                        )
                    )
                elif status == 422 and 400 not in by_status:
                    found.append(self._action(target, "It answers 422, not 400.", sources, **{"x-status": {400: 422}}))
                else:
                    body = {
                        "content": {"application/json": {"schema": self._success(name, status) if status < 300 else {}}}
                    }
                    response = {"description": "Seen in traffic."} | (
                        body if all(e.response_json is not None for e in group) else {}
                    )
                    found.append(
                        self._action(
                            target,
                            f"It answers {status} at times.",
                            sources,
                            update={"responses": {str(status): response}},
                        )
                    )
        if success:
            answers = [exchange for exchange in exchanges if 200 <= exchange.status < 300]
            for header in place.operation["responses"][str(success)].get("headers", {}):
                if answers and not any(header.lower() in exchange.response_headers for exchange in answers):
                    found.append(
                        self._action(
                            f"{target}.responses['{success}'].headers['{header}']",
                            f"It answers no {header}.",
                            [exchange.source for exchange in answers],
                            remove=True,
                        )
                    )
        return self._parameter_actions(name, target, exchanges) + found

    def _parameter_actions(self, name, target, exchanges) -> list[dict]:
        known = [
            parameter["name"] for _, parameter in self.contract.places[name].parameters if parameter["in"] == "query"
        ]
        used: dict[str, list[str]] = defaultdict(list)
        for exchange in exchanges:
            for parameter, _ in exchange.query if exchange.status < 300 else ():
                used[parameter].append(exchange.source)
        free = [parameter for parameter in known if parameter not in used]
        found = []
        for parameter, sources in used.items():
            if parameter in known:
                continue
            best = max(free, key=lambda own: _alike(own, parameter), default=None)
            if best and _alike(best, parameter) >= 0.8:
                free.remove(best)
                found.append(
                    self._action(
                        target,
                        f"The parameter {best} is called {parameter}.",
                        sources,
                        **{"x-rename": {best: parameter}},
                    )
                )
            else:
                added = {"name": parameter, "in": "query", "required": False, "schema": {"type": "string"}}
                found.append(
                    self._action(
                        f"{target}.parameters",
                        f"The parameter {parameter} is sent, which the contract does not know.",
                        sources,
                        update=added,
                    )
                )
        return found

    # -- the contract

    def _request_schema(self, name):
        return self._media(self.contract.places[name].operation.get("requestBody", {})).get("schema")

    def _success_status(self, name) -> int | None:
        statuses = [
            int(status) for status in self.contract.places[name].operation["responses"] if status.startswith("2")
        ]
        return statuses[0] if len(statuses) == 1 else None

    def _success(self, name, status):
        """The schema of an answer; of an undocumented success that of the documented one."""
        key = self.contract.response_key(name, status)
        if key is None and 200 <= status < 300 and (success := self._success_status(name)):
            key = str(success)
        if key is None:
            return None
        return self._media(self.contract.places[name].operation["responses"][key]).get("schema")

    def _media(self, message):
        if "$ref" in message:
            message = self.document["components"]["responses"][message["$ref"].rpartition("/")[2]]
        return message.get("content", {}).get("application/json", {})

    def _action(self, target, description, sources, **effect) -> dict:
        sources = list(dict.fromkeys(sources))
        evidence = {"x-evidence": {"exchanges": len(sources), "sources": sources[:SOURCES]}} if sources else {}
        return {"target": target, "description": description, **effect, **evidence}


def _component(schema) -> str | None:
    return schema["$ref"].rpartition("/")[2] if schema and "$ref" in schema else None


def _said(renames):
    return ", ".join(f"{own} is called {other}" for own, other in renames.items())


def _general(path: str) -> str:
    return "/".join("{}" if _ID.fullmatch(word) else word for word in path.split("/"))


def _words(path: str) -> list[str]:
    """The words of a path without what it begins with, such as /api/v2; `{}` for ids."""
    words = [re.sub(r"{\w*}", "{}", word) for word in path.split("/") if word]
    while words and _VERSION.fullmatch(words[0]):
        words.pop(0)
    return words


def _alike(ours: str, theirs: str) -> float:
    """How alike two names are, from 0 to 1."""
    a, b = _snake(ours), _snake(theirs)
    if a == b or any({a, b} <= words for words in _SYNONYMS):
        return 1.0
    whole = difflib.SequenceMatcher(None, a, b).ratio()
    words, others = set(a.split("_")), set(b.split("_"))
    shared = len(words & others) / max(len(words), len(others))
    initials = (
        "".join(word[0] for word in b.split("_") if word),
        "".join(word[0] for word in a.split("_") if word),
    )
    abbreviated = (
        0.8 if len(a) > 1 and (a in (initials[0], initials[0] + "s") or b in (initials[1], initials[1] + "s")) else 0.0
    )
    contained = 0.75 if (words < others or others < words) else 0.0
    return max(whole if whole >= 0.5 else 0.0, shared, abbreviated, contained)


def _snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("-", "_")


def _type(value) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _is_of(value, types):
    return _type(value) in types or ("number" in types and _type(value) == "integer")


def _format(values) -> str | None:
    if not values:
        return None
    return next(
        (
            form
            for form, pattern in _FORMATS.items()
            if all(isinstance(value, str) and re.fullmatch(pattern, value) for value in values)
        ),
        None,
    )


def _inferred(values, name: str = "") -> dict:
    """The narrowest plain schema of the values, with one of them as the example unless it may be a secret."""
    present = [value for value in values if value is not None]
    types = list(Counter(_type(value) for value in present))
    if set(types) == {"integer", "number"}:
        types = ["number"]
    if len(present) < len(values):
        types.append("null")
    schema: dict = {"type": types[0] if len(types) == 1 else types}
    if "object" in types:
        objects = [value for value in present if isinstance(value, dict)]
        names = dict.fromkeys(name for one in objects for name in one)
        schema["properties"] = {name: _inferred([one[name] for one in objects if name in one], name) for name in names}
        schema["required"] = [name for name in names if all(name in one for one in objects)]
        if not schema["required"]:
            del schema["required"]
    elif "array" in types:
        items = [one for value in present if isinstance(value, list) for one in value]
        schema["items"] = _inferred(items) if items else {}
        schema["items"].pop("x-example", None)
    elif form := _format(present):
        schema["format"] = form
    if (
        present
        and "object" not in types
        and not is_secret(name)
        and REDACTED not in present
        and len(str(present[0])) <= LONGEST
    ):
        schema["x-example"] = present[0]
    return schema
