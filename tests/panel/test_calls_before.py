"""How often a number called and whom it reached, the hour where it belongs, and what is different where the agent calls."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from integrations.calls import CallFacts, open_call
from integrations.disclosure import Context
from integrations.disclosure.history import _calls_before
from integrations.disclosure.viewers import viewer_of_person
from integrations.models import AccessEntry, Call, CallRecord, CallTask, Channel, Person, Reservation, TierRule
from integrations.phone import classify
from tests.factories import World
from tests.known_callers import ROSA, Source
from tests.panel.conftest import NUMBER, address, content, logged_in

WORKER = f"WK{'1' * 32}"


def called(world: World, sid: str, days_ago: float = 1, number: Any = NUMBER, **facts: Any) -> Call:
    call = open_call(world.riverside.pk, CallFacts(number, sid, **facts))
    Call.objects.filter(pk=call.pk).update(created_at=timezone.now() - timedelta(days=days_ago))
    return call


def taken_by(world: World, call: Call, person: Person, team: str = "") -> None:
    Person.objects.filter(pk=person.pk).update(worker_sid=WORKER, team=team)
    task = CallTask.objects.create(call=call, organization=world.riverside, task_sid=f"WT{call.pk}")
    Reservation.objects.create(
        task=task, reservation_sid="WR1", worker_sid=WORKER, state="completed", began_at=timezone.now(), ended_at=timezone.now()
    )


def on_record() -> set[str]:
    return {field["field"] for entry in AccessEntry.objects.filter(event="lookup") for field in entry.fields}


def test_whoever_may_see_nothing_basic_is_told_of_no_calls(bea: Client, world: World, source: Source) -> None:
    TierRule.objects.filter(tier=world.bea.tier, target="basic").update(effect="hide")
    called(world, "CA0")
    assert "in 30 days" not in content(bea, address(world))
    assert "calls_30d" not in on_record()


def test_calls_of_a_number_that_nobody_or_only_a_hidden_client_has_are_not_told(
    bea: Client, world: World, source: Source
) -> None:
    source.row.fields = {"restricted": "restricted"}
    source.answers(people=[{**ROSA, "restricted": True}])
    called(world, "CA0")
    html = content(bea, address(world))
    assert "Nobody has this number" in html
    assert "in 30 days" not in html
    source.answers(people=[])
    assert "in 30 days" not in content(bea, address(world))


def test_a_number_that_many_share_says_nothing(world: World, source: Source) -> None:
    client = logged_in(world, world.ann)
    called(world, "CA0")
    world.riverside.shared_numbers = ["+14155550123"]
    world.riverside.save()
    assert "in 30 days" not in content(client, address(world))


def test_counting_many_calls_asks_the_database_no_more_often_than_counting_one(
    world: World, django_assert_max_num_queries: Any
) -> None:
    for place in range(20):
        called(world, f"CA0{place}")
    viewer = viewer_of_person(world.bea, channel=Channel.PANEL, address="127.0.0.1")
    with django_assert_max_num_queries(5):
        before = _calls_before(viewer, Context(), NUMBER, frozenset())
    assert before is not None
    assert before.count == 20


def test_the_calls_of_thirty_days_are_counted_and_on_record(bea: Client, world: World, source: Source) -> None:
    for place, days in enumerate((1, 2, 29, 31)):
        called(world, f"CA0{place}", days)
    called(world, "CA-other", number=classify("+14155550199", "US"))
    called(world, "CA-out", direction="outbound")
    open_call(world.riverside.pk, CallFacts(NUMBER))  # a look from the dashboard
    open_call(world.harbor.pk, CallFacts(NUMBER, "CA-harbor"))
    assert "3 calls in 30 days" in content(bea, address(world))
    assert "calls_30d" in on_record()
    assert "last_agent" not in on_record()


def test_a_first_call_is_not_remarked(bea: Client, world: World, source: Source) -> None:
    assert "in 30 days" not in content(bea, address(world))


@pytest.mark.parametrize(("team", "named"), [("", True), ("Days", True), ("Nights", False)])
def test_the_agent_who_took_the_last_one_is_named_within_their_team(
    world: World, source: Source, team: str, named: bool
) -> None:
    taken_by(world, called(world, "CA0"), world.ann, "Nights")
    Person.objects.filter(pk=world.ann.pk).update(team="Days")
    Person.objects.filter(pk=world.bea.pk).update(team=team)
    html = content(logged_in(world, world.bea), address(world))
    assert "1 call in 30 days" in html
    assert ("with Ann" in html or "with ann" in html) is named
    assert ("last_agent" in on_record()) is named


def test_calls_of_which_it_was_said_that_somebody_else_called_do_not_count(bea: Client, world: World, source: Source) -> None:
    theirs, others, rejected = called(world, "CA0"), called(world, "CA01"), called(world, "CA02")
    CallRecord.objects.create(call=theirs, connector=source.row, record_id="1")
    CallRecord.objects.create(call=others, connector=source.row, record_id="2")
    CallRecord.objects.create(call=rejected, connector=source.row, record_id="1", state="rejected")
    assert "1 call in 30 days" in content(bea, address(world))


def test_where_the_agent_calls_the_notes_come_first(bea: Client, world: World, source: Source) -> None:
    source.row.fields = {"voicemail_ok": "voicemail_ok"}
    source.answers(people=[ROSA])
    html = content(bea, address(world))
    assert "Before you call" not in html
    assert "Do not leave a message" in html
    CallTask.objects.create(
        call=Call.objects.get(call_sid="CA1"), organization=world.riverside, task_sid="WT1", kind="callback"
    )
    html = content(bea, address(world))
    assert html.index("Before you call") < html.index("Do not leave a message")
    assert html.count("Do not leave a message") == 1


def test_a_number_that_the_network_does_not_vouch_for_is_a_warning(bea: Client, world: World, source: Source) -> None:
    url = address(world)
    assert "it may be forged" not in content(bea, url)
    Call.objects.update(number_doubted=True)
    assert "it may be forged" in content(bea, url)


@pytest.mark.parametrize(("zone", "shown"), [("America/Los_Angeles", False), ("America/New_York", True)])
def test_the_hour_there_is_told_where_it_is_another(bea: Client, world: World, source: Source, zone: str, shown: bool) -> None:
    world.riverside.timezone = zone
    world.riverside.save()
    assert ("by the number’s area" in content(bea, address(world))) is shown


def test_whoever_may_not_see_the_number_is_not_told_its_hour(bea: Client, world: World, source: Source) -> None:
    world.riverside.timezone = "America/New_York"
    world.riverside.save()
    TierRule.objects.create(tier=world.bea.tier, target="phone", effect="mask")
    assert "by the number’s area" not in content(bea, address(world))
