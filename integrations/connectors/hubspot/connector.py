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
from integrations.connectors.http import HttpDoor
from integrations.connectors.hubspot.answers import CrmObject, Page, explain, parse
from integrations.connectors.hubspot.related import Related, api_path
from integrations.errors import ConfigurationError
from integrations.phone import Number
from integrations.profile import Match, SourceRecord

MAX_SEARCH_BODY = 3_000
_PHONES = {"phone": "phone", "mobilephone": "mobile phone"}
# What tells whether there is anything to ask for in stage 2, and what people are linked by.
_ALWAYS = ("email", "associatedcompanyid", "num_associated_deals", *_PHONES)


class HubSpotOptions(ConnectorOptions):
    base_url: str = Field("https://api.hubapi.com", description="Where HubSpot's API is.")
    api_version: str = Field("v3", pattern=r"^(v3|20\d\d-\d\d)$", description="v3, or a dated version like 2026-03.")


class HubSpotSecrets(ConnectorSecrets):
    token: SecretStr = Field(description="The access token of a private app, a service key or a project app.")


class HubSpotConnector(Connector):
    kind = "hubspot"
    label = "HubSpot"
    capabilities = frozenset({"find", "details", "health"})
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

    async def find(self, number: Number, deadline: Deadline) -> list[SourceRecord]:
        path = f"{api_path(self.options.api_version, 'objects', 'contacts')}/search"
        page = await self.http.request("POST", path, deadline, json=self._search(number))
        return [
            self.record(contact.model_dump(), contact.id, matched=matched, hints=_hints(contact))
            for contact in parse(Page, page, self.key).results
            # HubSpot compares without country code, so a hit may be another country's number.
            if (matched := _matches(contact, number))
        ]

    def _search(self, number: Number) -> dict[str, object]:
        """One search over the four places of a number. Free text would find more and is left out: it would double
        the time of every caller who is not known."""
        variants = list(number.variants())
        filters = [
            {"propertyName": "hs_searchable_calculated_phone_number", "operator": "EQ", "value": number.nsn},
            {"propertyName": "hs_searchable_calculated_mobile_number", "operator": "EQ", "value": number.nsn},
            *({"propertyName": name, "operator": "IN", "values": variants} for name in _PHONES),
        ]
        groups = [{"filters": [one]} for one in filters]
        body = {"filterGroups": groups, "properties": self.properties, "sorts": [], "limit": MAX_RECORDS}
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


def _matches(contact: CrmObject, number: Number) -> tuple[Match, ...]:
    held = ((label, contact.properties.get(name)) for name, label in _PHONES.items())
    return tuple(Match(label, stored) for label, stored in held if stored and number.matches(stored))


def _hints(contact: CrmObject) -> dict[str, str]:
    """What the search already told of deals and company; a property that was not answered tells nothing."""
    deals = contact.properties.get("num_associated_deals", "unknown")
    known_company = contact.properties.get("company")
    company_id = "" if known_company else contact.properties.get("associatedcompanyid") or ""
    return {"company_id": company_id, "deals": "none" if deals in (None, "", "0") else "some"}
