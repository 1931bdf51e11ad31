"""What is made at Twilio, so that it tells the portal of calls: all of it, once, and nothing of anybody else's touched."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from integrations.errors import AuthFailed, InvalidResponse, SourceUnavailable
from integrations.sandbox.twilio import ACCOUNT_SID, AUTH_TOKEN
from integrations.twilio.client import TwilioAccess
from integrations.twilio.setup import (
    TYPES,
    Action,
    Refused,
    Step,
    Survey,
    Wanted,
    carry_out,
    look,
    plan,
    plan_to_undo,
)
from tests.twilio.conftest import Platform
from tests.twilio.descriptions import EVENTS, check, description

HOME = "https://portal.example.org/hooks/"
WANTED = Wanted(f"{HOME}{'a' * 32}/twilio/event-streams", HOME, "Connie portal: riverside")
ACCESS = TwilioAccess(ACCOUNT_SID, ACCOUNT_SID, AUTH_TOKEN)
Work = Callable[[Any], Awaitable[Any]]


async def within(platform: Platform, work: Work, transport: Any = None) -> Any:
    async with platform.client(ACCESS, transport).open() as session:
        return await work(session)


async def surveyed(platform: Platform, wanted: Wanted = WANTED) -> Survey:
    found: Survey = await within(platform, lambda session: look(session, wanted))
    return found


async def done(platform: Platform, planned: Callable[[Survey], tuple[Step, ...]] = plan, wanted: Wanted = WANTED) -> None:
    steps = planned(await surveyed(platform, wanted))
    await within(platform, lambda session: carry_out(session, wanted, steps))


async def strangers_sink(platform: Platform, destination: str = "https://elsewhere.example.com/hooks/x") -> str:
    """A sink that somebody else set up, with its subscription."""
    other = Wanted(destination, "https://elsewhere.example.com/", "Reports")
    await done(platform, wanted=other)
    (sid,) = [sid for sid, row in platform.twilio.streams.sinks.items() if row["description"] == "Reports"]
    return sid


def actions(steps: tuple[Step, ...]) -> list[Action]:
    return [step.action for step in steps]


async def test_nothing_stands_at_first_and_all_of_it_is_planned(platform: Platform) -> None:
    survey = await surveyed(platform)
    assert not survey.is_set_up
    assert actions(plan(survey)) == [Action.MAKE_SINK, Action.SUBSCRIBE, Action.TEST]
    assert plan(survey)[1].types == TYPES
    assert plan_to_undo(survey) == ()
    assert platform.twilio.streams.sinks == {}, "looking changes nothing"


async def test_what_was_set_up_is_found_so_and_done_once(platform: Platform) -> None:
    await done(platform)
    survey = await surveyed(platform)
    assert survey.is_set_up
    assert plan(survey) == ()
    streams = platform.twilio.streams
    (sink,) = streams.sinks.values()
    assert sink["sink_configuration"] == {"destination": WANTED.destination, "method": "POST"}
    (types,) = streams.subscribed.values()
    assert set(types) == set(TYPES)
    await done(platform)
    assert len(streams.sinks) == len(streams.subscriptions) == 1


async def test_what_others_set_up_stays(platform: Platform) -> None:
    theirs = await strangers_sink(platform)
    await done(platform)
    assert (await surveyed(platform)).others == 1
    await done(platform, plan_to_undo)
    assert list(platform.twilio.streams.sinks) == [theirs]
    assert [row["sink_sid"] for row in platform.twilio.streams.subscriptions.values()] == [theirs]
    assert not (await surveyed(platform)).is_set_up


async def test_another_portal_that_calls_itself_the_same_is_left_alone(platform: Platform) -> None:
    elsewhere = "https://staging.example.org/hooks/"
    await done(platform, wanted=Wanted(f"{elsewhere}b/twilio/event-streams", elsewhere, WANTED.description))
    await done(platform)
    await done(platform, plan_to_undo)
    assert len(platform.twilio.streams.sinks) == 1


async def test_after_the_key_was_renewed_the_new_stands_before_the_old_goes(platform: Platform) -> None:
    await done(platform)
    renewed = Wanted(f"{HOME}{'b' * 32}/twilio/event-streams", HOME, WANTED.description)
    survey = await surveyed(platform, renewed)
    wanted = [Action.MAKE_SINK, Action.SUBSCRIBE, Action.UNSUBSCRIBE, Action.REMOVE_SINK, Action.TEST]
    assert actions(plan(survey)) == wanted
    await done(platform, wanted=renewed)
    (sink,) = platform.twilio.streams.sinks.values()
    assert sink["sink_configuration"]["destination"] == renewed.destination
    assert (await surveyed(platform, renewed)).is_set_up


async def test_two_that_were_made_at_once_become_one(platform: Platform) -> None:
    steps = plan(await surveyed(platform))
    for _twice in range(2):
        await within(platform, lambda session: carry_out(session, WANTED, steps))
    await done(platform)
    assert len(platform.twilio.streams.sinks) == len(platform.twilio.streams.subscriptions) == 1
    assert (await surveyed(platform)).is_set_up


async def test_a_kind_of_event_that_is_missing_is_added(platform: Platform) -> None:
    await done(platform)
    (types,) = platform.twilio.streams.subscribed.values()
    del types[TYPES[3]]
    survey = await surveyed(platform)
    assert actions(plan(survey)) == [Action.ADD_TYPE, Action.TEST]
    await done(platform)
    assert set(types) == set(TYPES)


async def test_a_sink_without_its_subscription_is_used(platform: Platform) -> None:
    await done(platform)
    platform.twilio.streams.subscriptions.clear()
    platform.twilio.streams.subscribed.clear()
    assert actions(plan(await surveyed(platform))) == [Action.SUBSCRIBE, Action.TEST]
    await done(platform)
    assert (await surveyed(platform)).is_set_up


async def test_a_sink_that_failed_is_replaced(platform: Platform) -> None:
    await done(platform)
    (sink,) = platform.twilio.streams.sinks.values()
    sink["status"] = "failed"
    await done(platform)
    (new,) = platform.twilio.streams.sinks.values()
    assert (new["status"], new["sid"] == sink["sid"]) == ("active", False)


async def test_a_kind_that_the_account_cannot_have_is_left_out_and_named(platform: Platform) -> None:
    platform.twilio.streams.types.remove("com.twilio.apiusage.taskrouter.ratelimits")
    await done(platform)
    survey = await surveyed(platform)
    assert (survey.is_set_up, survey.not_offered) == (True, ("com.twilio.apiusage.taskrouter.ratelimits",))


async def test_an_account_without_taskrouter_is_told(platform: Platform) -> None:
    platform.twilio.streams.types.remove("com.twilio.taskrouter.reservation.accepted")
    with pytest.raises(InvalidResponse):
        await surveyed(platform)


async def test_what_was_broken_off_is_gone_on_with(platform: Platform) -> None:
    steps = plan(await surveyed(platform))
    platform.twilio.budget = 1
    platform.twilio.retry_after = "60"
    with pytest.raises(Exception, match="429"):
        await within(platform, lambda session: carry_out(session, WANTED, steps))
    platform.twilio.budget = None
    assert actions(plan(await surveyed(platform))) == [Action.SUBSCRIBE, Action.TEST]
    await done(platform)
    assert (await surveyed(platform)).is_set_up


async def test_what_somebody_removed_before_us_is_gone(platform: Platform) -> None:
    await done(platform)
    steps = plan_to_undo(await surveyed(platform))
    for _twice in range(2):
        await within(platform, lambda session: carry_out(session, WANTED, steps))
    assert platform.twilio.streams.sinks == {}


async def test_a_refusal_is_told_in_twilios_words(platform: Platform) -> None:
    await done(platform)
    (sid,) = platform.twilio.streams.sinks
    with pytest.raises(Refused) as raised:
        await within(platform, lambda session: carry_out(session, WANTED, [Step(Action.SUBSCRIBE, sid, TYPES)]))
    assert "in use" in raised.value.public_message
    assert "20001" in str(raised.value)


async def test_a_wrong_token_and_a_twilio_that_is_down_are_told_apart(platform: Platform) -> None:
    wrong = TwilioAccess(ACCOUNT_SID, ACCOUNT_SID, "wrong")
    with pytest.raises(AuthFailed):
        async with platform.client(wrong).open() as session:
            await look(session, WANTED)
    platform.sandbox.switches["twilio"].fault = "500"
    with pytest.raises(SourceUnavailable):
        await surveyed(platform)


async def test_every_request_and_answer_is_as_described(platform: Platform) -> None:
    described = description(EVENTS)

    async def everything(session: Any) -> None:
        await carry_out(session, WANTED, plan(await look(session, WANTED)))
        (types,) = platform.twilio.streams.subscribed.values()
        del types[TYPES[0]]
        await carry_out(session, WANTED, plan(await look(session, WANTED)))
        await carry_out(session, WANTED, plan_to_undo(await look(session, WANTED)))

    await within(platform, everything, platform.noted)
    operations = {check(described, *exchange) for exchange in platform.noted.exchanges}
    assert operations == {
        *("ListSink", "CreateSink", "DeleteSink", "CreateSinkTest", "ListEventType"),
        *("ListSubscription", "CreateSubscription", "DeleteSubscription", "ListSubscribedEvent", "CreateSubscribedEvent"),
    }


# -- What the simulator delivers -----------------------------------------------------------------------------------


class Receiver:
    """A server that takes deliveries, after refusing the first ``refusals``."""

    def __init__(self) -> None:
        self.received: list[tuple[str, dict[str, str], bytes]] = []
        self.refusals = 0

    async def take(self, request: web.Request) -> web.Response:
        self.received.append((str(request.url), dict(request.headers), await request.read()))
        self.refusals -= 1
        return web.Response(status=503 if self.refusals >= 0 else 204)


@pytest.fixture
async def receiver() -> Any:
    taken = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", taken.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield taken, f"http://127.0.0.1:{port}/hooks/"
    await runner.cleanup()


async def until(condition: Callable[[], bool]) -> None:
    for _turn in range(200):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


async def test_what_happens_is_delivered_signed_and_again_until_it_is_taken(platform: Platform, receiver: Any) -> None:
    taken, home = receiver
    platform.twilio.streams.pause_s = 0.01
    taken.refusals = 1
    await done(platform, wanted=Wanted(f"{home}a/twilio/event-streams", home, WANTED.description))
    await until(lambda: len(taken.received) == 2)
    task = platform.create({"type": "inbound"})
    platform.call(platform.twilio.act, task, "reserve", f"WK{'1' * 32}")
    await until(lambda: len(taken.received) == 4)
    for address, headers, body in taken.received:
        assert address.endswith(f"?bodySHA256={hashlib.sha256(body).hexdigest()}")
        signature = base64.b64encode(hmac.digest(AUTH_TOKEN.encode(), address.encode(), "sha1")).decode()
        assert headers["X-Twilio-Signature"] == signature
    types = [json.loads(body)[0]["type"] for _address, _headers, body in taken.received]
    assert types[:2] == ["com.twilio.eventstreams.test-event"] * 2
    assert set(types[2:]) == {"com.twilio.taskrouter.task.created", "com.twilio.taskrouter.reservation.created"}
