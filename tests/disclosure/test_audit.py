from __future__ import annotations

import json
import threading

import pytest
from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection, transaction

from integrations.disclosure import audit
from integrations.disclosure.refusals import count_refusal, flush
from integrations.errors import AuditUnavailable
from integrations.models import AccessEntry, AuditHead, Organization
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
    assert audit.subject_number(row) == NUMBER
    assert len(row.subject_key) == 64


def test_a_number_has_another_key_in_another_organisation(world: World) -> None:
    write(world, 1)
    audit.record_now(audit.Entry(organization_id=world.harbor.pk, event="lookup", actor_kind="person", subject=NUMBER))
    keys = set(AccessEntry.objects.values_list("subject_key", flat=True))
    assert len(keys) == 2


def test_destroying_the_audit_secret_erases_the_subjects_and_keeps_the_chain(world: World) -> None:
    write(world, 2)
    Organization.objects.filter(pk=world.riverside.pk).update(audit_secret="")
    audit._audit_secret.cache_clear()
    assert audit.subject_number(AccessEntry.objects.filter(organization=world.riverside)[0]) == ""
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
    row.hash = audit._digest(row)
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
    def refuse(_entry: audit.Entry) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr(audit, "_extend_chain", refuse)
    with pytest.raises(AuditUnavailable):
        await audit.record(entry(world))


async def test_a_slow_database_fails_closed_and_the_entry_may_still_arrive(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    extend = audit._extend_chain

    def wait_then_extend(waiting: audit.Entry) -> None:
        released.wait(5)
        extend(waiting)

    monkeypatch.setattr(audit, "_extend_chain", wait_then_extend)
    monkeypatch.setattr(audit, "WAIT_S", 0.05)
    with pytest.raises(AuditUnavailable):
        await audit.record(entry(world))
    released.set()
    monkeypatch.setattr(audit, "_extend_chain", extend)
    monkeypatch.setattr(audit, "WAIT_S", 5)
    await audit.record(entry(world))
    assert await sync_to_async(audit.verify)(world.riverside) == 2


def test_text_that_is_too_long_is_cut_rather_than_refused(world: World) -> None:
    audit.record_now(entry(world, purpose="x" * 5_000, call_sid="C" * 500))
    assert audit.verify(world.riverside) == 1


def test_a_flood_of_strangers_is_two_entries_a_minute(world: World) -> None:
    flush()
    AccessEntry.objects.all().delete()
    for _attempt in range(50):
        count_refusal("api", "192.0.2.7")
    flush()
    counts = [row.detail["count"] for row in AccessEntry.objects.filter(organization__slug="system").order_by("seq")]
    assert sum(counts) == 50
    assert len(counts) <= 4  # two, or four if a minute turned meanwhile
