"""Work that many wait for at once is done once: who asks what others are asking at this moment waits for the same answer."""

from __future__ import annotations

import asyncio
import contextvars
import math
import time
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

# While no more than these are under way, work begins at once and not when the loop comes round to it. When many are, each
# step is done for all in turn, which a processor does a fifth faster.
FEW = 16


@dataclass(eq=False)
class Flight[T]:
    """One piece of work under way, and how many wait for it. ``open_until`` others may board it; by time.monotonic()."""

    key: Hashable
    task: asyncio.Task[T]
    open_until: float
    waiters: int = 0


@dataclass
class SingleFlight[T]:
    """Work that several wait for. Who leaves takes nothing from the others; when the last one leaves, it is given up."""

    _open: dict[Hashable, Flight[T]] = field(default_factory=dict)

    def board(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]], *, open_s: float = math.inf) -> Flight[T]:
        """The flight of this name, begun with ``work`` if there is none that is still open, and then open for ``open_s``.

        Who boards has to ``leave()`` before it lands.
        """
        flight = self._open.get(key)
        if flight is None or flight.open_until < time.monotonic() or flight.task.get_loop() is not asyncio.get_running_loop():
            # A context of its own: the one who happened to ask first may be gone before the answer comes.
            loop, own = asyncio.get_running_loop(), contextvars.Context()
            task: asyncio.Task[T] = asyncio.Task(work(), loop=loop, context=own, eager_start=len(self._open) < FEW)
            flight = Flight(key, task, time.monotonic() + open_s)
            if not task.done():
                self._open[key] = flight
            task.add_done_callback(partial(self._landed, flight))
        flight.waiters += 1
        return flight

    def leave(self, flight: Flight[T]) -> None:
        """Wait no longer."""
        flight.waiters -= 1
        if not flight.waiters and not flight.task.done():
            self._landed(flight, flight.task)
            flight.task.cancel()

    async def join(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]], *, open_s: float = math.inf) -> T:
        """Board and wait until it lands. Raises what ``work`` raises."""
        flight = self.board(key, work, open_s=open_s)
        try:
            return await asyncio.shield(flight.task)
        finally:
            self.leave(flight)

    def _landed(self, flight: Flight[T], task: asyncio.Task[T]) -> None:
        if self._open.get(flight.key) is flight:
            del self._open[flight.key]
        if task.done() and not task.cancelled():
            task.exception()  # whoever waited has seen it; if nobody did, there is nobody to tell
