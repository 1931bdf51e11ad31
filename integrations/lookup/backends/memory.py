"""One process has nobody to share with: answers are kept in its memory, and of the rest it knows itself all that there is."""

from __future__ import annotations

import operator
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, cast

from integrations.lookup.backends.protocols import Backends, CachePage
from integrations.lookup.breaker import OpenCircuit
from integrations.lookup.cache import CachedAnswer, Outcome, page_key
from integrations.lookup.rate_limit import RateLimit
from integrations.phone import Number

MAX_NUMBERS = 10_000
SWEEP_EVERY_S = 60.0


class MemoryBackends(Backends):
    """What a process has that is alone."""

    answers: MemoryAnswers

    def __init__(self) -> None:
        self.answers = MemoryAnswers()
        self.single_flight = LocalSingleFlight()
        self.pauses = LocalCircuitStates()
        self.rate_limits = LocalRateLimits()

    async def open(self, organization_id: int, about: Number | str, sources: Sequence[str] = ()) -> CachePage:
        return self.answers.page(organization_id, about)


class LocalSingleFlight:
    """No other process asks."""

    async def once(self, page: CachePage, name: str, ask: Callable[[], Awaitable[Outcome]], seconds: float) -> Outcome:
        return await ask()


class LocalCircuitStates:
    """No other process has to be told."""

    async def tell(self, source: str, pause: OpenCircuit | None) -> None:
        return


class LocalRateLimits:
    """No other process takes turns, so none is counted here."""

    async def acquire(self, name: str, slot: str, rate_limit: RateLimit, patience_s: float, lease_s: float) -> float | None:
        return None

    async def release(self, name: str, slot: str) -> None:
        return


class MemoryCachePage(CachePage):
    """A page in this process."""

    def __init__(self, answers: MemoryAnswers, key: str) -> None:
        self._answers, self.key = answers, key

    def get(self, name: str) -> CachedAnswer | None:
        found = self._answers.pages.get(self.key, {}).get(name)
        return found[0] if found and found[1] > time.monotonic() else None

    async def put(self, name: str, kept: CachedAnswer, keeps_s: int) -> None:
        self._answers.write(self.key, name, kept, keeps_s)

    def made[T](self, of: Sequence[object], how: object, make: Callable[[], T]) -> T:
        known = self._answers.made.get(self.key)
        if known and known.how == how and len(known.of) == len(of) and all(map(operator.is_, known.of, of)):
            return cast("T", known.what)
        what = make()
        if self.key in self._answers.pages:
            self._answers.made[self.key] = _Made(of, how, what)
        return what


class _Made(NamedTuple):
    """What was made of a page's answers, and of what. Holding those, it can tell that others are not the same."""

    of: Sequence[object]
    how: object
    what: object


class MemoryAnswers:
    """Pages in this process: the numbers asked for last, at most MOST_NUMBERS; what has expired is swept out once a minute."""

    def __init__(self) -> None:
        self.pages: OrderedDict[str, dict[str, tuple[CachedAnswer, float]]] = OrderedDict()
        self.made: dict[str, _Made] = {}
        self._found_under: dict[str, set[str]] = {}
        self._swept_at = time.monotonic()

    def page(self, organization_id: int, about: Number | str) -> MemoryCachePage:
        """The number's page, which is now the one that was asked for last."""
        key = page_key(organization_id, about)
        if key in self.pages:
            self.pages.move_to_end(key)
        return MemoryCachePage(self, key)

    def write(self, key: str, name: str, kept: CachedAnswer, keeps_s: int) -> None:
        """Keep an entry of a page, and under which numbers its records are found."""
        self.pages.setdefault(key, {})[name] = (kept, time.monotonic() + keeps_s)
        self.made.pop(key, None)
        organization = name.partition(":")[0]
        for record in kept.records:
            self._found_under.setdefault(_record_key(organization, record.connector, record.record_id), set()).add(key)
        if len(self.pages) > MAX_NUMBERS:
            self._drop(next(iter(self.pages)))
        if time.monotonic() - self._swept_at > SWEEP_EVERY_S:
            self.sweep()

    def sweep(self) -> None:
        """Let go of pages of which nothing counts any longer."""
        self._swept_at = now = time.monotonic()
        for key, entries in list(self.pages.items()):
            if all(until <= now for _kept, until in entries.values()):
                self._drop(key)

    def _drop(self, key: str) -> None:
        self.made.pop(key, None)
        for name, (kept, _until) in self.pages.pop(key, {}).items():
            for record in kept.records:
                index = _record_key(name.partition(":")[0], record.connector, record.record_id)
                keys = self._found_under.get(index, set())
                keys.discard(key)
                if not keys:
                    self._found_under.pop(index, None)

    async def forget_number(self, organization_id: int, number: Number) -> None:
        self._drop(page_key(organization_id, number))

    async def forget_record(self, organization_id: int, connector: str, record_id: str) -> None:
        for key in list(self._found_under.get(_record_key(str(organization_id), connector, record_id), ())):
            self._drop(key)


def _record_key(organization: str, connector: str, record_id: str) -> str:
    return f"{organization}:{connector}:{record_id}"
