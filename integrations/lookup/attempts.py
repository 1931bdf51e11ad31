"""What became of each question to a source: for how systems do, not for who called.

Noted in memory, which costs a lookup next to nothing, and written in bulk by a thread of its own. No caller's data: not
what was asked for, not what was found. What cannot be written is counted and let go of, because nobody waits for it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import batched, islice
from typing import Any

import structlog
from django.db import Error as AnyDatabaseError
from django.db import connection, transaction

from integrations.models import Connector
from integrations.models.health import Attempt as Row
from integrations.outbound.recording import count_received
from integrations.storage.bulk import insert

log = structlog.get_logger(__name__)

FLUSH_EVERY_S = 1.0
# More in a second than this is a load test or an attack; what is noted then is enough to tell how systems do.
MAX_WAITING = 2_000
CHUNK = 500
GIVEN_UP, OVER_BUDGET = "given_up", "over_budget"
TRIAL = "trial"

# Written as SQL: the mapper would cost several times as much, and on a busy day this is most of what is written.
_COLUMNS = tuple(column.attname for column in Row._meta.concrete_fields if column.attname != "id")


@dataclass(slots=True)
class Attempt:
    """One question. ``source``: a fingerprint. ``outcome``: a status word of the contract, or one of the two above.

    ``breaker``: empty when closed, ``trial`` when this question tries whether a pause may end, else the pause that kept
    the source from being asked.
    """

    source: str
    question: str
    breaker: str = ""
    cached: bool = False
    outcome: str = GIVEN_UP
    retries: int = 0
    ms: int = 0
    received: list[int] = field(default_factory=list)
    at: float = field(default_factory=time.time)
    _began: float = field(default_factory=time.monotonic)

    @classmethod
    def begin(cls, source: str, question: str, *, trial: bool) -> Attempt:
        """Begin an attempt, in a task of its own, whose context then counts what is received."""
        return cls(source, question, TRIAL if trial else "", received=count_received())

    def end(self) -> None:
        self.ms = int((time.monotonic() - self._began) * 1000)
        attempts.note(self)


class AttemptLog:
    """What waits to be written, and the thread that writes it."""

    def __init__(self) -> None:
        self._waiting: deque[Attempt] = deque()
        self._dropped = 0
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        self._starting = threading.Lock()
        self._writing = threading.Lock()

    def note(self, attempt: Attempt) -> None:
        """Note an attempt. Never waits and never raises."""
        if len(self._waiting) >= MAX_WAITING:
            self._dropped += 1
            return
        self._waiting.append(attempt)
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                # One event for each thread: the one that is ending must not miss it because the next one has begun.
                self._ending = threading.Event()
                self._thread = threading.Thread(target=self._run, args=(self._ending,), name="attempt-log", daemon=True)
                self._thread.start()

    def flush(self) -> None:
        """Write what waits. Never raises: what the database does not take is dropped with the rest of its chunk."""
        with self._writing:
            taken = [self._waiting.popleft() for _index in range(len(self._waiting))]
            for chunk in batched(taken, CHUNK):
                try:
                    _write(chunk)
                except AnyDatabaseError as problem:
                    self._dropped += len(chunk)
                    log.warning("attempts.unwritten", count=len(chunk), problem=type(problem).__name__)
            if dropped := self._dropped:
                self._dropped -= dropped
                log.warning("attempts.dropped", count=dropped)

    def close(self) -> None:
        """Write what waits and end the thread. The next note starts a new one."""
        with self._starting:
            thread, self._thread = self._thread, None
            self._ending.set()
        if thread:
            thread.join()

    def forget(self) -> None:
        """Let go of what waits, for tests."""
        self._waiting.clear()

    def _run(self, ending: threading.Event) -> None:
        try:
            while not ending.wait(FLUSH_EVERY_S):
                self.flush()
            self.flush()
        finally:
            connection.close()


attempts = AttemptLog()


def _write(chunk: tuple[Attempt, ...]) -> None:
    if connection.connection is not None and not connection.is_usable():
        connection.close()
    rows = list(_rows(chunk))
    with transaction.atomic(durable=True):
        insert(Row, _COLUMNS, rows)


def _rows(chunk: tuple[Attempt, ...]) -> Iterator[list[Any]]:
    """The rows, without those of systems that were deleted in the meantime."""
    # A fingerprint begins with the ids of the organisation and of the connector.
    named = [tuple(int(part) for part in islice(attempt.source.split(":"), 2)) for attempt in chunk]
    there = set(Connector.objects.filter(pk__in={pk for _organization, pk in named}).values_list("pk", flat=True))
    for attempt, (organization_id, connector_id) in zip(chunk, named, strict=True):
        if connector_id in there:
            row = _row(attempt) | {"organization_id": organization_id, "connector_id": connector_id}
            yield [row[name] for name in _COLUMNS]


def _row(attempt: Attempt) -> dict[str, Any]:
    return {
        "at": connection.ops.adapt_datetimefield_value(datetime.fromtimestamp(attempt.at, UTC)),
        # What follows the name of the question tells whom it was about.
        "question": attempt.question.partition(":")[0],
        "outcome": attempt.outcome,
        "ms": attempt.ms,
        "received": sum(attempt.received) if attempt.received else None,
        "retries": attempt.retries,
        "cached": attempt.cached,
        "breaker": attempt.breaker,
    }
