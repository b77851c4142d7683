"""The faults of a sandbox: which calls go wrong, and how."""

import dataclasses as dc

from mockserver.admin import faults
from mockserver.admin.faults import FaultRequest, FaultSchema

__all__ = ["FaultRequest", "FaultSchema"]


def list(at):
    """The rules."""
    return [dc.asdict(fault) for fault in of(at)]


def add(at, data):
    """A new rule."""
    return dc.asdict(of(at).add(**data))


def clear(at):
    """Remove all rules."""
    of(at).clear()


def remove(at, fault_id):
    """Remove a rule."""
    of(at).remove(fault_id)


def of(at) -> faults.Faults:
    return faults.Faults(at.sandbox, at.app.operations)
