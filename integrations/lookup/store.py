"""The place where this process keeps what systems answered lately: in memory, or with others in Redis."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from integrations.lookup.cache import MemoryStore, Store
from integrations.lookup.redis_store import RedisStore


@cache
def store() -> Store:
    """The process's one."""
    return RedisStore(settings.REDIS_URL) if settings.REDIS_URL else MemoryStore()
