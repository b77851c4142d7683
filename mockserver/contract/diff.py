"""What changed from one contract to another, and whether a client built on the old one breaks on the new one.

Breaking is what refuses a request that was right, or takes away or alters what an answer was sure to hold.
Where a client may stumble but need not (a field it sent is ignored, a value it does not know may come) it is
a warning. The rest, above all what was added, is informational.
"""

import dataclasses as dc
import re
import typing as t
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from mockserver.contract import documents

SEVERITIES = ("breaking", "warning", "informational")


@dc.dataclass(frozen=True)
class Change:
    """One difference. `operation` is verb and path in the old document, or in the new one if it was added.
    `side` is operation, request or response, `field` a dotted path such as `results[].name`, empty for the
    whole."""

    operation: str
    side: str
    field: str
    severity: str
    message: str


@dc.dataclass(frozen=True)
class Facts:
    """What a schema says of one field."""

    types: frozenset[str]  # empty for any
    required: bool
    enum: frozenset[str] | None
    format: str | None
    pattern: str | None
    bounds: dict[str, float]


LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
ALL = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})


def diff(old: Mapping, new: Mapping) -> list[Change]:
    """The changes from one OpenAPI 3.1 document to another, by operation. Operations are the same when verb
    and path are, or else their ids."""
    before, after = _addresses(old), _addresses(new)
    by_name = {place.name: address for address, place in after.items()}
    moved = {
        address: by_name[place.name]
        for address, place in before.items()
        if address not in after and by_name.get(place.name, address) not in before
    }
    found = []
    for address, place in before.items():
        label = " ".join(address)
        if address not in after and address not in moved:
            found.append(Change(label, "operation", "", "breaking", "The operation was removed."))
            continue
        other = after[moved.get(address, address)]
        if address in moved:
            found.append(
                Change(label, "operation", "", "breaking", f"The operation moved to {' '.join(moved[address])}.")
            )
        found += [Change(label, *change) for change in _operation(old, place, new, other)]
    added = [address for address in after if address not in before and address not in moved.values()]
    return found + [
        Change(" ".join(address), "operation", "", "informational", "The operation was added.") for address in added
    ]


def text(changes: list[Change]) -> str:
    """The changes by operation, the worst first, and a count."""
    lines, operation = [], None
    for change in sorted(
        changes,
        key=lambda change: (change.operation, SEVERITIES.index(change.severity), change.side, change.field),
    ):
        if change.operation != operation:
            operation = change.operation
            lines.append(operation)
        where = " ".join(filter(None, (change.side, change.field)))
        lines.append(f"  {change.severity:13} {where}: {change.message}")
    counts = ", ".join(
        f"{sum(change.severity == severity for change in changes)} {severity}" for severity in SEVERITIES
    )
    return "\n".join([*lines, f"{len(changes)} changes: {counts}." if changes else "No changes."])


def _addresses(document) -> dict[tuple[str, str], documents.Place]:
    """The operations by verb and path, whatever its parameters are called, the servers' common path
    included."""
    servers = [server.get("url", "") for server in document.get("servers", ()) if isinstance(server, Mapping)]
    base = urlsplit(str(servers[0])).path.rstrip("/") if servers else ""
    return {(place.method, re.sub(r"{[^{}]*}", "{}", base + place.path)): place for place in documents.places(document)}


def _operation(old, before, new, after) -> Iterator[tuple[str, str, str, str]]:
    if _security(old, before.operation) != _security(new, after.operation):
        yield "request", "", "breaking", "It wants other credentials."
    yield from _compare(_sent(old, before), _sent(new, after), "request")
    yield from _bodies(old, before, new, after)
    yield from _responses(old, before, new, after)


def _security(document, operation):
    schemes = document.get("components", {}).get("securitySchemes", {})
    required = operation.get("security", document.get("security")) or []
    return {
        frozenset(
            (scheme.get("type"), scheme.get("in"), str(scheme.get("name", "")).lower(), scheme.get("scheme"))
            for scheme in (
                documents.resolve(document, ["components", "securitySchemes", name])[1]
                for name in choice
                if name in schemes
            )
        )
        for choice in required
    }


def _sent(document, place) -> dict[str, Facts]:
    """The fields of a request: its parameters and what its body holds."""
    found = {}
    names = re.findall(r"{([^{}]*)}", place.path)
    for _, parameter in place.parameters:
        name = parameter["name"]
        if parameter["in"] == "path":
            shown = f"path parameter {names.index(name) + 1}" if name in names else name
        else:
            shown = f"?{name}" if parameter["in"] == "query" else f"{parameter['in']} {name}"
        found |= _fields(document, parameter.get("schema", {}), shown, bool(parameter.get("required")))
    for _, schema in _json(_body(document, place)):
        found |= _fields(document, schema)
    return found


def _body(document, place):
    pointer = ["paths", place.path, place.method.lower(), "requestBody"]
    return documents.resolve(document, pointer)[1] if "requestBody" in place.operation else {}


def _json(message):
    return [
        (name, media["schema"])
        for name, media in message.get("content", {}).items()
        if (name == "application/json" or name.endswith("+json")) and "schema" in media
    ][:1]


def _bodies(old, before, new, after):
    was, now = _body(old, before), _body(new, after)
    if now.get("required") and not was.get("required"):
        yield "request", "", "breaking", "A body is required."
    for media_type in was.get("content", {}).keys() - now.get("content", {}).keys():
        yield "request", "", "breaking", f"{media_type} is no longer taken."


def _responses(old, before, new, after):
    was, now = before.operation["responses"], after.operation["responses"]
    for status in was.keys() | now.keys():
        success = status.startswith("2") or status == "default"
        if status not in now:
            yield (
                "response",
                status,
                "breaking" if success else "informational",
                f"{status} is no longer answered.",
            )
        elif status not in was:
            yield "response", status, "warning" if success else "informational", f"{status} may be answered."
        else:
            yield from _response(old, before, new, after, status, success)


def _response(old, before, new, after, status, success):
    was, now = (
        documents.resolve(document, ["paths", place.path, place.method.lower(), "responses", status])[1]
        for document, place in ((old, before), (new, after))
    )
    for media_type in was.get("content", {}).keys() - now.get("content", {}).keys():
        yield "response", status, "breaking" if success else "warning", f"{media_type} is no longer answered."
    for name in was.get("headers", {}).keys() - now.get("headers", {}).keys():
        yield "response", f"{status} header {name}", "warning", "The header was removed."
    fields = [
        {name: facts for _, schema in _json(message) for name, facts in _fields(document, schema).items()}
        for document, message in ((old, was), (new, now))
    ]
    for side, field, severity, message in _compare(*fields, "response"):
        # Clients go by the status of a refusal.
        yield (
            side,
            " ".join(filter(None, (status, field))),
            "warning" if severity == "breaking" and not success else severity,
            message,
        )


def _compare(was, now, side) -> Iterator[tuple[str, str, str, str]]:
    """The changes of fields. Of a field that came or went, those within it are not told apart."""
    request = side == "request"
    for name in sorted(was.keys() | now.keys()):
        parent = _parent(name)
        if name not in now:
            if parent is None or parent in now or parent not in was:
                yield (
                    side,
                    name,
                    "breaking" if not request and was[name].required else "warning",
                    "The field was removed.",
                )
        elif name not in was:
            if parent is None or parent in was or parent not in now:
                needed = request and now[name].required
                yield (
                    side,
                    name,
                    "breaking" if needed else "informational",
                    f"The field was added{', and is required' if needed else ''}.",
                )
        else:
            for severity, message in _facts(was[name], now[name], request):
                yield side, name, severity, message


def _facts(was: Facts, now: Facts, request: bool) -> Iterator[tuple[str, str]]:
    if was.required != now.required:
        worse = now.required == request
        yield (
            "breaking" if worse else "informational",
            "It is required now." if now.required else "It is no longer required.",
        )
    before, after = _widened(was.types), _widened(now.types)
    if before != after:
        worse = before - after if request else after - before
        yield (
            "breaking" if worse else "informational",
            f"The type was {_listed(was.types)} and is {_listed(now.types)}.",
        )
        return  # the rest only follows from it
    if (was.enum or now.enum) and was.enum != now.enum:
        gone = was.enum is None or (now.enum is not None and bool(was.enum - now.enum))
        come = now.enum is None or (was.enum is not None and bool(now.enum - was.enum))
        severity = ("breaking" if gone else "informational") if request else ("warning" if come else "informational")
        yield severity, f"The values were {_listed(was.enum)} and are {_listed(now.enum)}."
    for name in ("format", "pattern"):
        if getattr(was, name) != getattr(now, name):
            yield (
                "warning",
                f"The {name} was {getattr(was, name) or 'free'} and is {getattr(now, name) or 'free'}.",
            )
    for name in sorted(was.bounds.keys() | now.bounds.keys()):
        low, high = was.bounds.get(name), now.bounds.get(name)
        if low != high:
            tighter = high is not None and (low is None or (high > low) == (name in LOWER))
            severity = (
                ("breaking" if tighter else "informational") if request else ("informational" if tighter else "warning")
            )
            yield (
                severity,
                f"{name} was {'free' if low is None else low} and is {'free' if high is None else high}.",
            )


def _parent(name):
    return re.sub(r"(\[\]|\.[^.\[]+)$", "", name) if re.search(r"[.\]]", name) and not name.startswith("?") else None


def _widened(types):
    types = types or ALL
    return types | {"integer"} if "number" in types else types


def _listed(values):
    return "anything" if not values else ", ".join(sorted(values))


def _fields(document, schema, path="", required=True, above=frozenset()) -> dict[str, Facts]:
    """The facts of a schema and of all fields within, by dotted path. A schema within itself is not
    followed."""
    references: set[str] = set()
    branches = _branches(document, schema, references)
    if references & above:
        return {path: _of(branches, required)}
    above = above | references
    found = {path: _of(branches, required)} if path else {}
    real = [branch for branch in branches if branch.get("type") != "null"]
    names = dict.fromkeys(name for branch in real for name in branch.get("properties", {}))
    for name in names:
        holders = [branch for branch in real if "properties" in branch]
        inner = [branch["properties"][name] for branch in holders if name in branch["properties"]]
        needed = all(name in branch.get("required", ()) for branch in holders)
        found |= _fields(
            document,
            inner[0] if len(inner) == 1 else {"anyOf": inner},
            f"{path}.{name}" if path else name,
            needed,
            above,
        )
    items = [branch["items"] for branch in real if isinstance(branch.get("items"), Mapping)]
    if items:
        found |= _fields(document, items[0] if len(items) == 1 else {"anyOf": items}, f"{path}[]", True, above)
    others = [
        branch["additionalProperties"] for branch in real if isinstance(branch.get("additionalProperties"), Mapping)
    ]
    if others:
        found |= _fields(document, others[0], f"{path}.*" if path else "*", False, above)
    return found


def _branches(document, schema, references, within=frozenset()) -> list[dict[str, t.Any]]:
    """The alternatives of a schema, each with what it is composed of merged into one. Adds what it refers to
    to `references`."""
    if not isinstance(schema, Mapping):
        return [{}]
    if isinstance(reference := schema.get("$ref"), str):
        if reference in within:
            return [{}]
        references.add(reference)
        return _branches(document, documents.at(document, documents.steps(reference)), references, within | {reference})
    if not schema.keys() & {"allOf", "anyOf", "oneOf"}:
        return [schema]
    merged = [{name: value for name, value in schema.items() if name not in ("allOf", "anyOf", "oneOf")}]
    for part in schema.get("allOf", ()):
        merged = [_merged(one, branch) for one in merged for branch in _branches(document, part, references, within)]
    alternatives = [
        branch
        for keyword in ("anyOf", "oneOf")
        for part in schema.get(keyword, ())
        for branch in _branches(document, part, references, within)
    ]
    if not alternatives:
        return merged
    if len(merged) == 1 and not merged[0].keys() & {"type", "properties", "items", "enum", "required"}:
        return alternatives
    return [_merged(one, branch) for one in merged for branch in alternatives]


def _merged(one, other):
    properties = {**one.get("properties", {}), **other.get("properties", {})}
    required = [*one.get("required", ()), *other.get("required", ())]
    return {
        **one,
        **other,
        **({"properties": properties} if properties else {}),
        **({"required": required} if required else {}),
    }


def _of(branches, required) -> Facts:
    types: set[str] = set()
    for branch in branches:
        types |= _types(branch)
    enums = [
        frozenset(map(str, branch["enum"] if "enum" in branch else [branch["const"]]))
        if branch.keys() & {"enum", "const"}
        else None
        for branch in branches
        if branch.get("type") != "null"
    ]
    first = next((branch for branch in branches if branch.get("type") != "null"), {})
    return Facts(
        frozenset() if any(not _types(branch) for branch in branches) else frozenset(types),
        required,
        frozenset().union(*enums) if enums and None not in enums else None,
        first.get("format"),
        first.get("pattern"),
        {
            name: first[name]
            for name in (*LOWER, *UPPER)
            if isinstance(first.get(name), int | float) and not isinstance(first[name], bool)
        },
    )


def _types(branch) -> set[str]:
    given = branch.get("type")
    if given is None:
        return {"object"} if "properties" in branch else {"array"} if "items" in branch else set()
    return set(given) if isinstance(given, list) else {given}
