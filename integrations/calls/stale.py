"""Takes calls for ended of which nothing was heard for longer than Twilio lets them last, so that nobody holds them for good.

What Twilio still tells of them later counts more (see ``progress``).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from integrations.calls.apply import lock, settle
from integrations.calls.progress import ASSIGNED, CALL_OPEN, STALE, call_mark, reservation_mark, task_mark
from integrations.models import Call, CallTask, Reservation

# A task waits for two weeks at most; from then on, and once a worker has it, for a day. So long may a call last, too.
WAITING, HELD = timedelta(days=15, hours=1), timedelta(hours=25)
MAX_AT_ONCE = 500


def close_stale(now: datetime) -> int:
    """How many tasks and calls were taken for ended. (sync)"""
    tasks = list(_tasks(now).values_list("pk", flat=True)[:MAX_AT_ONCE])
    calls = list(_calls(now).values_list("pk", flat=True)[:MAX_AT_ONCE])
    return sum(_close_task(pk, now) for pk in tasks) + sum(_close_call(pk, now) for pk in calls)


def _tasks(now: datetime) -> QuerySet[CallTask]:
    held = Q(state__in=ASSIGNED, state_at__lt=now - HELD)
    return CallTask.objects.filter(held | Q(state_at__lt=now - WAITING), ended_at=None)


def _calls(now: datetime) -> QuerySet[Call]:
    return Call.objects.filter(status__in=CALL_OPEN, status_at__lt=now - HELD)


def _close_task(pk: int, now: datetime) -> bool:
    """Whether it still was open once nothing else could change it."""
    with transaction.atomic():
        lock(CallTask.objects.values_list("organization_id", flat=True).get(pk=pk))
        task = _tasks(now).select_related("call").filter(pk=pk).first()
        if task is None or task.state_at is None:
            return False
        for row in Reservation.objects.filter(task=task, ended_at=None):
            row.state, row.ended_at, row.mark = STALE, row.state_at, reservation_mark(STALE, row.state_at or row.began_at)
            row.save()
        task.state, task.ended_at, task.mark = STALE, task.state_at, task_mark(STALE, task.state_at)
        task.save()
        settle(task.call)
        return True


def _close_call(pk: int, now: datetime) -> bool:
    with transaction.atomic():
        lock(Call.objects.values_list("organization_id", flat=True).get(pk=pk))
        call = _calls(now).filter(pk=pk).first()
        if call is None or call.status_at is None:
            return False
        call.status, call.status_mark = STALE, call_mark(STALE, call.status_at)
        settle(call)
        return True
