"""Looking for somebody: all systems at once, each hit verified, one system's trouble its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from integrations import connectors
from integrations.lookup import Choice, LookupRequest, LookupResult, LookupStatus, close_sources, look_up
from integrations.lookup.search import search
from integrations.models import Connector
from integrations.phone import Withheld, classify
from integrations.search_query import By, SearchQuery, read
from tests.factories import World, make_connector
from tests.lookup.fakes import FakeConnector
from tests.lookup.service_fakes import ServiceConnector

NUMBER = classify("+14155550123", "US")
ROSA = {"id": "1", "name": "Rosa Castillo", "email": "rosa@mail.org"}
LUIS = {"id": "2", "name": "Luis Castillo", "email": "luis@mail.org"}


@pytest.fixture(autouse=True)
async def fake_kind(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    known = {"fake": FakeConnector, "services": ServiceConnector}
    monkeypatch.setattr("integrations.lookup.sources.kinds", lambda: known)
    monkeypatch.setattr(connectors, "kinds", lambda: known)
    FakeConnector.forget()
    yield
    await close_sources()


async def add(
    world: World, key: str, timeout_ms: int = 2_000, fallback_for: Connector | None = None, **options: Any
) -> Connector:
    return await sync_to_async(make_connector)(
        world.riverside, key, "fake", timeout_ms=timeout_ms, options=options, fallback_for=fallback_for
    )


def search_query(text: str) -> SearchQuery:
    found = read(text, "US")
    assert isinstance(found, SearchQuery)
    return found


async def searched(world: World, text: str) -> LookupResult:
    return await search(world.riverside.pk, search_query(text))


def names(result: LookupResult) -> list[str]:
    return [str(person.fields["name"].value) for person in result.people]


def statuses(result: LookupResult) -> dict[str, str]:
    return {source.key: source.status.value for source in result.sources}


async def test_all_systems_are_asked_at_once_and_one_person_in_two_of_them_is_one(world: World) -> None:
    await add(world, "crm", people=[ROSA, LUIS], fails="meet")
    await add(world, "clients", people=[{**ROSA, "id": "9"}], fails="meet")
    result = await searched(world, "castillo")
    assert names(result) == ["Luis Castillo", "Rosa Castillo"]
    assert result.people[1].refs == {("crm", "1"), ("clients", "9")}
    assert (result.status, result.search_query) == (LookupStatus.AMBIGUOUS, search_query("castillo"))


async def test_whom_a_system_names_besides_is_left_out(world: World) -> None:
    await add(world, "crm", people=[ROSA, LUIS, {"id": "3"}])
    result = await searched(world, "Rosa C")
    assert names(result) == ["Rosa Castillo"]
    assert statuses(result) == {"crm": "found"}
    assert names(await searched(world, "Luis@mail.org")) == ["Luis Castillo"]
    nobody = await searched(world, "Rosalind")
    assert (nobody.people, nobody.status) == ((), LookupStatus.NOT_FOUND)


async def test_a_number_is_looked_for_as_a_caller_is(world: World) -> None:
    await add(world, "crm", people=[ROSA], others=[LUIS])
    result = await searched(world, "(415) 555-0123")
    assert names(result) == ["Rosa Castillo"]
    assert result.number == NUMBER
    assert FakeConnector.asked == [("crm", "find")]
    await look_up(LookupRequest(world.riverside.pk, NUMBER))
    assert FakeConnector.asked == [("crm", "find")]


@pytest.mark.parametrize(("trouble", "status"), [("unavailable", "unavailable"), ("hang", "timeout"), ("crash", "unavailable")])
async def test_a_system_in_trouble_costs_its_own_answer_only(world: World, trouble: str, status: str) -> None:
    await add(world, "crm", people=[ROSA])
    await add(world, "slow", timeout_ms=150, fails=trouble)
    result = await searched(world, "rosa")
    assert names(result) == ["Rosa Castillo"]
    assert (result.status, statuses(result)["slow"]) == (LookupStatus.PARTIAL, status)


async def test_a_system_that_resists_being_called_off_is_not_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.lookup.search.OVERALL_S", 0.1)
    await add(world, "crm", fails="stubborn")
    result = await search(world.riverside.pk, search_query("castillo"))
    assert [source.status for source in result.sources] == ["timeout"]
    assert ("crm", "ended") not in FakeConnector.asked
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not asyncio.current_task()), return_exceptions=True)


async def test_a_paused_system_is_not_asked(world: World) -> None:
    await add(world, "crm", fails="unavailable")
    for index in range(6):
        result = await searched(world, f"rosa {index}")
    assert statuses(result) == {"crm": "circuit_open"}
    assert result.status is LookupStatus.FAILED


async def test_the_same_search_is_not_asked_again_at_once(world: World) -> None:
    await add(world, "crm", people=[ROSA])
    await searched(world, "rosa")
    assert names(await searched(world, "Rosa")) == ["Rosa Castillo"]
    assert len(FakeConnector.asked) == 1


async def test_a_stand_in_is_searched_only_when_its_system_fails(world: World) -> None:
    crm = await add(world, "crm", people=[ROSA])
    await add(world, "copy", people=[{**ROSA, "id": "9"}], fallback_for=crm)
    assert statuses(await searched(world, "rosa")) == {"crm": "found"}
    FakeConnector.broken.add("crm")
    result = await searched(world, "castillo")
    assert statuses(result) == {"copy": "found", "crm": "unavailable"}
    assert names(result) == ["Rosa Castillo"]


async def test_no_system_is_asked_that_knows_nobody_and_none_of_another_organisation(world: World) -> None:
    await sync_to_async(make_connector)(world.riverside, "care", "services")
    await sync_to_async(make_connector)(world.harbor, "crm", "fake", options={"people": [ROSA]})
    result = await searched(world, "rosa")
    assert (result.people, result.sources) == ((), ())


def picked(by: str, *refs: tuple[str, str]) -> Choice:
    return Choice(picked=frozenset(refs), found_by=search_query(by))


async def test_whoever_was_found_by_a_search_is_fetched_and_nobody_by_number(world: World) -> None:
    await add(world, "crm", people=[LUIS], others=[ROSA], more=[{"id": "1", "notes": "needs a ramp"}])
    await add(world, "clients", people=[{**LUIS, "id": "9"}])
    result = await look_up(LookupRequest(world.riverside.pk, NUMBER, choice=picked("rosa", ("crm", "1"))))
    assert names(result) == ["Rosa Castillo"]
    assert result.people[0].fields["notes"].value == "needs a ramp"
    assert FakeConnector.asked == [("crm", "search rosa"), ("crm", "details")]
    assert FakeConnector.keys_seen[0].phone == ""
    assert statuses(result) == {"crm": "found", "clients": "skipped"}
    assert result.sources[0].message == "The caller was found by a search, and not in this system."
    assert (result.status, result.search_query, result.set_aside) == (LookupStatus.OK, search_query("rosa"), ())


async def test_a_withheld_caller_who_was_found_by_a_search_is_looked_up(world: World) -> None:
    await add(world, "crm", others=[ROSA])
    result = await look_up(LookupRequest(world.riverside.pk, Withheld(), choice=picked("rosa@mail.org", ("crm", "1"))))
    assert names(result) == ["Rosa Castillo"]
    assert (result.number, result.subject, result.status) == (None, "rosa@mail.org", LookupStatus.OK)
    assert result.search_query
    assert result.search_query.by is By.EMAIL


async def test_one_who_is_gone_is_nobody_and_no_other_takes_their_place(world: World) -> None:
    await add(world, "crm", people=[LUIS])
    result = await look_up(LookupRequest(world.riverside.pk, NUMBER, choice=picked("luis", ("crm", "1"))))
    assert (result.people, result.status) == ((), LookupStatus.NOT_FOUND)
