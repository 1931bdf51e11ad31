"""``POST /api/v1/studio/<org>/voicemail``: who left a message, for the task in which somebody listens to it.

Of the recording its SID is kept, to tell one message from another. Its address and what was said are health data: they are
not read, so that they are in no log and no task.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework import serializers

from integrations.api.examples import VOICEMAIL_ANSWERED, VOICEMAIL_ASKED
from integrations.api.schema import described_for_studio
from integrations.api.studio import Asked, EnrichAnswer, StudioView, enriched
from integrations.api.twilio_accounts import Asker
from integrations.calls import CallFacts
from integrations.calls.twilio import task_router
from integrations.calls.voicemail import left_message
from integrations.deadline import Deadline
from integrations.errors import ConfigurationError
from integrations.profile import JSON
from integrations.storage.database_thread import in_database_thread

MERGE_S = 3.0


class VoicemailRequest(serializers.Serializer[Any]):
    """A form or JSON. What else comes, like the recording's address, is not read."""

    phone = serializers.CharField(required=False, allow_blank=True, help_text="The caller's id. Empty: withheld.")
    call_sid = serializers.CharField(required=False, allow_blank=True)
    task_sid = serializers.CharField(
        required=False, allow_blank=True, help_text="The task that the message is in, if there is one already."
    )
    recording_sid = serializers.CharField(
        required=False, allow_blank=True, help_text="Tells the message apart: told of twice, it is one."
    )
    recording_url = serializers.CharField(required=False, allow_blank=True)
    duration_s = serializers.IntegerField(required=False)


class VoicemailAnswer(EnrichAnswer):
    task_sid = serializers.CharField(required=False, help_text="The task that the attributes were put into.")


class VoicemailView(StudioView):
    @described_for_studio(
        "voicemail", VoicemailAnswer, request=VoicemailRequest, asked=VOICEMAIL_ASKED, answered=VOICEMAIL_ANSWERED
    )
    async def post(self, request: HttpRequest, org: str = "") -> HttpResponse:
        """Say who left a message, and put it into the message's task."""
        return await super().post(request, org)

    async def told(self, asker: Asker, asked: Asked, ends: Deadline) -> dict[str, JSON]:
        facts = CallFacts(asked.usable, asked.call_sid, asked.task_sid)
        organization_id = asker.viewer.organization_id
        message = await in_database_thread(left_message, organization_id, facts, asked.recording_sid)
        answer = await enriched(asker, asked, ends, message, in_task=False)
        if asked.task_sid:
            await _put_into_task(asker, asked.task_sid, answer["attributes"])
        return answer

    def besides(self, asked: Asked) -> dict[str, JSON]:
        return {"task_sid": asked.task_sid} if asked.task_sid else {}


async def _put_into_task(asker: Asker, task_sid: str, attributes: dict[str, JSON]) -> None:
    """Written with the keys that others have there. What became of it, the log says."""
    accounts = [account for account in asker.accounts if account.workspace_sid]
    if len(accounts) != 1:
        return
    try:
        router = task_router(accounts[0])
    except ConfigurationError:
        return
    await router.merge_attributes(task_sid, attributes, MERGE_S)
