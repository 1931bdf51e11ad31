"""Clients whom only the tier ``admin`` may see: a system marks their record ``restricted``, or an admin has listed it.

For everybody else they are not there: not as a person, not as one of several, not as a system that found somebody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from integrations.disclosure.viewers import Viewer
from integrations.lookup.result import LookupResult, SourceOutcome, SourceStatus, status_of
from integrations.models import RestrictedRecord
from integrations.models.snapshots import Snapshots
from integrations.profile import CallerProfile, Ref

UNRESTRICTED_TIER = "admin"


def _load_listed(organization_id: int) -> frozenset[Ref]:
    return frozenset(
        RestrictedRecord.objects.filter(organization_id=organization_id).values_list("connector__key", "record_id")
    )


_listed = Snapshots(_load_listed)


async def restricted_people(result: LookupResult) -> list[CallerProfile]:
    """Those of the result, and of whom it sets aside, whom only the tier ``admin`` may see."""
    people = (*result.people, *result.set_aside)
    listed = await _listed.get(result.organization_id) if people else frozenset()
    return [person for person in people if _is_marked(person) or _is_listed(person, listed)]


async def is_restricted(person: CallerProfile, result: LookupResult, viewer: Viewer) -> bool:
    """Of a person in the result as this viewer sees it: others' results hold nobody who is."""
    return viewer.tier == UNRESTRICTED_TIER and person in await restricted_people(result)


async def as_seen_by(viewer: Viewer, result: LookupResult) -> LookupResult:
    """The result without restricted people, and worded as if they did not exist."""
    if viewer.tier == UNRESTRICTED_TIER:
        return result
    restricted = await restricted_people(result)
    if not restricted:
        return result
    people = tuple(person for person in result.people if person not in restricted)
    set_aside = tuple(person for person in result.set_aside if person not in restricted)
    hidden = {connector for person in restricted for connector, _record_id in person.refs}
    # What was asked about a person tells that there is one.
    outcomes = result.sources if people else tuple(source.by_number or source for source in result.sources)
    visible = (*people, *set_aside)
    sources = tuple(_worded(source, visible) if source.key in hidden else source for source in outcomes)
    status = status_of(sources, len(people))
    return replace(result, people=people, set_aside=set_aside, sources=sources, status=status)


def _is_marked(person: CallerProfile) -> bool:
    """If any of the systems says so, whatever its priority, or says something that cannot be read."""
    return any(record.fields.get("restricted") is True or "restricted" in record.unreadable for record in person.records)


def _is_listed(person: CallerProfile, listed: frozenset[Ref]) -> bool:
    """By the id as the connector names it (``Contact/003…``), or as people see it in the system (``003…``)."""
    return any((key, name) in listed for key, record_id in person.refs for name in (record_id, record_id.rpartition("/")[2]))


def _worded(source: SourceOutcome, people: Iterable[CallerProfile]) -> SourceOutcome:
    left = sum(1 for person in people for connector, _record_id in person.refs if connector == source.key)
    if not source.status.answered:
        return source
    status = (SourceStatus.NOT_FOUND, SourceStatus.FOUND, SourceStatus.MANY)[min(left, 2)]
    return replace(source, status=status, incomplete=False, unreadable=(), message="")
