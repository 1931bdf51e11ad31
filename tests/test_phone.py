from __future__ import annotations

import pytest

from integrations.phone import MAX_VARIANTS, NotANumber, Number, Withheld, classify


@pytest.mark.parametrize(
    ("raw", "e164", "extension"),
    [
        ("+14155550123", "+14155550123", ""),
        (" 14155550123", "+14155550123", ""),  # a plus that was not percent-encoded
        ("14155550123", "+14155550123", ""),
        ("(312) 867-5309 x204", "+13128675309", "204"),
        ("+1-312-867-5309;ext=204", "+13128675309", "204"),
        ("tel:+1-312-867-5309", "+13128675309", ""),
        ("sip:+14155550123@trunk.example", "+14155550123", ""),
        ("whatsapp:+14155550123", "+14155550123", ""),
        ("+17378742833", "+17378742833", ""),  # a real Texas number that spells RESTRICTED without its 1
        ("+44 20 7946 0018", "+442079460018", ""),
        ("０４１５ 415 555 0123"[5:], "+14155550123", ""),
    ],
)
def test_a_usable_id_becomes_its_e164_key(raw: str, e164: str, extension: str) -> None:
    assert classify(raw, "US") == Number(e164, classify(raw, "US").region, extension)  # type: ignore[union-attr]


def test_a_national_number_is_read_in_the_organisations_country() -> None:
    number = classify("020 7946 0018", "GB")
    assert isinstance(number, Number)
    assert number.e164 == "+442079460018"


@pytest.mark.parametrize(
    "raw",
    ["anonymous", "Anonymous", "RESTRICTED", "unknown", "+1unknown", "sip:anonymous@anonymous.invalid",
     "Anonymous@anonymous.invalid", "+266696687", "+7378742833", "+2562533", "+8656696", "+8566696", "+86282452253",
     "+464", "+7748283", "+94844353", "no caller id"],
)  # fmt: skip
def test_a_hidden_caller_is_withheld(raw: str) -> None:
    assert classify(raw, "US") == Withheld()


@pytest.mark.parametrize(
    "raw",
    [None, 14155550123, ["+14155550123"], {}, "", "   ", "client:bob", "204", "abc", "1-800-FLOWERS", "+", "+1" + "5" * 40,
     "4" * 65, "4" * 1_000_000, "\x00", "'; DROP TABLE customers; --"],
)  # fmt: skip
def test_what_cannot_be_looked_up_says_why(raw: object) -> None:
    refused = classify(raw, "US")
    assert isinstance(refused, NotANumber)
    assert refused.reason.endswith(".")


def test_variants_cover_the_notations_that_systems_store() -> None:
    number = classify("+13128675309", "US")
    assert isinstance(number, Number)
    assert number.variants() == (
        "+13128675309", "13128675309", "3128675309", "(312) 867-5309", "312-867-5309", "312.867.5309", "312 867 5309",
        "+1 312-867-5309", "1-312-867-5309", "+1 (312) 867-5309",
    )  # fmt: skip


def test_variants_of_other_countries_hold_the_trunk_zero() -> None:
    number = classify("+442079460018", "US")
    assert isinstance(number, Number)
    assert {"+442079460018", "020 7946 0018", "02079460018", "00442079460018"} <= set(number.variants())
    assert len(number.variants()) <= MAX_VARIANTS


@pytest.mark.parametrize("stored", ["(312) 867-5309", "312.867.5309 ext 4", "+1 312 867 5309", "13128675309"])
def test_a_stored_number_matches_in_any_notation(stored: str) -> None:
    number = classify("+13128675309", "US")
    assert isinstance(number, Number)
    assert number.matches(stored, "US")


@pytest.mark.parametrize("stored", ["+44 312 867 5309", "8675309", "", None, "312-867-5308"])
def test_an_over_match_is_refused(stored: object) -> None:
    number = classify("+13128675309", "US")
    assert isinstance(number, Number)
    assert not number.matches(stored, "US")
