"""How the asynchronous jobs of a sandbox advance: policies, and single jobs moved by hand."""

import dataclasses as dc
from collections.abc import Sequence

from mockserver import resources
from mockserver.admin.errors import Refused, Unknown
from mockserver.admin.schema import Number, Strict, load
from mockserver.admin.scope import Capability, admin_scope
from mockserver.admin.webhooks import Webhooks, publish
from mockserver.api import fields
from mockserver.resources import async_jobs
from mockserver.sandbox import Sandbox

resources.groups()  # loads the modules, whose workers are then known


class JobPolicyRequest(Strict):
    mode = fields.Choice(
        *async_jobs.MODES,
        required=True,
        description=(
            "`immediate`: before the call that starts it answers. `reads`: at the n-th read of its status. "
            "`time`: after `seconds` on the sandbox's clock. `manual`: when told. "
            "`fail`: at once, with `errors`."
        ),
    )
    operation = fields.Choice(
        *sorted(async_jobs.WORKERS), null=True, description="The operation it is for; all when null."
    )
    reads = fields.Integer(1, 1000, load_default=1)
    seconds = Number(0, 1e8, load_default=0)
    errors = fields.Array(fields.Text(max=2000), max=100, load_default=list, description="Messages a job fails with.")


class JobPolicyState(JobPolicyRequest):
    """A policy as it is stored, under the operation's id or `default`."""

    id = fields.Choice(*sorted(async_jobs.WORKERS), async_jobs.DEFAULT, required=True)


@dc.dataclass(frozen=True)
class JobPolicy:
    """When a job gets done.

    `immediate`: before the call that started it answers. `reads`: at the n-th read of its status.
    `time`: after `seconds` on the sandbox's clock. `manual`: when told. `fail`: at once, with `errors`.
    """

    mode: str = async_jobs.IMMEDIATE
    reads: int = 1
    seconds: float = 0.0
    errors: tuple[str, ...] = ()


class Jobs(Capability):
    """How jobs advance, for all of them or by operation; and single ones, done by hand."""

    def policy(
        self,
        mode: str,
        *,
        operation: str | None = None,
        reads: int = 1,
        seconds: float = 0.0,
        errors: Sequence[str] = (),
    ) -> JobPolicy:
        """Set the policy of an operation, or that of all which have none of their own; see `JobPolicy`.

        Raises Unknown for an operation that starts no jobs, Refused for a policy that makes no sense.
        """
        if operation is not None and operation not in async_jobs.WORKERS:
            raise Unknown(f"{operation!r} starts no jobs. {', '.join(sorted(async_jobs.WORKERS))} do.")
        given = {"mode": mode, "operation": operation, "reads": reads, "seconds": seconds, "errors": list(errors)}
        policy = load(JobPolicyRequest(), given, "This job policy makes no sense")
        with self.sandbox.lock:
            record = {**policy, "id": operation or async_jobs.DEFAULT}
            return _policy(self.sandbox.store.put("mock_job_policy", record))

    @property
    def default(self) -> JobPolicy:
        """The policy of operations that have none of their own."""
        return _policy(async_jobs.policy(self.sandbox.store, None))

    @property
    def by_operation(self) -> dict[str, JobPolicy]:
        """The policies of single operations."""
        records = self.sandbox.store["mock_job_policy"]
        return {record["operation"]: _policy(record) for record in records if record["operation"] is not None}

    def clear(self) -> None:
        """Let all jobs be done at once again."""
        with self.sandbox.lock, self.sandbox.transaction():
            for record in list(self.sandbox.store["mock_job_policy"]):
                self.sandbox.store.delete("mock_job_policy", record["id"])

    def complete(self, id: str) -> dict:
        """Do the work of a job now, and return the job. Raises Unknown, or Refused when it is over."""
        return self._end(id, lambda job: async_jobs.complete(self.sandbox, job))

    def fail(self, id: str, *errors: str) -> dict:
        """End a job with these messages, and return it. Raises Unknown, or Refused when it is over."""
        return self._end(id, lambda job: async_jobs.fail(self.sandbox, job, errors or ("The job failed.",)))

    def _end(self, id, action):
        with self.sandbox.lock:
            job = self.sandbox.store["async_job"].get(id)
            if job is None:
                raise Unknown(f"There is no job {id}.")
            if job["status"] in (async_jobs.COMPLETE, async_jobs.FAILED):
                raise Refused(f"Job {id} is {job['status']} already.")
            with self.sandbox.transaction() as commit:
                ended = action(job)
                scope = admin_scope(self.sandbox)
                publish(scope, commit)
                ended = async_jobs.async_jobs.present(scope, ended)
        Webhooks(self.sandbox).send_due()
        return ended


def run_due_jobs(sandbox: Sandbox) -> None:
    """Do the jobs whose time has come, and tell the webhooks. The caller holds the sandbox's lock."""
    if not async_jobs.waiting(sandbox.store):
        return
    with sandbox.transaction() as commit:
        async_jobs.run_due(sandbox)
        if commit.changes:
            publish(admin_scope(sandbox), commit)


def _policy(record) -> JobPolicy:
    return JobPolicy(record["mode"], record["reads"], record["seconds"], tuple(record["errors"]))
