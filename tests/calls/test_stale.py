"""Calls of which nothing more is heard end some time, and what is heard late still counts."""

from __future__ import annotations

from datetime import timedelta

from integrations import tasks
from integrations.calls import holder_of
from integrations.calls.stale import HELD, WAITING, close_stale
from integrations.models import Call, CallTask, Reservation
from tests.calls.test_apply import ATTRIBUTES, CALL, TASK, WORKER, picture, take_in, works_in_flex
from tests.factories import World
from tests.twilio.told import BEGAN, Story


def story() -> Story:
    made = Story()
    made.voice(CALL, "in-progress", 1, From="+14155550123", Direction="inbound")
    made.task("task.created", TASK, ATTRIBUTES, "pending")
    made.accepted(TASK, ATTRIBUTES, WORKER, until="accepted")
    return made


def test_nobody_holds_a_call_for_good(world: World) -> None:
    works_in_flex(world.bea)
    made = story()
    take_in(world.riverside, made.told)
    call = Call.objects.get()
    assert close_stale(made.now + HELD - timedelta(hours=1)) == 0
    assert holder_of(call) == world.bea
    assert close_stale(made.now + HELD + timedelta(seconds=1)) == 2
    assert holder_of(call) is None
    call.refresh_from_db()
    assert (call.status, call.tasks.get().state, Reservation.objects.get().state) == ("stale", "stale", "stale")
    assert call.ended_at == call.status_at
    assert close_stale(made.now + HELD * 2) == 0


def test_a_task_that_waits_for_an_agent_may_wait_for_two_weeks(world: World) -> None:
    made = Story()
    made.task("task.created", TASK, {"taskType": "callback", "from": "+14155550123"}, "pending")
    take_in(world.riverside, made.told)
    assert close_stale(made.now + timedelta(days=14)) == 0
    assert close_stale(made.now + WAITING + timedelta(seconds=1)) == 1
    assert CallTask.objects.get().ended_at == made.now


def test_what_is_told_late_of_the_end_counts_and_what_is_told_of_before_does_not(world: World) -> None:
    made = story()
    late = Story(1)
    late.now = made.now
    late.accepted(TASK, ATTRIBUTES, WORKER)
    late.voice(CALL, "completed", 2, From="+14155550123", Direction="inbound", CallDuration="60")
    take_in(world.riverside, made.told)
    close_stale(made.now + HELD * 2)
    take_in(world.riverside, late.told)
    take_in(world.harbor, [*made.told, *late.told])
    assert [(one[3], one[5], one[6]) for one in picture(world.riverside)] == [("completed", "60", picture(world.harbor)[0][6])]
    assert CallTask.objects.get(organization=world.riverside).state == "completed"


def test_a_runner_looks_once_an_hour(world: World) -> None:
    take_in(world.riverside, story().told)
    Call.objects.update(status_at=BEGAN)
    every, work = tasks.RECURRING["stale calls"]
    work()
    assert (every, Call.objects.get().status) == (timedelta(hours=1), "stale")
