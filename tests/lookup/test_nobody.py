"""People whom a system finds by a number that nobody has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import phonenumbers
import pytest
from asgiref.sync import sync_to_async
from pytest_django.fixtures import Settings

from integrations.lookup import close_sources
from integrations.lookup.nobody import Doubt, doubt_about, nobodys_number
from integrations.outbound.http import close_clients
from tests.factories import World, make_connector
from tests.http_stub import Stub, Write, reply, stub_server

PEOPLE = [{"id": number, "name": f"No. {number}", "phone": f"415555{number:04}"} for number in range(1000, 1010)]
MAP = {"id": "id", "name": "name", "phone": "phone"}


@pytest.fixture
async def stub(settings: Settings) -> AsyncIterator[Stub]:
    settings.ALLOW_PRIVATE = True
    async with stub_server() as server:
        yield server
        await close_sources()
        await close_clients()


async def doubt(world: World, stub: Stub, answer: Write, mapping: dict[str, str], **options: Any) -> Doubt:
    stub.answer(answer)
    step = {"path": "/people", "query": {"phone": "{phone}"}, "records": "people", "map": mapping}
    row = await sync_to_async(make_connector)(
        world.riverside,
        "open",
        "rest",
        allow_private=True,
        options={"base_url": stub.url, "lookup": {"steps": [step]}, **options},
    )
    return await doubt_about(world.riverside.pk, row.pk)


async def test_a_system_that_ignores_the_number_and_is_believed_is_refused(world: World, stub: Stub) -> None:
    mapping = {"id": "id", "name": "name"}
    found = await doubt(world, stub, reply({"people": PEOPLE}), mapping, phone={"trusted": True})
    assert found.refused
    assert "wrong person" in found.sentence
    assert len(stub.requests) == 1


async def test_a_system_that_names_people_who_are_then_left_out_is_doubted(world: World, stub: Stub) -> None:
    found = await doubt(world, stub, reply({"people": PEOPLE}), MAP)
    assert (found.refused, "ignores the number" in found.sentence) == (False, True)


@pytest.mark.parametrize("answer", [reply({"people": []}), reply({}, 404), reply({}, 500), reply(b"<html>")])
async def test_a_system_that_names_nobody_raises_no_doubt(world: World, stub: Stub, answer: Write) -> None:
    assert await doubt(world, stub, answer, MAP) == Doubt()


@pytest.mark.parametrize("region", ["US", "GB", "MX", "DE", "IS", "AQ"])
def test_nobodys_number_is_one_that_can_be_asked_for_and_that_no_one_has(region: str) -> None:
    numbers = {nobodys_number(region).e164 for _time in range(20)}
    assert len(numbers) > 10
    assert not any(phonenumbers.is_valid_number(phonenumbers.parse(one, None)) for one in numbers)
