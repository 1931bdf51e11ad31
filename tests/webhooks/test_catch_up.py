"""Events that were not told are fetched, once, from where the last look ended; and what cannot be fetched is said to be so."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from integrations import tasks
from integrations.calls import holder_of
from integrations.errors import AuthFailed
from integrations.jobs import inbox
from integrations.models import Call, CallIntake, TwilioAccount, WebhookDelivery
from integrations.sandbox import twilio as simulator
from integrations.twilio.events import Form
from integrations.webhooks.catch_up import FIRST_LOOK, KEPT, OVERLAP, WINDOW, catch_up
from integrations.webhooks.handlers import HANDLERS, arrived, source_of
from tests.calls.test_apply import picture, take_in
from tests.factories import World
from tests.twilio.conftest import Platform, platform
from tests.twilio.told import ACCOUNT, BEGAN, Story, Told, sid, stories

__all__ = ["platform"]
NOW = BEGAN + timedelta(hours=3)


@dataclass
class Lister:
    """TaskRouter's list of events."""

    told: list[Told] = field(default_factory=list)
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)
    problem: Exception | None = None

    def events_in_sync(self, since: datetime, until: datetime) -> list[dict[str, Any]]:
        self.asked.append((since, until))
        if self.problem:
            raise self.problem
        return [one.raw(Form.EVENTS_API) for one in self.told if since <= one.at <= until]


@pytest.fixture
def lister(monkeypatch: pytest.MonkeyPatch) -> Lister:
    made = Lister()
    monkeypatch.setattr("integrations.webhooks.catch_up.task_router", lambda _account: made)
    return made


@pytest.fixture
def account(riverside: World) -> TwilioAccount:
    return riverside.riverside.twilio_accounts.get()


def process(ids: list[int]) -> None:
    for pk in ids:
        inbox.process(pk, HANDLERS)


@pytest.mark.parametrize("seed", range(5))
def test_after_a_time_without_webhooks_the_calls_are_as_if_there_had_been_none(
    riverside: World, account: TwilioAccount, lister: Lister, seed: int
) -> None:
    told = stories(seed).told
    heard = [one for one in told if one.is_voice or one.number % 3 == 0]
    several = arrived(Form.EVENT_STREAMS, [one.raw(Form.EVENT_STREAMS) for one in heard], {ACCOUNT})
    process(inbox.store(riverside.riverside.pk, source_of(Form.EVENT_STREAMS), several))
    lister.told = [one for one in told if not one.is_voice]
    process(catch_up(account, NOW))
    take_in(riverside.harbor, told)
    assert picture(riverside.riverside) == picture(riverside.harbor)
    assert WebhookDelivery.objects.filter(state="done").count() == len(told)
    assert catch_up(account, NOW + timedelta(minutes=10)) == []


def test_each_look_begins_where_the_last_one_ended(account: TwilioAccount, lister: Lister) -> None:
    catch_up(account, NOW)
    assert (lister.asked[0][0], lister.asked[-1][1]) == (NOW - FIRST_LOOK, NOW)
    assert all(until - since <= WINDOW for since, until in lister.asked)
    lister.asked.clear()
    later = NOW + timedelta(minutes=10)
    catch_up(account, later)
    assert lister.asked == [(NOW - OVERLAP, later)]
    lister.asked.clear()
    catch_up(account, later + timedelta(days=60))
    assert lister.asked[0][0] == later + timedelta(days=60) - KEPT


def test_what_is_of_no_use_is_not_stored(account: TwilioAccount, lister: Lister) -> None:
    lister.told = [Told("worker.activity.update", NOW - timedelta(minutes=1), 1, {"worker_sid": sid("WK", 1)})]
    assert catch_up(account, NOW) == []
    assert not WebhookDelivery.objects.exists()


def test_what_cannot_be_fetched_is_said_so_and_fetched_later(account: TwilioAccount, lister: Lister) -> None:
    catch_up(account, NOW)
    story = Story()
    story.now = NOW
    story.task("task.created", sid("WT", 1), {"from": "+14155550123"}, "pending")
    lister.told, lister.problem = story.told, AuthFailed("twilio", "20003")
    assert catch_up(account, NOW + timedelta(minutes=10)) == []
    assert list(CallIntake.objects.get().problems) == [ACCOUNT]
    lister.problem = None
    process(catch_up(account, NOW + timedelta(minutes=20)))
    assert CallIntake.objects.get().problems == {}
    assert Call.objects.get().number == "+14155550123"


def test_an_account_that_cannot_be_asked_is_told_of_in_a_sentence(account: TwilioAccount) -> None:
    account.auth_tokens = []
    account.save()
    assert catch_up(account, NOW) == []
    assert "auth token" in CallIntake.objects.get().problems[ACCOUNT]


def test_who_has_the_call_is_fetched_from_twilio(world: World, platform: Platform, settings: Settings) -> None:
    settings.TWILIO_TASKROUTER_URL = platform.url
    facts = {"account_sid": simulator.ACCOUNT_SID, "auth_tokens": [simulator.AUTH_TOKEN]}
    account = TwilioAccount.objects.create(organization=world.riverside, workspace_sid=simulator.WORKSPACE_SID, **facts)
    world.bea.worker_sid = sid("WK", 1)
    world.bea.save()
    task = platform.create({"from": "+14155550123", "call_sid": sid("CA", 1)})
    for action in ("reserve", "accept"):
        platform.call(platform.twilio.act, task, action, sid("WK", 1))
    # Times are asked for to the second; what happened in this one is listed at the next look.
    process(catch_up(account, timezone.now() + timedelta(seconds=2)))
    call = Call.objects.get()
    assert (call.call_sid, call.number, holder_of(call)) == (sid("CA", 1), "+14155550123", world.bea)


def test_a_runner_looks_every_ten_minutes_at_each_account_with_a_workspace(
    riverside: World, account: TwilioAccount, lister: Lister, monkeypatch: pytest.MonkeyPatch
) -> None:
    put: list[Any] = []
    monkeypatch.setattr("connie_portal.queue._put", lambda path, ids, after: put.append((path, ids)))
    riverside.harbor.twilio_accounts.update(workspace_sid="")
    story = Story()
    story.now = timezone.now() - timedelta(minutes=5)
    story.task("task.created", sid("WT", 1), {"from": "+14155550123"}, "pending")
    lister.told = story.told
    every, work = tasks.RECURRING["events"]
    work()
    assert every == timedelta(minutes=10)
    assert put == [("integrations.tasks.process_delivery", [WebhookDelivery.objects.get().pk])]
    assert CallIntake.objects.get().organization == riverside.riverside
