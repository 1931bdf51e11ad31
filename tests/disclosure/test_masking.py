"""What a masked value shows: by type and by edge."""

from __future__ import annotations

import pytest

from integrations.disclosure.masking import DOTS, mask
from integrations.profile import FIELDS, JSON, Field, FieldType, Section, Sensitivity


def field(kind: FieldType) -> Field:
    return Field("anything", "Anything", Section.ACCOUNT, kind, Sensitivity.PERSONAL)


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (FieldType.EMAIL, "rosa@mail.org", f"r{DOTS}@mail.org"),
        (FieldType.EMAIL, "ro@mail.org", f"r{DOTS}@mail.org"),
        (FieldType.EMAIL, "r@mail.org", DOTS),  # a one-letter mailbox would be shown whole
        (FieldType.EMAIL, "@mail.org", DOTS),
        (FieldType.EMAIL, "rosa", DOTS),
        (FieldType.EMAIL, '"rosa@home"@mail.org', f'"{DOTS}@mail.org'),
        (FieldType.PHONE, "(415) 555-0123", f"{DOTS} 0123"),
        (FieldType.PHONE, "+44 20 7946 0018", f"{DOTS} 0018"),
        (FieldType.PHONE, "5550123", f"{DOTS} 0123"),
        (FieldType.PHONE, "550123", DOTS),  # four of six digits would be most of it
        (FieldType.PHONE, "", DOTS),
        (FieldType.PHONES, ["(415) 555-0123", "0123"], f"{DOTS} 0123, {DOTS}"),
        (FieldType.PHONES, [], ""),
        (FieldType.TEXT, "123 Ferry Road", f"1{DOTS}"),
        (FieldType.TEXT, "abcdef", f"a{DOTS}"),
        (FieldType.TEXT, "abcde", DOTS),
        (FieldType.TEXT, "", DOTS),
        (FieldType.DATE, "1941-05-02", "1941"),
        (FieldType.MOMENT, "2026-10-01T09:30:00+00:00", "2026"),
        (FieldType.NUMBER, 42, DOTS),
        (FieldType.FLAG, True, DOTS),
        (FieldType.FLAG, False, DOTS),
        (FieldType.MONEY, {"amount_minor": 4250, "currency": "USD"}, DOTS),
        (FieldType.TEXTS, ["Meals", "Rides"], DOTS),
        (FieldType.APPOINTMENTS, [{"id": "1"}], DOTS),
        (FieldType.ORDERS, [{"id": "1"}], DOTS),
        (FieldType.CONSENT, {"answer": "no", "date": "2024-03-01"}, DOTS),
        (FieldType.CONSENTS, [{"answer": "yes", "purpose": "Text"}], DOTS),
    ],
)
def test_a_mask_shows_so_much_of_a_value_and_no_more(kind: FieldType, value: JSON, shown: str) -> None:
    assert mask(field(kind), value) == shown


def test_every_type_has_a_row_above() -> None:
    rows = test_a_mask_shows_so_much_of_a_value_and_no_more.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {row[0] for row in rows} == {definition.type for definition in FIELDS.values()} | set(FieldType)
