"""What the doors send and receive, noted for whoever tries a system in the browser, and for how systems do."""

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


_received: ContextVar[list[int] | None] = ContextVar("received", default=None)


def count_received() -> list[int]:
    """Filled with the size in bytes of each answer that a door receives from now on in the running context."""
    sizes: list[int] = []
    _received.set(sizes)
    return sizes


def record_received(size: int) -> None:
    """Called by a door that knows how much it received."""
    if (sizes := _received.get()) is not None:
        sizes.append(size)
