"""Tasks for the tests of the queue: what they did is told to whoever waits for it."""

from __future__ import annotations

import asyncio
import queue

from django.tasks import task

from integrations.outbound.loop import on_loop

done: queue.Queue[object] = queue.Queue()


@task
def note(row_id: int) -> None:
    done.put(row_id)


@task
def fail(row_id: int) -> None:
    raise ValueError(f"Rosa Díaz, 415 555 0123, row {row_id}")


@task
def use_the_loop(row_id: int) -> None:
    done.put(on_loop(_where(), 5))


async def _where() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()
