"""What the source distribution and the wheel hold, and where the data files are found. Nothing is installed."""

import configparser
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from importlib import metadata
from pathlib import Path

import pytest

from mockserver import _data

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """The folder of the sdist and of the wheel made from it. Built from a copy, so that the checkout stays clean."""
    source = tmp_path_factory.mktemp("source")
    for name in ("setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    for name in ("mockserver", "fixtures", "contracts", "tests"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    build = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", source / "dist", source],
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    return source / "dist"


@pytest.fixture(scope="module")
def wheel(dist):
    [path] = dist.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_the_sdist_holds_what_the_wheel_is_made_of_and_no_part_of_the_tests(dist):
    [path] = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert packed >= files("mockserver", "*.py") | files("contracts", "*") | files("fixtures", "*")
    assert not {name for name in packed if name.split("/")[0] == "tests"}


def test_the_readme_links_nowhere_but_into_itself_and_the_web(wheel):
    text = Parser().parsestr(in_dist_info(wheel, "METADATA")).get_payload()
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert links
    assert not [link for link in links if not link.startswith(("#", "https://"))]


def in_dist_info(wheel, name):
    [path] = [path for path in wheel.namelist() if path.endswith(f".dist-info/{name}")]
    return wheel.read(path).decode()


def files(folder, pattern):
    return {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / folder).rglob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_claims_no_import_name_but_ours(wheel):
    top = {path.split("/")[0] for path in wheel.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"mockserver"}


def test_the_wheel_holds_every_module_of_the_checkout(wheel):
    packaged = {path for path in wheel.namelist() if path.endswith(".py")}
    assert packaged >= files("mockserver", "*.py")
    assert "mockserver/py.typed" in wheel.namelist()


@pytest.mark.parametrize("folder", ["contracts", "fixtures"])
def test_the_wheel_holds_the_data_inside_the_package(wheel, folder):
    expected = {f"mockserver/{path}" for path in files(folder, "*")}
    assert any(path.endswith(".yaml") for path in expected)
    assert {path for path in wheel.namelist() if path.startswith(f"mockserver/{folder}/")} == expected


def test_the_entry_points_are_the_command_and_the_pytest_plugin(wheel):
    entry_points = configparser.ConfigParser()
    entry_points.read_string(in_dist_info(wheel, "entry_points.txt"))
    assert {name: dict(entry_points[name]) for name in entry_points.sections()} == {
        "console_scripts": {"mockserver": "mockserver.cli:main"},
        "pytest11": {"cofactr": "mockserver.pytest_plugin"},
    }


def test_the_metadata_say_who_we_are(wheel):
    metadata = Parser().parsestr(in_dist_info(wheel, "METADATA"))
    assert metadata["Name"] == "cofactr-mockserver"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_all("Provides-Extra") == ["redis", "contract", "test"]


def test_the_licence_is_in_the_wheel(wheel):
    [path] = [path for path in wheel.namelist() if path.endswith("/LICENSE")]
    assert wheel.read(path).startswith(b"MIT License")


@pytest.mark.parametrize("find", [_data.fixtures_dir, _data.contracts_dir])
def test_a_checkout_finds_its_data_whatever_the_current_folder(find, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert list(find().glob("*.yaml"))


@pytest.mark.parametrize("find", [_data.fixtures_dir, _data.contracts_dir])
def test_data_inside_the_package_come_before_those_beside_it(find, tmp_path, monkeypatch):
    monkeypatch.setattr(_data, "_PACKAGE", tmp_path / "mockserver")
    inside = tmp_path / "mockserver" / find().name
    inside.mkdir(parents=True)
    assert find() == inside


def requirements():
    parser = configparser.ConfigParser()
    parser.read(REPOSITORY / "setup.cfg")
    lines = parser["options"]["install_requires"].split() + parser["options.extras_require"]["contract"].split()
    return [re.match(r"[\w-]+", line)[0] for line in lines if line[0].isalpha()]


@pytest.mark.parametrize("name", requirements())
def test_each_dependency_is_listed_with_its_licence(name):
    rows = [line.split("|")[1:-1] for line in (REPOSITORY / "README.md").read_text().splitlines() if line[:1] == "|"]
    told = {row[0].split()[0].lower(): row[-1] for row in rows if row[0].strip()}
    assert told.get(name.lower(), "").strip(), f"{name} is missing in the table of dependencies in README.md."
    facts = metadata.metadata(name)
    licence = " ".join(
        [facts.get("License-Expression") or "", *(one for one in facts.get_all("Classifier") or [] if "License" in one)]
    )
    assert not re.search(r"\b[AL]?GPL|GNU", licence), f"{name} is under {licence}."
