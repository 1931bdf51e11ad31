"""Many rows in one statement, for what is written so often that the mapper would cost more than the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from django.db import connection, models


def insert(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert ``rows``, whose values stand in the order of ``columns`` and are as the database takes them already.

    One statement, because between two of them a thread waits for a busy process to let it go on. A few thousand values at
    most: SQLite takes no more than 32,766.
    """
    if values := list(rows):
        with connection.cursor() as cursor:
            cursor.execute(_into(model, columns, len(values)), list(chain.from_iterable(values)))


def upsert(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    unique: Sequence[str],
    update: Mapping[str, str],
    returning: Sequence[str] = ("id",),
) -> list[tuple[Any, ...]]:
    """Insert as ``insert()`` does, but for rows that are there already by the columns ``unique``: of those, ``update`` says
    which columns become what. A column's own name is its value before, ``{new[NAME]}`` the one to be inserted.

    Waits for no lock but SQLite's own: a row that another transaction holds is an OperationalError. Returns the columns
    ``returning`` of all the rows, in no order.
    """
    values = list(rows)
    if not values:
        return []
    maria = connection.vendor == "mysql"
    new = {name: f"VALUES({_quoted([name])})" if maria else f"excluded.{_quoted([name])}" for name in columns}
    # MariaDB looks at the columns from left to right, as changed so far.
    changes = ", ".join(f"{_quoted([name])} = {value.format(new=new)}" for name, value in update.items())
    at_once = "SET STATEMENT innodb_lock_wait_timeout=0, lock_wait_timeout=0 FOR " if maria else ""
    otherwise = "ON DUPLICATE KEY UPDATE" if maria else f"ON CONFLICT ({_quoted(unique)}) DO UPDATE SET"
    into = _into(model, columns, len(values))
    with connection.cursor() as cursor:
        statement = f"{at_once}{into} {otherwise} {changes} RETURNING {_quoted(returning)}"
        cursor.execute(statement, list(chain.from_iterable(values)))
        return list(cursor.fetchall())


def _into(model: type[models.Model], columns: Sequence[str], count: int) -> str:
    row = f"({', '.join(['%s'] * len(columns))})"
    # Names of our own.
    return f"INSERT INTO {model._meta.db_table} ({_quoted(columns)}) VALUES {', '.join([row] * count)}"  # noqa: S608


def _quoted(columns: Iterable[str]) -> str:
    return ", ".join(connection.ops.quote_name(name) for name in columns)
