"""The fixture `cofactr_mock`, in test files as a user would write them, with the network cut off."""

import subprocess
import sys

import pytest

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


# -- the marker and the configuration

HEADERS = """
    import pytest
    import requests

    @pytest.fixture
    def call(cofactr_mock):
        def call(method, path, **options):
            headers = {"Authorization": f"Api-Key {cofactr_mock.api_key}"}
            return requests.request(method, cofactr_mock.url + path, headers=headers, **options)
        return call
"""


def test_the_marker_makes_the_world(pytester):
    pytester.makeconftest(HEADERS)
    pytester.makepyfile("""
        import pytest

        pytestmark = pytest.mark.cofactr(fixtures="empty", jobs="manual")

        @pytest.mark.cofactr(seed=7, now="2026-05-01T00:00:00Z", strict=True)
        def test_the_nearest_marker_adds_to_the_others(cofactr_mock):
            assert cofactr_mock.records("bom") == []
            assert cofactr_mock.sandbox.seed == 7
            assert cofactr_mock.jobs.default.mode == "manual"
            assert cofactr_mock.clock.now.isoformat() == "2026-05-01T00:00:00+00:00"
            assert cofactr_mock.sandbox.strict

        def test_and_leaves_the_next_test_alone(cofactr_mock):
            assert cofactr_mock.sandbox.seed == 1
            assert not cofactr_mock.sandbox.strict
    """)
    pytester.runpytest_inprocess(*ALONE, "--strict-markers").assert_outcomes(passed=2)


OWN_WORLD = """
records:
  org: {own: {name: Own, slug: own}}
  user: {ida: {email: ida@own.example.com, first_name: Ida, last_name: Berg, roles: [Admin]}}
  api_key: {admin: {name: Admin, user_id: ida, key: ownkey01.00000000000000000000000000000000}}
  bom: {pump: {name: Pump}}
"""


def test_the_configuration_says_what_holds_for_all(pytester):
    pytester.path.joinpath("own.yaml").write_text(OWN_WORLD)
    pytester.makeini("""
        [pytest]
        cofactr_fixtures = own.yaml
        cofactr_seed = 9
        cofactr_strict = true
        cofactr_origin = https://eu.cofactr.com
        cofactr_violations = allow
    """)
    pytester.makeconftest(HEADERS)
    pytester.makepyfile("""
        def test_it(cofactr_mock, call):
            assert cofactr_mock.url == "https://eu.cofactr.com"
            assert cofactr_mock.sandbox.seed == 9
            assert [bom["name"] for bom in call("GET", "/v1/boms/").json()["results"]] == ["Pump"]
            assert call("POST", "/v1/boms/", json={"name": "New", "colour": "red"}).status_code == 400
    """)
    pytester.runpytest_inprocess(*ALONE).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("fixture='empty'", "takes fixtures, seed, strict, jobs, now, overlay, violations; fixture is none of them."),
        ("'empty'", "takes fixtures, seed, strict, jobs, now, overlay, violations; all of them go by name."),
        (
            "fixtures='emtpy'",
            "The Cofactr mock cannot start: There is no fixture 'emtpy'. Those that come with",
        ),
        ("jobs='slow'", "The Cofactr mock cannot start: This job policy makes no sense: mode:"),
        ("now='soon'", "The Cofactr mock cannot start: now: 'soon' is no RFC 3339 date-time"),
        ("violations='ignore'", "violations of the Cofactr contract can fail, warn, allow, not 'ignore'."),
    ],
)
def test_a_wrong_marker_says_what_is_wrong(pytester, arguments, says):
    pytester.makepyfile(f"""
        import pytest

        @pytest.mark.cofactr({arguments})
        def test_it(cofactr_mock):
            pass
    """)
    result = pytester.runpytest_inprocess(*ALONE)
    result.assert_outcomes(errors=1)
    assert says in result.stdout.str()
    assert "Traceback" not in result.stdout.str()


# -- the contract

BREAKS_IT = """
    import pytest

    def test_it(call):
        call("POST", "/v1/boms/", json={"title": "Pump"})
"""


def test_a_request_that_breaks_the_contract_fails_its_test(pytester):
    pytester.makeconftest(HEADERS)
    pytester.makepyfile(BREAKS_IT)
    result = pytester.runpytest_inprocess(*ALONE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "POST /v1/boms/ (create_bom) broke the contract and was answered 400:",
            "    name: This field is required.",
            '  It sent {"title": "Pump"}',
            "If it is meant to: *violations_allowed*",
        ]
    )


def test_so_does_a_path_there_is_not(pytester):
    pytester.makeconftest(HEADERS)
    pytester.makepyfile("def test_it(call): call('GET', '/v1/bomz/')")
    result = pytester.runpytest_inprocess(*ALONE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["GET /v1/bomz/ broke the contract and was answered 404:", "*The nearest operation is GET /v1/boms/*"]
    )


def test_a_test_that_failed_already_has_it_in_its_report(pytester):
    pytester.makeconftest(HEADERS)
    pytester.makepyfile(BREAKS_IT + "        assert 1 == 2\n")
    result = pytester.runpytest_inprocess(*ALONE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E * assert 1 == 2",
            "*Cofactr contract violations*",
            "POST /v1/boms/ (create_bom) broke the contract*",
        ]
    )


def test_fixtures_that_clear_up_are_held_to_it_too(pytester):
    pytester.makeconftest(HEADERS)
    pytester.makepyfile("""
        import pytest

        @pytest.fixture
        def clears_up(call):
            yield
            call("DELETE", "/v1/boms/")

        def test_it(clears_up):
            pass
    """)
    result = pytester.runpytest_inprocess(*ALONE)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["DELETE /v1/boms/ broke the contract and was answered 405:"])


def test_it_may_be_broken_on_purpose_or_with_a_warning(pytester):
    pytester.makeconftest(HEADERS)
    pytester.makepyfile("""
        import pytest

        WRONG = {"json": {"title": "Pump"}}

        def test_in_a_block(cofactr_mock, call):
            with cofactr_mock.violations_allowed():
                call("POST", "/v1/boms/", **WRONG)

        @pytest.mark.cofactr(violations="allow")
        def test_in_a_test(call):
            call("POST", "/v1/boms/", **WRONG)

        @pytest.mark.cofactr(violations="warn")
        def test_with_a_warning(call):
            call("POST", "/v1/boms/", **WRONG)
    """)
    result = pytester.runpytest_inprocess(*ALONE, "-W", "default")
    result.assert_outcomes(passed=3, warnings=1)
    result.stdout.fnmatch_lines(["*ContractWarning: POST /v1/boms/ (create_bom) broke the contract*"])


UNDOCUMENTED = """
    def test_it(call):
        answer = call("POST", "/v1/boms/?verbose=1", json={"name": "Pump", "colour": "red"})
        assert answer.status_code in (201, 400)
"""


def test_undocumented_keys_warn(pytester):
    pytester.makeconftest(HEADERS)
    pytester.makepyfile(UNDOCUMENTED)
    result = pytester.runpytest_inprocess(*ALONE, "-W", "default")
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "*UndocumentedKeyWarning: POST /v1/boms/?verbose=1 (create_bom) "
            "sent what the contract does not know: "
            "[?]verbose, colour.*"
        ]
    )


@pytest.mark.parametrize(
    ("setting", "outcome"),
    [
        ("cofactr_strict = true", {"failed": 1}),
        ("filterwarnings = error::mockserver.UndocumentedKeyWarning", {"failed": 1}),
        ("filterwarnings = ignore::mockserver.UndocumentedKeyWarning", {"passed": 1}),
    ],
)
def test_undocumented_keys_fail_or_pass_as_one_likes(pytester, setting, outcome):
    pytester.makeini(f"[pytest]\n{setting}")
    pytester.makeconftest(HEADERS)
    pytester.makepyfile(UNDOCUMENTED)
    pytester.runpytest_inprocess(*ALONE).assert_outcomes(**outcome)


# -- the other fixtures, and the network


def test_the_live_server_and_the_factory(pytester):
    pytester.makepyfile("""
        import requests

        def count(handle):
            headers = {"Authorization": f"Api-Key {handle.api_key}"}
            return requests.get(f"{handle.url}/v1/boms/", headers=headers).json()["count"]

        def test_server(cofactr_mock, cofactr_server):
            cofactr_mock.given("bom")
            assert [count(cofactr_mock), count(cofactr_server)] == [4, 4]
            assert cofactr_server.url != cofactr_mock.url

        def test_factory(cofactr_mock, cofactr_mock_factory):
            ours, theirs = cofactr_mock_factory(), cofactr_mock_factory(fixtures="empty", name="theirs")
            eu = cofactr_mock_factory(origin="https://eu.cofactr.com")
            ours.given("bom")
            assert [count(one) for one in (cofactr_mock, ours, theirs, eu)] == [3, 4, 0, 3]

        def test_worlds_of_the_factory_are_held_to_the_contract(cofactr_mock_factory):
            ours = cofactr_mock_factory()
            requests.get(f"{ours.url}/v1/bomz/", headers={"Authorization": f"Api-Key {ours.api_key}"})
    """)
    result = pytester.runpytest_inprocess(*ALONE)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["GET /v1/bomz/ broke the contract*"])


def test_the_network_can_be_blocked_for_every_test(pytester):
    pytester.makepyfile("""
        import pytest
        import requests

        HOSTS = ["https://flagship-api.cofactr.com/v1/boms/", "https://example.com/"]

        @pytest.mark.parametrize("url", HOSTS)
        def test_one_that_forgot_the_fixture(url):
            with pytest.raises(requests.ConnectionError, match="network access is blocked"):
                requests.get(url)

        def test_one_that_has_it(cofactr_mock):
            assert requests.get(HOSTS[0]).status_code == 401
    """)
    pytester.runpytest_inprocess(*ALONE, "--cofactr-block-network").assert_outcomes(passed=3)
