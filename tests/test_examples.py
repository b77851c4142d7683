"""The example projects: users' own code and tests, run in their own directories as they configure it."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECTS = sorted(path.parent for path in (Path(__file__).parent / "examples").glob("*/pyproject.toml"))


@pytest.mark.parametrize("processes", [(), ("-n", "2")], ids=["one process", "two processes"])
@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.name)
def test_an_example_passes_its_own_tests(project, processes):
    # Without the other plugins of this environment, which its owner need not have.
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:schemathesis", *processes]
    run = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=project, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed in " in run.stdout
