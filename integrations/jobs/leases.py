"""Claims on stored rows: one of many runners gets a row, by compare-and-set, and another when that one is taken for dead.

A row is somebody's from the moment that stands in a column of it. Whoever takes it has to bear that somebody who was taken
for dead is alive and does the same.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Model, Q, QuerySet


def unclaimed[Row: Model](rows: QuerySet[Row], column: str, now: datetime, lease: timedelta | None = None) -> QuerySet[Row]:
    """Rows that are nobody's: ``column`` is empty, or as long ago as ``lease``. Without a ``lease`` a claim does not end."""
    nobodys = Q(**{column: None})
    return rows.filter(nobodys | Q(**{f"{column}__lte": now - lease}) if lease else nobodys)


def claim(rows: QuerySet[Any], column: str, now: datetime, lease: timedelta | None = None, **changes: Any) -> bool:
    """Whether the one row that is in ``rows`` is now the caller's, with these further ``changes``; of many, one is told so."""
    return bool(unclaimed(rows, column, now, lease).update(**{column: now, **changes}))
