"""What goes on record of people to choose among: the field that told them apart, whatever it is called on the screen."""

from __future__ import annotations

from integrations.disclosure.context import choice_on_record
from integrations.disclosure.matches import MatchCard


def card(told_by: str, disambiguator: str) -> MatchCard:
    return MatchCard("0" * 32, "Rosa", disambiguator, told_by, "CRM", ("crm",))


def recorded(*cards: MatchCard) -> list[object]:
    return [shown["field"] for shown in choice_on_record(cards)]


def test_the_field_that_told_them_apart_is_on_record_under_any_label() -> None:
    assert recorded(card("last_visit", "Última visita: 1/10/26"), card("", "")) == ["name", "last_visit"]


def test_a_text_that_reads_like_a_label_puts_nothing_on_record() -> None:
    assert recorded(card("company", "Last visit: Oct 1, 2026")) == ["name", "company"]
    assert recorded(card("", "Last visit: Oct 1, 2026")) == ["name"]
