"""Imports run one way, and what is dear is imported only where it is used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mockserver

PACKAGE = Path(mockserver.__file__).parent
# Each layer may import those above it in this list, and itself.
LAYERS = (
    ("_data", "_yaml"),
    ("sandbox",),
    ("api",),
    ("resources",),
    ("worlds",),
)
LOWER = {name: level for level, names in enumerate(LAYERS) for name in names}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """The modules a file imports, wherever in it."""
    package = module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def parts_of(path: Path) -> set[str]:
    """Which parts of the package a file imports: `sandbox`, `api`, `app` …"""
    return {name.split(".")[1] for name in imports(path) if name.startswith("mockserver.")}


def files(part: str) -> list[Path]:
    return sorted((PACKAGE / part).rglob("*.py")) if (PACKAGE / part).is_dir() else [PACKAGE / f"{part}.py"]


ALL = {
    path.stem if path.is_file() else path.name
    for path in PACKAGE.iterdir()
    if path.suffix == ".py" or (path.is_dir() and path.name != "__pycache__")
} - {"__init__", "__main__"}


@pytest.mark.parametrize("part", LOWER)
def test_the_lower_layers_know_nothing_of_the_higher(part):
    known = {name for name in LOWER if LOWER[name] <= LOWER[part]}
    for path in files(part):
        stray = (parts_of(path) & ALL) - known
        assert not stray, f"{path.relative_to(PACKAGE)} imports {', '.join(sorted(stray))}"


DOORS = ("serving", "pytest_plugin", "cli", "mock")


@pytest.mark.parametrize("part", ["app", "control"])
def test_the_app_knows_nothing_of_the_doors(part):
    for path in files(part):
        assert not parts_of(path) & set(DOORS), path


@pytest.mark.parametrize("part", ["serving", "mock", "app"])
def test_the_doors_know_neither_plugin_nor_command_line(part):
    for path in files(part):
        assert not parts_of(path) & {"pytest_plugin", "cli"}, path


@pytest.mark.parametrize(
    ("part", "unknown"),
    [
        ("sandbox", {"flask", "werkzeug", "marshmallow", "apispec", "requests", "httpx", "urllib3"}),
        ("api", {"flask", "werkzeug"}),
        ("resources", {"flask", "werkzeug"}),
        ("worlds", {"flask", "werkzeug"}),
    ],
)
def test_only_the_app_knows_http(part, unknown):
    for path in files(part):
        assert not {name.split(".")[0] for name in imports(path)} & unknown, path


def test_nothing_in_the_api_knows_a_resource():
    for path in files("api"):
        assert "resources" not in parts_of(path), path


def loaded_by(statement: str) -> set[str]:
    """The modules that are there after a statement in a fresh interpreter."""
    code = f"{statement}; import sys; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def test_the_pytest_plugin_costs_those_nothing_who_do_not_use_it():
    assert not loaded_by("import mockserver.pytest_plugin") & {
        "flask",
        "werkzeug",
        "faker",
        "marshmallow",
        "apispec",
        "sqlglot",
        "orjson",
        "yaml",
        "schemathesis",
        "mockserver.app",
    }


def test_serving_needs_neither_faker_nor_sqlglot_nor_schemathesis():
    loaded = loaded_by(
        "from mockserver import app, worlds; from mockserver.sandbox import Sandbox; "
        "app.App(Sandbox(worlds.load('empty')))"
    )
    assert not loaded & {"faker", "sqlglot", "schemathesis", "hypothesis", "requests", "httpx"}
