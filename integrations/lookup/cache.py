"""What systems answered lately: a page for each number of an organisation, an entry for each source and question.

Unfiltered, so only ``lookup`` reads it. Numbers are keyed by a blind index. In one process it is memory; with Redis all
processes share it there, encrypted. A store that fails costs its answers and nothing else: the sources are asked.
"""

from __future__ import annotations

import operator
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from integrations.errors import SourceError
from integrations.lookup.breaker import Pause
from integrations.lookup.limiter import Budget
from integrations.phone import Number
from integrations.profile import DELICATE, Field, SourceRecord
from integrations.storage.encryption import blind_index

FRESH_S, STALE_S, NEGATIVE_S = 300, 3_600, 60
# What is delicate may be shown stale for so long only.
DELICATE_STALE_S = 300
MAX_NUMBERS = 10_000
SWEEP_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Kept:
    """One source's answer and when it came, by the wall clock; ``remarks`` is what its connector said of it, ``left_out`` what
    tells of whom it was emptied (``lookup.restricted``): for how long it is good, they count as nobody."""

    records: tuple[SourceRecord, ...]
    at: float
    remarks: tuple[str, ...] = ()
    left_out: tuple[SourceRecord, ...] = ()

    @property
    def age_s(self) -> float:
        return time.time() - self.at


@dataclass(frozen=True)
class Terms:
    """How long one source's answers are good, in seconds. ``fresh_s`` 0: they are not kept."""

    fresh_s: int = FRESH_S
    stale_s: int = STALE_S
    negative_s: int = NEGATIVE_S

    @classmethod
    def of(cls, configured: Mapping[str, Any]) -> Terms:
        return cls(**{name: value for name, value in configured.items() if value is not None})

    def keeps_s(self, records: tuple[SourceRecord, ...]) -> int:
        """How long an answer may be used at all."""
        if not self.fresh_s:
            return 0
        return max(self.stale_s, self.fresh_s) if records else self.negative_s

    def is_fresh(self, kept: Kept) -> bool:
        # An answer from the future comes of a clock that was set back: its age is not known.
        return 0 <= kept.age_s < (self.fresh_s if kept.records else min(self.negative_s, self.keeps_s(())))

    def is_usable(self, kept: Kept) -> bool:
        return 0 <= kept.age_s < self.keeps_s(kept.records)

    def as_stale(self, kept: Kept, vocabulary: Mapping[str, Field]) -> tuple[SourceRecord, ...]:
        """The records marked stale, without what may not be shown at this age: of that, the names only."""
        too_old = kept.age_s >= self.fresh_s + DELICATE_STALE_S
        return tuple(_aged(record, vocabulary) if too_old else replace(record, stale=True) for record in kept.records)


def _aged(record: SourceRecord, vocabulary: Mapping[str, Field]) -> SourceRecord:
    outdated = tuple(name for name in record.fields if name in vocabulary and vocabulary[name].sensitivity in DELICATE)
    fields = {name: value for name, value in record.fields.items() if name not in outdated}
    return replace(record, stale=True, fields=fields, outdated=outdated)


def may_be_kept(records: tuple[SourceRecord, ...], vocabulary: Mapping[str, Field]) -> bool:
    """Whether the answer may be kept: not if any field is marked not to be cached."""
    return all(vocabulary[name].cacheable for record in records for name in record.fields if name in vocabulary)


@dataclass
class Outcome:
    """How asking a source ended: its records and what its connector said of them, or why there are none; and who was taken
    out, as in ``Kept``."""

    records: tuple[SourceRecord, ...] = ()
    error: SourceError | None = None
    remarks: tuple[str, ...] = ()
    left_out: tuple[SourceRecord, ...] = ()

    def unpacked(self) -> tuple[SourceRecord, ...]:
        """Raises the error."""
        if self.error:
            raise self.error
        return self.records


class Page(ABC):
    """What is kept for one number of one organisation. Names tell source, configuration and question.

    ``key`` names the page; ``pauses`` are those that other processes have begun, by source.
    """

    key: str
    pauses: Mapping[str, Pause] = MappingProxyType({})

    @abstractmethod
    def get(self, name: str) -> Kept | None: ...

    @abstractmethod
    async def put(self, name: str, kept: Kept, keeps_s: int) -> None: ...

    def made[T](self, of: Sequence[object], how: object, make: Callable[[], T]) -> T:
        """What ``make()`` made before of the very same objects ``of`` and an equal ``how``, else what it makes now. Whoever is
        given it changes nothing in it."""
        return make()

    async def once(self, name: str, ask: Callable[[], Awaitable[Outcome]], seconds: float) -> Outcome:
        """``ask()``, unless another process is asking the same at this moment: then what that one finds."""
        return await ask()


class _NoPage(Page):
    """Stands for a page before it is opened: nothing is known."""

    key = ""

    def get(self, name: str) -> Kept | None:
        return None

    async def put(self, name: str, kept: Kept, keeps_s: int) -> None:
        return


NO_PAGE = _NoPage()


class Store(ABC):
    """The place where pages are."""

    @abstractmethod
    async def page(self, organization_id: int, about: Number | str, sources: Sequence[str] = ()) -> Page:
        """The page of a number, or of another question in words. ``sources`` names those whose pauses matter."""

    async def tell_pause(self, source: str, pause: Pause | None) -> None:  # noqa: B027 -- nobody to tell in one process
        """Let the other processes know that a source is paused, or no longer."""

    async def take_turn(self, name: str, slot: str, budget: Budget, patience_s: float, lease_s: float) -> float | None:
        """The turn as in ``SharedTurns``: None, because in one process nothing is shared."""
        return None

    async def end_turn(self, name: str, slot: str) -> None:  # noqa: B027 -- none was taken
        """Give a slot back."""

    def sweep(self) -> None:  # noqa: B027 -- Redis does it by itself
        """Let go of what has expired. On the loop that asks."""

    async def close(self) -> None:  # noqa: B027 -- memory holds none
        """Let go of connections."""

    @abstractmethod
    async def forget_number(self, organization_id: int, number: Number) -> None:
        """Nothing that was answered about this number counts any longer."""

    @abstractmethod
    async def forget_record(self, organization_id: int, connector: str, record_id: str) -> None:
        """The same for every number under which the record was found."""


def page_key(organization_id: int, about: Number | str) -> str:
    return blind_index(about.e164 if isinstance(about, Number) else about, scope=f"cache:{organization_id}")


class MemoryPage(Page):
    def __init__(self, store: MemoryStore, key: str) -> None:
        self._store, self.key = store, key

    def get(self, name: str) -> Kept | None:
        found = self._store.pages.get(self.key, {}).get(name)
        return found[0] if found and found[1] > time.monotonic() else None

    async def put(self, name: str, kept: Kept, keeps_s: int) -> None:
        self._store.write(self.key, name, kept, keeps_s)

    def made[T](self, of: Sequence[object], how: object, make: Callable[[], T]) -> T:
        known = self._store.made.get(self.key)
        if known and known.how == how and len(known.of) == len(of) and all(map(operator.is_, known.of, of)):
            return cast("T", known.what)
        what = make()
        if self.key in self._store.pages:
            self._store.made[self.key] = _Made(of, how, what)
        return what


class _Made(NamedTuple):
    """What was made of a page's answers, and of what. Holding those, it can tell that others are not the same."""

    of: Sequence[object]
    how: object
    what: object


class MemoryStore(Store):
    """Pages in this process: the numbers asked for last, at most MOST_NUMBERS; what has expired is swept out once a minute."""

    def __init__(self) -> None:
        self.pages: OrderedDict[str, dict[str, tuple[Kept, float]]] = OrderedDict()
        self.made: dict[str, _Made] = {}
        self._found_under: dict[str, set[str]] = {}
        self._swept_at = time.monotonic()

    async def page(self, organization_id: int, about: Number | str, sources: Sequence[str] = ()) -> Page:
        key = page_key(organization_id, about)
        if key in self.pages:
            self.pages.move_to_end(key)
        return MemoryPage(self, key)

    def write(self, key: str, name: str, kept: Kept, keeps_s: int) -> None:
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
