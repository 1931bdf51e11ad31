from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import Future, wait
from dataclasses import replace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection, connections, transaction

from integrations.disclosure import audit, chain
from integrations.disclosure.refusals import count_refusal, flush
from integrations.disclosure.viewers import authorise, record_denial
from integrations.errors import AccessDenied, AuditUnavailable
from integrations.models import AccessEntry, ActorKind, AuditHead, Channel, Event, Organization
from tests.factories import World

NUMBER = "+14155550123"


def entry(world: World, event: str = "lookup", **facts: object) -> audit.Entry:
    return audit.Entry(organization_id=world.riverside.pk, event=event, actor_kind="person", **facts)  # type: ignore[arg-type]


def write(world: World, count: int) -> None:
    for number in range(count):
        audit.record_now(entry(world, detail={"n": number}, subject=NUMBER))


def test_entries_form_one_chain_per_organisation(world: World) -> None:
    write(world, 3)
    audit.record_now(audit.Entry(organization_id=world.harbor.pk, event="lookup", actor_kind="person"))
    assert [row.seq for row in AccessEntry.objects.filter(organization=world.riverside).order_by("seq")] == [1, 2, 3]
    assert audit.verify(world.riverside) == 3
    assert audit.verify(world.harbor) == 1


def test_an_empty_trail_is_sound(world: World) -> None:
    assert audit.verify(world.riverside) == 0


def test_the_number_is_stored_keyed_and_sealed_only(world: World) -> None:
    write(world, 1)
    row = AccessEntry.objects.get(organization=world.riverside)
    stored = json.dumps([str(value) for value in row.__dict__.values()])
    assert "4155550123" not in stored
    assert audit.subject_text(row) == NUMBER
    assert len(row.subject_key) == 64


def test_a_number_has_another_key_in_another_organisation(world: World) -> None:
    write(world, 1)
    audit.record_now(audit.Entry(organization_id=world.harbor.pk, event="lookup", actor_kind="person", subject=NUMBER))
    keys = set(AccessEntry.objects.values_list("subject_key", flat=True))
    assert len(keys) == 2


def test_destroying_the_audit_secret_erases_the_subjects_and_keeps_the_chain(world: World) -> None:
    write(world, 2)
    Organization.objects.filter(pk=world.riverside.pk).update(audit_secret="")
    chain.audit_key.cache_clear()
    assert audit.subject_text(AccessEntry.objects.filter(organization=world.riverside)[0]) == ""
    assert audit.verify(world.riverside) == 2


@pytest.mark.parametrize("column", ["event", "outcome", "actor_label", "purpose", "view_id", "subject_key", "address"])
def test_a_changed_entry_is_named(world: World, column: str) -> None:
    write(world, 4)
    AccessEntry.objects.filter(organization=world.riverside, seq=3).update(**{column: "changed"})
    with pytest.raises(audit.BrokenChain, match=r"^entry 3: "):
        audit.verify(world.riverside)


def test_a_changed_time_or_field_list_is_named(world: World) -> None:
    write(world, 3)
    AccessEntry.objects.filter(organization=world.riverside, seq=2).update(fields=[{"field": "name"}])
    with pytest.raises(audit.BrokenChain, match=r"^entry 2: "):
        audit.verify(world.riverside)


@pytest.mark.parametrize("seq", [1, 2, 4])
def test_a_deleted_entry_is_named(world: World, seq: int) -> None:
    write(world, 4)
    AccessEntry.objects.filter(organization=world.riverside, seq=seq).delete()
    with pytest.raises(audit.BrokenChain, match=rf"^entry {seq}: it is missing"):
        audit.verify(world.riverside)


def test_a_rehashed_entry_breaks_the_chain_after_it(world: World) -> None:
    write(world, 3)
    row = AccessEntry.objects.get(organization=world.riverside, seq=2)
    row.purpose = "forged"
    row.hash = chain.digest(row)
    row.save()
    with pytest.raises(audit.BrokenChain, match=r"^entry 3: "):
        audit.verify(world.riverside)


def test_a_forged_head_is_noticed(world: World) -> None:
    write(world, 2)
    AuditHead.objects.filter(organization=world.riverside).update(hash="0" * 64)
    with pytest.raises(audit.BrokenChain, match=r"^entry 2: "):
        audit.verify(world.riverside)


def test_an_entry_within_a_transaction_shares_its_fate(world: World) -> None:
    with transaction.atomic():
        audit.record_within(entry(world))
        transaction.set_rollback(True)
    assert AccessEntry.objects.count() == 0
    with transaction.atomic():
        audit.record_within(entry(world))
    assert audit.verify(world.riverside) == 1


def test_the_doors_refuse_each_others_place(world: World) -> None:
    with pytest.raises(RuntimeError):
        audit.record_within(entry(world))
    with pytest.raises(RuntimeError), transaction.atomic():
        audit.record_now(entry(world))


def test_concurrent_writers_leave_one_unbroken_chain(world: World) -> None:
    def work() -> None:
        write(world, 10)
        connection.close()

    threads = [threading.Thread(target=work) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert audit.verify(world.riverside) == 40


async def test_an_async_entry_is_committed_before_it_returns(world: World) -> None:
    await audit.record(entry(world))
    assert await sync_to_async(audit.verify)(world.riverside) == 1


async def test_a_failing_database_fails_closed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_entries: list[audit.Entry]) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr(audit, "extend", refuse)
    with pytest.raises(AuditUnavailable):
        await audit.record(entry(world))
    with pytest.raises(AuditUnavailable):
        await sync_to_async(audit.record_now)(entry(world))


class SlowDatabase:
    """Holds every commit until it is released, and counts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.released, self.reached = threading.Event(), threading.Event()
        self.groups: list[int] = []
        self.extend = audit.extend
        monkeypatch.setattr(audit, "extend", self)

    def __call__(self, entries: list[audit.Entry]) -> None:
        self.reached.set()
        self.released.wait(10)
        self.groups.append(len(entries))
        self.extend(entries)


def test_nobody_waits_for_an_entry_longer_than_half_a_second() -> None:
    assert audit.WAIT_S == 0.5


async def test_a_slow_database_fails_closed_and_recovers_by_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    database = SlowDatabase(monkeypatch)
    monkeypatch.setattr(audit, "WAIT_S", 0.05)
    with pytest.raises(AuditUnavailable):
        await audit.record(entry(world))
    with pytest.raises(AuditUnavailable):
        await audit.record(entry(world))
    database.released.set()
    monkeypatch.setattr(audit, "WAIT_S", 10)
    await audit.record(entry(world))
    # The first was being committed when its waiter gave up; the second had not begun and showed nothing.
    assert await sync_to_async(audit.verify)(world.riverside) == 2


@pytest.mark.parametrize("works", [True, False])
async def test_an_entry_that_was_committed_in_time_counts_though_the_process_looked_late(
    world: World, monkeypatch: pytest.MonkeyPatch, works: bool
) -> None:
    submit = audit.writer.submit

    def busy_until_committed(entry: audit.Entry, *more: Any) -> Future[None]:
        future = submit(entry, *more)
        wait([future], 10)
        return future

    monkeypatch.setattr(audit.writer, "submit", busy_until_committed)
    monkeypatch.setattr(audit, "WAIT_S", 0)
    if works:
        await audit.record(entry(world))
    else:
        with pytest.raises(AuditUnavailable):
            await audit.record(replace(entry(world), organization_id=999_999))
    assert await sync_to_async(audit.verify)(world.riverside) == int(works)


async def test_entries_that_arrive_during_a_commit_form_the_next_group(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    database = SlowDatabase(monkeypatch)
    monkeypatch.setattr(audit, "WAIT_S", 10)
    first = asyncio.create_task(audit.record(entry(world)))
    await asyncio.to_thread(database.reached.wait, 10)
    organizations = [world.riverside.pk, world.harbor.pk] * 10
    later = [asyncio.create_task(audit.record(replace(entry(world), organization_id=pk))) for pk in organizations]
    await asyncio.sleep(0)
    database.released.set()
    await asyncio.gather(first, *later)
    assert database.groups == [1, 20]
    assert await sync_to_async(audit.verify)(world.riverside) == 11
    assert await sync_to_async(audit.verify)(world.harbor) == 10


async def test_one_bad_entry_does_not_take_its_group_along(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    database = SlowDatabase(monkeypatch)
    monkeypatch.setattr(audit, "WAIT_S", 10)
    first = asyncio.create_task(audit.record(entry(world)))
    await asyncio.to_thread(database.reached.wait, 10)
    bad = asyncio.create_task(audit.record(replace(entry(world), organization_id=999_999)))
    good = asyncio.create_task(audit.record(entry(world)))
    await asyncio.sleep(0)
    database.released.set()
    outcomes = await asyncio.gather(first, bad, good, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), AuditUnavailable, type(None)]
    assert await sync_to_async(audit.verify)(world.riverside) == 2


async def test_an_entry_that_cannot_be_stored_fails_alone_and_at_once(world: World) -> None:
    with pytest.raises(TypeError):
        await audit.record(entry(world, detail={"when": object()}))


async def test_a_lost_connection_is_replaced(world: World) -> None:
    await audit.record(entry(world))
    audit.writer.submit(entry(world)).add_done_callback(lambda _done: connection.close())
    await audit.record(entry(world))
    assert await sync_to_async(audit.verify)(world.riverside) == 3


async def test_a_connection_that_no_longer_works_is_replaced(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(connections["default"]), "is_usable", lambda _connection: False)
    used: list[object] = []
    for _time in range(2):
        committed = audit.writer.submit(entry(world))
        committed.add_done_callback(lambda _done: used.append(connection.connection))
        await asyncio.wrap_future(committed)
    await asyncio.to_thread(audit.writer.close)
    first, second = used
    assert first is not second
    assert await sync_to_async(audit.verify)(world.riverside) == 2


async def test_the_entry_of_a_request_that_went_away_is_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    database = SlowDatabase(monkeypatch)
    leaving = asyncio.create_task(audit.record(entry(world)))
    await asyncio.to_thread(database.reached.wait, 10)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    database.released.set()
    await asyncio.to_thread(audit.writer.close)
    assert await sync_to_async(audit.verify)(world.riverside) == 1


async def test_who_waited_on_a_loop_that_has_ended_costs_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    database = SlowDatabase(monkeypatch)
    monkeypatch.setattr(audit, "WAIT_S", 10)
    ended = asyncio.new_event_loop()
    waiter: asyncio.Future[None] = ended.create_future()
    ended.close()
    gone = audit.writer.submit(entry(world), waiter)
    await asyncio.to_thread(database.reached.wait, 10)
    database.released.set()
    await audit.record(entry(world))
    assert gone.done()
    assert await sync_to_async(audit.verify)(world.riverside) == 2


def test_an_entry_that_comes_while_the_process_ends_keeps_it_from_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, writer = SlowDatabase(monkeypatch), audit.GroupWriter()
    first = writer.submit(entry(world))
    database.reached.wait(10)
    ending = writer._thread
    closing = threading.Thread(target=writer.close, daemon=True)
    closing.start()
    while writer._thread is ending:
        threading.Event().wait(0.001)
    late = writer.submit(entry(world))
    database.released.set()
    closing.join(10)
    assert not closing.is_alive()
    writer.close()
    assert (first.result(), late.result(), audit.verify(world.riverside)) == (None, None, 2)


async def test_too_many_waiting_entries_are_refused_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    database = SlowDatabase(monkeypatch)
    monkeypatch.setattr(audit, "MAX_WAITING", 1)
    audit.writer.submit(entry(world))
    await asyncio.to_thread(database.reached.wait, 10)
    audit.writer.submit(entry(world))
    with pytest.raises(AuditUnavailable):
        audit.writer.submit(entry(world))
    database.released.set()


def test_every_column_is_read_back_as_it_was_hashed(world: World) -> None:
    facts: dict[str, object] = {
        "outcome": "ok", "actor_id": "7", "actor_label": "Zoë \U0001f4de 'x' %s", "person_id": 2**40,
        "team": "t", "tier": "basic", "channel": "api", "address": "::1", "purpose": "a\\b\n\"c\"", "call_sid": "CA1",
        "task_sid": "WT1", "panel_key": "p", "view_id": "v", "sources": ("crm", "é"),
        "fields": ({"field": "name", "effect": "clear", "sources": ["crm"]},),
        "detail": {"n": 1.5, "none": None, "deep": {"b": [True, 2**53], "a": "%(x)s"}},
    }  # fmt: skip
    audit.record_now(entry(world, **facts))
    row = AccessEntry.objects.get(organization=world.riverside)
    assert {name: getattr(row, name) for name in facts} == {**facts, "sources": ["crm", "é"], "fields": list(facts["fields"])}  # type: ignore[call-overload]
    assert (row.seq, row.prev_hash, row.format_version, row.segment, row.key_version) == (1, "", 1, 0, 1)
    assert row.subject_key == row.subject_sealed == ""
    assert audit.verify(world.riverside) == 1


def test_text_that_is_too_long_is_cut_rather_than_refused(world: World) -> None:
    audit.record_now(entry(world, purpose="x" * 5_000, call_sid="C" * 500))
    assert audit.verify(world.riverside) == 1


def test_a_flood_of_strangers_is_two_entries_a_minute(world: World) -> None:
    for _attempt in range(50):
        count_refusal("api", "192.0.2.7")
    flush()
    counts = [row.detail["count"] for row in AccessEntry.objects.filter(organization__slug="system").order_by("seq")]
    assert sum(counts) == 50
    assert len(counts) <= 4  # two, or four if a minute turned meanwhile


def test_a_flood_of_looks_at_another_organisation_is_a_few_entries_on_the_lookers_own_chain(world: World) -> None:
    user = world.user(world.cy)
    for _look in range(50):
        with pytest.raises(AccessDenied):
            authorise(user, "riverside", channel=Channel.PANEL, address="192.0.2.7")
    flush()
    told = AccessEntry.objects.filter(organization=world.harbor, event="denied").order_by("seq")
    assert [entry.detail["count"] for entry in told] in ([1, 49], [1, 49 - 1, 1])
    assert not AccessEntry.objects.filter(organization=world.riverside).exists()


def test_a_denial_is_on_the_chain_of_an_organisation_that_the_user_takes_part_in(world: World) -> None:
    for organization in (world.riverside, world.harbor):
        record_denial(world.user(world.cy), what="x", channel=Channel.ADMIN, address="", within=organization.pk)
    flush()
    assert set(AccessEntry.objects.values_list("organization__slug", flat=True)) == {"harbor"}


@pytest.mark.parametrize("fault", ["beyond the head", "head gone", "head behind", "before the first"])
def test_what_lies_outside_the_recorded_chain_is_found(world: World, fault: str) -> None:
    for _entry in range(3):
        audit.record_now(audit.Entry(world.riverside.pk, Event.LOG_IN, ActorKind.PORTAL))
    assert audit.verify(world.riverside) == 3
    row = AccessEntry.objects.get(organization=world.riverside, seq=3)
    if fault == "head gone":
        AuditHead.objects.filter(organization=world.riverside).delete()
    elif fault == "head behind":
        before = AccessEntry.objects.get(organization=world.riverside, seq=2)
        AuditHead.objects.filter(organization=world.riverside).update(seq=2, hash=before.hash)
    else:
        row.pk, row.seq = None, 7 if fault == "beyond the head" else 0
        row.save(force_insert=True)
    with pytest.raises(audit.BrokenChain):
        audit.verify(world.riverside)
