"""The command `mockserver`, run as its users run it; what it refuses to serve, in this process."""

import contextlib
import datetime as dt
import inspect
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from mockserver import cli, resources, worlds

KEY = "mockkey1.00000000000000000000000000000000"
MODULE = (sys.executable, "-m", "mockserver")
SCRIPT = (str(Path(sys.executable).with_name("mockserver")),)

WORLD = """
seed: 3
records:
  org:
    umbrella: {name: Umbrella Instruments, slug: umbrella}
  api_key:
    admin: {name: Admin key, key: its.own-secret, roles: [Admin]}
  bom:
    - {name: Flow Meter}
"""

CORRECTIONS = """
BOMs:
  - id: list_boms
    path: /v2/assemblies/
  - id: approve_bom
    method: PUT
    path: /v2/assemblies/{bom_id}/approve/
"""


@contextlib.contextmanager
def serving(*arguments, command=MODULE, **environment):
    """(the running process, the five lines it said when ready)."""
    process = subprocess.Popen(
        [*command, "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "MOCKSERVER_API_KEY"} | environment,
    )
    try:
        lines = [process.stdout.readline() for _ in range(5)]
        assert lines[0].startswith("Cofactr mock ready on "), process.communicate(timeout=120)
        yield process, "".join(lines)
    finally:
        process.kill()
        process.communicate()


def said(name, lines):
    return re.search(rf"^  {name} +(.*)$", lines, re.MULTILINE)[1]


def url_of(lines):
    return re.match(r"Cofactr mock ready on (http://127\.0\.0\.1:\d+)\n", lines)[1]


@pytest.fixture(scope="module")
def default_server():
    with serving() as (_, lines):
        yield lines


@pytest.fixture
def default(default_server):
    """`python -m mockserver serve`, with nothing but a free port."""
    return put_back(default_server)


def put_back(lines):
    """The server of these lines is as it was when it started, whatever other tests did to it."""
    assert requests.post(f"{url_of(lines)}/__mock__/reset", timeout=120).ok
    return lines


@pytest.fixture(scope="module")
def own_server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    folder.joinpath("world.yaml").write_text(WORLD)
    folder.joinpath("paths.yaml").write_text(CORRECTIONS)
    with serving(
        "--fixtures",
        folder / "world.yaml",
        "--seed",
        "7",
        "--operations",
        folder / "paths.yaml",
        command=SCRIPT,
        MOCKSERVER_API_KEY="it's.mine",
    ) as (_, lines):
        yield lines


@pytest.fixture
def own(own_server):
    """`mockserver serve` with everything one's own: fixture, seed, key, paths."""
    return put_back(own_server)


def test_it_says_where_it_is_with_which_key_and_where_the_docs_are(default):
    url = url_of(default)
    served = sum(operation.served for operation in resources.operations())
    started = re.search(r"clock running from (\S+)", default)[1]
    assert abs(dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(started)) < dt.timedelta(minutes=10)
    assert default == (
        f"Cofactr mock ready on {url}\n"
        f"  fixtures  default (seed 1), {served} operations, clock running from {started}\n"
        f"  API key   {KEY}\n"
        f"  docs      {url}/__mock__/docs/\n"
        f"  try       curl -H 'Authorization: Api-Key {KEY}' {url}/v1/boms/\n"
    )
    assert requests.get(said("docs", default), timeout=120).status_code == 200


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
@pytest.mark.parametrize(("server", "name"), [("default", "Motor Controller"), ("own", "Flow Meter")])
def test_the_curl_it_prints_works_when_pasted(server, name, request):
    command = said("try", request.getfixturevalue(server))
    answer = subprocess.run(["sh", "-c", f"{command} --silent --fail"], capture_output=True, text=True, check=True)
    assert f'"name":"{name}"' in answer.stdout


def test_the_documented_curl_of_create_outbound_email_works_with_host_and_key(default):
    answer = requests.post(
        f"{url_of(default)}/v1/outbound_emails/",
        timeout=120,
        headers={"Authorization": f"Api-Key {KEY}"},
        json={
            "to_emails": ["user@example.com"],
            "cc_emails": ["user@example.com"],
            "bcc_emails": ["user@example.com"],
            "subject": "string",
            "body": "string",
            "attachments": [],
        },
    )
    assert answer.status_code == 200
    assert answer.json()["to_emails"] == "user@example.com"


def test_a_key_of_ones_own_replaces_that_of_the_fixture(own):
    boms = f"{url_of(own)}/v2/assemblies/"
    assert said("API key", own) == "it's.mine"
    assert requests.get(boms, headers={"Authorization": "Api-Key it's.mine"}, timeout=120).status_code == 200
    assert requests.get(boms, headers={"Authorization": "Api-Key its.own-secret"}, timeout=120).status_code == 401


def test_fixture_and_seed_of_ones_own_are_served(own):
    assert said("fixtures", own).startswith("world (seed 7)")
    page = requests.get(
        f"{url_of(own)}/v2/assemblies/", headers={"Authorization": "Api-Key it's.mine"}, timeout=120
    ).json()
    assert [bom["name"] for bom in page["results"]] == ["Flow Meter"]
    assert requests.get(f"{url_of(own)}/__mock__/health", timeout=120).json()["seed"] == 7


def test_a_corrected_path_is_served_the_old_one_is_gone(own):
    headers = {"Authorization": "Api-Key it's.mine"}
    url = url_of(own)
    bom = requests.get(f"{url}/v2/assemblies/", headers=headers, timeout=120).json()["results"][0]
    assert requests.post(f"{url}/v1/boms/", headers=headers, json={"name": "Valve"}, timeout=120).status_code == 201
    assert (
        requests.get(f"{url}/v1/boms/", headers=headers, timeout=120).status_code == 405
    )  # create_bom alone is left there
    assert requests.post(f"{url}/v1/boms/{bom['id']}/approve/", headers=headers, timeout=120).status_code == 404
    assert requests.put(f"{url}/v2/assemblies/{bom['id']}/approve/", headers=headers, timeout=120).json()["approved"]


def test_the_contract_served_has_the_corrected_paths(own):
    paths = requests.get(f"{url_of(own)}/__mock__/openapi.json", timeout=120).json()["paths"]
    assert paths["/v2/assemblies/"]["get"]["operationId"] == "list_boms"
    assert paths["/v2/assemblies/"]["get"]["x-evidence"] == {"method": "documented", "path": "corrected"}
    assert list(paths["/v1/boms/"]) == ["post"]
    assert paths["/v2/assemblies/{bom_id}/approve/"]["put"]["x-evidence"] == {
        "method": "corrected",
        "path": "corrected",
    }


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_it_and_that_is_no_failure(signum):
    with serving("--fixtures", "empty") as (process, _):
        process.send_signal(signum)
        assert process.communicate(timeout=120) == ("", "")
        assert process.returncode == 0


def test_the_state_outlives_the_server_though_a_stream_is_open(tmp_path):
    path = tmp_path / "mock.db"
    headers = {"Authorization": f"Api-Key {KEY}"}
    with serving("--fixtures", "empty", "--state", str(path)) as (process, lines):
        url = url_of(lines)
        with requests.get(f"{url}/__mock__/journal/stream", stream=True, timeout=120) as stream:
            events = stream.iter_lines()
            assert next(events) == b": the journal"
            requests.post(f"{url}/v1/tags/", json={"name": "Kept"}, headers=headers, timeout=120)
            assert next(line for line in events if line.startswith(b"event")) == b"event: call"
            assert requests.post(f"{url}/__mock__/save", timeout=120).json() == {"saved": str(path)}
            requests.post(f"{url}/v1/tags/", json={"name": "Too"}, headers=headers, timeout=120)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=120) == 0
    with serving("--fixtures", "empty", "--state", str(path)) as (_, lines):
        tags = requests.get(f"{url_of(lines)}/v1/tags/", headers=headers, timeout=120).json()["results"]
    assert [tag["name"] for tag in tags] == ["Kept", "Too"]


@pytest.mark.parametrize(
    ("signums", "status"),
    [
        ([signal.SIGHUP] * 3, 0),
        ([signal.SIGTERM] * 3, 0),
        ([signal.SIGINT] * 2, 130),
        ([signal.SIGHUP, signal.SIGINT], 0),
    ],
)
def test_impatient_signals_lose_nothing(tmp_path, signums, status):
    path = tmp_path / "mock.db"
    headers = {"Authorization": f"Api-Key {KEY}"}
    with serving("--fixtures", "empty", "--state", str(path)) as (process, lines):
        url = url_of(lines)
        requests.post(f"{url}/v1/tags/", json={"name": "Kept"}, headers=headers, timeout=10)
        requests.post(f"{url}/__mock__/faults", json={"operation": "list_tags", "latency": 30}, timeout=10)
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as waiting:
            key = f"Host: localhost\r\nAuthorization: Api-Key {KEY}"
            waiting.sendall(f"GET /v1/tags/ HTTP/1.1\r\n{key}\r\n\r\n".encode())
            time.sleep(0.2)
            started = time.monotonic()
            for signum in signums:
                process.send_signal(signum)
                time.sleep(0.1)
            assert process.wait(timeout=10) == status
            assert time.monotonic() - started < 1.5
    with serving("--fixtures", "empty", "--state", str(path)) as (_, lines):  # where the fault is there as well
        assert len(requests.get(f"{url_of(lines)}/__mock__/records/tag", timeout=10).json()["results"]) == 1


def test_a_second_server_learns_who_has_the_state(tmp_path):
    path = tmp_path / "mock.db"
    with serving("--fixtures", "empty", "--state", str(path)) as (process, lines):
        assert said("state", lines) == str(path)
        assert refused("serve", "--state", path) == (
            f"{path} is the state of another server, process {process.pid}. Stop it, or choose another --state."
        )
        process.kill()
        process.wait()
    with serving("--fixtures", "empty", "--state", str(path)) as (_, lines):
        assert re.fullmatch(rf"{path} \(1 sandboxes, \d+ commits in the default one\)", said("state", lines))
    assert refused("serve", "--state", path) == (
        f"{path} was begun with --fixtures empty --seed 1, not with --fixtures default --seed 1. "
        "Start it as it was begun, or choose another --state."
    )


def test_the_document_of_an_older_version_is_taken_over_and_kept_aside(tmp_path):
    path, document = tmp_path / "state.json", (Path(__file__).parents[1] / "data" / "state-1.json").read_bytes()
    path.write_bytes(document)
    headers = {"Authorization": f"Api-Key {KEY}"}
    for _ in range(2):
        with serving("--fixtures", "empty", "--state", str(path)) as (_, lines):
            url = url_of(lines)
            boms = requests.get(f"{url}/v1/boms/", headers=headers, timeout=10).json()["results"]
            assert "Kept" in [bom["name"] for bom in boms]
    assert path.with_name("state.json.old").read_bytes() == document


def test_a_state_can_be_looked_into_exported_and_imported(tmp_path):
    path, other, document = (str(tmp_path / name) for name in ("mock.db", "other.db", "out.json"))
    with serving("--fixtures", "empty", "--state", path) as (_, lines):
        url, headers = url_of(lines), {"Authorization": f"Api-Key {KEY}"}
        requests.post(f"{url}/v1/tags/", json={"name": "Kept"}, headers=headers, timeout=10)
        requests.post(f"{url}/__mock__/sandboxes", json={"name": "build"}, timeout=10)
        assert refused("state", "info", path).startswith(f"{path} is the state of another server")
    told = printed("state", "info", path)
    assert told[0].startswith(f"{path}: fixtures empty (seed 1), begun ")
    assert [line.split()[0] for line in told[1:]] == ["default", "build"]
    printed("state", "export", path, "-o", document)
    assert printed("state", "import", other, document, "--fixtures", "empty") == [f"{document} is in {other} now."]
    assert "Kept" in "".join(printed("state", "export", other))
    assert refused("state", "export", path, "--sandbox", "none") == (
        f"There is no sandbox 'none' in {path}. There are default, build."
    )
    assert refused("state", "info", tmp_path / "none.db") == f"There is no {tmp_path}/none.db."
    assert refused("state", "info", document) == f"{document} is a document already, not a state that a server keeps."


def test_a_name_that_leads_here_is_refused_unless_allowed(default):
    url = url_of(default)
    for path in ("/v1/boms/", "/__mock__/health", "/__mock__/docs/"):
        assert requests.get(f"{url}{path}", headers={"Host": "evil.test"}, timeout=10).status_code == 421
    with serving("--fixtures", "empty", "--allow-host", "mock.test", "--allow-host", ".internal.test") as (_, lines):
        for host, status in (("mock.test:1", 200), ("a.internal.test", 200), ("localhost", 200), ("evil.test", 421)):
            answer = requests.get(f"{url_of(lines)}/__mock__/health", headers={"Host": host}, timeout=10)
            assert answer.status_code == status


def test_pages_and_a_proxy_in_front_when_asked_for():
    page = "http://localhost:3000"
    asked = {"Origin": page, "Access-Control-Request-Method": "GET"}
    forwarded = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "mock.example",
        "X-Forwarded-Prefix": "/cofactr",
        "Authorization": f"Api-Key {KEY}",
    }
    with serving("--cors", page, "--forwarded") as (_, lines):
        url = f"{url_of(lines)}/v1/boms/?limit=1"
        assert requests.options(url, headers=asked, timeout=10).headers["Access-Control-Allow-Origin"] == page
        answer = requests.get(url, headers=forwarded, timeout=10).json()
        assert answer["next"].startswith("https://mock.example/cofactr/v1/boms/?")
    with serving() as (_, lines):
        url = f"{url_of(lines)}/v1/boms/?limit=1"
        assert "Access-Control-Allow-Origin" not in requests.options(url, headers=asked, timeout=10).headers
        assert requests.get(url, headers=forwarded, timeout=10).json()["next"].startswith(url_of(lines))


def test_a_body_that_nobody_wants_is_read_so_that_the_answer_is_seen(default):
    body = b"x" * (5 * 2**20)
    for method, path, status in (("POST", "/v1/no_such/", 404), ("PUT", "/v1/boms/", 405), ("POST", "/v1/boms/", 401)):
        answer = requests.request(method, f"{url_of(default)}{path}", data=body, timeout=10)
        assert answer.status_code == status
        assert answer.json()["detail"]


def test_too_large_a_body_is_refused_in_the_words_of_the_api_and_written_down(default):
    url = url_of(default)
    headers = {"Authorization": f"Api-Key {KEY}", "Content-Type": "application/json"}
    refused = requests.post(f"{url}/v1/boms/", data=b"x" * (10 * 2**20 + 1), headers=headers, timeout=10)
    assert (refused.status_code, refused.json()) == (413, {"detail": "The request body is larger than 10485760 bytes."})
    assert requests.get(f"{url}/__mock__/journal?status=413", timeout=10).json()["count"] == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_standard_output_is_said():
    with open("/dev/full", "w") as full:
        process = subprocess.run(
            [*MODULE, "serve", "--port", "0", "--fixtures", "empty"], stdout=full, stderr=subprocess.PIPE, timeout=30
        )
    assert (process.returncode, process.stderr) == (
        1,
        b"Error: The standard output cannot be written: No space left on device.\n",
    )


def test_a_server_with_a_token_limits_and_strictness():
    with serving("--fixtures", "empty", "--strict", "--max-sandboxes", "0", MOCKSERVER_CONTROL_TOKEN="s3cret") as (
        _,
        lines,
    ):
        url, token = url_of(lines), {"Authorization": "Bearer s3cret"}
        assert requests.get(f"{url}/__mock__/clock", timeout=120).status_code == 401
        assert requests.get(f"{url}/__mock__/clock", headers=token, timeout=120).json()["rate"] == 1
        assert requests.get(f"{url}/__mock__/policies", headers=token, timeout=120).json() == {"strict": True}
        full = requests.post(f"{url}/__mock__/sandboxes", json={}, headers=token, timeout=120)
        assert full.json() == {"detail": "There are 0 sandboxes already. Delete one first."}
        cut = requests.post(
            f"{url}/__mock__/faults", json={"body": "truncated", "times": 1}, headers=token, timeout=120
        )
        assert cut.status_code == 201
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            requests.get(f"{url}/v1/tags/", headers={"Authorization": f"Api-Key {KEY}"}, timeout=120)


# -- refusals ------------------------------------------------------------------------------------------------


def refused(*arguments):
    """What the command complains of, its exit status being 1."""
    # click keeps the two streams apart since 8.2, and before when it is told to.
    apart = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
    result = CliRunner(**apart).invoke(cli.main, list(map(str, arguments)))
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    return result.stderr.removeprefix("Error: ").removesuffix("\n")


def written(folder, text):
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


def test_a_taken_port_is_said_with_what_to_do():
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        assert refused("serve", "--port", port) == (
            f"127.0.0.1:{port} is taken by another process; stop it, or choose another with --port (0 = any free one)."
        )


def test_an_unknown_fixture_is_answered_with_those_there_are():
    assert refused("serve", "--fixtures", "nope") == (
        f"There is no fixture 'nope'. Those that come with the mock are {', '.join(worlds.names())}; "
        "or give the path of a YAML file of your own."
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("seed: 1\nrecords: [\n", "3: not YAML: did not find expected node content"),
        ("seed: one\n", "1: seed: should be a whole number"),
        (
            "seed: 1\nplanets: {}\n",
            "2: unknown key 'planets'; a fixture has description, seed, now, catalogue, counts, records",
        ),
        (
            "records:\n  org:\n    a: {name: A, slug: a}\n  bom:\n    - {name: X, tag_ids: [blue]}\n",
            "5: records.bom.tag_ids[0]: there is no tag called 'blue'; there are none",
        ),
        (
            "records:\n  org:\n    a: {name: A, slug: a}\n",
            "1: records: a fixture needs at least one api_key, or nobody can call",
        ),
    ],
)
def test_a_mistake_in_a_fixture_is_pointed_at(text, complaint, tmp_path):
    path = written(tmp_path, text)
    assert refused("serve", "--fixtures", path) == f"{path}:{complaint}"


@pytest.mark.parametrize("key", ["", "two words", "clé.1", "tab\tbed"])
def test_a_key_that_no_header_can_carry_is_refused(key):
    assert refused("serve", "--api-key", key) == (
        f"The API key should be printable ASCII without spaces, such as {KEY}. "
        "Give another with --api-key or MOCKSERVER_API_KEY."
    )


def test_a_state_that_cannot_be_loaded_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "state.json"
    path.write_text("{")
    assert refused("serve", "--state", path).startswith(f"{path} is not JSON: ")
    assert path.read_text() == "{"
    assert refused("serve", "--state", tmp_path / "none" / "mock.db") == (
        f"{tmp_path}/none is no folder, so no state can be kept in it. Make it, or choose another --state."
    )


def test_what_is_no_origin_is_refused():
    complaint = "'app.test' is no origin; one reads http://localhost:3000, or * for all."
    assert refused("serve", "--cors", "app.test") == complaint


@pytest.mark.parametrize("token", ["", " x", "clé"])
def test_a_token_that_no_header_can_carry_is_refused(token):
    assert refused("serve", "--control-token", token) == (
        "The control token should be printable ASCII without spaces around it. Give another with --control-token."
    )


@pytest.mark.parametrize("command", ["serve", "operations"])
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- id: list_boms\n", "1: expected groups of operations, as in contracts/operations.yaml"),
        ("BOMs: list_boms\n", "1: 'BOMs' should hold a list of operations"),
        (
            "BOMs:\n  - id: launch_bom\n    path: /v1/launch/\n",
            "2: unknown operation id 'launch_bom'; `mockserver operations` lists all of them",
        ),
        ("BOMs:\n  - id: list_boms\n    path: 7\n", "3: path of list_boms should be text, not 7"),
        (
            "BOMs:\n  - id: list_boms\n    method: FETCH\n",
            "3: method of list_boms should be one of GET, POST, PUT, PATCH, DELETE, not 'FETCH'",
        ),
        ("BOMs:\n  - id: get_bom\n    path: /v2/boms/\n", "3: path of get_bom lacks {bom_id}: /v2/boms/"),
        (
            "BOMs:\n  - id: list_boms\n    path: /__mock__/boms/\n",
            "3: path of list_boms may not lie under /__mock__/, the mock's own",
        ),
        (
            "BOMs:\n  - id: create_bom\n    path: /v1/parse_raw_bom/\n",
            "1: parse_raw_bom and create_bom clash: both would be POST /v1/parse_raw_bom/",
        ),
    ],
)
def test_a_mistake_in_corrected_paths_is_refused_with_its_reason(command, text, complaint, tmp_path):
    path = written(tmp_path, text)
    assert refused(command, "--operations", path) == f"{path}:{complaint}"


def test_a_file_of_corrections_that_is_not_there_is_said(tmp_path):
    assert (
        refused("operations", "--operations", tmp_path / "none.yaml")
        == f"{tmp_path}/none.yaml: cannot be read: No such file or directory"
    )


@pytest.mark.parametrize("option", ["--state", "--operations", "--overlay", "--fixtures"])
def test_a_folder_in_the_place_of_a_file_is_a_wrong_file_like_others(option, tmp_path):
    assert str(tmp_path) in refused("serve", option, tmp_path)


# -- the clock -----------------------------------------------------------------------------------------------


def clocks(url, name="default"):
    """(the clock of a sandbox, when a BOM of its world was created, the deadline of a program)."""
    headers = {"Authorization": f"Api-Key {KEY}", "X-Mock-Sandbox": name}
    clock = requests.get(f"{url}/__mock__/sandboxes/{name}/clock", timeout=10).json()
    bom = requests.get(f"{url}/v1/boms/", headers=headers, timeout=10).json()["results"][0]
    program = requests.get(f"{url}/v1/programs/", headers=headers, timeout=10).json()["results"][0]
    return clock, bom["created_at"], program["deadline"]


@pytest.mark.parametrize(("given", "rate"), [("real", 1), ("still", 0), ("60", 60), (None, 1)])
def test_the_clock_runs_or_stands_still_and_the_fixture_with_it(given, rate):
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    with serving(*(["--clock", given] if given else [])) as (_, lines):
        url = url_of(lines)
        requests.post(f"{url}/__mock__/sandboxes", json={"name": "other"}, timeout=10).raise_for_status()
        requests.post(f"{url}/__mock__/sandboxes", json={"name": "seeded", "seed": 7}, timeout=10).raise_for_status()
        assert requests.get(f"{url}/__mock__/health", timeout=10).json()["clock"]["rate"] == rate
        for name in ("default", "other", "seeded"):
            clock, created_at, deadline = clocks(url, name)
            assert clock["rate"] == rate, name
            if rate:
                assert dt.datetime.fromisoformat(clock["now"]) >= before
                start = dt.datetime.fromisoformat(created_at)
                assert before <= start < before + dt.timedelta(minutes=10)
                assert dt.date.fromisoformat(deadline) - start.date() == dt.timedelta(days=105)
            else:
                assert (clock["now"], created_at, deadline) == (
                    "2026-01-15T09:00:00Z",
                    "2026-01-15T09:00:00Z",
                    "2026-04-30",
                )
        told = {0: "still at 2026-01-15T09:00:00Z", 1: "running from ", 60: "running 60 times as fast from "}
        assert f"clock {told[rate]}" in lines


@pytest.mark.parametrize("given", ["fast", "-1", "nan", "1e9"])
def test_a_clock_that_makes_no_sense_is_refused(given):
    result = CliRunner().invoke(cli.main, ["serve", "--clock", given])
    assert result.exit_code == 2
    assert f"'{given}' is neither real nor still nor a number from 0 to 1000000." in result.output


# -- operations ----------------------------------------------------------------------------------------------


def printed(*arguments):
    result = CliRunner().invoke(cli.main, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def is_row(line):
    return line.startswith("  ")


def test_operations_prints_all_of_them_with_what_is_known():
    lines = printed("operations")
    rows = resources.operations()
    assert [line.split()[:3] for line in filter(is_row, lines)] == [[row.id, row.method, row.path] for row in rows]
    assert lines[-1] == f"{sum(row.served for row in rows)} of 104 operations served."
    [parse] = [line for line in lines if line.split()[:1] == ["parse_raw_bom"]]
    assert re.split(" {2,}", parse.strip()) == [
        "parse_raw_bom",
        "POST",
        "/v1/parse_raw_bom/",
        "served",
        "method documented, path documented",
        "“Creates a Bom using raw bomline data and performs searches to convert into Cofactr Data”",
    ]
    assert all(f"“{row.title}”" in line for row, line in zip(rows, filter(is_row, lines), strict=True))


def test_operations_prints_corrected_ones_as_such(tmp_path):
    lines = printed("operations", "--operations", written(tmp_path, CORRECTIONS))
    [approve] = [line for line in lines if line.split()[:1] == ["approve_bom"]]
    assert re.split(" {2,}", approve.strip()) == [
        "approve_bom",
        "PUT",
        "/v2/assemblies/{bom_id}/approve/",
        "served",
        "method corrected, path corrected",
        "“Approves an unapproved Bom.”",
    ]


def test_help_explains_every_option():
    text = "\n".join(printed("serve", "--help"))
    for option in (
        "--host",
        "--port",
        "--fixtures",
        "--seed",
        "--api-key",
        "--operations",
        "--strict",
        "--state",
        "--allow-host",
        "--cors",
        "--forwarded",
        "--control-token",
        "--max-sandboxes",
        "--sandbox-idle",
    ):
        assert re.search(rf"^  {option} .*\n?.*[a-z]", text, re.MULTILINE)
