"""Years of use: a million entries on record, a million questions to systems, a hundred thousand calls."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import batched

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from integrations.disclosure.audit import Entry
from integrations.disclosure.chain import extend
from integrations.models import Attempt, Call, PanelOpening
from integrations.models.audit import Event
from tests.disclosure.test_processes import environment
from tests.factories import World, make_connector
from tests.test_serve_several import ROOT

ENTRIES = ATTEMPTS = 1_000_000
CALLS = 100_000
CALLERS = 5_000
# What a page of every day may read, however much there is in all; a list may count what it lists, and name its filters.
A_PAGE, A_LIST = 1_000, 4 * ENTRIES
MAX_MB = 300


@pytest.fixture
def years(world: World) -> World:
    """Bea has looked at most of the calls, and an API lookup has named the others."""
    write_entries(world)
    write_attempts(world)
    write_calls(world)
    return world


def write_entries(world: World) -> None:
    began = timezone.now() - timedelta(days=700)
    facts = {"actor_id": str(world.bea.pk), "actor_label": "Bea", "person_id": world.bea.pk}
    for numbers in batched(range(ENTRIES), 1_000):
        with transaction.atomic():
            extend(
                [
                    Entry(
                        world.riverside.pk,
                        Event.LOOKUP,
                        "person",
                        outcome="ok",
                        subject=f"+1415{2_000_000 + number % CALLERS}",
                        call_sid=f"CA{number:032d}",
                        at=began + timedelta(minutes=number),
                        **facts,
                    )
                    for number in numbers
                ]
            )


def write_attempts(world: World) -> None:
    """One of the two organisations' systems was asked every five seconds."""
    now = timezone.now()
    systems = [make_connector(organization, "crm", "rest") for organization in (world.riverside, world.harbor)]
    for numbers in batched(range(ATTEMPTS), 10_000):
        Attempt.objects.bulk_create(
            Attempt(organization=systems[number % 2].organization, connector=systems[number % 2], question="find", retries=0,
                    at=now - timedelta(seconds=5 * number), outcome="found", ms=number % 900, cached=False)
            for number in numbers
        )  # fmt: skip


def write_calls(world: World) -> None:
    for numbers in batched(range(CALLS), 10_000):
        calls = Call.objects.bulk_create(Call(organization=world.riverside, named_by_api=number % 3 == 0) for number in numbers)
        PanelOpening.objects.bulk_create(PanelOpening(call=call, person=world.bea) for call in calls if not call.named_by_api)


@contextmanager
def rows_read(what: str, most: int) -> Iterator[None]:
    """How many rows the database reads within the block."""
    before, began = _read(), time.monotonic()
    yield
    read = _read() - before
    print(f"{what}: {read:,} rows read, {time.monotonic() - began:.2f} s")
    assert read <= most, what


def _read() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Handler_read%'")
        return sum(int(value) for _name, value in cursor.fetchall())


def command(*arguments: str) -> str:
    """The last line that a management command prints."""
    began = time.monotonic()
    called = [sys.executable, "manage.py", *arguments]
    last = ""
    with subprocess.Popen(called, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last = line.strip()
    print(f"{' '.join(arguments)}: {time.monotonic() - began:.0f} s, {last[:60]}")
    assert process.returncode == 0
    return last


def test_years_of_use_slow_nobody_down(years: World) -> None:
    bea, ann = Client(), Client()
    bea.force_login(years.user(years.bea))
    ann.force_login(years.user(years.ann))
    print()
    for client, path, most in (
        (bea, "/", A_PAGE),
        (ann, "/admin/", A_PAGE),
        (ann, "/admin/integrations/accessentry/", A_LIST),
        (ann, "/admin/integrations/accessentry/?event__exact=lookup&p=1000", A_LIST),
        (ann, f"/admin/integrations/accessentry/?q=CA{ENTRIES // 2:032d}", A_LIST),
        (ann, "/admin/integrations/call/", A_LIST),
        (ann, "/admin/integrations/attempt/?within=7d&o=-7", A_LIST),
        (ann, "/admin/integrations/slowsystem/?within=7d", A_LIST),
    ):
        with rows_read(path, most):
            assert client.get(path).status_code == 200
    assert command("audit", "verify", "riverside").startswith("ok 1000")
    assert '"audit_export"' in command("audit", "export", "riverside")
    kept = timezone.now() - timedelta(days=30)
    command("purge_expired")
    assert Attempt.objects.filter(at__lt=kept).count() == 0
    assert Attempt.objects.filter(at__gt=kept + timedelta(hours=1)).exists()
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024 < MAX_MB
