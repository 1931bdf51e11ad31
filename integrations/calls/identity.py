"""Whether it was checked for a call who is calling: kept with the call, for as long as they may be on the line."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import F, Sum
from django.utils import timezone

from integrations.disclosure.context import Checked
from integrations.models import Call, IdentityCheck
from integrations.profile import Ref

MAX_ATTEMPTS = 3
# Whoever opens a call of another day speaks to nobody.
HOLDS = timedelta(hours=12)


def checked(call: Call) -> Checked | None:
    """Who passed the check, or for whom it was skipped. (sync)"""
    row = IdentityCheck.objects.filter(call=call, settled_at__gt=timezone.now() - HOLDS).exclude(outcome="").first()
    return Checked(frozenset((key, record_id) for key, record_id in row.records), row.outcome) if row else None


def attempts_left(call: Call) -> int:
    """How many answers may still be given. (sync)"""
    used = IdentityCheck.objects.filter(call=call).values_list("attempts", flat=True).first() or 0
    return max(0, MAX_ATTEMPTS - used - _in_vain_elsewhere(call))


def take_attempt(call: Call) -> bool:
    """Use up one, before the answer is compared; False when none is left. (sync)"""
    row, _new = IdentityCheck.objects.get_or_create(call=call)
    left = MAX_ATTEMPTS - _in_vain_elsewhere(call)
    # In one statement, so that no two answers share an attempt.
    return bool(IdentityCheck.objects.filter(pk=row.pk, attempts__lt=left).update(attempts=F("attempts") + 1))


def _in_vain_elsewhere(call: Call) -> int:
    """Answers that were given in vain on other calls of the number: to open another one gives no new ones."""
    if not call.number_index:
        return 0
    others = IdentityCheck.objects.filter(
        call__organization=call.organization_id,
        call__number_index=call.number_index,
        call__touched_at__gt=timezone.now() - HOLDS,
    )
    failed = others.exclude(call=call).exclude(outcome=IdentityCheck.Outcome.PASSED)
    return failed.aggregate(used=Sum("attempts"))["used"] or 0


def settle(call: Call, outcome: IdentityCheck.Outcome, refs: Iterable[Ref], person_id: int | None) -> None:
    """The person with these records passed, or the check of them was skipped. (sync)"""
    facts = {"outcome": outcome, "records": sorted(refs), "person_id": person_id, "settled_at": timezone.now()}
    IdentityCheck.objects.update_or_create(call=call, defaults=facts)
