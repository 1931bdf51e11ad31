"""How many of Django's own pages are worked on at once: each takes a thread, and most a connection to the database.

Who comes when all are taken waits a little. One browser waits in so many places only, so that a greedy one keeps others from
nothing. A stream that has begun takes no turn any longer.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings
from django.http import parse_cookie

AT_ONCE = 40
WAITING_PER_SESSION = 32
WAITING = 2_000
PATIENCE_S = 20

Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class TooBusy(Exception):
    """``str()`` is the sentence for whoever waits."""

    code = "throttled"


class _Turns:
    """The turns of one loop."""

    def __init__(self) -> None:
        self.free = asyncio.Semaphore(AT_ONCE)
        self.waiting: Counter[str] = Counter()


class Turn:
    """One page that is worked on."""

    def __init__(self, free: asyncio.Semaphore) -> None:
        self._free: asyncio.Semaphore | None = free

    def end(self) -> None:
        if self._free:
            self._free.release()
            self._free = None

    def until_answered(self, send: Send) -> Send:
        """``send``, which ends the turn once the answer begins."""

        async def sending(message: Mapping[str, Any]) -> None:
            self.end()
            await send(message)

        return sending


_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = WeakKeyDictionary()


def refuse_crowd(scope: Mapping[str, Any]) -> None:
    """Raises TooBusy where so much waits already that one more would not get a turn."""
    waiting, session = _here().waiting, _session_of(scope)
    if (session and waiting[session] >= WAITING_PER_SESSION) or waiting.total() >= WAITING:
        raise TooBusy("Too much is asked here at once. Try again in a few seconds.")


@asynccontextmanager
async def turn(scope: Mapping[str, Any]) -> AsyncIterator[Turn]:
    """A turn, when it comes. Raises TooBusy where too much waits already, or for too long."""
    refuse_crowd(scope)
    turns, session = _here(), _session_of(scope)
    waiting = turns.waiting
    waiting[session] += 1
    try:
        async with asyncio.timeout(PATIENCE_S):
            await turns.free.acquire()
    except TimeoutError:
        raise TooBusy("The portal is busy. Try again in a few seconds.") from None
    finally:
        waiting[session] -= 1
        if not waiting[session]:
            del waiting[session]
    mine = Turn(turns.free)
    try:
        yield mine
    finally:
        mine.end()


def _here() -> _Turns:
    loop = asyncio.get_running_loop()
    if loop not in _by_loop:
        _by_loop[loop] = _Turns()
    return _by_loop[loop]


def _session_of(scope: Mapping[str, Any]) -> str:
    """The session that the browser names; "" for none. A made-up one waits like anybody."""
    for name, value in scope["headers"]:
        if name == b"cookie":
            return parse_cookie(value.decode("latin-1")).get(settings.SESSION_COOKIE_NAME, "")
    return ""
