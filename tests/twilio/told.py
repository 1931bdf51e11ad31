"""Events as Twilio tells them: what happens to made-up calls, each in any of the forms in which it may come."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from twilio.request_validator import RequestValidator

from integrations.twilio.events import CallEvent, Form, read

ACCOUNT, WORKSPACE, TOKEN = "AC" + "a" * 32, "WS" + "b" * 32, "an-auth-token-of-riverside"
BEGAN = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def sid(prefix: str, number: int) -> str:
    return f"{prefix}{number:032x}"


@dataclass(frozen=True)
class Told:
    """Something that happened: of a task or a reservation (``facts`` in Twilio's names), or of a voice call."""

    kind: str
    at: datetime
    number: int
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_voice(self) -> bool:
        return self.kind.startswith("call.")

    @property
    def forms(self) -> list[Form]:
        """The ways in which it may come."""
        return (
            [Form.VOICE_STATUS, Form.EVENT_STREAMS]
            if self.is_voice
            else [Form.TASK_EVENTS, Form.EVENT_STREAMS, Form.EVENTS_API]
        )

    def raw(self, form: Form) -> dict[str, Any]:
        if self.is_voice:
            return self._voice(form)
        facts = {"account_sid": ACCOUNT, "workspace_sid": WORKSPACE, **self.facts}
        own, ms = sid("EV", self.number), round(self.at.timestamp() * 1_000)
        if form is Form.TASK_EVENTS:
            named = {"".join(part.title() for part in name.split("_")): value for name, value in facts.items()}
            return {"EventType": self.kind, "Sid": own, "Timestamp": str(ms // 1_000), "TimestampMs": str(ms), **named}
        if form is Form.EVENTS_API:
            times = {"event_date": self.at.isoformat(), "event_date_ms": ms}
            return {"sid": own, "event_type": self.kind, "account_sid": ACCOUNT, "event_data": facts, **times}
        payload = {"sid": own, "eventtype": self.kind, "timestamp": self.at.isoformat(timespec="milliseconds"), **facts}
        return self._cloud(f"com.twilio.taskrouter.{self.kind}", {"sid": own, "account_sid": ACCOUNT, "payload": payload})

    def _voice(self, form: Form) -> dict[str, Any]:
        told = {"AccountSid": ACCOUNT, "Timestamp": format_datetime(self.at), "ApiVersion": "2010-04-01", **self.facts}
        if form is Form.VOICE_STATUS:
            return told
        request = {"method": "POST", "url": "https://example.org/", "parameters": told}
        return self._cloud(f"com.twilio.voice.status-callback.{self.kind}", {"sid": self.facts["CallSid"], "request": request})

    def _cloud(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        head = {"specversion": "1.0", "type": kind, "source": "/x", "id": f"id-{self.number:08d}", "time": self.at.isoformat()}
        return {**head, "datacontenttype": "application/json", "data": data}

    def event(self, form: Form | None = None) -> CallEvent:
        return read(form or self.forms[0], self.raw(form or self.forms[0]))


class Story:
    """Events of calls, in the order in which they happened."""

    def __init__(self, seed: int = 0, began: datetime = BEGAN) -> None:
        self.dice = random.Random(seed)
        self.told: list[Told] = []
        self.now = began
        self._count = seed * 1_000

    def new(self, prefix: str) -> str:
        self._count += 1
        return sid(prefix, self._count)

    def later(self, seconds: float = 0) -> datetime:
        self.now += timedelta(milliseconds=round((seconds or self.dice.uniform(0.2, 40)) * 1_000))
        return self.now

    def task(self, kind: str, task: str, attributes: Mapping[str, Any], status: str = "", **facts: Any) -> None:
        """An event of a task, or of a reservation of it."""
        self._count += 1
        told = {
            "task_sid": task,
            "task_attributes": json.dumps(attributes),
            "task_assignment_status": status,
            "task_channel_unique_name": "voice",
            **facts,
        }
        self.told.append(Told(kind, self.later(), self._count, told))

    def voice(self, call: str, state: str, sequence: int, **facts: Any) -> None:
        self._count += 1
        told = {"CallSid": call, "CallStatus": state, "SequenceNumber": str(sequence), **facts}
        self.told.append(Told(f"call.{state}", self.later().replace(microsecond=0), self._count, told))

    def accepted(self, task: str, attributes: Mapping[str, Any], worker: str, *, until: str = "completed") -> str:
        """A worker gets the task, and has it until it is ``accepted``, ``wrapping`` or ``completed``."""
        facts = {"reservation_sid": self.new("WR"), "worker_sid": worker}
        self.task("reservation.created", task, attributes, "reserved", **facts)
        self.task("reservation.accepted", task, attributes, "assigned", **facts)
        if until != "accepted":
            self.task("reservation.wrapup", task, attributes, "wrapping", **facts)
            self.task("task.wrapup", task, attributes, "wrapping")
        if until == "completed":
            self.task("reservation.completed", task, attributes, "completed", **facts)
            self.task("task.completed", task, attributes, "completed")
        return str(facts["reservation_sid"])


def stories(seed: int, began: datetime = BEGAN) -> Story:
    """A few calls of every sort, happening one after the other and at once."""
    story = Story(seed, began)
    calls = [_call(story) for _number in range(story.dice.randint(1, 3))]
    while calls:
        one = story.dice.choice(calls)
        if next(one, None) is None:
            calls.remove(one)
    return story


def _call(story: Story) -> Iterator[bool]:
    dice, call, task, worker = story.dice, story.new("CA"), story.new("WT"), story.new("WK")
    number = dice.choice(["+14155550123", "+14155550142", "anonymous"])
    facts = {"From": number, "To": "+14155550100", "Direction": "inbound"}
    attributes = {"type": "inbound", "from": number, "call_sid": call}
    story.voice(call, "ringing", 0, **facts)
    story.voice(call, "in-progress", 1, **facts)
    yield True
    story.task("task.created", task, attributes, "pending")
    story.task("task-queue.entered", task, attributes, "pending")
    for _refusal in range(dice.randint(0, 2)):
        facts_of_it = {"reservation_sid": story.new("WR"), "worker_sid": story.new("WK")}
        story.task("reservation.created", task, attributes, "reserved", **facts_of_it)
        story.task(f"reservation.{dice.choice(['rejected', 'timeout'])}", task, attributes, "pending", **facts_of_it)
        yield True
    if dice.random() < 0.4:
        story.task("task.canceled", task, attributes, "canceled")
        yield True
        yield from _later(story, attributes, worker)
    else:
        story.task("task.updated", task, {**attributes, "name": "Rosa"}, "pending")
        story.accepted(task, {**attributes, "name": "Rosa"}, worker, until=dice.choice(["accepted", "wrapping", "completed"]))
        if dice.random() < 0.5:
            # The agent asks somebody else meanwhile.
            other, dialled = story.new("WT"), {"direction": "outbound", "outbound_to": "+14155550188", "parentTask": task}
            yield True
            story.task("task.created", other, dialled, "pending")
            story.accepted(other, dialled, worker)
    yield True
    story.voice(call, dice.choice(["completed", "canceled"]), 2, CallDuration=str(dice.randint(1, 900)), **facts)


def _later(story: Story, before: Mapping[str, Any], worker: str) -> Iterator[bool]:
    """The caller leaves a number or a voicemail, and an agent calls back."""
    kind = story.dice.choice(["callback", "voicemail"])
    task, outbound = story.new("WT"), story.new("WT")
    attributes = {name: value for name, value in before.items() if name != "call_sid"}
    attributes |= {"taskType": kind, "callBackData": {"numberToCall": "+14155550177", "attempts": 0}}
    story.task("task.created", task, attributes, "pending")
    yield True
    story.accepted(task, attributes, worker, until="accepted")
    dialled = {"direction": "outbound", "outbound_to": "+14155550177", "parentTask": task}
    story.task("task.created", outbound, dialled, "pending")
    yield True
    story.accepted(outbound, dialled, worker)
    story.task("task.completed", task, attributes, "completed")


def signed(path: str, body: bytes, *, json_body: bool = False, token: str = TOKEN, public: str) -> dict[str, str]:
    """The headers and, under ``path``, the address of a request as Twilio's own validator signs it."""
    kind, fields = "application/x-www-form-urlencoded", dict(parse_qsl(body.decode(), keep_blank_values=True))
    if json_body:
        kind, fields, path = "application/json", {}, f"{path}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    signature = str(RequestValidator(token).compute_signature(f"{public}{path}", fields))
    return {"path": path, "X-Twilio-Signature": signature, "Content-Type": kind}


def body_of(form: Form, told: list[Told]) -> bytes:
    """A request's body: one event as a form, or all as an array."""
    if form is Form.EVENT_STREAMS:
        return json.dumps([one.raw(form) for one in told]).encode()
    return urlencode(told[0].raw(form)).encode()
