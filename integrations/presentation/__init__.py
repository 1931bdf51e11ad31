"""How what was disclosed is read by people."""

from __future__ import annotations
