from __future__ import annotations

import pytest

from integrations.phone import LOCAL_ONLY, MAX_VARIANTS, NotANumber, Number, Withheld, classify


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
        ("+14155550123@trunk.example", "+14155550123", ""),
        ("<sip:+14155550123@trunk.example>", "+14155550123", ""),
        ('"Rosa" <sip:+14155550123;user=phone@trunk.example>', "+14155550123", ""),
        ("sip:%2B14155550123@trunk.example:5060;transport=tls", "+14155550123", ""),
        ("rcs:+14155550123", "+14155550123", ""),
        ("tel:5550123;phone-context=+1415", "+14155550123", ""),
        ("whatsapp:+5215512345678", "+525512345678", ""),  # Mexico's 1 went in 2019
        ("415-555-0123 ext12", "+14155550123", "12"),
        ("415-555-0123 x 12", "+14155550123", "12"),
        ("0052 415 555 0100", "+524155550100", ""),
        ("+44 (0)20 7946 0018", "+442079460018", ""),
        ("+39 06 69812345", "+390669812345", ""),
        ("\u202a+14155550123\u202c", "+14155550123", ""),
        ("+15551234567", "+15551234567", ""),  # odd, and possible
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
     "+464", "+7748283", "+94844353", "no caller id", "266696687", "2562533", "+1266696687", "Private Number", "Unknown Caller",
     "No Caller ID", "Anonymous <sip:anonymous@anonymous.invalid>", '"Anonymous" <sip:c8oqz84zk7z@privacy.example>',
     "Desconocido", "Número privado", "NÚMERO OCULTO", "Identidad oculta", "sip:private@host", "unavailable number",
     "Número no disponible", "Número não identificado", "Unbekannter Anrufer", "Rufnummer unterdrückt", "número restrito",
     "Anonymous <sip:+14155550123@host>", "Unknown <sip:unknown@unknown.invalid>"],
)  # fmt: skip
def test_a_hidden_caller_is_withheld(raw: str) -> None:
    assert classify(raw, "US") == Withheld()


@pytest.mark.parametrize(
    "raw",
    ["000-000-0000", "999-999-9999", "+10000000000", "+19999999999", "0000000000", "+0000000000", "123-456-7890", "1234567890",
     "+11234567890", "0123456789", "+12345678901", "987-654-3210", "5555555555", "11111111111", "415-000-0000",
     "123-123-1234", "+11231231234", "000-000-0001", "911-911-9111", "555-555-1212"],
)  # fmt: skip
def test_what_stands_in_place_of_a_number_is_nobodys(raw: str) -> None:
    assert classify(raw, "US") == Withheld()


@pytest.mark.parametrize("shown", ["Unknown", "UNAVAILABLE", "Unknown Name", "Desconocido"])
def test_a_caller_whose_name_alone_is_unknown_has_a_number(shown: str) -> None:
    assert classify(f'"{shown}" <sip:+14155550123@host>', "US") == Number("+14155550123", "US")


@pytest.mark.parametrize(
    ("raw", "region"), [("98765-4301", "BR"), ("3456-7814", "BR"), ("7946 0018", "GB"), ("946 0018", "GB")]
)
def test_a_local_number_is_refused_where_other_services_have_numbers_as_short(raw: str, region: str) -> None:
    assert classify(raw, region) == LOCAL_ONLY


@pytest.mark.parametrize(("raw", "region"), [("0800 1111", "GB"), ("4004 1234", "BR"), ("0800 123 4567", "BR")])
def test_a_short_number_of_a_service_is_one(raw: str, region: str) -> None:
    assert isinstance(classify(raw, region), Number)


@pytest.mark.parametrize("raw", ["555-0123", "5550123", "867-5309", "+1 555-0123", "tel:555-0123"])
def test_a_number_without_its_area_code_says_so(raw: str) -> None:
    refused = classify(raw, "US")
    assert isinstance(refused, NotANumber)
    assert "area code" in refused.reason
    assert "needs" in refused.reason


@pytest.mark.parametrize("raw", ["+14155550123", "+14155555555", "+12125551212", "+442079460018", "+4720000000", "94844353 "])
def test_what_only_looks_like_a_filler_stays_a_number(raw: str) -> None:
    assert isinstance(classify(raw, "DK"), Number)


@pytest.mark.parametrize(
    ("raw", "region", "written"),
    [
        ("+14155550123", "US", "(415) 555-0123"),
        ("+442079460018", "US", "+44 20 7946 0018"),
        ("+442079460018", "GB", "020 7946 0018"),
        ("+524155550100", "US", "+52 415 555 0100"),
        ("+14165550123", "US", "+1 416-555-0123"),  # Toronto
        ("+18005550199", "CA", "(800) 555-0199"),  # a freephone number is everybody's
        ("+15551234567", "US", "(555) 123-4567"),
        ("+15551234567", "GB", "+1 555-123-4567"),
    ],
)
def test_numbers_from_abroad_carry_their_country_code(raw: str, region: str, written: str) -> None:
    number = classify(raw, region)
    assert isinstance(number, Number)
    assert number.written_for(region) == written


def test_a_line_with_two_forms_is_known_by_both() -> None:
    for one, other in (
        ("+5491123456789", "+541123456789"),
        ("+5511987654321", "+551187654321"),
        ("+525512345678", "+5215512345678"),
        ("+390669812345", "+39669812345"),
    ):
        number = classify(one, "US")
        assert isinstance(number, Number)
        assert number.forms == (one, other)
        assert other in number.variants()
        assert other.removeprefix("+") in number.dialled
    mobile = classify("+393331234567", "US")
    assert isinstance(mobile, Number)
    assert mobile.forms == ("+393331234567",)


@pytest.mark.parametrize(
    "raw",
    ["messenger:1234567890", "rcs:brand_agent", "415-555-0123; 415-555-0124", "415-555-0101 / 415-555-0123",
     None, 14155550123, ["+14155550123"], {}, "", "   ", "client:bob", "204", "abc", "1-800-FLOWERS", "+", "+1" + "5" * 40,
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
