"""How often a source may be asked: so many questions a second, and so many at a time.

Where processes share their turns, they share the budget; where it does not answer, each keeps to the whole budget by itself.
"""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace

from integrations.deadline import Deadline
from integrations.errors import OverBudget
from integrations.lookup.backends import RateLimits
from integrations.lookup.background import run_in_background
from integrations.lookup.rate_limit import RateLimit

# Who would have to wait longer than this share of what time is left gets nothing now instead of an answer too late.
PATIENCE = 0.5
# A slot whose process died is free again this long after its question would have ended.
LEASE_GRACE_S = 1.0


class Limiter:
    """One source's budget. ``name`` is the same in all processes."""

    def __init__(self, connector: str, name: str, rate_limit: RateLimit) -> None:
        self.connector = connector
        self.name = name
        self.rate_limit = rate_limit
        self._began: deque[float] = deque(maxlen=rate_limit.requests or 1)  # the last turns, the oldest first
        self._running = 0

    def acquired(self, deadline: Deadline, shared: RateLimits, *, counts: bool = True) -> AbstractAsyncContextManager[None]:
        """The source may be asked within the block. Raises OverBudget instead of waiting too long for it.

        ``counts``: whether it is one of the questions of which there may be so many a second.
        """
        rate_limit = self.rate_limit if counts else replace(self.rate_limit, requests=0)
        return self._turn(rate_limit, deadline, shared) if rate_limit else nullcontext()

    @asynccontextmanager
    async def _turn(self, rate_limit: RateLimit, deadline: Deadline, shared: RateLimits) -> AsyncIterator[None]:
        patience, slot = deadline.left() * PATIENCE, uuid.uuid4().hex
        told = await shared.acquire(self.name, slot, rate_limit, patience, deadline.left() + LEASE_GRACE_S)
        wait = self._wait(rate_limit) if told is None else told
        if wait > patience:
            why = "as many questions are open as may be" if math.isinf(wait) else "over its budget"
            raise OverBudget(self.connector, why, retry_after=None if math.isinf(wait) else wait)
        if rate_limit.requests:
            self._began.append(time.monotonic() + wait)
        self._running += 1
        try:
            if wait > 0:
                await asyncio.sleep(wait)
            yield
        finally:
            self._running -= 1
            if told is not None and rate_limit.concurrency:
                run_in_background(shared.release(self.name, slot))

    def _wait(self, rate_limit: RateLimit) -> float:
        """The wait by what this process itself has asked."""
        if rate_limit.concurrency and self._running >= rate_limit.concurrency:
            return math.inf
        if not rate_limit.requests or len(self._began) < rate_limit.requests:
            return 0.0
        return max(0.0, self._began[0] + rate_limit.window_s - time.monotonic())
