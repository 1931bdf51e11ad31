"""What an agent said of who is calling: kept with the call, so that it survives a refresh and the next look at the panel."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from integrations.lookup import Choice
from integrations.models import Call, CallRecord, Connector
from integrations.profile import Ref
from integrations.search_query import SearchQuery, reopened


def choice_of(call: Call) -> Choice:
    """What was said of this call's caller, and who was picked when the number called before. (sync)"""
    said = call.records.values_list("state", "connector__key", "record_id", "found_by")
    picked = frozenset((key, record_id) for state, key, record_id, _by in said if state == CallRecord.State.PICKED)
    rejected = frozenset((key, record_id) for state, key, record_id, _by in said if state == CallRecord.State.REJECTED)
    searched = next((by for state, _key, _id, by in said if state == CallRecord.State.PICKED and by), "")
    return Choice(picked, rejected, _before(call), reopened(searched, call.organization.region) if searched else None)


def _before(call: Call) -> frozenset[Ref]:
    if not call.number_index:
        return frozenset()
    picks = CallRecord.objects.filter(
        state=CallRecord.State.PICKED, call__organization_id=call.organization_id, call__number_index=call.number_index
    ).exclude(call=call)
    last = picks.order_by("-at").values_list("call_id", flat=True).first()
    return frozenset(picks.filter(call_id=last).values_list("connector__key", "record_id")) if last else frozenset()


def pick(call: Call, refs: Iterable[Ref], person_id: int | None, found_by: SearchQuery | None = None) -> None:
    """The caller is the person with these records, and nobody else. (sync)

    ``found_by``: with what they were searched for, if the call's number did not find them.
    """
    with transaction.atomic():
        call.records.filter(state=CallRecord.State.PICKED).delete()
        _say(call, refs, CallRecord.State.PICKED, person_id, found_by.written if found_by else "")


def reject(call: Call, refs: Iterable[Ref], person_id: int | None) -> None:
    """The caller is none of the people with these records. (sync)"""
    with transaction.atomic():
        _say(call, refs, CallRecord.State.REJECTED, person_id)


def choose_again(call: Call) -> None:
    """Forget what was said of this call's caller. (sync)"""
    call.records.all().delete()


def _say(call: Call, refs: Iterable[Ref], state: CallRecord.State, person_id: int | None, found_by: str = "") -> None:
    connectors = {row.key: row for row in Connector.objects.filter(organization_id=call.organization_id)}
    for key, record_id in refs:
        said = {"state": state, "person_id": person_id, "found_by": found_by}
        CallRecord.objects.update_or_create(call=call, connector=connectors[key], record_id=record_id, defaults=said)
