"""A stateful mock and contract-test server of the Cofactr Platform API.

with mockserver.Mock() as mock:
    requests.get(f"{mock.url}/v1/boms/", headers={"Authorization": f"Api-Key {mock.api_key}"})
"""

import typing as _t

__version__ = "0.1.0"
__all__ = ["ContractViolation", "ContractWarning", "Mock", "UndocumentedKeyWarning"]

if _t.TYPE_CHECKING:
    from mockserver.mock import Mock
    from mockserver.verification import ContractViolation, ContractWarning, UndocumentedKeyWarning


def __getattr__(name):
    # Every pytest run of an environment imports this package; only those who use the mock should wait for it.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "Mock":
        from mockserver import mock as module
    else:
        from mockserver import verification as module
    return getattr(module, name)
