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
from integrations.lookup.backends import Turns
from integrations.lookup.background import run_in_background
from integrations.lookup.budget import Budget

# Who would have to wait longer than this share of what time is left gets nothing now instead of an answer too late.
PATIENCE = 0.5
# A slot whose process died is free again this long after its question would have ended.
LEASE_GRACE_S = 1.0


class Limiter:
    """One source's budget. ``name`` is the same in all processes."""

    def __init__(self, connector: str, name: str, budget: Budget) -> None:
        self.connector = connector
        self.name = name
        self.budget = budget
        self._began: deque[float] = deque(maxlen=budget.turns or 1)  # the last turns, the oldest first
        self._running = 0

    def turn(self, deadline: Deadline, shared: Turns, *, counts: bool = True) -> AbstractAsyncContextManager[None]:
        """The source may be asked within the block. Raises OverBudget instead of waiting too long for it.

        ``counts``: whether it is one of the questions of which there may be so many a second.
        """
        budget = self.budget if counts else replace(self.budget, turns=0)
        return self._turn(budget, deadline, shared) if budget else nullcontext()

    @asynccontextmanager
    async def _turn(self, budget: Budget, deadline: Deadline, shared: Turns) -> AsyncIterator[None]:
        patience, slot = deadline.left() * PATIENCE, uuid.uuid4().hex
        told = await shared.take(self.name, slot, budget, patience, deadline.left() + LEASE_GRACE_S)
        wait = self._wait(budget) if told is None else told
        if wait > patience:
            why = "as many questions are open as may be" if math.isinf(wait) else "over its budget"
            raise OverBudget(self.connector, why, retry_after=None if math.isinf(wait) else wait)
        if budget.turns:
            self._began.append(time.monotonic() + wait)
        self._running += 1
        try:
            if wait > 0:
                await asyncio.sleep(wait)
            yield
        finally:
            self._running -= 1
            if told is not None and budget.concurrency:
                run_in_background(shared.end(self.name, slot))

    def _wait(self, budget: Budget) -> float:
        """The wait by what this process itself has asked."""
        if budget.concurrency and self._running >= budget.concurrency:
            return math.inf
        if not budget.turns or len(self._began) < budget.turns:
            return 0.0
        return max(0.0, self._began[0] + budget.window_s - time.monotonic())
