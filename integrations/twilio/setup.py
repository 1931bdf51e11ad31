"""Having Twilio tell the portal of calls: a sink that sends to us, subscribed to the events of tasks, reservations and calls.

What stands is looked at, what is missing is planned, and the plan is carried out step by step. It can be broken off and
begun anew at any point, because each plan is made of what stands. Only sinks that send to this portal are touched.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from integrations.errors import InvalidResponse
from integrations.sentences import Sentence, gettext_noop
from integrations.twilio.client import TWILIO, Answer, Session, raise_for

TOTAL_S = 20.0
_TASK = (
    "created updated canceled completed deleted system-deleted wrapup "
    "transfer-initiated transfer-attempt-failed transfer-failed transfer-canceled transfer-completed"
)
_RESERVATION = "created accepted rejected timeout canceled rescinded wrapup completed failed"
# Without these the portal would not know which agent holds which call.
NEEDED = frozenset(
    f"com.twilio.taskrouter.{name}"
    for name in ("task.created", "task.completed", "reservation.created", "reservation.accepted")
)
TYPES: tuple[str, ...] = (
    *(f"com.twilio.taskrouter.task.{name}" for name in _TASK.split()),
    *(f"com.twilio.taskrouter.reservation.{name}" for name in _RESERVATION.split()),
    *(f"com.twilio.voice.status-callback.call.{name}" for name in ("initiated", "ringing", "answered", "completed")),
    "com.twilio.apiusage.taskrouter.ratelimits",
)
_USABLE = frozenset({"initialized", "validating", "active"})
_PAGE = {"PageSize": "100"}


class Refused(InvalidResponse):
    """Twilio refuses a step. ``public_message`` repeats what it says: nothing of a caller is asked about here."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(TWILIO, f"status {answer.status}, error {answer.code}")
        why = answer.message or gettext_noop("no reason given")
        pattern = gettext_noop("Twilio refuses this (error %(code)s): %(why)s")
        self.public_message = Sentence.of(pattern, code=answer.code or answer.status, why=why)


class Action(StrEnum):
    MAKE_SINK = "make_sink"
    SUBSCRIBE = "subscribe"
    ADD_TYPE = "add_type"
    UNSUBSCRIBE = "unsubscribe"
    REMOVE_SINK = "remove_sink"
    TEST = "test"


@dataclass(frozen=True)
class Step:
    """One request. ``sid``: of the sink or subscription that it is about, "" for one that is yet to be made."""

    action: Action
    sid: str = ""
    types: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """The address to send events to. Every address of ours begins with ``home``; ``description`` names our sinks."""

    destination: str
    home: str
    description: str


@dataclass(frozen=True)
class Sink:
    sid: str
    destination: str
    description: str
    usable: bool


@dataclass(frozen=True)
class Subscription:
    sid: str
    types: frozenset[str]


@dataclass(frozen=True)
class Survey:
    """What stands at Twilio.

    ``sink`` is the one in use, ``outdated`` are others of ours, ``others`` counts those of somebody else. ``subscriptions`` by
    sink. ``offered``: of the kinds of events that we want, those that this account can have.
    """

    wanted: Wanted
    sink: Sink | None
    outdated: tuple[Sink, ...]
    others: int
    subscriptions: Mapping[str, Subscription]
    offered: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The kinds of events that are not subscribed to."""
        subscribed = self.subscriptions.get(self.sink.sid) if self.sink else None
        return tuple(name for name in self.offered if subscribed is None or name not in subscribed.types)

    @property
    def not_offered(self) -> tuple[str, ...]:
        return tuple(name for name in TYPES if name not in self.offered)

    @property
    def is_set_up(self) -> bool:
        return self.sink is not None and not self.missing and not self.outdated


async def look(session: Session, wanted: Wanted) -> Survey:
    """What stands. Raises SourceError."""
    sinks = [sink async for sink in _sinks(session)]
    ours = sorted((sink for sink in sinks if _is_ours(sink, wanted)), key=lambda sink: sink.sid)
    subscriptions = {}
    for sink in ours:
        if found := await _subscription(session, sink.sid):
            subscriptions[sink.sid] = found
    current = [sink for sink in ours if sink.destination == wanted.destination and sink.usable]
    current.sort(key=lambda sink: sink.sid not in subscriptions)
    kept = current[0] if current else None
    outdated = tuple(sink for sink in ours if sink is not kept)
    offered = await _offered(session)
    return Survey(wanted, kept, outdated, len(sinks) - len(ours), subscriptions, offered)


def _is_ours(sink: Sink, wanted: Wanted) -> bool:
    named = sink.description == wanted.description and sink.destination.startswith(wanted.home)
    return named or sink.destination == wanted.destination


def plan(survey: Survey) -> tuple[Step, ...]:
    """What is to be done, in order; the new stands before the old goes. Empty if all is as it should be."""
    steps: list[Step] = []
    if survey.sink is None:
        steps += [Step(Action.MAKE_SINK), Step(Action.SUBSCRIBE, types=survey.missing)]
    elif survey.sink.sid not in survey.subscriptions:
        steps.append(Step(Action.SUBSCRIBE, survey.sink.sid, survey.missing))
    else:
        steps += [Step(Action.ADD_TYPE, survey.subscriptions[survey.sink.sid].sid, (name,)) for name in survey.missing]
    steps += _removal(survey, survey.outdated)
    return (*steps, Step(Action.TEST, survey.sink.sid if survey.sink else "")) if steps else ()


def plan_with_test(survey: Survey) -> tuple[Step, ...]:
    """The plan, and a test event also where nothing else is to be done."""
    return plan(survey) or ((Step(Action.TEST, survey.sink.sid),) if survey.sink else ())


def plan_to_undo(survey: Survey) -> tuple[Step, ...]:
    """What takes everything of ours away again."""
    return tuple(_removal(survey, [*survey.outdated, *([survey.sink] if survey.sink else [])]))


def _removal(survey: Survey, sinks: Sequence[Sink]) -> Iterator[Step]:
    for sink in sinks:
        if subscription := survey.subscriptions.get(sink.sid):
            yield Step(Action.UNSUBSCRIBE, subscription.sid)
        yield Step(Action.REMOVE_SINK, sink.sid)


async def carry_out(session: Session, wanted: Wanted, steps: Sequence[Step]) -> None:
    """Do the steps in order. Raises SourceError at the first that fails; the next plan goes on from there."""
    made = ""
    for step in steps:
        sid = step.sid or made
        match step.action:
            case Action.MAKE_SINK:
                made = await _make_sink(session, wanted)
            case Action.SUBSCRIBE:
                types = [("Types", json.dumps({"type": name})) for name in step.types]  # one field for each, as Twilio reads it
                form = [("Description", wanted.description), ("SinkSid", sid), *types]
                _done(await session.post("v1", "Subscriptions", form=form))
            case Action.ADD_TYPE:
                path = ("v1", "Subscriptions", sid, "SubscribedEvents")
                _done(await session.post(*path, form=[("Type", step.types[0])], repeat=True))
            case Action.UNSUBSCRIBE:
                _gone(await session.delete("v1", "Subscriptions", sid))
            case Action.REMOVE_SINK:
                _gone(await session.delete("v1", "Sinks", sid))
            case Action.TEST:
                await test(session, sid)


async def test(session: Session, sink_sid: str) -> None:
    """Have Twilio send an event to the sink that tells of nothing."""
    _done(await session.post("v1", "Sinks", sink_sid, "Test", repeat=True))


async def _make_sink(session: Session, wanted: Wanted) -> str:
    configuration = json.dumps({"destination": wanted.destination, "method": "POST"})
    form = [("Description", wanted.description), ("SinkType", "webhook"), ("SinkConfiguration", configuration)]
    answer = await session.post("v1", "Sinks", form=form)
    _done(answer)
    return str(answer.json().get("sid"))


def _done(answer: Answer) -> None:
    if answer.status in {400, 404, 409}:
        raise Refused(answer)
    raise_for(answer)


def _gone(answer: Answer) -> None:
    """Somebody may have removed it before us."""
    if answer.status != 404:
        _done(answer)


async def _sinks(session: Session) -> AsyncIterator[Sink]:
    async with aclosing(session.pages("v1", "Sinks", key="sinks", query=_PAGE)) as rows:
        async for row in rows:
            configuration = row.get("sink_configuration")
            destination = configuration.get("destination") if isinstance(configuration, dict) else None
            is_webhook = row.get("sink_type") == "webhook"
            yield Sink(
                _text(row.get("sid")),
                _text(destination) if is_webhook else "",
                _text(row.get("description")),
                row.get("status") in _USABLE,
            )


async def _subscription(session: Session, sink_sid: str) -> Subscription | None:
    """A sink has one at most."""
    query = {"SinkSid": sink_sid, **_PAGE}
    async with aclosing(session.pages("v1", "Subscriptions", key="subscriptions", query=query)) as rows:
        sids = [_text(row.get("sid")) async for row in rows if row.get("sink_sid") == sink_sid]
    if not sids:
        return None
    path = ("v1", "Subscriptions", sids[0], "SubscribedEvents")
    async with aclosing(session.pages(*path, key="types", query=_PAGE)) as rows:
        return Subscription(sids[0], frozenset([_text(row.get("type")) async for row in rows]))


async def _offered(session: Session) -> tuple[str, ...]:
    """Twilio refuses a subscription as a whole for one kind of event that an account cannot have."""
    async with aclosing(session.pages("v1", "Types", key="types", query=_PAGE)) as rows:
        names = {_text(row.get("type")) async for row in rows if row.get("status") not in {"discontinued", "restricted"}}
    if not names >= NEEDED:
        raise InvalidResponse(TWILIO, "the account has no events of TaskRouter")
    return tuple(name for name in TYPES if name in names)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
