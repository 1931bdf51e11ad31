"""A list that the organisation keeps itself: an uploaded CSV file, or a Google Sheet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from integrations.connectors.base import MAX_RECORDS, Health, records_within
from integrations.connectors.directory.columns import as_configured, guess, reading
from integrations.connectors.directory.filing import (
    Filing,
    checked_columns,
    email_key,
    filed_sample,
    phone_key,
    raw_of,
    record_key,
    word_key,
)
from integrations.connectors.directory.options import DirectoryOptions, DirectorySecrets
from integrations.connectors.directory.sheet import Sheet, service_account
from integrations.connectors.expressions import columns_of
from integrations.connectors.mapping import FieldMapping
from integrations.connectors.rows import Column, Filed, Reading, RowReader, RowsConnector, StoredRow, Table
from integrations.deadline import Deadline
from integrations.errors import ConfigurationError
from integrations.phone import Number
from integrations.profile import FIELDS, JSON, Match, Sensitivity, SourceRecord
from integrations.search_query import MAX_HITS, By, SearchQuery


class DirectoryConnector(RowsConnector):
    kind = "directory"
    label = "List: CSV file or Google Sheet"
    capabilities = frozenset({"find", "search", "health"})
    Options = DirectoryOptions
    Secrets = DirectorySecrets
    vendor_hosts = ("sheets.googleapis.com", "oauth2.googleapis.com", "www.googleapis.com", "accounts.google.com")
    default_timeout_ms = 2_000
    field_table = {
        **{name: name for name, field in FIELDS.items() if field.sensitivity is not Sensitivity.NEVER and not field.is_consent},
        "name": "name || join(' ', [first_name, last_name][?@])",
    }

    @cached_property
    def mapping(self) -> FieldMapping:
        """The mapping. What else cannot be used is found here too, before anyone calls."""
        _ = self._sheet
        return super().mapping

    async def find(self, number: Number, deadline: Deadline) -> list[SourceRecord]:
        rows = await self._stored.rows([phone_key(form) for form in number.forms])
        return [self._person(row, number) for row in rows[:MAX_RECORDS]]

    async def search(self, search_query: SearchQuery, deadline: Deadline) -> list[SourceRecord]:
        """Search by the longest word of the name, or its beginning; who asks compares the rest."""
        key = email_key(search_query.text) if search_query.by is By.EMAIL else word_key(search_query.words[0])
        people = (self._person(row) for row in await self._stored.rows([key]))
        return [person for person in people if search_query.fits(person.fields)][:MAX_HITS]

    async def fetch(self, record_id: str, search_query: SearchQuery, deadline: Deadline) -> list[SourceRecord]:
        return [self._person(row, search_query.number) for row in await self._stored.rows([record_key(record_id)])]

    def _person(self, row: StoredRow, number: Number | None = None) -> SourceRecord:
        raw, numbers = raw_of(row.content), row.content["numbers"]
        held = tuple(Match(column, written) for column, written, e164 in numbers if number and e164 in number.forms)
        return self.record(raw, raw["id"], matched=held, fetched_at=row.read_at)

    def read_sample(self, sample: JSON) -> list[SourceRecord]:
        """A row with the list's own headings, as it would be filed."""
        filed = (filed_sample(self.filer, raw) for raw in records_within(self.key, sample))
        return [self.record(raw, raw["id"]) for raw in map(raw_of, filed)]

    async def health(self, deadline: Deadline) -> Health:
        await self._stored.count()
        if self._sheet:
            await self._sheet.check(deadline)
        return Health("healthy")

    async def close(self) -> None:
        if sheet := self.__dict__.get("_sheet"):
            await sheet.close()

    @property
    def origin(self) -> str:
        return "Google Sheet" if self.options.spreadsheet else ""

    @property
    def read_every_hours(self) -> int:
        return int(self.options.read_every_hours) if self.options.spreadsheet else 0

    async def read_table(self, deadline: Deadline) -> Table:
        if self._sheet is None:
            raise ConfigurationError("spreadsheet: enter the address of a Google Sheet, or upload a file.")
        return await self._sheet.table(deadline)

    def guess(self, columns: Sequence[Column]) -> dict[str, str]:
        return guess(columns, self.settings.vocabulary)

    def as_configured(self, columns: Sequence[Column]) -> dict[str, str]:
        return as_configured(columns, self.mapping.expressions, self.options.phone_columns, self.options.id_column)

    @classmethod
    def reading(cls, chosen: Mapping[str, str]) -> Reading:
        return reading(chosen, cls.field_table)

    def filer(self, columns: Sequence[Column]) -> Callable[[Mapping[str, str]], Filed]:
        options, given = self.options, self.settings
        needed = dict.fromkeys(options.phone_columns, "phone_columns")
        needed |= {options.id_column: "id_column"} if options.id_column else {}
        own = [(name, text) for name, text in given.mapping.items() if isinstance(text, str)]
        needed |= {column: f"fields.{name}" for name, text in own for column in columns_of([text])}
        checked_columns(columns, needed)
        read = [*self.mapping.expressions.values(), *([options.external_id] if options.external_id else [])]
        return Filing(
            options.phone_columns,
            options.id_column,
            frozenset(columns_of(read)) - {"phone", "phones"},  # made of the columns with numbers
            {column.name: column.label for column in columns},
            self.mapping,
            given.vocabulary,
            given.habits,
        ).filed

    @property
    def _stored(self) -> RowReader:
        if self.reader is None:
            raise ConfigurationError(f"{self.key}: no reader of rows was given")
        return self.reader

    @cached_property
    def _sheet(self) -> Sheet | None:
        key = self.secrets.service_account.get_secret_value()
        if not self.options.spreadsheet:
            return None
        if not key:
            raise ConfigurationError("service_account: a Google Sheet needs the JSON key file of a service account.")
        options, network = self.options, self.network
        return Sheet(self.key, options.base_url, network, service_account(key), options.spreadsheet, options.tab)
