"""Numbers that many people turned out to share: proposed to the organisation's admin, who knows whether it is a care home.

They are read off the access trail, which tells of each lookup how many people it met: nothing more is kept for it, and no
lookup is slower for it. Only the last digits of a number are shown, and no names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.utils import timezone

from integrations.disclosure.audit import subject_text
from integrations.disclosure.chain import subject_key
from integrations.disclosure.viewers import UNRESTRICTED_TIER
from integrations.models import AccessEntry, Event, Organization
from integrations.phone import Number, classify

# A household is smaller.
MANY = 6
WITHIN = timedelta(days=30)
# So many lookups are looked through, the latest: the page costs the same after years of use, and the admin's first page,
# which everybody opens, a part of it.
MAX_LOOKUPS, FEW_LOOKUPS = 2_000, 500
MAX_PROPOSED = 20


@dataclass(frozen=True)
class Proposal:
    """One number; ``key`` names it to the form. ``people`` had it when most were met, ``at`` is its last lookup."""

    key: str
    hint: str
    people: int
    at: datetime


def proposals(organization: Organization, lookups: int | None = None) -> list[Proposal]:
    """Numbers of the latest ``lookups`` that are not on the organisation's list yet, the one with most people first."""
    met: dict[str, tuple[int, datetime, int]] = {}
    for entry in _lookups(organization, lookups or MAX_LOOKUPS):
        people = entry["detail"].get("match_count", 0)
        if isinstance(people, int) and people >= MANY and "found_by" not in entry["detail"]:
            most, at, pk = met.get(entry["subject_key"], (0, entry["at"], entry["pk"]))
            met[entry["subject_key"]] = max(most, people), at, pk
    return list(islice(_not_listed(organization, met), MAX_PROPOSED))


def _not_listed(organization: Organization, met: dict[str, tuple[int, datetime, int]]) -> Iterator[Proposal]:
    """Some of those met may be on the list since, in whichever form of the number: they take no other's place."""
    listed = frozenset(organization.shared_numbers)
    # Known without being read, or a full list would cost a query for each.
    keys = {subject_key(organization.audit_secret, number) for number in listed}
    for key, (people, at, pk) in sorted(met.items(), key=lambda item: -item[1][0]):
        number = _number(organization, pk) if key not in keys else None
        if number and listed.isdisjoint(number.forms):
            yield Proposal(key, number.hint, people, at)


def number_of(organization: Organization, key: str) -> str:
    """The number of a proposal, as it stands on the list; ``""`` if it is none (any more)."""
    if key not in {proposal.key for proposal in proposals(organization)}:
        return ""
    entry = organization.access_entries.filter(event=Event.LOOKUP, subject_key=key).order_by("-seq").first()
    number = _number(organization, entry.pk) if entry else None
    return number.e164 if number else ""


def _lookups(organization: Organization, most: int) -> Iterator[Any]:
    """The latest of those to whom restricted clients do not exist, so that no count tells of one."""
    since = timezone.now() - WITHIN
    rows = organization.access_entries.filter(event=Event.LOOKUP).order_by("-seq")
    for entry in rows.values("pk", "at", "tier", "subject_key", "detail")[:most]:
        if entry["at"] >= since and entry["tier"] != UNRESTRICTED_TIER and entry["subject_key"]:
            yield entry


def _number(organization: Organization, pk: int) -> Number | None:
    number = classify(subject_text(AccessEntry.objects.get(pk=pk)), organization.region)
    return number if isinstance(number, Number) else None
