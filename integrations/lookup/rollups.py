"""Hours of systems summed up from single questions, which are kept for weeks only."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Max

from integrations.models import Attempt, AttemptRollup

HOUR = timedelta(hours=1)
# By then what was noted in an hour has been written.
SETTLED_AFTER = timedelta(minutes=2)


def roll_up(now: datetime) -> int:
    """Sum up each hour that is over and has not been yet; the number of hours. May be run by several at once."""
    hours, end = 0, _hour_of(now - SETTLED_AFTER)
    while (hour := _next(end)) is not None:
        rollups = _summed_up(hour)
        with transaction.atomic():
            AttemptRollup.objects.bulk_create(rollups, ignore_conflicts=True)
        hours += 1
    return hours


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _next(end: datetime) -> datetime | None:
    """The first hour before ``end`` with questions that are not summed up."""
    last = AttemptRollup.objects.filter(hour__lt=end).aggregate(last=Max("hour"))["last"]
    waiting = Attempt.objects.filter(at__lt=end, **({"at__gte": last + HOUR} if last else {}))
    first = waiting.order_by("at").values_list("at", flat=True).first()
    return _hour_of(first) if first else None


def _summed_up(hour: datetime) -> list[AttemptRollup]:
    within = Attempt.objects.filter(at__gte=hour, at__lt=hour + HOUR)
    rollups: dict[int, AttemptRollup] = {}
    by = ("organization_id", "connector_id", "outcome", "cached", "breaker")
    for group in within.order_by().values(*by).annotate(n=Count("pk")):
        key, number = group["connector_id"], group["n"]
        rollup = rollups.setdefault(
            key, AttemptRollup(organization_id=group["organization_id"], connector_id=key, hour=hour, outcomes={})
        )
        if group["cached"]:
            rollup.cached += number
        elif Attempt.was_asked(group["outcome"], group["breaker"]):
            rollup.outcomes[group["outcome"]] = rollup.outcomes.get(group["outcome"], 0) + number
        else:
            rollup.held_back += number
    for key, took in within.asked().percentiles().items():
        rollups[key].p50_ms, rollups[key].p95_ms = took
    return list(rollups.values())
