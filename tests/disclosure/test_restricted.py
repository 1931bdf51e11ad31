"""A restricted client does not exist for anyone but the tier admin."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from integrations.models import AccessEntry
from tests.api.conftest import Api
from tests.factories import World, make_api_key
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
