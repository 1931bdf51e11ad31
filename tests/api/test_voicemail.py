"""A message is told of once, whoever tells it how often, and nothing of what was said is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from integrations.api import voicemail
from integrations.errors import ConfigurationError
from integrations.models import AccessEntry, Call, CallTask, TwilioAccount, Voicemail
from integrations.profile import JSON
from integrations.twilio.taskrouter import Merged, Outcome
from tests.api.test_studio import ALWAYS, PHONE, PUBLIC, SID, Twilio, flow, known, without_caller

__all__ = ["flow"]

PATH = "/api/v1/studio/riverside/voicemail"
RECORDING, TASK = f"RE{'1' * 32}", f"WT{'1' * 32}"
SAID = {"recording_url": "https://api.twilio.com/secret-recording", "transcript": "secret-words", "duration_s": "17"}


class Router:
    """Plays the tasks of an account."""

    def __init__(self) -> None:
        self.merged: list[tuple[str, Mapping[str, JSON]]] = []

    async def merge_attributes(self, task_sid: str, own: Mapping[str, JSON], total_s: float) -> Merged:
        self.merged.append((task_sid, own))
        return Merged(Outcome.UNAVAILABLE)


@pytest.fixture
def router(monkeypatch: pytest.MonkeyPatch) -> Router:
    own = Router()
    monkeypatch.setattr(voicemail, "task_router", lambda _account: own)
    return own


def usual(**more: str) -> dict[str, str]:
    return {"phone": PHONE, "call_sid": SID, "recording_sid": RECORDING, **SAID, **more}


async def test_nobody_may_tell_without_a_signature(flow: Twilio) -> None:
    assert (await flow.post(usual(), PATH, headers={"X-Twilio-Signature": "x"})).status_code == 401
    assert not await Voicemail.objects.aexists()


async def test_the_caller_the_call_and_the_recordings_sid_and_nothing_of_what_was_said(
    flow: Twilio, router: Router, caplog: pytest.LogCaptureFixture
) -> None:
    await known()
    body = (await flow.post(usual(), PATH)).json()
    call = await Call.objects.aget()
    assert (body["caller_name"], body["profile_url"]) == ("Rosa Castillo", f"{PUBLIC}/panel/riverside/{call.key}/")
    assert "task_sid" not in body
    assert "call_sid" not in body["attributes"]  # a call's SID in a task of its own would bring the call's panel
    message = await Voicemail.objects.aget()
    assert (message.recording_sid, message.call_id, message.task_sid) == (RECORDING, call.pk, "")
    everything = [[row async for row in model.objects.values()] for model in (Call, Voicemail, AccessEntry)]
    assert not any(word in f"{everything}{body}{caplog.text}" for word in ("secret", "api.twilio.com"))
    assert router.merged == []


@pytest.mark.parametrize("call_sid", [SID, ""])
async def test_told_again_it_is_the_same_message_of_the_same_call(flow: Twilio, call_sid: str) -> None:
    told = [usual(call_sid=call_sid), usual(call_sid=call_sid), usual(call_sid=""), usual(call_sid=f"CA{'2' * 32}")]
    urls = {(await flow.post(fields, PATH)).json()["profile_url"] for fields in told}
    assert len(urls) == 1
    assert (await Voicemail.objects.acount(), await Call.objects.acount()) == (1, 1)
    assert await AccessEntry.objects.filter(event="lookup").acount() == 4


async def test_without_a_recording_each_is_one_of_its_own(flow: Twilio) -> None:
    for recording in ("", "../../etc", "R" * 40):
        body = (await flow.post(usual(call_sid="", recording_sid=recording), PATH)).json()
        assert body["caller_name"] == "Rosa Castillo"
    assert (await Voicemail.objects.acount(), await Call.objects.acount()) == (0, 3)


async def test_the_task_gets_what_it_may_hold(flow: Twilio, router: Router) -> None:
    await TwilioAccount.objects.aupdate(workspace_sid=f"WS{'1' * 32}")
    body = (await flow.post(usual(task_sid=TASK), PATH)).json()
    assert body["task_sid"] == TASK
    assert router.merged == [(TASK, body["attributes"])]
    task = await CallTask.objects.aget()
    assert (task.task_sid, task.kind) == (TASK, "voicemail")
    assert (await Voicemail.objects.aget()).task_sid == TASK
    (entry,) = [entry async for entry in AccessEntry.objects.filter(event="lookup")]
    assert (entry.task_sid, entry.channel) == (TASK, "studio")


async def test_a_task_that_is_known_leads_to_its_call(flow: Twilio, router: Router) -> None:
    first = (await flow.post(usual(task_sid=TASK), PATH)).json()
    other = {"phone": PHONE, "task_sid": TASK, "recording_sid": f"RE{'2' * 32}"}
    assert (await flow.post(other, PATH)).json()["profile_url"] == first["profile_url"]
    assert (await Voicemail.objects.acount(), await Call.objects.acount()) == (2, 1)


async def test_without_a_workspace_or_with_bad_settings_the_flow_still_gets_its_answer(
    flow: Twilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_account: TwilioAccount) -> Any:
        raise ConfigurationError("Enter an auth token.")

    assert (await flow.post(usual(task_sid=TASK), PATH)).json()["task_sid"] == TASK
    monkeypatch.setattr(voicemail, "task_router", refuse)
    assert (await flow.post(usual(task_sid=TASK), PATH)).json()["caller_name"] == "Rosa Castillo"


async def test_what_cannot_be_used_is_answered_with_its_task(flow: Twilio) -> None:
    body = (await flow.post(usual(phone="abc", task_sid=TASK), PATH)).json()
    assert body.pop("task_sid") == TASK
    without_caller(body)
    assert set(body) == ALWAYS
