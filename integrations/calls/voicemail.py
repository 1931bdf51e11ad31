"""Messages that calls left: each known by its recording's SID, however often it is told of; nothing else of one is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from django.db import connection
from django.utils import timezone

from integrations.calls import CallFacts
from integrations.calls.named import NamedCall
from integrations.disclosure.audit import Beside
from integrations.models import Call, CallTask, Voicemail
from integrations.storage.bulk import upsert

_UNIQUE = ("organization_id", "recording_sid")
_KNOWN = {"task_sid": "CASE WHEN task_sid = '' THEN {new[task_sid]} ELSE task_sid END"}


@dataclass(eq=False)
class LeftMessage(Beside):
    """A message, with the call that left it. ``known`` is that call's panel's key, where the call is known already."""

    call: NamedCall
    recording_sid: str
    known: str = ""

    @property
    def key(self) -> str:
        """The key of the call's panel once it is written."""
        return self.known or self.call.key

    @classmethod
    def write(cls, several: Sequence[Self]) -> None:
        NamedCall.write([one.call for one in several if not one.known])
        calls = dict(Call.objects.filter(key__in=[one.key for one in several]).values_list("key", "pk"))
        rows = {(one.call.organization_id, one.recording_sid): one for one in reversed(several) if one.recording_sid}
        now = Voicemail._meta.get_field("created_at").get_db_prep_save(timezone.now(), connection)
        upsert(
            Voicemail,
            ("organization_id", "recording_sid", "call_id", "task_sid", "created_at"),
            [(*names, calls[one.key], one.call.facts.task_sid, now) for names, one in sorted(rows.items())],
            unique=_UNIQUE,
            update=_KNOWN,
        )


def left_message(organization_id: int, facts: CallFacts, recording_sid: str) -> LeftMessage:
    """The message with the call that it is of: the one that was told of before, the one that the facts name, the one whose task
    it is, or a new one. (sync)"""
    of_call = Call.objects.filter(organization_id=organization_id)
    call = of_call.filter(voicemails__recording_sid=recording_sid).first() if recording_sid else None
    if call is None and facts.task_sid and not facts.call_sid:
        call = of_call.filter(tasks__task_sid=facts.task_sid).first()
    # Without a call's SID the recording's tells the call apart, so that two who tell of it at once tell of one call.
    sid = facts.call_sid or recording_sid
    named = NamedCall(organization_id, replace(facts, call_sid=sid, task_kind=CallTask.Kind.VOICEMAIL))
    return LeftMessage(named, recording_sid, call.key if call else "")
