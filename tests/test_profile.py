from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from integrations.coercion import Habits, WrongType, coerce
from integrations.profile import FIELDS, Sensitivity
from integrations.redaction import REMOVED, is_never, scrub

USUAL = Habits(UTC, "US", "USD")


@pytest.mark.parametrize(
    "name",
    ["ssn", "SSN", "customer_ssn", "socialSecurityNumber", "credit_card", "creditCard", "card_number", "password_hash",
     "passwd", "bank_account", "bankAccountNumber", "routing_number", "cvv", "pin"],
)  # fmt: skip
def test_a_never_name_is_recognised_however_it_is_spelt(name: str) -> None:
    assert is_never(name)


@pytest.mark.parametrize("name", ["name", "classname", "shipping", "company", "passage", "pinecrest", "account_id", "opinion"])
def test_a_harmless_name_is_kept(name: str) -> None:
    assert not is_never(name)


@pytest.mark.parametrize(
    "planted",
    ["078-05-1120", "078 05 1120", "4111 1111 1111 1111", "4111-1111-1111-1111", "378282246310005", "DE89370400440532013000",
     "$2b$12$KIXQ4fG1", "pbkdf2_sha256$1000$abc$def="],
)  # fmt: skip
def test_a_never_value_is_removed_from_text(planted: str) -> None:
    cleaned = scrub(f"She said {planted} on the phone")
    assert planted not in cleaned
    assert REMOVED in cleaned


@pytest.mark.parametrize("text", ["Call 312-867-5309 after 5", "Order 1234567890123456", "Born 1941-05-02", "Unit 12-34"])
def test_ordinary_digits_stay(text: str) -> None:
    assert scrub(text) == text


def test_never_keys_are_dropped_at_any_depth() -> None:
    assert scrub({"a": [{"ssn": "1", "ok": {"creditCard": "2", "fine": 3}}]}) == {"a": [{"ok": {"fine": 3}}]}


def test_never_fields_have_no_value_whatever_the_source_says() -> None:
    for field in FIELDS.values():
        if field.sensitivity is Sensitivity.NEVER:
            assert coerce(field, "078-05-1120") is None


@pytest.mark.parametrize(
    ("field", "raw", "value"),
    [
        ("name", "  Rosa\x00 Castillo ", "Rosa Castillo"),
        ("name", "", None),
        ("vip_status", "true", True),
        ("vip_status", 0, False),
        ("vip_status", "", None),
        ("outstanding_balance", "42.50", {"amount_minor": 4250, "currency": "USD"}),
        ("outstanding_balance", {"amount_minor": 4250, "currency": "eur"}, {"amount_minor": 4250, "currency": "EUR"}),
        ("date_of_birth", date(1941, 5, 2), "1941-05-02"),
        ("last_visit", "0000-00-00", None),
        ("last_contact", "1700000000000", "2023-11-14T22:13:20+00:00"),
        ("programs", "Meals; Rides;", ["Meals", "Rides"]),
        ("notes", "SSN 078-05-1120", f"SSN {REMOVED}"),
    ],
)
def test_a_source_value_takes_the_fields_shape(field: str, raw: object, value: object) -> None:
    assert coerce(FIELDS[field], raw, USUAL) == value


def test_a_time_without_zone_is_read_in_the_organisations() -> None:
    value = coerce(FIELDS["last_contact"], datetime(2026, 1, 5, 9, 30), Habits(ZoneInfo("America/Los_Angeles")))
    assert value == "2026-01-05T09:30:00-08:00"
    assert coerce(FIELDS["last_contact"], datetime(2026, 1, 5, 1, tzinfo=UTC)) == "2026-01-05T01:00:00+00:00"


@pytest.mark.parametrize(
    ("field", "raw"),
    [("vip_status", "perhaps"), ("outstanding_balance", {"amount_minor": 1.5, "currency": "USD"}),
     ("outstanding_balance", True),
     ("name", {"first": "Rosa"}), ("appointments", "tomorrow"), ("date_of_birth", "soon"), ("outstanding_balance", "NaN")],
)  # fmt: skip
def test_a_value_of_the_wrong_type_is_refused_without_being_repeated(field: str, raw: object) -> None:
    with pytest.raises(WrongType) as refused:
        coerce(FIELDS[field], raw)
    assert str(raw) not in str(refused.value)


def test_an_appointment_link_can_only_be_a_web_address() -> None:
    raw = [{"id": 1, "start": "2026-11-30T14:30:00Z", "status": "booked", "url": "javascript:alert(1)"}]
    (appointment,) = coerce(FIELDS["appointments"], raw)
    assert appointment["url"] is None
    assert appointment["status"] == "scheduled"
