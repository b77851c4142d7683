"""How the asynchronous jobs of a sandbox advance."""

import dataclasses as dc

from mockserver import resources
from mockserver.admin.handles import JobsHandle
from mockserver.api import fields
from mockserver.control.clock import Number
from mockserver.control.routing import Choice, Strict
from mockserver.resources import async_jobs
from mockserver.sandbox.jobs import MODES, Jobs

resources.groups()  # loads the modules, whose workers are then known


class JobPolicy(fields.Schema):
    """When a job gets done."""

    mode = Choice(*MODES, dump_only=True)
    reads = fields.Integer(dump_only=True)
    seconds = Number(dump_only=True)
    errors = fields.Array(fields.Text(max=None, min=0), dump_only=True)


class JobPolicies(fields.Schema):
    """The policies in force."""

    default = fields.Nested(JobPolicy, dump_only=True, description="For all operations without one of their own.")
    operations = fields.Object(dump_only=True, description="The policies of single operations, by operation id.")


class JobPolicyRequest(Strict):
    mode = Choice(
        *MODES,
        required=True,
        description=(
            "`immediate`: before the call that starts it answers. `reads`: at the n-th read of its status. "
            "`time`: after `seconds` on the sandbox's clock. `manual`: when told. "
            "`fail`: at once, with `errors`."
        ),
    )
    operation = Choice(*sorted(async_jobs.WORKERS), null=True, description="The operation it is for; all when null.")
    reads = fields.Integer(1, 1000, load_default=1)
    seconds = Number(0, 1e8, load_default=0)
    errors = fields.Array(fields.Text(max=2000), max=100, load_default=list, description="Messages a job fails with.")


class JobFailRequest(Strict):
    errors = fields.Array(fields.Text(max=2000), max=100, load_default=list, description="Why it failed.")


def policies(at):
    """The policies in force."""
    jobs = at.sandbox.jobs
    return {
        "default": dc.asdict(jobs.default),
        "operations": {id: dc.asdict(policy) for id, policy in jobs.by_type.items()},
    }


def policy(at, data):
    """Set the policy of an operation, or that of all without one of their own."""
    JobsHandle(at.sandbox).policy(**data)
    return policies(at)


def clear(at):
    """All jobs at once again."""
    at.sandbox.jobs = Jobs()


def complete(at, id):
    """Do the work of a job now. The job tells whether it went well."""
    return JobsHandle(at.sandbox).complete(id)


def fail(at, id, data):
    """End a job with these messages."""
    return JobsHandle(at.sandbox).fail(id, *data["errors"])
