"""A row is one runner's at a time, and is not lost with whoever has it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from integrations.jobs.leases import claim, unclaimed
from integrations.models import PeriodicRun
from tests.factories import World

NOW = datetime(2026, 11, 23, 7, 30, 10, tzinfo=UTC)
LEASE = timedelta(minutes=5)
ROWS = PeriodicRun.objects.order_by("pk")


def claimed(pk: int, now: datetime = NOW, lease: timedelta | None = LEASE) -> bool:
    return claim(ROWS.filter(pk=pk), "began_at", now, lease)


@pytest.fixture
def row(world: World) -> PeriodicRun:
    return PeriodicRun.objects.create(name="sweep", period=1)


def test_of_many_who_claim_a_row_at_one_moment_one_is_told_that_it_has_it(row: PeriodicRun) -> None:
    def runner(_number: int) -> bool:
        try:
            return claimed(row.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(runner, range(16))) == [False] * 15 + [True]


def test_a_row_is_free_again_when_its_lease_has_ended_and_not_before(row: PeriodicRun) -> None:
    assert claimed(row.pk)
    for later in (timedelta(0), LEASE - timedelta(seconds=1)):
        assert not claimed(row.pk, NOW + later)
        assert not unclaimed(ROWS, "began_at", NOW + later, LEASE).exists()
    assert unclaimed(ROWS, "began_at", NOW + LEASE, LEASE).get() == row
    assert claimed(row.pk, NOW + LEASE)
    assert not claimed(row.pk, NOW + LEASE)


def test_a_claim_without_a_lease_never_ends_by_itself(row: PeriodicRun) -> None:
    assert claimed(row.pk, lease=None)
    assert not claimed(row.pk, NOW + timedelta(days=365), lease=None)


def test_what_does_not_fit_any_longer_is_not_claimed(row: PeriodicRun) -> None:
    PeriodicRun.objects.update(done_at=NOW)
    assert not claim(ROWS.filter(pk=row.pk, done_at=None), "began_at", NOW)
    row.refresh_from_db()
    assert row.began_at is None


def test_a_claim_changes_its_row_and_no_other(row: PeriodicRun) -> None:
    other = PeriodicRun.objects.create(name="sweep", period=2, began_at=NOW - LEASE)
    assert claim(ROWS.filter(pk=other.pk), "began_at", NOW, LEASE, handed_at=NOW)
    assert list(ROWS.values_list("began_at", flat=True)) == [None, NOW]
    assert ROWS.get(pk=other.pk).handed_at == NOW
