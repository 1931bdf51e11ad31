"""What is kept for how long, and letting go of the rest in commits so short that nobody else notices."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet

from integrations.models import AttemptRollup, IdentityTries, Organization, PeriodicRun
from integrations.models.organizations import default_retention

# Who waits for the database meanwhile, an audit entry above all, must not notice.
MAX_COMMIT_S = 0.1
SMALLEST, FIRST, LARGEST = 10, 100, 1_000
PERIODIC_RUNS_TTL = IDENTITY_TRIES_TTL = timedelta(days=2)
# What names no caller is kept for long enough to compare a month with the same month a year before.
ROLLUPS_TTL = ADMIN_HISTORY_TTL = timedelta(days=400)


@dataclass(frozen=True)
class Expired:
    """Rows of one kind that are past their time. ``whose`` is an organisation's short name, empty for the portal's own;
    ``term`` says how long such rows are kept, ``kept_because`` why these are not deleted all the same."""

    what: str
    whose: str
    term: str
    rows: QuerySet[Any]
    kept_because: str = ""


def expired(now: datetime) -> Iterator[Expired]:
    """Everything that is past its time now."""
    yield Expired("sessions", "", "until they end", Session.objects.filter(expire_date__lt=now))
    periodic = PeriodicRun.objects.filter(handed_at__lt=now - PERIODIC_RUNS_TTL)
    yield Expired("periodic runs", "", _days(PERIODIC_RUNS_TTL), periodic)
    history = LogEntry.objects.filter(action_time__lt=now - ADMIN_HISTORY_TTL)
    yield Expired("admin history", "", _days(ADMIN_HISTORY_TTL), history)
    rollups = AttemptRollup.objects.filter(hour__lt=now - ROLLUPS_TTL)
    yield Expired("hours of systems", "", _days(ROLLUPS_TTL), rollups)
    tries = IdentityTries.objects.filter(last_at__lt=now - IDENTITY_TRIES_TTL)
    yield Expired("answers to identity checks", "", _days(IDENTITY_TRIES_TTL), tries)
    for organization in Organization.objects.order_by("slug"):
        yield from _of_organization(organization, now)


def _of_organization(organization: Organization, now: datetime) -> Iterator[Expired]:
    kept = {**default_retention(), **organization.retention_days}
    terms = {name: timedelta(days=days) for name, days in kept.items()}
    attempts = organization.attempts.filter(at__lt=now - terms["attempts"])
    yield Expired("questions to systems", organization.slug, _days(terms["attempts"]), attempts)
    calls = organization.calls.filter(touched_at__lt=now - terms["calls"])
    yield Expired("calls", organization.slug, _days(terms["calls"]), calls)
    deliveries = organization.deliveries.filter(received_at__lt=now - terms["deliveries"])
    yield Expired("deliveries", organization.slug, _days(terms["deliveries"]), deliveries)
    # As long as the audit trail, whose entries name the same changes.
    changes = organization.configuration_changes.filter(at__lt=now - terms["audit"])
    yield Expired("changes of settings", organization.slug, _days(terms["audit"]), changes)
    entries = organization.access_entries.filter(at__lt=now - terms["audit"])
    yield Expired("access entries", organization.slug, _days(terms["audit"]), entries, kept_because=_CHAIN_IS_WHOLE)


_CHAIN_IS_WHOLE = "kept: the trail proves itself from its first entry, so this version does not shorten it"


def purge(now: datetime) -> Iterator[tuple[Expired, int]]:
    """Delete what is past its time; of each kind, how many went, or how many are kept. May be run by several at once."""
    for kind in expired(now):
        yield kind, kind.rows.count() if kind.kept_because else delete_in_chunks(kind.rows)


def _days(term: timedelta) -> str:
    return f"{term.days} days"


def delete_in_chunks(rows: QuerySet[Any]) -> int:
    """How many were deleted. Outside a transaction: each chunk is committed by itself, and rests as long as it took."""
    size, deleted = FIRST, 0
    while keys := list(rows.order_by().values_list("pk", flat=True)[:size]):
        began = time.monotonic()
        with transaction.atomic(durable=True):
            # Asked for anew: what was renewed in the meantime stays.
            rows.filter(pk__in=keys).delete()
        took = time.monotonic() - began
        deleted += len(keys)
        size = next_size(size, took)
        time.sleep(took)
    return deleted


def next_size(size: int, took: float) -> int:
    """How many rows to take after ``size`` took so many seconds."""
    if took > MAX_COMMIT_S / 2:
        return max(size // 2, SMALLEST)
    return min(size * 2, LARGEST) if took < MAX_COMMIT_S / 5 else size
