"""A source's budget: how often it may be asked, and how many questions may be open at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class RateLimit:
    """``requests`` in any ``window_s`` seconds, and ``concurrency`` questions at a time; 0: without a limit."""

    requests: int = 0
    window_s: float = 1.0
    concurrency: int = 0

    @classmethod
    def of(cls, rps: float, concurrency: int) -> RateLimit:
        requests = math.ceil(rps)
        return cls(requests, requests / rps if rps else 1.0, concurrency)

    def __bool__(self) -> bool:
        return bool(self.requests or self.concurrency)
