"""What the plugin adds to a test: 500 tests, each with a fresh default world, beside 500 empty ones.

`python tests/benchmarks/bench_plugin.py` prints it. The best of several runs counts; nothing is asserted.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS, RUNS = 500, 3
ALONE = (
    "-q",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:schemathesis",
    "-p",
    "no:hypothesispytest",
    "-p",
    "no:faker",
)
BODIES = {
    "an empty test": "def test_it(number): pass",
    "with cofactr_mock": "def test_it(number, cofactr_mock): pass",
    "with cofactr_mock and a call": """
import requests

SESSION = requests.Session()

def test_it(number, cofactr_mock):
    headers = {"Authorization": f"Api-Key {cofactr_mock.api_key}"}
    SESSION.post(cofactr_mock.url + "/v1/boms/", json={"name": "New"}, headers=headers)
""",
}


def seconds(body: str) -> float:
    """How long pytest runs such tests, by its own account, without the first, which loads the mock."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "test_many.py")
        path.write_text(
            f"import pytest\n\npytestmark = pytest.mark.parametrize('number', range({TESTS + 1}))\n{body}\n"
        )
        Path(directory, "conftest.py").write_text(
            "import time\nBEGUN = []\n\n"
            "def pytest_runtest_logfinish(nodeid):\n    BEGUN or BEGUN.append(time.perf_counter())\n\n"
            "def pytest_sessionfinish():\n    print(f'\\ntook {time.perf_counter() - BEGUN[0]:.6f}')\n"
        )
        command = [
            sys.executable,
            "-m",
            "pytest",
            *ALONE,
            "-c",
            "/dev/null",
            "--rootdir",
            directory,
            str(path),
        ]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        return float(re.search(r"took ([\d.]+)", run.stdout)[1])


def main():
    print(f"{TESTS} tests, milliseconds each (best of {RUNS} runs)")
    for name, body in BODIES.items():
        best = min(seconds(body) for _ in range(RUNS))
        print(f"  {name:<30} {best / TESTS * 1000:6.3f}")


if __name__ == "__main__":
    main()
