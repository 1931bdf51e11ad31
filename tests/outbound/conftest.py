"""The SQL door is tried through the one kind that uses it, at the same databases."""

from __future__ import annotations

from tests.connectors.database.conftest import database, server, sqlite

__all__ = ["database", "server", "sqlite"]
