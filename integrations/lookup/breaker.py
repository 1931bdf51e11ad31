"""The reasons to leave a source alone for a while: it keeps failing, refuses our sign-in, or asked us to slow down."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from integrations.errors import AuthFailed, CircuitOpen, MissingScope, OverBudget, RateLimited, SourceError

log = structlog.get_logger(__name__)

# So many transient failures in a row open the circuit.
FAILURES = 5
FIRST_PAUSE_S = 5.0
MAX_PAUSE_S = 60.0
# A refused sign-in stays refused until somebody renews it; asking on could lock the account.
AUTH_PAUSE_S = 30.0
RATE_PAUSE_S = 2.0


@dataclass(frozen=True)
class OpenCircuit:
    """``word``: ``circuit_open``, ``auth``, ``scope`` or ``rate_limited``. ``until`` is by the wall clock, because several
    processes share it. ``scopes``: those that are missing."""

    word: str
    until: float
    seconds: float
    scopes: Sequence[str] = ()


class Breaker:
    """One source's: closed, open for a while, half open while one request tries. Fed with how requests ended."""

    def __init__(self, connector: str) -> None:
        self.connector = connector
        self.pause: OpenCircuit | None = None
        self._failures = 0
        self._trying_since = float("-inf")

    def adopt(self, told: OpenCircuit | None) -> None:
        """A pause that another process has begun."""
        if told and (self.pause is None or told.until > self.pause.until):
            self.pause = told

    def admit(self) -> None:
        """Raises the SourceError that the pause stands for, unless the source may be asked now."""
        if self.pause is None:
            return
        now = time.time()
        left = self.pause.until - now
        # A clock that was set back must not keep a source away for longer than its pause.
        if left > self.pause.seconds:
            self.pause = None
            return
        if left > 0 or now - self._trying_since < FIRST_PAUSE_S:
            raise self._refusal(self.pause, max(left, 0.0))
        self._trying_since = now  # half open: this request tries, the others wait for what it finds

    def _refusal(self, pause: OpenCircuit, left: float) -> SourceError:
        if pause.word == "auth":
            return AuthFailed(self.connector, "paused")
        if pause.word == "scope":
            return MissingScope(self.connector, "paused", scopes=pause.scopes)
        if pause.word == "rate_limited":
            return RateLimited(self.connector, "paused", retry_after=left)
        return CircuitOpen(self.connector, "paused")

    def succeeded(self) -> bool:
        """Whether this ends a pause."""
        self._failures = 0
        self._trying_since = float("-inf")
        if self.pause is None:
            return False
        self.pause = None
        log.info("source.resumed", connector=self.connector)
        return True

    def failed(self, error: SourceError) -> bool:
        """Whether this begins a pause. Garbage and wrong requests do not: the system is there."""
        self._trying_since = float("-inf")
        if isinstance(error, OverBudget):
            return False
        if isinstance(error, MissingScope):
            return self._begin("scope", AUTH_PAUSE_S, error.scopes)
        if isinstance(error, AuthFailed):
            return self._begin("auth", AUTH_PAUSE_S)
        if isinstance(error, RateLimited):
            return self._begin("rate_limited", min(error.retry_after or RATE_PAUSE_S, MAX_PAUSE_S))
        if not error.retryable:
            return False
        self._failures += 1
        was_trying = self.pause is not None and self.pause.word == "circuit_open"
        if self._failures < FAILURES and not was_trying:
            return False
        longer = self.pause.seconds * 2 if was_trying and self.pause else FIRST_PAUSE_S
        return self._begin("circuit_open", min(longer, MAX_PAUSE_S))

    def _begin(self, word: str, seconds: float, scopes: Sequence[str] = ()) -> bool:
        now = time.time()
        if self.pause and self.pause.until > now:
            return False  # others of the same moment have said so already
        self.pause = OpenCircuit(word, now + seconds, seconds, scopes)
        log.warning("source.paused", connector=self.connector, why=word, seconds=seconds)
        return True

    def reset(self) -> None:
        """An admin has seen to it."""
        self.pause, self._failures, self._trying_since = None, 0, float("-inf")
