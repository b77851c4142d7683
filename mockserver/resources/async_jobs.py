"""Asynchronous jobs: started by other operations, done when the sandbox's policy says."""

import datetime as dt

from mockserver.api import fields
from mockserver.api.problems import Conflict, Problem
from mockserver.api.resource import Record, Resource
from mockserver.api.scope import Scope
from mockserver.sandbox.clock import moment, stamp

IMMEDIATE, READS, TIME, MANUAL, FAIL = MODES = ("immediate", "reads", "time", "manual", "fail")
DEFAULT = "default"  # the id of the policy of operations that have none of their own
AT_ONCE = {"id": DEFAULT, "operation": None, "mode": IMMEDIATE, "reads": 1, "seconds": 0, "errors": []}

PENDING, IN_PROGRESS, COMPLETE, FAILED = STATUSES = ("pending", "in_progress", "complete", "failed")


class Progress(fields.Schema):
    done = fields.Integer(description="How many items are done.")
    total = fields.Integer(description="How many items there are.")


class JobError(fields.Schema):
    detail = fields.Text(max=None, min=0, description="What went wrong.")


class AsyncJob(Record):
    """Work that goes on after the call that asked for it was answered."""

    type = fields.Text(dump_only=True, description="The id of the operation that started it.")
    status = fields.Choice(*STATUSES, dump_only=True, dump_default=PENDING, description="How far it is.")
    progress = fields.Nested(Progress, dump_only=True)
    result = fields.Object(dump_only=True, null=True, dump_default=None, description="What came of it, once complete.")
    errors = fields.Array(fields.Nested(JobError), dump_only=True, description="Why it failed.")
    started_at = fields.Timestamp(dump_only=True, null=True, description="When work on it began.")
    finished_at = fields.Timestamp(dump_only=True, null=True, description="When it was complete or had failed.")


async_jobs = Resource(
    "async_job",
    AsyncJob,
    hidden={
        "arguments": fields.Any(null=True),
        "key_id": fields.Id(null=True),
        "due_at": fields.Timestamp(null=True),
        "reads": fields.Integer(),
    },
    indexes={"status": lambda job: (job["status"],)},
)
WORKERS = {}


def worker(type: str):
    """The decorated `function(scope, arguments)` does the work of jobs of this type and answers their result."""

    def register(function):
        WORKERS[type] = function
        return function

    return register


def start(scope, type: str, arguments, total: int = 1) -> dict:
    """A new job; done already when the policy is to do jobs at once."""
    how = policy(scope.sandbox.store, type)
    due_at = None
    if how["mode"] == TIME:
        due_at = stamp(moment(scope.now) + dt.timedelta(seconds=how["seconds"]))
    job = async_jobs.add(
        scope,
        {
            "type": type,
            "progress": {"done": 0, "total": total},
            "arguments": arguments,
            "key_id": scope.key["id"],
            "due_at": due_at,
            "reads": 0,
        },
    )
    if how["mode"] == IMMEDIATE:
        return complete(scope.sandbox, job, scope)
    if how["mode"] == FAIL:
        return fail(scope.sandbox, job, how["errors"] or ("The job failed.",))
    return job


def policy(store, type: str | None) -> dict:
    """The record of how jobs of this type advance, or those of all types that have no policy of their own."""
    policies = store["mock_job_policy"]
    return policies.get(type) or policies.get(DEFAULT) or AT_ONCE


def complete(sandbox, job: dict, scope: Scope | None = None, now: str | None = None) -> dict:
    """Do the work of a job, now or as at the moment `now`. Work that is refused leaves no trace, and the job failed.

    What it was asked to do is checked again: much may have gone since. A job that a fixture describes has no work to
    do: its result is the one described.
    """
    at = now or sandbox.clock.stamp()
    try:
        with sandbox.transaction():
            if job["arguments"] is None:
                result = job["result"] or {}
            else:
                scope = scope or _scope_of(sandbox, job, at)
                token = fields.current_scope.set(scope)
                try:
                    result = WORKERS[job["type"]](scope, job["arguments"])
                finally:
                    fields.current_scope.reset(token)
    except Problem as problem:
        return fail(sandbox, job, [problem.sentence], at)
    return sandbox.store.replace(
        "async_job",
        {
            **job,
            "status": COMPLETE,
            "result": result,
            "progress": {**job["progress"], "done": job["progress"]["total"]},
            "started_at": job["started_at"] or at,
            "finished_at": at,
            "updated_at": at,
        },
    )


def fail(sandbox, job: dict, errors, now: str | None = None) -> dict:
    """End a job with these error messages."""
    now = now or sandbox.clock.stamp()
    return sandbox.store.replace(
        "async_job",
        {
            **job,
            "status": FAILED,
            "errors": [{"detail": str(error)} for error in errors],
            "started_at": job["started_at"] or now,
            "finished_at": now,
            "updated_at": now,
        },
    )


def waiting(store) -> bool:
    """Whether there is a job that is not over."""
    table = store["async_job"]
    return bool(table.bucket("status", PENDING) or table.bucket("status", IN_PROGRESS))


def next_due(sandbox) -> dt.datetime | None:
    """The moment at which the next job is to be done; None when none waits for its time."""
    return min((moment(job["due_at"]) for job in _unfinished(sandbox.store) if job["due_at"]), default=None)


def run_due(sandbox) -> None:
    """Do the jobs whose time has come on the sandbox's clock, each as at its time and in the order of these."""
    now = sandbox.clock.now()
    due = [job for job in _unfinished(sandbox.store) if job["due_at"] and moment(job["due_at"]) <= now]
    for job in sorted(due, key=lambda job: moment(job["due_at"])):
        complete(sandbox, job, now=job["due_at"])


def _unfinished(store) -> list[dict]:
    table = store["async_job"]
    return [job for status in (PENDING, IN_PROGRESS) for job in table.where("status", status)]


@async_jobs.seed
def seed(world, values):
    return {
        "arguments": None,
        "key_id": None,
        "due_at": None,
        "reads": 0,
        "progress": {"done": 0, "total": 1},
        **values,
    }


@async_jobs.operation("get_async_job", returns=async_jobs)
def retrieve(scope, job):
    """How far a job is. Under the policy `reads`, being asked is what moves it on."""
    how = policy(scope.sandbox.store, job["type"])
    if job["status"] not in (PENDING, IN_PROGRESS) or how["mode"] != READS:
        return job
    job = {**job, "reads": job["reads"] + 1, "status": IN_PROGRESS, "started_at": job["started_at"] or scope.now}
    return (
        complete(scope.sandbox, job) if job["reads"] >= how["reads"] else scope.sandbox.store.replace("async_job", job)
    )


def _scope_of(sandbox, job, now):
    """The scope of a job's work: that of its key, in its organisation, at this moment."""
    from mockserver import resources

    key = sandbox.store["api_key"].get(job["key_id"])
    if key is None:
        raise Conflict("The API key that started this job has been deleted.")
    scope = Scope(sandbox, key, resources.by_kind())
    scope.now = now
    scope.enter(job)
    return scope
