"""Calls as the portal knows them: opened from a panel or named by a program (``named``), found again by their panel key."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.calls.holding import holder_of
from integrations.models import Call, CallTask, Organization, PanelOpening
from integrations.models.calls import Direction
from integrations.phone import CallerId, Number, Withheld, classify

MAX_SID, MAX_TASK_SID = 64, 34


@dataclass(frozen=True)
class CallFacts:
    """What a phone system says of a call. ``direction`` is ``inbound`` or ``outbound``; sids may be empty.
    ``doubted``: the phone network does not vouch for the number."""

    caller_id: CallerId
    call_sid: str = ""
    task_sid: str = ""
    direction: str = Direction.INBOUND.value
    doubted: bool = False
    task_kind: str = CallTask.Kind.INBOUND.value


def open_call(organization_id: int, facts: CallFacts, *, person_id: int | None = None) -> Call:
    """The call that ``facts`` name, made if it is new. ``person_id`` opened its panel.

    A call that is known keeps its number unless it had none. Without a call sid every opening is a call of its own.
    """
    call = _call(organization_id, facts)
    number = facts.caller_id.e164 if isinstance(facts.caller_id, Number) else ""
    if number and not call.number:
        call.set_number(number)
    call.save()
    if facts.task_sid:
        CallTask.objects.get_or_create(
            organization_id=organization_id, task_sid=facts.task_sid[:MAX_TASK_SID], defaults={"call": call}
        )
    if person_id is not None:
        note_opening(call, person_id)
    return call


def note_opening(call: Call, person_id: int) -> None:
    """The person has opened the call's panel just now."""
    PanelOpening.objects.update_or_create(call=call, person_id=person_id)


def _call(organization_id: int, facts: CallFacts) -> Call:
    direction = direction_of(facts)
    if not facts.call_sid:
        return Call(organization_id=organization_id, direction=direction)
    found = Call.objects.get_or_create(
        organization_id=organization_id, call_sid=facts.call_sid[:MAX_SID], defaults={"direction": direction}
    )
    return found[0]


def direction_of(facts: CallFacts) -> Direction:
    """Inbound unless they say outbound."""
    return Direction.OUTBOUND if facts.direction == Direction.OUTBOUND else Direction.INBOUND


def caller_id_of(call: Call, region: str) -> CallerId:
    """The caller's id as it was classified when the call was opened."""
    return classify(call.number, region) if call.number else Withheld()


def rings_back(call: Call) -> bool:
    """Whether it is the agent who calls: it goes out, or its caller left word that they wait for a call. (sync)"""
    return call.direction == Direction.OUTBOUND or call.tasks.exclude(kind=CallTask.Kind.INBOUND).exists()


def find_call(organization: Organization, key: str) -> Call | None:
    """The call with this panel key, within one organisation."""
    return Call.objects.filter(organization=organization, key=key).first()


def recent_calls(organization_id: int, person_id: int, limit: int = 20) -> list[Call]:
    """Calls whose panel this person opened last, or that a program named last; latest first."""
    # Two questions, each answered from the end of an index: in one, every call that there ever was would be read.
    mine = PanelOpening.objects.filter(person_id=person_id, call__organization_id=organization_id)
    opened = [opening.call for opening in mine.select_related("call").order_by("-opened_at")[:limit]]
    named = Call.objects.filter(organization_id=organization_id, named_by_api=True).order_by("-touched_at")[:limit]
    calls = {call.pk: call for call in (*opened, *named)}
    return sorted(calls.values(), key=lambda call: call.touched_at, reverse=True)[:limit]


__all__ = ["CallFacts", "caller_id_of", "find_call", "holder_of", "note_opening", "open_call", "recent_calls", "rings_back"]
