"""Kept answers in Redis: a hash for each number, read as a whole when a lookup begins, its entries encrypted."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from integrations.errors import ConfigurationError
from integrations.lookup.backends.link import Link
from integrations.lookup.backends.protocols import CachePage
from integrations.lookup.backends.sealing import opened, sealed
from integrations.lookup.breaker import OpenCircuit
from integrations.lookup.cache import STALE_S, CachedAnswer, Outcome, page_key
from integrations.phone import Number
from integrations.profile import SourceRecord
from integrations.storage.encryption import blind_index


class RedisCachePage(CachePage):
    """What was kept for a number when a lookup began."""

    def __init__(
        self, answers: RedisAnswers, key: str, entries: Mapping[bytes, bytes], pauses: Mapping[str, OpenCircuit]
    ) -> None:
        self._answers, self.key, self._entries = answers, key, entries
        self.pauses = pauses
        self.opened_at = time.time()

    def get(self, name: str) -> CachedAnswer | None:
        raw = self._entries.get(name.encode())
        if raw is None:
            return None
        at, _space, content = raw.partition(b" ")
        try:
            found = opened(content)
            return CachedAnswer(found.records, float(at), found.remarks, found.left_out)
        except ConfigurationError:
            return None

    async def put(self, name: str, kept: CachedAnswer, keeps_s: int) -> None:
        content = f"{kept.at} ".encode() + sealed(Outcome(kept.records, remarks=kept.remarks, left_out=kept.left_out))
        await self._answers.write(self.key, name, content, keeps_s, [_index(name, record) for record in kept.records])


class RedisAnswers:
    """The pages of all numbers, for all processes."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def ask_for(self, pipeline: Any, key: str) -> None:
        """Put the question for a page into a pipeline."""
        pipeline.hgetall(key)

    async def write(self, key: str, name: str, content: bytes, keeps_s: int, indexes: Sequence[str]) -> None:
        """Keep an entry of a page, and under which numbers its records are found."""
        async with self._link.briefly(), self._link.redis.pipeline(transaction=False) as pipeline:
            pipeline.hset(key, name, content)
            pipeline.expire(key, max(keeps_s, STALE_S))
            for index in indexes:
                pipeline.sadd(index, key)
                pipeline.expire(index, STALE_S)
            await pipeline.execute()

    async def forget_number(self, organization_id: int, number: Number) -> None:
        await self._link.delete(key_of(organization_id, number))

    async def forget_record(self, organization_id: int, connector: str, record_id: str) -> None:
        index = _record_key(str(organization_id), connector, record_id)
        keys: Iterable[object] = ()
        async with self._link.briefly():
            keys = await self._link.redis.smembers(index)
        await self._link.delete(index, *(key.decode() for key in keys if isinstance(key, bytes)))

    def sweep(self) -> None:
        """Redis lets go of what has expired by itself."""


def key_of(organization_id: int, about: Number | str) -> str:
    """The page's key in Redis."""
    return f"connie:n:{page_key(organization_id, about)}"


def _index(name: str, record: SourceRecord) -> str:
    return _record_key(name.partition(":")[0], record.connector, record.record_id)


def _record_key(organization: str, connector: str, record_id: str) -> str:
    """A blind index, because a record's id may be a person's e-mail address or number."""
    return f"connie:r:{blind_index(f'{connector}:{record_id}', scope=f'record:{organization}')}"
