"""Database work out of asynchronous code."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from asgiref.sync import sync_to_async
from django.db import close_old_connections, connection

# Few: what a lookup needs is kept in the process, so that a hop is the exception.
_threads = ThreadPoolExecutor(4, thread_name_prefix="database")


async def in_database_thread[**P, R](work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run ``work`` on a thread that leaves no connection behind.

    For code that may run on the thin stack (``connie_portal.asgi``), where no signal of a request's end closes it.
    """

    def tidily() -> R:
        try:
            return work(*args, **kwargs)
        finally:
            if not connection.in_atomic_block:
                close_old_connections()

    return await sync_to_async(tidily, thread_sensitive=False, executor=_threads)()
