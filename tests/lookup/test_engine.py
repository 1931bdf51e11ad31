from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from integrations.lookup import Choice, LookupRequest, LookupResult, LookupStatus, SourceStatus, look_up, stream
from integrations.models import Connector
from integrations.phone import Withheld, classify
from tests.factories import World, make_connector
from tests.lookup.fakes import FakeConnector

NUMBER = classify("+14155550123", "US")
ROSA = {"id": "1", "name": "Rosa Castillo", "email": "rosa@mail.org"}

pytestmark = pytest.mark.usefixtures("fake_kind")


async def add(world: World, key: str, priority: int = 10, timeout_ms: int = 2_000, **facts: Any) -> Connector:
    own = ("people", "more", "delay_s", "fails", "details_fail", "remarks")
    options = {name: facts.pop(name) for name in own if name in facts}
    return await sync_to_async(make_connector)(
        world.riverside, key, "fake", priority=priority, timeout_ms=timeout_ms, options=options, **facts
    )


async def ask(world: World, deadline_s: float = 6.0, *, refresh: bool = False) -> LookupResult:
    return await look_up(LookupRequest(world.riverside.pk, NUMBER, deadline_s, refresh=refresh))


def statuses(result: LookupResult) -> dict[str, str]:
    return {source.key: source.status.value for source in result.sources}


async def test_sources_are_asked_at_once_and_linked_by_email(world: World) -> None:
    await add(world, "crm", people=[ROSA], fails="meet")
    await add(world, "clients", 5, people=[{**ROSA, "id": "9", "name": "Rosa M. Castillo"}], fails="meet")
    result = await ask(world)
    assert result.status is LookupStatus.OK
    assert len(result.people) == 1
    assert result.people[0].fields["name"].value == "Rosa M. Castillo"


async def test_who_takes_longest_is_asked_first(world: World) -> None:
    await add(world, "quick", people=[ROSA])
    await add(world, "slow", 20, people=[ROSA], delay_s=0.05)
    await ask(world)
    FakeConnector.asked.clear()
    await ask(world, refresh=True)
    assert FakeConnector.asked == [("slow", "find"), ("quick", "find")]


async def test_a_hanging_source_costs_its_own_deadline_and_no_other_sources_fields(world: World) -> None:
    await add(world, "crm", people=[ROSA])
    await add(world, "slow", timeout_ms=150, fails="hang")
    result = await ask(world)
    assert result.status is LookupStatus.PARTIAL
    assert statuses(result) == {"crm": "found", "slow": "timeout"}
    assert result.people[0].fields["name"].value == "Rosa Castillo"


async def test_a_source_that_resists_cancellation_is_not_waited_for(world: World) -> None:
    await add(world, "stubborn", fails="stubborn")
    result = await ask(world, deadline_s=0.2)
    assert statuses(result) == {"stubborn": "timeout"}
    assert ("stubborn", "ended") not in FakeConnector.asked
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not asyncio.current_task()), return_exceptions=True)


async def test_the_lookups_own_deadline_bounds_every_source(world: World) -> None:
    await add(world, "slow", fails="hang")
    assert statuses(await ask(world, deadline_s=0.1)) == {"slow": "timeout"}


@pytest.mark.parametrize("fails", ["timeout", "unavailable", "auth", "rate_limited", "invalid_response"])
async def test_each_failure_has_its_word_and_a_sentence(world: World, fails: str) -> None:
    await add(world, "crm", fails=fails)
    result = await ask(world)
    assert statuses(result) == {"crm": fails}
    assert result.status is LookupStatus.FAILED
    assert result.sources[0].message.endswith(".")


async def test_a_crashing_connector_breaks_nothing_and_logs_no_data(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await add(world, "crm", fails="crash")
    await add(world, "clients", people=[ROSA])
    result = await ask(world)
    assert statuses(result) == {"clients": "found", "crm": "unavailable"}
    assert "555 0123" not in caplog.text


async def test_a_connector_that_is_not_set_up_correctly_says_so(world: World) -> None:
    await add(world, "crm", fields={"name": "not valid ["})
    await add(world, "gone", people=[ROSA])
    await Connector.objects.filter(key="gone").aupdate(kind="no-longer-known")
    result = await ask(world)
    assert statuses(result) == {"crm": "unavailable", "gone": "unavailable"}
    assert "not set up correctly" in result.sources[0].message


async def test_no_sources_and_none_found_are_not_found(world: World) -> None:
    assert (await ask(world)).status is LookupStatus.NOT_FOUND
    await add(world, "crm")
    result = await ask(world)
    assert result.status is LookupStatus.NOT_FOUND
    assert statuses(result) == {"crm": "not_found"}


async def test_a_failure_beside_not_found_is_partial(world: World) -> None:
    await add(world, "crm")
    await add(world, "clients", fails="unavailable")
    result = await ask(world)
    assert result.status is LookupStatus.PARTIAL
    assert result.people == ()


async def test_several_people_are_never_reduced_to_one_nor_asked_further(world: World) -> None:
    await add(world, "crm", people=[ROSA, {"id": "2", "name": "Luis Castillo"}], more=[{"id": "1", "status": "active"}])
    result = await ask(world)
    assert result.status is LookupStatus.AMBIGUOUS
    assert [person.fields["name"].value for person in result.people] == ["Rosa Castillo", "Luis Castillo"]
    assert result.sources[0].status is SourceStatus.MANY
    assert FakeConnector.asked == [("crm", "find")]


async def test_two_sources_that_disagree_are_two_people(world: World) -> None:
    await add(world, "crm", people=[ROSA], more=[{"id": "1", "status": "active"}])
    await add(world, "clients", people=[{"id": "7", "name": "Rosa Castillo"}])
    result = await ask(world)
    assert result.status is LookupStatus.AMBIGUOUS
    assert ("crm", "details") not in FakeConnector.asked


async def test_details_are_asked_by_record_id_of_the_one_person(world: World) -> None:
    await add(world, "clients", people=[ROSA])
    await add(world, "payments", details_by="clients", more=[{"id": "p", "outstanding_balance": "42.50"}])
    result = await ask(world)
    assert FakeConnector.keys_seen[0].record_ids == {"clients": "1"}
    assert result.people[0].fields["outstanding_balance"].provenance.source == "payments"
    assert statuses(result) == {"clients": "found", "payments": "found"}


async def test_details_without_their_key_are_skipped_with_a_reason(world: World) -> None:
    await add(world, "clients", people=[{"id": "1", "name": "Rosa"}])
    await add(world, "payments", details_by="field:email", more=[{"id": "p", "status": "x"}])
    result = await ask(world)
    assert statuses(result) == {"clients": "found", "payments": "skipped"}
    assert result.status is LookupStatus.OK
    assert result.sources[1].message


async def test_details_wait_a_moment_for_a_hanging_source_and_then_go_ahead(world: World) -> None:
    await add(world, "clients", people=[ROSA])
    await add(world, "payments", details_by="clients", more=[{"id": "p", "status": "paid"}])
    await add(world, "slow", fails="hang", timeout_ms=900)
    result = await ask(world)
    assert statuses(result) == {"clients": "found", "payments": "found", "slow": "timeout"}
    assert FakeConnector.asked.index(("payments", "details")) < FakeConnector.asked.index(("slow", "ended"))


async def test_details_found_for_someone_who_turns_out_to_be_one_of_two_are_discarded(world: World) -> None:
    await add(world, "clients", people=[ROSA])
    await add(world, "payments", details_by="clients", more=[{"id": "p", "status": "paid"}])
    await add(world, "late", people=[{"id": "2", "name": "Luis"}], delay_s=0.6)
    result = await ask(world)
    assert result.status is LookupStatus.AMBIGUOUS
    assert all("status" not in person.fields for person in result.people)
    assert statuses(result)["payments"] == "skipped"


async def test_details_of_someone_who_turns_out_to_be_one_of_two_are_not_waited_for(world: World) -> None:
    await add(world, "clients", people=[ROSA])
    await add(world, "payments", details_by="clients", details_fail="hang")
    await add(world, "late", people=[{"id": "2", "name": "Luis"}], delay_s=0.6)
    async with aclosing(stream(LookupRequest(world.riverside.pk, NUMBER))) as results:
        steps = [result async for result in results]
    assert ("payments", "details") in FakeConnector.asked
    assert [result.complete for result in steps if len(result.people) == 2] == [True]


async def test_failing_details_keep_what_was_found_and_are_partial(world: World) -> None:
    await add(world, "crm", people=[ROSA], details_fail="unavailable")
    result = await ask(world)
    assert statuses(result) == {"crm": "found"}
    assert result.status is LookupStatus.PARTIAL
    assert result.sources[0].incomplete
    assert result.people[0].fields["name"].value == "Rosa Castillo"


async def test_a_stand_in_is_not_asked_while_its_system_answers(world: World) -> None:
    primary = await add(world, "crm", people=[])
    await add(world, "backup", fallback_for=primary, people=[ROSA])
    assert statuses(await ask(world)) == {"backup": "skipped", "crm": "not_found"}
    assert FakeConnector.asked == [("crm", "find")]


async def test_a_stand_in_is_asked_when_its_system_fails_and_another_when_that_fails_too(world: World) -> None:
    primary = await add(world, "crm", fails="unavailable")
    second = await add(world, "backup", fallback_for=primary, fails="auth")
    await add(world, "paper", fallback_for=second, people=[ROSA], more=[{**ROSA, "notes": "from the paper list"}])
    result = await ask(world)
    assert statuses(result) == {"crm": "unavailable", "backup": "auth", "paper": "found"}
    assert result.status is LookupStatus.PARTIAL
    assert result.people[0].fields["notes"].value == "from the paper list"


async def test_when_a_system_and_its_stand_in_fail_the_answer_says_so_and_keeps_the_number(world: World) -> None:
    primary = await add(world, "crm", fails="unavailable")
    await add(world, "backup", fallback_for=primary, fails="unavailable")
    result = await ask(world)
    assert (result.status, result.people, result.number) == (LookupStatus.FAILED, (), NUMBER)


async def test_a_stand_in_for_details_is_asked_when_its_system_fails(world: World) -> None:
    await add(world, "crm", people=[ROSA])
    primary = await add(world, "payments", details_by="crm", details_fail="unavailable")
    await add(world, "ledger", details_by="crm", fallback_for=primary, more=[{"id": "1", "account_id": "A-1"}])
    result = await ask(world)
    assert statuses(result) == {"crm": "found", "payments": "unavailable", "ledger": "found"}
    assert result.people[0].fields["account_id"].value == "A-1"


async def test_who_stands_in_for_a_system_that_is_switched_off_takes_its_place(world: World) -> None:
    primary = await add(world, "crm", enabled=False)
    await add(world, "backup", fallback_for=primary, people=[ROSA])
    assert statuses(await ask(world)) == {"backup": "found"}


async def test_a_withheld_caller_is_not_looked_up(world: World) -> None:
    await add(world, "crm", people=[ROSA])
    result = await look_up(LookupRequest(world.riverside.pk, Withheld()))
    assert result.status is LookupStatus.WITHHELD
    assert FakeConnector.asked == []


async def test_a_value_of_the_wrong_type_costs_only_its_field(world: World) -> None:
    await add(world, "crm", people=[{**ROSA, "outstanding_balance": "a lot"}])
    result = await ask(world)
    assert result.people[0].fields["name"].value == "Rosa Castillo"
    assert result.sources[0].unreadable == ("outstanding_balance",)


async def test_a_record_without_an_id_is_an_invalid_response(world: World) -> None:
    await add(world, "crm", people=[{"name": "Rosa"}])
    assert statuses(await ask(world)) == {"crm": "invalid_response"}


async def test_another_organisations_sources_are_not_asked(world: World) -> None:
    await add(world, "crm", people=[ROSA])
    result = await look_up(LookupRequest(world.harbor.pk, NUMBER))
    assert result.sources == ()
    assert FakeConnector.asked == []


async def test_a_changed_configuration_is_used_by_the_next_lookup(world: World) -> None:
    row = await add(world, "crm", people=[ROSA])
    assert (await ask(world)).status is LookupStatus.OK
    row.options = {"people": []}
    await row.asave()
    assert (await ask(world)).status is LookupStatus.NOT_FOUND


async def test_a_lookup_that_is_cancelled_leaves_no_task_behind(world: World) -> None:
    await add(world, "slow", fails="hang")
    lookup = asyncio.create_task(ask(world))
    await FakeConnector.asked_once.wait()
    lookup.cancel()
    with pytest.raises(asyncio.CancelledError):
        await lookup
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert all(task.cancelling() for task in left)


async def test_a_stream_says_which_source_keeps_it_waiting_once_the_soft_deadline_passes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.lookup.stages.SOFT_DEADLINE_S", 0.05)
    await add(world, "slow", fails="wait")
    async with aclosing(stream(LookupRequest(world.riverside.pk, NUMBER))) as results:
        late = await anext(results)
        assert [source.status.value for source in late.sources] == ["pending"]
        assert late.sources[0].message.startswith("It has not answered yet.")
        FakeConnector.released.set()
        assert [result.complete async for result in results] == [True]


async def test_whoever_is_left_after_not_this_person_is_not_asked_about(world: World) -> None:
    await add(world, "crm", people=[ROSA, {"id": "2", "name": "Luis Castillo"}], more=[{"id": "2", "notes": "owes"}])
    choice = Choice(rejected=frozenset({("crm", "1")}))
    result = await look_up(LookupRequest(world.riverside.pk, NUMBER, choice=choice))
    assert [person.fields["name"].value for person in result.people] == ["Luis Castillo"]
    assert result.undecided
    assert ("crm", "details") not in FakeConnector.asked
