"""Read-only PostgreSQL queries over in-memory records."""

from .database import Column, Database, Result, Table
from .values import QueryError

__all__ = ["Column", "Database", "QueryError", "Result", "Table"]
