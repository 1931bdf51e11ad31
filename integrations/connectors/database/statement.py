"""The SELECT that finds people by phone, from names that were checked and values that are bound."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.connectors.sql import SqlDoor
from integrations.errors import ConfigurationError
from integrations.never import is_never
from integrations.phone import Number
from integrations.profile import JSON
from integrations.sought import MAX_HITS, By, Sought

_SELECT = re.compile(r"\s*(select|with)\b", re.IGNORECASE)
# REPLACE(phone, '-', '') and its like are functions, which only read.
_WRITES = re.compile(
    r"\b(update|delete|merge|drop|alter|create|grant|call|load|handler|lock|set|set_config|attach|pragma|into"
    r"|(insert|replace|truncate)\b(?!\s*\())\b",
    re.IGNORECASE,
)
# A join gives a row for each of a person's accounts.
_ROWS_PER_PERSON = 4
_TEXT = re.compile(r"'(?:[^'\\]|''|\\.)*'|\"(?:[^\"\\]|\"\"|\\.)*\"|`[^`]*`")


def checked_query(query: str) -> None:
    """One SELECT with a bound number. Raises ConfigurationError saying what to change.

    The session is read-only all the same; this is so that a mistake shows when it is made.
    """
    bare = _TEXT.sub("''", query)
    if ";" in bare or "--" in bare or "/*" in bare or "#" in bare:
        raise ConfigurationError("query: write one statement, without ';' and without comments.")
    if not _SELECT.match(bare) or _WRITES.search(bare):
        raise ConfigurationError("query: only a SELECT can be used.")
    unknown = set(re.findall(r"(?<![:\w]):([A-Za-z_]\w*)", bare)) - {"phone", "digits", "nsn"}
    if unknown or not re.search(r":(phone|digits|nsn)\b", bare):
        raise ConfigurationError("query: compare with :phone (+14155550123), :digits (14155550123) or :nsn (4155550123).")


@dataclass(frozen=True)
class Join:
    table: str
    key: str
    columns: tuple[str, ...]


@dataclass
class Statement:
    """``choose()`` first; then ``by_phone()`` and its like give a statement and its values."""

    sql: SqlDoor
    table: str
    id_column: str
    phone_columns: Sequence[str]
    digits_columns: Sequence[str]
    join: Join | None
    columns: list[str] = field(default_factory=list)

    @property
    def number_columns(self) -> list[str]:
        return [*self.phone_columns, *self.digits_columns]

    def choose(self, existing: Mapping[str, Sequence[str]], mentioned: set[str], demanded: set[str]) -> None:
        """Which columns to read: those that the mapping mentions, the table has, and nobody forbids.

        ``demanded`` are mentioned in the organisation's own mapping. Raises ConfigurationError for a table or column
        that the configuration names and the database does not have.
        """
        there = existing[self.table]
        if not there:
            raise ConfigurationError(f"table: the database has no table {self.table!r}, or our user may not see it.")
        joined_name = {self.join.table} if self.join else set()
        self._insist(self.table, there, [self.id_column, *self.number_columns, *sorted(demanded - joined_name)])
        if self.join:
            self._insist(self.join.table, existing[self.join.table], [self.join.key, *self.join.columns])
        wanted = [self.id_column, *self.number_columns, *(name for name in there if name in mentioned)]
        self.columns = [name for name in dict.fromkeys(wanted) if not is_never(name)]

    @staticmethod
    def _insist(table: str, there: Iterable[str], names: Iterable[str]) -> None:
        known = set(there)
        for name in names:
            if name not in known:
                raise ConfigurationError(f"The table {table!r} has no column {name!r}.")

    def by_phone(self, number: Number) -> tuple[str, dict[str, Any]]:
        quoted = self.sql.quoted
        values: dict[str, Any] = {f"v{index}": variant for index, variant in enumerate(number.variants())}
        variants = ", ".join(f":{name}" for name in values)
        values |= {"digits": number.digits, "nsn": number.nsn} if self.digits_columns else {}
        places = [f"{quoted(self.table, name)} IN ({variants})" for name in self.phone_columns]
        places += [f"{quoted(self.table, name)} IN (:digits, :nsn)" for name in self.digits_columns]
        if not self.phone_columns:
            values = {name: value for name, value in values.items() if name in {"digits", "nsn"}}
        return self._select(" OR ".join(places)), values

    def by_id(self, record_id: str) -> tuple[str, dict[str, Any]]:
        return self._select(f"{self.sql.quoted(self.table, self.id_column)} = :record_id"), {"record_id": record_id}

    def by_text(self, sought: Sought, columns: Sequence[str]) -> tuple[str, dict[str, Any]] | None:
        """Those of whom every word begins one in any of the columns, or whose address it is; None without columns."""
        if not columns or not sought.words:
            return None
        if sought.by is By.EMAIL:
            places = [f"LOWER({self.sql.quoted(self.table, name)}) = :email" for name in columns]
            return self._select(" OR ".join(places), MAX_HITS * _ROWS_PER_PERSON), {"email": sought.text}
        values: dict[str, Any] = {}
        conditions = []
        # Unlike the others, PostgreSQL tells small and capital letters apart.
        compared = "ILIKE" if self.sql.url.dialect == "postgresql" else "LIKE"
        for index, word in enumerate(sought.words):
            begins = like(word, accents=self.sql.url.dialect != "mysql")
            values |= {f"b{index}": begins, f"s{index}": f"% {begins}", f"h{index}": f"%-{begins}"}
            likes = [
                f"{self.sql.quoted(self.table, name)} {compared} :{where}{index} ESCAPE '!'"
                for name in columns
                for where in "bsh"
            ]
            conditions.append(f"({' OR '.join(likes)})")
        return self._select(" AND ".join(conditions), MAX_HITS * _ROWS_PER_PERSON), values

    def _select(self, condition: str, limit: int = 0) -> str:
        quoted = self.sql.quoted
        shown = [f"{quoted(self.table, name)} AS {quoted(name)}" for name in self.columns]
        source = quoted(self.table)
        if self.join:
            shown += [
                f"{quoted(self.join.table, name)} AS {quoted(_alias(name))}" for name in self.join.columns if not is_never(name)
            ]
            source += (
                f" LEFT JOIN {quoted(self.join.table)} ON {quoted(self.join.table, self.join.key)}"
                f" = {quoted(self.table, self.id_column)}"
            )
        # Names are checked and quoted, values bound.
        return f"SELECT {', '.join(shown)} FROM {source} WHERE {condition}{f' LIMIT {limit}' if limit else ''}"  # noqa: S608

    def nested(self, row: Mapping[str, JSON]) -> dict[str, JSON]:
        """The joined table's columns under its name, so that a mapping reads ``customer_accounts.status``."""
        if not self.join:
            return dict(row)
        joined = {name: row.get(_alias(name)) for name in self.join.columns if not is_never(name)}
        return {**{name: row[name] for name in self.columns}, self.join.table: joined}


def like(word: str, *, accents: bool) -> str:
    """A pattern for texts that begin with the word. ``accents``: the database takes "é" and "e" for different letters, so
    that letters which may carry one stand for any; every row is held against the word afterwards."""
    escaped = re.sub(r"([!%_])", r"!\1", word)
    return (re.sub(r"[aceinosuyz]|[^\x00-\x7f]", "_", escaped) if accents else escaped) + "%"


def _alias(column: str) -> str:
    return f"joined_{column}"
