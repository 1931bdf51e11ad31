"""Salesforce: contacts, leads, accounts and an organisation's own objects, by phone."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from pydantic import Field

from integrations.connectors.base import MAX_RECORDS, Connector, ConnectorOptions, Health, Limits
from integrations.connectors.mapping import FieldMapping
from integrations.connectors.salesforce.ids import record_key
from integrations.connectors.salesforce.objects import STANDARD, ObjectOptions, Searched, in_words, searched, told
from integrations.connectors.salesforce.search import Row, Search, sampled_rows
from integrations.connectors.salesforce.session import SalesforceSecrets, Session, Usage
from integrations.deadline import Deadline
from integrations.errors import InvalidResponse
from integrations.outbound.recording import record_candidates
from integrations.phone import Number
from integrations.profile import JSON, Match, SourceRecord
from integrations.search_query import MAX_HITS, SearchQuery


class SalesforceOptions(ConnectorOptions):
    base_url: str = Field(description="The My Domain address, like https://riverside.my.salesforce.com.")
    version: str = Field("v67.0", pattern=r"^v\d\d\.0$", description="The version of the API, like v67.0.")
    search: Literal["parameterized", "soql"] = Field(
        "parameterized",
        description="parameterized: the search index, whatever the notation. soql: what is stored, without its delay.",
    )
    objects: tuple[ObjectOptions, ...] = Field(
        (), description="Objects besides contacts, leads and accounts: name, phone_fields, fields."
    )


class SalesforceConnector(Connector):
    kind = "salesforce"
    label = "Salesforce"
    capabilities = frozenset({"find", "search", "health"})
    Options = SalesforceOptions
    Secrets = SalesforceSecrets
    vendor_hosts = ("*.my.salesforce.com", "*.salesforce.com", "*.force.com", "*.salesforce.mil")
    default_timeout_ms = 3_000
    default_limits = Limits(
        concurrency=20, why="Salesforce lets all programs of an organisation together have 25 long requests open at a time."
    )
    field_table = STANDARD["Contact"].fields

    @cached_property
    def session(self) -> Session:
        return Session(self.key, self.options.base_url, self.network, self.secrets)

    @cached_property
    def objects(self) -> dict[str, Searched]:
        """What is searched, by the names that answers carry, in small letters."""
        found = searched(self.options.objects, self.settings.mapping, self.settings.vocabulary, self.options.external_id or "")
        return {one.name.casefold(): one for one in found}

    @cached_property
    def mapping(self) -> FieldMapping:
        """The mapping of contacts. What else cannot be used is found here too, before anyone calls."""
        _ = self.session, self.objects
        return FieldMapping(self.field_table, self.settings.mapping, self.settings.vocabulary)

    @classmethod
    def record_key(cls, written: str) -> str:
        return record_key(written)

    @property
    def field_expressions(self) -> dict[str, str]:
        """Field → expression, with its object's name where objects differ."""
        by_field: dict[str, dict[str, str]] = {}
        for one in self.objects.values():
            for field, expression in one.mapping.expressions.items():
                by_field.setdefault(field, {})[one.name] = expression
        return {field: told(texts) for field, texts in by_field.items()}

    @property
    def usage(self) -> Usage | None:
        """The usage as of the last answer; None before the first."""
        return self.session.usage

    @property
    def _api(self) -> str:
        return f"/services/data/{self.options.version}"

    @property
    def _search(self) -> Search:
        indexed = self.options.search == "parameterized"
        return Search(self.session, self._api, list(self.objects.values()), indexed)

    async def find(self, number: Number, deadline: Deadline) -> list[SourceRecord]:
        # The index covers every field of the type phone, fax numbers among them.
        known = self._known(await self._search.by_number(number, deadline))
        record_candidates(len(known))
        people = [(row, one, matched) for row, one in known if (matched := self._matches(one, row, number))]
        return [self._person(*person) for person in people][:MAX_RECORDS]

    async def search(self, search_query: SearchQuery, deadline: Deadline) -> list[SourceRecord]:
        rows = await self._search.by_text(search_query, deadline)
        return [self._person(row, one) for row, one in self._known(rows)][:MAX_HITS]

    async def fetch(self, record_id: str, search_query: SearchQuery, deadline: Deadline) -> list[SourceRecord]:
        name, _slash, row_id = record_id.partition("/")
        one = self.objects.get(name.casefold())
        rows = await self._search.by_id(one, row_id, deadline) if one else []
        return [self._person(row, known) for row, known in self._known(rows)]

    def _known(self, rows: list[Row]) -> list[tuple[Row, Searched]]:
        return [(row, one) for row in _current(rows) if (one := self.objects.get(row.attributes.type.casefold()))]

    def _person(self, row: Row, one: Searched, matched: tuple[Match, ...] = ()) -> SourceRecord:
        url = f"{self.options.base_url.rstrip('/')}/lightning/r/{one.name}/{row.Id}/view"
        return self.record(row.model_dump(), f"{one.name}/{row.Id}", mapping=one.mapping, matched=matched, url=url)

    def _matches(self, one: Searched, row: Row, number: Number) -> tuple[Match, ...]:
        found = []
        for name in one.phones:
            stored = row.get(name)
            if stored is not None and not isinstance(stored, str):
                raise InvalidResponse(self.key, f"unexpected shape at {name}")
            if stored and self.holds(number, stored):
                found.append(Match(in_words(name, one.name), stored))
        return tuple(found)

    def read_sample(self, sample: JSON) -> list[SourceRecord]:
        return [self._person(*known) for known in self._known(sampled_rows(sample, self.key))]

    async def health(self, deadline: Deadline) -> Health:
        await self.session.ask("GET", f"{self._api}/", deadline)
        return self.last_known_health

    @property
    def last_known_health(self) -> Health:
        return self.usage.last_known_health if self.usage else Health("healthy")

    async def warm_up(self, deadline: Deadline) -> None:
        await self.session.sign_in(deadline)

    async def close(self) -> None:
        await self.session.close()


def _current(rows: list[Row]) -> list[Row]:
    """Records without leads that have become contacts, and without accounts of contacts that were found as well: a person's
    organisation or household is not another person."""
    accounts = {row.get("AccountId") for row in rows if row.attributes.type == "Contact"}
    return [row for row in rows if row.get("IsConverted") is not True and row.Id not in accounts]
