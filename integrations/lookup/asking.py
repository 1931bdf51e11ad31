"""Asking one source one question: from the cache if it is fresh, once if many ask the same, not at all while it is paused."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import structlog
from asgiref.sync import async_to_sync

from integrations.connectors.base import Connector
from integrations.connectors.leaving_out import leaving_out
from integrations.deadline import Deadline
from integrations.errors import ConfigurationError, OverBudget, RateLimited, SourceError, SourceTimeout, SourceUnavailable
from integrations.lookup.attempts import OVER_BUDGET, Attempt, attempts
from integrations.lookup.backends import CachePage, backends
from integrations.lookup.background import run_in_background
from integrations.lookup.cache import CachedAnswer, Outcome, may_be_kept
from integrations.lookup.restricted import Restricted, trace_of
from integrations.lookup.result import Renewal, SourceOutcome, SourceStatus
from integrations.lookup.sources import Source, plan_with
from integrations.lookup.unsure import note_unsure
from integrations.outbound.recording import remarks
from integrations.profile import Field, SourceRecord
from integrations.sentences import Sentence
from integrations.single_flight import SingleFlight

log = structlog.get_logger(__name__)

RETRY_PAUSE_S = (0.03, 0.12)
NOBODY_WITHIN_S = 0.008
# A second try has to have at least this share of the time that the source is given.
RETRY_SHARE = 0.5

GRACE_S = 0.1

Request = Callable[[Connector, Deadline], Awaitable[list[SourceRecord]]]


@dataclass(frozen=True)
class SourceQuery:
    """One question to one source. ``name`` tells it apart from the other questions about the same number. ``counts``: whether
    it is one of those of which the source allows so many a second. ``follows``: whoever asks shows what is kept meanwhile,
    and waits for what replaces it. ``leaves_out``: who is to be taken out of the answer, if anybody is."""

    source: Source
    name: str
    request: Request
    vocabulary: Mapping[str, Field]
    refresh: bool = False
    counts: bool = True
    follows: bool = False
    leaves_out: Restricted | None = None

    @property
    def entry(self) -> str:
        """The name under which the answer is kept. One who is taken out leaves the answer of nobody, which is kept as that one
        is: so there is one for those to whom they count, and another for all others."""
        return f"{self.source.fingerprint}:{self.name}{f':-{self.leaves_out.mark}' if self.leaves_out else ''}"


@dataclass
class SourceResult:
    """How one question to one source ended, and who was taken out of the answer, if it was one."""

    outcome: SourceOutcome
    records: list[SourceRecord]
    left_out: tuple[SourceRecord, ...] = ()
    source_query: SourceQuery | None = None

    @property
    def is_asked_again(self) -> bool:
        return self.outcome.renewal is Renewal.PENDING

    def renewed(self, answer: SourceResult) -> SourceResult:
        """What replaces a kept answer whose source was asked again: ``answer``, or the kept one where there is none."""
        if answer.outcome.status.answered:
            return answer
        return replace(self, outcome=replace(self.outcome, renewal=Renewal.FAILED, message=answer.outcome.message))

    def without(self, gone: Sequence[SourceRecord]) -> SourceResult:
        """The same, worded as if these records had never been in it."""
        taken = {id(record) for record in gone}
        records = [record for record in self.records if id(record) not in taken]
        told = {"status": _found(records), "unreadable": _unreadable(records)} | ({} if records else {"message": ""})
        left_out = (*self.left_out, *(trace_of(record) for record in gone))
        return replace(self, outcome=replace(self.outcome, **told), records=records, left_out=left_out)  # type: ignore[arg-type]


class PendingQuery:
    """A question that is on its way to its source. Over with the earlier of the source's deadline and ``overall``."""

    def __init__(self, source_query: SourceQuery, page: CachePage, overall: Deadline) -> None:
        self.source, self._source_query = source_query.source, source_query
        self._began = time.monotonic()
        # The question ends by the source's own deadline, which tells the breaker; this only bounds the waiting for it.
        self.deadline = overall.within(self.source.timeout_s + GRACE_S)
        self._flight = _single_flight.board((page.key, source_query.entry), lambda: _fetch(source_query, page))

    @property
    def task(self) -> asyncio.Task[Outcome]:
        """What to wait for; others may wait for it too."""
        return self._flight.task

    @property
    def is_over(self) -> bool:
        return self.task.done() or self.deadline.left() == 0

    def settled(self) -> SourceResult:
        """How it ended; one that is still under way counts as timed out, and is waited for no longer."""
        seconds = time.monotonic() - self._began
        if not self.task.done():
            self.leave()
            return failed(self.source, SourceTimeout(self.source.key), seconds)
        try:
            outcome = self.task.result()
            settled = answered(self.source, list(outcome.unpacked()), seconds, remarks=outcome.remarks)
            return replace(settled, left_out=outcome.left_out, source_query=self._source_query)
        except (SourceError, ConfigurationError) as error:
            return failed(self.source, error, seconds)

    def leave(self) -> None:
        """Wait no longer."""
        _single_flight.leave(self._flight)


async def ask(source_query: SourceQuery, page: CachePage, overall: Deadline) -> SourceResult:
    """Ask the source and wait for it. Always ends in an outcome, by the earlier of its deadline and ``overall``."""
    asked = PendingQuery(source_query, page, overall)
    try:
        await asyncio.wait({asked.task}, timeout=asked.deadline.left())
    except asyncio.CancelledError:
        asked.leave()
        raise
    return asked.settled()


def from_cache(source_query: SourceQuery, page: CachePage) -> SourceResult | None:
    """What the cache holds, if it may be used. Where that is stale, the source is asked anew: behind it, or by whoever
    ``follows``, to whom that is told. They get what is to be refreshed meanwhile, too."""
    source = source_query.source
    kept = None if source_query.refresh and not source_query.follows else page.get(source_query.entry)
    if kept is None or not source.cache_policy.is_usable(kept):
        return None
    outcome = str(_found(kept.records))
    attempts.note(Attempt(source.fingerprint, source_query.name, cached=True, outcome=outcome))
    is_fresh = source.cache_policy.is_fresh(kept)
    records = kept.records if is_fresh else source.cache_policy.as_stale(kept, source_query.vocabulary)
    settled = replace(answered(source, list(records), 0.0, kept), left_out=kept.left_out, source_query=source_query)
    if is_fresh and not source_query.refresh:
        return settled
    if not source_query.follows:
        _refresh_behind(source_query, page)
        return settled
    return replace(settled, outcome=replace(settled.outcome, renewal=Renewal.PENDING))


def _refresh_behind(source_query: SourceQuery, page: CachePage) -> None:
    run_in_background(_single_flight.join((page.key, source_query.entry), lambda: _fetch(source_query, page)))


# -- The question itself -------------------------------------------------------------------------------------------


_single_flight: SingleFlight[Outcome] = SingleFlight()


async def _fetch(source_query: SourceQuery, page: CachePage) -> Outcome:
    """Ask the source, unless it is paused or another process asks already; keep what it answers."""
    source = source_query.source
    source.breaker.adopt(page.pauses.get(source.fingerprint))
    try:
        source.breaker.admit()
    except SourceError as paused:
        word = source.breaker.pause.word if source.breaker.pause else ""
        attempts.note(Attempt(source.fingerprint, source_query.name, word, outcome=paused.status))
        return Outcome(error=paused)
    return await backends().single_flight.once(page, source_query.entry, lambda: _call(source_query, page), source.timeout_s)


async def _call(source_query: SourceQuery, page: CachePage) -> Outcome:
    source = source_query.source
    attempt = Attempt.begin(source.fingerprint, source_query.name, trial=source.breaker.pause is not None)
    try:
        outcome = await _read(source_query, attempt)
        attempt.outcome = str(_found(outcome.records))
    except ConfigurationError:
        attempt.outcome = str(SourceStatus.UNAVAILABLE)
        raise
    except SourceError as error:
        attempt.outcome = OVER_BUDGET if isinstance(error, OverBudget) else error.status
        if source.breaker.failed(error):
            await backends().pauses.tell(source.fingerprint, source.breaker.pause)
        return Outcome(error=error)
    finally:
        attempt.end()
    source.latency.took(attempt.ms / 1000)
    if source.breaker.succeeded():
        await backends().pauses.tell(source.fingerprint, None)
    await keep(source_query, page, outcome)
    return outcome


async def _read(source_query: SourceQuery, attempt: Attempt) -> Outcome:
    """What the source answers, without whom the question leaves out: from here on they are nobody."""
    out = source_query.leaves_out
    with remarks() as said, leaving_out(out.holds) if out else nullcontext():
        records = tuple(await _tried(source_query, Deadline(source_query.source.timeout_s), attempt))
    note_unsure(source_query.source.fingerprint, records)
    if out is None:
        return Outcome(records, remarks=tuple(said))
    counted, left_out = out.split(records)
    if not counted:
        # To read a record and drop it takes a fifth of a millisecond, which many lookups would tell from nobody's answer.
        await asyncio.sleep(random.uniform(0, NOBODY_WITHIN_S))
    # What is said of nobody else's records would tell that there are some.
    return Outcome(counted, remarks=tuple(said) if counted or not left_out else (), left_out=left_out)


async def keep(source_query: SourceQuery, page: CachePage, outcome: Outcome) -> None:
    """Keep an answer for as long as the source's terms say."""
    keeps_s = source_query.source.cache_policy.keeps_s(outcome.records)
    if keeps_s and may_be_kept(outcome.records, source_query.vocabulary):
        left_out = outcome.left_out if may_be_kept(outcome.left_out, source_query.vocabulary) else ()
        await page.put(source_query.entry, CachedAnswer(outcome.records, time.time(), outcome.remarks, left_out), keeps_s)


async def _tried(source_query: SourceQuery, deadline: Deadline, attempt: Attempt) -> list[SourceRecord]:
    """Ask once, and once more where that may help and there is time."""
    try:
        return await _once(source_query, deadline)
    except OverBudget:
        raise
    except (SourceUnavailable, RateLimited) as error:
        pause = random.uniform(*RETRY_PAUSE_S)
        if isinstance(error, RateLimited):
            if error.retry_after is None:
                raise
            pause += error.retry_after
        if deadline.left() - pause < deadline.seconds * RETRY_SHARE:
            raise
    await asyncio.sleep(pause)
    attempt.retries += 1
    return await _once(source_query, deadline)


async def _once(source_query: SourceQuery, deadline: Deadline) -> list[SourceRecord]:
    source = source_query.source
    if source.connector is None:
        raise ConfigurationError(f"{source.key} is not set up correctly")
    try:
        async with (
            source.limiter.acquired(deadline, backends().rate_limits, counts=source_query.counts),
            asyncio.timeout(deadline.left()),
        ):
            return await source_query.request(source.connector, deadline)
    except TimeoutError:
        raise SourceTimeout(source.key) from None
    except (SourceError, ConfigurationError):
        raise
    except Exception as error:
        # A connector's own mistake must not cost the agent the other sources. Its text may hold data: the type only.
        log.error("source.crashed", connector=source.key, kind=source.kind, problem=type(error).__name__)
        raise ConfigurationError(source.key) from None


def end_pause(organization_id: int, connector_id: int) -> None:
    """Ask a paused source again with the next call, in every process. (sync)"""
    _plan, source = plan_with(organization_id, connector_id)
    source.breaker.reset()
    async_to_sync(backends().pauses.tell)(source.fingerprint, None)


# -- What became of it ---------------------------------------------------------------------------------------------


def answered(
    source: Source, records: list[SourceRecord], seconds: float, kept: CachedAnswer | None = None, remarks: Sequence[str] = ()
) -> SourceResult:
    """The outcome of a question that was answered, now or, if ``kept``, earlier."""
    status = _found(records)
    outcome = SourceOutcome(
        source.key,
        source.label,
        source.kind,
        status,
        latency_ms=None if kept else _ms(seconds),
        cached=kept is not None,
        age_s=round(kept.age_s, 1) if kept else 0.0,
        message=Sentence.joined(kept.remarks if kept else remarks),
        unreadable=_unreadable(records),
    )
    return SourceResult(outcome, records)


def failed(source: Source, error: SourceError | ConfigurationError, seconds: float) -> SourceResult:
    """The outcome of a question that was not answered."""
    status = SourceStatus(error.status) if isinstance(error, SourceError) else SourceStatus.UNAVAILABLE
    outcome = SourceOutcome(
        source.key, source.label, source.kind, status, latency_ms=_ms(seconds), message=error.public_message
    )
    return SourceResult(outcome, [])


def _found(records: Sequence[SourceRecord]) -> SourceStatus:
    return (SourceStatus.NOT_FOUND, SourceStatus.FOUND, SourceStatus.MANY)[min(len(records), 2)]


def _unreadable(records: Sequence[SourceRecord]) -> tuple[str, ...]:
    return tuple(sorted({name for record in records for name in record.unreadable}))


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
