"""How often a number called lately, and whom it reached last: from the portal's own calls.

Told only beside one person who is shown; so whoever is nobody to a viewer has no calls either. A number that many share says
nothing of one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import Error as AnyDatabaseError
from django.db.models import QuerySet
from django.utils import timezone

from integrations.disclosure.context import Context
from integrations.disclosure.viewers import Viewer
from integrations.models import Call, CallRecord, Organization, Person, Reservation
from integrations.models.calls import Direction
from integrations.phone import Number
from integrations.profile import Field, FieldType, Ref, Section, Sensitivity
from integrations.sentences import gettext_noop
from integrations.storage.database_thread import in_database_thread
from integrations.storage.encryption import blind_index

DAYS = 30
MAX_CALLS = 1_000
OURS = "portal"
CALLS = Field("calls_30d", gettext_noop("Calls in 30 days"), Section.CONTACT, FieldType.NUMBER, Sensitivity.BASIC)
AGENT = "last_agent"
_REACHED = ("accepted", "wrapping", "completed")

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class CallsBefore:
    """The calls of the last days before this one. ``last_with``: empty where no agent took it, or none of the viewer's team."""

    count: int
    last_at: datetime | None = None
    last_with: str = ""

    @property
    def on_record(self) -> tuple[dict[str, object], ...]:
        """What of it is told, as the audit trail says it."""
        told = [CALLS.name, *([AGENT] if self.last_with else [])]
        return tuple({"field": name, "effect": "clear", "sources": [OURS]} for name in told)


async def calls_before(viewer: Viewer, context: Context, number: Number, refs: frozenset[Ref]) -> CallsBefore | None:
    """Count the calls of ``number`` that may have been those of the person with these records; None where nothing is said."""
    try:
        return await in_database_thread(_calls_before, viewer, context, number, refs)
    except AnyDatabaseError as problem:  # no reason not to show the caller
        log.warning("calls.not_counted", problem=type(problem).__name__)
        return None


def _calls_before(viewer: Viewer, context: Context, number: Number, refs: frozenset[Ref]) -> CallsBefore | None:
    shared = Organization.objects.values_list("shared_numbers", flat=True).get(pk=viewer.organization_id)
    if not set(number.forms).isdisjoint(shared):
        return None
    calls = dict(_of(number, viewer.organization_id, context.call_sid).values_list("pk", "created_at")[:MAX_CALLS])
    others = _of_others(calls, refs)
    theirs = {pk: at for pk, at in calls.items() if pk not in others}
    if not theirs:
        return CallsBefore(0)
    last = max(theirs, key=lambda pk: (theirs[pk], pk))
    return CallsBefore(len(theirs), theirs[last], _taken_by(last, viewer))


def _of(number: Number, organization_id: int, but: str) -> QuerySet[Call]:
    """The calls that came in; a look at a number from the dashboard has no SID."""
    indexes = [blind_index(form, scope=f"call:{organization_id}") for form in number.forms]
    calls = Call.objects.filter(organization_id=organization_id, number_index__in=indexes, direction=Direction.INBOUND)
    since = timezone.now() - timedelta(days=DAYS)
    return calls.filter(call_sid__isnull=False, created_at__gte=since).exclude(call_sid=but).order_by("-created_at")


def _of_others(calls: dict[int, datetime], refs: frozenset[Ref]) -> set[int]:
    """The calls of which an agent said that somebody else was calling."""
    said = CallRecord.objects.filter(call_id__in=list(calls)).values_list("call_id", "state", "connector__key", "record_id")
    rows = [(pk, state, (key, record_id) in refs) for pk, state, key, record_id in said]
    theirs = {pk for pk, state, is_theirs in rows if state == CallRecord.State.PICKED and is_theirs}
    picked = {pk for pk, state, _is_theirs in rows if state == CallRecord.State.PICKED}
    rejected = {pk for pk, state, is_theirs in rows if state == CallRecord.State.REJECTED and is_theirs}
    return (picked | rejected) - theirs


def _taken_by(call_id: int, viewer: Viewer) -> str:
    """The agent who took it last, as far as this viewer's team may know."""
    took = Reservation.objects.filter(task__call_id=call_id, state__in=_REACHED).order_by("-began_at", "-pk")
    worker = took.values_list("worker_sid", flat=True).first()
    people = Person.objects.filter(organization_id=viewer.organization_id, worker_sid=worker).select_related("user")
    person = people.first() if worker else None
    if person is None or (viewer.team and person.team != viewer.team):
        return ""
    return person.label
