"""A restricted client does not exist for anyone but the tier admin."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from integrations.models import AccessEntry, CallRecord, RestrictedRecord
from tests.api.conftest import Api
from tests.factories import World, make_api_key, make_connector
from tests.known_callers import ROSA, Source, install_fake_kind
from tests.panel.conftest import address, content, logged_in

HIDDEN: dict[str, Any] = {**ROSA, "restricted": "yes"}
LUIS = {**ROSA, "id": "2", "name": "Luis Castillo", "email": "luis@mail.org"}


@pytest.fixture
def source(world: World, monkeypatch: pytest.MonkeyPatch) -> Source:
    install_fake_kind(monkeypatch)
    found = Source(world)
    found.row.fields = {"restricted": "restricted"}
    found.answers(people=[HIDDEN])
    return found


def test_for_an_agent_it_is_a_number_that_nobody_has(world: World, source: Source) -> None:
    html = content(logged_in(world, world.bea), address(world))
    assert "Nobody has this number" in html
    assert "Rosa" not in html
    assert "not known there" in html
    entry = AccessEntry.objects.get(event="lookup")
    assert (entry.outcome, entry.fields, entry.detail["match_count"]) == ("not_found", [], 0)


def test_the_tier_admin_sees_it_and_that_it_is_restricted(world: World, source: Source) -> None:
    html = content(logged_in(world, world.ann), address(world))
    assert "Rosa Castillo" in html
    assert "Restricted record: only administrators see it" in html


def test_beside_another_person_only_the_other_is_there(world: World, source: Source) -> None:
    source.answers(people=[HIDDEN, LUIS])
    html = content(logged_in(world, world.bea), address(world))
    assert "Luis Castillo" in html
    assert "Rosa" not in html
    assert "people share this number" not in html


def test_what_says_something_unreadable_is_restricted(world: World, source: Source) -> None:
    source.answers(people=[{**ROSA, "restricted": "ask Ann"}])
    assert "Rosa" not in content(logged_in(world, world.bea), address(world))


def test_whoever_is_not_restricted_is_shown_without_a_word_of_it(world: World, source: Source) -> None:
    source.answers(people=[{**ROSA, "restricted": "no"}])
    html = content(logged_in(world, world.bea), address(world))
    assert "Rosa Castillo" in html
    assert "estricted" not in html


@pytest.mark.parametrize(("path", "facts"), [("reveal", {"field": "outstanding_balance", "reason": "asked"}), ("pick", {})])
def test_nothing_of_it_can_be_revealed_or_picked(world: World, source: Source, path: str, facts: dict[str, str]) -> None:
    response = logged_in(world, world.bea).post(address(world) + path, facts)
    assert "42.50" not in response.content.decode()
    assert not AccessEntry.objects.filter(event__in=["reveal", "pick"]).exists()


async def test_the_api_answers_as_if_it_did_not_exist(world: World, source: Source) -> None:
    basic, _row = await sync_to_async(make_api_key)(world.riverside, "advanced", name="advanced")
    body = (await Api(basic).post({"phone": "+14155550123"})).json()
    assert (body["lookup_status"], body["match_count"], body["caller"], body["fields"]) == ("not_found", 0, {}, {})
    assert body["sources"][0]["status"] == "not_found"
    full, _row = await sync_to_async(make_api_key)(world.riverside, "admin", name="full")
    assert (await Api(full).post({"phone": "+14155550123"})).json()["caller"]["name"] == "Rosa Castillo"


@pytest.mark.parametrize("payments", [{"more": [{"id": "p", "outstanding_balance": "42.50"}]}, {"details_fail": "unavailable"}])
async def test_what_was_asked_about_it_looks_as_for_a_number_that_nobody_has(
    world: World, source: Source, payments: dict[str, Any]
) -> None:
    facts = {"details_by": "clients", "options": payments}
    await sync_to_async(make_connector)(world.riverside, "payments", "fake", **facts)
    key, _row = await sync_to_async(make_api_key)(world.riverside, "advanced", name="advanced")

    async def told() -> tuple[str, dict[str, tuple[str, bool]]]:
        body = (await Api(key).post({"phone": "+14155550123", "refresh": True})).json()
        asked = {one["name"]: (one["status"], one["latency_ms"] is None) for one in body["sources"]}
        return body["lookup_status"], asked

    restricted = await told()
    await sync_to_async(source.answers)(people=[])
    assert restricted == await told() == ("not_found", {"clients": ("not_found", False), "payments": ("skipped", True)})


def test_nor_is_it_counted_among_those_who_were_not_picked(world: World, source: Source) -> None:
    source.answers(people=[HIDDEN, LUIS, {**LUIS, "id": "3", "name": "Eva Castillo", "email": "eva@mail.org"}])
    bea, url = logged_in(world, world.bea), address(world)
    luis = content(bea, url).partition("Luis Castillo")[2].partition('name="match_id" value="')[2][:32]
    bea.post(f"{url}pick", {"match_id": luis})
    assert "Choose again: 1 other has this number" in content(bea, url)


# -- By an admin's list ---------------------------------------------------------------------------------------------------


@pytest.fixture
def listed(source: Source, world: World) -> RestrictedRecord:
    """Rosa, whose record says nothing of it."""
    source.answers(people=[ROSA], others=[LUIS])
    return RestrictedRecord.objects.create(organization=world.riverside, connector=source.row, record_id="1")


def test_whoever_is_listed_is_there_for_the_tier_admin_alone(world: World, listed: RestrictedRecord) -> None:
    html = content(logged_in(world, world.bea), address(world))
    assert "Nobody has this number" in html
    assert "Rosa" not in html
    html = content(logged_in(world, world.ann), address(world))
    assert "Rosa Castillo" in html
    assert "Restricted record: only administrators see it" in html


def test_it_takes_effect_at_once_and_ends_at_once(world: World, source: Source, listed: RestrictedRecord) -> None:
    bea, url = logged_in(world, world.bea), address(world)
    listed.delete()
    assert "Rosa Castillo" in content(bea, url)
    RestrictedRecord.objects.create(organization=world.riverside, connector=source.row, record_id="1")
    assert "Rosa" not in content(bea, url)


def test_the_id_that_people_see_in_the_system_is_enough(world: World, source: Source, listed: RestrictedRecord) -> None:
    source.answers(people=[{**ROSA, "id": "Contact/1"}])
    assert "Rosa" not in content(logged_in(world, world.bea), address(world))
    source.answers(people=[{**ROSA, "id": "Contact/11"}])
    assert "Rosa Castillo" in content(logged_in(world, world.bea), address(world))


def test_the_same_id_elsewhere_is_somebody_else(world: World, source: Source, listed: RestrictedRecord) -> None:
    listed.delete()
    other = make_connector(world.riverside, "other", "fake", enabled=False)
    theirs = make_connector(world.harbor, "clients", "fake")
    RestrictedRecord.objects.create(organization=world.riverside, connector=other, record_id="1")
    RestrictedRecord.objects.create(organization=world.harbor, connector=theirs, record_id="1")
    assert "Rosa Castillo" in content(logged_in(world, world.bea), address(world))


def test_one_record_of_several_hides_the_whole_person(world: World, source: Source, listed: RestrictedRecord) -> None:
    make_connector(world.riverside, "copy", "fake", options={"people": [{**ROSA, "id": "9"}]})
    assert "Rosa" not in content(logged_in(world, world.bea), address(world))


def test_a_search_and_what_follows_from_it_do_not_find_them(world: World, source: Source, listed: RestrictedRecord) -> None:
    bea, ann, url = logged_in(world, world.bea), logged_in(world, world.ann), address(world)
    why = {"reason": "said so", "text": "castillo"}

    def found(client: Client) -> str:
        return client.post(f"{url}search", why, headers={"HX-Request": "true"}).content.decode()

    assert "Rosa" not in found(bea)
    assert "Luis Castillo" in found(bea)
    html = found(ann)
    rosa = html.partition("Rosa Castillo")[2].partition('name="match_id" value="')[2][:32]
    bea.post(f"{url}search/pick", {**why, "match_id": rosa})
    assert not CallRecord.objects.exists()
    ann.post(f"{url}search/pick", {**why, "match_id": rosa})
    assert "Rosa Castillo" in content(ann, url)
    assert "Rosa" not in content(bea, url)
    assert "42.50" not in bea.post(f"{url}reveal", {"field": "outstanding_balance", "reason": "asked"}).content.decode()


async def test_the_api_does_not_find_them(world: World, listed: RestrictedRecord) -> None:
    basic, _row = await sync_to_async(make_api_key)(world.riverside, "advanced", name="advanced")
    body = (await Api(basic).post({"phone": "+14155550123"})).json()
    assert (body["lookup_status"], body["match_count"], body["caller"]) == ("not_found", 0, {})
