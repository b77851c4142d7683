"""How the asynchronous jobs of a sandbox advance."""

import dataclasses as dc

from mockserver.admin.jobs import JobPolicyRequest, Jobs
from mockserver.admin.schema import Number, Strict
from mockserver.api import fields
from mockserver.resources.async_jobs import MODES

__all__ = ["JobPolicyRequest"]


class JobPolicy(fields.Schema):
    """When a job gets done."""

    mode = fields.Choice(*MODES, dump_only=True)
    reads = fields.Integer(dump_only=True)
    seconds = Number(dump_only=True)
    errors = fields.Array(fields.Text(max=None, min=0), dump_only=True)


class JobPolicies(fields.Schema):
    """The policies in force."""

    default = fields.Nested(JobPolicy, dump_only=True, description="For all operations without one of their own.")
    operations = fields.Object(dump_only=True, description="The policies of single operations, by operation id.")


class JobFailRequest(Strict):
    errors = fields.Array(fields.Text(max=2000), max=100, load_default=list, description="Why it failed.")


def policies(at):
    """The policies in force."""
    jobs = Jobs(at.sandbox)
    return {
        "default": dc.asdict(jobs.default),
        "operations": {id: dc.asdict(policy) for id, policy in jobs.by_operation.items()},
    }


def policy(at, data):
    """Set the policy of an operation, or that of all without one of their own."""
    Jobs(at.sandbox).policy(**data)
    return policies(at)


def clear(at):
    """All jobs at once again."""
    Jobs(at.sandbox).clear()


def complete(at, id):
    """Do the work of a job now. The job tells whether it went well."""
    return Jobs(at.sandbox).complete(id)


def fail(at, id, data):
    """End a job with these messages."""
    return Jobs(at.sandbox).fail(id, *data["errors"])
