"""How often a source may be asked: a budget by the second, and how many questions at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from integrations.connectors.base import Deadline
from integrations.errors import OverBudget

# Who would have to wait longer than this share of what time is left gets nothing now instead of an answer too late.
PATIENCE = 0.5


class Limiter:
    """One source's budget within this process. ``rps`` and ``concurrency`` 0: without a limit."""

    def __init__(self, connector: str, rps: float, concurrency: int) -> None:
        self.connector = connector
        self.rps = rps
        self.concurrency = concurrency
        self._next_at = float("-inf")  # when the next question fits into the budget
        self._running = 0

    @asynccontextmanager
    async def turn(self, deadline: Deadline) -> AsyncIterator[None]:
        """The source may be asked within the block. Raises OverBudget instead of waiting too long for it."""
        if self.concurrency and self._running >= self.concurrency:
            raise OverBudget(self.connector, "as many questions are open as may be")
        wait = self._wait(deadline)
        self._running += 1
        try:
            if wait > 0:
                await asyncio.sleep(wait)
            yield
        finally:
            self._running -= 1

    def _wait(self, deadline: Deadline) -> float:
        """Seconds until this question's turn, which is taken. A second's budget may be spent at once."""
        if not self.rps:
            return 0.0
        now = time.monotonic()
        begins = max(self._next_at, now - 1.0)
        wait = begins + 1.0 / self.rps - now
        if wait > deadline.left() * PATIENCE:
            raise OverBudget(self.connector, "over its budget", retry_after=wait)
        self._next_at = begins + 1.0 / self.rps
        return max(0.0, wait)
