"""A check of what several clients of several replicas saw: python history.py --replicas 3 --clients 16 --seconds 60.

Clients write and read registers (tags whose colour is a number) and create records of unique names, through servers
that are killed and started again at random, on a store that is stopped and started again too. Then for each sandbox:

- no acknowledged write is lost, and none is done twice: every acknowledged creation is there once, and none that was
  refused is there;
- reads never go back, and each register's history is linearizable: there is an order of its writes, each between its
  beginning and its end, in which every read saw the latest. Each write is of a value of its own, so that this is
  decided for each pair of writes.

What was answered 5xx or not at all may or may not have happened.
"""

import argparse
import collections
import contextlib
import itertools
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import requests

KEY = "mockkey1.00000000000000000000000000000000"


class Server:
    """`mockserver serve` on a state, at a port of its own that it keeps."""

    def __init__(self, state):
        self.state, self.port, self.process, self.url = state, 0, None, None

    def start(self):
        command = [sys.executable, "-m", "mockserver", "serve", "--port", str(self.port), "--fixtures", "empty"]
        self.process = subprocess.Popen(
            [*command, "--state", self.state], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        line = self.process.stdout.readline()
        found = re.match(r"Cofactr mock ready on (http://127\.0\.0\.1:(\d+))", line)
        if found is None:
            raise RuntimeError(f"the server did not start: {line}")
        self.url, self.port = found[1], int(found[2])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


class Client(threading.Thread):
    """Does one thing after another until told to stop, and notes what it asked, when, and what was answered."""

    def __init__(self, number, servers, keys, stop, values):
        super().__init__(daemon=True)
        self.number, self.servers, self.keys, self.stop, self.values = number, servers, keys, stop, values
        self.random = random.Random(number)
        self.notes: list[tuple] = []  # (what, sandbox, register or name, value, begun, ended, whether it is certain)

    def run(self):
        names = itertools.count()
        while not self.stop.is_set():
            box = self.random.randrange(len(self.keys))
            headers = {"Authorization": f"Api-Key {self.keys[box][0]}"}
            register = self.random.randrange(len(self.keys[box][1]))
            path = f"/v1/tags/{self.keys[box][1][register]}/"
            match self.random.randrange(5):
                case 0 | 1:
                    self.ask("read", box, register, None, "GET", path, None, headers)
                case 2 | 3:
                    value = next(self.values)
                    body = {"color": f"#{value:06x}"}
                    self.ask("write", box, register, value, "PATCH", path, body, headers)
                case _:
                    name = f"{self.number}-{next(names)}"
                    self.ask("create", box, name, None, "POST", "/v1/team_types/", {"name": name}, headers)

    def ask(self, what, box, about, value, method, path, body, headers):
        server = self.random.choice(self.servers)
        begun = time.perf_counter()
        try:
            response = requests.request(method, server.url + path, json=body, headers=headers, timeout=5)
            status = response.status_code
        except requests.RequestException:
            response, status = None, 599
        ended = time.perf_counter()
        if status >= 500:
            self.notes.append((what, box, about, value, begun, float("inf"), False))
            return
        if what == "read":
            value = int(response.json()["color"][1:], 16)
        self.notes.append((what, box, about, value, begun, ended, status < 300))


def check(notes, registers, created) -> list[str]:
    """What is wrong with a history; `registers` and `created` are what is there in the end."""
    problems = []
    by_register = collections.defaultdict(list)
    for note in notes:
        if note[0] in ("read", "write"):
            by_register[note[1], note[2]].append(note)
    for (box, register), found in by_register.items():
        problems += check_register(found, registers[box][register], f"sandbox {box}, register {register}")
    for box, names in created.items():
        counted = collections.Counter(names)
        acknowledged = {note[2] for note in notes if note[0] == "create" and note[1] == box and note[6]}
        possible = acknowledged | {
            note[2] for note in notes if note[0] == "create" and note[1] == box and note[5] == float("inf")
        }
        problems += [
            f"sandbox {box}: the creation of {name} was acknowledged and lost" for name in acknowledged - counted.keys()
        ]
        problems += [f"sandbox {box}: {name} was created {n} times" for name, n in counted.items() if n > 1]
        problems += [f"sandbox {box}: {name} is there and nobody made it" for name in counted.keys() - possible]
    return problems


def check_register(notes, final, where) -> list[str]:
    """Each value is written once, so an order of the writes exists when "must come before" has no circle.

    One write must come before another when it, or a read of it, ended before the other, or a read of that, began.
    """
    begun, ended = {0: -1.0}, {0: -1.0}
    first_seen, last_seen = {}, {}
    for what, _, _, value, start, end, certain in notes:
        if what == "write" and (certain or end == float("inf")):
            begun[value], ended[value] = start, end
    for what, _, _, value, start, end, _ in notes:
        if what == "read" and end != float("inf"):
            if value not in begun:
                return [f"{where}: {value} was read and never written"]
            first_seen[value] = min(first_seen.get(value, end), end)
            last_seen[value] = max(last_seen.get(value, start), start)
            if end < begun[value]:
                return [f"{where}: {value} was read before it was written"]
    last_seen[final] = float("inf")
    first_seen.setdefault(final, float("inf"))
    problems = []
    seen = [value for value in begun if value in first_seen or ended[value] != float("inf")]
    for one, other in itertools.permutations(seen, 2):
        done = min(ended[one], first_seen.get(one, float("inf")))  # by then `one` was in force
        lasts = last_seen.get(one, -1.0)  # then it still was
        if done < begun[other] and min(ended[other], first_seen.get(other, float("inf"))) < lasts:
            problems.append(f"{where}: {one} was read after {other}, which was written after it")
    return problems


def run(state, replicas, clients, seconds, sandboxes=2, registers=3, disturb=(), seed=1):
    """(problems, counts) of a run; `disturb` are functions that trouble the store, called at random."""
    chance, stop = random.Random(seed), threading.Event()
    servers = [Server(state) for _ in range(replicas)]
    try:
        for server in servers:
            server.start()
        keys = []
        for number in range(sandboxes):
            made = requests.post(
                f"{servers[0].url}/__mock__/sandboxes", json={"name": f"box{number}"}, timeout=10
            ).json()
            key = made["api_keys"][0]["key"]
            headers = {"Authorization": f"Api-Key {key}"}
            tags = [
                requests.post(
                    f"{servers[0].url}/v1/tags/",
                    json={"name": str(one), "color": "#000000"},
                    headers=headers,
                    timeout=10,
                ).json()["id"]
                for one in range(registers)
            ]
            keys.append((key, tags))
        values = itertools.count(1)
        threads = [Client(number, servers, keys, stop, values) for number in range(clients)]
        for thread in threads:
            thread.start()
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            time.sleep(chance.uniform(0.3, 1.5))
            if disturb and chance.random() < 0.3:
                chance.choice(disturb)()
            else:
                victim = chance.choice(servers)
                victim.kill()
                victim.start()
        stop.set()
        for thread in threads:
            thread.join(30)
        notes = [note for thread in threads for note in thread.notes]
        final, created = [], {}
        for box, (key, tags) in enumerate(keys):
            headers, url = {"Authorization": f"Api-Key {key}"}, chance.choice(servers).url
            colours = [
                requests.get(f"{url}/v1/tags/{tag}/", headers=headers, timeout=10).json()["color"] for tag in tags
            ]
            final.append([int(colour[1:], 16) for colour in colours])
            created[box], offset = [], 0
            while True:
                page = requests.get(
                    f"{url}/v1/team_types/?limit=1000&offset={offset}", headers=headers, timeout=10
                ).json()
                created[box] += [one["name"] for one in page["results"]]
                offset += 1000
                if page["next"] is None:
                    break
        counts = collections.Counter(f"{note[0]} {'answered' if note[6] else 'unknown'}" for note in notes)
        return check(notes, final, created), counts
    finally:
        stop.set()
        for server in servers:
            with contextlib.suppress(Exception):
                server.kill()


def post(server, path, body, key=KEY):
    headers = {"Authorization": f"Api-Key {key}"}
    return requests.post(server.url + path, json=body, headers=headers, timeout=10).json()


def get(server, path, key):
    return requests.get(server.url + path, headers={"Authorization": f"Api-Key {key}"}, timeout=10).json()


def main():
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from tests.log.conftest import RedisServer

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sqlite", action="store_true", help="one server on a file, killed at random")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mock-history-") as folder:
        if given.sqlite:
            problems, counts = run(os.path.join(folder, "mock.db"), 1, given.clients, given.seconds, seed=given.seed)
        else:
            store = RedisServer(Path(folder))
            store.start()

            def restart():
                store.stop()
                time.sleep(0.5)
                store.start()

            try:
                problems, counts = run(
                    store.url, given.replicas, given.clients, given.seconds, disturb=(restart,), seed=given.seed
                )
            finally:
                store.stop()
    print(dict(counts))
    print("\n".join(problems) or "No problems.")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
