"""Fixtures: from a YAML recipe to the world a sandbox starts in."""

import base64
import contextlib
import dataclasses as dc
import datetime as dt
import functools
import gc
import hashlib
import re
from pathlib import Path

import orjson

from mockserver import resources
from mockserver._data import fixtures_dir
from mockserver._yaml import YamlDict, YamlError, load_yaml
from mockserver.api import fields
from mockserver.api.problems import Problem
from mockserver.api.resource import INHERITED, default, reference
from mockserver.api.scope import ADMIN, Scope
from mockserver.resources.parts import catalogue_id
from mockserver.sandbox import OWN_KINDS, Catalogue, Sandbox, World, electronics, ids, new_store
from mockserver.sandbox.clock import moment, stamp
from mockserver.sandbox.store import Store

KEYS = ("description", "seed", "now", "catalogue", "counts", "records")
NOW = "2026-01-15T09:00:00Z"


class UnknownFixture(Exception):
    """There is no fixture of this name."""


def load(fixture: str | Path = "default", seed: int | None = None) -> World:
    """The world of a fixture, by name (`default`) or by the path of a YAML file.

    Raises UnknownFixture, or YamlError with file, line and key.
    """
    path = find(fixture)
    return _load(path, path.stat().st_mtime_ns, seed)


def names() -> list[str]:
    """The fixtures that come with the mock."""
    return sorted(path.stem for path in fixtures_dir().glob("*.yaml"))


def find(fixture: str | Path) -> Path:
    named = fixtures_dir() / f"{fixture}.yaml"
    if "/" not in str(fixture) and named.is_file():
        return named
    if Path(fixture).is_file():
        return Path(fixture)
    raise UnknownFixture(
        f"There is no fixture {str(fixture)!r}. Those that come with the mock are {', '.join(names())}; "
        "or give the path of a YAML file of your own."
    )


@contextlib.contextmanager
def gc_paused():
    """Collect no garbage meanwhile.

    A world is live data throughout, and tracing it as it grows is a quarter of the work.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@functools.lru_cache(maxsize=16)
@gc_paused()
def _load(path, _modified, seed):
    expanded = path.with_suffix(".json")
    if seed is None and path.parent == fixtures_dir() and expanded.is_file():
        world = restored(path.stem, expanded.read_bytes(), fingerprint(path))
        if world is not None:
            return world
    return Builder(path, seed).build()


def empty_store() -> Store:
    """Return a store with a table for every kind of record, and nothing in it."""
    return new_store({kind: resource.indexes for kind, resource in resources.by_kind().items()})


def fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# -- from a recipe ---------------------------------------------------------------------------------------------


class Builder:
    """Expands one recipe. Explicit records come first, then made-up ones up to the counts."""

    def __init__(self, path: Path, seed: int | None = None):
        self.path, self.recipe = path, load_yaml(path)
        if not isinstance(self.recipe, dict):
            raise YamlError(path, 1, f"a fixture is a mapping with the keys {', '.join(KEYS)}")
        for key in self.recipe:
            if key not in KEYS:
                raise self.error(self.recipe, key, f"unknown key {key!r}; a fixture has {', '.join(KEYS)}")
        self.resources = resources.by_kind()
        self.seed = self.recipe.get("seed", 1) if seed is None else seed
        if type(self.seed) is not int:
            raise self.error(self.recipe, "seed", "seed: should be a whole number")
        self.now = self.field_value(fields.Timestamp(), self.recipe.get("now", NOW), self.recipe, "now", "now")
        self.used: set[tuple[str, str]] = set()

    def error(self, node, key, reason) -> YamlError:
        return YamlError(self.path, node.line_of(key) if hasattr(node, "lines") else None, reason)

    def build(self) -> World:
        store = empty_store()
        world = World(self.path.stem, self.seed, moment(self.now), store, self.catalogue())
        self.sandbox = Sandbox(world)
        self.sandbox.store.observers.clear()
        self.sandbox.store.tables |= {kind: store[kind] for kind in self.resources} | {"mock_file": store["mock_file"]}
        self.names = self.name_records()
        for kind in self.order():
            for name, values, node in self.names[kind].values():
                self.add_explicit(kind, name, values, node)
            self.add_fakes(kind)
        if not len(store["api_key"]):
            raise self.error(
                self.recipe, "records", "records: a fixture needs at least one api_key, or nobody can call"
            )
        return world

    def catalogue(self) -> Catalogue:
        given = self.mapping(self.recipe, "catalogue")
        for key in given:
            if key not in ("known_parts_only", "never_match"):
                raise self.error(
                    given, key, f"catalogue.{key}: unknown key; there are known_parts_only and never_match"
                )
        known_only = self.field_value(
            fields.Boolean(),
            given.get("known_parts_only", False),
            given,
            "known_parts_only",
            "catalogue.known_parts_only",
        )
        patterns = self.field_value(
            fields.Array(fields.Text()), given.get("never_match", []), given, "never_match", "catalogue.never_match"
        )
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise self.error(
                    given, "never_match", f"catalogue.never_match: {pattern!r} is no regular expression: {error}"
                ) from None
        return Catalogue(known_only, tuple(patterns))

    def name_records(self) -> dict[str, dict]:
        """`{kind: {name: (id, values, node)}}`: ids are known before any record refers to another by name."""
        found = {kind: {} for kind in self.resources}
        groups, counts = self.mapping(self.recipe, "records"), self.mapping(self.recipe, "counts")
        for kind in counts:
            if kind not in self.resources:
                raise self.error(
                    counts, kind, f"counts.{kind}: unknown kind; there are {', '.join(sorted(self.resources))}"
                )
        for kind, records in groups.items():
            if kind not in self.resources:
                raise self.error(
                    groups, kind, f"records.{kind}: unknown kind; there are {', '.join(sorted(self.resources))}"
                )
            items = (
                records.items()
                if isinstance(records, dict)
                else enumerate(records)
                if isinstance(records, list)
                else None
            )
            if items is None:
                raise self.error(
                    groups, kind, f"records.{kind}: should be a list of records, or a mapping of names to records"
                )
            for number, (name, values) in enumerate(items, start=1):
                if not isinstance(values, dict):
                    raise self.error(records, name, f"records.{kind}.{name}: should be a mapping of fields to values")
                found[kind][name] = (self.id_of(kind, number, values), values, records)
        return found

    def id_of(self, kind, number, values):
        if "id" in values:
            return self.field_value(self.resources[kind].fields["id"], values["id"], values, "id", f"records.{kind}.id")
        if kind == "part":
            if "org_id" in values or values.get("is_custom_part"):
                return ids.cpid(self.seed, "own", number)
            maker, mpn = (str(values.get(name) or "") for name in ("manufacturer_name", "mpn"))
            return catalogue_id(self.seed, maker, mpn)
        return ids.uuid(self.seed, kind, number)

    def order(self) -> list[str]:
        """The kinds, each after those it refers to."""
        done: dict[str, None] = {}

        def visit(kind, above=()):
            if kind in done or kind in above or kind not in self.resources:
                return
            for field in self.resources[kind].references.values():
                visit(reference(field).kind, (*above, kind))
            done[kind] = None

        visit("org")
        for kind in self.resources:
            visit(kind)
        return list(done)

    def add_explicit(self, kind, id, values, node):
        resource = self.resources[kind]
        where = f"records.{kind}"
        loaded = {}
        for key, value in values.items():
            if (
                key not in resource.fields
                and key not in resource.hidden
                and key not in ("org_id", "created_at", "updated_at")
            ):
                raise self.error(
                    values,
                    key,
                    f"{where}.{key}: a {resource.label} has no such field; there are {', '.join(resource.fields)}",
                )
            field = resource.fields.get(key)
            loaded[key] = self.value(field, value, values, key, f"{where}.{key}") if field is not None else value
            if key == "org_id":
                loaded[key] = self.by_name("org", value, values, key, where)
        for key, field in resource.fields.items():
            if (field.required or (key == resource.parent and not field.allow_none)) and key not in loaded:
                raise YamlError(self.path, values.line, f"{where}: {key} is missing")
        self.used |= {(kind, electronics.normalise(value)) for value in loaded.values() if isinstance(value, str)}
        record = self.add(kind, id, loaded, values.line)
        for key, value in resource.present(self.scope, record).items():
            if value is None and key in resource.fields and not resource.fields[key].allow_none:
                raise YamlError(self.path, values.line, f"{where}: {key} is missing")

    def add_fakes(self, kind):
        counts = self.mapping(self.recipe, "counts")
        if kind not in counts:
            return
        resource, wanted = self.resources[kind], counts[kind]
        if type(wanted) is not int or wanted < 0:
            raise self.error(counts, kind, f"counts.{kind}: should be a whole number, not {wanted!r}")
        if resource._fake is None:
            makeable = ", ".join(sorted(name for name, other in self.resources.items() if other._fake))
            raise self.error(counts, kind, f"counts.{kind}: no {resource.label} can be made up; there are {makeable}")
        for ordinal in range(len(self.sandbox.store[kind]) + 1, wanted + 1):
            try:
                values = resource._fake(Fake(self, kind, ordinal))
            except KeyError as error:
                raise self.error(counts, kind, f"counts.{kind}: {error.args[0]}") from None
            self.add(kind, None, values, counts.line_of(kind))

    def add(self, kind, id, values, line):
        resource = self.resources[kind]
        if resource._seed:
            values = resource._seed(self, values)
        if kind == "org":
            values.setdefault("org_id", id)
        try:
            org_id = values.pop("org_id", None if kind == "part" else INHERITED)
            return resource.add(self.scope, values, id=id, org_id=org_id)
        except Problem as problem:
            raise YamlError(self.path, line, f"records.{kind}: {problem.body.get('detail', problem.body)}") from None
        except KeyError as error:
            raise YamlError(self.path, line, f"records.{kind}: {error.args[0]}") from None

    @functools.cached_property
    def scope(self) -> Scope:
        """The one who seeds: an Admin of the first organisation."""
        org = next(iter(self.names["org"].values()), None)
        if org is None:
            raise YamlError(self.path, self.recipe.line_of("records"), "records: a fixture needs at least one org")
        key = {"id": None, "roles": [ADMIN], "org_id": org[0], "user_id": None}
        return Scope(self.sandbox, key, self.resources)

    # -- values

    def value(self, field, value, node, key, where):
        """A given value, its names of other records replaced by their ids."""
        if value is None and field.allow_none:
            return None
        if reference(field) is not None and not isinstance(field, fields.Array):
            return self.by_name(field.kind, value, node, key, where)
        if isinstance(field, fields.Array) and isinstance(value, list):
            return [
                self.value(field.inner, item, value, number, f"{where}[{number}]") for number, item in enumerate(value)
            ]
        if isinstance(field, fields.Nested) and isinstance(value, dict):
            loaded = {}
            for name, item in value.items():
                if name not in field.schema.fields:
                    raise self.error(
                        value, name, f"{where}.{name}: no such field; there are {', '.join(field.schema.fields)}"
                    )
                loaded[name] = self.value(field.schema.fields[name], item, value, name, f"{where}.{name}")
            for name, inner in field.schema.fields.items():
                if name not in loaded:
                    if inner.required:
                        raise self.error(node, key, f"{where}: {name} is missing")
                    content = default(inner)
                    loaded[name] = content() if callable(content) else content
            return loaded
        if "x-references-keys" in field.metadata and isinstance(value, dict):
            return {
                self.by_name(field.metadata["x-references-keys"], name, value, name, where): item
                for name, item in value.items()
            }
        return self.field_value(field, value, node, key, where)

    def field_value(self, field, value, node, key, where):
        try:
            loaded = field.deserialize(value)
            orjson.dumps(loaded)  # YAML knows values that JSON does not
        except fields.ma.ValidationError as error:
            messages = error.messages if isinstance(error.messages, list) else [str(error.messages)]
            raise self.error(node, key, f"{where}: {' '.join(messages)} It is {value!r}.") from None
        except orjson.JSONEncodeError as error:
            raise self.error(node, key, f"{where}: is not JSON: {error}.") from None
        return loaded

    def by_name(self, kind, value, node, key, where):
        try:
            named = self.names[kind].get(value)
        except TypeError:
            named = None
        if named is not None:
            return named[0]
        if any(value == id for id, _, _ in self.names[kind].values()) or (
            isinstance(value, str) and self.sandbox.store[kind].get(value)
        ):
            return value
        known = ", ".join(str(name) for name in list(self.names[kind])[:12]) or "none"
        raise self.error(node, key, f"{where}: there is no {kind} called {value!r}; there are {known}")

    def mapping(self, node, key) -> YamlDict:
        value = node.get(key)
        if value is None:
            value = YamlDict()
            value.line, value.lines = node.line, {}
        if not isinstance(value, dict):
            raise self.error(node, key, f"{key}: should be a mapping")
        return value


class Fake:
    """What a resource's fake draws from: a function of the seed, the kind and the record's ordinal."""

    def __init__(self, builder: Builder, kind: str, ordinal: int):
        self.builder, self.kind, self.ordinal = builder, kind, ordinal
        self.random = ids.Random(builder.seed, "fake", kind, ordinal)
        self.now = builder.now
        self.int, self.choice, self.bits = self.random.randint, self.random.choice, self.random.getrandbits

    @functools.cached_property
    def faker(self):
        """Faker with `electronics`' words, for text with a human look. A hundred times as dear as the draws above."""
        return ids.fake_at(self.builder.seed, "fake", self.kind, self.ordinal)

    def one(self, kind: str) -> dict:
        """Any record of another kind."""
        table = self.builder.sandbox.store[kind]
        if not len(table):
            raise KeyError(f"a made-up {self.kind} needs a {kind}, and there is none")
        return table.nearest(self.random.randint(1, table.last))

    def unique(self, text: str) -> str:
        """The text, with the record's number behind it when an earlier record has it."""
        if (self.kind, electronics.normalise(text)) in self.builder.used:
            text = f"{text}-{self.ordinal}"
        self.builder.used.add((self.kind, electronics.normalise(text)))
        return text

    def ago(self, **units) -> str:
        return stamp(moment(self.now) - dt.timedelta(**units))


# -- expanded worlds -------------------------------------------------------------------------------------------


def expanded(world: World, recipe: Path) -> bytes:
    """A world as bytes, the same for the same seed: what `fixtures/*.json` hold."""
    return orjson.dumps(
        {
            "recipe": fingerprint(recipe),
            "seed": world.seed,
            "now": stamp(world.now),
            "catalogue": {
                "known_parts_only": world.catalogue.known_parts_only,
                "never_match": world.catalogue.never_match,
            },
            "records": {
                kind: list(table) for kind, table in world.store.tables.items() if len(table) and kind not in OWN_KINDS
            },
            "files": {file["id"]: base64.b64encode(file["content"]).decode() for file in world.store["mock_file"]},
        },
        option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
    )


def restored(name: str, content: bytes, recipe: str) -> World | None:
    """The world in these bytes; None when they were made from another recipe."""
    data = orjson.loads(content)
    if data["recipe"] != recipe:
        return None
    store = empty_store()
    for kind, records in data["records"].items():
        for record in records:
            store.insert(kind, record)
    catalogue = Catalogue(data["catalogue"]["known_parts_only"], tuple(data["catalogue"]["never_match"]))
    for digest, text in data["files"].items():
        store.insert("mock_file", {"id": digest, "content": base64.b64decode(text)})
    return World(name, data["seed"], moment(data["now"]), store, catalogue)


def with_key(world: World, key: str) -> World:
    """The same world with this secret for its first API key."""
    store = Store(world.store.kinds)
    store.tables = world.store.tables | {
        "api_key": world.store["api_key"].copy()
    }  # the rest is never written: no need of copies
    first = next(iter(store["api_key"]))
    store.replace("api_key", {**first, "key": key, "prefix": key.partition(".")[0]})
    return dc.replace(world, store=store)


if __name__ == "__main__":  # make fixtures
    locks = {}
    for name in names():
        recipe = fixtures_dir() / f"{name}.yaml"
        content = expanded(Builder(recipe).build(), recipe)
        locks[name] = hashlib.sha256(content).hexdigest()
        if len(content) < 2**20:
            recipe.with_suffix(".json").write_bytes(content)
    (fixtures_dir() / "locks.json").write_bytes(
        orjson.dumps(locks, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    )
    print(f"Renewed {', '.join(locks)} in {fixtures_dir()}.")
