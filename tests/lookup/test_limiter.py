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
from integrations.lookup.backends.memory import OwnTurns
from integrations.lookup.backends.redis import RedisBackends
from integrations.lookup.background import cancel_background
from integrations.lookup.budget import Budget
from integrations.lookup.limiter import Limiter
from integrations.lookup.sources import plan_of
from integrations.phone import classify
from integrations.storage.redis import LoopClients
from tests.factories import World
from tests.known_callers import install_fake_kind
from tests.lookup.fakes import FakeConnector
from tests.lookup.test_engine import ROSA, add, statuses
from tests.servers import MissingServer, RedisServer, redis_server

ALONE = OwnTurns()
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
        async with limiter.turn(Deadline(deadline_s), ALONE, counts=counts):
            return True
    except OverBudget:
        return False


# -- In one process -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rps", "turns", "window_s"), [(5, 5, 1.0), (0.5, 1, 2.0), (2.5, 3, 1.2), (1_000, 1_000, 1.0), (0, 0, 1.0)]
)
def test_a_rate_is_so_many_turns_in_a_window(rps: float, turns: int, window_s: float) -> None:
    budget = Budget.of(rps, 0)
    assert (budget.turns, budget.window_s, bool(budget)) == (turns, pytest.approx(window_s), rps > 0)


async def test_no_second_sees_more_questions_than_it_may(time: Time) -> None:
    limiter = Limiter("crm", "1:1", Budget.of(5, 0))
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
    limiter = Limiter("crm", "1:1", Budget.of(1, 0))
    assert await taken(limiter)
    assert not await taken(limiter, deadline_s=1.9)
    with pytest.raises(OverBudget) as raised:
        async with limiter.turn(Deadline(1.9), ALONE):
            raise AssertionError("unreachable")
    assert raised.value.retry_after == 1.0
    assert await taken(limiter, deadline_s=2.1), "what was refused has taken nothing"
    assert time.waits == [1.0]


async def test_what_does_not_count_waits_for_nobody(time: Time) -> None:
    limiter = Limiter("crm", "1:1", Budget.of(1, 0))
    assert await taken(limiter)
    assert await taken(limiter, counts=False)
    assert not await taken(limiter, deadline_s=1)
    assert time.waits == []


async def test_slots_are_counted_also_for_what_does_not_count_by_the_second() -> None:
    limiter = Limiter("crm", "1:1", Budget.of(1, 1))
    async with limiter.turn(Deadline(1), ALONE, counts=False):
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
async def processes(redis: RedisServer) -> AsyncIterator[tuple[RedisBackends, RedisBackends]]:
    """Two ways to what is shared, as two processes have them."""
    with redis_client.Redis(port=redis.port) as client:
        client.flushall()
    one, other = RedisBackends(LoopClients(redis.url)), RedisBackends(LoopClients(redis.url))
    yield one, other
    await cancel_background()
    await one.close()
    await other.close()


type Processes = tuple[RedisBackends, RedisBackends]


async def take(process: RedisBackends, budget: Budget, slot: str = "s", *, patience: float = 0.0, lease: float = HOUR) -> float:
    wait = await process.turns.take("1:1", slot, budget, patience, min(lease, 50.0))
    assert wait is not None
    return wait


async def test_the_turns_of_a_second_are_those_of_all_processes(processes: Processes) -> None:
    one, other = processes
    budget = Budget(turns=3, window_s=HOUR)
    assert [await take(process, budget) for process in (one, other, one)] == [0.0, 0.0, 0.0]
    for process in processes:
        assert HOUR - 60 < await take(process, budget) <= HOUR


async def test_what_is_refused_takes_no_turn_and_what_waits_takes_one(processes: Processes) -> None:
    one, other = processes
    budget = Budget(turns=1, window_s=20.0)
    assert await take(one, budget) == 0.0
    for _attempt in range(3):
        assert 19 < await take(other, budget, patience=1) <= 20
    assert 19 < await take(other, budget, patience=30) <= 20
    assert 39 < await take(one, budget, patience=30) <= 40


async def test_turns_of_different_sources_are_apart(processes: Processes) -> None:
    one, other = processes
    budget = Budget(turns=1, window_s=HOUR)
    assert await one.turns.take("1:1", "s", budget, 0, 5) == 0.0
    assert await other.turns.take("1:2", "s", budget, 0, 5) == 0.0


async def test_open_questions_are_those_of_all_processes(processes: Processes) -> None:
    one, other = processes
    budget = Budget(concurrency=2)
    assert [await take(one, budget, "a"), await take(other, budget, "b")] == [0.0, 0.0]
    assert [await take(one, budget, "c"), await take(other, budget, "d")] == [math.inf, math.inf]
    await other.turns.end("1:1", "b")
    assert await take(one, budget, "c") == 0.0


async def test_a_process_that_died_frees_its_slots_when_their_lease_ends(processes: Processes) -> None:
    one, other = processes
    budget = Budget(concurrency=1)
    assert await take(one, budget, "dead", lease=0) == 0.0
    assert await take(other, budget, "alive") == 0.0
    assert await take(one, budget, "late") == math.inf


async def test_times_from_before_the_clock_was_set_back_count_no_longer(processes: Processes, redis: RedisServer) -> None:
    one, _other = processes
    ahead = 10**17
    with redis_client.Redis(port=redis.port) as client:
        client.lpush("connie:l:{1:1}:turns", ahead)
        client.zadd("connie:l:{1:1}:slots", {"old": ahead})
    assert await take(one, Budget(turns=1, window_s=HOUR, concurrency=1)) == 0.0


async def test_nothing_of_a_budget_stays_for_ever(processes: Processes, redis: RedisServer) -> None:
    await take(processes[0], Budget(turns=5, window_s=1.0, concurrency=5))
    with redis_client.Redis(port=redis.port) as client:
        keys = list(client.scan_iter("connie:l:*"))
        assert len(keys) == 2
        assert all(0 < client.pttl(key) <= 60_000 for key in keys)  # type: ignore[operator]


async def test_a_slot_is_given_back_after_the_answer_and_after_a_failure(processes: Processes, redis: RedisServer) -> None:
    one, _other = processes
    limiter = Limiter("crm", "1:1", Budget.of(0, 1))
    for failure in (None, RuntimeError("the system failed")):
        try:
            async with limiter.turn(Deadline(5), one.turns):
                assert await take(one, limiter.budget, "another") == math.inf
                if failure:
                    raise failure
        except RuntimeError:
            pass
        async with asyncio.timeout(5):
            while await one.turns.take("1:1", "probe", limiter.budget, 0, 0) == math.inf:
                pass
        await one.turns.end("1:1", "probe")


async def test_two_processes_do_not_ask_more_than_one_may(processes: Processes) -> None:
    limiters = [Limiter("crm", "1:1", Budget(3, HOUR, 0)) for _process in processes]
    outcomes = []
    for index in range(8):
        try:
            async with limiters[index % 2].turn(Deadline(1), processes[index % 2].turns):
                outcomes.append("asked")
        except OverBudget:
            outcomes.append("over")
    assert outcomes == ["asked"] * 3 + ["over"] * 5


async def test_without_redis_each_process_keeps_to_the_budget_by_itself() -> None:
    down = RedisBackends(LoopClients("redis://127.0.0.1:1/0"))
    assert await down.turns.take("1:1", "s", Budget(1, HOUR, 1), 1, 5) is None
    limiter = Limiter("crm", "1:1", Budget(2, HOUR, 1))
    async with limiter.turn(Deadline(5), down.turns):
        with pytest.raises(OverBudget, match="open"):
            async with limiter.turn(Deadline(5), down.turns):
                raise AssertionError("unreachable")
    async with limiter.turn(Deadline(5), down.turns):
        pass
    with pytest.raises(OverBudget, match="budget"):
        async with limiter.turn(Deadline(5), down.turns):
            raise AssertionError("unreachable")
    await down.close()


async def test_what_was_asked_while_redis_was_there_counts_when_it_is_gone(processes: Processes) -> None:
    one, _other = processes
    limiter = Limiter("crm", "1:1", Budget(1, HOUR, 0))
    async with limiter.turn(Deadline(5), one.turns):
        pass
    down = RedisBackends(LoopClients("redis://127.0.0.1:1/0"))
    with pytest.raises(OverBudget):
        async with limiter.turn(Deadline(5), down.turns):
            raise AssertionError("unreachable")
    await down.close()


async def test_a_redis_that_hangs_is_waited_for_briefly() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    hanging = RedisBackends(LoopClients(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"))
    async with asyncio.timeout(5):
        assert await hanging.turns.take("1:1", "s", Budget(1, 1.0, 1), 1, 5) is None
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
    assert {source.key: source.limiter.budget for source in plan.sources} == {
        "usual": Budget(5, 1.0, 3),
        "faster": Budget(50, 1.0, 3),
        "narrow": Budget(5, 1.0, 1),
    }


@pytest.mark.parametrize(("kind", "rps", "concurrency"), [("hubspot", 5, 0), ("salesforce", 0, 20), ("database", 0, 0)])
def test_kinds_say_what_their_vendors_allow(kind: str, rps: float, concurrency: int) -> None:
    limits = kind_named(kind).default_limits
    assert (limits.rps, limits.concurrency) == (rps, concurrency)
    assert bool(limits.why) == bool(rps or concurrency)
