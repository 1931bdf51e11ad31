"""Finds out which agent holds which call, as the events of reservations tell."""

from __future__ import annotations

from django.db.models import Case, IntegerField, QuerySet, Value, When

from integrations.calls.progress import HELD
from integrations.models import Call, Person, Reservation


def holder_of(call: Call) -> Person | None:
    """The person who accepted the call last and has not let go of it; None if nobody holds it, or nobody known here. (sync)"""
    return holders_of(call).first()


def holders_of(call: Call) -> QuerySet[Person]:
    """Everybody who holds a task of the call at this moment, like both ends of a transfer; who accepted last comes first."""
    held = Reservation.objects.filter(
        task__call=call, task__organization_id=call.organization_id, task__ended_at=None, state__in=HELD, ended_at=None
    )
    workers = held.order_by("-began_at", "-pk").values_list("worker_sid", flat=True)
    return _in_order(call.organization_id, list(dict.fromkeys(workers)))


def _in_order(organization_id: int, workers: list[str]) -> QuerySet[Person]:
    people = Person.objects.filter(organization_id=organization_id, worker_sid__in=workers, active=True)
    order = Case(
        *(When(worker_sid=worker, then=Value(place)) for place, worker in enumerate(workers)),
        default=Value(len(workers)),
        output_field=IntegerField(),
    )
    return people.annotate(place=order).order_by("place")
