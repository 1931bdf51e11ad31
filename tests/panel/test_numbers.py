"""A caller's number on the panel: written for the organisation's country, and nobody's where it is a filler."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from integrations.calls import CallFacts
from integrations.disclosure.masking import mask
from integrations.models import Call, TierRule
from integrations.phone import classify
from integrations.profile import FIELDS
from tests.factories import World
from tests.known_callers import ROSA, Source
from tests.lookup.fakes import FakeConnector
from tests.panel.conftest import address, content
from tests.panel.test_search import search

ABROAD = {"+442079460018": "+44 20 7946 0018", "+524155550100": "+52 415 555 0100", "+14165550123": "+1 416-555-0123"}


@pytest.mark.parametrize(("raw", "written"), ABROAD.items())
def test_a_number_from_abroad_is_shown_and_copied_with_its_country_code(
    bea: Client, world: World, source: Source, raw: str, written: str
) -> None:
    source.answers(people=[{**ROSA, "phone": raw}])
    url = address(world, CallFacts(classify(raw, "US"), "CA1"))
    assert written in bea.get(url).content.decode()
    shown = content(bea, url)
    assert f'data-copy="{written}"' in shown
    assert re.findall(r'data-copy="([^"]*[0-9]{4})"', shown) == [written] * shown.count(f'data-copy="{written}"')


def test_the_masked_form_of_a_number_from_abroad_tells_its_country(bea: Client, world: World, source: Source) -> None:
    TierRule.objects.create(tier=world.bea.tier, target="phone", effect="mask")
    source.answers(people=[{**ROSA, "phone": "+442079460018"}])
    url = address(world, CallFacts(classify("+442079460018", "US"), "CA1"))
    assert "+44 ••• 0018" in bea.get(url).content.decode()
    shown = content(bea, url)
    assert "+44 ••• 0018" in shown
    phones = ["+524155550100", "415-555-0199", "4155550198.0"]
    assert mask(FIELDS["phones"], phones, "US") == "+52 ••• 0100, ••• 0199, ••• 0198"
    assert "7946" not in shown


@pytest.mark.parametrize("filler", ["000-000-0000", "+19999999999", "1234567890"])
def test_a_filler_is_a_withheld_caller(bea: Client, source: Source, filler: str) -> None:
    assert bea.post("/panel/riverside/open", {"phone": filler}).status_code == 200
    assert Call.objects.get().number == ""


def test_a_number_without_its_area_code_is_refused_where_it_is_typed(bea: Client, world: World, source: Source) -> None:
    answer = bea.post("/panel/riverside/open", {"phone": "555-0123"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_phone")
    assert "needs its area code" in answer.json()["error"]["message"]
    assert "needs its area code" in bea.post("/search/", {"phone": "5550123"}).content.decode()
    assert "needs its area code" in search(bea, address(world), "555-0123")
    assert "Nobody has this number" in search(bea, address(world), "999-999-9999")
    assert FakeConnector.asked == []


def test_a_blank_before_a_typed_number_is_no_plus(bea: Client, source: Source) -> None:
    assert bea.post("/search/", {"phone": " 4155550123"}).status_code == 302
    assert Call.objects.get().number == "+14155550123"
