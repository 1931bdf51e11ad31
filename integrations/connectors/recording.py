"""What the doors send, noted for whoever tries a system in the browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Sent:
    """One request that a door sent, for whoever tries a system: without headers and bodies, which hold secrets and data.

    ``status`` is an HTTP status or ``ok``; empty where no answer came.
    """

    what: str
    status: str
    ms: float


_recorded: ContextVar[list[Sent] | None] = ContextVar("recorded", default=None)


@contextmanager
def recording() -> Iterator[list[Sent]]:
    """What the doors send within the block."""
    sent: list[Sent] = []
    marker = _recorded.set(sent)
    try:
        yield sent
    finally:
        _recorded.reset(marker)


def record_sent(what: str, status: str, began: float) -> None:
    """Called by a door after each request; ``began`` by time.monotonic()."""
    if (sent := _recorded.get()) is not None:
        sent.append(Sent(what, status, round((time.monotonic() - began) * 1000, 1)))
