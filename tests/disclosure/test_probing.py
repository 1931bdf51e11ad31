"""Probing: who asks about one number after the other is flagged, and has to wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from asgiref.sync import sync_to_async
from django.core.cache import cache
from django.test import AsyncClient, Client

from integrations.calls import CallFacts, open_call
from integrations.disclosure import Context, Viewer, allow_search, disclose, disclose_found, probing, refuse_probing
from integrations.disclosure.viewers import viewer_of_key, viewer_of_person
from integrations.errors import TooManyUnknown
from integrations.lookup import LookupResult, LookupStatus
from integrations.models import AccessEntry, Channel
from integrations.phone import Number, Withheld
from integrations.search_query import By, SearchQuery
from tests.factories import World, make_api_key, make_connector

NOBODY = LookupStatus.NOT_FOUND
USUAL = (probing.MAX_OF_A_PERSON, probing.MAX_OF_A_KEY, probing.WINDOW_S)


def test_the_limits_are_those_of_the_documents() -> None:
    assert USUAL == (60, 600, 600)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three of a person and five of a key are usual here."""
    monkeypatch.setattr(probing, "MAX_OF_A_PERSON", 3)
    monkeypatch.setattr(probing, "MAX_OF_A_KEY", 5)
    probing._blocked.clear()
    yield
    probing._blocked.clear()
    cache.clear()


def number(place: int) -> Number:
    return Number(f"+1415555{place:04}", "US")


def bea(world: World) -> Viewer:
    return viewer_of_person(world.bea, channel=Channel.PANEL, address="127.0.0.1")


async def ask(world: World, viewer: Viewer, place: int, status: LookupStatus = NOBODY, **facts: object) -> None:
    result = LookupResult(viewer.organization_id, number(place), status, (), (), datetime.now(UTC))
    await disclose(replace(result, **facts), viewer, Context())  # type: ignore[arg-type]


def is_slowed(viewer: Viewer) -> bool:
    try:
        refuse_probing(viewer)
    except TooManyUnknown:
        return True
    return False


async def test_how_long_it_takes_is_told(world: World) -> None:
    viewer = await sync_to_async(bea)(world)
    for place in range(4):
        await ask(world, viewer, place)
    with pytest.raises(TooManyUnknown) as refused:
        refuse_probing(viewer)
    assert probing.WINDOW_S - probing.STEP_S <= refused.value.retry_after <= probing.WINDOW_S + 1


async def test_one_more_than_is_usual_is_flagged_once_and_slowed(world: World) -> None:
    viewer = await sync_to_async(bea)(world)
    for place in range(3):
        await ask(world, viewer, place)
    assert not is_slowed(viewer)
    await ask(world, viewer, 3)
    await ask(world, viewer, 4)
    assert is_slowed(viewer)
    (entry,) = [entry async for entry in AccessEntry.objects.filter(event="probing")]
    assert (entry.organization_id, entry.actor_label, entry.detail["count"]) == (world.riverside.pk, "Bea", 4)
    assert "555" not in str(entry.detail)


async def test_the_same_number_counts_once(world: World) -> None:
    viewer = await sync_to_async(bea)(world)
    for _time in range(9):
        await ask(world, viewer, 1)
    assert not is_slowed(viewer)


@pytest.mark.parametrize(
    ("status", "facts"),
    [
        (LookupStatus.FAILED, {}),
        (LookupStatus.PARTIAL, {}),
        (LookupStatus.WITHHELD, {"caller_id": Withheld()}),
        (NOBODY, {"shared": True}),
    ],
)
async def test_what_says_nothing_of_a_number_does_not_count(
    world: World, status: LookupStatus, facts: dict[str, object]
) -> None:
    viewer = await sync_to_async(bea)(world)
    for place in range(9):
        await ask(world, viewer, place, status, **facts)
    assert not is_slowed(viewer)


async def test_searching_for_numbers_counts_as_looking_them_up(world: World) -> None:
    viewer, why = await sync_to_async(bea)(world), Context(purpose="asked")
    queries = [SearchQuery(By.NUMBER, number(place).e164, number(place)) for place in range(4)]
    for query in queries:
        await allow_search(viewer, query, why)
        result = LookupResult(viewer.organization_id, Withheld(), NOBODY, (), (), datetime.now(UTC))
        await disclose_found(replace(result, search_query=query), viewer, why)
    assert is_slowed(viewer)
    with pytest.raises(TooManyUnknown):
        await allow_search(viewer, queries[0], why)


async def test_others_are_not_slowed(world: World) -> None:
    viewer = await sync_to_async(bea)(world)
    for place in range(9):
        await ask(world, viewer, place)
    assert is_slowed(viewer)
    assert not is_slowed(viewer_of_person(world.ann, channel=Channel.PANEL, address=""))
    assert not is_slowed(viewer_of_person(world.cy, channel=Channel.PANEL, address=""))


async def test_room_comes_back_with_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = await sync_to_async(bea)(world)
    for place in range(4):
        await ask(world, viewer, place)
    assert is_slowed(viewer)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + probing.WINDOW_S + 2 * probing.STEP_S)
    assert not is_slowed(viewer)
    await ask(world, viewer, 20)
    assert not is_slowed(viewer)


@pytest.mark.parametrize(("scopes", "slowed"), [(["lookup"], True), (["lookup", "enrich"], False)])
async def test_a_key_is_slowed_unless_it_is_studios(world: World, scopes: list[str], slowed: bool) -> None:
    key, row = await sync_to_async(make_api_key)(world.riverside, scopes=scopes)
    viewer = viewer_of_key(row, address="")
    for place in range(6):
        await ask(world, viewer, place)
    assert is_slowed(viewer) is slowed
    client, body = AsyncClient(), {"phone": "+14155550199"}
    headers = {"authorization": f"Bearer {key}"}
    answer = await client.post("/api/v1/lookup", body, content_type="application/json", headers=headers)
    if slowed:
        assert answer.status_code == 429
        assert answer.json()["error"]["code"] == "throttled"
        assert int(answer["Retry-After"]) > 0
    else:
        assert answer.status_code == 200


def test_a_person_who_has_to_wait_is_told_so_and_nothing_is_asked(world: World) -> None:
    make_connector(world.riverside, "crm", "hubspot", secrets={"token": "x"})
    call = open_call(world.riverside.pk, CallFacts(number(7), "CA1"), person_id=world.bea.pk)
    probing._blocked[probing._name(bea(world))] = time.time() + 90
    client = Client()
    client.force_login(world.user(world.bea))
    page = client.get(f"/panel/riverside/{call.key}/caller/").content.decode()
    assert "Try again in 2 min, or ask your supervisor" in page
    assert not AccessEntry.objects.filter(event="lookup").exists()
