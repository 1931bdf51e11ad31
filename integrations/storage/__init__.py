"""The ways to what the portal keeps: encrypted columns, the database from a loop, many rows at once, Redis."""

from __future__ import annotations
