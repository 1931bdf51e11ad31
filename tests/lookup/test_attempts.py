"""What is noted of each question to a system: how it did, and nothing of the caller."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError

from integrations.lookup import attempts as module
from integrations.lookup.attempts import MAX_WAITING, AttemptLog, attempts
from integrations.lookup.attempts import Attempt as Noted
from integrations.lookup.breaker import FAILURES
from integrations.lookup.rollups import roll_up
from integrations.models import Attempt, AttemptRollup, Connector
from integrations.storage.database_thread import in_database_thread
from tests.factories import World, make_connector
from tests.lookup.fakes import FakeConnector
from tests.lookup.test_asking import ask
from tests.lookup.test_engine import ROSA, add

HOUR = timedelta(hours=1)
NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("fake_kind")


async def written() -> list[Attempt]:
    """What the log holds, oldest first."""
    await in_database_thread(attempts.flush)
    return await in_database_thread(lambda: list(Attempt.objects.order_by("pk")))


async def test_each_question_leaves_its_outcome_and_nothing_of_the_caller(world: World) -> None:
    await add(world, "crm", people=[ROSA], more=[ROSA])
    await add(world, "other", people=[])
    await ask(world)
    rows = await written()
    assert [(row.question, row.outcome, row.retries, row.cached, row.breaker) for row in rows] == [
        ("find", "found", 0, False, ""),
        ("find", "not_found", 0, False, ""),
        ("details", "found", 0, False, ""),
    ]
    assert {row.organization_id for row in rows} == {world.riverside.pk}
    stored = await in_database_thread(lambda: str(list(Attempt.objects.values())))
    assert "Rosa" not in stored
    assert "0123" not in stored


async def test_what_was_kept_is_told_apart(world: World) -> None:
    await add(world, "crm", people=[ROSA])
    await ask(world)
    await ask(world)
    assert [(row.outcome, row.cached) for row in await written()] == [("found", False), ("found", True)]


@pytest.mark.parametrize(
    ("fails", "outcome"),
    [("unavailable", "unavailable"), ("auth", "auth"), ("rate_limited", "rate_limited"), ("crash", "unavailable"),
     ("invalid_response", "invalid_response")],
)  # fmt: skip
async def test_failures_leave_their_word(world: World, fails: str, outcome: str) -> None:
    await add(world, "crm", fails=fails)
    await ask(world)
    assert [row.outcome for row in await written()] == [outcome]


async def test_a_second_try_is_counted(world: World) -> None:
    await add(world, "crm", people=[ROSA])
    FakeConnector.broken_once.add("crm")
    await ask(world)
    assert [(row.outcome, row.retries) for row in await written()] == [("found", 1)]


async def test_a_question_that_nobody_waited_for_any_longer_is_noted(world: World) -> None:
    await add(world, "crm", fails="hang")
    await ask(world, deadline_s=0.1)
    for _turn in range(5):
        await asyncio.sleep(0)
    (row,) = await written()
    assert row.outcome == "given_up"
    assert row.ms > 0


async def test_a_pause_is_noted_and_is_no_question_to_the_system(world: World) -> None:
    await add(world, "crm", fails="invalid_response")
    await add(world, "down", fails="unavailable")
    for _time in range(FAILURES + 2):
        await ask(world)
    down = [row for row in await written() if row.outcome in {"unavailable", "circuit_open"}]
    assert [row.breaker for row in down[-2:]] == ["circuit_open", "circuit_open"]
    assert await in_database_thread(lambda: Attempt.objects.filter(connector__key="down").asked().count()) == FAILURES


async def test_the_size_of_an_answer_is_noted_where_a_door_knows_it() -> None:
    from integrations.outbound.recording import record_received

    noted = Noted.begin("1:2:3", "find", trial=False)
    record_received(300)
    record_received(12)
    assert sum(noted.received) == 312


def test_more_than_can_be_held_is_counted_and_let_go_of(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(module.log, "warning", lambda event, **facts: said.append({"event": event, **facts}))
    log, row = AttemptLog(), make_connector(world.riverside, "crm", "fake")
    for _time in range(MAX_WAITING + 7):
        log.note(Noted(f"{world.riverside.pk}:{row.pk}:x", "find"))
    log.close()
    assert Attempt.objects.count() == MAX_WAITING
    assert said == [{"event": "attempts.dropped", "count": 7}]


def test_what_waits_is_written_when_the_process_ends(world: World) -> None:
    log, row = AttemptLog(), make_connector(world.riverside, "crm", "fake")
    log.note(Noted(f"{world.riverside.pk}:{row.pk}:x", "find"))
    assert not Attempt.objects.exists()
    log.close()
    assert Attempt.objects.count() == 1


def test_a_question_that_comes_while_the_process_ends_keeps_it_from_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, row = AttemptLog(), make_connector(world.riverside, "crm", "fake")
    writing, released, write = threading.Event(), threading.Event(), module._write

    def slowly(chunk: tuple[Noted, ...]) -> None:
        writing.set()
        released.wait(10)
        write(chunk)

    monkeypatch.setattr(module, "_write", slowly)
    monkeypatch.setattr(module, "FLUSH_EVERY_S", 0.01)
    log.note(Noted(f"{world.riverside.pk}:{row.pk}:x", "find"))
    writing.wait(10)
    ending = log._thread
    closing = threading.Thread(target=log.close, daemon=True)
    closing.start()
    while log._thread is ending or not log._ending.is_set():
        threading.Event().wait(0.001)
    log.note(Noted(f"{world.riverside.pk}:{row.pk}:x", "find"))
    released.set()
    closing.join(10)
    assert not closing.is_alive()
    log.close()
    assert Attempt.objects.count() == 2


def test_a_system_that_was_deleted_meanwhile_costs_only_its_own_rows(world: World) -> None:
    log, row = AttemptLog(), make_connector(world.riverside, "crm", "fake")
    log.note(Noted(f"{world.riverside.pk}:{row.pk}:x", "find"))
    log.note(Noted(f"{world.riverside.pk}:{row.pk + 1}:x", "find"))
    log.close()
    assert [one.connector_id for one in Attempt.objects.all()] == [row.pk]


@pytest.mark.parametrize("problem", [OperationalError("gone"), InterfaceError(0, "")])
def test_a_database_that_is_away_costs_the_rows_and_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    log, row = AttemptLog(), make_connector(world.riverside, "crm", "fake")

    def refuse(*_: object) -> None:
        raise problem

    with monkeypatch.context() as broken:
        broken.setattr(module, "_write", refuse)
        log.note(Noted(f"{world.riverside.pk}:{row.pk}:x", "find"))
        log.flush()
    log.note(Noted(f"{world.riverside.pk}:{row.pk}:x", "find"))
    log.close()
    assert Attempt.objects.count() == 1


# -- Hours ------------------------------------------------------------------------------------------------------------


def noted(connector: Connector, at: datetime, *, ms: int = 10, outcome: str = "found", **facts: Any) -> None:
    more = {"question": "find", "retries": 0, "cached": False, **facts}
    Attempt.objects.create(organization=connector.organization, connector=connector, at=at, ms=ms, outcome=outcome, **more)


def test_an_hour_that_is_over_is_summed_up_once(world: World) -> None:
    crm = make_connector(world.riverside, "crm", "fake")
    for ms in range(1, 101):
        noted(crm, NINE + timedelta(seconds=ms), ms=ms, outcome="timeout" if ms > 97 else "found")
    noted(crm, NINE, cached=True)
    noted(crm, NINE, ms=0, outcome="circuit_open", breaker="circuit_open")
    noted(crm, NINE, ms=0, outcome="over_budget")
    noted(crm, NINE + HOUR)
    assert roll_up(NINE + HOUR + timedelta(minutes=30)) == 1
    assert roll_up(NINE + HOUR + timedelta(minutes=30)) == 0
    (hour,) = AttemptRollup.objects.all()
    assert (hour.hour, hour.organization_id, hour.outcomes) == (NINE, world.riverside.pk, {"found": 97, "timeout": 3})
    assert (hour.cached, hour.held_back, hour.p50_ms, hour.p95_ms) == (1, 2, 50, 95)


def test_an_hour_is_not_summed_up_while_its_last_questions_may_still_be_written(world: World) -> None:
    noted(make_connector(world.riverside, "crm", "fake"), NINE)
    assert roll_up(NINE + HOUR + timedelta(minutes=1)) == 0
    assert roll_up(NINE + HOUR + timedelta(minutes=2)) == 1


def test_hours_that_no_runner_saw_are_summed_up_by_the_next(world: World) -> None:
    crm, other = make_connector(world.riverside, "crm", "fake"), make_connector(world.harbor, "other", "fake")
    for hours in (0, 1, 40):
        noted(crm, NINE + hours * HOUR)
        noted(other, NINE + hours * HOUR, cached=True)
    assert roll_up(NINE + 50 * HOUR) == 3
    assert AttemptRollup.objects.filter(organization=world.riverside).count() == 3
    assert [hour.p50_ms for hour in AttemptRollup.objects.filter(connector=other)] == [None, None, None]


def test_a_clock_that_was_ahead_does_not_end_the_summing_up(world: World) -> None:
    crm = make_connector(world.riverside, "crm", "fake")
    AttemptRollup.objects.create(organization=world.riverside, connector=crm, hour=NINE + 1000 * HOUR)
    noted(crm, NINE)
    assert roll_up(NINE + 2 * HOUR) == 1
