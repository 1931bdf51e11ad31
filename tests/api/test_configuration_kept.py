"""Keys, plans and tiers are kept in the process; a change is seen at once here, and within two seconds elsewhere."""

from __future__ import annotations

import asyncio
import threading

import pytest
from django.db import transaction

from integrations.models import ApiKey, ConfigurationVersion, Connector, TierRule
from integrations.models.snapshots import Snapshots, _seen
from tests.api.conftest import Api
from tests.factories import World

PHONE = {"phone": "+14155550123"}


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        monkeypatch.setattr("integrations.models.snapshots.time.monotonic", lambda: self.now)
        _seen.forget()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def changed_by_another_process() -> None:
    """Change only the row: no signal of this process tells of it."""
    await ConfigurationVersion.objects.filter(pk=1).aupdate(value="another")


async def test_a_second_lookup_reads_nothing_before_it_asks(api: Api, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    first = (await api.post(PHONE)).json()

    def refuse(*_: object) -> None:
        raise AssertionError("the database was read")

    monkeypatch.setattr(Snapshots, "_read", refuse)
    assert (await api.post(PHONE)).json()["caller"] == first["caller"]


class SlowReading:
    """Counts the readings of one thing, which go on until they are released; tells what was there when each began."""

    def __init__(self) -> None:
        self.there, self.begun = "before", 0
        self.reading, self.released = threading.Event(), threading.Event()

    def __call__(self, _key: str) -> str:
        self.begun, there = self.begun + 1, self.there
        self.reading.set()
        self.released.wait(10)
        return there


async def test_who_asks_while_it_is_being_read_waits_for_that_reading(world: World) -> None:
    load = SlowReading()
    kept = Snapshots(load)
    waiting = [asyncio.create_task(kept.get("a")) for _index in range(20)]
    await asyncio.to_thread(load.reading.wait, 10)
    load.released.set()
    assert await asyncio.gather(*waiting) == ["before"] * 20
    assert load.begun == 1


async def test_who_asks_after_a_change_does_not_wait_for_a_reading_that_began_before_it(world: World) -> None:
    load = SlowReading()
    kept = Snapshots(load)
    early = asyncio.create_task(kept.get("a"))
    await asyncio.to_thread(load.reading.wait, 10)
    load.there = "after"
    await changed_by_another_process()
    _seen.forget()
    late = asyncio.create_task(kept.get("a"))
    await asyncio.sleep(0)
    load.released.set()
    assert (await early, await late) == ("before", "after")


async def test_a_key_that_is_deactivated_here_is_refused_at_once(api: Api, clock: Clock) -> None:
    assert (await api.post(PHONE)).status_code == 200
    key = await ApiKey.objects.aget(name="studio")
    key.active = False
    await key.asave()
    assert (await api.post(PHONE)).status_code == 401


async def test_a_key_that_is_deactivated_elsewhere_is_refused_once_a_second_has_passed(api: Api, clock: Clock) -> None:
    assert (await api.post(PHONE)).status_code == 200
    await ApiKey.objects.aupdate(active=False)
    await changed_by_another_process()
    clock.now += 1.1
    assert (await api.post(PHONE)).status_code == 401


async def test_a_rule_that_is_changed_elsewhere_hides_the_field(api: Api, clock: Clock) -> None:
    assert "name" in (await api.post(PHONE)).json()["caller"]
    await TierRule.objects.filter(target="basic").aupdate(effect="hide")
    await changed_by_another_process()
    clock.now += 1.1
    assert "name" not in (await api.post(PHONE)).json()["caller"]


async def test_a_system_that_is_disabled_elsewhere_is_no_longer_asked(api: Api, clock: Clock) -> None:
    assert len((await api.post(PHONE)).json()["sources"]) == 1
    await Connector.objects.aupdate(enabled=False)
    await changed_by_another_process()
    clock.now += 1.1
    assert (await api.post(PHONE)).json()["sources"] == []


async def test_while_one_request_reads_the_version_others_believe_theirs_for_a_second_more_and_no_longer(
    api: Api, clock: Clock
) -> None:
    await api.post(PHONE)
    clock.now += 1.1
    assert _seen.at_hand() is None
    assert _seen.at_hand() is not None
    clock.now += 1.0
    assert _seen.at_hand() is None


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_rolled_back_leaves_the_version(world: World) -> None:
    before = ConfigurationVersion.objects.get().value
    with transaction.atomic():
        world.riverside.save()
        assert ConfigurationVersion.objects.get().value != before
        transaction.set_rollback(True)
    assert ConfigurationVersion.objects.get().value == before


@pytest.mark.django_db(transaction=True)
def test_what_is_deleted_changes_the_version(world: World) -> None:
    before = ConfigurationVersion.objects.get().value
    world.riverside.tiers.get(name="basic").rules.first().delete()  # type: ignore[union-attr]
    assert ConfigurationVersion.objects.get().value != before
