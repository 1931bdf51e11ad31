"""A restricted client and a number that nobody has take equally long, whether the answer is new, kept or asked for anew."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from asgiref.sync import async_to_sync

from integrations.models import Connector
from tests.factories import World, make_connector
from tests.servers import free_port
from tests.soak.callers import Door, number_of
from tests.soak.conftest import Portal
from tests.test_serve_several import ROOT

EACH = 200
# What chance exceeds once in a thousand times.
MAX_Z = 3.3
PEOPLE = {
    "path": "/clients",
    "query": {"phone": "{phone_e164}"},
    "records": "people",
    "map": {name: name for name in ("id", "name", "phone", "restricted")},
}
PAYMENTS = {
    "path": "/payments",
    "query": {"id": "{customer_id}"},
    "records": "people",
    "map": {name: name for name in ("id", "outstanding_balance")},
}


@pytest.fixture
def two_systems() -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.soak.two_systems", str(port)], cwd=ROOT)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def test_two_hundred_timed_lookups_do_not_tell_a_restricted_client_from_nobody(
    world: World, portal: Portal, two_systems: str
) -> None:
    Connector.objects.filter(organization=world.riverside).delete()
    facts: dict[str, Any] = {"allow_private": True}
    people = {"base_url": two_systems, "lookup": {"steps": [PEOPLE]}}
    make_connector(world.riverside, "clients", "rest", options=people, **facts)
    payments = {"base_url": two_systems, "lookup": {"steps": [PAYMENTS]}}
    make_connector(world.riverside, "payments", "rest", options=payments, details_by="clients", **facts)
    with portal("--web", "1", "--runners", "1", family=2) as (_process, door):
        timed = async_to_sync(_timed)(door)
    for state, (hidden, nobody) in timed.items():
        z = _rank_test(hidden, nobody)
        print(f"\n{state}: restricted {_middle(hidden):.2f} ms, nobody {_middle(nobody):.2f} ms, z = {z:+.2f}")
        assert abs(z) < MAX_Z


async def _timed(door: Door) -> dict[str, tuple[list[float], list[float]]]:
    """Milliseconds by state: of restricted clients, and of numbers that nobody has, asked in turns."""
    dice, found = random.Random(3), {}
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {door.key}"}) as session:
        for index in range(20):  # what only the first ones wait for
            await _ask(door, session, 400_001 + 2 * index, refresh=False)
        for state in ("cold", "kept", "refreshed"):
            took: tuple[list[float], list[float]] = ([], [])
            words = set()
            for index in range(EACH):
                for odd in dice.sample((0, 1), 2):
                    ms, told = await _ask(door, session, 100_000 + 2 * index + odd, refresh=state == "refreshed")
                    took[odd].append(ms)
                    words.add(told)
            # One wording for both.
            assert len(words) == 1, words
            found[state] = took
    return found


async def _ask(door: Door, session: aiohttp.ClientSession, index: int, *, refresh: bool) -> tuple[float, str]:
    asked, began = {"phone": number_of(index), "refresh": refresh}, time.perf_counter()
    async with session.post(f"http://127.0.0.1:{door.port}/api/v1/lookup", json=asked) as response:
        body = await response.json()
        ms = (time.perf_counter() - began) * 1000
    await asyncio.sleep(0)
    sources = [(one["name"], one["status"], one["cached"], one["latency_ms"] is None) for one in body["sources"]]
    return ms, repr((response.status, sorted(body), body["lookup_status"], body["match_count"], body["caller"], sources))


def _rank_test(one: list[float], other: list[float]) -> float:
    """How many standard deviations the sum of ranks is from what chance would give (Mann-Whitney)."""
    ranked = sorted((value, which) for which, values in enumerate((one, other)) for value in values)
    ranks = sum(place for place, (_value, which) in enumerate(ranked, 1) if which == 0)
    n, m = len(one), len(other)
    return (ranks - n * (n + m + 1) / 2) / (n * m * (n + m + 1) / 12) ** 0.5


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
