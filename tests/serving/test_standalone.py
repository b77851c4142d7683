"""The standalone server, run as its users run it: in a process of its own."""

import http.client
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mockserver.serving.standalone import CannotListen, serve

REPOSITORY = Path(__file__).resolve().parents[2]

# /sleep takes half a minute, /cut promises more than it sends, everything else counts the body it was sent.
PROGRAM = """
import os, sys, time
from mockserver.serving.standalone import serve


def app(environ, start_response):
    if environ["PATH_INFO"] == "/sleep":
        print("sleeping", flush=True)
        time.sleep(30)
    if environ["PATH_INFO"] == "/cut":
        start_response("200 OK", [("Content-Length", "100")])
        return [b"0123456789"]
    if environ["PATH_INFO"] == "/refuse":
        start_response("413 Content Too Large", [])
        return [b"too large"]
    size = len(environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {size}".encode()]

status = serve(lambda: app, port=0, on_ready=lambda url: print("ready", url, flush=True))
print("stopped", flush=True)
sys.exit(status)
"""


class Server:
    """A running PROGRAM, with clients that are closed together with it."""

    def __init__(self):
        self.connections = []
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        ready, _, url = self.process.stdout.readline().strip().partition(" ")
        assert ready == "ready", self.process.communicate(timeout=10)
        self.port = int(url.removeprefix("http://127.0.0.1:"))
        return self

    def __exit__(self, *exception):
        for connection in self.connections:
            connection.close()
        self.process.kill()
        self.process.communicate()

    def connect(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        self.connections.append(connection)
        return connection

    def get(self, path="/"):
        connection = self.connect()
        connection.request("GET", path)
        return connection.getresponse().read().decode()

    def stop(self, signum):
        """Exit status, what was printed after the ready line, and what was complained about."""
        self.process.send_signal(signum)
        out, err = self.process.communicate(timeout=10)
        return self.process.returncode, out, err


@pytest.fixture
def server():
    with Server() as server:
        yield server


def test_the_ready_line_names_the_free_port_that_port_0_took(server):
    assert server.port > 0
    assert server.get() == f"{server.process.pid} 0"


def test_the_app_runs_in_the_process_that_was_started_so_killing_it_leaves_nothing_behind(server):
    assert server.get().split()[0] == str(server.process.pid)
    server.process.kill()
    server.process.wait(timeout=10)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=5)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_cleanly_although_a_connection_is_kept_open(server, signum):
    connection = server.connect()
    connection.request("GET", "/")
    connection.getresponse().read()
    assert server.stop(signum) == (0, "stopped\n", "")


def test_a_signal_ends_it_although_an_answer_is_still_to_come(server):
    waiting = server.connect()
    waiting.request("GET", "/sleep")
    assert server.process.stdout.readline() == "sleeping\n"
    started = time.monotonic()
    assert server.stop(signal.SIGTERM) == (0, "stopped\n", "")
    assert time.monotonic() - started < 1


def test_a_second_interrupt_ends_it_as_cleanly_and_says_that_it_was_impatient(server):
    waiting = server.connect()
    waiting.request("GET", "/sleep")
    assert server.process.stdout.readline() == "sleeping\n"
    server.process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    assert server.stop(signal.SIGINT) == (130, "stopped\n", "")


def test_slow_answers_hold_up_no_other_client(server):
    for _ in range(8):
        waiting = server.connect()
        waiting.request("GET", "/sleep")
        assert server.process.stdout.readline() == "sleeping\n"
    assert server.get() == f"{server.process.pid} 0"


def test_a_chunked_body_arrives_whole_and_the_connection_serves_the_next_request(server):
    connection = server.connect()
    for chunks in ([b"x" * 70_000] * 3, [b"y"]):
        connection.request("POST", "/", body=iter(chunks), encode_chunked=True)
        size = sum(map(len, chunks))
        assert connection.getresponse().read().decode() == f"{server.process.pid} {size}"


def test_the_app_may_refuse_a_body_without_reading_it(server):
    connection = server.connect()
    connection.request("POST", "/refuse", body=b"x" * 200_000)
    assert connection.getresponse().status == 413


def test_an_answer_shorter_than_it_promised_is_cut_off_rather_than_left_hanging(server):
    connection = server.connect()
    connection.request("GET", "/cut")
    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()


def test_a_taken_port_is_said_before_the_app_is_built():
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(CannotListen) as refused:
            serve(pytest.fail, port=port)
    assert str(refused.value) == (
        f"127.0.0.1:{port} is taken by another process; stop it, or choose another with --port (0 = any free one)."
    )


def test_a_second_server_does_not_share_the_port_of_the_first(server):
    with pytest.raises(CannotListen, match="taken by another process"):
        serve(pytest.fail, port=server.port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "not an address"])
def test_an_address_that_is_not_ours_is_refused(host):
    with pytest.raises(CannotListen, match="is not an address of this machine; choose another with --host"):
        serve(pytest.fail, host=host, port=0)


def test_servers_run_side_by_side():
    with Server() as one, Server() as other:
        assert one.port != other.port
        assert one.get() == f"{one.process.pid} 0"
        assert other.get() == f"{other.process.pid} 0"
