"""Codes in words, and one language by all its names."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from integrations.codes import decoded, language_of
from integrations.lookup.merge import merge
from integrations.presentation.formatting import ValueFormatter
from integrations.profile import FIELDS, SourceRecord

SPANISH = [
    "es",
    "ES",
    "spa",
    "es-MX",
    "es_MX",
    "es-419",
    "Spanish",
    "spanish ",
    "Español",
    "español",
    "Spanish (Mexico)",
    "Spanish; Castilian",
    "Castellano",
    "Spanish language",
]
ENGLISH = ["en", "eng", "en_US", "en-GB", "English", "English (US)", "ENGLISH", "English, American"]


@pytest.mark.parametrize(("names", "code", "word"), [(SPANISH, "es", "Spanish"), (ENGLISH, "en", "English")])
def test_a_language_by_all_its_names(names: list[str], code: str, word: str) -> None:
    assert {language_of(name) for name in names} == {code}
    assert {decoded("language", name) for name in names} == {word}
    records = [SourceRecord(f"s{n}", "1", {"language": name}) for n, name in enumerate(names)]
    assert merge(records, {}, FIELDS, "US").fields["language"].conflicts == ()


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("vie", "Vietnamese"),
        ("zh-Hans", "Chinese"),
        ("Haitian Creole", "Haitian"),
        ("fil", "Tagalog"),
        ("Mixtec", "Mixtec"),
        ("xx", "xx"),
        ("Spanglish", "Spanglish"),
        ("E•••", "E•••"),
        ("x" * 5_000, "x" * 5_000),
        ("", ""),
    ],
)
def test_what_is_no_known_language_stays(written: str, word: str) -> None:
    assert decoded("language", written) == word


@pytest.mark.parametrize(
    ("field", "written", "word"),
    [
        ("status", "ON_HOLD", "on hold"),
        ("status", "on_hold", "on hold"),
        ("status", "ACTIVE", "active"),
        ("status", "Active", "Active"),
        ("status", "A", "A"),
        ("status", "VIP", "VIP"),
        ("status", "Payment due, since May", "Payment due, since May"),
        ("lifecycle_stage", "marketingqualifiedlead", "marketing qualified lead"),
        ("company", "ACME_INC", "ACME_INC"),
        ("notes", "ON_HOLD", "ON_HOLD"),
    ],
)
def test_standings_and_stages_are_told_in_words(field: str, written: str, word: str) -> None:
    assert decoded(field, written) == word
    assert ValueFormatter(ZoneInfo("UTC"), "US").field(FIELDS[field], written) == [word]


def test_a_code_and_its_words_do_not_disagree() -> None:
    records = [SourceRecord("a", "1", {"status": "ON_HOLD"}), SourceRecord("b", "2", {"status": "On hold"})]
    assert merge(records, {}, FIELDS, "US").fields["status"].conflicts == ()
