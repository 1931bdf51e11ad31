"""Refusals that anybody may cause at will: counted per minute, so that a flood cannot grow the trail.

Of nobody in particular they are counted by address, on the chain of the reserved organisation; of a user who looked where they
have no part, by user, on that user's own chain. The first of a minute is on record at once; the rest of that minute follows as
one entry with their number, written at the first refusal after it, or by ``flush()``.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Literal

import structlog

from integrations.disclosure import audit
from integrations.errors import AuditUnavailable
from integrations.models import ActorKind, Channel, Event, Organization

MINUTE_S = 60

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Refused:
    """One refusal: of whom, of what, in few words, and on whose chain it belongs (0: the reserved organisation's)."""

    what: str
    address: str
    organization_id: int = 0
    actor_kind: ActorKind = ActorKind.ANONYMOUS
    actor_id: str = ""
    actor_label: str = ""
    channel: Channel | Literal[""] = ""
    outcome: str = "not identified"


_counts: dict[tuple[Refused, int], int] = {}
_lock = threading.Lock()


def count_refusal(what: str, address: str) -> None:
    """Note that somebody unknown was refused ``what`` (a word such as ``api`` or ``log-in``). (sync)"""
    count(Refused(what, address))


def count(refused: Refused) -> None:
    """Note a refusal. (sync)"""
    minute = int(time.time() // MINUTE_S)
    with _lock:
        first = (refused, minute) not in _counts
        _counts[refused, minute] = _counts.get((refused, minute), 0) + 1
        over = _take(before=minute)
    _write(over)
    if first:
        _record(refused, 1)


def flush() -> None:
    """Write what has been counted so far. Called at shutdown. (sync)"""
    with _lock:
        over = _take(before=None)
    _write(over)


def _take(*, before: int | None) -> list[tuple[Refused, int]]:
    taken = [(key, count) for key, count in _counts.items() if before is None or key[1] < before]
    for key, _count in taken:
        del _counts[key]
    return [(refused, count) for (refused, _minute), count in taken]


def _write(counted: list[tuple[Refused, int]]) -> None:
    for refused, count in counted:
        if count > 1:  # the first is on record already
            _record(refused, count - 1)


def _record(refused: Refused, count: int) -> None:
    entry = audit.Entry(
        organization_id=refused.organization_id or Organization.objects.system().pk,
        event=Event.DENIED,
        outcome=refused.outcome,
        actor_kind=refused.actor_kind,
        actor_id=refused.actor_id,
        actor_label=refused.actor_label,
        channel=refused.channel,
        address=refused.address,
        detail={"what": refused.what, "count": count},
    )
    try:
        audit.record_anywhere(entry)
    except AuditUnavailable:
        # Nobody gets anything on the strength of a refusal, so it stands without its entry.
        log.error("audit.refusal_lost", what=refused.what, count=count)
