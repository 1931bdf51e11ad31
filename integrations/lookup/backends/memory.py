"""One process has nobody to share with: answers are kept in its memory, and of the rest it knows itself all that there is."""

from __future__ import annotations

import operator
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, cast

from integrations.lookup.backends.protocols import Backends, Page
from integrations.lookup.breaker import Pause
from integrations.lookup.budget import Budget
from integrations.lookup.cache import Kept, Outcome, page_key
from integrations.phone import Number

MAX_NUMBERS = 10_000
SWEEP_EVERY_S = 60.0


class MemoryBackends(Backends):
    """What a process has that is alone."""

    answers: MemoryAnswers

    def __init__(self) -> None:
        self.answers = MemoryAnswers()
        self.single_flight = OwnFlights()
        self.pauses = OwnPauses()
        self.turns = OwnTurns()

    async def open(self, organization_id: int, about: Number | str, sources: Sequence[str] = ()) -> Page:
        return self.answers.page(organization_id, about)


class OwnFlights:
    """No other process asks."""

    async def once(self, page: Page, name: str, ask: Callable[[], Awaitable[Outcome]], seconds: float) -> Outcome:
        return await ask()


class OwnPauses:
    """No other process has to be told."""

    async def tell(self, source: str, pause: Pause | None) -> None:
        return


class OwnTurns:
    """No other process takes turns, so none is counted here."""

    async def take(self, name: str, slot: str, budget: Budget, patience_s: float, lease_s: float) -> float | None:
        return None

    async def end(self, name: str, slot: str) -> None:
        return


class MemoryPage(Page):
    """A page in this process."""

    def __init__(self, answers: MemoryAnswers, key: str) -> None:
        self._answers, self.key = answers, key

    def get(self, name: str) -> Kept | None:
        found = self._answers.pages.get(self.key, {}).get(name)
        return found[0] if found and found[1] > time.monotonic() else None

    async def put(self, name: str, kept: Kept, keeps_s: int) -> None:
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
        self.pages: OrderedDict[str, dict[str, tuple[Kept, float]]] = OrderedDict()
        self.made: dict[str, _Made] = {}
        self._found_under: dict[str, set[str]] = {}
        self._swept_at = time.monotonic()

    def page(self, organization_id: int, about: Number | str) -> MemoryPage:
        """The number's page, which is now the one that was asked for last."""
        key = page_key(organization_id, about)
        if key in self.pages:
            self.pages.move_to_end(key)
        return MemoryPage(self, key)

    def write(self, key: str, name: str, kept: Kept, keeps_s: int) -> None:
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
