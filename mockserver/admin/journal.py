"""The journal of a sandbox: what was called and what was answered, the latest calls."""

import typing as t
from collections.abc import Iterable, Iterator

from mockserver.admin.errors import Unknown
from mockserver.admin.scope import Capability
from mockserver.api.operation import Operation
from mockserver.sandbox import Sandbox
from mockserver.sandbox.clock import wall
from mockserver.sandbox.journal import Entry

LOOK = 0.1  # seconds between looks for calls that other processes answered


class Journal(Capability):
    """The latest calls of a sandbox and their answers, oldest first: iterate, `journal[-1]`, or `find`."""

    def __init__(self, sandbox: Sandbox, operations: Iterable[Operation]):
        super().__init__(sandbox)
        self._operations = operations

    @property
    def _calls(self):
        """The journal, with what other processes wrote to it."""
        log = self.sandbox.log
        if log is not None and log.shared:
            log.catch_up_journal()
        return self.sandbox.journal

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._calls)

    def __len__(self) -> int:
        return len(self._calls)

    @t.overload
    def __getitem__(self, index: int) -> Entry: ...
    @t.overload
    def __getitem__(self, index: slice) -> list[Entry]: ...
    def __getitem__(self, index):
        return list(self)[index]

    @property
    def total(self) -> int:
        """How many calls there were since it was cleared, those that are not kept included."""
        return self._calls.total

    def find(
        self,
        operation: str | None = None,
        method: str | None = None,
        path: str | None = None,
        status: int | None = None,
        refused: bool | None = None,
    ) -> list[Entry]:
        """Return the calls that fit all that is given; `refused` true for those some step refused.

        Raises Unknown for an operation there is not.
        """
        if operation is not None and operation not in {one.id for one in self._operations}:
            raise Unknown(f"There is no operation {operation!r}. `mockserver operations` lists all of them.")
        return self._calls.find(operation, method, path, status, refused)

    def clear(self) -> None:
        """Forget all calls. The next ones are numbered on."""
        if self.sandbox.log is not None:
            self.sandbox.log.clear_journal()
        else:
            self.sandbox.journal.clear()

    def after(self, id: int, timeout: float) -> list[Entry]:
        """Return the calls later than the one with this id, waiting up to `timeout` seconds for the first."""
        log = self.sandbox.log
        if log is None or not log.shared:
            return self.sandbox.journal.after(id, timeout)
        until = wall() + timeout
        while not (found := self._calls.after(id, LOOK)) and wall() < until:
            pass
        return found
