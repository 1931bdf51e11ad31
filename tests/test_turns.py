"""Pages that are worked on at once, and who waits for a turn."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connie_portal import turns
from connie_portal.turns import TooBusy, turn


def asked_by(session: str) -> dict[str, Any]:
    return {"headers": [(b"cookie", f"a=b; sessionid={session}".encode())] if session else []}


@pytest.fixture(autouse=True)
def one_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "AT_ONCE", 1)
    monkeypatch.setattr(turns, "WAITING_PER_SESSION", 2)


async def waits(session: str) -> asyncio.Task[None]:
    """Somebody who takes a turn when it comes, and ends it."""

    async def one() -> None:
        async with turn(asked_by(session)):
            pass

    task = asyncio.create_task(one())
    await asyncio.sleep(0)
    return task


async def test_a_second_page_waits_until_the_first_one_ends() -> None:
    async with turn(asked_by("")):
        second = await waits("")
        assert not second.done()
    await second


async def test_an_answer_that_has_begun_takes_no_turn() -> None:
    sent: list[object] = []

    async def send(message: object) -> None:
        sent.append(message)

    async with turn(asked_by("")) as streaming:
        await streaming.until_answered(send)({"type": "http.response.start"})
        async with turn(asked_by("")):
            assert sent == [{"type": "http.response.start"}]
            third = await waits("")
        await third
    async with turn(asked_by("")):
        assert not (await waits("")).done()  # it was given back once


async def test_one_browser_waits_in_so_many_places_and_keeps_nobody_out() -> None:
    async with turn(asked_by("")):
        greedy = [await waits("bea") for _each in range(2)]
        with pytest.raises(TooBusy):
            async with turn(asked_by("bea")):
                pass
        others = [await waits("ann"), *[await waits("") for _each in range(5)]]
    await asyncio.gather(*greedy, *others)
    await (await waits("bea"))


async def test_whoever_waits_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE_S", 0)
    async with turn(asked_by("")):
        with pytest.raises(TooBusy):
            async with turn(asked_by("")):
                pass
    async with turn(asked_by("")):
        pass


async def test_whoever_leaves_while_waiting_gives_up_their_place() -> None:
    async with turn(asked_by("")):
        leaving = [await waits("bea") for _each in range(2)]
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        waiting = await waits("bea")
    await waiting
