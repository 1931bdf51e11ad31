"""The ways by which caller data leaves: each refuses what was looked up for others, and records whom it refuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from integrations.disclosure import Context, Viewer, allow_search, disclose, disclose_found, pick, reveal, set_aside
from integrations.disclosure.identity import compare_identity, identity_asked, skip_identity, whom_to_check
from integrations.disclosure.matches import match_id
from integrations.disclosure.viewers import viewer_of_key, viewer_of_person
from integrations.errors import AccessDenied
from integrations.lookup import LookupResult, LookupStatus
from integrations.lookup.merge import merge
from integrations.models import AccessEntry, Channel, TierRule
from integrations.phone import classify
from integrations.profile import FIELDS, CallerProfile, SourceRecord
from integrations.search_query import By, SearchQuery
from tests.factories import World, make_api_key

NUMBER = classify("+14155550123", "US")
CASTILLO = SearchQuery(By.NAME, "castillo")
WHY = Context(purpose="she asked")

type Door = Callable[[LookupResult, Viewer], Awaitable[object]]

DOORS: dict[str, Door] = {
    "disclose": lambda result, viewer: disclose(result, viewer, WHY),
    "reveal": lambda result, viewer: reveal(result, viewer, "name", WHY),
    "pick": lambda result, viewer: pick(result, viewer, match_id(result.people[0], result.organization_id), WHY),
    "set_aside": lambda result, viewer: set_aside(result, viewer, WHY),
    "search": lambda result, viewer: disclose_found(replace(result, search_query=CASTILLO), viewer, WHY),
    "whom_to_check": lambda result, viewer: whom_to_check(result, viewer, WHY),
    "identity_asked": lambda result, viewer: identity_asked(result, viewer, WHY),
    "compare_identity": lambda result, viewer: compare_identity(result, viewer, "1941-05-02", WHY),
    "skip_identity": lambda result, viewer: skip_identity(result, viewer, WHY),
}


def person(record_id: str, **fields: Any) -> CallerProfile:
    record = SourceRecord("clients", record_id, {"name": "Rosa Castillo", "date_of_birth": "1941-05-02", **fields})
    return merge([record], {}, FIELDS, "US")


@pytest.fixture
async def result(world: World) -> LookupResult:
    """Rosa, found in Riverside, where callers are asked for their date of birth."""
    world.riverside.identity_check = "birth_date"
    await world.riverside.asave()
    return LookupResult(world.riverside.pk, NUMBER, LookupStatus.OK, (person("1"),), (), datetime.now(UTC))


@pytest.fixture
def bea(world: World) -> Viewer:
    return viewer_of_person(world.bea, channel=Channel.PANEL, address="")


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
async def test_what_was_looked_up_for_the_viewer_passes_and_is_on_record(
    world: World, result: LookupResult, bea: Viewer, door: Door
) -> None:
    await door(result, bea)
    assert door is DOORS["whom_to_check"] or await AccessEntry.objects.aexists()


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
async def test_no_door_gives_out_what_was_looked_up_for_others(
    world: World, result: LookupResult, bea: Viewer, door: Door
) -> None:
    """Others are another organisation, and the tier admin, which alone knows of restricted people."""
    restricted = person("2", restricted=True)
    for others in (
        replace(result, organization_id=world.harbor.pk),
        replace(result, with_restricted=True),
        replace(result, people=(restricted,)),
        replace(result, set_aside=(restricted,)),
    ):
        with pytest.raises(AccessDenied, match="a result "):
            await door(others, bea)
    assert not await AccessEntry.objects.aexists()


async def allowed(result: LookupResult, viewer: Viewer, context: Context) -> int:
    """How many of the two steps of a search are open to the viewer."""
    steps = 0
    for step in (
        allow_search(viewer, CASTILLO, context),
        disclose_found(replace(result, search_query=CASTILLO), viewer, context),
    ):
        try:
            await step
            steps += 1
        except AccessDenied:
            pass
    return steps


@pytest.mark.parametrize("reason", ["", "  ", "123"])
async def test_nobody_is_searched_for_without_a_reason(world: World, result: LookupResult, bea: Viewer, reason: str) -> None:
    assert await allowed(result, bea, WHY) == 2
    assert await allowed(result, bea, Context(purpose=reason)) == 0
    assert await AccessEntry.objects.filter(event="denied").acount() == 2


async def test_only_people_search_and_only_who_sees_names(world: World, result: LookupResult, bea: Viewer) -> None:
    _key, row = await sync_to_async(make_api_key)(world.riverside, "admin")
    assert await allowed(result, viewer_of_key(row, address=""), WHY) == 0
    await TierRule.objects.acreate(tier=world.bea.tier, target="name", effect="reveal")
    assert await allowed(result, bea, WHY) == 0
    assert await AccessEntry.objects.filter(event="denied").acount() == 4
