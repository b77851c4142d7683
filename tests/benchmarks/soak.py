"""A mixed load for half an hour, and whether anything grows: `make soak ARGS=MINUTES`.

Clients of all kinds call a mock of their own: readers, writers, ones that make and drop sandboxes, break off, send
nonsense, take snapshots, query SQL, listen to the journal. Each minute prints a row; the last line says what has grown
since the second minute, when everything has been used once.
"""

import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

KEY = "mockkey1." + "0" * 32
CLIENTS = 12
PAUSE = 0.02  # seconds between two calls of a client, so that the load stays the same on any machine
RECORDS = 300  # bills of materials, beyond which the world is reset: records are what is meant to grow


class Mock:
    """`mockserver serve` in a process of its own."""

    def __init__(self, *arguments: str):
        self.arguments = arguments

    def __enter__(self) -> "Mock":
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mockserver", "serve", "--port", "0", *self.arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.port = int(re.search(r":(\d+)$", line.strip())[1])
        return self

    def __exit__(self, *exc_info) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=10)

    def usage(self) -> dict[str, float]:
        """Its memory in MB, threads and open descriptors."""
        folder = Path(f"/proc/{self.process.pid}")
        status = (folder / "status").read_text()
        return {
            "rss": int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024,
            "threads": int(re.search(r"Threads:\s+(\d+)", status)[1]),
            "descriptors": len(os.listdir(folder / "fd")),
        }


def call(mock: Mock, method: str, path: str, body=None, **headers: str) -> tuple[int, bytes]:
    """(status, body) of one call on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=30)
    sent = {"Authorization": f"Api-Key {KEY}", "Content-Type": "application/json", **headers}
    try:
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Load:
    """The clients, and how long their calls took since somebody asked."""

    def __init__(self, mock: Mock):
        self.mock = mock
        self.stopping = threading.Event()
        self.seconds: list[float] = []
        self.failures: list[str] = []
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc_info) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def run(self, number: int) -> None:
        chance = random.Random(number)
        kinds = [self.read, self.read, self.read, self.write, self.write, self.query, self.sandbox, self.snapshot]
        kinds += [self.nonsense, self.break_off, self.listen, self.upload]
        while not self.stopping.wait(PAUSE):
            kind = chance.choice(kinds)
            try:
                kind(chance)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{kind.__name__}: {error!r}")

    def timed(self, method, path, body=None, **headers):
        started = time.perf_counter()
        status, content = call(self.mock, method, path, body, **headers)
        self.seconds.append(time.perf_counter() - started)
        if status >= 500:
            self.failures.append(f"{method} {path}: {status} {content[:200]!r}")
        return status, content

    def read(self, chance):
        self.timed(
            "GET", chance.choice(["/v1/boms/?limit=3", "/v1/suppliers/", "/v1/org/", "/v1/stock_lots/?limit=100"])
        )

    def write(self, chance):
        status, content = self.timed("POST", "/v1/boms/", {"name": f"Soak {chance.random()}"})
        if status == 201:
            id = json.loads(content)["id"]
            self.timed("PATCH", f"/v1/boms/{id}/", {"name": "Renamed"})
            if chance.random() < 0.7:
                self.timed("DELETE", f"/v1/boms/{id}/")
            elif json.loads(call(self.mock, "GET", "/v1/boms/?limit=1")[1]).get("count", 0) > RECORDS:
                self.timed("POST", "/__mock__/reset")

    def query(self, chance):
        self.timed("POST", "/v1/reporting/sql_query/", {"sql": "SELECT count(*) FROM boms"})

    def sandbox(self, chance):
        status, content = self.timed("POST", "/__mock__/sandboxes", {"fixtures": "empty"})
        if status == 201:
            made = json.loads(content)
            key = made["api_keys"][0]["key"]
            self.timed("POST", "/v1/tags/", {"name": "x"}, Authorization=f"Api-Key {key}")
            self.timed("DELETE", f"/__mock__/sandboxes/{made['name']}")

    def snapshot(self, chance):
        name = f"s{chance.randrange(20)}"
        self.timed("POST", "/__mock__/snapshots", {"name": name})
        self.timed("DELETE", f"/__mock__/snapshots/{name}")

    def nonsense(self, chance):
        self.timed("GET", "/v1/no_such/")
        self.timed("POST", "/v1/boms/", {"name": 7, "x" * 50: None})
        self.timed("GET", "/v1/boms/", Authorization="Api-Key nobody.nothing")

    def break_off(self, chance):
        with socket.create_connection(("127.0.0.1", self.mock.port), timeout=10) as client:
            client.sendall(b"POST /v1/boms/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        with socket.create_connection(("127.0.0.1", self.mock.port), timeout=10) as client:
            client.sendall(bytes(chance.randrange(256) for _ in range(200)) + b"\r\n\r\n")
            client.recv(1000)

    def listen(self, chance):
        connection = http.client.HTTPConnection("127.0.0.1", self.mock.port, timeout=30)
        connection.request("GET", "/__mock__/journal/stream")
        connection.getresponse().read1(100)
        connection.close()

    def upload(self, chance):
        lines = [{"mpn": f"RC0402FR-07{number}KL"} for number in range(50)]
        self.timed("POST", "/v1/parse_raw_bom/", {"name": "Raw", "raw_lines": lines})


def main(minutes: float) -> None:
    print("minute | calls | p50 ms | p99 ms | RSS MB | threads | descriptors | failures")
    first = None
    with Mock("--max-sandboxes", "50") as mock, Load(mock) as load:
        for minute in range(1, round(minutes) + 1):
            time.sleep(60)
            seconds, load.seconds = sorted(load.seconds), []
            usage = mock.usage()
            p50, p99 = statistics.median(seconds) * 1000, seconds[int(len(seconds) * 0.99)] * 1000
            row = f"{minute:6} | {len(seconds):5} | {p50:6.1f} | {p99:6.1f} | {usage['rss']:6.1f}"
            print(f"{row} | {usage['threads']:7} | {usage['descriptors']:11} | {len(load.failures)}", flush=True)
            if minute == 2:
                first = usage
    if first is not None:
        grown = ", ".join(f"{name} {usage[name] - first[name]:+.1f}" for name in usage)
        print(f"Since minute 2: {grown}.")
    for failure in dict.fromkeys(load.failures[:10]):
        print(failure)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 30)
