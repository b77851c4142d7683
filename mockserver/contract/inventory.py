"""How the contract is known: for each group, how many verbs, paths and fields are documented, inferred,
confirmed."""

import dataclasses as dc
from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from mockserver.contract import documents

EVIDENCE = ("documented", "product", "corrected", "inferred")
PARTS = ("verbs", "paths", "fields")


@dc.dataclass
class Group:
    """One group of operations. `known` counts its verbs, paths and fields by evidence; `confirmed` are the
    ids of the operations that recorded traffic has shown to be as the contract says. A field of a shared
    schema counts once."""

    name: str
    operations: list[str] = dc.field(default_factory=list)
    confirmed: list[str] = dc.field(default_factory=list)
    known: dict[str, Counter[str]] = dc.field(default_factory=lambda: {part: Counter() for part in PARTS})


def inventory(document: Mapping, confirmed: Collection[str] = ()) -> list[Group]:
    """The groups of an OpenAPI 3.1 document in their order. `confirmed` are operation ids."""
    groups: dict[str, Group] = {}
    fields: dict[str, dict[tuple, str]] = {}
    for place in documents.places(document):
        name = next(iter(place.operation.get("tags", ())), "(no group)")
        group = groups.setdefault(name, Group(name))
        group.operations.append(place.name)
        if place.name in confirmed:
            group.confirmed.append(place.name)
        evidence = place.operation.get("x-evidence", {})
        group.known["verbs"][evidence.get("method", "inferred")] += 1
        group.known["paths"][evidence.get("path", "inferred")] += 1
        for field, known in _fields(document, place, evidence):
            best = fields.setdefault(name, {}).get(field, known)
            fields[name][field] = min(best, known, key=EVIDENCE.index)
    for name, found in fields.items():
        groups[name].known["fields"] = Counter(found.values())
    return list(groups.values())


def text(groups: list[Group]) -> str:
    """A table with a line for each group, and one for all."""
    total = Group(
        "all",
        [id for group in groups for id in group.operations],
        [id for group in groups for id in group.confirmed],
        {part: sum((group.known[part] for group in groups), Counter()) for part in PARTS},
    )
    rows = [
        [
            "group",
            "operations",
            "confirmed",
            *(f"{part}: {evidence}" for part in PARTS for evidence in _used(total, part)),
        ]
    ]
    for group in [*groups, total]:
        rows.append(
            [
                group.name,
                str(len(group.operations)),
                str(len(group.confirmed)),
                *(str(group.known[part][evidence] or "-") for part in PARTS for evidence in _used(total, part)),
            ]
        )
    # Two lines of heading: the part above, the evidence below.
    heading = [name.partition(": ") for name in rows[0]]
    above = [
        part if below and (number == 0 or heading[number - 1][0] != part) else ""
        for number, (part, _, below) in enumerate(heading)
    ]
    lines = [above, [below or part for part, _, below in heading], *rows[1:]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            [
                line[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
            ]
        ).rstrip()
        for line in lines
    )


def _used(total, part):
    return [evidence for evidence in EVIDENCE if total.known[part][evidence]]


def _fields(document, place, evidence) -> Iterator[tuple[tuple, str]]:
    """((where it is declared, its name), how it is known) of what an operation takes and answers with
    success."""
    request = evidence.get("request", "inferred")
    for _, parameter in place.parameters:
        if parameter["in"] == "query":
            yield (place.name, f"?{parameter['name']}"), _known(parameter, request)
    at = ["paths", place.path, place.method.lower()]
    messages = [(["requestBody"], request)] if "requestBody" in place.operation else []
    messages += [
        (["responses", status], evidence.get("response", "inferred"))
        for status in place.operation["responses"]
        if status.startswith("2")
    ]
    for steps, known in messages:
        for media in documents.resolve(document, [*at, *steps])[1].get("content", {}).values():
            yield from _properties(document, media.get("schema", {}), (place.name, *steps), known, frozenset())


def _properties(document, schema, owner, known, within):
    if not isinstance(schema, Mapping):
        return
    if (reference := schema.get("$ref")) is not None:
        if reference not in within:
            target = documents.at(document, documents.steps(reference))
            yield from _properties(document, target, (reference,), known, within | {reference})
        return
    for name, inner in schema.get("properties", {}).items():
        own = _known(inner, known)
        yield (*owner, name), own
        yield from _properties(document, inner, (*owner, name), own, within)
    for inner in (
        schema.get("items"),
        schema.get("additionalProperties"),
        *schema.get("allOf", ()),
        *schema.get("anyOf", ()),
        *schema.get("oneOf", ()),
    ):
        yield from _properties(document, inner, owner, known, within)


def _known(node, otherwise):
    own = node.get("x-evidence", otherwise) if isinstance(node, Mapping) else otherwise
    return own if own in EVIDENCE else otherwise
