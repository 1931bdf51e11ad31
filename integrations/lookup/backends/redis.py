"""What the lookups of several processes share, in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from integrations.lookup.backends.link import Link
from integrations.lookup.backends.protocols import Backends, Page
from integrations.lookup.backends.redis_answers import RedisAnswers, RedisPage, key_of
from integrations.lookup.backends.redis_flights import RedisFlights
from integrations.lookup.backends.redis_pauses import RedisPauses
from integrations.lookup.backends.redis_turns import RedisTurns
from integrations.phone import Number
from integrations.storage.redis import LoopClients


class RedisBackends(Backends):
    """All four over one link."""

    answers: RedisAnswers
    pauses: RedisPauses

    def __init__(self, clients: LoopClients) -> None:
        self._link = Link(clients)
        self.answers = RedisAnswers(self._link)
        self.single_flight = RedisFlights(self._link)
        self.pauses = RedisPauses(self._link)
        self.turns = RedisTurns(self._link)

    async def open(self, organization_id: int, about: Number | str, sources: Sequence[str] = ()) -> Page:
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
        return RedisPage(self.answers, key, entries, pauses)

    async def close(self) -> None:
        await self._link.close()
