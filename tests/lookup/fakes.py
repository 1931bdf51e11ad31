"""A kind of system that answers as its options say, for tests of the engine."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, ClassVar

import phonenumbers

from integrations.connectors.base import Connector, ConnectorOptions, DetailKeys
from integrations.deadline import Deadline
from integrations.errors import AuthFailed, InvalidResponse, RateLimited, SourceTimeout, SourceUnavailable
from integrations.outbound.recording import remark
from integrations.phone import Number
from integrations.profile import SourceRecord
from integrations.search_query import SearchQuery

ERRORS = {
    "timeout": SourceTimeout,
    "unavailable": SourceUnavailable,
    "auth": AuthFailed,
    "rate_limited": RateLimited,
    "invalid_response": InvalidResponse,
}


class FakeOptions(ConnectorOptions):
    """``people``: what find() returns; ``others`` can be searched for besides. ``fails``: an error's status word, ``crash``,
    ``hang`` or ``stubborn``; ``meet`` answers only once two sources are being asked at the same time, ``wait`` once the test
    says so. ``careless``: it finds them by any number, also by one that nobody has."""

    people: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    more: list[dict[str, Any]] = []
    delay_s: float = 0.0
    fails: str = ""
    details_fail: str = ""
    remarks: list[str] = []
    careless: bool = False


class FakeConnector(Connector):
    kind = "fake"
    label = "Fake"
    capabilities = frozenset({"find", "details", "search"})
    Options = FakeOptions
    field_table = {name: name for name in ("name", "email", "status", "notes", "outstanding_balance", "account_id", "phone")}
    asked: ClassVar[list[tuple[str, str]]] = []
    keys_seen: ClassVar[list[DetailKeys]] = []
    asked_once: ClassVar[asyncio.Event]
    both_asked: ClassVar[asyncio.Barrier]
    # Set by a test, from whichever thread, to let sources that ``wait`` go on.
    released: ClassVar[threading.Event] = threading.Event()

    closed: ClassVar[list[str]] = []

    # Cleared by a test, from whichever thread, to hold every answer back until it is set again.
    not_held_back: ClassVar[threading.Event] = threading.Event()

    # What the sources with these keys answer from now on, whatever their options say.
    people_now: ClassVar[dict[str, list[dict[str, Any]]]] = {}
    more_now: ClassVar[dict[str, list[dict[str, Any]]]] = {}
    # Keys of sources that cannot be reached now, or the next time only.
    broken: ClassVar[set[str]] = set()
    broken_once: ClassVar[set[str]] = set()
    # After how many seconds a source says that it may be asked again, the next time that it is asked.
    limited_once: ClassVar[dict[str, float]] = {}

    @classmethod
    def forget(cls) -> None:
        cls.broken.clear()
        cls.not_held_back.set()
        cls.people_now.clear()
        cls.more_now.clear()
        cls.broken_once.clear()
        cls.limited_once.clear()
        cls.asked.clear()
        cls.closed.clear()
        cls.keys_seen.clear()
        cls.asked_once = asyncio.Event()
        cls.both_asked = asyncio.Barrier(2)
        cls.released.clear()

    async def find(self, number: Number, deadline: Deadline) -> list[SourceRecord]:
        for sentence in self.options.remarks:
            remark(sentence)
        if not phonenumbers.is_valid_number(number.parsed) and not self.options.careless:
            return []
        self.asked.append((self.key, "find"))
        self.asked_once.set()
        if self.key in self.limited_once:
            raise RateLimited(self.key, retry_after=self.limited_once.pop(self.key))
        if self.key in self.broken or self.key in self.broken_once:
            self.broken_once.discard(self.key)
            raise SourceUnavailable(self.key)
        return await self._answer(self.people_now.get(self.key, self.options.people), self.options.fails)

    async def search(self, search_query: SearchQuery, deadline: Deadline) -> list[SourceRecord]:
        """Everybody: whoever asks has to look who is meant."""
        self.asked.append((self.key, f"search {search_query.text}"))
        if self.key in self.broken:
            raise SourceUnavailable(self.key)
        return await self._answer([*self.options.people, *self.options.others], self.options.fails)

    async def details(self, keys: DetailKeys, deadline: Deadline) -> list[SourceRecord]:
        self.asked.append((self.key, "details"))
        self.keys_seen.append(keys)
        return await self._answer(self.more_now.get(self.key, self.options.more), self.options.details_fail)

    async def warm_up(self, deadline: Deadline) -> None:
        self.asked.append((self.key, "warm_up"))
        await self._answer([], self.options.fails)

    async def close(self) -> None:
        self.closed.append(self.key)

    def has_details_for(self, keys: DetailKeys) -> bool:
        return bool(self.options.more or self.options.details_fail)

    async def _answer(self, people: list[dict[str, Any]], fails: str) -> list[SourceRecord]:
        await asyncio.sleep(self.options.delay_s)
        while not self.not_held_back.is_set():  # noqa: ASYNC110 -- set from another thread
            await asyncio.sleep(0.01)
        if fails == "meet":
            await self.both_asked.wait()
        elif fails == "wait":
            while not self.released.is_set():  # noqa: ASYNC110 -- set from another thread
                await asyncio.sleep(0.01)
        elif fails in {"hang", "stubborn"}:
            await self._hang(stubborn=fails == "stubborn")
        elif fails == "crash":
            raise KeyError("415 555 0123")
        elif fails:
            raise ERRORS[fails](self.key)
        return [self.record(person, person.get("id")) for person in people]

    async def _hang(self, *, stubborn: bool) -> None:
        """Hang until cancelled; a stubborn one goes on a while after that."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if stubborn:
                await asyncio.sleep(0.5)
            raise
        finally:
            self.asked.append((self.key, "ended"))
