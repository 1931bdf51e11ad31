"""Access tokens: renewed in time behind whoever uses them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from integrations.deadline import Deadline
from integrations.errors import ConfigurationError, SourceTimeout
from integrations.outbound import oauth
from integrations.outbound.http import close_clients
from integrations.outbound.oauth import AccessTokens, rsa_key
from tests.http_stub import LOOPBACK_ALLOWED, Stub, Write, hang, reply, stub_server


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with stub_server() as server:
        yield server
        await close_clients()


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


async def test_a_token_is_not_used_up_to_the_moment_that_it_expires(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(ahead_s=0.0)
    monkeypatch.setattr(oauth, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + clock.ahead_s))
    stub.answer(token("t-1", expires_in=120), token("t-2"))
    tokens = tokens_of(stub)
    given = []
    for clock.ahead_s in (0.0, 55.0, 65.0):
        given.append(await tokens.current(Deadline(5)))
    assert given == ["t-1", "t-1", "t-2"]
    await tokens.close()


async def test_a_vendor_whose_tokens_live_for_seconds_is_not_asked_for_one_each_time(stub: Stub) -> None:
    stub.answer(token("t-1", expires_in=10))
    tokens = tokens_of(stub)
    assert {await tokens.current(Deadline(5)) for _index in range(3)} == {"t-1"}
    assert len(stub.requests) == 1
    await tokens.close()


async def test_a_token_that_was_taken_back_takes_none_that_came_after_it_along(stub: Stub) -> None:
    stub.answer(token("t-1"), token("t-2"), token("t-3"))
    tokens = tokens_of(stub)
    first = await tokens.current(Deadline(5))
    given = []
    for _answer in range(2):  # two requests that went out with it were both refused
        tokens.forget(first)
        given.append(await tokens.current(Deadline(5)))
    assert given == ["t-2", "t-2"]
    await tokens.close()


async def test_who_waits_for_anothers_sign_in_waits_no_longer_than_they_may(stub: Stub) -> None:
    signing_in = asyncio.Event()
    stub.answer(hanging(signing_in))
    tokens = tokens_of(stub)
    first = asyncio.create_task(tokens.current(Deadline(30)))
    await asyncio.wait_for(signing_in.wait(), 5)
    async with asyncio.timeout(5):
        with pytest.raises(SourceTimeout):
            await tokens.current(Deadline(0.05))
    assert not first.done()
    first.cancel()
    await asyncio.wait([first])
    await tokens.close()


def test_only_an_rsa_key_signs() -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(ConfigurationError, match="give an RSA private key"):
        rsa_key(pem.decode())


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
