"""``manage.py purge_expired [--dry-run]``: retention now, as a table. A runner does the same once an hour."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from integrations.jobs.retention import Expired, expired, purge
from integrations.lists import abandoned, remove_abandoned
from integrations.management.base import PortalCommand

_HEAD = ("what", "organisation", "kept for")


class Command(PortalCommand):
    help = "Delete what is past its time, and say how much of what. Safe while the portal runs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be deleted, and delete nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        now, dry = timezone.now(), options["dry_run"]
        counted = ((kind, kind.rows.count()) for kind in expired(now)) if dry else purge(now)
        rows = [_row(*one) for one in counted]
        lists = sum(rows.count() for rows in abandoned()) if dry else remove_abandoned()
        rows.append(("lists broken off", "", "1 hour", str(lists), ""))
        for line in _table([(*_HEAD, "would delete" if dry else "deleted", ""), *rows]):
            self.stdout.write(line)


def _row(kind: Expired, number: int) -> tuple[str, ...]:
    if kind.kept_because:
        return kind.what, kind.whose, kind.term, "0", f"{number} {kind.kept_because}" if number else ""
    return kind.what, kind.whose, kind.term, str(number), ""


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
