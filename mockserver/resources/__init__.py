"""One module for each documented group: its schemas, its rules, its fakes.

They are found here; nothing else lists them.
"""

import functools
import importlib
import pkgutil
from pathlib import Path

from mockserver.api.operation import Operation, bind, load_operations
from mockserver.api.resource import Group, Resource, register


@functools.cache
def groups() -> list[Group]:
    """All groups of operations, module by module in alphabetical order."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    return list(
        {id(value): value for module in modules for value in vars(module).values() if isinstance(value, Group)}.values()
    )


@functools.cache
def by_kind() -> dict[str, Resource]:
    """The resources by the kind of their records."""
    return register({group.kind: group for group in groups() if isinstance(group, Resource)})


def operations(*corrections: str | Path) -> list[Operation]:
    """Return the documented operations with their handlers.

    `corrections` are files that replace verbs and paths; see `load_operations`.
    """
    return bind(load_operations(*corrections), groups())
