"""Thousands of slow, delayed and idle clients at once, and how long everybody else waits meanwhile.

`python tests/benchmarks/slow_clients.py [CLIENTS]` starts a mock of its own and prints, before and while CLIENTS
(2,000) half-sent bodies, as many delayed answers and as many idle connections are open, how long `/__mock__/health` and
a call of the API take, and what the server needs for it.
"""

import os
import resource
import socket
import statistics
import sys
import time

from soak import KEY, Mock, call


def main(clients: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    clients = min(clients, (hard - 200) // 3)
    with Mock() as mock:
        call(mock, "POST", "/__mock__/faults", {"operation": "list_suppliers", "latency": 120})
        table("before", mock)
        head = f"Host: localhost\r\nAuthorization: Api-Key {KEY}\r\n"
        kinds = {
            "half-sent bodies": f"POST /v1/boms/ HTTP/1.1\r\n{head}Content-Length: 1000\r\n\r\n{{",
            "delayed answers": f"GET /v1/suppliers/ HTTP/1.1\r\n{head}\r\n",
            "idle connections": "",
        }
        held = []
        for kind, sent in kinds.items():
            for _ in range(clients):
                client = socket.create_connection(("127.0.0.1", mock.port))
                client.sendall(sent.encode())
                held.append(client)
            time.sleep(1)
            table(f"and {clients} {kind}", mock)
        for client in held:
            client.close()
        time.sleep(1)
        table("after", mock)


def table(when: str, mock: Mock) -> None:
    columns = []
    for path in ("/__mock__/health", "/v1/boms/?limit=3"):
        seconds = []
        for _ in range(200):
            started = time.perf_counter()
            assert call(mock, "GET", path)[0] == 200
            seconds.append((time.perf_counter() - started) * 1000)
        columns.append(f"{path} p50 {statistics.median(seconds):5.1f} ms, longest {max(seconds):6.1f} ms")
    usage = mock.usage()
    print(f"{when:28} | {' | '.join(columns)} | {usage['rss']:.0f} MB, {usage['threads']} threads", flush=True)


if __name__ == "__main__":
    os.environ.pop("MOCKSERVER_API_KEY", None)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
