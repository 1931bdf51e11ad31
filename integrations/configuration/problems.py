"""What is wrong in a configuration file, and where it stands there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Where = tuple[str | int, ...]  # ("organization", 0, "connector", 2, "timeout_ms")


@dataclass(frozen=True, order=True)
class Problem:
    """Something in the file that has to change. ``sentence`` says what to change and never holds a secret."""

    line: int
    path: str
    sentence: str

    def text(self, file: str) -> str:
        place = f"{self.path}: " if self.path else ""
        return f"{file}:{self.line}: {place}{self.sentence}"


class Problems(Exception):
    """The file cannot be used; every problem found in it, in the order of its lines."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(f"{len(problems)} problem(s)")
        self.problems = sorted(set(problems))


@dataclass(frozen=True)
class Source:
    """The content of a file and where it stands.

    ``named_by``: section → the key by which its tables are named to people.
    """

    data: Mapping[str, Any]
    lines: Mapping[Where, int]
    named_by: Mapping[str, str]

    def problem(self, where: Where, sentence: str) -> Problem:
        return Problem(self.line_of(where), self.path(where), sentence)

    def line_of(self, where: Where) -> int:
        """The key's line; else that of the nearest table or key around it; else the first."""
        for length in range(len(where), 0, -1):
            if line := self.lines.get(where[:length]):
                return line
        return 1

    def path(self, where: Where) -> str:
        """``organization[riverside].connector[crm].timeout_ms``; entries without a name by their position from 1."""
        text, here, section = "", self.data, ""
        for part in where:
            here = _child(here, part)
            if isinstance(part, int):
                text += f"[{self._name(here, section) or part + 1}]"
            else:
                section = part
                text += f".{part}" if text else part
        return text

    def _name(self, table: Any, section: str) -> str:
        name = table.get(self.named_by.get(section)) if isinstance(table, dict) else None
        return name if isinstance(name, str) and name.isprintable() else ""


def _child(here: Any, part: str | int) -> Any:
    if isinstance(here, dict):
        return here.get(part)
    if isinstance(here, list) and isinstance(part, int) and part < len(here):
        return here[part]
    return None
