"""People are made of kept answers once, and anew as soon as anything differs of which they are made."""

from __future__ import annotations

import time
from typing import Any

import pytest

from integrations.lookup import Choice, LookupRequest, LookupResult, look_up
from integrations.lookup import merge as merging
from integrations.lookup.backends import backends
from integrations.lookup.backends.memory import MemoryAnswers
from integrations.lookup.cache import CachedAnswer
from integrations.models import Connector, Organization
from integrations.phone import Number, classify
from integrations.profile import SourceRecord
from tests.factories import World
from tests.lookup.fakes import FakeConnector
from tests.lookup.test_engine import NUMBER, ROSA, add, ask

pytestmark = pytest.mark.usefixtures("fake_kind")
assert isinstance(NUMBER, Number)


def name_of(result: LookupResult) -> Any:
    (person,) = result.people
    return person.fields["name"].value


async def test_who_asks_about_a_known_number_meets_the_same_people(world: World) -> None:
    await add(world, "crm", people=[ROSA])
    await add(world, "clients", 5, people=[{**ROSA, "id": "9"}])
    await ask(world)
    known = await ask(world)
    again = await ask(world)
    assert again.people[0] is known.people[0]
    assert all(source.cached for source in again.sources)
    assert again.at > known.at


async def test_each_organisation_meets_its_own(world: World) -> None:
    for organization, name in ((world.riverside, "Rosa Castillo"), (world.harbor, "Rosa of Harbor")):
        await Connector.objects.acreate(
            organization=organization, key="crm", name="crm", kind="fake", options={"people": [{**ROSA, "name": name}]}
        )
    for _time in range(3):
        found = [await look_up(LookupRequest(pk, NUMBER)) for pk in (world.riverside.pk, world.harbor.pk)]
        assert [name_of(result) for result in found] == ["Rosa Castillo", "Rosa of Harbor"]


async def test_a_new_answer_shows_at_once(world: World) -> None:
    await add(world, "crm", people=[ROSA])
    for name in ("Rosa Castillo", "Rosa Luz Castillo"):
        FakeConnector.people_now["crm"] = [{**ROSA, "name": name}]
        assert name_of(await ask(world, refresh=True)) == name
        for _time in range(2):
            assert name_of(await ask(world)) == name


async def test_another_order_of_the_systems_shows_at_once(world: World) -> None:
    await add(world, "crm", 10, people=[ROSA])
    await add(world, "clients", 20, people=[{**ROSA, "id": "9", "name": "R. Castillo"}])
    for _time in range(2):
        assert name_of(await ask(world)) == "Rosa Castillo"
    crm = await Connector.objects.aget(key="crm")
    crm.priority = 30
    await crm.asave()
    assert name_of(await ask(world)) == "R. Castillo"


async def test_another_country_of_the_organisation_shows_at_once(world: World) -> None:
    await add(world, "crm", 10, people=[{**ROSA, "phone": "+14155550123"}])
    await add(world, "clients", 20, people=[{**ROSA, "id": "9", "phone": "(415) 555-0123"}])
    for _time in range(2):
        (person,) = (await ask(world)).people
        assert person.fields["phone"].conflicts == ()
    riverside = await Organization.objects.aget(pk=world.riverside.pk)
    riverside.region = "GB"
    await riverside.asave()
    (person,) = (await ask(world)).people
    assert person.fields["phone"].conflicts


async def test_who_was_picked_counts_for_that_call_only(world: World) -> None:
    luis = {**ROSA, "id": "2", "name": "Luis", "email": "luis@mail.org"}
    await add(world, "crm", people=[ROSA, luis])
    picked, rejected = (Choice(**{which: frozenset({("crm", "2")})}) for which in ("picked", "rejected"))
    for _time in range(2):
        for choice, names in ((Choice(), 2), (picked, 1), (rejected, 1), (picked, 1)):
            result = await look_up(LookupRequest(world.riverside.pk, NUMBER, choice=choice))
            assert len(result.people) == names
            assert len(result.set_aside) == 2 - names
        assert name_of(result) == "Luis"


async def test_an_old_answer_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await add(world, "crm", people=[ROSA])
    for _time in range(2):
        (fresh,) = (await ask(world)).people
    assert not fresh.fields["name"].provenance.stale
    FakeConnector.broken.add("crm")
    later = time.time() + 400
    monkeypatch.setattr("integrations.lookup.cache.time.time", lambda: later)
    (old,) = (await ask(world)).people
    assert old.fields["name"].provenance.stale
    assert old.fields["name"].provenance.fetched_at == fresh.fields["name"].provenance.fetched_at


async def test_what_may_not_be_kept_is_made_each_time_and_not_kept(world: World) -> None:
    await add(world, "crm", people=[ROSA], cache={"fresh_s": 0})
    people = [(await ask(world)).people[0] for _time in range(2)]
    assert people[0] is not people[1]
    kept = backends().answers
    assert isinstance(kept, MemoryAnswers)
    assert kept.made == {}


async def test_who_was_made_goes_with_the_answers(world: World) -> None:
    await add(world, "crm", people=[ROSA])
    kept = backends().answers
    assert isinstance(kept, MemoryAnswers)
    for forget in (
        kept.forget_number(world.riverside.pk, NUMBER),
        kept.forget_record(world.riverside.pk, "crm", "1"),
    ):
        await ask(world)
        await ask(world)
        assert len(kept.made) == 1
        await forget
        assert kept.made == {}


async def test_no_more_is_kept_than_there_are_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.lookup.backends.memory.MAX_NUMBERS", 3)
    kept = MemoryAnswers()
    record = SourceRecord("crm", "1", {})
    for index in range(10):
        number = classify(f"+1415555{index:04d}", "US")
        assert isinstance(number, Number)
        page = kept.page(1, number)
        await page.put("1:1:x:find", CachedAnswer((record,), time.time()), 60)
        assert page.made([record], None, lambda index=index: index) == index  # type: ignore[misc]
        assert page.made([record], None, lambda: "made again") == index
        assert page.made([SourceRecord("crm", "1", {})], None, lambda: "of another") == "of another"
    assert len(kept.made) == 3


def test_an_empty_profile_has_room_of_its_own() -> None:
    one, other = (merging.merge([], {}, {}, "US") for _time in range(2))
    one.shown["rules"] = "fields"
    assert other.shown == {}
    assert one == other
