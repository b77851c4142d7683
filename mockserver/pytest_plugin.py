"""The pytest plugin: the fixture `cofactr_mock`.

Every pytest run of everyone who has the package installed imports this module, so it imports pytest
alone; the mock itself comes in with the first test that uses it.
"""
import pytest


@pytest.fixture
def cofactr_mock():
    """A fresh default sandbox that answers for https://flagship-api.cofactr.com during the test.

    `.url` is that address, `.api_key` a key that works, `.sandbox` the state behind it.
    """
    from mockserver.mock import Mock

    with Mock() as mock:
        yield mock
