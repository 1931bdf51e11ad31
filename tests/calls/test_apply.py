"""Events into calls, tasks and reservations: in whatever order they come, and of whichever organisation."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from integrations.calls import CallFacts, holder_of, open_call
from integrations.calls.apply import apply
from integrations.calls.holding import holders_of
from integrations.models import Call, CallTask, Organization, Person, Reservation
from integrations.phone import classify
from integrations.twilio.events import CallEvent
from tests.factories import World, make_world
from tests.twilio.told import BEGAN, Story, Told, sid, stories

CALL, TASK, WORKER = sid("CA", 1), sid("WT", 1), sid("WK", 1)
ATTRIBUTES = {"from": "+14155550123", "call_sid": CALL}


def take_in(organization: Organization, events: Iterable[CallEvent | Told]) -> None:
    for one in events:
        with transaction.atomic():
            apply(organization, one.event() if isinstance(one, Told) else one)


def works_in_flex(person: Person, worker: str = WORKER) -> Person:
    person.worker_sid = worker
    person.save()
    return person


def picture(organization: Organization) -> list[Any]:
    """All that is known of the organisation's calls, without the keys of rows."""
    calls = []
    for call in Call.objects.filter(organization=organization):
        tasks = sorted(_task(task) for task in call.tasks.all())
        facts = (call.call_sid, call.number, call.direction, call.status, call.status_at, call.duration_s, call.ended_at)
        calls.append((*map(str, facts), tasks))
    return sorted(calls)


def _task(task: CallTask) -> tuple[Any, ...]:
    reservations = sorted(
        (one.reservation_sid, one.worker_sid, one.state, str(one.began_at), str(one.ended_at))
        for one in task.reservations.all()
    )
    parent = task.parent.task_sid if task.parent else ""
    facts = (task.kind, task.channel, parent, task.state, str(task.state_at), str(task.began_at), str(task.ended_at))
    return (task.task_sid, *facts, reservations)


def test_a_call_is_known_from_its_first_ring_to_its_last_wrap_up(world: World) -> None:
    works_in_flex(world.bea)
    story = Story()
    story.voice(CALL, "ringing", 0, From="+14155550123", To="+14155550100", Direction="inbound")
    story.task("task.created", TASK, ATTRIBUTES, "pending")
    take_in(world.riverside, story.told)
    call = Call.objects.get()
    assert (call.call_sid, call.number, call.status, call.ended_at) == (CALL, "+14155550123", "ringing", None)
    assert holder_of(call) is None
    story.told.clear()
    story.accepted(TASK, ATTRIBUTES, WORKER, until="accepted")
    take_in(world.riverside, story.told)
    assert holder_of(call) == world.bea
    story.told.clear()
    story.voice(CALL, "completed", 3, From="+14155550123", Direction="inbound", CallDuration="90")
    take_in(world.riverside, story.told)
    call.refresh_from_db()
    assert (call.ended_at, call.duration_s) == (story.now.replace(microsecond=0), 90)
    assert holder_of(call) == world.bea, "whoever wraps it up still has it"
    story.told.clear()
    story.task("task.completed", TASK, ATTRIBUTES, "completed")
    take_in(world.riverside, story.told)
    assert holder_of(call) is None


def test_what_is_closed_is_not_opened_by_what_comes_late(world: World) -> None:
    works_in_flex(world.bea)
    story = Story()
    story.accepted(TASK, ATTRIBUTES, WORKER)
    take_in(world.riverside, reversed(story.told))
    reservation = Reservation.objects.get()
    assert (reservation.state, reservation.task.state) == ("completed", "completed")
    assert holder_of(reservation.task.call) is None


@pytest.fixture
def two_worlds(db: None) -> World:
    """Riverside and Harbor within one transaction, because the tests are many."""
    return make_world()


@pytest.mark.parametrize("seed", range(40))
def test_duplicated_shuffled_and_late_events_give_the_same_calls(two_worlds: World, seed: int) -> None:
    world = two_worlds
    story = stories(seed)
    take_in(world.riverside, story.told)
    expected = picture(world.riverside)
    assert expected
    dice = random.Random(seed)
    again = [one.event(dice.choice(one.forms)) for one in story.told for _time in range(dice.randint(1, 3))]
    dice.shuffle(again)
    take_in(world.harbor, again)
    assert picture(world.harbor) == expected


@pytest.mark.parametrize("seed", range(40, 60))
def test_lost_events_that_are_told_later_give_the_same_calls(two_worlds: World, seed: int) -> None:
    world = two_worlds
    story = stories(seed)
    take_in(world.riverside, story.told)
    dice = random.Random(seed)
    lost = [one for one in story.told if not one.is_voice and dice.random() < 0.5]
    take_in(world.harbor, [one for one in story.told if one not in lost])
    take_in(world.harbor, [one.event(one.forms[-1]) for one in story.told if not one.is_voice])
    assert picture(world.harbor) == picture(world.riverside)


def test_a_reservation_goes_on_whatever_its_times_say(world: World) -> None:
    made = Story()
    made.accepted(TASK, ATTRIBUTES, WORKER, until="accepted")
    reservation = made.told[-1].facts["reservation_sid"]
    made.now -= timedelta(seconds=30)  # told to the second, or by another clock
    made.task("reservation.wrapup", TASK, ATTRIBUTES, reservation_sid=reservation, worker_sid=WORKER)
    take_in(world.riverside, made.told)
    assert Reservation.objects.get().state == "wrapping"


def test_an_earlier_call_by_its_panels_key_takes_the_call_back_with_it(world: World) -> None:
    call = open_call(world.riverside.pk, CallFacts(classify("+14155550123", "US"), call_sid=CALL))
    address = f"https://portal.example/panel/riverside/{call.key}/"
    story = Story()
    story.task("task.created", TASK, {**ATTRIBUTES, "profile_url": address}, "pending")
    later = {"taskType": "callback", "callBackData": {"numberToCall": "+14155550177"}, "profile_url": address}
    story.task("task.created", sid("WT", 2), later, "pending")
    take_in(world.riverside, story.told)
    assert [task.kind for task in call.tasks.order_by("task_sid")] == ["inbound", "callback"]
    call.refresh_from_db()
    assert (Call.objects.count(), call.number) == (1, "+14155550123")


def test_a_panels_key_of_another_organisation_leads_nowhere(world: World) -> None:
    call = open_call(world.harbor.pk, CallFacts(classify("+14155550123", "US"), call_sid=CALL))
    story = Story()
    address = f"https://portal.example/panel/harbor/{call.key}/"
    story.task("task.created", TASK, {"from": "+14155550142", "profile_url": address}, "pending")
    take_in(world.riverside, story.told)
    assert CallTask.objects.get().call.organization == world.riverside
    assert not call.tasks.exists()


def test_sids_of_another_organisation_change_nothing_there(world: World) -> None:
    works_in_flex(world.bea)
    story = Story()
    story.accepted(TASK, ATTRIBUTES, WORKER, until="accepted")
    take_in(world.riverside, story.told)
    before = picture(world.riverside)
    forged = Story()
    forged.accepted(TASK, ATTRIBUTES, WORKER)
    forged.voice(CALL, "completed", 1)
    take_in(world.harbor, forged.told)
    assert picture(world.riverside) == before
    assert holder_of(Call.objects.get(organization=world.riverside)) == world.bea
    assert holder_of(Call.objects.get(organization=world.harbor)) is None


def test_after_a_transfer_the_last_who_accepted_holds_the_call(world: World) -> None:
    works_in_flex(world.bea)
    works_in_flex(world.ann, sid("WK", 2))
    story = Story()
    story.accepted(TASK, ATTRIBUTES, WORKER, until="accepted")
    story.accepted(TASK, ATTRIBUTES, sid("WK", 2), until="accepted")
    take_in(world.riverside, story.told)
    call = Call.objects.get()
    assert holder_of(call) == world.ann
    assert list(holders_of(call)) == [world.ann, world.bea]


def test_nobody_holds_a_call_who_is_deactivated_unknown_or_of_another_organisation(world: World) -> None:
    works_in_flex(world.cy)
    story = Story()
    story.accepted(TASK, ATTRIBUTES, WORKER, until="accepted")
    take_in(world.riverside, story.told)
    call = Call.objects.get()
    assert holder_of(call) is None
    works_in_flex(world.bea)
    assert holder_of(call) == world.bea
    world.bea.active = False
    world.bea.save()
    assert holder_of(call) is None


def test_a_withheld_number_is_none_and_a_number_that_is_known_stays(world: World) -> None:
    story = Story()
    story.task("task.created", TASK, {"from": "anonymous", "call_sid": CALL}, "pending")
    take_in(world.riverside, story.told)
    assert Call.objects.get().number == ""
    open_call(world.riverside.pk, CallFacts(classify("+14155550142", "US"), call_sid=CALL))
    story.told.clear()
    story.task("task.updated", TASK, ATTRIBUTES, "pending")
    take_in(world.riverside, story.told)
    assert Call.objects.get().number == "+14155550142"


def test_tasks_that_name_each_other_as_parents_end_in_one_call(world: World) -> None:
    story = Story()
    for own, other in ((1, 2), (2, 1), (1, 1)):
        story.task("task.created", sid("WT", own), {"parentTask": sid("WT", other)}, "pending")
    take_in(world.riverside, story.told)
    assert Call.objects.filter(tasks__task_sid=sid("WT", 1)).get().tasks.count() == 2


def test_a_task_that_names_two_calls_belongs_to_the_same_one_in_whatever_order(world: World) -> None:
    story = Story()
    for number in (1, 2):
        story.task("task.updated", TASK, {"from": "+14155550123", "call_sid": sid("CA", number)}, "pending")
    take_in(world.riverside, story.told)
    take_in(world.harbor, reversed(story.told))
    assert picture(world.riverside) == picture(world.harbor)
    assert CallTask.objects.filter(call__call_sid=sid("CA", 1)).count() == 2


def test_an_event_of_no_use_changes_nothing(world: World) -> None:
    take_in(world.riverside, [CallEvent("k", "worker.activity.update", BEGAN + timedelta(days=1))])
    assert not Call.objects.exists()
