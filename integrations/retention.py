"""What is kept for how long, and letting go of the rest in commits so short that nobody else notices."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from integrations.models import Organization, PeriodicRun
from integrations.models.organizations import default_retention

# Who waits for the database meanwhile, an audit entry above all, must not notice.
LONGEST_COMMIT_S = 0.1
SMALLEST, FIRST, LARGEST = 10, 100, 1_000
PERIODIC_RUNS_KEPT = timedelta(days=2)


@dataclass(frozen=True)
class Expired:
    """Rows of one kind that are past their time. ``whose`` is an organisation's short name; empty for the portal's own."""

    what: str
    whose: str
    rows: QuerySet[Any]


def expired(now: datetime) -> Iterator[Expired]:
    """Everything that is to go now."""
    yield Expired(str(_("sessions")), "", Session.objects.filter(expire_date__lt=now))
    yield Expired(str(_("periodic runs")), "", PeriodicRun.objects.filter(handed_at__lt=now - PERIODIC_RUNS_KEPT))
    for organization in Organization.objects.tenants():
        # As long as the audit trail, whose entries name the same changes.
        before = now - timedelta(days=organization.retention_days.get("audit", default_retention()["audit"]))
        yield Expired(
            str(_("changes of settings")), organization.slug, organization.configuration_changes.filter(at__lt=before)
        )


def purge(now: datetime) -> None:
    for kind in expired(now):
        delete_in_chunks(kind.rows)


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
        if took > LONGEST_COMMIT_S / 2:
            size = max(size // 2, SMALLEST)
        elif took < LONGEST_COMMIT_S / 5:
            size = min(size * 2, LARGEST)
        time.sleep(took)
    return deleted
