"""Budgets: of one process, and of several that share a real Redis."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace

import pytest
import redis as redis_client
from pytest_django.fixtures import Settings

from integrations.connectors import kind_named
from integrations.connectors.base import Limits
from integrations.deadline import Deadline
from integrations.errors import OverBudget
from integrations.lookup import LookupRequest, LookupResult, close_sources, look_up
from integrations.lookup.backends import backends
from integrations.lookup.backends.memory import LocalRateLimits
from integrations.lookup.backends.redis import RedisBackends
from integrations.lookup.background import cancel_background
from integrations.lookup.limiter import Limiter
from integrations.lookup.rate_limit import RateLimit
from integrations.lookup.sources import plan_of
from integrations.phone import classify
from integrations.storage.redis import LoopClients
from tests.factories import World
from tests.known_callers import install_fake_kind
from tests.lookup.fakes import FakeConnector
from tests.lookup.test_engine import ROSA, add, statuses
from tests.servers import MissingServer, RedisServer, redis_server

ALONE = LocalRateLimits()
# Long enough that nothing of it passes during a test.
HOUR = 3_600.0


class Time:
    """Stands still until somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    stands = Time()
    monkeypatch.setattr("integrations.lookup.limiter.time", stands)
    monkeypatch.setattr("integrations.lookup.limiter.asyncio", SimpleNamespace(sleep=stands.sleep))
    return stands


async def taken(limiter: Limiter, deadline_s: float = 10.0, *, counts: bool = True) -> bool:
    """One question, answered at once; False where it was refused."""
    try:
        async with limiter.acquired(Deadline(deadline_s), ALONE, counts=counts):
            return True
    except OverBudget:
        return False


# -- In one process -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rps", "turns", "window_s"), [(5, 5, 1.0), (0.5, 1, 2.0), (2.5, 3, 1.2), (1_000, 1_000, 1.0), (0, 0, 1.0)]
)
def test_a_rate_is_so_many_turns_in_a_window(rps: float, turns: int, window_s: float) -> None:
    rate_limit = RateLimit.of(rps, 0)
    assert (rate_limit.requests, rate_limit.window_s, bool(rate_limit)) == (turns, pytest.approx(window_s), rps > 0)


async def test_no_second_sees_more_questions_than_it_may(time: Time) -> None:
    limiter = Limiter("crm", "1:1", RateLimit.of(5, 0))
    asked_at = []
    for step in range(40):
        time.now = step * 0.05
        time.waits.clear()
        if await taken(limiter, deadline_s=100):
            asked_at.append(time.now + sum(time.waits))
    assert asked_at == sorted(asked_at)
    assert all(later - earlier > 1.0 - 1e-9 for earlier, later in zip(asked_at, asked_at[5:], strict=False))
    assert asked_at[:6] == pytest.approx([0.0, 0.05, 0.1, 0.15, 0.2, 1.0]), "a second's budget may be spent at once"


async def test_who_would_wait_past_half_of_the_time_left_is_told_now(time: Time) -> None:
    limiter = Limiter("crm", "1:1", RateLimit.of(1, 0))
    assert await taken(limiter)
    assert not await taken(limiter, deadline_s=1.9)
    with pytest.raises(OverBudget) as raised:
        async with limiter.acquired(Deadline(1.9), ALONE):
            raise AssertionError("unreachable")
    assert raised.value.retry_after == 1.0
    assert await taken(limiter, deadline_s=2.1), "what was refused has taken nothing"
    assert time.waits == [1.0]


async def test_what_does_not_count_waits_for_nobody(time: Time) -> None:
    limiter = Limiter("crm", "1:1", RateLimit.of(1, 0))
    assert await taken(limiter)
    assert await taken(limiter, counts=False)
    assert not await taken(limiter, deadline_s=1)
    assert time.waits == []


async def test_slots_are_counted_also_for_what_does_not_count_by_the_second() -> None:
    limiter = Limiter("crm", "1:1", RateLimit.of(1, 1))
    async with limiter.acquired(Deadline(1), ALONE, counts=False):
        assert not await taken(limiter, counts=False)
    assert await taken(limiter)


# -- In several -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    try:
        with redis_server() as server:
            yield server
    except MissingServer as missing:
        pytest.fail(str(missing))


@pytest.fixture
async def processes(redis: RedisServer, patience: None) -> AsyncIterator[tuple[RedisBackends, RedisBackends]]:
    """Two ways to what is shared, as two processes have them."""
    with redis_client.Redis(port=redis.port) as client:
        client.flushall()
    one, other = RedisBackends(LoopClients(redis.url)), RedisBackends(LoopClients(redis.url))
    yield one, other
    await cancel_background()
    await one.close()
    await other.close()


type Processes = tuple[RedisBackends, RedisBackends]


async def acquire(
    process: RedisBackends, rate_limit: RateLimit, slot: str = "s", *, patience: float = 0.0, lease: float = HOUR
) -> float:
    wait = await process.rate_limits.acquire("1:1", slot, rate_limit, patience, min(lease, 50.0))
    assert wait is not None
    return wait


async def test_the_turns_of_a_second_are_those_of_all_processes(processes: Processes) -> None:
    one, other = processes
    rate_limit = RateLimit(requests=3, window_s=HOUR)
    assert [await acquire(process, rate_limit) for process in (one, other, one)] == [0.0, 0.0, 0.0]
    for process in processes:
        assert HOUR - 60 < await acquire(process, rate_limit) <= HOUR


async def test_what_is_refused_takes_no_turn_and_what_waits_takes_one(processes: Processes) -> None:
    one, other = processes
    rate_limit = RateLimit(requests=1, window_s=20.0)
    assert await acquire(one, rate_limit) == 0.0
    for _attempt in range(3):
        assert 19 < await acquire(other, rate_limit, patience=1) <= 20
    assert 19 < await acquire(other, rate_limit, patience=30) <= 20
    assert 39 < await acquire(one, rate_limit, patience=30) <= 40


async def test_turns_of_different_sources_are_apart(processes: Processes) -> None:
    one, other = processes
    rate_limit = RateLimit(requests=1, window_s=HOUR)
    assert await one.rate_limits.acquire("1:1", "s", rate_limit, 0, 5) == 0.0
    assert await other.rate_limits.acquire("1:2", "s", rate_limit, 0, 5) == 0.0


async def test_open_questions_are_those_of_all_processes(processes: Processes) -> None:
    one, other = processes
    rate_limit = RateLimit(concurrency=2)
    assert [await acquire(one, rate_limit, "a"), await acquire(other, rate_limit, "b")] == [0.0, 0.0]
    assert [await acquire(one, rate_limit, "c"), await acquire(other, rate_limit, "d")] == [math.inf, math.inf]
    await other.rate_limits.release("1:1", "b")
    assert await acquire(one, rate_limit, "c") == 0.0


async def test_a_process_that_died_frees_its_slots_when_their_lease_ends(processes: Processes) -> None:
    one, other = processes
    rate_limit = RateLimit(concurrency=1)
    assert await acquire(one, rate_limit, "dead", lease=0) == 0.0
    assert await acquire(other, rate_limit, "alive") == 0.0
    assert await acquire(one, rate_limit, "late") == math.inf


async def test_times_from_before_the_clock_was_set_back_count_no_longer(processes: Processes, redis: RedisServer) -> None:
    one, _other = processes
    ahead = 10**17
    with redis_client.Redis(port=redis.port) as client:
        client.lpush("connie:l:{1:1}:turns", ahead)
        client.zadd("connie:l:{1:1}:slots", {"old": ahead})
    assert await acquire(one, RateLimit(requests=1, window_s=HOUR, concurrency=1)) == 0.0


async def test_nothing_of_a_budget_stays_for_ever(processes: Processes, redis: RedisServer) -> None:
    await acquire(processes[0], RateLimit(requests=5, window_s=1.0, concurrency=5))
    with redis_client.Redis(port=redis.port) as client:
        keys = list(client.scan_iter("connie:l:*"))
        assert len(keys) == 2
        assert all(0 < client.pttl(key) <= 60_000 for key in keys)  # type: ignore[operator]


async def test_a_slot_is_given_back_after_the_answer_and_after_a_failure(processes: Processes, redis: RedisServer) -> None:
    one, _other = processes
    limiter = Limiter("crm", "1:1", RateLimit.of(0, 1))
    for failure in (None, RuntimeError("the system failed")):
        try:
            async with limiter.acquired(Deadline(5), one.rate_limits):
                assert await acquire(one, limiter.rate_limit, "another") == math.inf
                if failure:
                    raise failure
        except RuntimeError:
            pass
        async with asyncio.timeout(5):
            while await one.rate_limits.acquire("1:1", "probe", limiter.rate_limit, 0, 0) == math.inf:
                pass
        await one.rate_limits.release("1:1", "probe")


async def test_two_processes_do_not_ask_more_than_one_may(processes: Processes) -> None:
    limiters = [Limiter("crm", "1:1", RateLimit(3, HOUR, 0)) for _process in processes]
    outcomes = []
    for index in range(8):
        try:
            async with limiters[index % 2].acquired(Deadline(1), processes[index % 2].rate_limits):
                outcomes.append("asked")
        except OverBudget:
            outcomes.append("over")
    assert outcomes == ["asked"] * 3 + ["over"] * 5


async def test_without_redis_each_process_keeps_to_the_budget_by_itself() -> None:
    down = RedisBackends(LoopClients("redis://127.0.0.1:1/0"))
    assert await down.rate_limits.acquire("1:1", "s", RateLimit(1, HOUR, 1), 1, 5) is None
    limiter = Limiter("crm", "1:1", RateLimit(2, HOUR, 1))
    async with limiter.acquired(Deadline(5), down.rate_limits):
        with pytest.raises(OverBudget, match="open"):
            async with limiter.acquired(Deadline(5), down.rate_limits):
                raise AssertionError("unreachable")
    async with limiter.acquired(Deadline(5), down.rate_limits):
        pass
    with pytest.raises(OverBudget, match="budget"):
        async with limiter.acquired(Deadline(5), down.rate_limits):
            raise AssertionError("unreachable")
    await down.close()


async def test_what_was_asked_while_redis_was_there_counts_when_it_is_gone(processes: Processes) -> None:
    one, _other = processes
    limiter = Limiter("crm", "1:1", RateLimit(1, HOUR, 0))
    async with limiter.acquired(Deadline(5), one.rate_limits):
        pass
    down = RedisBackends(LoopClients("redis://127.0.0.1:1/0"))
    with pytest.raises(OverBudget):
        async with limiter.acquired(Deadline(5), down.rate_limits):
            raise AssertionError("unreachable")
    await down.close()


async def test_a_redis_that_hangs_is_waited_for_briefly() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    hanging = RedisBackends(LoopClients(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"))
    async with asyncio.timeout(5):
        assert await hanging.rate_limits.acquire("1:1", "s", RateLimit(1, 1.0, 1), 1, 5) is None
    await hanging.close()
    server.close()


# -- In a lookup ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def world_of_fakes(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    await asyncio.to_thread(install_fake_kind, monkeypatch)
    FakeConnector.forget()
    yield world
    await close_sources()
    backends.cache_clear()


async def ask(world: World, last_digit: int) -> LookupResult:
    return await look_up(LookupRequest(world.riverside.pk, classify(f"+1415555012{last_digit}", "US")))


async def test_another_process_finds_the_budget_spent(
    world_of_fakes: World, redis: RedisServer, settings: Settings, processes: Processes
) -> None:
    world, settings.REDIS_URL = world_of_fakes, redis.url
    backends.cache_clear()
    await add(world, "crm", people=[ROSA], limits={"rps": 0.01})
    assert statuses(await ask(world, 1)) == {"crm": "found"}
    await close_sources()
    backends.cache_clear()  # what another process would begin with
    assert statuses(await ask(world, 2)) == {"crm": "rate_limited"}
    assert statuses(await ask(world, 1)) == {"crm": "found"}, "what is kept costs nothing"


async def test_what_the_vendor_allows_holds_where_nothing_is_configured(
    world_of_fakes: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeConnector, "default_limits", Limits(rps=5, concurrency=3))
    await add(world_of_fakes, "usual")
    await add(world_of_fakes, "faster", limits={"rps": 50})
    await add(world_of_fakes, "narrow", limits={"concurrency": 1})
    plan = await plan_of(world_of_fakes.riverside.pk)
    assert {source.key: source.limiter.rate_limit for source in plan.sources} == {
        "usual": RateLimit(5, 1.0, 3),
        "faster": RateLimit(50, 1.0, 3),
        "narrow": RateLimit(5, 1.0, 1),
    }


@pytest.mark.parametrize(("kind", "rps", "concurrency"), [("hubspot", 5, 0), ("salesforce", 0, 20), ("database", 0, 0)])
def test_kinds_say_what_their_vendors_allow(kind: str, rps: float, concurrency: int) -> None:
    limits = kind_named(kind).default_limits
    assert (limits.rps, limits.concurrency) == (rps, concurrency)
    assert bool(limits.why) == bool(rps or concurrency)
