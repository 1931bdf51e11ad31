"""Clients whose records only the tier ``admin`` may see, because a system marks them ``restricted``.

For everybody else they are not there: not as a person, not as one of several, not as a system that found somebody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from integrations.disclosure.viewers import Viewer
from integrations.lookup.result import LookupResult, LookupStatus, SourceOutcome, SourceStatus
from integrations.profile import CallerProfile

UNRESTRICTED_TIER = "admin"


def as_seen_by(viewer: Viewer, result: LookupResult) -> LookupResult:
    """The result without restricted people, and worded as if they did not exist."""
    if viewer.tier == UNRESTRICTED_TIER:
        return result
    people = tuple(person for person in result.people if not _is_restricted(person))
    if len(people) == len(result.people):
        return result
    seen = {connector for person in people for connector, _record_id in person.refs}
    hidden = {connector for person in result.people if person not in people for connector, _record_id in person.refs}
    sources = tuple(_worded(source, people) if source.key in hidden else source for source in result.sources)
    return replace(result, people=people, sources=sources, status=_status(result, people, seen))


def _is_restricted(person: CallerProfile) -> bool:
    """If any of the systems says so, whatever its priority, or says something that cannot be read."""
    return any(record.fields.get("restricted") is True or "restricted" in record.unreadable for record in person.records)


def _worded(source: SourceOutcome, people: Iterable[CallerProfile]) -> SourceOutcome:
    left = sum(1 for person in people for connector, _record_id in person.refs if connector == source.key)
    if not source.status.answered:
        return source
    status = (SourceStatus.NOT_FOUND, SourceStatus.FOUND, SourceStatus.MANY)[min(left, 2)]
    return replace(source, status=status, incomplete=False, unreadable=(), message="")


def _status(result: LookupResult, people: tuple[CallerProfile, ...], seen: set[str]) -> LookupStatus:
    if len(people) > 1 or result.status in (LookupStatus.FAILED, LookupStatus.PARTIAL):
        return result.status
    failed = any(not source.status.answered and source.status is not SourceStatus.SKIPPED for source in result.sources)
    if failed:
        return LookupStatus.PARTIAL
    return LookupStatus.OK if seen else LookupStatus.NOT_FOUND
