"""Imports run one way, and what is dear is imported only where it is used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mockserver

PACKAGE = Path(mockserver.__file__).parent
# A package imports only from those above it in this list, and from itself.
ORDER = (
    "_data",
    "_yaml",
    "sandbox",
    "log",
    "api",
    "resources",
    "contract",
    "worlds",
    "admin",
    "control",
    "app",
    "serving",
    "traffic",
    "conformance",
    "verification",
    "mock",
    "pytest_plugin",
    "cli",
)


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


def test_the_order_names_every_part():
    assert set(ORDER) == ALL


@pytest.mark.parametrize("part", ORDER)
def test_a_part_imports_only_those_above_it(part):
    allowed = set(ORDER[: ORDER.index(part) + 1])
    for path in files(part):
        stray = (parts_of(path) & ALL) - allowed
        assert not stray, f"{path.relative_to(PACKAGE)} imports {', '.join(sorted(stray))}"


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
