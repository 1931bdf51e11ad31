"""Processes that are killed and a Redis that comes and goes, while callers go on calling."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from contextlib import ExitStack

import redis as redis_client
from asgiref.sync import async_to_sync

from integrations.disclosure import audit
from integrations.models import AccessEntry
from integrations.models.audit import Event
from tests.factories import World
from tests.servers import RedisServer, redis_server
from tests.soak.callers import Door, Heard, answers, callers
from tests.soak.conftest import Portal
from tests.test_serve_several import children, eventually, ready

STORM_S = 120
USERS = 16


def lookups_on_record() -> int:
    return AccessEntry.objects.filter(event=Event.LOOKUP).count()


def is_whole_again(world: World, door: Door, heard: Heard) -> None:
    """Each answer has its entry in an unbroken chain, none was another's, and whoever asks now gets everything."""
    print(f"\nheard {heard}")
    assert heard.wrong == []
    assert heard.statuses[200] > 0
    assert lookups_on_record() >= heard.statuses[200]
    eventually(lambda: ready(door.port), "the portal did not come back")
    after = async_to_sync(answers)(door, 50)
    assert (dict(after.statuses), dict(after.words), after.wrong) == ({200: 50}, {"ok": 50}, [])
    assert audit.verify(world.riverside) == AccessEntry.objects.filter(organization=world.riverside).count()


def test_a_storm_of_kills_costs_no_entry_and_leaves_no_lock(world: World, portal: Portal) -> None:
    dice, killed = random.Random(2), 0
    with portal("--web", "2", "--runners", "1", family=3) as (process, door):

        async def storm() -> Heard:
            nonlocal killed
            async with callers(door, USERS) as heard:
                for _kill in range(STORM_S // 3):
                    await asyncio.sleep(3)
                    if family := children(process.pid):
                        os.kill(dice.choice(family), signal.SIGKILL)
                        killed += 1
            return heard

        heard = async_to_sync(storm)()
        print(f"\n{killed} processes killed")
        eventually(lambda: len(children(process.pid)) == 3, "a killed process was not replaced")
        is_whole_again(world, door, heard)


def test_a_redis_that_is_emptied_stopped_and_started_again_costs_no_caller_an_answer(
    world: World, portal: Portal, redis: RedisServer
) -> None:
    with portal("--web", "2", "--runners", "1", family=3) as (_process, door):

        async def storm() -> Heard:
            async with callers(door, USERS) as heard:
                for _round in range(STORM_S // 6):
                    await asyncio.sleep(2)
                    with redis_client.Redis(port=redis.port) as client:
                        client.flushall()
                    await asyncio.sleep(2)
                    redis.stop()
                    await asyncio.sleep(2)
                    again.enter_context(redis_server(redis.port))
            return heard

        with ExitStack() as again:
            heard = async_to_sync(storm)()
            assert set(heard.statuses) == {200}
            is_whole_again(world, door, heard)
