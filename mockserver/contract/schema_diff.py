"""How two JSON Schemas differ, keyword by keyword, and how bad each difference is for whom.

Both schemas are brought into the same form first: for each JSON type a list of alternatives, each the
intersection of what `allOf`, `$ref` and the schema around them say. The alternatives are those of `anyOf`
and `oneOf`; `null` is told apart, however a schema says it. Then what stands at the same place is compared.
A schema that takes less than before breaks those who send; one that allows more breaks those who read.
"""

import dataclasses as dc
import itertools
import re
import typing as t
from collections.abc import Iterator, Mapping, Sequence

BREAKING, WARNING, INFORMATIONAL = "breaking", "warning", "informational"

# (severity for what is sent, severity for what is received)
Effect = tuple[str, str]
NARROWED: Effect = (BREAKING, INFORMATIONAL)
WIDENED: Effect = (INFORMATIONAL, BREAKING)
CHANGED: Effect = (BREAKING, BREAKING)
HARMLESS: Effect = (INFORMATIONAL, INFORMATIONAL)

Parts = tuple[t.Any, ...]  # schemas that all hold

MOST_ALTERNATIVES = 100
TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")
_PYTHON = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
_OF_OBJECTS = frozenset({"properties", "required", "additionalProperties", "patternProperties", "minProperties"})
_OF_ARRAYS = frozenset({"items", "prefixItems", "contains"})
_BOUNDS = (  # (keyword, the same but exclusive, whether it is a lower one)
    ("minimum", "exclusiveMinimum", True),
    ("maximum", "exclusiveMaximum", False),
    ("minLength", None, True),
    ("maxLength", None, False),
    ("minItems", None, True),
    ("maxItems", None, False),
    ("minProperties", None, True),
    ("maxProperties", None, False),
)
ANY: Parts = ({},)
SCALARS = frozenset({"string", "number", "integer", "boolean"})
# What holds one schema, that has to hold for the value or for something within it.
_INNER = ("contains", "unevaluatedItems", "propertyNames", "unevaluatedProperties", "contentSchema", "then", "else")
_WIDER_FORMATS = {("int32", "int64"), ("float", "double"), ("date", "date-time"), ("time", "date-time")}
_ANYTHING = frozenset({"", ".*", "^.*$", ".*$", "^.*", "^"})


class Difference(t.NamedTuple):
    """One difference. `field` is a dotted path such as `results[].name`, empty for the whole; `effect` is
    (severity for what is sent, severity for what is received)."""

    field: str
    effect: Effect
    keyword: str
    message: str


@dc.dataclass(frozen=True)
class Alternative:
    """One way a value may be: plain schemas, without references and composition, that all hold.

    `name` is what the choice is called (a schema's name or title), `exclusive` whether it stands in a
    `oneOf`."""

    schemas: tuple[Mapping, ...]
    name: str = ""
    exclusive: bool = False

    def values(self, keyword: str) -> list:
        return [schema[keyword] for schema in self.schemas if schema.get(keyword) is not None]

    def mappings(self, keyword: str) -> list[Mapping]:
        return [value for value in self.values(keyword) if isinstance(value, Mapping)]

    def numbers(self, keyword: str | None) -> list:
        return [value for value in self.values(keyword) if _is_number(value)] if keyword else []

    def names(self, keyword: str) -> frozenset[str]:
        """The texts of a keyword that holds a list of them."""
        return frozenset(
            name
            for value in self.values(keyword)
            if isinstance(value, Sequence) and not isinstance(value, str)
            for name in value
            if isinstance(name, str)
        )

    def properties(self) -> dict[str, Parts]:
        return self.named("properties")

    def named(self, keyword: str) -> dict[str, Parts]:
        """What a keyword that holds schemas by name says of each name."""
        found: dict[str, list] = {}
        for schemas in self.mappings(keyword):
            for name, schema in schemas.items():
                found.setdefault(name, []).append(schema)
        return {name: _distinct(parts) for name, parts in found.items()}

    def parts(self, keyword: str) -> Parts:
        """The schemas that a keyword which holds one gives."""
        return _distinct(value for value in self.values(keyword) if isinstance(value, Mapping | bool))

    def types(self) -> frozenset[str]:
        """The types it allows; those that its keywords are for when it names none."""
        allowed = frozenset(TYPES)
        named = self.values("type")
        for given in named:
            given = [given] if isinstance(given, str) else given if isinstance(given, Sequence) else []
            allowed &= _with_integer(frozenset(given))
        values = self.enumerated()
        if values is not None:
            allowed &= _with_integer(frozenset(_type_of(value) for value in values)) | (
                frozenset({"integer"}) if "integer" in allowed else frozenset()
            )
        elif not named:
            keywords = {keyword for schema in self.schemas for keyword in schema}
            if keywords & _OF_OBJECTS:
                return frozenset({"object"})
            if keywords & _OF_ARRAYS:
                return frozenset({"array"})
        return allowed

    def enumerated(self) -> list | None:
        """The values it is confined to, or None."""
        lists = [value for value in self.values("enum") if isinstance(value, Sequence) and not isinstance(value, str)]
        lists += [[schema["const"]] for schema in self.schemas if "const" in schema]
        if not lists or not all(lists):
            return None
        return [value for value in lists[0] if all(any(_same(value, one) for one in other) for other in lists[1:])]


class Comparison:
    """Compares schemas of two documents. `request` tells which of readOnly and writeOnly is left out;
    `as_text` holds the types that travel as text, where each is also a string."""

    def __init__(self, old: Mapping, new: Mapping, request: bool, as_text: frozenset[str] = frozenset()):
        self.old, self.new = _Schemas(old), _Schemas(new)
        self.request, self.as_text = request, as_text
        self._found: dict[tuple, list[Difference]] = {}

    def compare(self, old: Parts, new: Parts) -> list[Difference]:
        """The differences between two schemas, each given as the schemas that hold together."""
        return self._once("schema", old, new, self._compare)

    def _once(self, what, old, new, compare):
        """What a comparison of two tuples of schemas finds. Nothing while it is going on: a schema within
        itself differs in what is found further out."""
        key = (what, tuple(map(id, old)), tuple(map(id, new)))
        if key not in self._found:
            self._found[key] = []
            self._found[key] = list(dict.fromkeys(compare(old, new)))
        return self._found[key]

    # -- a schema

    def _compare(self, old, new) -> Iterator[Difference]:
        was, now = self.old.alternatives(old), self.new.alternatives(new)
        if was is None or now is None:
            if self.old.unfolded(old) != self.new.unfolded(new):
                yield Difference("", (WARNING, WARNING), "", "Too many alternatives to compare were changed.")
            return
        yield from self._annotations(was, now)
        if not was or not now:
            if was or now:
                yield Difference("", WIDENED if now else NARROWED, "", f"{'Anything' if now else 'Nothing'} fits now.")
            return
        yield from self._types(*(frozenset().union(*(one.types() for one in several)) for several in (was, now)))
        before, after = _by_kind(was), _by_kind(now)
        for kind in before:
            if kind in after:
                yield from self._kind(kind, before[kind], after[kind])

    def _annotations(self, was, now):
        for keyword in ("default", "discriminator"):
            old, new = _annotation(was, keyword), _annotation(now, keyword)
            if keyword == "discriminator":
                old, new = (
                    [one["propertyName"] for one in values if isinstance(one, Mapping) and "propertyName" in one]
                    for values in (old, new)
                )
            if old[:1] != new[:1] or (old and not _same(old[0], new[0])):
                changed = bool(old and new) and keyword == "discriminator"
                yield Difference(
                    "",
                    (WARNING, WARNING) if changed else HARMLESS,
                    keyword,
                    f"The {keyword} was {_shown(old)} and is {_shown(new)}.",
                )

    def _types(self, was, now):
        anything, null = frozenset(TYPES), {"null"}
        if ("null" in was) != ("null" in now) and was - null and now - null and anything not in (was, now):
            yield (
                Difference("", WIDENED, "type", "It may be null now.")
                if "null" in now
                else Difference("", NARROWED, "type", "It may not be null any more.")
            )
            was, now = was - null, now - null
        if was == now:
            return
        wider, narrower = self._as_text(now) >= was, self._as_text(was) >= now
        effect = WIDENED if wider else NARROWED if narrower else CHANGED
        if self.as_text and wider and narrower:
            effect = HARMLESS
        yield Difference("", effect, "type", f"The type was {_listed_types(was)} and is {_listed_types(now)}.")

    def _as_text(self, types):
        return types | self.as_text if "string" in types else types

    # -- the alternatives of one type

    def _kind(self, kind, old, new) -> Iterator[Difference]:
        pairs, gone, come = self._paired(kind, old, new)
        for before, after in pairs:
            yield from self._constraints(before, after)
        by_name = all(one.name for one in (*old, *new))  # two schemas of one shape may still be two things
        chosen = len(old) == 1 and not old[0].exclusive and all(one.exclusive for one in new)
        chosen = chosen and not any(one.values("discriminator") for one in new)
        if chosen and sum(self._fits(old[0], one, sent=True) for one in new) > 1:
            yield Difference("", NARROWED, "oneOf", "What fitted it fits more than one schema of `oneOf` now.")
        for one in gone:
            if by_name or not any(self._fits(one, other, sent=True) for other in new):
                yield Difference("", NARROWED, "oneOf", f"{_called(one, kind)} is no alternative any more.")
        for one in come:
            if by_name or not any(self._fits(other, one, sent=False) for other in old):
                effect = WIDENED if one.exclusive else (INFORMATIONAL, WARNING)
                yield Difference("", effect, "oneOf", f"{_called(one, kind)} is an alternative now.")

    def _paired(self, kind, old, new):
        """(pairs that stand for each other, alternatives that are gone, that have come)."""
        if len(old) == len(new) == 1:
            return [(old[0], new[0])], [], []
        gone, come, pairs = list(old), list(new), []

        def pair(fits):
            for one in list(gone):
                other = next((other for other in come if fits(one, other)), None)
                if other is not None:
                    gone.remove(one)
                    come.remove(other)
                    pairs.append((one, other))

        pair(lambda one, other: one.name and one.name == other.name)
        pair(lambda one, other: not any(self._constraints(one, other)))
        pair(
            lambda one, other: (
                not (one.name and other.name)
                and (kind != "object" or bool(one.properties().keys() & other.properties().keys()))
            )
        )
        return pairs, gone, come

    def _fits(self, old, new, sent) -> bool:
        """Whether the new alternative takes all that was sent by the old one; or, if not `sent`, whether all
        that comes by the new one was foreseen by the old."""
        return all(difference.effect[not sent] == INFORMATIONAL for difference in self._constraints(old, new))

    # -- two alternatives of one type, keyword by keyword

    def _constraints(self, old, new) -> list[Difference]:
        return self._once("alternative", old.schemas, new.schemas, lambda *_: self._keywords(old, new))

    def _keywords(self, old, new) -> Iterator[Difference]:
        # A keyword that is for another type has no effect, but who changed it meant something by it.
        yield from _enumerations(old, new)
        yield from _bounds(old, new)
        yield from _formats(old, new)
        yield from _patterns(old, new)
        yield from _multiples(old, new)
        for keyword in ("contentEncoding", "contentMediaType"):
            was, now = old.values(keyword)[:1], new.values(keyword)[:1]
            if was != now:
                yield Difference("", CHANGED, keyword, f"{keyword} was {_shown(was)} and is {_shown(now)}.")
        yield from self._objects(old, new)
        yield from self._arrays(old, new)
        for keyword in _INNER:
            yield from self._inner(keyword, old, new)
        was, now = old.parts("if"), new.parts("if")
        if was or now:
            if not was or not now:
                yield _came_or_went("if", bool(now))
            elif self.compare(was, now):
                yield Difference("", CHANGED, "if", "The condition of `if` was changed.")
        was, now = old.parts("not"), new.parts("not")
        if was or now:
            if not was or not now:
                yield _came_or_went("not", bool(now))
            else:
                for difference in self.compare(was, now):
                    yield difference._replace(effect=difference.effect[::-1], keyword="not")

    def _inner(self, keyword, old, new):
        was, now = old.parts(keyword), new.parts(keyword)
        if bool(was) != bool(now):
            yield _came_or_went(keyword, bool(now))
        elif was:
            for difference in self.compare(was, now):
                yield difference._replace(field=join(keyword, difference.field))

    def _objects(self, old, new):
        was, now = (self._shown_properties(schemas, one) for schemas, one in ((self.old, old), (self.new, new)))
        needed, needs = old.names("required"), new.names("required")
        closed = _is_closed(new)
        hidden = "readOnly" if self.request else "writeOnly"
        for name in dict.fromkeys([*was, *now]):
            if name not in now and name in new.properties():
                yield Difference(name, (WARNING, WARNING), hidden, f"It is {hidden} now.")
            elif name not in was and name in old.properties():
                effect = NARROWED if name in needs else HARMLESS
                yield Difference(name, effect, hidden, f"It is no longer {hidden}.")
            elif name not in now:
                sent = BREAKING if closed else WARNING
                yield Difference(
                    name,
                    (sent, BREAKING if name in needed else WARNING),
                    "properties",
                    f"The field was removed{', and is refused' if closed and self.request else ''}.",
                )
            elif name not in was:
                needed_now = self.request and name in needs
                yield Difference(
                    name,
                    (BREAKING if name in needs else INFORMATIONAL, INFORMATIONAL),
                    "properties",
                    f"The field was added{', and is required' if needed_now else ''}.",
                )
            else:
                if (name in needed) != (name in needs):
                    yield (
                        Difference(name, NARROWED, "required", "It is required now.")
                        if name in needs
                        else Difference(name, WIDENED, "required", "It is no longer required.")
                    )
                for difference in self.compare(was[name], now[name]):
                    yield difference._replace(field=join(name, difference.field))
        for name in sorted((needed ^ needs) - old.properties().keys() - new.properties().keys()):
            yield (
                Difference(name, (WARNING, INFORMATIONAL), "required", "It is required now, though not described.")
                if name in needs
                else Difference(name, (INFORMATIONAL, WARNING), "required", "It is no longer required.")
            )
        yield from self._additional(old, new)
        yield from self._named("patternProperties", old, new)
        yield from self._named("dependentSchemas", old, new)
        yield from _dependent_required(old, new)

    def _shown_properties(self, schemas, alternative):
        hidden = "readOnly" if self.request else "writeOnly"
        return {
            name: parts
            for name, parts in alternative.properties().items()
            if not any(schemas.says(part, hidden) for part in parts)
        }

    def _additional(self, old, new):
        closed, closes = _is_closed(old), _is_closed(new)
        if closed != closes:
            yield (
                Difference("", NARROWED, "additionalProperties", "Fields that are not listed are refused now.")
                if closes
                else Difference("", HARMLESS, "additionalProperties", "Fields that are not listed may come now.")
            )
            return
        if not closed:
            was, now = (one.parts("additionalProperties") or ANY for one in (old, new))
            for difference in self.compare(was, now):
                yield difference._replace(field=join("*", difference.field))

    def _named(self, keyword, old, new):
        """Schemas by name, each of which is one more thing that has to hold."""
        was, now = old.named(keyword), new.named(keyword)
        for name in dict.fromkeys([*was, *now]):
            shown = f"{keyword}[{name}]"
            if name in was and name in now:
                for difference in self.compare(was[name], now[name]):
                    yield difference._replace(field=join(shown, difference.field))
            else:
                yield _came_or_went(keyword, name in now)._replace(field=shown)

    def _arrays(self, old, new):
        was, now = (_places(one) for one in (old, new))
        for number in range(max(len(was[0]), len(now[0]))):
            before, after = (places[number] if number < len(places) else rest for places, rest in (was, now))
            for difference in self.compare(before, after):
                yield difference._replace(field=join(f"[{number}]", difference.field))
        for difference in self.compare(was[1], now[1]):
            yield difference._replace(field=join("[]", difference.field))
        unique = [True in one.values("uniqueItems") for one in (old, new)]
        if unique[0] != unique[1]:
            yield Difference(
                "",
                NARROWED if unique[1] else WIDENED,
                "uniqueItems",
                "Its items have to be unique now." if unique[1] else "Its items need not be unique any more.",
            )
        if old.values("contains") and new.values("contains"):
            for keyword, lower, default in (("minContains", True, 1), ("maxContains", False, None)):
                yield from _bound(
                    "contains",
                    keyword,
                    [(value, False) for value in old.numbers(keyword) or ([default] if default else [])],
                    [(value, False) for value in new.numbers(keyword) or ([default] if default else [])],
                    lower,
                )


def join(path: str, rest: str) -> str:
    """Two dotted paths as one."""
    return f"{path}{rest}" if not path or not rest or rest.startswith("[") else f"{path}.{rest}"


# -- what a schema consists of


class _Schemas:
    """The schemas of a document, taken apart."""

    def __init__(self, document: Mapping):
        self.document = document
        self._plain: dict[int, Mapping] = {}  # one for each schema, so that it can be told when it comes again

    def alternatives(self, parts: Parts) -> list[Alternative] | None:
        """The alternatives of schemas that all hold; None when there are too many."""
        found = [Alternative(())]
        for part in _distinct(parts):
            branches = self._branches(part, frozenset())
            if branches is None or len(found) * len(branches) > MOST_ALTERNATIVES:
                return None
            found = [_both(one, other) for one in found for other in branches]
        return [one for one in found if one.types()]  # what no value can fulfil is no alternative

    def unfolded(self, schema, within=frozenset()):
        """A schema with what its references say in their place, except for one within itself."""
        if isinstance(schema, list | tuple):
            return [self.unfolded(item, within) for item in schema]
        if not isinstance(schema, Mapping):
            return schema
        found = {name: self.unfolded(value, within) for name, value in schema.items() if name != "$ref"}
        reference = schema.get("$ref")
        if isinstance(reference, str):
            inner = reference not in within
            found["$ref"] = self.unfolded(self._target(reference), within | {reference}) if inner else reference
        return found

    def says(self, schema, keyword, depth=0) -> bool:
        """Whether a schema says `keyword: true`, by itself or by what it is composed of."""
        if not isinstance(schema, Mapping) or depth > 20:
            return False
        if schema.get(keyword) is True:
            return True
        inner = [self._target(schema["$ref"])] if isinstance(schema.get("$ref"), str) else []
        return any(self.says(part, keyword, depth + 1) for part in (*inner, *_list(schema.get("allOf"))))

    def _branches(self, schema, within) -> list[Alternative] | None:
        if schema is False:
            return []
        if not isinstance(schema, Mapping):
            return [Alternative(())]
        found = [Alternative((self._without_composition(schema),))]
        groups: list[list[Alternative] | None] = []
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in within:
            groups.append(self._branches(self._target(reference), within | {reference}))
        groups += [self._branches(part, within) for part in _list(schema.get("allOf"))]
        for keyword in ("anyOf", "oneOf"):
            choices = _list(schema.get(keyword))
            if choices:
                several: list[Alternative] = []
                for choice in choices:
                    branches = self._branches(choice, within)
                    if branches is None:
                        return None
                    name = _name_of(choice)
                    several += [
                        dc.replace(branch, name=branch.name or name, exclusive=branch.exclusive or keyword == "oneOf")
                        for branch in branches
                    ]
                groups.append(several)
        for group in groups:
            if group is None or len(found) * len(group) > MOST_ALTERNATIVES:
                return None
            found = [_both(one, other) for one in found for other in group]
        return found

    def _without_composition(self, schema):
        if id(schema) not in self._plain:
            self._plain[id(schema)] = {
                name: value for name, value in schema.items() if name not in ("$ref", "allOf", "anyOf", "oneOf")
            }
        return self._plain[id(schema)]

    def _target(self, reference):
        node: t.Any = self.document
        if not reference.startswith("#"):
            return {}
        for step in filter(None, reference[1:].split("/")):
            step = step.replace("~1", "/").replace("~0", "~")
            try:
                node = node[int(step)] if isinstance(node, list) else node[step]
            except (KeyError, IndexError, ValueError, TypeError):
                return {}
        return node


def _both(one, other):
    return Alternative(
        _distinct((*one.schemas, *(schema for schema in other.schemas if schema))),
        " and ".join(filter(None, (one.name, other.name))),
        one.exclusive or other.exclusive,
    )


def _by_kind(alternatives) -> dict[str, list[Alternative]]:
    """The alternatives that may be of each kind, integers being numbers; of null there is nothing to say."""
    kinds = ("string", "number", "boolean", "object", "array")
    found: dict[str, list[Alternative]] = {kind: [] for kind in kinds}
    for alternative in alternatives:
        types = alternative.types()
        for kind in kinds:
            if kind in types or (kind == "number" and "integer" in types):
                found[kind].append(alternative)
    return {kind: _united(several) for kind, several in found.items() if several}


def _united(alternatives):
    """Alternatives that are nothing but lists of values, as one."""
    if len(alternatives) < 2:
        return alternatives
    values = [one.enumerated() for one in alternatives]
    if any(one is None for one in values):
        return alternatives
    return [Alternative(({"enum": list(itertools.chain.from_iterable(values))},))]


def _name_of(schema):
    if not isinstance(schema, Mapping):
        return ""
    if isinstance(schema.get("$ref"), str):
        return schema["$ref"].rpartition("/")[2]
    return schema["title"] if isinstance(schema.get("title"), str) else ""


def _annotation(alternatives, keyword):
    return [value for one in alternatives[:1] for value in one.values(keyword)]


def _places(alternative) -> tuple[list[Parts], Parts]:
    """(what holds for each of the first items, what holds for the rest) of an array."""
    prefixes = [value for value in alternative.values("prefixItems") if isinstance(value, list)]
    rest = alternative.parts("items") or ANY
    longest = max(map(len, prefixes), default=0)
    places = []
    for number in range(longest):
        here = _distinct(prefix[number] for prefix in prefixes if number < len(prefix))
        places.append(here or rest)
    return places, rest


def _distinct(parts) -> Parts:
    """Each of the schemas once, lest those of a schema within itself grow without end."""
    return tuple({id(part): part for part in parts}.values())


def _is_closed(alternative) -> bool:
    return any(schema.get("additionalProperties") is False for schema in alternative.schemas)


# -- the keywords


def _enumerations(old, new):
    was, now = (list(one.enumerated() or ()) for one in (old, new))
    closed, closes = (one.enumerated() is not None for one in (old, new))
    if closed or closes:
        gone = [value for value in was if value is not None and not any(_same(value, one) for one in now)]
        come = [value for value in now if value is not None and not any(_same(value, one) for one in was)]
        constant = any("const" in schema for one in (old, new) for schema in one.schemas)
        less, more = not closed or bool(closes and gone), not closes or bool(closed and come)
        if less or more:
            effect = (
                BREAKING if less else INFORMATIONAL,
                INFORMATIONAL if not more else BREAKING if constant and closed else WARNING,
            )
            yield Difference(
                "", effect, "enum", f"The values were {_listed(was, closed)} and are {_listed(now, closes)}."
            )
    was, now = ({_key(value) for value in one.names("x-extensible-enum")} for one in (old, new))
    if was - now:
        yield Difference("", NARROWED, "x-extensible-enum", f"The values {_listed(sorted(was - now))} were removed.")
    elif now - was:
        yield Difference("", HARMLESS, "x-extensible-enum", f"The values {_listed(sorted(now - was))} were added.")


def _bounds(old, new):
    for keyword, exclusive, is_lower in _BOUNDS:
        was, now = (
            [(value, False) for value in one.numbers(keyword)] + [(value, True) for value in one.numbers(exclusive)]
            for one in (old, new)
        )
        if is_lower and exclusive is None:  # a count is never below 0
            was, now = (bounds or [(0, False)] for bounds in (was, now))
        yield from _bound("", keyword, was, now, is_lower)


def _bound(field, keyword, was, now, is_lower):
    """The change of a limit, given as (limit, whether it is exclusive) of each schema that holds."""

    def tightest(bounds):
        return (max if is_lower else min)(
            bounds, key=lambda bound: (bound[0], bound[1] if is_lower else not bound[1]), default=None
        )

    low, high = tightest(was), tightest(now)
    if low == high:
        return
    effect = None
    if low is None or high is None:
        tighter = low is None
        if tighter:  # it may have held before, unsaid
            effect = (WARNING, INFORMATIONAL)
    else:
        order = [(value, exclusive if is_lower else not exclusive) for value, exclusive in (low, high)]
        tighter = (order[1] > order[0]) == is_lower
    yield Difference(
        field,
        effect or (NARROWED if tighter else WIDENED),
        keyword,
        f"{keyword} was {_limit(low)} and is {_limit(high)}.",
    )


def _limit(bound):
    return "free" if bound is None else f"{bound[0]}{' (exclusive)' if bound[1] else ''}"


def _formats(old, new):
    was, now = (next((name for name in one.values("format") if isinstance(name, str)), None) for one in (old, new))
    if was == now:
        return
    if {was, now} <= {None, "int64", "double"}:  # what a number without a format holds anyhow
        effect = HARMLESS
    elif was is None or (now, was) in _WIDER_FORMATS:
        effect = NARROWED
    elif now is None or (was, now) in _WIDER_FORMATS:
        effect = WIDENED
    else:
        effect = CHANGED
    yield Difference("", effect, "format", f"The format was {was or 'free'} and is {now or 'free'}.")


def _patterns(old, new):
    was, now = (
        {value for value in one.values("pattern") if isinstance(value, str) and value not in _ANYTHING}
        for one in (old, new)
    )
    if was == now:
        return
    if was < now:
        effect = NARROWED
    elif now < was:
        effect = (INFORMATIONAL, WARNING)
    else:
        effect = (WARNING, WARNING)
    yield Difference("", effect, "pattern", f"The pattern was {_listed(sorted(was))} and is {_listed(sorted(now))}.")


def _multiples(old, new):
    was, now = (next(iter(one.numbers("multipleOf")), None) for one in (old, new))
    if was == now:
        return
    if was is None or (now and _divides(was, now)):
        effect = NARROWED
    elif now is None or _divides(now, was):
        effect = WIDENED
    else:
        effect = CHANGED
    yield Difference(
        "",
        effect,
        "multipleOf",
        f"multipleOf was {'free' if was is None else was} and is {'free' if now is None else now}.",
    )


def _divides(one, other):
    return bool(one) and abs(other / one - round(other / one)) < 1e-9


def _dependent_required(old, new):
    def gathered(alternative):
        found: dict[str, set] = {}
        for needs in alternative.mappings("dependentRequired"):
            for name, others in needs.items():
                found.setdefault(name, set()).update(other for other in _list(others) if isinstance(other, str))
        return found

    was, now = gathered(old), gathered(new)
    for name in dict.fromkeys([*was, *now]):
        before, after = was.get(name, set()), now.get(name, set())
        if before != after:
            effect = NARROWED if before < after else WIDENED if after < before else CHANGED
            yield Difference(
                name,
                effect,
                "dependentRequired",
                f"With it {_listed(sorted(before)) if before else 'nothing'} was required "
                f"and {_listed(sorted(after)) if after else 'nothing'} is.",
            )


def _came_or_went(keyword, came):
    return Difference("", NARROWED if came else WIDENED, keyword, f"{keyword} was {'added' if came else 'removed'}.")


# -- values


def _list(value) -> list:
    return value if isinstance(value, list) else []


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(one, other) -> bool:
    """Whether two JSON values are equal: true is not 1."""
    return _key(one) == _key(other)


def _key(value):
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, Mapping):
        return ("object", tuple(sorted((str(name), _key(item)) for name, item in value.items())))
    if isinstance(value, list):
        return ("array", tuple(map(_key, value)))
    return value if value is None or isinstance(value, int | float | str) else str(value)


def _type_of(value):
    return "null" if value is None else _PYTHON.get(type(value), "string")


def _with_integer(types):
    return types | {"integer"} if "number" in types else types


def _listed_types(types):
    if types >= frozenset(TYPES) - {"null"}:
        return "anything"
    return (
        " or ".join(kind for kind in TYPES if kind in types and not (kind == "integer" and "number" in types))
        or "nothing"
    )


def _listed(values, closed=True):
    return ", ".join(map(str, values)) if values and closed else "free"


def _shown(values):
    return str(values[0]) if values else "free"


def _called(alternative, kind):
    if alternative.name:
        return alternative.name
    names = ", ".join(itertools.islice(alternative.properties(), 3))
    return f"{_article(kind)} {kind}{f' with {names}' if names else ''}".capitalize()


def _article(word):
    return "an" if re.match("[aeiou]", word) else "a"
