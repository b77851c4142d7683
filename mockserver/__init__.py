"""A stateful mock and contract-test server of the Cofactr Platform API."""
__version__ = "0.1.0"
