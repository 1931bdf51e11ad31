"""A number that many people share tells nobody apart: no system is asked, no name is shown, and the search is open."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from integrations.calls import CallFacts
from integrations.models import AccessEntry
from integrations.phone import classify
from tests.factories import World
from tests.known_callers import ROSA, Source
from tests.lookup.fakes import FakeConnector
from tests.panel.conftest import address, content
from tests.panel.test_search import found, pick, search
from tests.test_commands import run

HOME = "+14155550150"


@pytest.fixture
def home(world: World, source: Source) -> Source:
    world.riverside.shared_numbers = [HOME]
    world.riverside.save()
    source.answers(people=[{**ROSA, "phone": HOME}, {**ROSA, "id": "2", "email": "", "name": "Luis", "phone": HOME}])
    return source


def url(world: World) -> str:
    return address(world, CallFacts(classify(HOME, "US"), "CA1"))


def test_nobody_is_asked_for_and_the_panel_says_why(bea: Client, world: World, home: Source) -> None:
    page = bea.get(url(world)).content.decode()
    assert 'id="search" open' in page
    shown = content(bea, url(world))
    assert "Many people share this number" in shown
    assert "(415) 555-0150" in shown
    assert "Rosa" not in page + shown
    assert FakeConnector.asked == []
    entry = AccessEntry.objects.filter(event="lookup").get()
    assert (entry.outcome, entry.detail["match_count"]) == ("not_found", 0)


def test_another_number_is_looked_up_as_ever(bea: Client, world: World, home: Source) -> None:
    home.answers(people=[ROSA])
    assert "Rosa Castillo" in content(bea, address(world))
    assert "open" not in bea.get(address(world)).content.decode().partition('id="search"')[2][:8]


def test_who_is_searched_for_by_name_is_shown_and_the_number_itself_finds_nobody(
    bea: Client, world: World, home: Source
) -> None:
    home.answers(people=[], others=[ROSA])
    html = search(bea, url(world), "415 555 0150")
    assert (found(html), "Many people share this number" in html) == ({}, True)
    assert FakeConnector.asked == []
    pick(bea, url(world), "castillo", "Rosa Castillo")
    assert "Rosa Castillo" in content(bea, url(world))


def test_the_command_says_so(world: World, home: Source) -> None:
    code, out, _err = run("lookup_caller", "riverside", HOME, "--as-tier", "admin")
    assert (code, "Many people share this number" in out, "Rosa" in out) == (0, True, False)


def test_nothing_is_shared_for_another_organisation(bea: Client, world: World, source: Source) -> None:
    world.harbor.shared_numbers = [HOME]
    world.harbor.save()
    source.answers(people=[{**ROSA, "phone": HOME}])
    facts: Any = content(bea, url(world))
    assert "Rosa Castillo" in facts
