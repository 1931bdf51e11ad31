"""The view that people get of what was disclosed."""

from __future__ import annotations
