"""Background tasks: work that nobody waits for, held on to until it has ended, because the loop itself does not."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)

_tasks: set[asyncio.Task[Any]] = set()


def run_in_background[R](work: Coroutine[Any, Any, R]) -> asyncio.Task[R]:
    """Run to its end what nobody waits for, or not to its end."""
    task = asyncio.create_task(work, context=contextvars.Context())
    _tasks.add(task)
    task.add_done_callback(_let_go)
    return task


async def cancel_background() -> None:
    """End what still goes on in the running loop."""
    loop = asyncio.get_running_loop()
    tasks = [task for task in _tasks if task.get_loop() is loop]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _let_go(task: asyncio.Task[Any]) -> None:
    _tasks.discard(task)
    if not task.cancelled() and (problem := task.exception()):
        log.info("background.failed", problem=type(problem).__name__)
