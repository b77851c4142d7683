"""How long `contract check` takes for a recording of 100 MB, and how much memory.

`python tests/benchmarks/bench_check.py [MB]` records calls of a mock, repeats them to that size, once as they are
and once with every record wrong, and checks each file in a process of its own. Nothing is asserted.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

import mockserver
from mockserver.traffic import recordings

PATHS = ("/v1/boms/?limit=50", "/v1/tags/", "/v1/suppliers/?limit=50", "/v1/programs/")


def recorded(folder: Path) -> list[dict]:
    """The entries of a HAR file of lists and single records."""
    exchanges = []
    with mockserver.Mock() as mock:
        headers = {"Authorization": f"Api-Key {mock.api_key}"}

        def call(path):
            answer = requests.get(mock.url + path, headers=headers, timeout=10)
            sent, got = dict(answer.request.headers), dict(answer.headers)
            url = f"https://host{path}"
            exchanges.append(recordings.exchange("GET", url, sent, b"", answer.status_code, got, answer.content))
            return answer.json()

        for path in PATHS:
            for record in call(path)["results"]:
                call(f"{path.partition('?')[0]}{record['id']}/")
    recordings.write_har(exchanges, folder / "small.har")
    return json.loads((folder / "small.har").read_text())["log"]["entries"]


def spoilt(entry: dict) -> dict:
    """The entry with an answer whose every record is wrong, and is there many times."""
    body = json.loads(entry["response"]["content"]["text"])
    if "results" in body:
        body["results"] = [{**record, "id": 7, "extra": 1} for record in body["results"] * 50]
    content = {**entry["response"]["content"], "text": json.dumps(body)}
    return {**entry, "response": {**entry["response"], "content": content}}


def main():
    size = int(sys.argv[1] if len(sys.argv) > 1 else 100) * 10**6
    before = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        entries = recorded(folder)
        for label, several in (("as recorded", entries), ("every record wrong", list(map(spoilt, entries)))):
            text = ",".join(map(json.dumps, several))
            with (folder / "big.har").open("w") as file:  # not held here: a child's peak begins at its parent's
                file.write('{"log": {"entries": [' + text)
                for _ in range(size // len(text)):
                    file.write("," + text)
                file.write("]}}")
            start = time.perf_counter()
            command = [sys.executable, "-m", "mockserver", "contract", "check", str(folder / "big.har")]
            output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
            seconds = time.perf_counter() - start
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            processor = used.ru_utime + used.ru_stime - before
            before += processor
            memory = f"at most {used.ru_maxrss / 1024:.0f} MB so far"
            print(f"{label}: {seconds:.1f} s, {processor:.1f} s of a processor, {memory}; {output.splitlines()[-1]}")


if __name__ == "__main__":
    main()
