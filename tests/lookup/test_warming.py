"""What is done before the first caller: configuration loaded, systems signed in to."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import structlog
from asgiref.sync import sync_to_async

from integrations import connectors
from integrations.lookup import close_sources, warming
from integrations.lookup.warming import warm_up
from tests.factories import World, make_connector
from tests.lookup.fakes import FakeConnector
from tests.lookup.test_engine import ROSA, add, ask


@pytest.fixture(autouse=True)
async def fake_kind(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    known = {"fake": FakeConnector}
    monkeypatch.setattr("integrations.lookup.sources.kinds", lambda: known)
    monkeypatch.setattr(connectors, "kinds", lambda: known)
    FakeConnector.forget()
    yield
    await close_sources()


def warmed_up() -> set[str]:
    return {key for key, question in FakeConnector.asked if question == "warm_up"}


async def test_every_organisation_has_its_systems_ready(world: World) -> None:
    await add(world, "crm")
    await add(world, "clients")
    await add(world, "old", enabled=False)
    await sync_to_async(make_connector)(world.harbor, "theirs", "fake")
    await warm_up()
    assert warmed_up() == {"crm", "clients", "theirs"}


async def test_the_first_caller_meets_what_was_warmed_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await add(world, "crm", people=[ROSA])
    await warm_up()

    def build(*_facts: object) -> None:
        raise AssertionError("a second connector of the same configuration")

    monkeypatch.setattr("integrations.lookup.sources.build", build)
    assert (await ask(world)).people


async def test_a_system_that_cannot_get_ready_keeps_nobody_else_waiting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "EACH_S", 0.1)
    monkeypatch.setattr(warming, "AT_ONCE", 1)
    for key, fails in (("a", "hang"), ("b", "auth"), ("c", "crash"), ("d", "unavailable"), ("e", "")):
        await add(world, key, fails=fails)
    with structlog.testing.capture_logs() as said:
        await warm_up()
    assert warmed_up() == {"a", "b", "c", "d", "e"}
    told = {line["connector"]: (line["event"], line["problem"]) for line in said if "connector" in line}
    assert told == {
        "a": ("source.not_ready", "TimeoutError"),
        "b": ("source.not_ready", "AuthFailed"),
        "c": ("source.crashed", "KeyError"),
        "d": ("source.not_ready", "SourceUnavailable"),
    }
    assert "0123" not in str(said)


async def test_a_system_that_is_switched_off_or_removed_is_let_go_of(world: World) -> None:
    crm, clients = await add(world, "crm", people=[ROSA]), await add(world, "clients")
    await add(world, "rides")
    await ask(world)
    FakeConnector.closed.clear()  # what another test has left
    crm.enabled = False
    await crm.asave()
    await clients.adelete()
    await ask(world)
    assert sorted(FakeConnector.closed) == ["clients", "crm"]
