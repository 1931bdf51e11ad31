"""The process's long-lived event loop, for tasks: they are synchronous, and what is open to a source belongs to a loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from integrations.outbound.http import close_clients

_adopted: asyncio.AbstractEventLoop | None = None


def adopt(loop: asyncio.AbstractEventLoop | None) -> None:
    """The loop that this process runs for as long as it serves; None when it ends."""
    global _adopted
    _adopted = loop


def on_loop[R](work: Coroutine[Any, Any, R], seconds: float) -> R:
    """What ``work`` returns, run on the adopted loop, waited for on this thread. Raises TimeoutError after ``seconds``.

    Without an adopted loop, as in a command, it runs on one of its own, whose connections end with it.
    """
    bounded = asyncio.wait_for(work, seconds)
    if _adopted is None:
        return asyncio.run(_tidily(bounded))
    return asyncio.run_coroutine_threadsafe(bounded, _adopted).result()


async def _tidily[R](work: Coroutine[Any, Any, R]) -> R:
    try:
        return await work
    finally:
        await close_clients()
