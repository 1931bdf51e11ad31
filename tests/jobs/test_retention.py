"""What is past its time goes, and nothing else does."""

from __future__ import annotations

import io
from datetime import datetime, timedelta

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection, models, transaction
from django.utils import timezone

from integrations import tasks
from integrations.disclosure import audit
from integrations.jobs import retention
from integrations.models import (
    AccessEntry,
    Attempt,
    AttemptRollup,
    Call,
    CallRecord,
    CallTask,
    Connector,
    Organization,
    PanelOpening,
    PeriodicRun,
)
from tests.factories import World, make_connector

DAY = timedelta(days=1)


def run(*options: str) -> list[list[str]]:
    """The table's cells."""
    out = io.StringIO()
    call_command("purge_expired", *options, stdout=out)
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in out.getvalue().splitlines()]


def attempt(connector: Connector, at: datetime) -> Attempt:
    return Attempt.objects.create(
        organization=connector.organization, connector=connector, at=at, question="find", outcome="found", ms=1, retries=0,
        cached=False,
    )  # fmt: skip


def call(world: World, organization: Organization, touched: datetime, connector: Connector) -> Call:
    made = Call.objects.create(organization=organization, call_sid=f"CA{touched:%Y%m%d%H}{organization.slug}")
    CallTask.objects.create(organization=organization, call=made, task_sid=f"WT{made.pk}")
    CallRecord.objects.create(call=made, connector=connector, record_id="1")
    PanelOpening.objects.create(call=made, person=world.ann)
    Call.objects.filter(pk=made.pk).update(touched_at=touched)
    return made


def left(model: type[models.Model]) -> set[int]:
    return set(model._default_manager.values_list("pk", flat=True))


@pytest.fixture
def crm(world: World) -> Connector:
    return make_connector(world.riverside, "crm", "hubspot")


def test_calls_and_questions_go_after_their_own_organisations_days(world: World, crm: Connector) -> None:
    world.riverside.retention_days = {"calls": 10, "attempts": 5}
    world.riverside.save()
    pantry, now = make_connector(world.harbor, "pantry", "hubspot"), timezone.now()
    gone = call(world, world.riverside, now - 11 * DAY, crm)
    stays = {
        call(world, world.riverside, now - 9 * DAY, crm).pk,
        call(world, world.harbor, now - 11 * DAY, pantry).pk,  # 365 days there
    }
    kept = {attempt(crm, now - 4 * DAY).pk, attempt(pantry, now - 6 * DAY).pk}
    attempt(crm, now - 6 * DAY)
    table = run()
    assert ["calls", "riverside", "10 days", "1"] in table
    assert ["questions to systems", "riverside", "5 days", "1"] in table
    assert left(Call) == stays
    assert left(Attempt) == kept
    for model in (CallTask, CallRecord, PanelOpening):
        assert not model._default_manager.filter(call=gone.pk).exists(), model
        assert model._default_manager.count() == 2, model


def test_what_belongs_to_nobody_goes_in_its_time(world: World, crm: Connector) -> None:
    now = timezone.now()
    Session.objects.create(session_key="over", expire_date=now - timedelta(minutes=1))
    Session.objects.create(session_key="open", expire_date=now + timedelta(minutes=1))
    for days in (399, 401):
        AttemptRollup.objects.create(organization=world.riverside, connector=crm, hour=now - days * DAY)
        entry = LogEntry.objects.create(user=world.ann.user, action_flag=CHANGE, object_repr="x")
        LogEntry.objects.filter(pk=entry.pk).update(action_time=now - days * DAY)
    for days in (1, 3):
        PeriodicRun.objects.create(name="sweep", period=days, handed_at=now - days * DAY)
    tasks.clean()
    assert [session.session_key for session in Session.objects.all()] == ["open"]
    assert [model._default_manager.count() for model in (AttemptRollup, LogEntry, PeriodicRun)] == [1, 1, 1]


def test_a_dry_run_tells_the_same_and_deletes_nothing(world: World, crm: Connector) -> None:
    for _time in range(3):
        attempt(crm, timezone.now() - 31 * DAY)
    assert ["questions to systems", "riverside", "30 days", "3"] in run("--dry-run")
    assert Attempt.objects.count() == 3
    assert ["questions to systems", "riverside", "30 days", "3"] in run()
    assert Attempt.objects.count() == 0
    assert ["questions to systems", "riverside", "30 days", "0"] in run()


def test_the_audit_trail_is_left_whole_and_said_to_be(world: World) -> None:
    for _time in range(2):
        audit.record_now(audit.Entry(world.riverside.pk, "lookup", "person", actor_label="Bea"))
    world.riverside.retention_days = {"audit": -1}
    world.riverside.save()
    (line,) = [line for line in run() if line[:2] == ["access entries", "riverside"]]
    assert line[3] == "0"
    assert line[4].startswith("2 kept:")
    assert audit.verify(world.riverside) == AccessEntry.objects.filter(organization=world.riverside).count() == 2


def test_many_rows_go_in_commits_of_their_own(world: World, crm: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "FIRST", 10)
    monkeypatch.setattr(retention, "LARGEST", 10)
    for _time in range(25):
        attempt(crm, timezone.now() - 31 * DAY)
    commits: list[int] = []
    original = transaction.atomic

    def counted(**facts: bool) -> transaction.Atomic:
        transaction_ = original(**facts)
        if facts.get("durable"):
            commits.append(Attempt.objects.count())
        return transaction_

    monkeypatch.setattr(retention.transaction, "atomic", counted)
    assert retention.delete_in_chunks(Attempt.objects.all()) == 25
    assert commits == [25, 15, 5]


@pytest.mark.parametrize(("took", "next_size"), [(0.2, 50), (0.03, 100), (0.001, 200)])
def test_a_chunk_grows_or_shrinks_with_how_long_the_last_one_took(took: float, next_size: int) -> None:
    assert retention.next_size(100, took) == next_size


@pytest.mark.parametrize(("size", "took", "next_size"), [(10, 9.0, 10), (1_000, 0.0, 1_000)])
def test_a_chunk_has_a_least_and_a_most(size: int, took: float, next_size: int) -> None:
    assert retention.next_size(size, took) == next_size


def test_what_was_renewed_in_the_meantime_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    Session.objects.create(session_key="renewed", expire_date=timezone.now() - DAY)
    original = transaction.atomic

    def renewing(**facts: bool) -> transaction.Atomic:
        Session.objects.update(expire_date=timezone.now() + DAY)
        return original(**facts)

    monkeypatch.setattr(retention.transaction, "atomic", renewing)
    tasks.clean()
    assert Session.objects.count() == 1


def test_it_refuses_to_hold_a_transaction_open(world: World, crm: Connector) -> None:
    attempt(crm, timezone.now() - 31 * DAY)
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        retention.delete_in_chunks(Attempt.objects.all())
    assert not connection.in_atomic_block
