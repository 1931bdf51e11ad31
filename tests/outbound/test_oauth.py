"""Access tokens: renewed in time behind whoever uses them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from integrations.deadline import Deadline
from integrations.outbound import oauth
from integrations.outbound.oauth import AccessTokens
from tests.http_stub import LOOPBACK_ALLOWED, Stub, Write, hang, reply, stub_server


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with stub_server() as server:
        yield server


def token(value: str, **more: Any) -> Write:
    return reply({"access_token": value, "expires_in": 1_800, **more})


def tokens_of(stub: Stub) -> AccessTokens:
    return AccessTokens("crm", f"{stub.url}/token", LOOPBACK_ALLOWED, lambda: {"grant_type": "client_credentials"})


def hanging(reached: asyncio.Event) -> Write:
    async def write(writer: Any) -> None:
        reached.set()
        await hang(writer)

    return write


@pytest.fixture
def renewed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oauth, "RENEWED_FROM", 0.0)
    monkeypatch.setattr(oauth, "RENEWED_AGAIN_S", 0.0)


async def becomes(tokens: AccessTokens, wanted: str) -> set[str]:
    """The tokens that were given out until ``wanted`` was."""
    given: set[str] = set()
    async with asyncio.timeout(5):
        while wanted not in given:
            given.add(await tokens.current(Deadline(5)))
            await asyncio.sleep(0)
    return given


async def test_a_token_is_good_for_all_until_three_quarters_of_its_life(stub: Stub) -> None:
    stub.answer(token("t-1"))
    tokens = tokens_of(stub)
    assert {await tokens.current(Deadline(5)) for _index in range(3)} == {"t-1"}
    assert len(stub.requests) == 1
    await tokens.close()


@pytest.mark.usefixtures("renewed_at_once")
async def test_a_token_is_renewed_although_nobody_asks_for_one(stub: Stub) -> None:
    third = asyncio.Event()
    stub.answer(token("t-1"), token("t-2"), hanging(third))
    tokens = tokens_of(stub)
    assert await tokens.current(Deadline(5)) == "t-1"
    await asyncio.wait_for(third.wait(), 5)
    assert await tokens.current(Deadline(0)) == "t-2", "the next caller waits for nothing"
    await tokens.close()


@pytest.mark.usefixtures("renewed_at_once")
@pytest.mark.parametrize("failure", [reply({}, 500), reply({"error": "invalid_grant"}, 400), reply({})])
async def test_a_renewal_that_fails_leaves_the_token_as_it_is_and_is_tried_again(stub: Stub, failure: Write) -> None:
    stub.answer(token("t-1"), failure, failure, token("t-2"), hang)
    tokens = tokens_of(stub)
    assert await becomes(tokens, "t-2") == {"t-1", "t-2"}
    await tokens.close()


@pytest.mark.usefixtures("renewed_at_once")
async def test_a_token_that_nobody_uses_is_renewed_so_often_and_no_more(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oauth, "MAX_UNUSED", 3)
    stub.answer(token("t-1"))
    tokens = tokens_of(stub)
    for minted in (1 + 3, 1 + 3 + 3):
        await tokens.current(Deadline(5))
        assert tokens._renewal is not None
        await tokens._renewal
        assert len(stub.requests) == minted


@pytest.mark.usefixtures("renewed_at_once")
async def test_what_was_closed_under_a_question_renews_nothing_for_it(stub: Stub) -> None:
    stub.answer(token("t-1"))
    tokens = tokens_of(stub)
    await tokens.close()
    assert await tokens.current(Deadline(5)) == "t-1"
    assert tokens._renewal is None


async def test_one_task_renews_however_often_a_token_is_taken_back(stub: Stub) -> None:
    stub.answer(token("t-1"), token("t-2"))
    tokens = tokens_of(stub)
    taken_back, renewal = await tokens.current(Deadline(5)), tokens._renewal
    await asyncio.sleep(0)  # the renewing has begun
    tokens.forget(taken_back)
    assert await tokens.current(Deadline(5)) == "t-2"
    assert tokens._renewal is renewal
    await tokens.close()


@pytest.mark.usefixtures("renewed_at_once")
async def test_closing_ends_a_renewal_that_is_under_way(stub: Stub) -> None:
    second = asyncio.Event()
    stub.answer(token("t-1"), hanging(second))
    tokens = tokens_of(stub)
    await tokens.current(Deadline(5))
    await asyncio.wait_for(second.wait(), 5)
    renewal = tokens._renewal
    assert renewal is not None
    await tokens.close()
    assert renewal.cancelled()
    await tokens_of(stub).close()  # with nothing under way
