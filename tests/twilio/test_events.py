"""Each form in which Twilio tells of calls is read as the same event; what cannot be read is said to be so."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.twilio.events import CallEvent, Form, Unreadable, parts, read
from integrations.twilio.task_facts import call_sid_of, kind_of, number_of, panel_key_of, parent_of
from tests.twilio.told import ACCOUNT, Story, Told, sid, stories

KEY = "0123456789abcdef" * 2


def accepted() -> Told:
    story = Story()
    story.accepted(sid("WT", 1), {"from": "+14155550123"}, sid("WK", 1), until="accepted")
    return story.told[-1]


def ended() -> Told:
    story = Story()
    story.voice(sid("CA", 1), "completed", 2, From="+14155550123", To="+14155550100", Direction="inbound", CallDuration="61")
    return story.told[-1]


@pytest.mark.parametrize("form", [Form.TASK_EVENTS, Form.EVENT_STREAMS, Form.EVENTS_API])
def test_an_accepted_reservation_is_the_same_in_each_form(form: Form) -> None:
    event = accepted().event(form)
    assert event.kind == "reservation.accepted"
    assert (event.reservation_state, event.task_state) == ("accepted", "assigned")
    assert (event.task_sid, event.worker_sid, event.account_sid) == (sid("WT", 1), sid("WK", 1), ACCOUNT)
    assert event.attributes == {"from": "+14155550123"}
    assert event == accepted().event(Form.TASK_EVENTS)


@pytest.mark.parametrize("form", [Form.VOICE_STATUS, Form.EVENT_STREAMS])
def test_the_end_of_a_voice_call_is_the_same_in_each_form(form: Form) -> None:
    event = ended().event(form)
    assert (event.kind, event.call_sid, event.call_state) == ("call.completed", sid("CA", 1), "completed")
    assert (event.duration_s, event.caller, event.outbound) == (61, "+14155550123", False)
    assert event.key == f"call:{sid('CA', 1)}:completed:2"
    assert event == ended().event(Form.VOICE_STATUS)


@pytest.mark.parametrize("seed", range(20))
def test_every_event_has_one_key_in_all_its_forms_and_no_other_has_it(seed: int) -> None:
    told = stories(seed).told
    keys = [{one.event(form).key for form in one.forms} for one in told]
    assert all(len(own) == 1 for own in keys)
    assert len({key for own in keys for key in own}) == len(told)


def test_an_event_of_no_call_is_read_and_of_no_use() -> None:
    event = read(Form.TASK_EVENTS, {"EventType": "worker.activity.update", "Timestamp": "1764000000", "TaskSid": sid("WT", 1)})
    assert (event.kind, event.task_sid, event.is_of_use) == ("worker.activity.update", "", False)


def test_a_leg_of_a_call_is_no_call() -> None:
    told = {"CallSid": sid("CA", 2), "ParentCallSid": sid("CA", 1), "CallStatus": "completed", "Timestamp": "1764000000"}
    assert not read(Form.VOICE_STATUS, told).is_of_use


@pytest.mark.parametrize(
    "when",
    ["2025-11-24T16:00:00Z", "2025-11-24T16:00:00.000+00:00", "1764000000", "1764000000000", "Mon, 24 Nov 2025 16:00:00 +0000"],
)
def test_times_are_read_as_twilio_writes_them(when: str) -> None:
    told = {"EventType": "task.created", "Timestamp": when}
    assert read(Form.TASK_EVENTS, told).at == datetime(2025, 11, 24, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"EventType": "task.created"},
        {"EventType": "task.created", "Timestamp": "soon"},
        {"EventType": "", "Timestamp": "1764000000"},
        {"EventType": "x" * 81, "Timestamp": "1764000000"},
        {"EventType": "Rosa called\n", "Timestamp": "1764000000"},
        {"EventType": "task.created", "Timestamp": "9" * 400},
    ],
)
def test_what_does_not_say_what_happened_or_when_cannot_be_read(raw: dict[str, str]) -> None:
    with pytest.raises(Unreadable) as refused:
        read(Form.TASK_EVENTS, raw)
    assert "Rosa" not in str(refused.value)


@pytest.mark.parametrize("raw", [{"type": 7}, {"type": "com.twilio.taskrouter.task.created", "data": [1]}, {"data": "{}"}])
def test_a_cloud_event_without_its_parts_cannot_be_read(raw: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read(Form.EVENT_STREAMS, raw)


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_array_of_events_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        parts(Form.EVENT_STREAMS, body)


def test_one_event_alone_is_an_array_of_one() -> None:
    raw = accepted().raw(Form.EVENT_STREAMS)
    assert parts(Form.EVENT_STREAMS, json.dumps(raw).encode()) == [raw]


@pytest.mark.parametrize("attributes", ["", "[]", "{", "null", '"text"', "[" * 100_000])
def test_attributes_that_cannot_be_read_are_none(attributes: str) -> None:
    told = {"EventType": "task.created", "TaskSid": sid("WT", 1), "Timestamp": "1764000000", "TaskAttributes": attributes}
    event = read(Form.TASK_EVENTS, told)
    assert (event.attributes, event.task_sid) == (None, sid("WT", 1))


def test_what_is_of_somebody_is_in_no_notation_of_an_event() -> None:
    assert "4155550123" not in repr(accepted().event()) + repr(ended().event())


def test_a_sid_of_another_kind_is_none() -> None:
    told = {"EventType": "task.created", "TaskSid": sid("WK", 1), "AccountSid": "AC1", "Timestamp": "1764000000"}
    event = read(Form.TASK_EVENTS, told)
    assert (event.task_sid, event.account_sid, event.is_of_use) == ("", "", False)


@pytest.mark.parametrize(
    ("attributes", "kind", "number"),
    [
        ({"from": "+1"}, "inbound", "+1"),
        ({"taskType": "callback", "from": "+1", "callBackData": {"numberToCall": "+2"}}, "callback", "+2"),
        ({"taskType": "voicemail", "from": "+1", "callBackData": {}}, "voicemail", "+1"),
        ({"taskType": "voicemail", "from": "+1", "callBackData": "x"}, "voicemail", "+1"),
        ({"direction": "outbound", "from": "+1", "outbound_to": "+3"}, "outbound", "+3"),
        ({"direction": "outbound", "from": "+1", "to": "+4"}, "outbound", "+4"),
        ({"direction": "outbound", "client_call": True, "outbound_to": "+3"}, "outbound", ""),
        ({"from": 7, "taskType": ["callback"]}, "inbound", ""),
        ({}, "inbound", ""),
    ],
)
def test_which_number_a_task_is_about(attributes: dict[str, Any], kind: str, number: str) -> None:
    assert (kind_of(attributes), number_of(attributes)) == (kind, number)


def test_what_a_task_belongs_to_is_read_in_its_own_shape_only() -> None:
    good = {"call_sid": sid("CA", 1), "parentTask": sid("WT", 1), "profile_url": f"https://p.example/panel/riverside/{KEY}/"}
    assert (call_sid_of(good), parent_of(good), panel_key_of(good)) == (sid("CA", 1), sid("WT", 1), KEY)
    others = {"call_sid": "a b", "parentTask": "WT1", "profile_url": f"https://p.example/other/{KEY}"}
    for bad in ({}, others, {"call_sid": 1, "parentTask": None, "profile_url": ["x"]}):
        assert (call_sid_of(bad), parent_of(bad), panel_key_of(bad)) == ("", "", "")


@pytest.mark.parametrize("seed", range(10))
def test_what_is_stored_of_an_event_is_the_event(seed: int) -> None:
    for one in stories(seed).told:
        event = one.event()
        again = CallEvent.stored(json.loads(json.dumps(event.to_store())))
        assert again == replace(event, attributes=again.attributes)
        for read_of in (kind_of, number_of, call_sid_of, parent_of, panel_key_of):
            assert read_of(again.attributes or {}) == read_of(event.attributes or {})


def test_neither_a_transcript_nor_a_name_is_stored() -> None:
    data = {"numberToCall": "+14155550123", "transcriptText": "My heart hurts", "recordingUrl": "https://api.twilio.com/RE1"}
    story = Story()
    story.task("task.created", sid("WT", 1), {"taskType": "voicemail", "name": "Rosa", "callBackData": data}, worker_name="Bea")
    for form in story.told[0].forms:
        stored = json.dumps(story.told[0].event(form).to_store())
        assert "+14155550123" in stored
        assert not [word for word in ("heart", "recording", "Rosa", "Bea") if word in stored]


def test_an_event_says_nothing_by_itself() -> None:
    event = CallEvent("k", "task.created", datetime(2026, 1, 1, tzinfo=UTC))
    assert not event.is_of_use
