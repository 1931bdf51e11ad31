"""What an agent types is read once; every hit is held against it."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.search_query import By, SearchQuery, Unusable, read, reopened


def search_query(text: str) -> SearchQuery:
    found = read(text, "US")
    assert isinstance(found, SearchQuery)
    return found


@pytest.mark.parametrize(
    ("typed", "by", "text"),
    [
        ("  Rosa   Castillo ", By.NAME, "Rosa Castillo"),
        ("Jo", By.NAME, "Jo"),
        ("José\u200b\tNúñez", By.NAME, "José Núñez"),
        ("Private", By.NAME, "Private"),
        ("Rosa@Mail.ORG", By.EMAIL, "rosa@mail.org"),
        ("(415) 555-0123", By.NUMBER, "+14155550123"),
        ("+44 20 7946 0018", By.NUMBER, "+442079460018"),
        ("Unit 7 Smith", By.NAME, "Unit 7 Smith"),
    ],
)
def test_what_is_typed_is_a_name_an_address_or_a_number(typed: str, by: By, text: str) -> None:
    found = search_query(typed)
    assert (found.by, found.text) == (by, text)
    assert reopened(found.written, "US") == found


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "Type a name"),
        (" \u200b\n", "Type a name"),
        ("R", "two letters"),
        ("4 -", "two letters"),
        ("%_", "two letters"),
        ("rosa@", "whole e-mail"),
        ("rosa@mail", "whole e-mail"),
        ("a b@mail.org", "whole e-mail"),
        ('"x"@mail.org', "whole e-mail"),
        ("12345", "area code"),
        ("x" * 101, "longer than 100"),
    ],
)
def test_what_cannot_be_searched_for_is_told_in_a_sentence(typed: str, reason: str) -> None:
    found = read(typed, "US")
    assert isinstance(found, Unusable)
    assert reason in found.reason


@pytest.mark.parametrize("written", ["", "name:", "email:Rosa", "number:Rosa", "Rosa", "name:rosa@mail.org"])
def test_what_was_not_kept_by_us_is_not_reopened(written: str) -> None:
    assert reopened(written, "US") is None


@pytest.mark.parametrize(
    ("typed", "fields", "fits"),
    [
        ("rosa", {"name": "Rosa Castillo"}, True),
        ("cas ro", {"name": "Rosa Castillo"}, True),
        ("Castillo, Rosa", {"name": "Rosa Castillo"}, True),
        ("rosa", {"first_name": "Rosa", "last_name": "Castillo"}, True),
        ("jose nunez", {"name": "José Núñez-Øster"}, True),
        ("José", {"name": "Jose Nunez"}, True),
        ("o'brien", {"name": "Pat O’Brien"}, True),
        ("øster", {"name": "José Núñez-Øster"}, True),
        ("osa", {"name": "Rosa Castillo"}, False),
        ("rosa rosa", {"name": "Rosa Castillo"}, False),
        ("rosa luis", {"name": "Rosa Castillo"}, False),
        ("rosa", {"company": "Rosa Ltd"}, False),
        ("rosa", {}, False),
        ("rosa@mail.org", {"email": "Rosa@Mail.org "}, True),
        ("rosa@mail.org", {"email": "rosalia@mail.org"}, False),
        ("rosa@mail.org", {"name": "rosa@mail.org"}, False),
    ],
)
def test_only_those_fit_of_whom_every_word_begins_one_or_whose_address_it_is(
    typed: str, fields: dict[str, Any], fits: bool
) -> None:
    assert search_query(typed).fits(fields) is fits


def test_systems_are_asked_for_few_words_the_longest_first() -> None:
    assert search_query("de la Cruz y Ortega Maria").words == ("ortega", "maria", "cruz", "de")
