"""What is done before the first caller: configuration loaded, systems signed in to."""

from __future__ import annotations

import pytest
import structlog
from asgiref.sync import sync_to_async

from integrations.lookup import warming
from integrations.lookup.sources import plan_and_source
from integrations.lookup.warming import warm_up
from tests.factories import World, make_connector
from tests.lookup.fakes import FakeConnector
from tests.lookup.test_engine import ROSA, add, ask

pytestmark = pytest.mark.usefixtures("fake_kind")


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
    crm.enabled = False
    await crm.asave()
    await clients.adelete()
    await ask(world)
    assert sorted(FakeConnector.closed) == ["clients", "crm"]


async def test_who_tries_a_system_that_is_switched_off_meets_one_and_the_same(world: World) -> None:
    crm = await add(world, "crm", enabled=False)
    _plan, first = await plan_and_source(world.riverside.pk, crm.pk)
    _plan, second = await plan_and_source(world.riverside.pk, crm.pk)
    assert first.connector is second.connector
    assert FakeConnector.closed == []


async def test_what_was_changed_is_let_go_of_by_whoever_tries_it_next(world: World) -> None:
    crm = await add(world, "crm", enabled=False)
    _plan, before = await plan_and_source(world.riverside.pk, crm.pk)
    crm.options = {"people": [ROSA]}
    await crm.asave()
    _plan, after = await plan_and_source(world.riverside.pk, crm.pk)
    assert after.connector is not before.connector
    assert FakeConnector.closed == ["crm"]
