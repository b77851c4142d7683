"""Statuses: from which to which a record may move."""

from mockserver.api.problems import Conflict
from mockserver.api.resource import changed


class Transitions:
    """The moves open to records that people call `label`, as pairs of statuses. Staying is no move."""

    def __init__(self, *pairs: tuple[str, str], label: str):
        self.label = label
        self.open: dict[str, list[str]] = {}
        for before, after in pairs:
            self.open.setdefault(before, []).append(after)

    def check(self, before: str, after: str) -> None:
        """Conflict, naming the moves that are open, when a record that is `before` may not become `after`."""
        moves = self.open.get(before, [])
        if after == before or after in moves:
            return
        rest = f"it can become {' or '.join(moves)}" if moves else "that is final"
        raise Conflict(f"This {self.label} is {before} and cannot become {after}: {rest}.")

    def keep(self, before: dict, after: dict) -> None:
        """Conflict when a record moves to where it may not, or changes although its status is final."""
        self.check(before["status"], after["status"])
        if before["status"] not in self.open and (names := changed(before, after)):
            raise Conflict(
                f"This {self.label} is {before['status']}, which is final: its {', '.join(names)} cannot change."
            )
