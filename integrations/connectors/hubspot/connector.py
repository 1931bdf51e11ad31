"""HubSpot: contacts by phone, name or e-mail; their company, open deals and open tickets.

https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/search
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property

import orjson

from integrations.connectors.base import MAX_ASKED, MAX_RECORDS, Connector, DetailKeys, Health, Limits, parsed
from integrations.connectors.hubspot.answers import CrmObject, Page, contact_key
from integrations.connectors.hubspot.options import HubSpotOptions, HubSpotSecrets
from integrations.connectors.hubspot.related import Related
from integrations.connectors.hubspot.search import MERGED, PHONES, Group, by_number, by_text, hints, living, matches, searched
from integrations.connectors.hubspot.session import Session
from integrations.connectors.mapping import FieldMapping
from integrations.deadline import Deadline
from integrations.errors import ConfigurationError
from integrations.outbound.http import segment
from integrations.outbound.recording import record_candidates
from integrations.phone import Number
from integrations.profile import JSON, Match, SourceRecord
from integrations.search_query import MAX_HITS, SearchQuery

MAX_SEARCH_BODY = 3_000
# What tells whether there is anything to ask for in stage 2, and what people are linked by.
_ALWAYS = ("email", "associatedcompanyid", "num_associated_deals", MERGED, *PHONES)


class HubSpotConnector(Connector):
    kind = "hubspot"
    label = "HubSpot"
    capabilities = frozenset({"find", "details", "search", "health"})
    Options = HubSpotOptions
    Secrets = HubSpotSecrets
    vendor_hosts = ("api.hubapi.com", "*.hubapi.com")
    default_timeout_ms = 3_000
    default_limits = Limits(rps=5, why="HubSpot answers five searches a second for the whole account; nothing else counts.")
    field_table = {
        "name": "join(' ', [properties.firstname, properties.lastname][?@])",
        "first_name": "properties.firstname",
        "last_name": "properties.lastname",
        "email": "properties.email",
        "phone": "properties.phone || properties.mobilephone",
        "phones": "[properties.mobilephone][?@]",
        "company": "properties.company || details.company",
        "language": "properties.hs_language",
        "vip_status": "properties.vip",
        "member_since": "properties.createdate",
        "last_contact": "properties.notes_last_contacted",
        "lifecycle_stage": "properties.lifecyclestage",
        "open_deals": "details.deals[].label",
        "deal_stage": "details.deals[0].stage",
        "open_cases": "details.tickets[].label",
        "address": "join(', ', [properties.address, properties.city, properties.state, properties.zip][?@])",
        "date_of_birth": "properties.date_of_birth",
    }

    @cached_property
    def session(self) -> Session:
        return Session(self.key, self.options, self.secrets, self.network)

    @cached_property
    def mapping(self) -> FieldMapping:
        """The mapping. What else cannot be used is found here too, before anyone calls."""
        _ = self.session
        return FieldMapping(self.field_table, self.settings.mapping, self.settings.vocabulary)

    @cached_property
    def related(self) -> Related:
        return Related(self.session, self.mapping)

    @cached_property
    def properties(self) -> list[str]:
        """What to ask for: what the mapping reads, and what the connector itself needs."""
        read = [*self.mapping.expressions.values(), self.options.external_id or ""]
        mapped = re.findall(r"properties\.\"?(\w+)", " ".join(read))
        return sorted({*mapped, *_ALWAYS})

    @classmethod
    def record_key(cls, written: str) -> str:
        return contact_key(written)

    @property
    def _contacts(self) -> str:
        return self.session.path("objects", "contacts")

    async def find(self, number: Number, deadline: Deadline) -> list[SourceRecord]:
        body = self._body(by_number(number), MAX_ASKED)
        page = await self.session.request("POST", f"{self._contacts}/search", deadline, json=body)
        # HubSpot compares without country code, so a hit may be another country's number.
        contacts = self._people(page)
        record_candidates(len(contacts))
        people = [(contact, matches(contact, lambda stored: self.holds(number, stored))) for contact in contacts]
        return [self._person(contact, matched) for contact, matched in people if matched][:MAX_RECORDS]

    async def search(self, search_query: SearchQuery, deadline: Deadline) -> list[SourceRecord]:
        groups = by_text(search_query)
        if not groups:
            return []
        page = await self.session.request("POST", f"{self._contacts}/search", deadline, json=self._body(groups, MAX_HITS))
        return [self._person(contact) for contact in self._people(page)]

    async def fetch(self, record_id: str, search_query: SearchQuery, deadline: Deadline) -> list[SourceRecord]:
        """Read the contact by its id, which counts against no budget of searches."""
        query = {"properties": ",".join(self.properties)}
        path = f"{self._contacts}/{segment(record_id)}"
        body = await self.session.request("GET", path, deadline, query=query, missing_ok=True)
        # Of a contact that was merged into another one, HubSpot sends the other: who that is, is to be picked anew.
        contacts = living([parsed(CrmObject, body, self.key)]) if body else []
        return [self._person(contact) for contact in contacts if contact.id == record_id]

    def _people(self, page: JSON) -> list[CrmObject]:
        return living(parsed(Page, page, self.key).results)

    def _person(self, contact: CrmObject, matched: tuple[Match, ...] = ()) -> SourceRecord:
        return self.record(contact.model_dump(), contact.id, matched=matched, hints=hints(contact))

    def _body(self, groups: list[Group], limit: int) -> dict[str, object]:
        body = searched(groups, self.properties, limit)
        if len(orjson.dumps(body)) > MAX_SEARCH_BODY:
            raise ConfigurationError("fields: HubSpot cannot be asked for this many properties at once. Map fewer fields.")
        return body

    def has_details_for(self, keys: DetailKeys) -> bool:
        return bool(self.related.parts(keys.hints))

    def counts_against_limit(self, question: str, keys: DetailKeys) -> bool:
        """Searches do; a person's open deals are searched for, everything else is read."""
        return "deals" in self.related.parts(keys.hints) if question == "details" else question != "fetch"

    async def details(self, keys: DetailKeys, deadline: Deadline) -> list[SourceRecord]:
        contact_id = keys.record_ids[self.key]
        found, lost = await self.related.gather(contact_id, keys.hints, deadline)
        record = self.record({"details": found}, contact_id)
        return [replace(record, unreadable=(*record.unreadable, *lost))]

    async def health(self, deadline: Deadline) -> Health:
        await self.session.request("GET", f"/account-info/{self.session.version}/details", deadline)
        return await self.related.health(deadline)

    async def warm_up(self, deadline: Deadline) -> None:
        await self.session.sign_in(deadline)

    async def close(self) -> None:
        await self.session.close()
