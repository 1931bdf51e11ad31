"""What no tier of an organisation may see is not asked for."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from pytest_django.fixtures import Settings

from integrations.deadline import Deadline
from integrations.lookup import LookupRequest, LookupResult, close_sources, look_up
from integrations.lookup.result import SourceStatus
from integrations.lookup.sources import plan_with
from integrations.models import Organization, TierRule
from integrations.models.people import Effect
from integrations.outbound.recording import recording
from integrations.phone import Number
from tests.factories import World, make_connector
from tests.http_stub import Stub, reply, stub_server

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = Number("+14155550123", "US")
ROSA = {"id": "1", "properties": {"firstname": "Rosa", "phone": "(415) 555-0123", "date_of_birth": "1941-03-04"}}


@pytest.fixture
async def stub(settings: Settings) -> AsyncIterator[Stub]:
    settings.ALLOW_PRIVATE = True
    async with stub_server() as server:
        server.answer(reply({"total": 1, "results": [ROSA]}))
        yield server
        await close_sources()


def hide(organization: Organization, *targets: str, effect: str = Effect.HIDE) -> None:
    for tier in organization.tiers.all():
        for target in targets:
            TierRule.objects.update_or_create(tier=tier, target=target, defaults={"effect": effect})


def connect_hubspot(world: World, stub: Stub) -> None:
    facts = {"options": {"base_url": stub.url}, "secrets": {"token": "t"}, "allow_private": True}
    make_connector(world.riverside, "crm", "hubspot", fields={"restricted": "properties.keep_private"}, **facts)


def asked_for(stub: Stub) -> list[str]:
    """The properties that the last search named."""
    (*_before, search) = (request for request in stub.requests if "/contacts/search" in request.path)
    properties: list[str] = search.json["properties"]
    return properties


async def looked_up(world: World) -> LookupResult:
    return await look_up(LookupRequest(world.riverside.pk, NUMBER, refresh=True))


async def test_a_field_that_no_tier_may_see_is_neither_asked_for_nor_taken(world: World, stub: Stub) -> None:
    await sync_to_async(connect_hubspot)(world, stub)
    assert "date_of_birth" in (await looked_up(world)).people[0].fields
    assert "date_of_birth" in asked_for(stub)
    await sync_to_async(hide)(world.riverside, "date_of_birth")
    result = await looked_up(world)
    assert "date_of_birth" not in asked_for(stub)
    # The system sends it all the same: it is not taken.
    assert "date_of_birth" not in result.people[0].fields
    assert "firstname" in asked_for(stub)


async def test_it_is_asked_for_again_as_soon_as_one_tier_may_see_it_in_any_way(world: World, stub: Stub) -> None:
    await sync_to_async(connect_hubspot)(world, stub)
    await sync_to_async(hide)(world.riverside, "date_of_birth")
    await looked_up(world)
    await sync_to_async(TierRule.objects.filter(tier__name="admin", target="date_of_birth").update)(effect="mask")
    tier = await sync_to_async(world.riverside.tiers.get)(name="admin")
    await sync_to_async(tier.save)()
    assert "date_of_birth" in (await looked_up(world)).people[0].fields


async def test_a_tier_without_a_rule_for_it_does_not_count(world: World, stub: Stub) -> None:
    await sync_to_async(connect_hubspot)(world, stub)
    await sync_to_async(TierRule.objects.filter(target="personal").delete)()
    await sync_to_async(TierRule.objects.filter(target="date_of_birth").delete)()
    assert "date_of_birth" not in (await looked_up(world)).people[0].fields


async def test_what_links_records_and_hides_people_is_asked_for_whoever_may_see_it(world: World, stub: Stub) -> None:
    await sync_to_async(hide)(world.riverside, "email", "account_id", "restricted", "personal")
    await sync_to_async(connect_hubspot)(world, stub)
    await looked_up(world)
    assert {"email", "keep_private"} <= set(asked_for(stub))


async def test_other_organisations_rules_change_nothing(world: World, stub: Stub) -> None:
    await sync_to_async(connect_hubspot)(world, stub)
    await sync_to_async(hide)(world.harbor, "date_of_birth")
    assert "date_of_birth" in (await looked_up(world)).people[0].fields


def describe(world: World, stub: Stub, *steps: dict[str, Any], key: str = "described", **facts: Any) -> None:
    """A system that is described by these steps, at the stub."""
    options = {"base_url": stub.url, "lookup": {"steps": list(steps)}}
    make_connector(world.riverside, key, "rest", options=options, allow_private=True, **facts)


PEOPLE = {
    "path": "/people",
    "query": {"phone": "{phone}"},
    "records": "people",
    "map": {"id": "id", "name": "name", "phone": "phone", "company": "firm"},
}


def paths(stub: Stub) -> list[str]:
    return [request.path.partition("?")[0] for request in stub.requests]


async def test_somebody_elses_number_is_noticed_where_no_tier_may_see_numbers(world: World, stub: Stub) -> None:
    stub.answer(reply({"people": [{"id": 1, "name": "Omar", "phone": "+14155550999"}]}))
    await sync_to_async(describe)(world, stub, PEOPLE)
    await sync_to_async(hide)(world.riverside, "phone", "phones")
    assert (await looked_up(world)).people == ()


async def test_what_the_next_step_is_asked_by_is_read_whoever_may_see_it(world: World, stub: Stub) -> None:
    stub.answer(reply({"people": [{"id": 1, "name": "Rosa", "firm": "acme", "phone": NUMBER.e164}], "text": "ramp"}))
    await sync_to_async(describe)(world, stub, PEOPLE, {"path": "/firms/{company}", "map": {"notes": "text"}})
    await sync_to_async(hide)(world.riverside, "company")
    (person,) = (await looked_up(world)).people
    assert paths(stub) == ["/people", "/firms/acme"]
    assert person.fields["notes"].value == "ramp"


async def test_a_step_that_tells_only_what_no_tier_may_see_is_not_asked(world: World, stub: Stub) -> None:
    stub.answer(reply({"people": [{"id": 1, "name": "Rosa", "firm": "acme", "phone": NUMBER.e164}], "text": "ramp"}))
    await sync_to_async(describe)(world, stub, PEOPLE, {"path": "/firms/{company}", "map": {"notes": "text"}})
    await sync_to_async(hide)(world.riverside, "notes")
    assert len((await looked_up(world)).people) == 1
    assert paths(stub) == ["/people"]


async def test_a_system_that_tells_only_what_no_tier_may_see_is_not_asked_about_the_caller(world: World, stub: Stub) -> None:
    stub.answer(reply({"people": [{"id": 1, "name": "Rosa", "phone": NUMBER.e164}], "balance": "12.50"}))
    await sync_to_async(describe)(world, stub, PEOPLE)
    balance = {"path": "/customers/{customer_id}", "map": {"outstanding_balance": "balance"}}
    await sync_to_async(describe)(world, stub, balance, key="payments", details_by="described")
    await sync_to_async(hide)(world.riverside, "financial")
    result = await looked_up(world)
    assert paths(stub) == ["/people"]
    payments = next(source for source in result.sources if source.key == "payments")
    assert (payments.status, payments.message) == (SourceStatus.SKIPPED, "No tier may see anything that it tells.")
    await sync_to_async(hide)(world.riverside, "financial", effect=Effect.REVEAL)
    assert "outstanding_balance" in (await looked_up(world)).people[0].fields


async def test_the_id_that_systems_share_is_asked_of_hubspot(world: World, stub: Stub) -> None:
    shared = {"id": "1", "properties": {**ROSA["properties"], "client_number": "RS-1"}}  # type: ignore[dict-item]
    stub.answer(reply({"total": 1, "results": [shared]}))
    options = {"base_url": stub.url, "external_id": "properties.client_number"}
    facts = {"options": options, "secrets": {"token": "t"}, "allow_private": True}
    await sync_to_async(make_connector)(world.riverside, "crm", "hubspot", **facts)
    assert (await looked_up(world)).people[0].records[0].external_id == "RS-1"
    assert "client_number" in asked_for(stub)


async def test_a_column_of_a_database_is_not_selected(world: World, settings: Settings, tmp_path: Path) -> None:
    settings.SOURCES_DIR = tmp_path
    (tmp_path / "riverside").mkdir()
    with sqlite3.connect(tmp_path / "riverside" / "clients.sqlite3") as file:
        file.execute("CREATE TABLE customers (id INTEGER, name TEXT, phone TEXT, notes TEXT, diet TEXT)")
        file.execute("INSERT INTO customers VALUES (1, 'Rosa', '+14155550123', 'ramp', 'vegan')")
    file.close()
    facts: dict[str, Any] = {"options": {"url": "sqlite:///clients.sqlite3"}, "fields": {"dietary_restrictions": "diet"}}
    row = await sync_to_async(make_connector)(world.riverside, "clients", "database", **facts)
    await sync_to_async(hide)(world.riverside, "health")
    _plan, source = await sync_to_async(plan_with)(world.riverside.pk, row.pk)
    assert source.connector
    with recording() as recorded:
        (record,) = await source.connector.find(NUMBER, Deadline(5))
    await close_sources()
    assert "dietary_restrictions" not in record.fields
    statements = [one.what for one in recorded.sent]
    assert any("notes" in what for what in statements)
    assert not any("diet" in what for what in statements)


async def test_the_answer_to_what_callers_are_asked_for_is_asked_for_though_nobody_sees_it(world: World, stub: Stub) -> None:
    await sync_to_async(hide)(world.riverside, "date_of_birth")
    await sync_to_async(connect_hubspot)(world, stub)
    await looked_up(world)
    assert "date_of_birth" not in asked_for(stub)
    world.riverside.identity_check = "birth_date"
    await world.riverside.asave()
    await looked_up(world)
    assert "date_of_birth" in asked_for(stub)
