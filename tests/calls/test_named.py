"""Calls that a program names, written with the lookup's audit entry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from typing import Self

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, transaction

from integrations.calls import CallFacts, caller_id_of, open_call
from integrations.calls.named import NamedCall
from integrations.disclosure import audit
from integrations.models import AccessEntry, Call, CallTask
from integrations.phone import CallerId, Number, Withheld, classify
from tests.factories import World

NUMBER = classify("+14155550123", "US")
OTHER = classify("+14155550199", "US")
assert isinstance(NUMBER, Number)
assert isinstance(OTHER, Number)


def named(world: World, sid: str = "CA1", caller_id: CallerId = NUMBER, task_sid: str = "") -> NamedCall:
    return NamedCall(world.riverside.pk, CallFacts(caller_id, sid, task_sid))


def entry(world: World) -> audit.Entry:
    return audit.Entry(organization_id=world.riverside.pk, event="lookup", actor_kind="api_key")  # type: ignore[arg-type]


def write(*calls: NamedCall) -> None:
    with transaction.atomic():
        NamedCall.write(calls)


def numbers() -> dict[str | None, str]:
    return {call.call_sid: call.number for call in Call.objects.all()}


def test_a_call_is_written_once_with_its_number_its_task_and_its_key(world: World) -> None:
    first, again = named(world, task_sid="WT1"), named(world, task_sid="WT2")
    write(first)
    write(again)
    call = Call.objects.get()
    assert (call.call_sid, call.number, call.named_by_api, call.direction) == ("CA1", "+14155550123", True, "inbound")
    assert first.key == again.key == call.key
    assert sorted(task.task_sid for task in call.tasks.all()) == ["WT1", "WT2"]


def test_as_it_is_when_a_panel_opens_the_call(world: World) -> None:
    opened = open_call(world.riverside.pk, CallFacts(NUMBER, "CA1", "WT1"))
    write(named(world, "CA2", task_sid="WT2"))
    own = {"id", "key", "call_sid", "created_at", "touched_at", "number"}
    facts = [{name: value for name, value in row.items() if name not in own} for row in Call.objects.order_by("id").values()]
    assert facts[1] == {**facts[0], "named_by_api": True}
    tasks = [{**row, "id": 0, "call_id": 0, "task_sid": "", "created_at": 0} for row in CallTask.objects.values()]
    assert tasks[0] == tasks[1]
    assert Call.objects.get(pk=opened.pk).index_version == Call.objects.get(call_sid="CA2").index_version


def test_a_call_that_a_panel_opened_is_the_same_and_moves_up(world: World) -> None:
    opened = open_call(world.riverside.pk, CallFacts(Withheld(), "CA1", "WT1"))
    one = named(world, task_sid="WT1")
    write(one)
    call = Call.objects.get()
    assert (one.key, call.pk, call.named_by_api, call.number) == (opened.key, opened.pk, True, "+14155550123")
    assert call.number_index == open_call(world.riverside.pk, CallFacts(NUMBER, "CA2")).number_index
    assert call.touched_at > opened.touched_at
    assert call.created_at == opened.created_at
    assert CallTask.objects.count() == 1


def test_a_number_is_kept_once_it_is_known(world: World) -> None:
    write(named(world, caller_id=Withheld()))
    assert numbers() == {"CA1": ""}
    write(named(world))
    write(named(world, caller_id=OTHER))
    write(named(world, caller_id=Withheld()))
    assert numbers() == {"CA1": "+14155550123"}
    assert caller_id_of(Call.objects.get(), "US") == NUMBER


def test_a_task_stays_with_its_first_call(world: World) -> None:
    write(named(world, task_sid="WT1"))
    write(named(world, "CA2", task_sid="WT1"))
    assert CallTask.objects.get().call.call_sid == "CA1"


def test_of_one_group_each_call_is_written_once_as_if_one_came_after_the_other(world: World) -> None:
    group = [
        named(world, caller_id=Withheld()),
        named(world, caller_id=NUMBER, task_sid="WT1"),
        named(world, "CA2", task_sid="WT1"),
        named(world, caller_id=OTHER),
        NamedCall(world.harbor.pk, CallFacts(OTHER, "CA1", "WT1")),
    ]
    write(*group)
    rows = list(Call.objects.order_by("organization_id", "call_sid").values_list("organization__slug", "call_sid", "key"))
    keys = {(slug, sid): key for slug, sid, key in rows}
    assert [one.key for one in group[:4]] == [keys["riverside", sid] for sid in ("CA1", "CA1", "CA2", "CA1")]
    assert group[4].key == keys["harbor", "CA1"]
    assert len(set(keys.values())) == len(rows) == 3
    assert Call.objects.get(organization=world.riverside, call_sid="CA1").number == "+14155550123"
    assert {(task.call.organization.slug, task.call.call_sid) for task in CallTask.objects.all()} == {
        ("riverside", "CA1"), ("harbor", "CA1"),
    }  # fmt: skip


def test_overlong_sids_are_cut_as_elsewhere(world: World) -> None:
    write(named(world, "C" * 100, task_sid="W" * 100))
    assert open_call(world.riverside.pk, CallFacts(NUMBER, "C" * 100, "W" * 100)) == Call.objects.get()
    assert CallTask.objects.get().task_sid == "W" * 34


@pytest.mark.parametrize("sid", ["ca1", "CA1 ", "CÁ1", "ＣＡ１", "\U0001f4de", "a'b\"c%s%(x)s{new}"])
def test_a_call_is_known_by_every_character_of_its_sid(world: World, sid: str) -> None:
    write(named(world, "CA1"), named(world, "A"))
    one = named(world, sid, task_sid=sid)
    write(one)
    assert Call.objects.get(call_sid=sid).key == one.key
    assert CallTask.objects.get().task_sid == sid
    assert Call.objects.count() == 3


async def test_the_key_is_known_when_the_entry_is_committed(world: World) -> None:
    call = named(world)
    await audit.record(entry(world), call)
    assert call.key == (await Call.objects.aget()).key


class Unwritable(audit.Beside):
    """Fails as often as it is told to, and then writes the call after all."""

    def __init__(self, call: NamedCall, failures: int, how: str = "SELECT nothing FROM nowhere") -> None:
        self.call, self.failures, self.how = call, failures, how

    @classmethod
    def write(cls, several: Sequence[Self]) -> None:
        NamedCall.write([one.call for one in several])
        for one in several:
            one.failures -= 1
            if one.failures >= 0:
                with connection.cursor() as cursor:
                    cursor.execute(one.how)


# The second takes the whole transaction along.
@pytest.mark.parametrize("how", ["SELECT nothing FROM nowhere", "ROLLBACK"])
async def test_a_call_that_cannot_be_written_costs_only_itself(world: World, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(audit, "LATE_PAUSE_S", 0)
    await audit.record(entry(world), Unwritable(named(world), 100, how))
    await audit.record(entry(world), named(world, "CA2"))
    await sync_to_async(audit.writer.close)()
    assert [call.call_sid async for call in Call.objects.all()] == ["CA2"]
    assert await sync_to_async(audit.verify)(world.riverside) == 2


async def test_one_that_cannot_be_written_at_once_is_written_behind_its_entry(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "LATE_PAUSE_S", 0)
    await audit.record(entry(world), Unwritable(named(world), 2))
    await sync_to_async(audit.writer.close)()
    assert await Call.objects.acount() == await AccessEntry.objects.acount() == 1


@contextmanager
def held(statement: str) -> Iterator[None]:
    """Another connection's lock."""
    locked, over = Event(), Event()

    def hold() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
                locked.set()
                over.wait(10)
        finally:
            connection.close()

    holder = Thread(target=hold)
    holder.start()
    try:
        assert locked.wait(10)
        yield
    finally:
        over.set()
        holder.join()


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has one lock for everything, the entry's included")
@pytest.mark.parametrize("lock", ["SELECT id FROM integrations_call FOR UPDATE", "LOCK TABLES integrations_call WRITE"])
async def test_a_call_that_another_transaction_holds_delays_no_entry(
    world: World, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    monkeypatch.setattr(audit, "LATE_PAUSE_S", 0)
    await sync_to_async(write)(named(world))
    call = named(world)
    hold = held(lock)
    await sync_to_async(hold.__enter__)()
    try:
        # Without an end: what waited for the lock would wait as long as this test holds it.
        monkeypatch.setattr(audit, "WAIT_S", 60)
        await audit.record(entry(world), call)
        assert call.key == ""
    finally:
        await sync_to_async(hold.__exit__)(None, None, None)
    assert await sync_to_async(audit.verify)(world.riverside) == 1


def test_without_a_sid_each_is_a_call_of_its_own(world: World) -> None:
    several = [named(world, sid="") for _one in range(3)]
    write(*several, named(world))
    assert {one.key for one in several} == set(Call.objects.filter(call_sid=None).values_list("key", flat=True))
    assert Call.objects.count() == 4
