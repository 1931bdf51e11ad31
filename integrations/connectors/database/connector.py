"""The organisation's own SQL database: people by phone, from a table (with a joined one) or a query of the admin's."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from integrations.connectors.base import MAX_RECORDS, Connector, Deadline, Health
from integrations.connectors.database.options import DatabaseOptions, DatabaseSecrets
from integrations.connectors.database.statement import Join, Statement
from integrations.connectors.expressions import columns_of
from integrations.connectors.sql import SqlDoor
from integrations.errors import ConfigurationError, InvalidResponse
from integrations.never import is_never
from integrations.phone import Number
from integrations.profile import JSON, Match, SourceRecord
from integrations.sought import MAX_HITS, By, Sought

Row = dict[str, JSON]
Rows = list[Row]


class DatabaseConnector(Connector):
    kind = "database"
    label = "SQL database"
    capabilities = frozenset({"find", "search", "health"})
    Options = DatabaseOptions
    Secrets = DatabaseSecrets
    default_timeout_ms = 2_000
    field_table = {
        "name": "name || join(' ', [first_name, last_name][?@])",
        "first_name": "first_name",
        "last_name": "last_name",
        "email": "email",
        "phone": "phone || mobile",
        "phones": "[mobile][?@]",
        "account_id": "account_id || id",
        "status": "customer_accounts.status || status",
        "last_visit": "customer_accounts.last_visit || last_visit",
        **{
            name: name
            for name in (
                "company", "language", "member_since", "last_contact", "preferred_agent", "programs", "address",
                "date_of_birth", "primary_caregiver", "emergency_contact", "notes", "outstanding_balance", "last_payment",
                "payment_method", "primary_care_provider", "dietary_restrictions",
            )
        },
        "vip_status": "vip_status || vip",
        "auto_pay_enabled": "auto_pay_enabled || auto_pay",
    }  # fmt: skip

    @cached_property
    def sql(self) -> SqlDoor:
        given = self.settings
        password = self.secrets.password.get_secret_value()
        folder = given.sources_dir / given.organization
        return SqlDoor(self.key, self.options.url, password, given.network, folder, concurrency=given.concurrency)

    _known_statement: Statement | None = None

    def can(self, capability: str) -> bool:
        """A query of the admin's compares numbers only."""
        return super().can(capability) and not (capability == "search" and self.options.query)

    async def find(self, number: Number, deadline: Deadline) -> list[SourceRecord]:
        values = {"phone": number.e164, "digits": number.digits, "nsn": number.nsn}
        if self.options.query:
            rows = await self.sql.fetch(self.options.query, values, deadline)
            return self._records(rows, number, [name for name in (rows[0] if rows else ()) if not is_never(name)])
        statement = await self._statement(deadline)
        rows = await self._rows(statement, *statement.by_phone(number), deadline)
        return self._records(rows, number, statement.number_columns)

    async def search(self, sought: Sought, deadline: Deadline) -> list[SourceRecord]:
        statement = await self._statement(deadline)
        names = ("email",) if sought.by is By.EMAIL else ("name", "first_name", "last_name")
        mapped = columns_of(self.mapping.expressions[name] for name in names if name in self.mapping)
        asked = statement.by_text(sought, [name for name in statement.columns if name in mapped])
        return self._people(await self._rows(statement, *asked, deadline))[:MAX_HITS] if asked else []

    async def find_again(self, record_id: str, sought: Sought, deadline: Deadline) -> list[SourceRecord]:
        found: list[SourceRecord] = []
        if not self.options.query:
            statement = await self._statement(deadline)
            found = self._people(await self._rows(statement, *statement.by_id(record_id), deadline))
        # A database may take "7 or so" for the number 7, and has other notations for a binary key.
        exact = [person for person in found if person.record_id == record_id]
        return exact or await super().find_again(record_id, sought, deadline)

    async def _rows(self, statement: Statement, text: str, values: Row, deadline: Deadline) -> Rows:
        try:
            return [statement.nested(row) for row in await self.sql.fetch(text, values, deadline)]
        except InvalidResponse:
            self._known_statement = None  # the tables may have changed: look at them again next time
            raise

    async def health(self, deadline: Deadline) -> Health:
        await self.sql.fetch("SELECT 1", {}, deadline)
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
            options = self.options
            join = Join(options.join.table, options.join.key, tuple(options.join.columns)) if options.join else None
            tables = [options.table, join.table] if join else [options.table]
            existing = {table: await self.sql.columns(table, deadline) for table in tables}
            phones = options.phone_columns
            if "phone_columns" not in options.model_fields_set:  # our guess, which few tables fit entirely
                phones = [name for name in phones if name in existing[options.table]] or phones
            statement = Statement(self.sql, options.table, options.id_column, phones, options.digits_columns, join)
            changed = self.settings.mapping.items()
            own = [options.external_id, *(text for name, text in changed if name in self.mapping)]
            demanded = columns_of(text for text in own if text and isinstance(text, str))
            try:
                statement.choose(existing, columns_of(self.mapping.expressions.values()) | demanded, demanded)
            except ConfigurationError as error:
                raise InvalidResponse(self.key, str(error)) from None
            self._known_statement = statement
        return self._known_statement

    def _records(self, rows: Rows, number: Number, columns: list[str]) -> list[SourceRecord]:
        """Every row is verified, whatever the database compared."""
        verified = [row for row in rows if self._matches(row, number, columns)]
        return self._people(verified, lambda row: self._matches(row, number, columns))[:MAX_RECORDS]

    def _matches(self, row: Row, number: Number, columns: list[str]) -> tuple[Match, ...]:
        held = ((name, str(row[name])) for name in columns if row.get(name))
        return tuple(Match(name, stored) for name, stored in held if self.holds(number, stored))

    def _people(self, rows: Rows, why: Callable[[Row], tuple[Match, ...]] = lambda _row: ()) -> list[SourceRecord]:
        """One for each person: a join gives a row for each account."""
        first = {str(row.get(self.options.id_column)): row for row in reversed(rows)}
        own = [row for row in rows if first[str(row.get(self.options.id_column))] is row]
        return [self.record(row, row.get(self.options.id_column), matched=why(row)) for row in own]
