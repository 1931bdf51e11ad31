"""The organisation's own SQL database: people by phone, from a table (with a joined one) or a query of the admin's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

from integrations.connectors.base import MAX_RECORDS, Connector, Health, records_within
from integrations.connectors.database.aliases import Shown
from integrations.connectors.database.fields import FIELD_TABLE, field_table_of
from integrations.connectors.database.notations import ByDigits, Rows, matches
from integrations.connectors.database.options import DatabaseOptions, DatabaseSecrets
from integrations.connectors.database.people import TOO_MANY_ROWS, Person, Row, facts_of_one, people_in, row_of, shared_id
from integrations.connectors.database.statement import Statement, statement_of
from integrations.connectors.expressions import names_in
from integrations.connectors.mapping import FieldMapping
from integrations.deadline import Deadline
from integrations.errors import InvalidResponse, MissingColumn
from integrations.outbound.recording import record_candidates, remark
from integrations.outbound.sql import MAX_ROWS, SqlDoor
from integrations.phone import Number
from integrations.profile import JSON, Match, SourceRecord
from integrations.search_query import MAX_HITS, By, SearchQuery


class DatabaseConnector(Connector):
    kind = "database"
    label = "SQL database"
    capabilities = frozenset({"find", "search", "health"})
    Options = DatabaseOptions
    Secrets = DatabaseSecrets
    default_timeout_ms = 2_000
    field_table = FIELD_TABLE

    @cached_property
    def sql(self) -> SqlDoor:
        given = self.settings
        password = self.secrets.password.get_secret_value()
        folder = given.sources_dir / given.organization
        limits: dict[str, Any] = {"concurrency": given.concurrency, "encoding": self.options.encoding}
        return SqlDoor(self.key, self.options.url, password, given.network, folder, **limits)

    @cached_property
    def mapping(self) -> FieldMapping:
        """The kind's table as this database is configured: its key, and the columns that hold numbers."""
        self._shown.check(self.settings.mapping)
        return FieldMapping(field_table_of(self.options), self.settings.mapping, self.settings.vocabulary)

    _known_statement: Statement | None = None

    @cached_property
    def _shown(self) -> Shown:
        return Shown(self.options.query or "")

    def read_sample(self, sample: JSON) -> list[SourceRecord]:
        rows = [self._shown.of(row) for row in records_within(self.key, sample)]
        return [self.record(row, row.get(self.options.id_column) or place) for place, row in enumerate(rows, 1)]

    @cached_property
    def _digits(self) -> ByDigits:
        return ByDigits()

    @property
    def last_known_health(self) -> Health:
        return Health("healthy", self._digits.message)

    def can(self, capability: str) -> bool:
        """A query of the admin's compares numbers only."""
        return super().can(capability) and not (capability == "search" and self.options.query)

    async def find(self, number: Number, deadline: Deadline) -> list[SourceRecord]:
        values = {"phone": number.e164, "digits": number.digits, "nsn": number.nsn}
        if self.options.query:
            rows = [row_of(self._shown.of(raw)) for raw in await self.sql.fetch(self.options.query, values, deadline)]
            if len(rows) == MAX_ROWS:
                remark(TOO_MANY_ROWS)
            return self._records(rows, number, [])
        statement = await self._statement(deadline)
        rows = await self._rows(statement, *statement.by_phone(number), deadline)
        if found := self._records(rows, number, statement.number_columns):
            return found
        rows = await self._digits.rows(self._rows, statement, number, deadline)
        return self._records(rows, number, statement.number_columns)

    async def search(self, search_query: SearchQuery, deadline: Deadline) -> list[SourceRecord]:
        statement = await self._statement(deadline)
        names = ("email",) if search_query.by is By.EMAIL else ("name", "first_name", "last_name")
        asked = statement.by_text(search_query, [self.mapping.expressions[name] for name in names if name in self.mapping])
        return self._people(await self._rows(statement, *asked, deadline))[:MAX_HITS] if asked else []

    async def fetch(self, record_id: str, search_query: SearchQuery, deadline: Deadline) -> list[SourceRecord]:
        found: list[SourceRecord] = []
        if not self.options.query:
            statement = await self._statement(deadline)
            asked = statement.by_id(shared_id(record_id) or record_id)
            found = self._people(await self._rows(statement, *asked, deadline))
        # A database may take "7 or so" for the number 7, and has other notations for a binary key.
        exact = [person for person in found if person.record_id == record_id]
        return exact or await super().fetch(record_id, search_query, deadline)

    async def _rows(self, statement: Statement, text: str, values: Mapping[str, Any], deadline: Deadline) -> Rows:
        try:
            return [statement.nested(row_of(raw)) for raw in await self.sql.fetch(text, values, deadline)]
        except InvalidResponse:
            self._known_statement = None  # the tables may have changed: look at them again next time
            raise

    async def health(self, deadline: Deadline) -> Health:
        await self.sql.fetch("SELECT 1", {}, deadline)
        if not self.options.query:
            self._known_statement = None
            try:
                await self._statement(deadline)
            except MissingColumn as missing:
                return Health("needs_attention", missing.detail)
        return Health("healthy")

    async def warm_up(self, deadline: Deadline) -> None:
        await self.health(deadline)  # opens a connection
        if not self.options.query:
            await self._statement(deadline)

    async def close(self) -> None:
        if "sql" in self.__dict__:
            await self.sql.close()

    async def _statement(self, deadline: Deadline) -> Statement:
        """Made once: which of the mapped columns the tables really have decides what can be asked for."""
        if self._known_statement is None:
            own = [text for name, text in self.settings.mapping.items() if name in self.mapping and isinstance(text, str)]
            self._known_statement = await statement_of(self.sql, self.options, self.mapping.expressions, own, deadline)
        return self._known_statement

    def _records(self, rows: Rows, number: Number, columns: list[str]) -> list[SourceRecord]:
        """Every row is verified, whatever the database compared."""
        record_candidates(len(rows))
        why = partial(matches, columns=columns, number=number, region=self.settings.region)
        return self._people([row for row in rows if why(row)], why)[:MAX_RECORDS]

    def _people(self, rows: Rows, why: Callable[[Row], tuple[Match, ...]] = lambda _row: ()) -> list[SourceRecord]:
        people = people_in(rows, self.options.id_column, facts_of_one(self.mapping))
        return [self._person(person, why(person.row)) for person in people]

    def _person(self, person: Person, matched: tuple[Match, ...]) -> SourceRecord:
        record = self.record(dict(person.row), person.record_id, matched=matched)
        unread = person.row.undecodable
        read = self.mapping.expressions.items() if unread else ()
        return replace(record, unreadable=(*record.unreadable, *(name for name, text in read if names_in(text) & unread)))
