"""The SELECT that finds people by phone, from names that were checked and values that are bound."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.connectors.database.options import DatabaseOptions
from integrations.connectors.database.people import Row
from integrations.connectors.expressions import columns_of, names_in
from integrations.deadline import Deadline
from integrations.errors import ConfigurationError, MissingColumn
from integrations.outbound.sql import SqlDoor
from integrations.phone import Number
from integrations.profile import JSON
from integrations.redaction import is_never
from integrations.search_query import MAX_HITS, By, SearchQuery

# So many digits in their order are in few numbers but the one that is looked for.
_MAX_CANDIDATES = 200
# A join gives a row for each of a person's accounts.
_ROWS_PER_PERSON = 4


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
    conditions: Mapping[str, Sequence[JSON]] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)

    @property
    def number_columns(self) -> list[str]:
        return [*self.phone_columns, *self.digits_columns]

    def choose(self, existing: Mapping[str, Sequence[str]], mentioned: set[str], demanded: set[str]) -> None:
        """The columns to read: those that the mapping mentions, the table has, and nobody forbids.

        ``demanded`` are mentioned in the organisation's own mapping. Raises ConfigurationError for a table or column
        that the configuration names and the database does not have.
        """
        there = existing[self.table]
        if not there:
            raise ConfigurationError(f"table: the database has no table {self.table!r}, or our user may not see it.")
        joined_name = {self.join.table} if self.join else set()
        own = [name for name in self.conditions if "." not in name]
        self._insist(self.table, there, [self.id_column, *self.number_columns, *sorted(demanded - joined_name), *own])
        if self.join:
            self._insist(self.join.table, existing[self.join.table], [self.join.key, *self.join.columns])
        for table, _dot, column in (name.partition(".") for name in self.conditions if "." in name):
            if table not in existing:
                raise ConfigurationError(f"where: {table!r} is neither the table nor the joined one.")
            self._insist(table, existing[table], [column])
        wanted = [self.id_column, *self.number_columns, *(name for name in there if name in mentioned)]
        self.columns = [name for name in dict.fromkeys(wanted) if not is_never(name)]

    @staticmethod
    def _insist(table: str, there: Iterable[str], names: Iterable[str]) -> None:
        known = set(there)
        for name in names:
            if name not in known:
                raise ConfigurationError(f"The table {table!r} has no column {name!r}.")

    def by_phone(self, number: Number) -> tuple[str, dict[str, Any]]:
        """A query by the likely notations of a number, which an index can find."""
        places: list[str] = []
        values: dict[str, Any] = {}
        for columns, prefix, notations in (
            (self.phone_columns, "v", number.variants()),
            (self.digits_columns, "d", number.dialled),
        ):
            bound = {f"{prefix}{index}": notation for index, notation in enumerate(notations)} if columns else {}
            named = ", ".join(f":{name}" for name in bound)
            places += [f"{self.sql.quoted(self.table, name)} IN ({named})" for name in columns]
            values |= bound
        return self._select(" OR ".join(places)), {**values, **self._fixed}

    def by_digits(self, number: Number) -> tuple[str, dict[str, Any]]:
        """A query by the digits in their order, whatever stands between: in every notation, and in some other numbers."""
        text = "CHAR" if self.sql.url.dialect == "mysql" else "TEXT"
        places = [f"CAST({self.sql.quoted(self.table, name)} AS {text}) LIKE :digits" for name in self.phone_columns]
        shortest = sorted(number.nsns, key=len)[0]
        return self._select(" OR ".join(places), _MAX_CANDIDATES), {"digits": f"%{'%'.join(shortest)}%", **self._fixed}

    def by_id(self, record_id: str) -> tuple[str, dict[str, Any]]:
        return self._select(f"{self.sql.quoted(self.table, self.id_column)} = :record_id"), {
            "record_id": record_id,
            **self._fixed,
        }

    def _columns_read(self, expressions: Iterable[str]) -> list[str]:
        """The columns of either table that the expressions read, quoted."""
        found = []
        for text in expressions:
            roots = columns_of([text])
            found += [self.sql.quoted(self.table, name) for name in self.columns if name in roots]
            if self.join and self.join.table in roots:
                names = names_in(text)
                found += [self.sql.quoted(self.join.table, name) for name in self.join.columns if name in names]
        return list(dict.fromkeys(found))

    def by_text(self, search_query: SearchQuery, read: Iterable[str]) -> tuple[str, dict[str, Any]] | None:
        """A query for those of whom every word begins one in any of the columns that the expressions read, or whose address it
        is; None where they read none."""
        columns = self._columns_read(read)
        if not columns or not search_query.words:
            return None
        if search_query.by is By.EMAIL:
            places = [f"LOWER({column}) = :email" for column in columns]
            return self._select(" OR ".join(places), MAX_HITS * _ROWS_PER_PERSON), {"email": search_query.text, **self._fixed}
        values: dict[str, Any] = {}
        conditions = []
        # Unlike the others, PostgreSQL tells small and capital letters apart.
        compared = "ILIKE" if self.sql.url.dialect == "postgresql" else "LIKE"
        for index, word in enumerate(search_query.words):
            begins = like(word, accents=self.sql.url.dialect != "mysql")
            values |= {f"b{index}": begins, f"s{index}": f"% {begins}", f"h{index}": f"%-{begins}"}
            likes = [f"{column} {compared} :{where}{index} ESCAPE '!'" for column in columns for where in "bsh"]
            conditions.append(f"({' OR '.join(likes)})")
        return self._select(" AND ".join(conditions), MAX_HITS * _ROWS_PER_PERSON), {**values, **self._fixed}

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
        where = " AND ".join([f"({condition})", *self._where()])
        return f"SELECT {', '.join(shown)} FROM {source} WHERE {where}{f' LIMIT {limit}' if limit else ''}"  # noqa: S608

    @property
    def _fixed(self) -> dict[str, JSON]:
        """The values of the conditions, by their names in the statement."""
        held = [value for values in self.conditions.values() for value in values if value is not None]
        return {f"w{index}": value for index, value in enumerate(held)}

    def _where(self) -> Iterator[str]:
        """The condition for rows that count at all."""
        index = 0
        for name, values in self.conditions.items():
            column = self.sql.quoted(*(name.split(".") if "." in name else (self.table, name)))
            some = [f":w{index + place}" for place in range(len([one for one in values if one is not None]))]
            index += len(some)
            ways = [f"{column} IN ({', '.join(some)})"] if some else []
            ways += [f"{column} IS NULL"] if None in values else []
            yield f"({' OR '.join(ways)})"

    def nested(self, row: Row) -> Row:
        """The joined table's columns under its name, so that a mapping reads ``customer_accounts.status``."""
        if not self.join:
            return row
        joined = {name: row.get(_alias(name)) for name in self.join.columns if not is_never(name)}
        nested = Row({**{name: row[name] for name in self.columns}, self.join.table: joined})
        nested.undecodable = frozenset(name.removeprefix(_alias("")) for name in row.undecodable)
        return nested


async def statement_of(
    sql: SqlDoor, options: DatabaseOptions, expressions: Mapping[str, str], own: Iterable[str], deadline: Deadline
) -> Statement:
    """Made of the columns that the tables really have and ``expressions`` read. ``own`` are those of the organisation, whose
    columns have to be there. Raises SourceError: MissingColumn for what the configuration names in vain."""
    join = Join(options.join.table, options.join.key, tuple(options.join.columns)) if options.join else None
    tables = [options.table, join.table] if join else [options.table]
    existing = {table: await sql.columns(table, deadline) for table in tables}
    phones = options.phone_columns
    if "phone_columns" not in options.model_fields_set:  # our guess, which few tables fit entirely
        phones = [name for name in phones if name in existing[options.table]] or phones
    statement = Statement(sql, options.table, options.id_column, phones, options.digits_columns, join, options.conditions)
    demanded = columns_of([*own, *([options.external_id] if options.external_id else [])])
    try:
        statement.choose(existing, columns_of(expressions.values()) | demanded, demanded)
    except ConfigurationError as missing:
        raise MissingColumn(sql.source, str(missing)) from None
    return statement


def like(word: str, *, accents: bool) -> str:
    """A pattern for texts that begin with the word. ``accents``: the database takes "é" and "e" for different letters, so
    that letters which may carry one stand for any; every row is held against the word afterwards."""
    escaped = re.sub(r"([!%_])", r"!\1", word)
    return (re.sub(r"[aceinosuyz]|[^\x00-\x7f]", "_", escaped) if accents else escaped) + "%"


def _alias(column: str) -> str:
    return f"joined_{column}"
