"""Whether it was checked for a call who is calling: kept with the call, for as long as they may be on the line. Answers that
were given in vain are counted for the person whom they were about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db import OperationalError, transaction
from django.db.models import F
from django.utils import timezone

from integrations.disclosure.context import Checked
from integrations.models import Call, IdentityCheck, IdentityTries
from integrations.profile import Ref
from integrations.storage.encryption import blind_index

MAX_ATTEMPTS = 3
DEADLOCK, DEADLOCKS = 1213, 5
# Whoever opens a call of another day speaks to nobody.
HOLDS = timedelta(hours=12)


def checked(call: Call) -> Checked | None:
    """The person who passed the check, or for whom it was skipped. (sync)"""
    row = IdentityCheck.objects.filter(call=call, settled_at__gt=timezone.now() - HOLDS).exclude(outcome="").first()
    return Checked(frozenset((key, record_id) for key, record_id in row.records), row.outcome) if row else None


def attempts_left(organization_id: int, refs: Iterable[Ref]) -> int:
    """How many answers may still be given about the person with these records. (sync)"""
    return max(0, MAX_ATTEMPTS - _used(_rows(organization_id, _digests(organization_id, refs))))


def take_attempt(organization_id: int, refs: Iterable[Ref]) -> bool:
    """Use up one about this person before the answer is compared, on whatever call and by whomever; False when none is left.
    (sync)

    Each of their records has its row, so that a person of whom a system tells less the next time is still the same.
    """
    digests = _digests(organization_id, refs)
    for _try in range(DEADLOCKS - 1):
        try:
            return _take(organization_id, digests)
        except OperationalError as error:
            # MariaDB chose this one as the victim of a lock conflict, and nothing of it was kept.
            if error.args[0] != DEADLOCK:
                raise
    return _take(organization_id, digests)


def _take(organization_id: int, digests: list[str]) -> bool:
    now = timezone.now()
    made = [IdentityTries(organization_id=organization_id, record=record, last_at=now) for record in digests]
    # By themselves, because what was inserted holds locks that two who insert at once would wait for in a circle.
    IdentityTries.objects.bulk_create(made, ignore_conflicts=True)
    with transaction.atomic():
        # SQLite's transactions begin with its one lock for writing; MariaDB's rows are locked in one order.
        rows = IdentityTries.objects.filter(organization_id=organization_id, record__in=digests)
        used = _used(list(rows.order_by("record").select_for_update()))
        if used >= MAX_ATTEMPTS:
            return False
        rows.update(used=used + 1, last_at=now)
    return True


def give_back(organization_id: int, refs: Iterable[Ref], *, every: bool) -> None:
    """The answer was no wrong one: it costs no try. ``every``: it was the right one, and all begin anew. (sync)"""
    rows = IdentityTries.objects.filter(organization_id=organization_id, record__in=_digests(organization_id, refs))
    rows.filter(used__gt=0).update(used=0 if every else F("used") - 1)


def _digests(organization_id: int, refs: Iterable[Ref]) -> list[str]:
    return sorted(blind_index(f"{key}:{record_id}", scope=f"identity:{organization_id}") for key, record_id in set(refs))


def _rows(organization_id: int, digests: list[str]) -> list[IdentityTries]:
    return list(IdentityTries.objects.filter(organization_id=organization_id, record__in=digests))


def _used(rows: Iterable[IdentityTries]) -> int:
    since = timezone.now() - HOLDS
    return max((row.used for row in rows if row.last_at > since), default=0)


def settle(call: Call, outcome: IdentityCheck.Outcome, refs: Iterable[Ref], person_id: int | None) -> None:
    """The person with these records passed, or the check of them was skipped. (sync)"""
    facts = {"outcome": outcome, "records": sorted(refs), "person_id": person_id, "settled_at": timezone.now()}
    IdentityCheck.objects.update_or_create(call=call, defaults=facts)
