"""The configuration file: read and check it, compare it with what is stored, apply it, and write it out again."""

from __future__ import annotations

from integrations.configuration.apply import Applied, apply
from integrations.configuration.check import Checked, check
from integrations.configuration.difference import differences
from integrations.configuration.export import export
from integrations.configuration.problems import Problems
from integrations.configuration.source import read_source

__all__ = [
    "Applied",
    "Checked",
    "Problems",
    "apply",
    "check",
    "differences",
    "export",
    "read_source",
]
