"""What lookups share: kept answers, questions under way, pauses and budgets. In one process's memory, or in Redis."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from integrations.lookup.backends.memory import MemoryBackends
from integrations.lookup.backends.protocols import (
    NO_PAGE,
    Answers,
    Backends,
    CachePage,
    CircuitStates,
    RateLimits,
    SharedSingleFlight,
)
from integrations.lookup.backends.redis import RedisBackends
from integrations.storage.redis import client_of

__all__ = ["NO_PAGE", "Answers", "Backends", "CachePage", "CircuitStates", "RateLimits", "SharedSingleFlight", "backends"]


@cache
def backends() -> Backends:
    """The process's own."""
    return RedisBackends(client_of(settings.REDIS_URL)) if settings.REDIS_URL else MemoryBackends()
