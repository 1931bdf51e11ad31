"""What an agent is told before ringing somebody: by what the systems say, and only to those who may see it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from integrations.models import AccessEntry, TierRule
from tests.factories import World
from tests.known_callers import ROSA, Source
from tests.panel.conftest import address, content

MAPPED = ("voicemail_ok", "may_identify", "do_not_call", "consents", "best_time", "interpreter", "language")
ANYTHING = {
    "voicemail_ok": "N",
    "may_identify": "N",
    "do_not_call": "Y",
    "best_time": "Mornings",
    "interpreter": "Y",
    "language": "es",
}
NOTES = (
    "Do not call", "Do not leave a message", "Do not say who is calling", "Best time to call: Mornings", "Speaks Spanish",
    "Needs an interpreter",
)  # fmt: skip


def says(source: Source, **values: Any) -> None:
    source.row.fields = {name: name for name in MAPPED}
    source.answers(people=[{**ROSA, **values}])


def notes(html: str) -> list[str]:
    return [note for note in NOTES if f"<li>{note}</li>" in html]


def test_whoever_may_not_see_them_is_shown_none_and_none_is_on_record(bea: Client, world: World, source: Source) -> None:
    for name in MAPPED:
        TierRule.objects.create(tier=world.bea.tier, target=name, effect="hide")
    says(source, **ANYTHING)
    html = content(bea, address(world))
    assert "Rosa Castillo" in html
    assert notes(html) == []
    assert "Mornings" not in html
    recorded = {field["field"] for entry in AccessEntry.objects.filter(event="lookup") for field in entry.fields}
    assert recorded.isdisjoint(MAPPED)


def test_what_is_masked_or_revealed_with_a_reason_is_no_note(bea: Client, world: World, source: Source) -> None:
    for name in MAPPED:
        TierRule.objects.create(tier=world.bea.tier, target=name, effect="reveal" if name == "do_not_call" else "mask")
    says(source, **ANYTHING)
    assert notes(content(bea, address(world))) == []


def test_what_was_not_mapped_is_no_note(bea: Client, world: World, source: Source) -> None:
    source.answers(people=[{**ROSA, **ANYTHING}])
    assert notes(content(bea, address(world))) == []


def test_the_notes_stand_at_the_top_in_plain_words(bea: Client, world: World, source: Source) -> None:
    says(source, **ANYTHING)
    html = content(bea, address(world))
    assert notes(html) == list(NOTES)
    recorded = {field["field"] for entry in AccessEntry.objects.filter(event="lookup") for field in entry.fields}
    assert recorded >= {"voicemail_ok", "may_identify", "do_not_call", "best_time", "interpreter", "language"}


@pytest.mark.parametrize("raw", [None, "", "maybe", "Yes, if her son answers"])
def test_not_asked_reads_do_not_leave_a_message(bea: Client, world: World, source: Source, raw: Any) -> None:
    says(source, voicemail_ok=raw, may_identify="Y", language="en")
    assert notes(content(bea, address(world))) == ["Do not leave a message"]


def test_who_allowed_everything_needs_no_note(bea: Client, world: World, source: Source) -> None:
    says(source, voicemail_ok="Yes – 2024-03-01", may_identify=True, do_not_call=False, interpreter="N", language="English")
    html = content(bea, address(world))
    assert notes(html) == []
    assert "Yes · Mar 1, 2024" in html


def test_an_unclear_word_about_calling_at_all_is_told(bea: Client, world: World, source: Source) -> None:
    says(source, voicemail_ok="Y", may_identify="Y", do_not_call="asked in May")
    assert "It is not clear whether they may be called" in content(bea, address(world))
