"""The four things that lookups share, as lookups see them. None of them fails: what cannot be shared is done without."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from integrations.lookup.breaker import OpenCircuit
from integrations.lookup.cache import CachedAnswer, Outcome
from integrations.lookup.rate_limit import RateLimit
from integrations.phone import Number


class CachePage(ABC):
    """What is kept for one number of one organisation. Names tell source, configuration and question.

    ``key`` names the page; ``pauses`` are those that other processes have begun, by source; ``opened_at`` is when it was
    read, by the wall clock.
    """

    key: str
    pauses: Mapping[str, OpenCircuit] = MappingProxyType({})
    opened_at: float = 0.0

    @abstractmethod
    def get(self, name: str) -> CachedAnswer | None: ...

    @abstractmethod
    async def put(self, name: str, kept: CachedAnswer, keeps_s: int) -> None: ...

    def made[T](self, of: Sequence[object], how: object, make: Callable[[], T]) -> T:
        """What ``make()`` made before of the very same objects ``of`` and an equal ``how``, else what it makes now. Whoever is
        given it changes nothing in it."""
        return make()


class _NoPage(CachePage):
    """Stands for a page before it is opened: nothing is known."""

    key = ""

    def get(self, name: str) -> CachedAnswer | None:
        return None

    async def put(self, name: str, kept: CachedAnswer, keeps_s: int) -> None:
        return


NO_PAGE = _NoPage()


class Answers(Protocol):
    """The pages of all numbers."""

    async def forget_number(self, organization_id: int, number: Number) -> None:
        """Nothing that was answered about this number counts any longer."""

    async def forget_record(self, organization_id: int, connector: str, record_id: str) -> None:
        """The same for every number under which the record was found."""

    def sweep(self) -> None:
        """Let go of what has expired. On the loop that asks."""


class SharedSingleFlight(Protocol):
    """Questions that are under way in any process."""

    async def once(self, page: CachePage, name: str, ask: Callable[[], Awaitable[Outcome]], seconds: float) -> Outcome:
        """``ask()``, unless another process is asking the same at this moment: then what that one finds."""


class CircuitStates(Protocol):
    """Pauses of sources, for the processes that did not begin them."""

    async def tell(self, source: str, pause: OpenCircuit | None) -> None:
        """Let the other processes know that a source is paused, or no longer."""


class RateLimits(Protocol):
    """The budgets of sources, from which several processes take their turns."""

    async def acquire(self, name: str, slot: str, rate_limit: RateLimit, patience_s: float, lease_s: float) -> float | None:
        """Seconds until the turn, infinite where all slots are taken; it is taken if that is within ``patience_s``.

        ``slot`` is held until it is given back, or for ``lease_s``. None: nothing is shared, or it cannot be said.
        """

    async def release(self, name: str, slot: str) -> None:
        """Give ``slot`` back."""


class Backends(ABC):
    """All four, in one place."""

    answers: Answers
    single_flight: SharedSingleFlight
    pauses: CircuitStates
    rate_limits: RateLimits

    @abstractmethod
    async def open(self, organization_id: int, about: Number | str, sources: Sequence[str] = ()) -> CachePage:
        """The page of a number, or of another question in words. ``sources`` names those whose pauses matter."""

    async def close(self) -> None:  # noqa: B027 -- memory holds none
        """Let go of connections."""
