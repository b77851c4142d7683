"""How asynchronous jobs advance: a policy for each kind of job, chosen by the test, not by the clock on the wall."""

import dataclasses as dc

IMMEDIATE, READS, TIME, MANUAL, FAIL = MODES = ("immediate", "reads", "time", "manual", "fail")


@dc.dataclass(frozen=True)
class JobPolicy:
    """When a job gets done.

    `immediate`: before the call that started it answers. `reads`: at the n-th read of its status.
    `time`: after `seconds` on the sandbox's clock. `manual`: when told. `fail`: at once, with `errors`.
    """

    mode: str = IMMEDIATE
    reads: int = 1
    seconds: float = 0.0
    errors: tuple = ()

    def __post_init__(self):
        if self.mode not in MODES:
            raise ValueError(f"A job policy is one of {', '.join(MODES)}, not {self.mode!r}.")
        if self.reads < 1 or not 0 <= self.seconds <= 1e8:
            raise ValueError(
                f"A job is done after at least 1 read and 0 to 100000000 seconds, not {self.reads} and {self.seconds}."
            )


class Jobs:
    """The policies in force: `default`, and those for single operations by id."""

    def __init__(self, default: JobPolicy | None = None, by_type: dict[str, JobPolicy] | None = None):
        self.default, self.by_type = default or JobPolicy(), dict(by_type or {})

    def policy(self, type: str) -> JobPolicy:
        return self.by_type.get(type, self.default)

    def copy(self) -> "Jobs":
        return Jobs(self.default, self.by_type)
