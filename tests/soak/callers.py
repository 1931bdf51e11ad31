"""Many who ask a running portal at once, and what became of what they asked."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

USUAL = range(50)  # numbers that are asked for over and over
RARE = range(1_000, 1_000_000)


@dataclass
class Heard:
    """What came back. ``statuses``: HTTP statuses, 0 where the connection broke; ``words``: lookup_status of the answers."""

    statuses: Counter[int] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{dict(self.statuses)}, of these {dict(self.words)}"


@dataclass(frozen=True)
class Door:
    """A running portal's API, and a key for it."""

    port: int
    key: str

    async def ask(self, session: aiohttp.ClientSession, number: str, heard: Heard) -> None:
        """One lookup. An answer with anybody's data but this number's is ``wrong``."""
        headers = {"Authorization": f"Bearer {self.key}"}
        try:
            sent = session.post(f"http://127.0.0.1:{self.port}/api/v1/lookup", json={"phone": number}, headers=headers)
            async with sent as response:
                answer: dict[str, Any] = await response.json(content_type=None)
                heard.statuses[response.status] += 1
        except (aiohttp.ClientError, TimeoutError, ValueError):
            heard.statuses[0] += 1
            return
        if response.status == 200:
            heard.words[answer["lookup_status"]] += 1
            account = answer["caller"].get("account_id", "")
            if account not in {"", account_of(number)} or answer["phone_number"] != number:
                heard.wrong.append(f"{number}: {account}")


def number_of(index: int) -> str:
    return f"+1415{2_000_000 + index}"


def account_of(number: str) -> str:
    """The account as the stub names it (bench/stubs.py)."""
    return f"RS-{number[-6:]}"


@asynccontextmanager
async def callers(door: Door, count: int, *, pause_s: float = 0.0) -> AsyncIterator[Heard]:
    """Let so many ask one thing after the other while the block runs: half of it about numbers that others ask for too."""
    heard, done = Heard(), asyncio.Event()
    dice = random.Random(1)

    async def one() -> None:
        while not done.is_set():
            await door.ask(session, number_of(dice.choice(USUAL if dice.random() < 0.5 else RARE)), heard)
            await asyncio.sleep(pause_s)

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session, asyncio.TaskGroup() as group:
        for _caller in range(count):
            group.create_task(one())
        try:
            yield heard
        finally:
            done.set()


async def answers(door: Door, count: int) -> Heard:
    """The answers to so many, one after the other, about numbers that nobody asked for before."""
    heard = Heard()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session:
        for index in range(count):
            await door.ask(session, number_of(1_500_000 + index), heard)
    return heard
