"""Work that recurs: done once per period by whichever runner comes first, and again if that one dies over it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.jobs.leases import claim
from integrations.models import PeriodicRun

# Who has not finished by then is taken for dead, and the work is handed out again.
LEASE = timedelta(minutes=15)
# The shortest work recurs every minute, so that a runner that lives is never silent for as long as this.
SILENT_AFTER = timedelta(minutes=3)
_awake_since = time.monotonic()


def due(schedule: Mapping[str, timedelta], now: datetime) -> list[int]:
    """The ids of the runs to put on the queue now: of each work the one of this period, unless another runner was first,
    and what a dead one has left. ``schedule`` is work → how often."""
    return [pk for name, every in schedule.items() if (pk := _handed_out(name, every, now)) is not None]


def _handed_out(name: str, every: timedelta, now: datetime) -> int | None:
    period = int(now.timestamp() // every.total_seconds())
    run, made = PeriodicRun.objects.get_or_create(name=name, period=period, defaults={"handed_at": now})
    if made:
        return run.pk
    if run.done_at is not None or now - run.handed_at < LEASE:  # mostly; so it is not written to find that out
        return None
    return run.pk if claim(_undone(run.pk), "handed_at", now, LEASE, began_at=None) else None


def begin(pk: int) -> PeriodicRun | None:
    """The run, for whoever is first to take it from the queue; None for all others."""
    # Whoever dies over it is noticed by when it was handed out.
    return PeriodicRun.objects.get(pk=pk) if claim(_undone(pk), "began_at", timezone.now()) else None


def _undone(pk: int) -> QuerySet[PeriodicRun]:
    return PeriodicRun.objects.filter(pk=pk, done_at=None)


def finish(run: PeriodicRun) -> None:
    PeriodicRun.objects.filter(pk=run.pk).update(done_at=timezone.now())


def silence() -> str:
    """A sentence when no runner has finished anything for minutes; empty when all is well, or it is too early to tell."""
    if time.monotonic() - _awake_since < SILENT_AFTER.total_seconds():
        return ""
    last = PeriodicRun.objects.filter(done_at__isnull=False).order_by("-done_at").values_list("done_at", flat=True).first()
    since = timezone.now() - last if last else None
    if since is not None and since < SILENT_AFTER:
        return ""
    facts = {"minutes": since.total_seconds() // 60 if since else 0}
    said = _("No runner has worked for %(minutes)d minutes.") % facts if since else _("No runner has worked yet.")
    todo = _(
        "What is due in the background waits. Restart the portal; where it has several processes, start a runner: "
        "manage.py serve --web 0 --runners 1."
    )
    return f"{said} {todo}"
