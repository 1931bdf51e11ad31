"""What Twilio tells of calls, in each of the forms in which it does, as one ``CallEvent``.

TaskRouter's callback is a form with names LikeThis, Event Streams an array of CloudEvents with names like_this, the voice
status callback a form of its own, and what TaskRouter's Events API keeps is a fourth. The same event has the same key in all
of them, so that each may be switched on beside the others.
https://www.twilio.com/docs/taskrouter/api/event/reference · https://www.twilio.com/docs/events/event-types
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl

from integrations.twilio.task_facts import of_use

type Json = Any

# What an event of a task or a reservation says of its state.
TASK_STATES = {
    "task.created": "pending",
    "task.wrapup": "wrapping",
    "task.completed": "completed",
    "task.canceled": "canceled",
    "task.deleted": "deleted",
    "task.system-deleted": "deleted",
}
_ASSIGNMENT = frozenset({"pending", "reserved", "assigned", "wrapping", "completed", "canceled"})
RESERVATION_STATES = {
    "reservation.created": "pending",
    "reservation.accepted": "accepted",
    "reservation.wrapup": "wrapping",
    "reservation.rejected": "rejected",
    "reservation.timeout": "timeout",
    "reservation.canceled": "canceled",
    "reservation.rescinded": "rescinded",
    "reservation.failed": "failed",
    "reservation.completed": "completed",
}
# They tell nothing of a state, but of the task.
_OF_TASKS = frozenset({"task.updated", "task-queue.entered", "task-queue.moved", "task-queue.timeout"})
CALL_STATES = frozenset(
    "queued initiated ringing in-progress completed busy failed no-answer canceled".split()  # noqa: SIM905 -- one word each
)
# TaskRouter was asked too often, and refuses some of it.
SLOWED = "apiusage.taskrouter.ratelimits"

_PREFIXES = ("com.twilio.taskrouter.", "com.twilio.voice.webhook.status-callback.", "com.twilio.voice.status-callback.")
_VENDOR = "com.twilio."
_KIND = re.compile(r"[a-z0-9._-]{1,80}\Z")
_EVENT_SID = re.compile(r"EV[0-9a-fA-F]{32}\Z")
_SID = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}\Z")
_BIG = re.compile(r"(?<!^)(?=[A-Z])")


class Form(StrEnum):
    """The ways in which events come, each with its own notation."""

    TASK_EVENTS = "task-events"
    EVENT_STREAMS = "event-streams"
    VOICE_STATUS = "voice-status"
    EVENTS_API = "events-api"


class Unreadable(ValueError):
    """``str()`` is a sentence without anything of what was sent."""


@dataclass(frozen=True)
class CallEvent:
    """One event. What it does not tell is empty. ``attributes`` are the task's, None where the event has none."""

    key: str
    kind: str
    at: datetime
    account_sid: str = ""
    task_sid: str = ""
    task_state: str = ""
    channel: str = ""
    attributes: Mapping[str, Json] | None = field(default=None, repr=False)
    reservation_sid: str = ""
    reservation_state: str = ""
    worker_sid: str = ""
    call_sid: str = ""
    call_state: str = ""
    caller: str = field(default="", repr=False)
    outbound: bool = False
    is_leg: bool = False
    duration_s: int | None = None

    @property
    def is_of_use(self) -> bool:
        """Whether it tells of a call, or of a task of one. A leg is a part of a call, like the one to an agent."""
        return bool(self.task_sid or (self.call_sid and not self.is_leg))

    def to_store(self) -> dict[str, Json]:
        """All that the portal reads of it, as JSON: of the task's attributes no transcript, of the worker no name."""
        attributes = None if self.attributes is None else of_use(self.attributes)
        return {**asdict(self), "at": self.at.isoformat(), "attributes": attributes}

    @classmethod
    def stored(cls, facts: Mapping[str, Json]) -> CallEvent:
        """The event of which ``facts`` were stored."""
        return cls(**{**facts, "at": datetime.fromisoformat(facts["at"])})


def parts(form: Form, body: bytes) -> list[Mapping[str, Json]]:
    """The events of one request as they came. Raises Unreadable."""
    if form is not Form.EVENT_STREAMS:
        return [_form(body)]
    try:
        several = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable("The request body is not valid JSON.") from None
    several = several if isinstance(several, list) else [several]
    if not all(isinstance(one, dict) for one in several):
        raise Unreadable("The request body must be an array of events.")
    return several


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=500)
    except ValueError:
        raise Unreadable("The request body is not a form.") from None
    return dict(pairs)


def read(form: Form, raw: Mapping[str, Json]) -> CallEvent:
    """What one event says. Raises Unreadable if it says neither what happened nor when."""
    if form is Form.VOICE_STATUS:
        return _of_call(raw)
    if form is Form.TASK_EVENTS:
        return _of_task({_snake(name): value for name, value in raw.items()}, raw.get("EventType"), raw.get("Sid"))
    if form is Form.EVENTS_API:
        facts = {**_table(raw.get("event_data")), "account_sid": raw.get("account_sid"), "timestamp": raw.get("event_date")}
        return _of_task({**facts, "timestamp_ms": raw.get("event_date_ms")}, raw.get("event_type"), raw.get("sid"))
    return _of_stream(raw)


def _of_stream(raw: Mapping[str, Json]) -> CallEvent:
    kind, data = _kind(raw.get("type")), _table(raw.get("data"))
    request = _table(_table(data.get("request")).get("parameters"))
    if kind.startswith("call.") and request.get("CallSid"):
        return _of_call(request, at=data.get("timestamp") or raw.get("time"))
    payload = _table(data.get("payload")) or data
    facts = {"timestamp": data.get("timestamp") or raw.get("time"), "account_sid": data.get("account_sid"), **payload}
    own = next((sid for sid in (payload.get("sid"), data.get("sid")) if _is_event_sid(sid)), None)
    # The id of a test event is the account's, each time the same.
    return _of_task(facts, kind, own or data.get("test_id") or raw.get("id"))


def _of_task(facts: Mapping[str, Json], kind: Json, sid: Json) -> CallEvent:
    word = _kind(kind)
    state = TASK_STATES.get(word) or _one_of(facts.get("task_assignment_status"), _ASSIGNMENT)
    reservation = RESERVATION_STATES.get(word, "")
    about_task = word in TASK_STATES or word in _OF_TASKS or word.startswith("task.transfer-") or bool(reservation)
    task_sid = _sid(facts.get("task_sid"), "WT") if about_task else ""
    reservation_sid = _sid(facts.get("reservation_sid"), "WR") if reservation and task_sid else ""
    return CallEvent(
        key=_key(sid, facts),
        kind=word,
        at=_moment(facts.get("timestamp_ms"), facts.get("timestamp")),
        account_sid=_sid(facts.get("account_sid"), "AC"),
        task_sid=task_sid,
        task_state=state if task_sid else "",
        channel=_text(facts.get("task_channel_unique_name"))[:40],
        attributes=_attributes(facts.get("task_attributes")),
        reservation_sid=reservation_sid,
        reservation_state=reservation if reservation_sid else "",
        worker_sid=_sid(facts.get("worker_sid"), "WK"),
    )


def _of_call(facts: Mapping[str, Json], at: Json = None) -> CallEvent:
    state, call_sid = _one_of(facts.get("CallStatus"), CALL_STATES), _sid(facts.get("CallSid"), "CA")
    outbound = _text(facts.get("Direction")).startswith("outbound")
    took = _text(facts.get("CallDuration"))
    number = facts.get("To") if outbound else facts.get("From")
    return CallEvent(
        key=f"call:{call_sid}:{state}:{_text(facts.get('SequenceNumber'))[:6]}",
        kind=f"call.{state or 'unknown'}",
        at=_moment(facts.get("Timestamp"), at),
        account_sid=_sid(facts.get("AccountSid"), "AC"),
        call_sid=call_sid if state else "",
        call_state=state,
        caller=_text(number)[:64],
        outbound=outbound,
        is_leg=bool(facts.get("ParentCallSid")),
        duration_s=int(took) if state == "completed" and re.fullmatch(r"[0-9]{1,7}", took) else None,
    )


def digest_of(raw: Mapping[str, Json]) -> str:
    """A key of its own for an event that has none, or cannot be read."""
    return "body:" + hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()


def _key(sid: Json, facts: Mapping[str, Json]) -> str:
    if _is_event_sid(sid):
        return f"event:{sid}"
    return f"id:{sid}" if isinstance(sid, str) and re.fullmatch(r"[\w.-]{8,64}", sid, re.ASCII) else digest_of(facts)


def _is_event_sid(sid: Json) -> bool:
    return isinstance(sid, str) and bool(_EVENT_SID.match(sid))


def _kind(word: Json) -> str:
    text = _text(word).lower()
    for prefix in (*_PREFIXES, _VENDOR):
        if text.startswith(prefix):
            text = text.removeprefix(prefix)
            break
    if not _KIND.match(text):
        raise Unreadable("The event does not say what happened.")
    return text


def _moment(*told: Json) -> datetime:
    """Seconds or milliseconds since 1970, ISO 8601, or the way of e-mails. Raises Unreadable."""
    for one in told:
        text = _text(one)
        try:
            if re.fullmatch(r"[0-9]{9,14}(\.[0-9]+)?", text):
                number = float(text)
                return datetime.fromtimestamp(number / 1_000 if number > 1e11 else number, UTC)
            found = datetime.fromisoformat(text) if text[:4].isdigit() else parsedate_to_datetime(text)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
        except (ValueError, OverflowError, OSError):
            continue
    raise Unreadable("The event does not say when it happened.")


def _attributes(told: Json) -> Mapping[str, Json] | None:
    if isinstance(told, str):
        try:
            told = json.loads(told)
        except (ValueError, RecursionError):
            return None
    return told if isinstance(told, dict) else None


def _table(told: Json) -> Mapping[str, Json]:
    """A table, also one that comes as text."""
    return _attributes(told) or {}


def _one_of(told: Json, words: frozenset[str]) -> str:
    return told if isinstance(told, str) and told in words else ""


def _sid(told: Json, prefix: str) -> str:
    return told if isinstance(told, str) and told.startswith(prefix) and _SID.match(told) else ""


def _text(told: Json) -> str:
    return str(told) if isinstance(told, str | int | float) and not isinstance(told, bool) else ""


def _snake(name: str) -> str:
    return _BIG.sub("_", name).lower()
