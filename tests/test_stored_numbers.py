"""What people store as a phone number, and which numbers are within it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from integrations.phone import Number, classify
from integrations.stored_numbers import MAX_STORED, comparable, holds, in_words, numbers_in, with_country_code

# The ways in which US numbers are met in client databases.
NOTATIONS = (
    "(415) 555-0123", "(415)555-0123", "(415) 555 0123", "(415)-555-0123", "415 555-0123", "415-5550123", "415/555-0123",
    "1 415 555 0123", "1 (415) 555-0123", "+1 415 555 0123", "+1.415.555.0123", "1.415.555.0123", "+1-415-555-0123",
    "+1(415)555-0123", "001 415 555 0123", "415-555-0123 ", "(415) 555-0123 x12", "415-555-0123 ext. 12",
    "415-555-0123 (cell)", "415 - 555 - 0123", "415-555-0123 / 415-555-0999", "415.555.0123", "415–555–0123",
    "415\u00a0555\u00a00123", "\u202a+14155550123\u202c", "1-415-555-0123", "14155550123",
)  # fmt: skip


def number(raw: str, region: str = "US") -> Number:
    found = classify(raw, region)
    assert isinstance(found, Number)
    return found


@pytest.mark.parametrize("stored", NOTATIONS)
def test_each_usual_notation_is_the_number(stored: str) -> None:
    assert holds(stored, number("+14155550123"), "US")
    assert not holds(stored, number("+14155550122"), "US")


@pytest.mark.parametrize(
    ("stored", "within"),
    [
        (" 415-555-0123", ["+14155550123"]),
        ("     4155550123", ["+14155550123"]),
        ("415-555-0101 / 415-555-0123", ["+14155550101", "+14155550123"]),
        ("415-555-0101/415-555-0123", ["+14155550101", "+14155550123"]),
        ("415-555-0101 or 415-555-0123", ["+14155550101", "+14155550123"]),
        ("415-555-0101; 415-555-0123, 415-555-0124", ["+14155550101", "+14155550123", "+14155550124"]),
        ("415-555-0101\n415-555-0123", ["+14155550101", "+14155550123"]),
        ("415-555-0101 - 415-555-0123", ["+14155550101", "+14155550123"]),
        ("4155550101 4155550123", ["+14155550101", "+14155550123"]),
        ("415_555_0123", ["+14155550123"]),
        ("[415] 555-0123", ["+14155550123"]),
        ("+1 415 555 0101 +1 415 555 0123", ["+14155550101", "+14155550123"]),
        ("cell 415-555-0123 home 415-555-0124", ["+14155550123", "+14155550124"]),
        ("Rosa: 4155550123c", ["+14155550123"]),
        ("H4155550123", ["+14155550123"]),
        ("call 415-555-0123 after 5pm", ["+14155550123"]),
        ("tel:+14155550123", ["+14155550123"]),
        ("4155550123.0", ["+14155550123"]),
        (4155550123.0, ["+14155550123"]),
        (4155550123, ["+14155550123"]),
        (Decimal("4155550123.0"), ["+14155550123"]),
        ("4.155550123E9", ["+14155550123"]),
        ("４１５-５５５-０１２３", ["+14155550123"]),
        ("5215512345678", ["+525512345678"]),  # as WhatsApp names a Mexican mobile
        ("551187654321", ["+551187654321"]),  # and a Brazilian one
        ("+44 (0)20 7946 0018", ["+442079460018"]),
        ("0044 (0)20 7946 0018", ["+442079460018"]),
    ],
)
def test_the_numbers_within_a_cell(stored: object, within: list[str]) -> None:
    read = numbers_in(stored, "US")
    assert [one.e164 for one in read.numbers] == within
    assert not read.unreadable


@pytest.mark.parametrize(
    ("stored", "region", "e164"),
    [
        ("02079460018", "GB", "+442079460018"),
        ("2079460018", "GB", "+442079460018"),
        ("00442079460020", "GB", "+442079460020"),
        ("06 69812345", "IT", "+390669812345"),
        ("030 / 1234567", "DE", "+49301234567"),
        ("011 15-2345-6789", "AR", "+5491123456789"),
        ("044 55 1234 5678", "MX", "+525512345678"),
    ],
)
def test_notations_of_other_countries(stored: str, region: str, e164: str) -> None:
    assert holds(stored, number(e164), region)


def test_both_forms_of_a_line_are_that_line() -> None:
    assert holds("+54 11 2345-6789", number("+5491123456789"), "US")
    assert holds("11 2345-6789", number("+5491123456789"), "AR")
    assert holds("(11) 8765-4321", number("+5511987654321"), "BR")
    assert holds("(11) 98765-4321", number("+551187654321"), "BR")
    assert holds("+39 6 69812345", number("+390669812345"), "US")


@pytest.mark.parametrize(
    ("stored", "extension"),
    [
        ("415-555-0123 ext12", "12"),
        ("415-555-0123 ext. 12 (work)", "12"),
        ("415-555-0123 x 12", "12"),
        ("415.555.0123x12", "12"),
        ("415-555-0123;ext=12", "12"),
        ("415-555-0123, ext. 12", "12"),
        ("415-555-0123 #12", "12"),
    ],
)
def test_an_extension_is_told_beside_the_number(stored: str, extension: str) -> None:
    (found,) = numbers_in(stored, "US").numbers
    assert (found.e164, found.extension) == ("+14155550123", extension)


@pytest.mark.parametrize(
    "stored", ["000-000-0000", "999-999-9999", "123-456-7890", "n/a", "", None, "none", True, [], {"a": 1}]
)
def test_what_stands_for_no_number_is_none_and_no_fault(stored: object) -> None:
    read = numbers_in(stored, "US")
    assert (read.numbers, read.unreadable) == ((), False)


@pytest.mark.parametrize(
    "stored",
    ["555-0123", "4.155E+09", "1-800-FLOWERS", "415-555-HELP", "415555012", "41555501234567890", "wrong number: 415-555-0123",
     "415-555-0123 (old)", "415-555-0123 not in service", "4" * (MAX_STORED + 1)],
)  # fmt: skip
def test_what_cannot_be_read_is_told(stored: str) -> None:
    read = numbers_in(stored, "US")
    assert (read.numbers, read.unreadable) == ((), True)
    assert not holds(stored, number("+14155550123"), "US")


def test_a_number_that_is_called_old_leaves_the_others() -> None:
    for stored in ("old: 415-555-0101, 415-555-0123", "415-555-0101 (old) / 415-555-0123"):
        assert not holds(stored, number("+14155550101"), "US")
        assert holds(stored, number("+14155550123"), "US")
    assert holds("415-555-0123 do not call", number("+14155550123"), "US")  # a wish of theirs, and still their number


@pytest.mark.parametrize("stored", ["+44 312 867 5309", "8675309", "", None, "312-867-5308", "(312) 867-5309 0"])
def test_an_over_match_is_refused(stored: object) -> None:
    assert not holds(stored, number("+13128675309"), "US")


def test_a_stored_value_in_words() -> None:
    assert in_words("4155550123.0", "US") == "(415) 555-0123"
    assert in_words("415-555-0123 ext12", "US") == "(415) 555-0123 ext. 12"
    assert in_words("415-555-0123 (cell)", "US") == "415-555-0123 (cell)"
    assert in_words("+442079460018", "US") == "+44 20 7946 0018"
    assert in_words("no number", "US") == "no number"
    assert with_country_code("415 555 0100 / 415 555 0101 ext 2", "MX") == "+52 415 555 0100, +52 415 555 0101 ext. 2"
    assert comparable("(415) 555-0123", "US") == comparable("4155550123.0", "US") == "+14155550123"
    assert comparable("unknown", "US") == "unknown"


def test_long_and_hostile_text_costs_no_more_than_a_cell() -> None:
    for text in ("4" * 10_000_000, "(" * 10_000_000, "415-555-0123 / " * 100_000, " " * 10_000_000):
        assert numbers_in(text, "US").numbers == ()
        assert not holds(text, number("+14155550123"), "US")


@pytest.mark.parametrize(
    ("stored", "region", "e164"),
    [
        ("4915123456782", "DE", "+4915123456782"),  # as WhatsApp has it; as long as a number of area 4915 could be
        ("4915123456782.0", "DE", "+4915123456782"),
        ("436641234567", "AT", "+436641234567"),
        ("491512345678", "DE", "+49491512345678"),  # no mobile number behind 49
        ("4915123456782", "US", "+4915123456782"),
    ],
)
def test_a_countrys_own_mobile_number_may_have_its_code_without_a_plus(stored: str, region: str, e164: str) -> None:
    assert [one.e164 for one in numbers_in(stored, region).numbers] == [e164]
