"""What changed from one contract to another, and whether a client built on the old one breaks on the new one.

Breaking is what refuses a request that was right, or takes away or alters what an answer was sure to hold.
Where a client may stumble but need not (a field it sent is ignored, a value it does not know may come, a limit
is stated that may have held before) it is a warning. The rest, above all what was added, is informational.
What a webhook or callback sends goes the other way: its request is read by the client, its answers are sent
by it.
"""

import dataclasses as dc
import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from mockserver.contract import documents
from mockserver.contract.schema_diff import (
    BREAKING,
    CHANGED,
    HARMLESS,
    INFORMATIONAL,
    NARROWED,
    SCALARS,
    TYPES,
    WARNING,
    WIDENED,
    Comparison,
    Difference,
    join,
)

SEVERITIES = (BREAKING, WARNING, INFORMATIONAL)


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
class Operation:
    """An operation of a document. `path` is empty for a webhook, `parameters` include the path's, resolved."""

    method: str
    path: str
    node: Mapping
    parameters: dict[tuple[str, str], Mapping]

    @property
    def id(self) -> str | None:
        return self.node.get("operationId")


def diff(old: Mapping, new: Mapping) -> list[Change]:
    """The changes from one OpenAPI 3.1 document to another, by operation. Operations are the same when verb
    and path are, or else their ids."""
    found = []
    before, after = _operations(old), _operations(new)
    pairs = _paired(before, after)
    for address, operation in before.items():
        label = " ".join(address)
        if address not in pairs:
            found.append(Change(label, "operation", "", BREAKING, "The operation was removed."))
            continue
        if _own_address(operation) != _own_address(after[pairs[address]]) and address != pairs[address]:
            found.append(
                Change(label, "operation", "", BREAKING, f"The operation moved to {' '.join(pairs[address])}.")
            )
        found += _Pair(old, new, label, operation, after[pairs[address]]).changes()
    found += [
        Change(" ".join(address), "operation", "", INFORMATIONAL, "The operation was added.")
        for address in after
        if address not in pairs.values()
    ]
    was, now = _hooks(old), _hooks(new)
    for label, operation in was.items():
        if label in now:
            found += _Pair(old, new, label, operation, now[label], received=True).changes()
        else:
            found.append(Change(label, "operation", "", BREAKING, "It is no longer called."))
    return found + [
        Change(label, "operation", "", INFORMATIONAL, "It is called now.") for label in now if label not in was
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


# -- operations


def _operations(document) -> dict[tuple[str, str], Operation]:
    """The operations by verb and path, whatever its parameters are called, the servers' common path
    included."""
    servers = [server.get("url", "") for server in _list(document.get("servers")) if isinstance(server, Mapping)]
    base = urlsplit(str(servers[0])).path.rstrip("/") if servers else ""
    base = base if base.startswith("/") else ""  # `example.com`: no address
    return {
        (operation.method, re.sub(r"{[^{}]*}", "{}", base + path)): operation
        for path, item in _mapping(document.get("paths")).items()
        for operation in _of_item(document, path, item)
    }


def _hooks(document) -> dict[str, Operation]:
    """The operations that a client serves: webhooks, and callbacks of operations."""
    found = {
        f"webhook {name} {operation.method}": operation
        for name, item in _mapping(document.get("webhooks")).items()
        for operation in _of_item(document, "", item)
    }
    for path, item in _mapping(document.get("paths")).items():
        for operation in _of_item(document, path, item):
            for name, callback in _mapping(operation.node.get("callbacks")).items():
                for _, inner in _mapping(_resolved(document, callback)).items():
                    for called in _of_item(document, "", inner):
                        found[f"{operation.method} {path} callback {name} {called.method}"] = called
    return found


def _of_item(document, path, item) -> list[Operation]:
    item = _resolved(document, item)
    shared = _parameters(document, item)
    return [
        Operation(method.upper(), path, item[method], shared | _parameters(document, item[method]))
        for method in documents.METHODS
        if isinstance(item.get(method), Mapping)
    ]


def _parameters(document, holder):
    parameters = (_resolved(document, parameter) for parameter in _list(holder.get("parameters")))
    return {(str(one.get("in")), str(one.get("name"))): one for one in parameters if "name" in one}


def _paired(before, after) -> dict[tuple, tuple]:
    """The address in the new document of each operation that is in both."""
    found = {address: address for address in before if address in after}
    ids = {operation.id: address for address, operation in after.items() if operation.id}
    paths = {_own_address(operation): address for address, operation in after.items()}
    for address, operation in before.items():
        for other in (paths.get(_own_address(operation)), ids.get(operation.id)):
            if address not in found and other is not None and other not in found.values():
                found[address] = other
    return found


def _own_address(operation):
    """Verb and path without what the servers put before."""
    return operation.method, re.sub(r"{[^{}]*}", "{}", operation.path)


class _Pair:
    """An operation in both documents. `received` when it is the client that serves it."""

    def __init__(self, old, new, label, before: Operation, after: Operation, received=False):
        self.old, self.new, self.label = old, new, label
        self.before, self.after, self.received = before, after, received

    def changes(self) -> list[Change]:
        return list(dict.fromkeys(self._changes()))

    def _changes(self) -> Iterator[Change]:
        if _flag(self.after.node, "deprecated") and not _flag(self.before.node, "deprecated"):
            yield self._change("operation", "", INFORMATIONAL, "It is deprecated now.")
        if self.before.id != self.after.id and self.before.id:
            message = f"Its operationId was {self.before.id} and is {self.after.id or 'gone'}."
            yield self._change("operation", "", INFORMATIONAL, message)
        if not self.received:
            yield from self._security()
        yield from self._all_parameters()
        yield from self._bodies()
        yield from self._responses()

    def _change(self, side, field, severity, message):
        return Change(self.label, side, field, severity, message)

    def _weighed(self, side, field, difference: Difference, softened=False):
        """The change that a difference is, on a side. A client of a webhook reads its requests."""
        sent = (side == "request") != self.received
        severity = difference.effect[0 if sent else 1]
        if softened and severity == BREAKING:
            severity = WARNING
        return self._change(side, field, severity, difference.message)

    def _comparison(self, side, as_text):
        return Comparison(self.old, self.new, (side == "request") != self.received, as_text)

    # -- security

    def _security(self):
        was, now = _requirements(self.old, self.before.node), _requirements(self.new, self.after.node)
        known = _mapping(_mapping(self.old.get("components")).get("securitySchemes"))
        lost = [one for one in was if not any(_suffices(one, other, known) for other in now)]
        come = [
            other
            for other in now
            if not any(_suffices(one, other, known) and _suffices(other, one, known) for one in was)
        ]
        for one in lost:
            yield self._change(
                "request",
                "",
                BREAKING,
                f"It wants other credentials: {_named(one)} was enough, and {_either(now)} is wanted.",
            )
        for one in () if lost else come:
            yield self._change("request", "", INFORMATIONAL, f"Enough now: {_named(one)}.")

    # -- parameters

    def _all_parameters(self):
        was, now = self._addressed(self.before), self._addressed(self.after)
        for where, name in dict.fromkeys([*was, *now]):
            shown = _shown_parameter(where, name)
            if (where, name) not in now:
                others = sorted(place for place, other in now.keys() - was.keys() if other == name)
                difference = (
                    _difference(NARROWED, f"It moved to the {others[0]}.")
                    if others
                    else _difference((WARNING, WARNING), "The parameter was removed.")
                )
                yield self._weighed("request", shown, difference)
            elif (where, name) not in was:
                needed = _flag(now[where, name], "required") and where != "path"  # the path itself is the same
                yield self._weighed(
                    "request",
                    shown,
                    _difference(NARROWED, "The parameter was added, and is required.")
                    if needed
                    else _difference(HARMLESS, "The parameter was added."),
                )
            else:
                yield from self._parameter(shown, where, was[where, name], now[where, name])

    def _addressed(self, operation):
        """The parameters by place and name; those of the path by their number, since a name there is free."""
        numbers = {name: str(number) for number, name in enumerate(re.findall(r"{([^{}]*)}", operation.path), 1)}
        found = {}
        for (where, name), parameter in operation.parameters.items():
            if where == "path":
                name = numbers.get(name, name)
            elif where == "header":
                name = name.lower()
            found[where, name] = parameter
        return found

    def _parameter(self, shown, where, old, new):
        required, requires = (_flag(one, "required") or where == "path" for one in (old, new))
        if required != requires:
            yield self._weighed("request", shown, _requirement(requires))
        if _flag(new, "deprecated") and not _flag(old, "deprecated"):
            yield self._change("request", shown, INFORMATIONAL, "It is deprecated now.")
        if _flag(old, "allowEmptyValue") and not _flag(new, "allowEmptyValue"):
            yield self._weighed("request", shown, _difference(NARROWED, "It may not be empty any more."))
        (was, schema), (now, other) = _serialised(self.old, old, where), _serialised(self.new, new, where)
        yield from self._style("request", shown, was, now)
        if now == ("form", True) and _is_list(self.new, other) and not _is_list(self.old, schema):
            other = _resolved(self.new, other).get("items", other)  # one value is a list of one
        for difference in self._comparison("request", as_text=SCALARS).compare((schema,), (other,)):
            if difference.keyword == "default" and not difference.field and not _flag(new, "required"):
                difference = difference._replace(effect=NARROWED)  # leaving it out means something else now
            yield self._weighed("request", join(shown, difference.field), difference)

    def _style(self, side, shown, was, now):
        if was[0] != now[0]:
            yield self._weighed(side, shown, _difference(CHANGED, f"Its style was {was[0]} and is {now[0]}."))
        elif was[1] != now[1]:
            message = "It is exploded now." if now[1] else "It is no longer exploded."
            yield self._weighed(side, shown, _difference(CHANGED, message))

    # -- bodies

    def _bodies(self):
        was, now = (
            _resolved(document, operation.node.get("requestBody"))
            for document, operation in ((self.old, self.before), (self.new, self.after))
        )
        if not was and not now:
            return
        required, requires = _flag(was, "required"), _flag(now, "required")
        if was and not now:
            yield self._weighed("request", "", _difference(CHANGED, "A body is no longer taken."))
        elif now and not was:
            effect, message = (NARROWED, "A body is required.") if requires else (HARMLESS, "A body may be sent now.")
            yield self._weighed("request", "", _difference(effect, message))
        else:
            if required != requires:
                message = "A body is required." if requires else "A body is no longer required."
                yield self._weighed("request", "", _difference(_requirement(requires).effect, message))
            yield from self._content("request", "", was, now)

    def _content(self, side, field, was, now, softened=False):
        before, after = _content(was), _content(now)
        for media_type in dict.fromkeys([*before, *after]):
            if media_type in before and media_type in after:
                pair = before[media_type], after[media_type]
            elif media_type in before and (wider := _range(media_type, after)):
                yield self._weighed(side, field, _difference(WIDENED, f"{media_type} became {wider}."), softened)
                pair = before[media_type], after[wider]
            elif media_type in after and (wider := _range(media_type, before)):
                if wider in after:
                    continue
                yield self._weighed(side, field, _difference(NARROWED, f"{wider} became {media_type}."), softened)
                pair = before[wider], after[media_type]
            elif media_type in before:
                if _range_of(media_type, after):
                    continue
                verb = "taken" if side == "request" else "answered"
                yield self._weighed(side, field, _difference(CHANGED, f"{media_type} is no longer {verb}."), softened)
                continue
            else:
                if not _range_of(media_type, before):
                    yield self._weighed(side, field, _difference(HARMLESS, f"{media_type} was added."))
                continue
            yield from self._media(side, field, media_type, *pair, softened)

    def _media(self, side, field, media_type, old, new, softened):
        if ("schema" in old) != ("schema" in new):
            came = "schema" in new
            effect = NARROWED if came else (INFORMATIONAL, WARNING)
            message = f"A schema was {'added' if came else 'removed'}."
            yield self._weighed(side, field, _difference(effect, message), softened)
            return
        comparison = self._comparison(side, as_text=frozenset() if _is_json(media_type) else frozenset(TYPES))
        for difference in comparison.compare((old.get("schema", {}),), (new.get("schema", {}),)):
            yield self._weighed(side, " ".join(filter(None, (field, difference.field))), difference, softened)
        was, now = _mapping(old.get("encoding")), _mapping(new.get("encoding"))
        for name in dict.fromkeys([*was, *now]):
            before, after = (
                {keyword: _mapping(encodings.get(name)).get(keyword) for keyword in ("contentType", "style", "explode")}
                for encodings in (was, now)
            )
            if before != after:
                where = " ".join(filter(None, (field, name)))
                yield self._weighed(side, where, _difference(CHANGED, "It is encoded in another way."), softened)

    # -- responses

    def _responses(self):
        was, now = (
            {
                str(status).upper() if status != "default" else status: _resolved(document, response)
                for status, response in _mapping(operation.node.get("responses")).items()
            }
            for document, operation in ((self.old, self.before), (self.new, self.after))
        )
        for status in dict.fromkeys([*was, *now]):
            success = status.startswith("2") or status == "default"
            wider = f"{status[:1]}XX"
            if status in was and (status in now or wider in now):
                yield from self._response(status, success, was[status], now.get(status) or now.get(wider, {}))
            elif status in was:
                effect = CHANGED if success else HARMLESS
                yield self._weighed("response", status, _difference(effect, f"{status} is no longer answered."))
            elif wider in was:
                yield from self._response(status, success, was[wider], now[status])
            else:
                effect = (BREAKING, WARNING) if success else HARMLESS
                if self.received:
                    effect = HARMLESS
                yield self._weighed("response", status, _difference(effect, f"{status} may be answered."))

    def _response(self, status, success, old, new):
        softened = not success  # clients go by the status of a refusal
        yield from self._content("response", status, old, new, softened)
        was, now = (
            {name.lower(): _resolved(document, header) for name, header in _mapping(one.get("headers")).items()}
            for document, one in ((self.old, old), (self.new, new))
        )
        for name in dict.fromkeys([*was, *now]):
            shown = f"{status} header {name}"
            required, requires = (_flag(headers.get(name, {}), "required") for headers in (was, now))
            if name not in now:
                effect = WIDENED if required else (INFORMATIONAL, WARNING)
                yield self._weighed("response", shown, _difference(effect, "The header was removed."), softened)
            elif name not in was:
                yield self._weighed("response", shown, _difference(HARMLESS, "The header was added."), softened)
            else:
                if required != requires:
                    yield self._weighed("response", shown, _requirement(requires), softened)
                before, schema = _serialised(self.old, was[name], "header")
                after, other = _serialised(self.new, now[name], "header")
                yield from self._style("response", shown, before, after)
                for difference in self._comparison("response", as_text=SCALARS).compare((schema,), (other,)):
                    yield self._weighed("response", join(shown, difference.field), difference, softened)


# -- security


def _requirements(document, operation) -> list[dict]:
    """The alternatives of an operation: for each the schemes by name, as (scheme, scopes). One that wants
    nothing is empty."""
    schemes = _mapping(_mapping(document.get("components")).get("securitySchemes"))
    stated = operation.get("security", document.get("security"))
    found = []
    for choice in _list(stated):
        found.append(
            {
                name: (_resolved(document, schemes.get(name, {})), frozenset(map(str, _list(scopes))))
                for name, scopes in _mapping(choice).items()
            }
        )
    return found or [{}]


def _suffices(old, new, known) -> bool:
    """Whether the credentials of an old alternative are enough for a new one. Schemes are told apart by the
    names that the old document knows; another name may be a new one for the same."""
    return all(
        any(
            _same_scheme(scheme, other) and scopes <= others
            for name, (other, others) in old.items()
            if wanted == name or wanted not in known
        )
        for wanted, (scheme, scopes) in new.items()
    )


def _same_scheme(new, old) -> bool:
    def identity(scheme):
        return (
            scheme.get("type"),
            scheme.get("in"),
            str(scheme.get("name", "")).lower() if scheme.get("in") == "header" else scheme.get("name"),
            str(scheme.get("scheme", "")).lower(),
            scheme.get("openIdConnectUrl"),
        )

    def flows(scheme):
        return {
            name: tuple(_mapping(flow).get(url) for url in ("authorizationUrl", "tokenUrl", "refreshUrl"))
            for name, flow in _mapping(scheme.get("flows")).items()
        }

    return identity(new) == identity(old) and flows(old).items() <= flows(new).items()


def _named(requirement):
    if not requirement:
        return "no key"
    return " with ".join(
        f"{name} ({', '.join([_kind(scheme), *sorted(scopes)])})" for name, (scheme, scopes) in requirement.items()
    )


def _kind(scheme):
    parts = (scheme.get("type"), scheme.get("scheme"), scheme.get("in"), scheme.get("name"))
    return " ".join(str(part) for part in parts if part) or "unknown"


def _either(requirements):
    return " or ".join(map(_named, requirements))


# -- what differs, and how it is shown


def _difference(effect, message):
    return Difference("", effect, "", message)


def _requirement(requires):
    return (
        _difference(NARROWED, "It is required now.") if requires else _difference(WIDENED, "It is no longer required.")
    )


def _shown_parameter(where, name):
    if where == "path":
        return f"path parameter {name}"
    return f"?{name}" if where == "query" else f"{where} {name}"


def _serialised(document, parameter, where):
    """((style, whether it is exploded), schema) of a parameter or header. The style of one with `content` is
    its media type."""
    content = _mapping(parameter.get("content"))
    if content:
        name, media = next(iter(content.items()))
        return (name, False), _mapping(media).get("schema", {})
    style = parameter.get("style") or ("form" if where in ("query", "cookie") else "simple")
    explode = parameter.get("explode")
    return (style, explode if isinstance(explode, bool) else style == "form"), parameter.get("schema", {})


def _is_list(document, schema):
    kinds = _resolved(document, schema).get("type")
    return "array" in (kinds if isinstance(kinds, list) else [kinds])


# -- media types


def _content(message) -> dict[str, Mapping]:
    """The media types of a body without their parameters."""
    return {
        str(name).partition(";")[0].strip().lower(): _mapping(media)
        for name, media in _mapping(message.get("content")).items()
    }


def _is_json(media_type):
    return media_type == "application/json" or media_type.endswith("+json")


def _range(media_type, content):
    """The wider media type among others that holds a media type, if any."""
    return next((one for one in content if one != media_type and _within(media_type, one)), None)


def _range_of(media_type, content):
    """A narrower media type among others, if any."""
    return next((one for one in content if one != media_type and _within(one, media_type)), None)


def _within(one, other):
    kind, _, subtype = other.partition("/")
    return (
        other == "*/*"
        or (subtype == "*" and one.startswith(f"{kind}/"))
        or (one.startswith(f"{kind}/") and one.endswith(f"+{subtype}"))
    )


# -- reading documents that are not all they should be


def _mapping(value) -> Mapping:
    return value if isinstance(value, Mapping) else {}


def _list(value) -> list:
    return value if isinstance(value, list) else []


def _flag(node, name) -> bool:
    return _mapping(node).get(name) is True


def _resolved(document, node) -> Mapping:
    """What a node is, behind any references; empty when it is nothing."""
    for _ in range(20):
        if not isinstance(node, Mapping) or not isinstance(node.get("$ref"), str):
            break
        try:
            node = documents.at(document, documents.steps(node["$ref"]))
        except (KeyError, IndexError, ValueError, TypeError):
            return {}
    return _mapping(node)
