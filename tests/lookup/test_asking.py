"""What is kept, asked once, paused, held back, tried again: everything between the engine and a source."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from integrations.lookup import LookupRequest, LookupResult, engine, look_up
from integrations.lookup.asking import _single_flight
from integrations.lookup.backends import backends
from integrations.lookup.backends.memory import MAX_NUMBERS, MemoryAnswers
from integrations.lookup.cache import CachedAnswer, page_key
from integrations.lookup.engine import _under_way
from integrations.models import CustomField
from integrations.phone import Number, classify
from integrations.profile import SourceRecord
from tests.factories import World
from tests.lookup.fakes import FakeConnector
from tests.lookup.test_engine import ROSA, add, statuses

NUMBER = classify("+14155550123", "US")
assert isinstance(NUMBER, Number)

pytestmark = pytest.mark.usefixtures("fake_kind")


class Clock:
    """The wall clock, moved as a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead_s, real = 0.0, time.time
        monkeypatch.setattr(time, "time", lambda: real() + self.ahead_s)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def ask(world: World, **facts: Any) -> LookupResult:
    return await look_up(LookupRequest(world.riverside.pk, NUMBER, **facts))


def calls(key: str = "crm") -> int:
    return sum(1 for asked in FakeConnector.asked if asked == (key, "find"))


# -- Kept ------------------------------------------------------------------------------------------------------------


async def test_an_answer_is_kept_and_says_its_age(world: World, clock: Clock) -> None:
    await add(world, "crm", people=[ROSA])
    first = await ask(world)
    clock.ahead_s = 100
    second = await ask(world)
    assert calls() == 1
    assert (first.sources[0].cached, second.sources[0].cached) == (False, True)
    assert second.sources[0].age_s == pytest.approx(100, abs=2)
    assert second.people[0].fields["name"].value == "Rosa Castillo"
    assert not second.people[0].fields["name"].provenance.stale


@pytest.mark.parametrize("people", [[ROSA], []])
async def test_what_a_connector_remarks_is_told_and_kept_with_its_answer(world: World, people: list[Any]) -> None:
    await add(world, "crm", people=people, remarks=["One record has no id.", "One record has no id."])
    for _time in range(2):
        assert (await ask(world)).sources[0].message == "One record has no id."
    assert calls() == 1


async def test_a_stale_answer_is_shown_at_once_and_renewed_behind(world: World, clock: Clock) -> None:
    await add(world, "crm", people=[ROSA])
    await ask(world)
    clock.ahead_s = 400
    stale = await ask(world)
    assert stale.people[0].fields["name"].provenance.stale
    await asyncio.sleep(0.05)
    assert calls() == 2
    renewed = await ask(world)
    assert calls() == 2
    assert not renewed.people[0].fields["name"].provenance.stale


async def test_a_stale_answer_outlives_a_source_that_fails(world: World, clock: Clock) -> None:
    row = await add(world, "crm", people=[ROSA])
    await ask(world)
    clock.ahead_s = 400
    FakeConnector.broken.add("crm")
    assert (await ask(world)).people[0].fields["name"].value == "Rosa Castillo"
    await asyncio.sleep(0.3)
    assert (await ask(world)).people[0].fields["name"].value == "Rosa Castillo"
    clock.ahead_s = 4_000
    assert statuses(await ask(world)) == {row.key: "unavailable"}


async def test_money_and_health_are_not_shown_stale_for_long(world: World, clock: Clock) -> None:
    await add(world, "crm", people=[{**ROSA, "outstanding_balance": "42.50"}])
    await ask(world)
    FakeConnector.broken.add("crm")
    clock.ahead_s = 500
    assert "outstanding_balance" in (await ask(world)).people[0].fields
    clock.ahead_s = 700
    fields = (await ask(world)).people[0].fields
    assert "name" in fields
    assert "outstanding_balance" not in fields


async def test_nobody_is_remembered_for_a_minute(world: World, clock: Clock) -> None:
    await add(world, "crm", people=[])
    for _time in range(2):
        assert statuses(await ask(world)) == {"crm": "not_found"}
    assert calls() == 1
    clock.ahead_s = 61
    await ask(world)
    assert calls() == 2


async def test_asking_anew_passes_by_what_is_kept_and_replaces_it(world: World, clock: Clock) -> None:
    await add(world, "crm", people=[ROSA])
    await ask(world)
    assert not (await ask(world, refresh=True)).sources[0].cached
    assert calls() == 2


async def test_a_source_can_be_told_not_to_be_kept(world: World) -> None:
    await add(world, "crm", people=[ROSA], cache={"fresh_s": 0})
    await ask(world)
    await ask(world)
    assert calls() == 2


async def test_answers_with_a_field_that_may_not_be_kept_are_not(world: World) -> None:
    await CustomField.objects.acreate(
        organization=world.riverside, name="counselling", label="Counselling", sensitivity="health", cacheable=False
    )
    await add(world, "crm", people=[{**ROSA, "counselling": "Tuesdays"}], fields={"counselling": "counselling"})
    await ask(world)
    await ask(world)
    assert calls() == 2


async def test_another_configuration_another_number_another_organisation_share_nothing(world: World) -> None:
    row = await add(world, "crm", people=[ROSA])
    await ask(world)
    row.options = {"people": []}
    await row.asave()
    assert statuses(await ask(world)) == {"crm": "not_found"}
    await look_up(LookupRequest(world.riverside.pk, classify("+14155550124", "US")))
    assert calls() == 3
    assert (await look_up(LookupRequest(world.harbor.pk, NUMBER))).people == ()
    assert page_key(world.riverside.pk, NUMBER) != page_key(world.harbor.pk, NUMBER)


async def test_a_clock_that_was_set_back_makes_no_answer_younger(world: World, clock: Clock) -> None:
    await add(world, "crm", people=[ROSA])
    clock.ahead_s = 10_000
    await ask(world)
    clock.ahead_s = 0
    await ask(world)
    assert calls() == 2


async def test_details_are_kept_too(world: World) -> None:
    await add(world, "crm", people=[ROSA], more=[{**ROSA, "notes": "ramp"}])
    for _time in range(2):
        assert (await ask(world)).people[0].fields["notes"].value == "ramp"
    assert FakeConnector.asked == [("crm", "find"), ("crm", "details")]


async def test_a_number_or_a_record_can_be_forgotten(world: World) -> None:
    await add(world, "crm", people=[ROSA])
    await ask(world)
    await backends().answers.forget_record(world.harbor.pk, "crm", "1")
    await ask(world)
    assert calls() == 1
    await backends().answers.forget_record(world.riverside.pk, "crm", "1")
    await ask(world)
    assert calls() == 2
    assert isinstance(NUMBER, Number)
    await backends().answers.forget_number(world.riverside.pk, NUMBER)
    await ask(world)
    assert calls() == 3


async def test_memory_holds_so_many_numbers_and_no_more() -> None:
    kept = MemoryAnswers()
    record = SourceRecord("crm", "1", {"name": "x"})
    for number in range(MAX_NUMBERS + 50):
        kept.write(f"n{number}", "1:2:3:find", CachedAnswer((record,), time.time()), 300)
    assert len(kept.pages) == MAX_NUMBERS
    assert len(kept._found_under["1:crm:1"]) == MAX_NUMBERS


async def test_what_has_expired_is_swept_out(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = MemoryAnswers()
    kept.write("n1", "1:2:3:find", CachedAnswer((SourceRecord("crm", "1", {}),), time.time()), -1)
    kept.sweep()
    assert kept.pages == {}
    assert kept._found_under == {}


# -- Asked once ------------------------------------------------------------------------------------------------------


async def test_many_who_ask_the_same_at_once_ask_once(world: World) -> None:
    await add(world, "crm", people=[ROSA], delay_s=0.05)
    results = await asyncio.gather(*(ask(world) for _index in range(50)))
    assert calls() == 1
    assert {result.people[0].fields["name"].value for result in results} == {"Rosa Castillo"}


async def test_who_asks_the_same_within_a_moment_gets_the_same_result(world: World) -> None:
    await add(world, "crm", people=[ROSA], delay_s=0.05, cache={"fresh_s": 0})
    await ask(world)  # the configuration is at hand from now on
    one, other, impatient, anew = await asyncio.gather(
        ask(world), ask(world), ask(world, deadline_s=3.0), ask(world, refresh=True)
    )
    assert one is other
    assert len({id(result) for result in (one, impatient, anew)}) == 3
    assert calls() == 2


async def test_who_asks_after_a_change_does_not_get_what_was_asked_before_it(world: World) -> None:
    row = await add(world, "crm", people=[ROSA], fails="wait", cache={"fresh_s": 0})
    before = asyncio.create_task(ask(world))
    await FakeConnector.asked_once.wait()
    row.options = {"people": []}
    await row.asave()
    after = await ask(world)
    FakeConnector.released.set()
    assert (statuses(await before), statuses(after)) == ({"crm": "found"}, {"crm": "not_found"})


async def test_who_asks_later_gets_all_of_their_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SHARED_FOR", -1)
    await add(world, "crm", people=[ROSA], delay_s=0.05, cache={"fresh_s": 0})
    await ask(world)
    one, other = await asyncio.gather(ask(world), ask(world))
    assert one is not other
    assert calls() == 2


def two_wait() -> bool:
    """Two wait for one lookup, or with a lookup each for one question to the source."""
    return any(flight.waiters == 2 for single_flight in (_under_way, _single_flight) for flight in single_flight._open.values())


async def test_one_who_leaves_takes_nothing_from_the_others(world: World) -> None:
    await add(world, "crm", people=[ROSA], fails="wait")
    first, second = asyncio.create_task(ask(world)), asyncio.create_task(ask(world))
    while not two_wait():  # noqa: ASYNC110 -- nothing tells of it
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    FakeConnector.released.set()
    assert (await second).people[0].fields["name"].value == "Rosa Castillo"
    assert calls() == 1


async def test_one_with_less_time_gives_up_alone(world: World) -> None:
    await add(world, "crm", people=[ROSA], fails="wait")
    patient = asyncio.create_task(ask(world))
    await FakeConnector.asked_once.wait()
    assert statuses(await ask(world, deadline_s=0.1)) == {"crm": "timeout"}
    FakeConnector.released.set()
    assert (await patient).people
    assert calls() == 1


async def test_when_all_have_left_the_question_is_given_up(world: World) -> None:
    await add(world, "crm", people=[ROSA], fails="hang")
    task = asyncio.create_task(ask(world))
    await FakeConnector.asked_once.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    left = [other for other in asyncio.all_tasks() if other is not asyncio.current_task()]
    await asyncio.wait(left, timeout=1) if left else None
    assert all(other.done() for other in left)


# -- Paused ----------------------------------------------------------------------------------------------------------


async def fail_five_times(world: World) -> None:
    for _time in range(5):
        await ask(world)


async def test_a_source_that_keeps_failing_is_left_alone_and_tried_by_one(world: World, clock: Clock) -> None:
    await add(world, "crm", people=[ROSA], timeout_ms=100)
    FakeConnector.broken.add("crm")
    await fail_five_times(world)
    asked = calls()
    assert statuses(await ask(world)) == {"crm": "circuit_open"}
    assert calls() == asked
    clock.ahead_s = 6
    FakeConnector.broken.clear()
    FakeConnector.released.clear()
    results = await asyncio.gather(
        *(look_up(LookupRequest(world.riverside.pk, classify(f"+1415555{n:04d}", "US"))) for n in range(8))
    )
    found = [statuses(result)["crm"] for result in results]
    assert calls() == asked + 1
    assert found.count("circuit_open") == 7
    assert statuses(await ask(world)) == {"crm": "found"}


async def test_a_trial_that_fails_lengthens_the_pause(world: World, clock: Clock) -> None:
    await add(world, "crm", people=[ROSA], timeout_ms=100)
    FakeConnector.broken.add("crm")
    await fail_five_times(world)
    clock.ahead_s = 6
    await ask(world)
    asked = calls()
    clock.ahead_s = 12
    assert statuses(await ask(world)) == {"crm": "circuit_open"}
    assert calls() == asked
    clock.ahead_s = 17
    await ask(world)
    assert calls() > asked


async def test_garbage_pauses_nothing(world: World) -> None:
    await add(world, "crm", fails="invalid_response")
    await fail_five_times(world)
    assert statuses(await ask(world)) == {"crm": "invalid_response"}
    assert calls() == 6


@pytest.mark.parametrize("word", ["auth", "rate_limited"])
async def test_a_refused_sign_in_and_too_many_requests_pause_under_their_own_names(world: World, word: str) -> None:
    await add(world, "crm", fails=word)
    for _time in range(3):
        assert statuses(await ask(world)) == {"crm": word}
    assert calls() == 1


@pytest.mark.parametrize(("says_s", "waits_s"), [(30.0, 30.0), (3_000.0, 60.0)])
async def test_a_vendor_is_left_alone_for_as_long_as_it_says_but_no_more_than_a_minute(
    world: World, clock: Clock, says_s: float, waits_s: float
) -> None:
    await add(world, "crm", people=[ROSA])
    FakeConnector.limited_once["crm"] = says_s
    assert statuses(await ask(world)) == {"crm": "rate_limited"}
    clock.ahead_s = waits_s - 5
    assert statuses(await ask(world)) == {"crm": "rate_limited"}
    assert calls() == 1
    clock.ahead_s = waits_s + 5
    assert statuses(await ask(world)) == {"crm": "found"}


async def test_another_configuration_is_asked_at_once(world: World) -> None:
    row = await add(world, "crm", fails="auth")
    await ask(world)
    row.options = {"people": [ROSA]}
    await row.asave()
    assert statuses(await ask(world)) == {"crm": "found"}


async def test_a_paused_source_costs_the_others_nothing(world: World) -> None:
    await add(world, "crm", fails="auth")
    await add(world, "clients", people=[ROSA])
    await ask(world)
    result = await ask(world, refresh=True)
    assert statuses(result) == {"clients": "found", "crm": "auth"}


async def test_a_clock_that_was_set_back_keeps_no_source_away(world: World, clock: Clock) -> None:
    await add(world, "crm", people=[ROSA], timeout_ms=100)
    clock.ahead_s = 10_000
    FakeConnector.broken.add("crm")
    await fail_five_times(world)
    FakeConnector.broken.clear()
    clock.ahead_s = 0
    assert statuses(await ask(world)) == {"crm": "found"}


# -- Held back, tried again ------------------------------------------------------------------------------------------


async def test_no_more_questions_are_open_than_may_be(world: World) -> None:
    await add(world, "crm", people=[ROSA], fails="wait", limits={"concurrency": 1})
    first = asyncio.create_task(ask(world))
    await FakeConnector.asked_once.wait()
    other = await look_up(LookupRequest(world.riverside.pk, classify("+14155550124", "US")))
    assert statuses(other) == {"crm": "rate_limited"}
    FakeConnector.released.set()
    assert statuses(await first) == {"crm": "found"}


async def test_a_budget_is_spent_and_what_is_over_it_is_told_now(world: World) -> None:
    await add(world, "crm", people=[], limits={"rps": 2}, timeout_ms=300)
    numbers = [classify(f"+1415555{n:04d}", "US") for n in range(6)]
    found = [statuses(await look_up(LookupRequest(world.riverside.pk, number)))["crm"] for number in numbers]
    assert found[:2] == ["not_found", "not_found"]
    assert "rate_limited" in found[2:]


async def test_a_connection_that_breaks_is_tried_once_more(world: World) -> None:
    await add(world, "crm", people=[ROSA])
    FakeConnector.broken_once.add("crm")
    assert statuses(await ask(world)) == {"crm": "found"}
    assert calls() == 2


async def test_nothing_is_tried_again_without_time_for_it(world: World) -> None:
    await add(world, "crm", people=[ROSA], timeout_ms=50)
    FakeConnector.broken_once.add("crm")
    await ask(world)
    assert calls() == 1


# -- A vendor that says when to come back ----------------------------------------------------------------------------


async def test_a_second_try_waits_as_long_as_the_vendor_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await add(world, "crm", people=[ROSA])
    FakeConnector.limited_once["crm"] = 0.25
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr("integrations.lookup.asking.asyncio.sleep", noted)
    assert statuses(await ask(world)) == {"crm": "found"}
    assert calls() == 2
    assert max(pauses) >= 0.25


async def test_a_vendor_that_says_to_come_back_too_late_is_not_asked_twice(world: World) -> None:
    await add(world, "crm", people=[ROSA], timeout_ms=1_000)
    FakeConnector.limited_once["crm"] = 30.0
    assert statuses(await ask(world)) == {"crm": "rate_limited"}
    assert calls() == 1
