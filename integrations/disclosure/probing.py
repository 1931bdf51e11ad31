"""How many numbers that nobody has one person or program looks up.

Whoever asks about one number after the other learns who is a client. More than so many different ones within ten minutes
are flagged on the audit trail, and from then on each further lookup has to wait until there are fewer. Restricted clients are
nobody here: a result holds them only for whoever may know of them.

Counted are keyed digests, in Django's cache: for all processes where there is Redis, else for this one.
"""

from __future__ import annotations

import asyncio
import time

from django.conf import settings
from django.core.cache import cache

from integrations.disclosure import audit
from integrations.disclosure.viewers import Viewer
from integrations.errors import TooManyUnknown
from integrations.lookup.result import LookupResult, LookupStatus
from integrations.models import ActorKind, Event
from integrations.storage.encryption import blind_index

WINDOW_S, STEP_S = 600, 60
MAX_OF_A_PERSON, MAX_OF_A_KEY = 60, 600
MAX_BLOCKED = 10_000

# Until when by time.time(); what this process has found out.
_blocked: dict[str, float] = {}


def refuse_probing(viewer: Viewer) -> None:
    """Raises TooManyUnknown while the viewer has to wait, before any system is asked."""
    until = _blocked.get(_name(viewer)) if _blocked else None
    if until is None:
        return
    left = until - time.time()
    if left <= 0:
        _blocked.pop(_name(viewer), None)
        return
    raise TooManyUnknown(left)


async def note_unknown(viewer: Viewer, result: LookupResult) -> None:
    """Count a complete result in which nobody was found, and flag the viewer with whom it becomes too many.

    What systems did not answer does not count, nor a withheld number, nor a number that many share. Raises AuditUnavailable.
    """
    most = _most(viewer)
    number = result.number or (result.search_query.number if result.search_query else None)
    if not most or number is None or result.shared or result.people or result.status is not LookupStatus.NOT_FOUND:
        return
    name, digest = _name(viewer), blind_index(number.e164, scope=f"probing:{_name(viewer)}")
    counting = _count(name, digest) if not settings.REDIS_URL else await asyncio.to_thread(_count, name, digest)
    total = sum(counting)
    if total <= most:
        return
    _blocked[name] = time.time() + _wait_s(counting, most)
    if len(_blocked) > MAX_BLOCKED:
        del _blocked[next(iter(_blocked))]
    if cache.add(f"probing:{name}:told", 1, WINDOW_S):
        await audit.record(viewer.entry(Event.PROBING, outcome="slowed", detail={"count": total, "minutes": WINDOW_S // 60}))


def _most(viewer: Viewer) -> int:
    """How many are usual; 0 for whoever is not counted: Studio's keys, by which every caller is looked up, and commands."""
    if viewer.actor_kind == ActorKind.PERSON:
        return MAX_OF_A_PERSON
    return MAX_OF_A_KEY if viewer.actor_kind == ActorKind.API_KEY and not viewer.looks_up_every_caller else 0


def _name(viewer: Viewer) -> str:
    return f"{viewer.organization_id}:{viewer.actor_kind}:{viewer.actor_id}"


def _count(name: str, digest: str) -> list[int]:
    """How many different numbers there were in each minute of the window, this one included; the latest first."""
    minute = int(time.time() // STEP_S)
    keys = [f"probing:{name}:{minute - back}" for back in range(WINDOW_S // STEP_S)]
    if cache.add(f"probing:{name}:{digest}", 1, WINDOW_S):
        cache.add(keys[0], 0, WINDOW_S + STEP_S)
        try:
            cache.incr(keys[0])
        except ValueError:  # the cache has just let go of it, or is away
            return []
    found = cache.get_many(keys)
    return [int(found.get(key) or 0) for key in keys]


def _wait_s(counted: list[int], most: int) -> float:
    """Seconds until so many of the oldest minutes are over that there is room for another number."""
    left = sum(counted)
    for back in range(len(counted) - 1, -1, -1):
        left -= counted[back]
        if left < most:
            return (len(counted) - back) * STEP_S - time.time() % STEP_S
    return float(WINDOW_S)
