"""The names of schemathesis that the harness relies on beside its public ones: an upgrade that moves one says which."""

import ast
import importlib
from pathlib import Path

import pytest

from mockserver import conformance

PUBLIC = {"schemathesis", "schemathesis.checks", "schemathesis.config"}


def relied_on():
    """(module, name) of what is imported from inside schemathesis."""
    found = set()
    for path in Path(conformance.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "schemathesis":
                found |= {(node.module, alias.name) for alias in node.names if node.module not in PUBLIC}
    return sorted(found)


@pytest.mark.parametrize(("module", "name"), relied_on())
def test_it_is_still_there(module, name):
    try:
        there = hasattr(importlib.import_module(module), name)
    except ImportError:
        there = False
    if not there:
        with pytest.raises(ImportError):
            importlib.import_module(f"{module}.{name}")
        pytest.fail(f"schemathesis has moved or dropped {module}.{name}; see who imports it in mockserver/conformance.")


def test_there_are_some():
    assert len(relied_on()) > 5
