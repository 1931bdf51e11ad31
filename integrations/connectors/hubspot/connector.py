"""HubSpot: contacts by phone; their company and open deals.

https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/search
"""

from __future__ import annotations

import re
from functools import cached_property

import orjson
from pydantic import Field, SecretStr

from integrations.connectors.base import (
    MAX_RECORDS,
    Connector,
    ConnectorOptions,
    ConnectorSecrets,
    Deadline,
    DetailKeys,
    Health,
)
from integrations.connectors.http import HttpDoor, segment
from integrations.connectors.hubspot.answers import CrmObject, Page, explain, parse
from integrations.connectors.hubspot.related import Related, api_path
from integrations.connectors.hubspot.search import PHONES, Group, by_number, by_text, hints, matches
from integrations.errors import ConfigurationError
from integrations.phone import Number
from integrations.profile import Match, SourceRecord
from integrations.sought import MAX_HITS, Sought

MAX_SEARCH_BODY = 3_000
# What tells whether there is anything to ask for in stage 2, and what people are linked by.
_ALWAYS = ("email", "associatedcompanyid", "num_associated_deals", *PHONES)


class HubSpotOptions(ConnectorOptions):
    base_url: str = Field("https://api.hubapi.com", description="Where HubSpot's API is.")
    api_version: str = Field("v3", pattern=r"^(v3|20\d\d-\d\d)$", description="v3, or a dated version like 2026-03.")


class HubSpotSecrets(ConnectorSecrets):
    token: SecretStr = Field(description="The access token of a private app, a service key or a project app.")


class HubSpotConnector(Connector):
    kind = "hubspot"
    label = "HubSpot"
    capabilities = frozenset({"find", "details", "search", "health"})
    Options = HubSpotOptions
    Secrets = HubSpotSecrets
    default_timeout_ms = 3_000
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
        "address": "join(', ', [properties.address, properties.city, properties.state, properties.zip][?@])",
        "date_of_birth": "properties.date_of_birth",
    }

    @cached_property
    def http(self) -> HttpDoor:
        token = self.secrets.token.get_secret_value()
        return HttpDoor(
            self.key,
            self.options.base_url,
            self.settings.network,
            headers={"Authorization": f"Bearer {token}"},
            explain=explain,
        )

    @cached_property
    def related(self) -> Related:
        return Related(self.key, self.http, self.options.api_version)

    @cached_property
    def properties(self) -> list[str]:
        """What to ask for: what the mapping reads, and what the connector itself needs."""
        mapped = re.findall(r"properties\.\"?(\w+)", " ".join(self.mapping.expressions.values()))
        return sorted({*mapped, *_ALWAYS})

    @property
    def _contacts(self) -> str:
        return api_path(self.options.api_version, "objects", "contacts")

    async def find(self, number: Number, deadline: Deadline) -> list[SourceRecord]:
        body = self._body(by_number(number), MAX_RECORDS)
        page = await self.http.request("POST", f"{self._contacts}/search", deadline, json=body)
        # HubSpot compares without country code, so a hit may be another country's number.
        people = [(contact, matches(contact, number)) for contact in parse(Page, page, self.key).results]
        return [self._person(contact, matched) for contact, matched in people if matched]

    async def search(self, sought: Sought, deadline: Deadline) -> list[SourceRecord]:
        groups = by_text(sought)
        if not groups:
            return []
        page = await self.http.request("POST", f"{self._contacts}/search", deadline, json=self._body(groups, MAX_HITS))
        return [self._person(contact) for contact in parse(Page, page, self.key).results]

    async def find_again(self, record_id: str, sought: Sought, deadline: Deadline) -> list[SourceRecord]:
        """By its id, which counts against no budget of searches."""
        query = {"properties": ",".join(self.properties)}
        body = await self.http.request("GET", f"{self._contacts}/{segment(record_id)}", deadline, query=query, missing_ok=True)
        return [self._person(parse(CrmObject, body, self.key))] if body else []

    def _person(self, contact: CrmObject, matched: tuple[Match, ...] = ()) -> SourceRecord:
        return self.record(contact.model_dump(), contact.id, matched=matched, hints=hints(contact))

    def _body(self, groups: list[Group], limit: int) -> dict[str, object]:
        body = {"filterGroups": groups, "properties": self.properties, "sorts": [], "limit": limit}
        if len(orjson.dumps(body)) > MAX_SEARCH_BODY:
            raise ConfigurationError("fields: HubSpot cannot be asked for this many properties at once. Map fewer fields.")
        return body

    def wants_details(self, keys: DetailKeys) -> bool:
        return self._wants_company(keys) or self._wants_deals(keys)

    def _wants_company(self, keys: DetailKeys) -> bool:
        return "company" in self.mapping and bool(keys.hints.get("company_id"))

    def _wants_deals(self, keys: DetailKeys) -> bool:
        return bool({"open_deals", "deal_stage"} & set(self.mapping.expressions)) and keys.hints.get("deals") != "none"

    async def details(self, keys: DetailKeys, deadline: Deadline) -> list[SourceRecord]:
        contact_id = keys.record_ids[self.key]
        company_id = keys.hints["company_id"] if self._wants_company(keys) else None
        found = await self.related.gather(contact_id, company_id, deals=self._wants_deals(keys), deadline=deadline)
        return [self.record({"details": found}, contact_id)]

    async def health(self, deadline: Deadline) -> Health:
        version = self.options.api_version
        path = "/account-info/v3/details" if version == "v3" else f"/account-info/{version}/details"
        await self.http.request("GET", path, deadline)
        return Health("healthy")
