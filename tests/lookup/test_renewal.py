"""A stream shows what is kept at once, and what replaces it when the sources have been asked again."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from integrations.lookup import LookupRequest, LookupResult, Renewal, look_up, so_far, stream
from integrations.lookup.backends import backends
from integrations.lookup.backends.memory import MemoryAnswers
from integrations.lookup.cache import CachedAnswer
from integrations.phone import Number, classify
from tests.factories import World
from tests.lookup.fakes import FakeConnector
from tests.lookup.test_engine import ROSA, add

NUMBER = classify("+14155550123", "US")
assert isinstance(NUMBER, Number)
OWED = {**ROSA, "outstanding_balance": "42.50"}

pytestmark = pytest.mark.usefixtures("fake_kind")


def let_age(seconds: float, **fields: Any) -> None:
    """Everything that is kept came so much earlier, and held these values."""
    kept_answers = backends().answers
    assert isinstance(kept_answers, MemoryAnswers)
    for page in kept_answers.pages.values():
        for name, (kept, until) in page.items():
            records = tuple(
                replace(record, fields={**record.fields, **fields}, fetched_at=record.fetched_at - timedelta(seconds=seconds))
                for record in kept.records
            )
            page[name] = (CachedAnswer(records, kept.at - seconds), until)


async def known(world: World, seconds: float = 400, **fields: Any) -> None:
    """The caller has been looked up so long ago."""
    await look_up(LookupRequest(world.riverside.pk, NUMBER))
    let_age(seconds, **fields)
    FakeConnector.asked.clear()


async def steps(world: World, *, refresh: bool = False) -> list[LookupResult]:
    async with aclosing(stream(LookupRequest(world.riverside.pk, NUMBER, refresh=refresh))) as results:
        return [result async for result in results]


def name_in(result: LookupResult) -> object:
    return result.people[0].fields["name"].value


async def test_what_is_stale_is_shown_first_and_replaced_within_the_same_stream(world: World) -> None:
    await add(world, "crm", people=[ROSA])
    await known(world, name="Rosa of old")
    first, last = await steps(world)
    assert (name_in(first), first.sources[0].renewal, first.complete) == ("Rosa of old", Renewal.PENDING, False)
    assert (name_in(last), last.sources[0].renewal, last.complete) == ("Rosa Castillo", Renewal.NONE, True)
    assert FakeConnector.asked == [("crm", "find")]


async def test_what_is_fresh_is_asked_of_nobody(world: World) -> None:
    await add(world, "crm", people=[ROSA])
    await known(world, seconds=10)
    (only,) = await steps(world)
    assert only.complete
    assert FakeConnector.asked == []


async def test_a_source_that_does_not_answer_again_leaves_what_it_told(world: World) -> None:
    await add(world, "crm", people=[ROSA])
    await known(world)
    FakeConnector.broken.add("crm")
    last = (await steps(world))[-1]
    assert (name_in(last), last.sources[0].renewal, last.complete) == ("Rosa Castillo", Renewal.FAILED, True)
    assert last.sources[0].message
    assert last.people[0].fields["name"].provenance.stale


async def test_a_refresh_shows_what_is_kept_while_the_sources_are_asked(world: World) -> None:
    await add(world, "crm", people=[ROSA])
    await known(world, seconds=10, name="Rosa of old")
    first, last = await steps(world, refresh=True)
    assert (name_in(first), first.sources[0].renewal) == ("Rosa of old", Renewal.PENDING)
    assert not first.people[0].fields["name"].provenance.stale
    assert name_in(last) == "Rosa Castillo"


async def test_a_caller_who_is_nobody_any_more_goes(world: World) -> None:
    row = await add(world, "crm", people=[{**ROSA, "id": "1"}])
    await known(world)
    FakeConnector.people_now[row.key] = []
    first, last = await steps(world)
    assert len(first.people) == 1
    assert last.people == ()


async def test_details_that_were_asked_about_somebody_else_are_dropped(world: World) -> None:
    more = [{"id": "1", "notes": "of account RS-1"}]
    await add(world, "crm", people=[{**ROSA, "account_id": "RS-1"}])
    await add(world, "pay", more=more, people=[], details_by="field:account_id")
    await known(world)
    FakeConnector.people_now["crm"] = [{"id": "2", "name": "Luis Castillo", "account_id": "RS-2"}]
    FakeConnector.more_now["pay"] = [{"id": "2", "notes": "of account RS-2"}]
    last = (await steps(world))[-1]
    assert name_in(last) == "Luis Castillo"
    assert last.people[0].fields["notes"].value == "of account RS-2"
    assert FakeConnector.keys_seen[-1].account_id == "RS-2"


async def test_of_what_is_too_old_to_be_shown_the_place_is_kept(world: World) -> None:
    await add(world, "crm", people=[OWED])
    await known(world, seconds=700)
    first, last = await steps(world)
    assert "outstanding_balance" not in first.people[0].fields
    assert first.people[0].outdated["outstanding_balance"].source == "crm"
    assert "outstanding_balance" in last.people[0].fields
    assert last.people[0].outdated == {}


async def test_who_asks_again_without_a_stream_gets_the_new_answer(world: World) -> None:
    await add(world, "crm", people=[ROSA])
    await known(world, name="Rosa of old")
    answer = await so_far(LookupRequest(world.riverside.pk, NUMBER), 5.0)
    assert (name_in(answer), answer.complete) == ("Rosa Castillo", True)


async def test_a_source_is_found_only_when_its_details_are_in(world: World) -> None:
    await add(world, "crm", people=[ROSA], more=[{"id": "1", "notes": "An open case"}])
    await add(world, "other", people=[])
    pending = [result for result in await steps(world) if result.people][:-1]
    assert pending
    for result in pending:
        crm = next(source for source in result.sources if source.key == "crm")
        assert (crm.status.value, crm.incomplete) == ("pending", True)
