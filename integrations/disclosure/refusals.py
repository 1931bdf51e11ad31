"""Refusals of nobody in particular: counted per address and minute, so that a flood cannot grow the trail.

The first of a minute is on record at once, on the chain of the reserved organisation; the rest of that minute follows
as one entry with their number, written at the first refusal after it, or by ``flush()``.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import structlog

from integrations.disclosure import audit
from integrations.errors import AuditUnavailable
from integrations.models import ActorKind, Event, Organization

MINUTE_S = 60

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Minute:
    what: str
    address: str
    number: int


_counts: dict[_Minute, int] = {}
_lock = threading.Lock()


def count_refusal(what: str, address: str) -> None:
    """Note that somebody unknown was refused ``what`` (a word such as ``api`` or ``log-in``). (sync)"""
    minute = _Minute(what, address, int(time.time() // MINUTE_S))
    with _lock:
        first = minute not in _counts
        _counts[minute] = _counts.get(minute, 0) + 1
        over = _take(before=minute.number)
    _write(over)
    if first:
        _record(what, address, 1)


def flush() -> None:
    """Write what has been counted so far. Called at shutdown. (sync)"""
    with _lock:
        over = _take(before=None)
    _write(over)


def _take(*, before: int | None) -> list[tuple[_Minute, int]]:
    taken = [(minute, count) for minute, count in _counts.items() if before is None or minute.number < before]
    for minute, _count in taken:
        del _counts[minute]
    return taken


def _write(counted: list[tuple[_Minute, int]]) -> None:
    for minute, count in counted:
        if count > 1:  # the first is on record already
            _record(minute.what, minute.address, count - 1)


def _record(what: str, address: str, count: int) -> None:
    entry = audit.Entry(
        organization_id=Organization.objects.system().pk,
        event=Event.DENIED,
        outcome="not identified",
        actor_kind=ActorKind.ANONYMOUS,
        address=address,
        detail={"what": what, "count": count},
    )
    try:
        audit.record_anywhere(entry)
    except AuditUnavailable:
        # Nobody gets anything on the strength of a refusal, so it stands without its entry.
        log.error("audit.refusal_lost", what=what, count=count)
