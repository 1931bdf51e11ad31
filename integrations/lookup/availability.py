"""What is free: one question about a service to every system that knows services. No caller's data."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import orjson
import structlog
from django.core.cache import cache

from integrations.connectors.base import Availability, AvailabilityOption, AvailabilityQuestion, Connector
from integrations.deadline import Deadline
from integrations.errors import SourceError
from integrations.lookup.backends import backends
from integrations.lookup.sources import Source, plan_of
from integrations.single_flight import SingleFlight

log = structlog.get_logger(__name__)

OVERALL_S = 5.0
TTL_S = 60

Asked = tuple[Source, Connector]


@dataclass(frozen=True)
class Free:
    """What the systems say together. ``available`` is None where they do not say, or do not agree that there is nothing.

    ``as_of``: when they were asked, ISO 8601 with zone. ``sources`` are the keys of those that answered, ``labels``
    their names, ``silent`` the names of those that did not.
    """

    available: bool | None
    options: tuple[AvailabilityOption, ...]
    as_of: str
    sources: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        return {True: "available", False: "unavailable", None: "unknown"}[self.available]


async def knows_services(organization_id: int) -> bool:
    """Whether the organisation has a system that can be asked at all."""
    return bool(await _sources(organization_id))


async def what_is_free(organization_id: int, service_type: str, location: str, day: date | None = None) -> Free:
    """Ask them all at once; ``day`` is today in the organisation's zone unless given. Never raises for what a system does."""
    sources = await _sources(organization_id)
    if not sources:
        return _merged([], [])
    question = AvailabilityQuestion(service_type, location, (day or _today(sources)).isoformat())
    key = _key(organization_id, sources, question)
    if (kept := await cache.aget(key)) is not None:
        return _unpacked(kept)
    return await _under_way.join(key, lambda: _asked(key, sources, question))


_under_way: SingleFlight[Free] = SingleFlight()


async def _sources(organization_id: int) -> list[Asked]:
    plan = await plan_of(organization_id)
    built = [(source, source.connector) for source in plan.sources if source.connector]
    return [(source, connector) for source, connector in built if connector.can("availability")]


def _today(sources: Sequence[Asked]) -> date:
    _source, connector = sources[0]
    return datetime.now(ZoneInfo(connector.settings.zone)).date()


def _key(organization_id: int, sources: Sequence[Asked], question: AvailabilityQuestion) -> str:
    """Hashed: whoever reads the cache's keys need not learn what was typed. Another configuration is another question."""
    asked = [question.service_type.casefold(), question.location.casefold(), question.day]
    facts = orjson.dumps([[source.fingerprint for source, _connector in sources], *asked])
    return f"availability:{organization_id}:{hashlib.blake2b(facts, digest_size=16).hexdigest()}"


async def _asked(key: str, sources: Sequence[Asked], question: AvailabilityQuestion) -> Free:
    overall = Deadline(OVERALL_S)
    answers = await asyncio.gather(*(_answer(*asked, question, overall) for asked in sources))
    answered = [(source, answer) for (source, _), answer in zip(sources, answers, strict=True) if answer]
    silent = [source for (source, _), answer in zip(sources, answers, strict=True) if not answer]
    free = _merged(answered, silent)
    if not silent:  # who did not answer may do so the next time
        await cache.aset(key, orjson.dumps(asdict(free)).decode(), TTL_S)
    return free


async def _answer(
    source: Source, connector: Connector, question: AvailabilityQuestion, overall: Deadline
) -> Availability | None:
    """None where the system gave no usable answer.

    It counts against the system's budget, and not towards pausing it: callers are to be found even where services are not.
    """
    deadline = overall.within(source.timeout_s)
    try:
        async with source.limiter.acquired(deadline, backends().rate_limits), asyncio.timeout(deadline.left()):
            return await connector.availability(question, deadline)
    except TimeoutError:
        problem = "timeout"
    except SourceError as error:
        problem = error.status
    except Exception as error:
        # A connector's own mistake costs its answer only. Its text may hold what was asked: the type only.
        problem = type(error).__name__
    log.warning("availability.failed", connector=source.key, kind=source.kind, problem=problem)
    return None


def _merged(answered: Sequence[tuple[Source, Availability]], silent: Sequence[Source]) -> Free:
    """Free where any system says so, not free where all that answered say no."""
    said = [answer.available for _source, answer in answered]
    if any(said):
        available: bool | None = True
    else:
        available = False if said and None not in said else None
    return Free(
        available,
        tuple(option for _source, answer in answered for option in answer.options),
        datetime.now(UTC).isoformat(timespec="seconds"),
        tuple(source.key for source, _answer in answered),
        tuple(source.label for source, _answer in answered),
        tuple(source.label for source in silent),
    )


def _unpacked(kept: str) -> Free:
    facts = orjson.loads(kept)
    options = tuple(AvailabilityOption(**option) for option in facts.pop("options"))
    return Free(facts.pop("available"), options, facts.pop("as_of"), **{name: tuple(value) for name, value in facts.items()})
