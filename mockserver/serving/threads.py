"""Daemon threads that run functions for a server."""

import queue
import threading
import time
from collections.abc import Callable


class Threads:
    """At most `most` threads, started on demand and kept. Use it from one thread alone."""

    def __init__(self, name: str, most: int):
        self.name, self.most = name, most
        self.active = 0
        """How many functions run or wait for a thread."""
        self._threads: list[threading.Thread] = []
        self._work: queue.SimpleQueue = queue.SimpleQueue()

    def run(self, function: Callable[[], object]) -> None:
        """Run a function as soon as a thread is free. Whoever calls this says when it is done, by `done`."""
        self.active += 1
        if self.active > len(self._threads) < self.most:
            thread = threading.Thread(target=self._loop, name=self.name, daemon=True)
            self._threads.append(thread)
            thread.start()
        self._work.put(function)

    def done(self) -> None:
        """Take note that a function has ended."""
        self.active -= 1

    def stop(self, timeout: float) -> bool:
        """End the threads. Whether all have ended within `timeout` seconds; the others go on until they are done."""
        for _ in self._threads:
            self._work.put(None)
        end = _now() + timeout
        for thread in self._threads:
            thread.join(max(0.0, end - _now()))
        return not any(thread.is_alive() for thread in self._threads)

    def _loop(self) -> None:
        while (function := self._work.get()) is not None:
            function()
            del function


def _now() -> float:
    return time.clock_gettime(time.CLOCK_MONOTONIC)  # which stays real where a test has frozen `time.monotonic`
