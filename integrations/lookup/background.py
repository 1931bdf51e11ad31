"""Work that nobody waits for, held on to until it has ended."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)

_behind: set[asyncio.Task[object]] = set()


def go_on_behind(work: Coroutine[Any, Any, object]) -> None:
    """Run to its end what nobody waits for."""
    task = asyncio.create_task(work, context=contextvars.Context())
    _behind.add(task)
    task.add_done_callback(_let_go)


async def finish_behind() -> None:
    """End what still goes on behind, in the running loop."""
    loop = asyncio.get_running_loop()
    tasks = [task for task in _behind if task.get_loop() is loop]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _let_go(task: asyncio.Task[object]) -> None:
    _behind.discard(task)
    if not task.cancelled() and (problem := task.exception()):
        log.info("behind.failed", problem=type(problem).__name__)
