"""Work that many wait for at once, done once."""

from __future__ import annotations

import asyncio

import pytest

from integrations.single_flight import FEW, SingleFlight


class Work:
    """Goes on until it is released, and counts."""

    def __init__(self) -> None:
        self.begun, self.ended = 0, 0
        self.released = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        try:
            await self.released.wait()
        finally:
            self.ended += 1
        return number


async def test_who_comes_while_it_is_under_way_waits_for_the_same() -> None:
    single_flight, work = SingleFlight[int](), Work()
    waiting = [asyncio.create_task(single_flight.join("a", work)) for _index in range(3)]
    other = asyncio.create_task(single_flight.join("b", work))
    await asyncio.sleep(0)
    work.released.set()
    assert await asyncio.gather(*waiting, other) == [1, 1, 1, 2]
    assert await single_flight.join("a", work) == 3  # landed: the next one begins anew


async def test_who_comes_late_begins_anew_and_takes_nothing_from_the_first() -> None:
    single_flight, work = SingleFlight[int](), Work()
    first = asyncio.create_task(single_flight.join("a", work, open_s=-1))
    await asyncio.sleep(0)
    second = asyncio.create_task(single_flight.join("a", work, open_s=5))
    await asyncio.sleep(0)
    third = asyncio.create_task(single_flight.join("a", work, open_s=5))
    await asyncio.sleep(0)
    assert work.begun == 2
    first.cancel()
    await asyncio.wait({first})
    await asyncio.sleep(0)
    assert work.ended == 1
    work.released.set()
    assert await asyncio.gather(second, third) == [2, 2]


async def test_what_ends_at_once_is_over_for_who_asks_next() -> None:
    begun = []

    async def quick() -> int:
        begun.append(1)
        return len(begun)

    single_flight = SingleFlight[int]()
    assert [await single_flight.join("a", quick), await single_flight.join("a", quick)] == [1, 2]


async def test_work_begins_at_once_and_in_turn_where_much_is_under_way() -> None:
    single_flight, work = SingleFlight[int](), Work()
    boarded = [single_flight.board(number, work) for number in range(FEW + 5)]
    assert work.begun == FEW
    await asyncio.sleep(0)
    assert work.begun == FEW + 5
    work.released.set()
    await asyncio.wait([flight.task for flight in boarded])


async def test_the_last_one_who_leaves_ends_it() -> None:
    single_flight, work = SingleFlight[int](), Work()
    waiting = [asyncio.create_task(single_flight.join("a", work)) for _index in range(2)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.wait({waiting[0]})
    assert (work.begun, work.ended) == (1, 0)
    waiting[1].cancel()
    await asyncio.wait({waiting[1]})
    await asyncio.sleep(0)
    assert work.ended == 1


async def test_all_who_wait_learn_of_a_failure() -> None:
    async def fail() -> int:
        await asyncio.sleep(0)
        raise LookupError

    single_flight = SingleFlight[int]()
    outcomes = await asyncio.gather(*(single_flight.join("a", fail) for _index in range(2)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [LookupError, LookupError]


async def test_a_failure_that_nobody_waited_for_is_nobodys_problem() -> None:
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: problems.append(context))

    async def fail_when_cancelled() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            raise LookupError

    single_flight = SingleFlight[int]()
    flight = single_flight.board("a", fail_when_cancelled)
    await asyncio.sleep(0)
    single_flight.leave(flight)
    await asyncio.wait({flight.task})
    await asyncio.sleep(0)
    del flight
    assert problems == []


async def test_another_event_loop_has_flights_of_its_own() -> None:
    single_flight, work = SingleFlight[int](), Work()
    waiting = asyncio.create_task(single_flight.join("a", work))
    await asyncio.sleep(0)

    async def elsewhere() -> int:
        async def done() -> int:
            return 7

        return await single_flight.join("a", done)

    assert await asyncio.to_thread(asyncio.run, elsewhere()) == 7
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
