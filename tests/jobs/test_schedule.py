"""Work that recurs: once per period, by however many runners, and again if one dies over it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from integrations import tasks
from integrations.jobs import schedule
from integrations.models import PeriodicRun
from tests.factories import World

NOW = datetime(2026, 11, 23, 7, 30, 10, tzinfo=UTC)
HOURLY = {"cleaning": timedelta(hours=1)}


@pytest.fixture
def awake_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "_awake_since", schedule.time.monotonic() - 3_600)


def finished(pk: int) -> None:
    run = schedule.begin(pk)
    assert run is not None
    schedule.finish(run)


@pytest.mark.django_db
def test_work_is_handed_out_once_in_a_period_and_again_in_the_next() -> None:
    (first,) = schedule.due(HOURLY, NOW)
    assert schedule.due(HOURLY, NOW) == []
    finished(first)
    assert schedule.due(HOURLY, NOW + timedelta(minutes=29)) == []
    (second,) = schedule.due(HOURLY, NOW + timedelta(minutes=30))
    assert first != second


def test_many_runners_at_one_moment_hand_it_out_once(world: World) -> None:
    def runner(_number: int) -> list[int]:
        try:
            return schedule.due(HOURLY, NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        handed = [pk for pks in threads.map(runner, range(16)) for pk in pks]
    assert len(handed) == 1


@pytest.mark.django_db
def test_what_is_taken_twice_from_the_queue_is_done_once() -> None:
    (pk,) = schedule.due(HOURLY, NOW)
    assert schedule.begin(pk) is not None
    assert schedule.begin(pk) is None


@pytest.mark.django_db
@pytest.mark.parametrize("had_begun", [True, False])
def test_what_a_dead_runner_left_is_handed_out_again_and_done(had_begun: bool) -> None:
    (pk,) = schedule.due(HOURLY, NOW)
    if had_begun:
        assert schedule.begin(pk) is not None
    assert schedule.due(HOURLY, NOW + schedule.LEASE - timedelta(seconds=1)) == []
    assert schedule.due(HOURLY, NOW + schedule.LEASE) == [pk]
    assert schedule.due(HOURLY, NOW + schedule.LEASE) == []
    finished(pk)
    assert schedule.due(HOURLY, NOW + schedule.LEASE * 1.9) == []


@pytest.mark.django_db
def test_work_that_fails_is_not_taken_for_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(tasks, "RECURRING", {"cleaning": (timedelta(hours=1), fail)})
    (pk,) = schedule.due(HOURLY, NOW)
    with pytest.raises(ZeroDivisionError):
        tasks.perform_periodic.call(pk)
    assert PeriodicRun.objects.get(pk=pk).done_at is None


@pytest.mark.django_db
def test_every_recurring_work_can_be_done() -> None:
    for pk in schedule.due({name: every for name, (every, _work) in tasks.RECURRING.items()}, timezone.now()):
        tasks.perform_periodic.call(pk)
    assert PeriodicRun.objects.filter(done_at__isnull=False).count() == len(tasks.RECURRING)


# -- A runner that is not there ---------------------------------------------------------------------------------------


def ended(ago: timedelta) -> None:
    PeriodicRun.objects.create(name="sweep", period=1, done_at=timezone.now() - ago)


@pytest.mark.django_db
def test_a_portal_that_has_just_started_is_patient() -> None:
    ended(timedelta(hours=5))
    assert schedule.silence() == ""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("ago", "says"),
    [
        (None, "No runner has worked yet"),
        (timedelta(minutes=1), ""),
        (timedelta(minutes=12), "No runner has worked for 12 minutes"),
    ],
)
def test_the_portal_says_when_no_runner_works_and_is_ready_all_the_same(
    awake_for_long: None, ago: timedelta | None, says: str
) -> None:
    if ago is not None:
        ended(ago)
    response = Client().get("/readyz")
    assert response.status_code == 200
    ready, _newline, sentence = response.content.decode().partition("\n")
    assert ready == "ready"
    assert sentence.startswith(says)
    assert bool(sentence.strip()) == bool(says)
