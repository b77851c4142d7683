"""What things cost, beside a floor: the same thing done by nobody. `make bench` prints the table.

A figure is the best of several batches, per call: whatever else the machine did is in the others.
Nothing is asserted: machines differ.
"""

import gc
import itertools
import json
import subprocess
import sys
import time

import flask
import httpx
import requests

from mockserver import worlds
from mockserver.app import App
from mockserver.mock import Mock, shared_app
from mockserver.sandbox import Sandbox
from mockserver.serving import wsgi
from mockserver.serving.intercept import intercept

HOST = "https://flagship-api.cofactr.com"
EMAIL = {"to_emails": ["sales@example.com"], "subject": "Quote request", "body": "Please quote."}
BATCHES = 7

bare = flask.Flask("bare")


@bare.route("/<path:path>", methods=["GET", "POST", "DELETE"])
def nothing(path):
    return b""


class Client:
    """Calls an app in process, with nothing between."""

    def __init__(self, app, key):
        self.app, self.headers = (
            app,
            [("Authorization", f"Api-Key {key}"), ("Content-Type", "application/json")],
        )

    def __call__(self, method, path, body=None):
        return wsgi.call(
            self.app,
            method,
            HOST + path,
            self.headers,
            json.dumps(body).encode() if body is not None else b"",
        )

    def json(self, method, path, body=None):
        answer = self(method, path, body)
        assert answer.status < 300, answer.body
        return json.loads(answer.body)


def client(world: str) -> Client:
    """A client of a fresh sandbox."""
    sandbox = Sandbox(worlds.load(world))

    def app(environ, start_response):
        environ["mockserver.sandbox"] = sandbox
        return shared_app().wsgi_app(environ, start_response)

    return Client(app, first_key(sandbox))


def first_key(sandbox):
    return next(iter(sandbox.store["api_key"]))["key"]


floor = Client(bare.wsgi_app, "none")


def seconds(function, calls: int = 100, prepare=tuple) -> float:
    """Seconds a call of `function(*prepare())` takes, `prepare` called for each batch, not counted."""
    batches = []
    for _ in range(BATCHES):
        arguments = prepare()
        gc.collect()
        start = time.perf_counter()
        for _ in range(calls):
            function(*arguments)
        batches.append((time.perf_counter() - start) / calls)
    return min(batches)


def row(what: str, measured: float, beside: float | None = None, wanted: str = "") -> None:
    print(
        f"{what:62} {human(measured):>10} {human(beside) if beside is not None else '':>10}  {wanted}",
        flush=True,
    )


def human(value: float) -> str:
    for unit, size in (("s", 1), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.2f} {unit}"
    return f"{value * 1e6:.1f} µs"


def heading(text: str) -> None:
    print(f"\n{text:62} {'measured':>10} {'floor':>10}  wanted")


# -- what is measured ----------------------------------------------------------------------------------------


def calls():
    heading("One call in process, default world (floor: bare Flask doing nothing)")
    api = client("default")
    bom = api.json("GET", "/v1/boms/")["results"][0]
    head = {"name": "Motor Controller", "version": "B", "part_number": "PCA-1042", "metadata": {"erp": 7}}
    row(
        "POST create_bom, validated",
        seconds(lambda: api("POST", "/v1/boms/", head)),
        seconds(lambda: floor("POST", "/v1/boms/", head)),
        "< 1 ms",
    )
    row(
        "POST create_outbound_email, validated",
        seconds(lambda: api("POST", "/v1/outbound_emails/", EMAIL)),
        seconds(lambda: floor("POST", "/v1/outbound_emails/", EMAIL)),
        "< 1 ms",
    )
    add, add_floor = (
        line_cost("default"),
        seconds(lambda: floor("POST", f"/v1/boms/{bom['id']}/lines/", head)),
    )
    row("POST create_bom_line, validated", add, add_floor, "< 1 ms")
    row(
        "POST refused by validation",
        seconds(lambda: api("POST", "/v1/boms/", {"version": 7})),
        seconds(lambda: floor("POST", "/v1/boms/", head)),
    )
    row(
        "GET get_bom",
        seconds(lambda: api("GET", f"/v1/boms/{bom['id']}/")),
        seconds(lambda: floor("GET", f"/v1/boms/{bom['id']}/")),
    )
    big = client("large")
    id = big.json("GET", "/v1/boms/")["results"][0]["id"]
    assert len(big.json("GET", f"/v1/boms/{id}/lines/?limit=100")["results"]) == 100
    row(
        "GET list_bom_lines, 100 of them",
        seconds(lambda: big("GET", f"/v1/boms/{id}/lines/?limit=100"), 20),
        seconds(lambda: floor("GET", f"/v1/boms/{id}/lines/?limit=100")),
    )
    row(
        "GET list_boms, 100 of 400",
        seconds(lambda: big("GET", "/v1/boms/?limit=100"), 20),
        seconds(lambda: floor("GET", "/v1/boms/")),
    )
    raw = {"name": "Board", "raw_lines": raw_lines(150)}
    row(
        "POST parse_raw_bom, 150 lines, parts new to the sandbox",
        seconds(lambda api: api("POST", "/v1/parse_raw_bom/", raw), 1, prepare=lambda: (client("default"),)),
        seconds(lambda: floor("POST", "/v1/parse_raw_bom/", raw), 20),
    )
    row(
        "POST parse_raw_bom, 150 lines, parts seen before",
        seconds(lambda: api("POST", "/v1/parse_raw_bom/", raw), 5),
        seconds(lambda: floor("POST", "/v1/parse_raw_bom/", raw), 20),
    )


def raw_lines(count):
    return [
        {
            "mpn": f"GRM155R61A{number:03}KA01D",
            "manufacturer_name": "Murata",
            "value": "100nF",
            "package": "0402",
            "reference_designators_string": f"C{2 * number}, C{2 * number + 1}",
            "quantity": 2,
        }
        for number in range(1, count + 1)
    ]


def line_cost(world):
    """Seconds to create one more line, each of another part, on a new BOM."""
    api = client(world)

    def new_bom():
        bom = api.json("POST", "/v1/boms/", {"name": "New"})
        return bom["id"], itertools.cycle(parts)

    def add(bom_id, parts):
        api(
            "POST",
            f"/v1/boms/{bom_id}/lines/",
            {"part_id": next(parts), "quantity": 4, "reference_designators_string": "C1-C4"},
        )

    parts = [record["id"] for record in worlds.load(world).store["part"]][:40]
    return seconds(add, len(parts), prepare=new_bom)


def growth():
    heading("A large world (floor: the default one)")
    row("POST create_bom_line beside 100,000 others", line_cost("large"), line_cost("default"), "the same")


def resets():
    for name, wanted in (("default", "< 1 ms"), ("large", "< 5 ms")):
        heading(f"Starting over, {name} world")
        world = worlds.load(name)
        sandbox = Sandbox(world)
        key = first_key(sandbox)
        app = App(sandbox).wsgi_app
        api = Client(app, key)
        bom_id = next(iter(sandbox.store["bom"]))["id"]

        def write(api=api, bom_id=bom_id):
            return api("POST", f"/v1/boms/{bom_id}/parse_raw_bom_line/", {"reference_designators_string": "X1"})

        assert write().status == 201
        row("sandbox.reset()", seconds(sandbox.reset), wanted=wanted)
        row(
            "sandbox.reset() after a write, and the first write after it",
            seconds(lambda sandbox=sandbox, write=write: (sandbox.reset(), write()), 20),
            seconds(write, 20),
            wanted,
        )
        row("a fresh Sandbox", seconds(lambda world=world: Sandbox(world)), wanted=wanted)
        row(
            "a Mock entered and left: what `cofactr_mock` costs a test",
            seconds(lambda name=name: enter_and_leave(name), 20),
        )


def enter_and_leave(fixtures):
    with Mock(fixtures):
        pass


def clients():
    heading("Through the interceptor, POST create_outbound_email (floor: do-nothing app)")

    def empty(method, url, headers, body):
        return wsgi.Answer(200, "OK", [("Content-Length", "0")], b"")

    with (
        requests.Session() as session,
        httpx.Client() as client,
        httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200))) as peer,
    ):
        url = f"{HOST}/v1/outbound_emails/"
        for name, post in (("requests", session.post), ("httpx", client.post)):
            with Mock() as mock:
                headers = {"Authorization": f"Api-Key {mock.api_key}"}
                assert post(url, json=EMAIL, headers=headers).status_code == 200
                measured = seconds(lambda post=post, headers=headers: post(url, json=EMAIL, headers=headers))
            with intercept(empty, [HOST]):
                row(name, measured, seconds(lambda post=post: post(url, json=EMAIL)))
        row("httpx.MockTransport doing nothing, for comparison", seconds(lambda: peer.post(url, json=EMAIL)))


def starts():
    heading("From the command to the first line said (floor: python importing Flask)")
    flask_alone = seconds(lambda: subprocess.run([sys.executable, "-c", "import flask"], check=True), 1)
    for name, wanted in (("default", "< 1 s"), ("large", "< 3 s")):
        row(
            f"mockserver serve --fixtures {name}",
            seconds(lambda name=name: start(name), 1),
            flask_alone,
            wanted,
        )


def start(fixtures):
    command = [sys.executable, "-m", "mockserver", "serve", "--port", "0", "--fixtures", fixtures]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline().startswith(b"Cofactr mock ready")
        process.kill()


if __name__ == "__main__":
    for part in (calls, growth, resets, clients, starts):
        part()
