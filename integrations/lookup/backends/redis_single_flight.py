"""Questions under way in any process: whoever asks leaves a mark in Redis, and the outcome for a moment.

Failures and "nobody" are left as well, so that whoever has waited does not ask again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from integrations.errors import ConfigurationError
from integrations.lookup.backends.link import Link
from integrations.lookup.backends.protocols import CachePage
from integrations.lookup.backends.sealing import opened, sealed
from integrations.lookup.background import run_in_background
from integrations.lookup.cache import Outcome

# How long an outcome is there for those who waited for it in other processes.
OUTCOME_MS = 2_000
LOOK_EVERY_S = 0.015
_ASKING = b"asking"


class RedisSingleFlight:
    """Lets one process ask at a time."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def once(self, page: CachePage, name: str, ask: Callable[[], Awaitable[Outcome]], seconds: float) -> Outcome:
        flight = f"{page.key}:{name}:flight"
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            state = await self._claim(flight, _ASKING, seconds)
            if state == _ASKING:
                await asyncio.sleep(LOOK_EVERY_S)
                continue
            if state is not None and float(state.partition(b" ")[0]) >= page.opened_at:
                with suppress(ConfigurationError):
                    return opened(state.partition(b" ")[2])
            if state is not None:
                # Found before this lookup began, and if that still counted, it would be on the page; or not to be read here.
                await self._link.set(flight, _ASKING, int(seconds * 1000) + 1)
            try:
                outcome = await ask()
            except BaseException:
                # Whoever comes next would wait for what never comes. Behind, because this may be a cancellation.
                run_in_background(self._link.delete(flight))
                raise
            await self._link.set(flight, f"{time.time()} ".encode() + sealed(outcome), OUTCOME_MS)
            return outcome
        return await ask()

    async def _claim(self, key: str, value: bytes, seconds: float) -> bytes | None:
        """None when ``key`` is now ours, else what it holds. Ours too when Redis cannot say."""
        held: object = None
        async with self._link.briefly():
            held = await self._link.redis.set(key, value, nx=True, get=True, px=int(seconds * 1000) + 1)
        return held if isinstance(held, bytes) else None
