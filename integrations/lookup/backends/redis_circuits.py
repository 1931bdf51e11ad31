"""Pauses in Redis: each process tells those that it has begun, and reads those of others when a lookup begins."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from integrations.lookup.backends.link import Link
from integrations.lookup.breaker import OpenCircuit


class RedisCircuitStates:
    """The pauses of all sources, for all processes."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def tell(self, source: str, pause: OpenCircuit | None) -> None:
        if pause is None:
            await self._link.delete(_key(source))
        else:
            await self._link.set(_key(source), orjson.dumps(pause), max(1, int((pause.until - time.time()) * 1000)))

    def ask_for(self, pipeline: Any, sources: Sequence[str]) -> None:
        """Put the question for these sources' pauses into a pipeline."""
        pipeline.mget([_key(source) for source in sources])

    def told(self, sources: Sequence[str], answer: Sequence[bytes | None]) -> Mapping[str, OpenCircuit]:
        """The pauses in the pipeline's answer, by source."""
        return {source: OpenCircuit(**orjson.loads(raw)) for source, raw in zip(sources, answer, strict=True) if raw}


def _key(source: str) -> str:
    return f"connie:p:{source}"
