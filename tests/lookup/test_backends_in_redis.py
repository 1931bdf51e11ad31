"""The cache in a real Redis, as several processes share it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import redis as redis_client
from pytest_django.fixtures import Settings
from redis.asyncio import Redis as AsyncRedis

from integrations import connectors
from integrations.errors import ConfigurationError, MissingScope, RateLimited, SourceTimeout
from integrations.lookup import LookupRequest, LookupResult, close_sources, look_up
from integrations.lookup.backends import backends
from integrations.lookup.backends.redis import RedisBackends
from integrations.lookup.backends.sealing import opened, sealed
from integrations.lookup.breaker import Breaker, OpenCircuit
from integrations.lookup.cache import CachedAnswer, Outcome, page_key
from integrations.phone import Number
from integrations.profile import Match, SourceRecord
from integrations.storage.encryption import encrypt
from integrations.storage.redis import LoopClients
from tests.factories import World
from tests.lookup.fakes import FakeConnector
from tests.lookup.test_engine import ROSA, add, statuses
from tests.servers import MissingServer, RedisServer, redis_server

NUMBER = Number("+14155550123", "US")
RECORD = SourceRecord("crm", "1", {"name": "Rosa Castillo"}, matched=(Match("phone", "(415) 555-0123"),), unreadable=("notes",))


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    try:
        with redis_server() as server:
            yield server
    except MissingServer as missing:
        pytest.fail(str(missing))


@pytest.fixture(autouse=True)
async def shared(redis: RedisServer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    settings.REDIS_URL = redis.url
    backends.cache_clear()
    known = {"fake": FakeConnector}
    monkeypatch.setattr("integrations.lookup.sources.kinds", lambda: known)
    monkeypatch.setattr(connectors, "kinds", lambda: known)
    FakeConnector.forget()
    with redis_client.Redis(port=redis.port) as client:
        client.flushall()
    yield
    await close_sources()
    backends.cache_clear()


async def ask(world: World) -> LookupResult:
    return await look_up(LookupRequest(world.riverside.pk, NUMBER))


def test_what_a_connector_remarked_is_sealed_with_its_records() -> None:
    outcome = Outcome((RECORD,), remarks=("One record has no id.",))
    assert opened(sealed(outcome)) == outcome


def test_an_outcome_is_the_same_after_it_was_sealed() -> None:
    assert opened(sealed(Outcome((RECORD,)))).records == (RECORD,)
    timeout, limited = (
        opened(sealed(Outcome(error=SourceTimeout("crm")))),
        sealed(Outcome(error=RateLimited("crm", retry_after=3))),
    )
    assert isinstance(timeout.error, SourceTimeout)
    assert opened(limited).error.retry_after == 3  # type: ignore[union-attr]
    unscoped = opened(sealed(Outcome(error=MissingScope("crm", scopes=["tickets"])))).error
    assert isinstance(unscoped, MissingScope)
    assert "the scope tickets" in unscoped.public_message


async def test_an_answer_is_found_by_another_process(world: World) -> None:
    await add(world, "crm", people=[ROSA])
    await ask(world)
    await close_sources()
    backends.cache_clear()  # what another process would begin with
    result = await ask(world)
    assert (result.sources[0].cached, result.people[0].fields["name"].value) == (True, "Rosa Castillo")
    assert len(FakeConnector.asked) == 1


async def test_nothing_in_redis_can_be_read(world: World, redis: RedisServer) -> None:
    # Some systems name a record by what it holds.
    await add(world, "crm", people=[{**ROSA, "id": "rosa@mail.org", "phone": "+14155550123"}])
    await ask(world)
    with redis_client.Redis(port=redis.port) as client:
        keys = list(client.keys("*"))  # type: ignore[arg-type]
        values = [client.dump(key) or b"" for key in keys]
    everything = b"".join(keys) + b"".join(values)  # type: ignore[arg-type]
    assert keys
    for secret in (b"Rosa", b"4155550123", b"rosa@mail.org"):
        assert secret not in everything


async def test_what_another_version_of_the_portal_kept_is_asked_for_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await add(world, "crm", people=[ROSA])

    def otherwise(outcome: Outcome) -> bytes:
        return encrypt('{"records": [{"name_of_tomorrow": 1}]}').encode()

    with monkeypatch.context() as tomorrow:
        tomorrow.setattr("integrations.lookup.backends.redis_answers.sealed", otherwise)
        await ask(world)
    result = await ask(world)
    assert (result.sources[0].cached, result.people[0].fields["name"].value) == (False, "Rosa Castillo")


@pytest.mark.usefixtures("patience")
async def test_an_outcome_that_cannot_be_read_is_not_waited_for(redis: RedisServer) -> None:
    one = RedisBackends(LoopClients(redis.url))
    page = await one.open(1, NUMBER)

    async def answer() -> Outcome:
        return Outcome((RECORD,))

    await one._link.set(f"{page.key}:crm:find:flight", f"{time.time() + 1} sealed elsewhere".encode(), 5_000)
    assert (await one.single_flight.once(page, "crm:find", answer, 1.0)).records == (RECORD,)
    await one.close()


@pytest.mark.usefixtures("patience")
async def test_two_processes_ask_once_between_them(redis: RedisServer) -> None:
    one, other = RedisBackends(LoopClients(redis.url)), RedisBackends(LoopClients(redis.url))
    calls = 0

    async def slow() -> Outcome:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.1)
        return Outcome((RECORD,))

    pages = [(process, await process.open(1, NUMBER)) for process in (one, other, one, other)]
    outcomes = await asyncio.gather(*(process.single_flight.once(page, "crm:find", slow, 3.0) for process, page in pages))
    assert calls == 1
    assert all(outcome.records == (RECORD,) for outcome in outcomes)
    await one.close()
    await other.close()


@pytest.mark.usefixtures("patience")
async def test_a_failure_is_told_to_those_who_wait_elsewhere_too(redis: RedisServer) -> None:
    one, other = RedisBackends(LoopClients(redis.url)), RedisBackends(LoopClients(redis.url))
    calls = 0

    async def failing() -> Outcome:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.05)
        return Outcome(error=SourceTimeout("crm"))

    pages = [(process, await process.open(1, NUMBER)) for process in (one, other)]
    outcomes = await asyncio.gather(*(process.single_flight.once(page, "crm:find", failing, 3.0) for process, page in pages))
    assert calls == 1
    assert all(isinstance(outcome.error, SourceTimeout) for outcome in outcomes)
    await one.close()
    await other.close()


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("ends", [ConfigurationError("not set up"), asyncio.CancelledError()])
async def test_nobody_waits_for_what_ended_without_an_outcome(redis: RedisServer, ends: BaseException) -> None:
    one, other = RedisBackends(LoopClients(redis.url)), RedisBackends(LoopClients(redis.url))
    pages = [await one.open(1, NUMBER), await other.open(1, NUMBER)]

    async def broken() -> Outcome:
        raise ends

    async def answer() -> Outcome:
        return Outcome((RECORD,))

    with pytest.raises(type(ends)):
        await one.single_flight.once(pages[0], "crm:find", broken, 60.0)
    async with asyncio.timeout(10):
        assert (await other.single_flight.once(pages[1], "crm:find", answer, 60.0)).records == (RECORD,)
    await one.close()
    await other.close()


async def test_a_process_that_died_while_asking_delays_nobody_past_its_deadline(redis: RedisServer) -> None:
    with redis_client.Redis(port=redis.port) as client:
        client.set(f"connie:n:{page_key(1, NUMBER)}:crm:find:flight", "asking", px=60_000)
    alone = RedisBackends(LoopClients(redis.url))
    page = await alone.open(1, NUMBER)

    async def answer() -> Outcome:
        return Outcome((RECORD,))

    assert (await alone.single_flight.once(page, "crm:find", answer, 0.2)).records == (RECORD,)
    await alone.close()


async def test_a_pause_is_known_to_all(world: World, redis: RedisServer) -> None:
    await add(world, "crm", fails="auth")
    assert statuses(await ask(world)) == {"crm": "auth"}
    await close_sources()
    backends.cache_clear()
    assert statuses(await ask(world)) == {"crm": "auth"}
    assert len(FakeConnector.asked) == 1


@pytest.mark.usefixtures("patience")
async def test_a_pause_for_a_missing_scope_names_it_in_every_process(redis: RedisServer) -> None:
    one, other = RedisBackends(LoopClients(redis.url)), RedisBackends(LoopClients(redis.url))
    breaker = Breaker("crm")
    assert breaker.failed(MissingScope("crm", scopes=("tickets",)))
    await one.pauses.tell("1:2:x", breaker.pause)
    elsewhere = Breaker("crm")
    elsewhere.adopt((await other.open(1, NUMBER, ["1:2:x"])).pauses["1:2:x"])
    with pytest.raises(MissingScope, match="paused") as raised:
        elsewhere.admit()
    assert "the scope tickets" in raised.value.public_message
    await one.close()
    await other.close()


@pytest.mark.usefixtures("patience")
async def test_a_pause_ends_for_all(redis: RedisServer) -> None:
    one, other = RedisBackends(LoopClients(redis.url)), RedisBackends(LoopClients(redis.url))
    await one.pauses.tell("1:2:x", OpenCircuit("circuit_open", time.time() + 60, 60))
    assert (await other.open(1, NUMBER, ["1:2:x"])).pauses["1:2:x"].word == "circuit_open"
    await one.pauses.tell("1:2:x", None)
    assert (await other.open(1, NUMBER, ["1:2:x"])).pauses == {}
    await one.close()
    await other.close()


async def test_what_was_sealed_with_a_lost_key_is_asked_anew(world: World, settings: Settings) -> None:
    await add(world, "crm", people=[ROSA], secrets={})
    page = await backends().open(world.riverside.pk, NUMBER)
    await page.put("1:1:x:find", CachedAnswer((RECORD,), time.time()), 300)
    settings.ENCRYPTION_KEYS = ["another-key-another-key-another-key"]
    again = await backends().open(world.riverside.pk, NUMBER)
    assert again.get("1:1:x:find") is None


async def test_numbers_and_records_are_forgotten_for_all(world: World) -> None:
    await add(world, "crm", people=[ROSA])
    await ask(world)
    await backends().answers.forget_record(world.riverside.pk, "crm", "1")
    await ask(world)
    assert len(FakeConnector.asked) == 2
    await backends().answers.forget_number(world.riverside.pk, NUMBER)
    await ask(world)
    assert len(FakeConnector.asked) == 3


async def test_a_redis_that_is_emptied_in_between_costs_a_question(world: World, redis: RedisServer) -> None:
    await add(world, "crm", people=[ROSA], fails="wait")
    asking = asyncio.create_task(ask(world))
    await FakeConnector.asked_once.wait()
    with redis_client.Redis(port=redis.port) as client:
        client.flushall()
    FakeConnector.released.set()
    assert (await asking).people
    assert (await ask(world)).people


async def test_a_redis_that_is_down_costs_the_cache_and_nothing_else(world: World, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    backends.cache_clear()
    await add(world, "crm", people=[ROSA])
    for _time in range(2):
        assert (await ask(world)).people[0].fields["name"].value == "Rosa Castillo"
    assert len(FakeConnector.asked) == 2


async def test_a_redis_that_hangs_costs_a_moment(world: World, settings: Settings) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    settings.REDIS_URL = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    backends.cache_clear()
    await add(world, "crm", people=[ROSA])
    assert (await look_up(LookupRequest(world.riverside.pk, NUMBER, deadline_s=3.0))).people
    await close_sources()
    server.close()


async def test_a_redis_that_is_emptied_under_load_mixes_nobody_up_and_leaves_no_mark(redis: RedisServer) -> None:
    one, other = RedisBackends(LoopClients(redis.url)), RedisBackends(LoopClients(redis.url))
    numbers = [Number(f"+141555501{n:02d}", "US") for n in range(40)]
    ended = asyncio.Event()

    async def look(process: RedisBackends, number: Number) -> str:
        async def fetch() -> Outcome:
            await asyncio.sleep(0.01)
            return Outcome((replace(RECORD, record_id=number.e164),))

        page = await process.open(1, number)
        kept = page.get("crm:find")
        records = kept.records if kept else (await process.single_flight.once(page, "crm:find", fetch, 2.0)).records
        return f"{number.e164} {records[0].record_id}"

    async def empty() -> None:
        async with AsyncRedis.from_url(redis.url) as client:
            while not ended.is_set():
                await client.flushall()
                await asyncio.sleep(0)

    emptying = asyncio.create_task(empty())
    found = [line for _round in range(4) for line in await asyncio.gather(*(look(p, n) for n in numbers for p in (one, other)))]
    ended.set()
    await emptying
    assert set(found) == {f"{number.e164} {number.e164}" for number in numbers}
    # Whoever comes next waits for nobody.
    assert await look(one, numbers[0]) == f"{numbers[0].e164} {numbers[0].e164}"
    await one.close()
    await other.close()
