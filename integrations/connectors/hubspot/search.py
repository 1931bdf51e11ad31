"""How HubSpot is asked for contacts, by number, name or e-mail address, and what its answer tells at once.

A search takes five groups of conditions, one of which has to hold; each has up to six, eighteen in all.
https://developers.hubspot.com/docs/api-reference/search/guide
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

from integrations.connectors.hubspot.answers import CrmObject
from integrations.phone import Number
from integrations.profile import Match
from integrations.search_query import By, SearchQuery

PHONES = {"phone": "phone", "mobilephone": "mobile phone"}
# The ids of the contacts that were merged into one.
MERGED = "hs_merged_object_ids"

Group = dict[str, list[dict[str, object]]]
# Where a search begins. HubSpot's description requires it of every search, the first page's too.
_FROM_THE_START = "0"


def searched(groups: list[Group], properties: list[str], limit: int) -> dict[str, object]:
    """The body of a search, as HubSpot's description requires it."""
    asked = {"filterGroups": groups, "properties": properties, "sorts": []}
    return {**asked, "limit": limit, "after": _FROM_THE_START}


def by_number(number: Number) -> list[Group]:
    """The four places of a number in one search. Free text would find more and is left out: it would double the time of
    every caller who is not known."""
    variants = list(number.variants())
    calculated = ("hs_searchable_calculated_phone_number", "hs_searchable_calculated_mobile_number")
    # HubSpot keeps them without country code; some countries' mobile numbers are written in two ways.
    plain = list(number.nsns)
    filters = [_is(name, "IN", values=plain) if plain[1:] else _is(name, "EQ", value=number.nsn) for name in calculated]
    filters += [_is(name, "IN", values=variants) for name in PHONES]
    return [{"filters": [one]} for one in filters]


def by_text(search_query: SearchQuery) -> list[Group]:
    """An e-mail address as it is. Of a name the two longest words, each in the first or the last name: with more, not all
    ways to divide a name would fit into one search."""
    if search_query.by is By.EMAIL:
        return [{"filters": [_is("email", "EQ", value=search_query.text)]}]
    words = search_query.words[:2]
    return [
        {"filters": [_is(name, "CONTAINS_TOKEN", value=f"{word}*") for name, word in zip(places, words, strict=True)]}
        for places in product(("firstname", "lastname"), repeat=len(words))
        if words
    ]


def _is(name: str, operator: str, **compared: object) -> dict[str, object]:
    return {"propertyName": name, "operator": operator, **compared}


def matches(contact: CrmObject, holds: Callable[[str], bool]) -> tuple[Match, ...]:
    """The places where the contact holds the number."""
    held = ((label, contact.properties.get(name)) for name, label in PHONES.items())
    return tuple(Match(label, stored) for label, stored in held if stored and holds(stored))


def living(contacts: Sequence[CrmObject]) -> list[CrmObject]:
    """Contacts that were not deleted, nor merged into another one that is there as well: a search tells of both for some
    moments after."""
    merged = {one for contact in contacts for one in (contact.properties.get(MERGED) or "").split(";")}
    return [contact for contact in contacts if not contact.archived and contact.id not in merged]


def hints(contact: CrmObject) -> dict[str, str]:
    """What the answer already told of deals and company; a property that was not answered tells nothing."""
    deals = contact.properties.get("num_associated_deals", "unknown")
    known_company = contact.properties.get("company")
    company_id = "" if known_company else contact.properties.get("associatedcompanyid") or ""
    return {"company_id": company_id, "deals": "none" if deals in (None, "", "0") else "some"}
