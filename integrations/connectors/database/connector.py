"""The organisation's own SQL database: people by phone, from a table (with a joined one) or a query of the admin's."""

from __future__ import annotations

from functools import cached_property
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from integrations.connectors.base import MAX_RECORDS, Connector, ConnectorOptions, ConnectorSecrets, Deadline, Health
from integrations.connectors.database.statement import Join, Statement, checked_query
from integrations.connectors.expressions import columns_of
from integrations.connectors.sql import SqlDoor, checked_name
from integrations.errors import ConfigurationError, InvalidResponse
from integrations.never import is_never
from integrations.phone import Number
from integrations.profile import JSON, Match, SourceRecord


class JoinOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    key: str = Field(description="The column of this table that holds the id of the main one.")
    columns: list[str]


class DatabaseOptions(ConnectorOptions):
    url: str = Field(description="mysql://reader@db.example.org/clients, or sqlite:///clients.sqlite3.")
    table: str = Field("customers", description="The table that holds people.")
    id_column: str = Field("id", description="Its column that identifies a person.")
    phone_columns: list[str] = Field(["phone", "mobile"], description="Columns with numbers as people write them.")
    digits_columns: list[str] = Field([], description="Columns with nothing but the digits of a number: faster to search.")
    join: JoinOptions | None = Field(None, description="A second table with more about the person.")
    query: str | None = Field(None, description="Instead of a table: a SELECT with :phone, :digits or :nsn.")

    @model_validator(mode="after")
    def names_can_be_quoted(self) -> Self:
        """Raises ValueError (pydantic's way) naming the option."""
        names = {"table": [self.table], "id_column": [self.id_column]}
        names |= {"phone_columns": self.phone_columns, "digits_columns": self.digits_columns}
        if self.join:
            names["join"] = [self.join.table, self.join.key, *self.join.columns]
        try:
            for place, values in names.items():
                for value in values:
                    checked_name(value, place)
            if self.query:
                checked_query(self.query)
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
        if not self.query and not (self.phone_columns or self.digits_columns):
            raise ValueError("phone_columns: name at least one column that holds phone numbers.")
        return self


class DatabaseSecrets(ConnectorSecrets):
    password: SecretStr = Field(SecretStr(""), description="Of the database user; none for a SQLite file.")


class DatabaseConnector(Connector):
    kind = "database"
    label = "SQL database"
    capabilities = frozenset({"find", "health"})
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

    async def find(self, number: Number, deadline: Deadline) -> list[SourceRecord]:
        values = {"phone": number.e164, "digits": number.digits, "nsn": number.nsn}
        if self.options.query:
            rows = await self.sql.fetch(self.options.query, values, deadline)
            shown = [{name: value for name, value in row.items() if not is_never(name)} for row in rows]
            return self._records(shown, number, list(shown[0]) if shown else [])
        statement = await self._statement(deadline)
        try:
            rows = await self.sql.fetch(*statement.by_phone(number), deadline)
        except InvalidResponse:
            self._known_statement = None  # the tables may have changed: look at them again next time
            raise
        return self._records([statement.nested(row) for row in rows], number, statement.number_columns)

    async def health(self, deadline: Deadline) -> Health:
        await self.sql.fetch("SELECT 1", {}, deadline)
        return Health("healthy")

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
            own = [options.external_id, *self.settings.mapping.values()]
            demanded = columns_of(text for text in own if text and isinstance(text, str))
            try:
                statement.choose(existing, columns_of(self.mapping.expressions.values()) | demanded, demanded)
            except ConfigurationError as error:
                raise InvalidResponse(self.key, str(error)) from None
            self._known_statement = statement
        return self._known_statement

    def _records(self, rows: list[dict[str, JSON]], number: Number, columns: list[str]) -> list[SourceRecord]:
        """One per person: a join gives a row per account. Every row is verified, whatever the database compared."""
        found: dict[str, SourceRecord] = {}
        for row in rows:
            matched = tuple(Match(name, str(row[name])) for name in columns if row.get(name) and number.matches(str(row[name])))
            record_id = row.get(self.options.id_column)
            if matched and str(record_id) not in found:
                found[str(record_id)] = self.record(row, record_id, matched=matched)
        return list(found.values())[:MAX_RECORDS]
