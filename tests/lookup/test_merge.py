from __future__ import annotations

import pytest

from integrations.lookup.merge import link, merge
from integrations.profile import FIELDS, SourceRecord


def record(connector: str, record_id: str, external_id: str = "", **fields: object) -> SourceRecord:
    return SourceRecord(connector, record_id, fields, external_id=external_id)


def groups(*records: SourceRecord) -> list[set[str]]:
    return [{f"{r.connector}{r.record_id}" for r in group} for group in link(records)]


def test_two_systems_that_share_an_email_hold_one_person() -> None:
    assert groups(record("a", "1", email="Rosa@Mail.org "), record("b", "2", email="rosa@mail.org")) == [{"a1", "b2"}]


def test_two_systems_that_share_an_external_id_hold_one_person() -> None:
    assert groups(record("a", "1", "x-7"), record("b", "2", "x-7")) == [{"a1", "b2"}]


def test_without_a_shared_key_records_stay_apart() -> None:
    assert groups(record("a", "1", name="Rosa Castillo"), record("b", "2", name="Rosa Castillo")) == [{"a1"}, {"b2"}]


def test_an_email_shared_within_one_system_links_nothing() -> None:
    household = record("a", "1", email="home@x.org"), record("a", "2", email="home@x.org"), record("b", "3", email="home@x.org")
    assert groups(*household) == [{"a1"}, {"a2"}, {"b3"}]


def test_records_of_one_system_are_not_joined_through_another() -> None:
    chained = record("a", "1", email="r@x.org"), record("b", "2", "x-7", email="r@x.org"), record("a", "3", "x-7")
    assert {"a1", "a3"} not in groups(*chained)
    assert all(not {"a1", "a3"} <= group for group in groups(*chained))


def test_the_lower_priority_number_wins_and_the_other_is_a_conflict() -> None:
    one = record("crm", "1", name="Rosa Castillo", language="Spanish")
    two = record("clients", "2", name="Rosa M. Castillo", status="active")
    person = merge([one, two], {"crm": 10, "clients": 5}, FIELDS, "US")
    assert person.fields["name"].value == "Rosa M. Castillo"
    assert person.fields["name"].provenance.source == "clients"
    assert person.fields["name"].conflicts == (("crm", "Rosa Castillo"),)
    assert person.fields["language"].provenance.source == "crm"
    assert person.fields["status"].conflicts == ()


def test_the_same_value_in_another_spelling_is_no_conflict() -> None:
    one = record("a", "1", phone="(415) 555-0123", name="ROSA  castillo", last_visit="2026-01-05", vip_status=True)
    two = record("b", "2", phone="+14155550123", name="Rosa Castillo", last_visit="2026-01-05T10:00:00+00:00", vip_status=True)
    person = merge([one, two], {"a": 1, "b": 2}, FIELDS, "US")
    assert all(value.conflicts == () for value in person.fields.values())


@pytest.mark.parametrize("other", ["en", "en-US", "en_GB", "english ", "English"])
def test_a_language_s_code_and_its_names_are_the_same_language(other: str) -> None:
    person = merge([record("a", "1", language="English"), record("b", "2", language=other)], {"a": 1, "b": 2}, FIELDS, "US")
    assert person.fields["language"].conflicts == ()


@pytest.mark.parametrize(("one", "other"), [("Español", "English"), ("Irish", "en"), ("Mixtec", "Zapotec"), ("es", "pt")])
def test_two_languages_are_a_conflict(one: str, other: str) -> None:
    person = merge([record("a", "1", language=one), record("b", "2", language=other)], {"a": 1, "b": 2}, FIELDS, "US")
    assert person.fields["language"].conflicts == (("b", other),)


def test_false_is_a_value_and_conflicts_with_true() -> None:
    person = merge([record("a", "1", vip_status=False), record("b", "2", vip_status=True)], {"a": 1, "b": 2}, FIELDS, "US")
    assert person.fields["vip_status"].value is False
    assert person.fields["vip_status"].conflicts == (("b", True),)


def test_amounts_in_several_currencies_are_the_same_in_any_order() -> None:
    dollars, euros = {"amount_minor": 2500, "currency": "USD"}, {"amount_minor": 1000, "currency": "EUR"}
    one, two = record("a", "1", outstanding_balance=[dollars, euros]), record("b", "2", outstanding_balance=[euros, dollars])
    three = record("c", "3", outstanding_balance=dollars)
    person = merge([one, two, three], {"a": 1, "b": 2, "c": 3}, FIELDS, "US")
    assert person.fields["outstanding_balance"].conflicts == (("c", dollars),)
