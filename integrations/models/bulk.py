"""Many rows in one statement, for what is written so often that the mapper would cost more than the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from django.db import connection, models


def insert(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert ``rows``, whose values stand in the order of ``columns`` and are as the database takes them already.

    One statement, because between two of them a thread waits for a busy process to let it go on. A few thousand values at
    most: SQLite takes no more than 32,766.
    """
    values = list(rows)
    if not values:
        return
    row = f"({', '.join(['%s'] * len(columns))})"
    into = f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) VALUES "  # noqa: S608 -- names of our own
    with connection.cursor() as cursor:
        cursor.execute(into + ", ".join([row] * len(values)), list(chain.from_iterable(values)))
