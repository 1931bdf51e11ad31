"""How long somebody waits, from the caller's side of everything that takes time."""

from __future__ import annotations

import time


class Deadline:
    """A point in time by which something must have ended; monotonic, so a clock jump changes nothing."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.at = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - time.monotonic())

    def within(self, seconds: float) -> Deadline:
        """The earlier of this deadline and ``seconds`` from now."""
        return Deadline(min(seconds, self.left()))
