"""The fault matrix as one table: tests note what they saw, and ``make test`` writes ``test-report/faults.md``."""

from __future__ import annotations

import json
from pathlib import Path

REPORT = Path(__file__).resolve().parents[1] / "test-report"
_NOTES = REPORT / "faults.jsonl"
HEAD = """# What happens when something fails

Each cell was seen in the last run of the suite: the status word of the failing system, and what its circuit breaker did. In
every cell the lookup ended by its deadline, the other system's fields were there, and no connection, task, secret or number was
left over.
"""


def begin() -> None:
    """Forget the last run."""
    REPORT.mkdir(exist_ok=True)
    _NOTES.write_text("", encoding="utf-8")


def note(fault: str, kind: str, seen: str) -> None:
    """Note what a test saw of a fault, once everything that it asserts has held."""
    REPORT.mkdir(exist_ok=True)
    with _NOTES.open("a", encoding="utf-8") as notes:
        notes.write(json.dumps([fault, kind, seen]) + "\n")


def write_table() -> None:
    """``test-report/faults.md`` from what was noted."""
    if not _NOTES.exists():
        return
    cells = {(fault, kind): seen for fault, kind, seen in map(json.loads, _NOTES.read_text(encoding="utf-8").splitlines())}
    faults = sorted({fault for fault, _kind in cells}, key=lambda fault: (fault.startswith("its own"), fault))
    kinds = sorted({kind for _fault, kind in cells}, key=lambda kind: (kind == "the portal", kind))
    lines = [["fault", *kinds], ["---"] * (len(kinds) + 1)]
    lines += [[fault, *(cells.get((fault, kind), "–") for kind in kinds)] for fault in faults]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    (REPORT / "faults.md").write_text(f"{HEAD}\n{table}\n", encoding="utf-8")
