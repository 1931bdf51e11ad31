"""The inbox: what others told the portal, stored before it is acknowledged, and applied once in effect.

Whoever receives something stores it and puts the rows' ids on the queue. A runner claims a row for a while (``leases``) and
applies it in the very transaction that notes that it is done, so that a death at any moment loses nothing and repeats nothing.
What fails is tried again later, and given up after a number of attempts; it stays, and can be replayed.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import Error as AnyDatabaseError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.jobs import leases
from integrations.models import WebhookDelivery

log = structlog.get_logger(__name__)

# A runner that has not come to an end by then is taken for dead.
LEASE = timedelta(minutes=2)
# How long to wait after each attempt that failed. After the last one it is given up.
PAUSES = tuple(timedelta(seconds=s) for s in (2, 15, 60, 300, 900, 3_600, 10_800))
MAX_ATTEMPTS = len(PAUSES) + 1
MAX_AT_ONCE = 500

type Handler = Callable[[WebhookDelivery], None]
_State = WebhookDelivery.State


class _ClaimLost(Exception):
    """Somebody else works on the row by now."""


@dataclass(frozen=True)
class Arrived:
    """One event. ``key`` is its source's own name for it; without a ``payload`` it is of no use and only counted."""

    key: str
    kind: str
    payload: Any = None


def store(organization_id: int, source: str, events: Iterable[Arrived]) -> list[int]:
    """Store what is new, and return the ids of rows that wait to be processed. Once it returns, nothing is lost. (sync)"""
    rows = [
        WebhookDelivery(
            organization_id=organization_id,
            source=source,
            key=one.key,
            kind=one.kind,
            payload=one.payload,
            state=_State.IGNORED if one.payload is None else _State.WAITING,
        )
        for one in events
    ]
    with transaction.atomic():
        WebhookDelivery.objects.bulk_create(rows, ignore_conflicts=True)
    keys = [row.key for row in rows]
    mine = WebhookDelivery.objects.filter(organization_id=organization_id, key__in=keys, state=_State.WAITING, attempts=0)
    return list(mine.order_by("pk").values_list("pk", flat=True))


def due(now: datetime) -> list[int]:
    """The ids of rows that wait, and of those that a dead runner has left; the oldest first."""
    waiting = WebhookDelivery.objects.filter(state=_State.WAITING, due_at__lte=now)
    return list(
        leases.unclaimed(waiting, "claimed_at", now, LEASE).order_by("due_at", "pk").values_list("pk", flat=True)[:MAX_AT_ONCE]
    )


def process(pk: int, handlers: Mapping[str, Handler]) -> datetime | None:
    """Process the row, if it is this runner's turn. Returns when it is to be tried again, None if it is not. (sync)

    A handler works within the transaction that marks its row as done, and may be run again for a row that was replayed.
    """
    now = timezone.now()
    row = _claimed(pk, now)
    if row is None:
        return None
    try:
        with transaction.atomic():
            handlers[row.source](row)
            if not _let_go(row, state=_State.DONE, error=""):
                raise _ClaimLost
    except _ClaimLost:
        return None
    except Exception as problem:
        return _failed(row, problem)
    return None


def _claimed(pk: int, now: datetime) -> WebhookDelivery | None:
    rows = WebhookDelivery.objects.filter(pk=pk, state=_State.WAITING, due_at__lte=now)
    attempts = rows.values_list("attempts", flat=True).first()
    if attempts is None:
        return None
    if not leases.claim(rows.filter(attempts=attempts), "claimed_at", now, LEASE, attempts=attempts + 1):
        return None
    row = WebhookDelivery.objects.select_related("organization").get(pk=pk)
    if row.attempts > MAX_ATTEMPTS:
        # Each of them ended with the runner, which is why none could say what was wrong.
        _give_up(row, row.error or _("Whoever processed it ended over it."))
        return None
    return row


def _failed(row: WebhookDelivery, problem: Exception) -> datetime | None:
    log.error("delivery.failed", delivery=row.pk, kind=row.kind, attempt=row.attempts, problem=_place(problem))
    words = _words(problem)
    if row.attempts >= MAX_ATTEMPTS:
        _give_up(row, words)
        return None
    again = timezone.now() + PAUSES[row.attempts - 1]
    _let_go(row, due_at=again, error=words)
    return again


def _give_up(row: WebhookDelivery, words: str) -> None:
    _let_go(row, state=_State.DEAD, error=words[:200])
    log.error("delivery.given_up", delivery=row.pk, kind=row.kind)


def _let_go(row: WebhookDelivery, **changes: Any) -> bool:
    """End the claim, making the changes; False when somebody else took the row meanwhile."""
    mine = WebhookDelivery.objects.filter(pk=row.pk, state=_State.WAITING, claimed_at=row.claimed_at)
    return bool(mine.update(claimed_at=None, **changes))


def _words(problem: Exception) -> str:
    if isinstance(problem, AnyDatabaseError):
        return _("The database could not be used.")
    return _("It could not be processed (%(place)s).") % {"place": _place(problem)}


def _place(problem: Exception) -> str:
    """The class and the place; never the text, which may hold what was sent."""
    last = traceback.extract_tb(problem.__traceback__)[-1]
    return f"{type(problem).__name__} in {last.name}:{last.lineno}"


def replay(pk: int) -> bool:
    """Let the row be processed again as if it had just come; False when nothing of it was kept. (sync)

    The caller puts it on the queue.
    """
    rows = WebhookDelivery.objects.filter(pk=pk).exclude(state=_State.IGNORED)
    changes = {"state": _State.WAITING, "attempts": 0, "due_at": timezone.now(), "error": "", "claimed_at": None}
    return bool(rows.update(**changes))
