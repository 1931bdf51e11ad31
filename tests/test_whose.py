"""The owner of a number, by what its column is called."""

from __future__ import annotations

import pytest

from integrations.connectors.directory.columns import guess
from integrations.connectors.rows import LEFT_OUT, PHONE, Column, column_name
from integrations.disclosure.matches import matched_by
from integrations.profile import FIELDS, CallerProfile, Match, SourceRecord
from integrations.whose import is_a_number_of_theirs, whose

THEIRS = ["Phone", "Home Phone", "Business Phone 2", "Mobile", "Cell", "Primary Phone", "Other Phone", "Car Phone",
          "Work phone", "mobilephone", "MobilePhone", "phone_1",
          "Teléfono", "Celular", "Telephone", "Personal cell", "Cellphone"]  # fmt: skip
OTHERS = {
    "Assistant's Phone": "the assistant",
    "AssistantPhone": "the assistant",
    "Company Main Phone": "the company",
    "Daughter cell": "a relative",
    "Son's mobile": "a relative",
    "Case manager phone": "the case manager",
    "Emergency contact phone": "the emergency contact",
    "emergency_phone": "the emergency contact",
    "emergencyContact.telephone": "the emergency contact",
    "Next of kin tel": "the emergency contact",
    "Guardian Phone": "the guardian",
    "Landlord phone": "somebody else",
    "Teléfono de emergencia": "the emergency contact",
    "Dr phone (physician)": "the doctor",
}
NONE = [
    "Do not phone",
    "Business Fax",
    "Home Fax",
    "Pager",
    "Phone type",
    "Ok to phone",
    "ISDN Phone",
    "do_not_phone",
    "Last phone call",
    "Phone 1 - Label",
    "Phone ext",
    "Phone country code",
    "Phone preference",
]


@pytest.mark.parametrize("name", THEIRS)
def test_a_clients_own_number_is_theirs(name: str) -> None:
    assert (whose(name), is_a_number_of_theirs(name)) == ("", True)
    assert guess([Column(column_name(name), name)], FIELDS)[column_name(name)] in (PHONE, LEFT_OUT)


@pytest.mark.parametrize(("name", "owner"), OTHERS.items())
def test_anothers_number_says_whose_it_is_and_is_not_proposed(name: str, owner: str) -> None:
    assert (whose(name), is_a_number_of_theirs(name)) == (owner, False)
    assert guess([Column(column_name(name), name)], FIELDS)[column_name(name)] != PHONE


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_number_to_call_is_not_proposed(name: str) -> None:
    assert not is_a_number_of_theirs(name)
    assert guess([Column(column_name(name), name)], FIELDS)[column_name(name)] != PHONE


def test_of_outlooks_headings_only_the_clients_own_numbers_are_proposed() -> None:
    headings = [
        "First Name",
        "Company",
        "Assistant's Phone",
        "Business Phone",
        "Company Main Phone",
        "Home Phone",
        "Mobile Phone",
    ]
    chosen = guess([Column(column_name(one), one) for one in headings], FIELDS)
    assert [name for name, target in chosen.items() if target == PHONE] == ["business_phone", "home_phone", "mobile_phone"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (["emergency_phone"], "the emergency contact"),
        (["phone"], ""),
        (["emergency_phone", "phone"], ""),  # it is the client's own as well
        ([], ""),
    ],
)
def test_a_match_says_by_whose_number_it_is_unless_it_is_their_own(fields: list[str], said: str) -> None:
    record = SourceRecord("crm", "1", {}, matched=tuple(Match(name, "4155550123") for name in fields))
    assert matched_by(CallerProfile((record,), {})) == said


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ("415 555 0123 (mom's cell)", "a relative"),
        ("415-555-0123 wife", "a relative"),
        ("case manager: 415-555-0123 x12", "the case manager"),
        ("415-555-0123 (cell)", ""),
        ("415-555-0123 home / 415-555-0124 wife", ""),  # the words are of another number, or may be
    ],
)
def test_the_words_beside_a_number_say_whose_it_is(stored: str, said: str) -> None:
    record = SourceRecord("crm", "1", {}, matched=(Match("phone", stored),))
    assert matched_by(CallerProfile((record,), {})) == said
