"""The way to Redis for what lookups share: whatever goes wrong there costs what was asked of it and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from redis.asyncio import Redis

from integrations.storage.redis import LeftAlone, LoopClients, Unavailable

log = structlog.get_logger(__name__)


class Link:
    """Redis as far as it answers."""

    def __init__(self, clients: LoopClients) -> None:
        self._clients = clients

    @property
    def redis(self) -> Redis:
        """The running loop's client."""
        return self._clients.here

    @asynccontextmanager
    async def briefly(self) -> AsyncIterator[None]:
        """What goes wrong with Redis within the block, or takes too long, ends the block and is only noted."""
        try:
            async with self._clients.briefly():
                yield
        except LeftAlone:
            pass
        except Unavailable as problem:
            log.warning("cache.unavailable", problem=str(problem))

    async def set(self, key: str, value: bytes, milliseconds: int) -> None:
        async with self.briefly():
            await self.redis.set(key, value, px=milliseconds)

    async def delete(self, *keys: str) -> None:
        async with self.briefly():
            await self.redis.delete(*keys)

    async def close(self) -> None:
        """Let go of the running loop's connections."""
        await self._clients.close()
