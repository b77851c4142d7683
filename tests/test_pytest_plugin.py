"""The fixture `cofactr_mock`, in test files as a user would write them, with the network cut off."""

import subprocess
import sys

pytest_plugins = ["pytester"]

ALONE = ("-p", "no:cacheprovider")

# Any socket is refused, so what is answered is answered in process.
NO_NETWORK = """
    import socket
    import pytest

    @pytest.fixture(autouse=True)
    def no_network(monkeypatch):
        def refuse(*args, **kwargs):
            raise OSError("no network in this test")
        for name in ("connect", "connect_ex"):
            monkeypatch.setattr(socket.socket, name, refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)
"""

CALLS = """
    import asyncio
    import httpx
    import pytest
    import requests
    import urllib3

    BOMS = "https://flagship-api.cofactr.com/v1/boms/"

    def names(page):
        return [bom["name"] for bom in page["results"]]

    @pytest.fixture
    def headers(cofactr_mock):
        return {"Authorization": f"Api-Key {cofactr_mock.api_key}"}

    def test_requests(headers):
        assert "Motor Controller" in names(requests.get(BOMS, headers=headers).json())

    def test_urllib3(headers):
        with urllib3.PoolManager() as pool:
            assert "Motor Controller" in names(pool.request("GET", BOMS, headers=headers).json())

    def test_httpx(headers):
        assert "Motor Controller" in names(httpx.get(BOMS, headers=headers).json())

    def test_httpx_async(headers):
        async def fetch():
            async with httpx.AsyncClient() as client:
                return await client.get(BOMS, headers=headers)
        assert "Motor Controller" in names(asyncio.run(fetch()).json())

    def test_its_address_is_the_real_one(cofactr_mock):
        assert cofactr_mock.url == "https://flagship-api.cofactr.com"

    def test_its_sandbox_is_the_state_behind_it(cofactr_mock, headers):
        bom = requests.post(BOMS, headers=headers, json={"name": "Valve Driver"}).json()
        assert cofactr_mock.sandbox.store["bom"].get(bom["id"])["name"] == "Valve Driver"

    def test_without_a_key_it_refuses(cofactr_mock):
        assert requests.get(BOMS).status_code == 401

    def test_other_hosts_are_not_its_business(cofactr_mock):
        with pytest.raises(requests.ConnectionError, match="no network in this test"):
            requests.get("https://api.example.com/")

    def test_without_the_fixture_the_real_host_is_asked():
        with pytest.raises(requests.ConnectionError, match="no network in this test"):
            requests.get(BOMS)
"""


def test_it_answers_every_client_in_process(pytester):
    pytester.makeconftest(NO_NETWORK)
    pytester.makepyfile(CALLS)
    pytester.runpytest_inprocess(*ALONE).assert_outcomes(passed=9)


LEAKS = """
    import pytest
    import requests

    FOUND = []

    @pytest.mark.parametrize("run", range(3))
    def test_a_test_finds_nothing_of_the_one_before(cofactr_mock, run):
        boms = f"{cofactr_mock.url}/v1/boms/"
        with requests.Session() as session:
            session.headers["Authorization"] = f"Api-Key {cofactr_mock.api_key}"
            found = session.get(boms).json()["results"]
            for bom in found:
                session.patch(f"{boms}{bom['id']}/", json={"name": "Renamed"}).raise_for_status()
            assert {bom["name"] for bom in session.get(boms).json()["results"]} == {"Renamed"}
            FOUND.append((found, session.post(boms, json={"name": "New"}).json()))
        assert FOUND[0] == FOUND[-1], "the same world, and the same ids for what is new"
"""


def test_no_state_leaks_from_test_to_test(pytester):
    pytester.makepyfile(LEAKS)
    pytester.runpytest_inprocess(*ALONE).assert_outcomes(passed=3)


def test_it_works_in_the_processes_of_xdist(pytester):
    pytester.makepyfile(LEAKS)
    pytester.runpytest_subprocess(*ALONE, "-n", "2").assert_outcomes(passed=3)


def test_it_is_listed_with_what_it_is(pytester):
    result = pytester.runpytest_inprocess(*ALONE, "--fixtures")
    result.stdout.fnmatch_lines(
        ["*cofactr_mock*", "*A fresh default sandbox that answers for https://flagship-api.cofactr.com*"]
    )


def test_it_can_be_left_out(pytester):
    pytester.makepyfile("def test_it(cofactr_mock): pass")
    result = pytester.runpytest_subprocess(*ALONE, "-p", "no:cofactr")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'cofactr_mock' not found*"])


def test_those_who_do_not_use_it_do_not_pay_for_it():
    """Every pytest run of the environment imports the plugin: the mock itself waits for the first use."""
    program = (
        "import pytest, sys; before = set(sys.modules); import mockserver.pytest_plugin; "
        "print(*sorted(set(sys.modules) - before))"
    )
    imported = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert imported == ["mockserver", "mockserver.pytest_plugin"]


def test_a_run_that_does_not_use_it_never_imports_the_mock(pytester):
    pytester.makepyfile("""
        import sys

        def test_it():
            assert "mockserver.pytest_plugin" in sys.modules
            unwanted = {"flask", "faker", "marshmallow", "apispec", "mockserver.mock", "mockserver.app"}
            assert not unwanted & sys.modules.keys()
    """)
    # Two other plugins of the environment import these for reasons of their own.
    pytester.runpytest_subprocess(*ALONE, "-p", "no:schemathesis", "-p", "no:faker").assert_outcomes(passed=1)
