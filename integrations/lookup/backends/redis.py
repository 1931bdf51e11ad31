"""What the lookups of several processes share, in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from integrations.lookup.backends.link import Link
from integrations.lookup.backends.protocols import Backends, CachePage
from integrations.lookup.backends.redis_answers import RedisAnswers, RedisCachePage, key_of
from integrations.lookup.backends.redis_circuits import RedisCircuitStates
from integrations.lookup.backends.redis_rate_limits import RedisRateLimits
from integrations.lookup.backends.redis_single_flight import RedisSingleFlight
from integrations.phone import Number
from integrations.storage.redis import LoopClients


class RedisBackends(Backends):
    """All four over one link."""

    answers: RedisAnswers
    pauses: RedisCircuitStates

    def __init__(self, clients: LoopClients) -> None:
        self._link = Link(clients)
        self.answers = RedisAnswers(self._link)
        self.single_flight = RedisSingleFlight(self._link)
        self.pauses = RedisCircuitStates(self._link)
        self.rate_limits = RedisRateLimits(self._link)

    async def open(self, organization_id: int, about: Number | str, sources: Sequence[str] = ()) -> CachePage:
        """The page, with the pauses, in one question to Redis."""
        key = key_of(organization_id, about)
        answers: Sequence[Any] = ()
        async with self._link.briefly(), self._link.redis.pipeline(transaction=False) as pipeline:
            self.answers.ask_for(pipeline, key)
            if sources:
                self.pauses.ask_for(pipeline, sources)
            answers = await pipeline.execute()
        entries, *rest = answers or [{}]
        pauses = self.pauses.told(sources, rest[0]) if rest else {}
        return RedisCachePage(self.answers, key, entries, pauses)

    async def close(self) -> None:
        await self._link.close()
