"""Applies Twilio's events to calls, their tasks and their reservations.

Events may come in any order, twice, late, or only from the Events API after a while: what results is the same. Nothing of it
depends on what was there before but by taking the greater mark, the earlier time, or the stronger link.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q

from integrations.calls.progress import call_mark, is_closed, reservation_mark, task_mark
from integrations.models import Call, CallIntake, CallTask, Organization, Reservation
from integrations.models.calls import Direction
from integrations.phone import Number, classify
from integrations.twilio.events import CallEvent
from integrations.twilio.task_facts import call_sid_of, kind_of, number_of, panel_key_of, parent_of

# By what a task belongs to its call; the greatest counts. A panel's key outlives copies of the task, an outbound call belongs
# to the one that it was made for, and only then does the voice call's own SID tell.
_BY_CALL, _BY_PARENT, _BY_PANEL = "1", "2", "3"
# The more special one counts.
_KINDS = ("inbound", "outbound", "callback", "voicemail")


def apply(organization: Organization, event: CallEvent) -> None:
    """Apply one event, within the caller's transaction, in which the organisation's other events wait. (sync)"""
    lock(organization.pk)
    if event.task_sid:
        settle(_of_task(organization, event))
    elif event.is_of_use:
        settle(_of_call(organization, event))


def lock(organization_id: int) -> None:
    """Let whatever else changes the organisation's calls by events wait until the caller's transaction ends."""
    CallIntake.objects.select_for_update().get_or_create(organization_id=organization_id)


def _of_call(organization: Organization, event: CallEvent) -> Call:
    direction = Direction.OUTBOUND if event.outbound else Direction.INBOUND
    call = _named(organization, event.call_sid, direction)
    if (mark := call_mark(event.call_state, event.at)) > call.status_mark:
        call.status, call.status_at, call.status_mark = event.call_state, event.at, mark
        call.duration_s = event.duration_s if event.duration_s is not None else call.duration_s
    _offer(call, event.caller, event.at, organization.region)
    return call


def _of_task(organization: Organization, event: CallEvent) -> Call:
    task = _task(organization, event.task_sid)
    attributes = event.attributes or {}
    task.kind = max(task.kind, kind_of(attributes), key=_KINDS.index)
    task.channel = event.channel or task.channel
    task.began_at = _earlier(task.began_at, event.at)
    if event.task_state and (mark := task_mark(event.task_state, event.at)) > task.mark:
        task.state, task.state_at, task.mark = event.task_state, event.at, mark
        task.ended_at = event.at if is_closed(mark) else None
    _link(organization, task, attributes)
    task.save()
    if event.reservation_sid:
        _reserve(task, event)
    _offer(task.call, number_of(attributes), event.at, organization.region)
    return task.call


def _task(organization: Organization, sid: str) -> CallTask:
    """The task, made with a call of its own if it is new."""
    found = CallTask.objects.select_related("call").filter(organization=organization, task_sid=sid).first()
    if found is None:
        call = Call.objects.create(organization=organization, from_events=True)
        found = CallTask.objects.create(organization=organization, task_sid=sid, call=call)
    return found


def _named(organization: Organization, sid: str, direction: str = Direction.INBOUND) -> Call:
    facts = {"direction": direction, "from_events": True}
    return Call.objects.get_or_create(organization=organization, call_sid=sid, defaults=facts)[0]


def _reserve(task: CallTask, event: CallEvent) -> None:
    """A reservation is looked for within its task, which is one organisation's: a SID by itself proves nothing."""
    facts = {"worker_sid": event.worker_sid, "began_at": event.at}
    row, _made = Reservation.objects.get_or_create(task=task, reservation_sid=event.reservation_sid, defaults=facts)
    row.worker_sid = row.worker_sid or event.worker_sid
    row.began_at = min(row.began_at, event.at)
    if (mark := reservation_mark(event.reservation_state, event.at)) > row.mark:
        row.state, row.state_at, row.mark = event.reservation_state, event.at, mark
        row.ended_at = event.at if is_closed(mark) else None
    row.save()


def _link(organization: Organization, task: CallTask, attributes: Any) -> None:
    """Bring the task to the call that its attributes lead to, with the tasks that were made for it."""
    if parent := parent_of(attributes):
        _set_parent(organization, task, parent)
    link = _link_of(organization, attributes)
    # The stronger one; of two alike the smaller, so that their order does not matter.
    if not link or (task.link and (task.link[0] > link[0] or (task.link[0] == link[0] and task.link <= link))):
        return
    task.link = link
    task.save()
    how, named = link[0], link[1:]
    if how == _BY_CALL and not task.call.call_sid and not _exists(organization, named):
        task.call.call_sid = named
        task.call.save()
    elif how == _BY_CALL:
        _move(organization, task, _named(organization, named))
    elif how == _BY_PANEL:
        _move(organization, task, Call.objects.get(organization=organization, key=named))
    elif task.parent is not None:
        _move(organization, task, task.parent.call)


def _link_of(organization: Organization, attributes: Any) -> str:
    key = panel_key_of(attributes)
    if key and Call.objects.filter(organization=organization, key=key).exists():
        return f"{_BY_PANEL}{key}"
    if parent := parent_of(attributes):
        return f"{_BY_PARENT}{parent}"
    sid = call_sid_of(attributes)
    return f"{_BY_CALL}{sid}" if sid else ""


def _exists(organization: Organization, call_sid: str) -> bool:
    return Call.objects.filter(organization=organization, call_sid=call_sid).exists()


def _set_parent(organization: Organization, task: CallTask, sid: str) -> None:
    if sid != task.task_sid and (task.parent is None or sid < task.parent.task_sid):
        task.parent = _task(organization, sid)


def _move(organization: Organization, task: CallTask, call: Call) -> None:
    left = task.call
    if left == call:
        return
    _bring(task, left, call)
    if not left.from_events or left.status_mark or _holds_anything(left):
        settle(left)
        return
    if left.number:
        _offer(call, left.number, left.number_at or left.created_at, organization.region)
    left.delete()


def _bring(task: CallTask, left: Call, call: Call) -> None:
    """Move the task, and those that belong to the call because of it."""
    task.call = call
    task.save()
    for child in task.children.filter(call=left).exclude(link__startswith=_BY_PANEL):
        _bring(child, left, call)


def _holds_anything(call: Call) -> bool:
    return call.tasks.exists() or call.records.exists() or call.openings.exists() or call.named_by_api


def _offer(call: Call, number: str, at: datetime, region: str) -> None:
    """The call's number is the earliest that an event tells, unless somebody else named it."""
    found = classify(number, region) if number else None
    fixed = call.number and call.number_at is None
    if not isinstance(found, Number) or fixed:
        return
    if not call.number or (at, found.e164) < (call.number_at, call.number):
        call.set_number(found.e164)
        call.number_at = at
        call.save()


def settle(call: Call) -> None:
    """What follows from a call's tasks and its voice call together."""
    tasks = list(call.tasks.filter(~Q(state="") | Q(began_at__isnull=False)))
    if call.from_events and tasks:
        first = min(tasks, key=lambda task: (task.began_at is None, task.began_at, task.task_sid))
        outbound = first.kind == CallTask.Kind.OUTBOUND
        call.direction = Direction.OUTBOUND if outbound else Direction.INBOUND
    ends = [task.ended_at for task in tasks]
    if is_closed(call.status_mark):
        call.ended_at = call.status_at
    else:
        call.ended_at = max(end for end in ends if end) if tasks and all(ends) else None
    call.save()


def _earlier(one: datetime | None, other: datetime) -> datetime:
    return min(one, other) if one else other
