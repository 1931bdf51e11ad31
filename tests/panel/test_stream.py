from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from integrations.calls import CallFacts, open_call
from integrations.disclosure import audit
from integrations.errors import AuditUnavailable
from integrations.lookup import close_sources
from integrations.models import AccessEntry
from integrations.panel import streams
from integrations.phone import classify
from tests.factories import World, make_connector
from tests.known_callers import ROSA, Source, install_fake_kind
from tests.lookup.fakes import FakeConnector

NUMBER = classify("+14155550123", "US")


@pytest.fixture
async def source(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Source]:
    await sync_to_async(install_fake_kind)(monkeypatch)
    yield await sync_to_async(Source)(world)
    await close_sources()


@pytest.fixture
async def slow(world: World, source: Source) -> None:
    """A second system, which answers when the test says so and knows the balance's other side: the language."""
    options = {"people": [{**ROSA, "id": "9", "notes": "Spanish"}], "fails": "wait"}
    await sync_to_async(make_connector)(
        world.riverside, "crm", "fake", name="HubSpot", priority=500, options=options, fields={"language": "notes"}
    )


async def events(world: World, username: str = "bea") -> AsyncIterator[tuple[str, str]]:
    """(name, html) of each event of the stream of a call."""
    person = getattr(world, username)
    call = await sync_to_async(open_call)(world.riverside.pk, CallFacts(NUMBER, "CA1"), person_id=world.bea.pk)
    client = AsyncClient()
    await sync_to_async(client.force_login)(person.user)
    await AccessEntry.objects.all().adelete()
    response: Any = await client.get(f"/panel/riverside/{call.key}/stream/")
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    async for chunk in response.streaming_content:
        name, *lines = chunk.decode().strip().split("\n")
        yield name.removeprefix("event: "), "\n".join(line.removeprefix("data: ") for line in lines)


async def entries() -> list[AccessEntry]:
    return [entry async for entry in AccessEntry.objects.order_by("seq")]


async def test_strangers_and_cy_get_no_stream(world: World, source: Source) -> None:
    call = await sync_to_async(open_call)(world.riverside.pk, CallFacts(NUMBER, "CA1"))
    client = AsyncClient()
    assert (await client.get(f"/panel/riverside/{call.key}/stream/")).status_code == 401
    await sync_to_async(client.force_login)(world.user(world.cy))
    assert (await client.get(f"/panel/riverside/{call.key}/stream/")).status_code == 404


async def test_one_fast_system_is_one_event(world: World, source: Source) -> None:
    received = [event async for event in events(world)]
    assert [name for name, _html in received] == ["done"]
    assert "Rosa Castillo" in received[0][1]


async def test_the_fast_systems_fields_come_before_the_slow_one_answers(world: World, slow: None) -> None:
    stream = events(world)
    name, html = await anext(stream)
    assert name == "board"
    assert "Rosa Castillo" in html
    assert "HubSpot</span" not in html
    assert "being asked" in html
    FakeConnector.released.set()
    name, html = await anext(stream)
    assert name == "done"
    assert "Spanish" in html


async def test_each_new_field_has_one_entry_before_it_is_sent(world: World, slow: None) -> None:
    stream = events(world)
    await anext(stream)
    (first,) = [entry for entry in await entries() if entry.event == "lookup"]
    assert first.outcome == "pending"
    assert "name" in {field["field"] for field in first.fields}
    FakeConnector.released.set()
    await anext(stream)
    second = (await entries())[-1]
    assert second.outcome == "ok"
    assert second.view_id == first.view_id
    assert "language" in {field["field"] for field in second.fields}
    assert not [field for field in second.fields if field in first.fields]


async def test_without_audit_the_stream_says_so_and_ends(world: World, slow: None, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = events(world)
    await anext(stream)

    async def refuse(*_entry: object) -> None:
        raise AuditUnavailable

    monkeypatch.setattr(audit, "record", refuse)
    FakeConnector.released.set()
    name, html = await anext(stream)
    assert name == "done"
    assert "The caller cannot be shown" in html
    assert "Rosa" not in html


async def test_a_second_person_found_late_takes_back_what_was_shown(world: World, source: Source) -> None:
    other = {"people": [{"id": "7", "name": "Luis Castillo"}], "fails": "wait"}
    await sync_to_async(make_connector)(world.riverside, "crm", "fake", name="HubSpot", options=other)
    stream = events(world)
    await anext(stream)
    FakeConnector.released.set()
    _name, html = await anext(stream)
    assert "2 people share this number" in html
    assert "RS-1" not in html.replace("Account: RS-1", "")


async def test_who_goes_away_ends_the_lookup(world: World, slow: None) -> None:
    stream = events(world)
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    assert not FakeConnector.released.is_set()


async def test_a_session_has_so_many_streams_and_gets_back_those_that_end(world: World, slow: None) -> None:
    call = await sync_to_async(open_call)(world.riverside.pk, CallFacts(NUMBER, "CA1"), person_id=world.bea.pk)
    path = f"/panel/riverside/{call.key}/stream/"
    bea, another = AsyncClient(), AsyncClient()
    for client in (bea, another):
        await sync_to_async(client.force_login)(world.user(world.bea))
    held: list[Any] = [await bea.get(path) for _each in range(streams.MAX_PER_SESSION)]
    assert {response.status_code for response in held} == {200}
    refused = await bea.get(path)
    assert (refused.status_code, refused.json()["error"]["code"], refused["Retry-After"]) == (429, "throttled", "5")
    assert (await another.get(path)).status_code == 200
    await sync_to_async(held[0].close)()  # one that never began
    begun = aiter(held[1].streaming_content)
    await anext(begun)
    await sync_to_async(held[1].close)()  # one whose client went away
    again = [await bea.get(path) for _each in range(3)]
    assert [response.status_code for response in again] == [200, 200, 429]
