"""What happens in the sandboxes of a server without anybody calling: jobs and webhooks that fall due."""

import logging
import threading

from mockserver.admin.jobs import run_due_jobs
from mockserver.admin.webhooks import Webhooks
from mockserver.resources import async_jobs
from mockserver.sandbox.registry import Sandboxes

STEP = 0.05  # seconds between looks while something is to be told or done
IDLE_STEP = 0.5  # and otherwise
SENDERS = 8  # sandboxes that send at a time: one slow receiver holds up its own sandbox alone

_log = logging.getLogger(__name__)


class Ticker:
    """A thread that looks after sandboxes:

    `with Ticker(app.sandboxes): …`. Idle sandboxes are dropped by it too.
    """

    def __init__(self, sandboxes: Sandboxes):
        self.sandboxes = sandboxes
        self._sending: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cofactr-mock-ticker", daemon=True)

    def __enter__(self) -> "Ticker":
        self._thread.start()
        return self

    def __exit__(self, *exc_info) -> None:
        self._stop.set()
        self._thread.join(1)  # it may wait for a sandbox that a call holds

    def _run(self):
        step = STEP
        while not self._stop.wait(step):
            self.sandboxes.drop_idle()
            busy = False
            for sandbox in self.sandboxes:
                try:
                    busy |= self._look_after(sandbox)
                except Exception:  # one sandbox's trouble is not that of the others
                    _log.exception("Sandbox %s could not be looked after.", sandbox.name)
            step = STEP if busy else IDLE_STEP

    def _look_after(self, sandbox) -> bool:
        """Do and send what is due; whether something may fall due soon."""
        waiting, webhooks = async_jobs.waiting(sandbox.store), Webhooks(sandbox)
        if waiting or (sandbox.log is not None and sandbox.log.shared):
            sandbox.attempt(lambda: run_due_jobs(sandbox))
        if webhooks.due and sandbox.id not in self._sending and len(self._sending) < SENDERS:
            self._sending.add(sandbox.id)
            threading.Thread(target=self._send, args=(sandbox,), name="cofactr-mock-webhooks", daemon=True).start()
        return waiting or bool(len(sandbox.store["mock_subscription"])) or webhooks.pending

    def _send(self, sandbox):
        try:
            Webhooks(sandbox).send_due()
        finally:
            self._sending.discard(sandbox.id)
