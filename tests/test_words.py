"""Words for nothing, for yes and no, and addresses that are nobody's: docs/values.md as tests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from integrations.coercion import Habits, WrongType, coerce
from integrations.emails import address_in, identity
from integrations.lookup.merge import link, merge, sure_key
from integrations.profile import FIELDS, SourceRecord
from integrations.words import is_nothing, record_id, shared_id, truth

NOTHING = [
    "n/a", "N/A", "NA", "#N/A", "none", "None", "NULL", "null", "nil", "NaN", "-", "--", "—", "?", "unknown", "Unknown",
    "not provided", "Not  Provided", "no email", "(blank)", "\\N", "False", "ninguno", "Sin Correo", "no tiene", "s/d",
    " n/a ", "...",
]  # fmt: skip
PLACEHOLDERS = [
    "refused@clinic.org", "noemail@mail.org", "No.Email@mail.org", "no-email1@mail.org", "none@none.com", "test@test.com",
    "donotemail@clinic.org", "willa@example.invalid", "unknown@unknown.com", "noreply@mail.org", "a@a.com", "na@na.com",
    "none@mail.org",
    "declined2026@x.org", "sincorreo@gmail.com", "no_tiene@correo.mx", "rosa@none.com", "Nobody <nobody@x.org>",
    "mailto:test@x.org", "dont.have@one.com", "xxxxx@mail.org", "nope@mail.org",
]  # fmt: skip


def read(field: str, raw: object) -> Any:
    return coerce(FIELDS[field], raw, Habits(currency="USD"))


@pytest.mark.parametrize(
    "field", ["email", "phone", "phones", "company", "notes", "language", "status", "programs", "outstanding_balance"]
)
@pytest.mark.parametrize("written", NOTHING)
def test_words_for_nothing_are_no_value(field: str, written: str) -> None:
    if (field, written) != ("outstanding_balance", "NaN"):  # a figure that went wrong is not none
        assert read(field, written) is None


@pytest.mark.parametrize(
    "text", ["none of the above", "Na Li's aunt", "unknown caller rang twice", "No", "false", "0", "Nonesuch"]
)
def test_texts_that_say_something_stay(text: str) -> None:
    assert read("notes", text) == text
    assert not is_nothing(text)


@pytest.mark.parametrize(
    ("written", "name"),
    [("NULL", None), ("n/a", None), ("--", None), ("null null", None), ("Rosa NULL", "Rosa"), ("Unknown", None), ("False",
     None),
     ("None", "None"), ("Jennifer Null", "Jennifer Null"), ("Null", "Null"), ("Na Li", "Na Li"), ("NA", "NA"), ("Nan", "Nan"),
     ("O'Brien", "O'Brien"), ("Rosa  Castillo", "Rosa  Castillo"), ("José", "José")],
)  # fmt: skip
def test_people_who_are_called_null_keep_their_name(written: str, name: str | None) -> None:
    assert read("name", written) == name
    assert read("last_name", written) == name


@pytest.mark.parametrize("field", [name for name, field in FIELDS.items() if field.type not in ("flag", "consent", "consents")])
def test_json_false_is_not_there(field: str) -> None:
    assert read(field, False) is None


@pytest.mark.parametrize(
    ("written", "address"),
    [("Rosa@Mail.org", "Rosa@Mail.org"), (" rosa@mail.org ", "rosa@mail.org"), ("Rosa Castillo <rosa@mail.org>",
     "rosa@mail.org"),
     ('"Castillo, Rosa" <rosa@mail.org>', "rosa@mail.org"), ("mailto:rosa@mail.org?subject=Hi", "rosa@mail.org"),
     ("rosa@mail.org;", "rosa@mail.org"),
     ("o'brien+x@mail.co.uk", "o'brien+x@mail.co.uk"), ("refused", None), ("DECLINED", None)],
)  # fmt: skip
def test_the_address_within_is_read(written: str, address: str | None) -> None:
    assert read("email", written) == address


@pytest.mark.parametrize(
    "written",
    ["4155550123", "2026-11-20", "rosa", "C-1007", "rosa@mail", "@mail.org", "rosa@", "rosa @mail.org", "a@b.org, c@d.org",
     "a@b@c.org",
     "rosa@-mail.org", "rosa@10.0.0.1", "x" * 400, "a" * 100_000 + "@mail.org", 4155550123, {"email": "x"}, "rosa@mail..org"],
)  # fmt: skip
def test_what_is_no_address_is_unreadable_and_no_identity(written: object) -> None:
    with pytest.raises(WrongType):
        read("email", written)
    assert identity(written) == ""


@pytest.mark.parametrize("written", PLACEHOLDERS)
def test_placeholder_addresses_link_nothing_and_nobody_is_asked_by_them(written: str) -> None:
    willa, otto = (
        SourceRecord("list", "1", {"email": address_in(written)}),
        SourceRecord("db", "2", {"email": address_in(written)}),
    )
    assert len(link([willa, otto])) == 2
    assert sure_key(merge([willa], {}, FIELDS, "US"), "email") == ""


@pytest.mark.parametrize(
    "address",
    [
        "nora@mail.org",
        "test.user@mail.org",
        "info@clinic.org",
        "x@gmail.com",
        "kim@example.org",
        "none.smith@mail.org",
        "12345@qq.com",
    ],
)
def test_addresses_of_people_link_them(address: str) -> None:
    records = [SourceRecord("list", "1", {"email": address}), SourceRecord("db", "2", {"email": address.upper()})]
    assert len(link(records)) == 1
    assert sure_key(merge(records[:1], {}, FIELDS, "US"), "email") == address


@pytest.mark.parametrize(
    "raw", [None, "", " ", "0", 0, 0.0, "000", "0-0", "-1", -1, False, True, "n/a", "NULL", "None", "-", "unknown",
            "Not provided", [], {}, [7],
            "x" * 191, float("nan"), float("inf"), 1e300, 10**50]
)  # fmt: skip
def test_ids_that_are_none_are_shared_with_nobody(raw: object) -> None:
    assert shared_id(raw) == ""


@pytest.mark.parametrize(
    ("raw", "shared"), [("x-7", "x-7"), (" 7 ", "7"), (7, "7"), (7.0, "7"), (Decimal("7.00"), "7"), (2**60, str(2**60))]
)
def test_one_id_is_the_same_in_each_notation(raw: object, shared: str) -> None:
    assert shared_id(raw) == shared


@pytest.mark.parametrize(
    "raw", [True, 1, 1.0, -1, Decimal("1.00"), "true", "True ", "t", "T", "1", "1.0", "-1", "yes", "Y", "on", "x", "X",
            "checked", "si", "sí", "S",
            b"\x01", "\x01", "\x00\x01", "✓", "verdadero"]
)  # fmt: skip
def test_yes_in_every_notation(raw: object) -> None:
    assert truth(raw) is True
    assert read("restricted", raw) is True


@pytest.mark.parametrize(
    "raw", [False, 0, 0.0, Decimal("0.0"), "false", "f", "F", "0", "0.0", "no", "N", "off", "unchecked", b"\x00", "\x00",
            "falso"]
)  # fmt: skip
def test_no_in_every_notation(raw: object) -> None:
    assert truth(raw) is False


@pytest.mark.parametrize("raw", ["", " ", "NULL", "null", "None", "n/a", "-", "\\N", None])
def test_where_nothing_is_said_nobody_is_restricted(raw: object) -> None:
    assert read("restricted", raw) is None


@pytest.mark.parametrize(
    "raw", ["2", 2, 0.5, "?", "unknown", "maybe", "restricted", "tbd", "undefined", [], ["yes"], {}, float("nan"), "1e99",
            "yes" * 50, "1,0"]
)  # fmt: skip
def test_what_may_be_either_is_unreadable(raw: object) -> None:
    with pytest.raises(WrongType):
        read("restricted", raw)


@pytest.mark.parametrize(
    ("raw", "text"),
    [(7, "7"), (7.0, "7"), (7.5, "7.5"), (2**60, str(2**60)), (Decimal("42.50"), "42.50"), (Decimal("7.00"), "7")],
)
def test_a_number_that_is_an_id_keeps_its_digits(raw: object, text: str) -> None:
    assert read("account_id", raw) == text


@pytest.mark.parametrize("raw", [1e300, 12345678901234567890.0, float("nan"), 10**50, 10**5000], ids=lambda _raw: "number")
def test_an_id_that_lost_digits_on_its_way_is_unreadable(raw: object) -> None:
    with pytest.raises(WrongType):
        read("account_id", raw)


def test_what_is_not_there_costs_an_appointment_no_more_than_itself() -> None:
    there = {
        "id": 1,
        "start": "2026-11-30T14:30:00Z",
        "end": False,
        "title": "N/A",
        "location": None,
        "url": False,
        "status": False,
    }
    nowhere = [{"id": 2, "start": start} for start in (None, False, "", "0000-00-00", "0001-01-01T00:00:00Z")]
    (shown,) = read("appointments", [there, *nowhere])
    assert (shown["end"], shown["title"], shown["location"], shown["status"]) == (None, "", "", "scheduled")
    (order,) = read("recent_orders", [{"id": 7.0, "description": "null", "date": False}])
    assert order == {"id": "7", "description": "", "date": None}


@pytest.mark.parametrize(
    ("word", "yes"),
    [("ja", True), ("Nein", False), ("sim", True), ("Não", False), ("oui", True), ("non", False), ("Ｙ", True), ("１", True)],
)
def test_yes_and_no_are_also_said_in_other_languages(word: str, yes: bool) -> None:
    assert truth(word) is yes


@pytest.mark.parametrize(
    ("raw", "kept"),
    [(7, "7"), (7.0, "7"), (Decimal("7.00"), "7"), ("007", "007"), ("kX1", "kX1"), (0, "0"), (" 7 ", " 7 "), (None, ""),
     ("", ""), ("  ", ""), ("NULL", ""), ("n/a", ""), (True, ""), (1e300, ""), (float("nan"), "")],
)  # fmt: skip
def test_the_id_of_a_record_is_a_number_as_others_write_it_and_no_word_for_none(raw: object, kept: str) -> None:
    assert record_id(raw) == kept


@pytest.mark.parametrize("stored", ["4155550123.0", 4155550123.0, "4155550123"])
def test_a_number_is_told_without_a_floats_point(stored: object) -> None:
    assert read("phone", stored) == "4155550123"
