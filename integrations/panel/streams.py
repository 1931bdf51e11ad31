"""How many streams one browser may keep open: a panel has one, and whoever opens a thousand takes them from everybody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from weakref import WeakSet

from django.http import StreamingHttpResponse

# An agent has a panel for each call, and few calls; a browser's tabs that were left open end their streams by themselves.
MAX_PER_SESSION = 12

# Weak, because one whose client goes away while the answer is being prepared is dropped without a word.
_open: dict[str, WeakSet[EventStream]] = {}


def too_many(session: str) -> bool:
    """Whether this web session has as many streams as it may, in this process."""
    return len(_open.get(session, ())) >= MAX_PER_SESSION


class EventStream(StreamingHttpResponse):
    """Server-sent events. It counts for its session from when it is made until it was sent or given up."""

    def __init__(self, session: str, events: AsyncIterator[bytes]) -> None:
        # A proxy that gathers the answer would undo the point of it.
        headers = {"X-Accel-Buffering": "no"}
        self._session = session
        super().__init__(self._counted(events), content_type="text/event-stream; charset=utf-8", headers=headers)
        _open.setdefault(session, WeakSet()).add(self)

    async def _counted(self, events: Any) -> AsyncIterator[bytes]:
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()
            self._leave()

    def close(self) -> None:
        """Close the stream, also one that never began, because its client had gone by then."""
        super().close()
        self._leave()

    def _leave(self) -> None:
        mine = _open.get(self._session)
        if mine is not None:
            mine.discard(self)
            if not mine:
                del _open[self._session]
