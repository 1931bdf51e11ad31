"""Money and health wait for the check that an organisation asks for, by whatever way somebody comes to them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from integrations.disclosure import Context, disclose, disclose_found, reveal
from integrations.disclosure.context import Checked
from integrations.disclosure.identity import Verdict, compare_identity, identity_asked, said, skip_identity
from integrations.disclosure.viewers import Viewer, viewer_of_key, viewer_of_person
from integrations.errors import AccessDenied
from integrations.lookup import Choice, LookupResult, LookupStatus
from integrations.lookup.merge import merge
from integrations.models import AccessEntry, CustomField, TierRule
from integrations.phone import classify
from integrations.profile import FIELDS, SourceRecord
from integrations.search_query import By, SearchQuery
from tests.factories import World, make_api_key

NUMBER = classify("+14155550123", "US")
ROSA: dict[str, Any] = {
    "name": "Rosa Castillo",
    "date_of_birth": "1941-05-02",
    "address": "94110 Main St, Apt 12, San Francisco, CA 94133-1234",
    "outstanding_balance": {"amount_minor": 4250, "currency": "USD"},
    "dietary_restrictions": "No sugar",
}
DELICATE = {"outstanding_balance", "dietary_restrictions"}


def result(world: World, *records: SourceRecord, **facts: Any) -> LookupResult:
    people = tuple(merge([record], {}, FIELDS, "US") for record in records or (record_of("crm", "1", ROSA),))
    status = LookupStatus.OK if len(people) == 1 else LookupStatus.AMBIGUOUS
    return LookupResult(world.riverside.pk, NUMBER, status, people, (), datetime.now(UTC), **facts)


def record_of(connector: str, record_id: str, fields: dict[str, Any]) -> SourceRecord:
    return SourceRecord(connector, record_id, fields)


@pytest.fixture
async def asking(world: World) -> World:
    world.riverside.identity_check = "birth_date"
    await world.riverside.asave()
    return world


async def viewer(world: World, tier: str = "advanced", channel: str = "panel") -> Viewer:
    world.bea.tier = await world.riverside.tiers.aget(name=tier)
    return viewer_of_person(world.bea, channel=channel, address="")


def checked(*refs: tuple[str, str], outcome: str = "passed") -> Context:
    return Context(checked=Checked(frozenset(refs), outcome))


async def test_without_a_check_they_are_as_the_tier_says(world: World) -> None:
    shown = await disclose(result(world), await viewer(world), Context())
    assert shown.fields["outstanding_balance"].value == ROSA["outstanding_balance"]
    assert (shown.question, shown.checked) == ("", "")


@pytest.mark.parametrize("tier", ["basic", "advanced", "admin"])
async def test_before_the_check_nothing_of_them_is_there_for_anybody(asking: World, tier: str) -> None:
    shown = await disclose(result(asking), await viewer(asking, tier), Context())
    for name in DELICATE:
        field = shown.fields[name]
        assert (field.value, field.verify_first, field.revealable, field.conflicts) == (None, True, False, ())
    assert DELICATE.isdisjoint(shown.caller)
    assert shown.question == "birth_date"
    entry = await AccessEntry.objects.aget(event="lookup")
    effects = {row["field"]: row["effect"] for row in entry.fields}
    assert {effects[name] for name in DELICATE} == {"verify_first"}


async def test_the_answer_cannot_be_read_off_the_screen(asking: World) -> None:
    admin = await viewer(asking, "admin")
    assert (await disclose(result(asking), admin, Context())).fields["date_of_birth"].verify_first
    shown = await disclose(result(asking), admin, checked(("crm", "1")))
    assert shown.fields["date_of_birth"].value == "1941-05-02"
    elsewhere = await disclose(result(asking), await viewer(asking, "admin", "api"), Context())
    assert elsewhere.fields["date_of_birth"].value == "1941-05-02"


async def test_they_cannot_be_revealed_with_a_reason_either(asking: World) -> None:
    for name in (*DELICATE, "date_of_birth"):
        with pytest.raises(AccessDenied):
            await reveal(result(asking), await viewer(asking, "basic"), name, Context(purpose="she asked"))
    assert await AccessEntry.objects.filter(event="denied").acount() == 3
    assert not await AccessEntry.objects.filter(event="reveal").aexists()
    assert await reveal(result(asking), await viewer(asking), "name", Context(purpose="she asked"))


async def test_a_hidden_field_stays_hidden_and_is_not_even_named(asking: World) -> None:
    rules = TierRule.objects.filter(tier__organization=asking.riverside, tier__name="basic", target="health")
    await rules.aupdate(effect="hide")
    for context in (Context(), checked(("crm", "1"))):
        assert "dietary_restrictions" not in (await disclose(result(asking), await viewer(asking, "basic"), context)).fields


@pytest.mark.parametrize("outcome", ["passed", "skipped"])
async def test_after_it_they_are_as_the_tier_says(asking: World, outcome: str) -> None:
    shown = await disclose(result(asking), await viewer(asking), checked(("crm", "1"), outcome=outcome))
    assert shown.fields["dietary_restrictions"].value == "No sugar"
    assert (shown.question, shown.checked) == ("", outcome)
    basic = await disclose(result(asking), await viewer(asking, "basic"), checked(("crm", "1"), outcome=outcome))
    assert basic.fields["dietary_restrictions"].revealable


@pytest.mark.parametrize(
    "refs",
    [(), (("crm", "2"),), (("crm", "2"), ("payments", "A1")), (("clients", "1"),), (("payments", "A1"), ("clients", "9"))],
)
async def test_the_check_of_one_person_says_nothing_of_another(asking: World, refs: tuple[tuple[str, str], ...]) -> None:
    """A couple shares an account, so one record in common makes them no one person."""
    person = merge([record_of("crm", "1", ROSA), record_of("payments", "A1", {})], {}, FIELDS, "US")
    of_rosa = replace(result(asking), people=(person,))
    assert (await disclose(of_rosa, await viewer(asking), checked(*refs))).question == "birth_date"


async def test_it_holds_when_a_system_tells_more_or_less_than_then(asking: World) -> None:
    person = merge([record_of("crm", "1", ROSA), record_of("payments", "A1", {})], {}, FIELDS, "US")
    of_rosa = replace(result(asking), people=(person,))
    for refs in ([("crm", "1")], [("crm", "1"), ("payments", "A1"), ("clients", "9")]):
        assert (await disclose(of_rosa, await viewer(asking), checked(*refs))).checked == "passed"


@pytest.mark.parametrize("channel", ["api", "command", "admin"])
async def test_where_nobody_can_be_asked_they_are_not_there(asking: World, channel: str) -> None:
    shown = await disclose(result(asking), await viewer(asking, "admin", channel), Context())
    assert DELICATE.isdisjoint(shown.fields)
    assert "name" in shown.fields
    with pytest.raises(AccessDenied):
        await compare_identity(result(asking), await viewer(asking, "admin", channel), "1941-05-02", Context())


async def test_a_program_gets_none_of_them(asking: World) -> None:
    _key, row = await sync_to_async(make_api_key)(asking.riverside, "admin")
    shown = await disclose(result(asking), viewer_of_key(row, address=""), Context())
    assert DELICATE.isdisjoint(shown.fields)


async def test_own_fields_of_money_and_health_wait_too(asking: World) -> None:
    own = CustomField(name="allergies", label="Allergies", sensitivity="health")
    record = record_of("crm", "1", {"allergies": "Nuts"})
    vocabulary = {**FIELDS, "allergies": own.definition()}
    person = merge([record], {}, vocabulary, "US")
    found = replace(result(asking), people=(person,), vocabulary=vocabulary)
    assert (await disclose(found, await viewer(asking), Context())).fields["allergies"].verify_first


async def test_the_cards_of_a_search_hold_none_of_them(asking: World) -> None:
    found = replace(result(asking), search_query=SearchQuery(By.NAME, "rosa"))
    (card,) = (await disclose_found(found, await viewer(asking), Context(purpose="said so"))).matches
    assert "4250" not in repr(card)
    assert "sugar" not in repr(card)


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        ("1941-05-02", Verdict.PASSED),
        ("19410502", Verdict.PASSED),
        ("1941-05-03", Verdict.FAILED),
        ("1941", Verdict.FAILED),
        ("", Verdict.FAILED),
    ],
)
async def test_the_date_of_birth_is_compared_and_neither_kept_nor_logged(
    asking: World, typed: str, verdict: Verdict, caplog: pytest.LogCaptureFixture
) -> None:
    answered = await compare_identity(result(asking), await viewer(asking, "basic"), typed, Context(call_sid="CA1"))
    assert (answered.verdict, answered.refs) == (verdict, {("crm", "1")})
    entry = await AccessEntry.objects.aget(event="identity_check")
    assert (entry.outcome, entry.call_sid, entry.detail["question"]) == (verdict.value, "CA1", "birth_date")
    assert not re.search(r"\b1941\b", repr(vars(entry)) + caplog.text)  # as a word: a hash may hold any four digits


@pytest.mark.parametrize(
    ("address", "typed", "verdict"),
    [
        (ROSA["address"], "94133", Verdict.PASSED),
        (ROSA["address"], " 94133-1234", Verdict.PASSED),
        (ROSA["address"], "94110", Verdict.FAILED),
        (ROSA["address"], "941", Verdict.FAILED),
        ("12 Oak St, Oakland,94601, USA", "94601", Verdict.PASSED),
        ("12345 Oak St, Oakland", "12345", Verdict.UNKNOWN),
        ("PO Box 12345, Oakland", "12345", Verdict.UNKNOWN),
        ("Oakland", "", Verdict.UNKNOWN),
        ("Building 7, 94601 Main St, Oakland, CA 94607", "94607", Verdict.PASSED),
        ("Building 7, 94601 Main St, Oakland, CA 94607", "94601", Verdict.FAILED),
        (None, "94601", Verdict.UNKNOWN),
    ],
)
async def test_the_zip_code_is_that_of_the_address_and_not_a_house(
    asking: World, address: str | None, typed: str, verdict: Verdict
) -> None:
    asking.riverside.identity_check = "zip"
    await asking.riverside.asave()
    record = record_of("crm", "1", {**ROSA, "address": address})
    answered = await compare_identity(result(asking, record), await viewer(asking), typed, Context())
    assert answered.verdict is verdict


@pytest.mark.parametrize(
    ("region", "address", "typed", "verdict"),
    [
        ("CA", "1 King St, Toronto ON M5V 2T6", "m5v2t6", Verdict.PASSED),
        ("GB", "10 High St, Leeds LS1 4AP, UK", "LS1 4AP", Verdict.PASSED),
        ("GB", "10 High St, Leeds LS1 4AP, UK", "LS1 4AQ", Verdict.FAILED),
        ("DE", "Hauptstr. 5, 10115 Berlin", "10115", Verdict.PASSED),
    ],
)
async def test_postal_codes_are_those_of_the_organisations_country(
    asking: World, region: str, address: str, typed: str, verdict: Verdict
) -> None:
    asking.riverside.identity_check, asking.riverside.region = "zip", region
    await asking.riverside.asave()
    record = record_of("crm", "1", {"address": address})
    assert (await compare_identity(result(asking, record), await viewer(asking), typed, Context())).verdict is verdict


async def test_what_nobody_holds_cannot_be_compared(asking: World) -> None:
    record = record_of("crm", "1", {"name": "Rosa"})
    answered = await compare_identity(result(asking, record), await viewer(asking), "1941-05-02", Context())
    assert answered.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("typed", "is_one"), [("94133", True), ("94133 1234", True), ("9413", False), ("94133abcd", False), ("", False)]
)
def test_only_something_like_a_zip_code_is_an_answer(typed: str, is_one: bool) -> None:
    assert bool(said("zip", typed, "US")) is is_one


async def test_asking_and_skipping_are_on_record_and_skipping_needs_a_reason(asking: World) -> None:
    bea = await viewer(asking)
    await identity_asked(result(asking), bea, Context())
    with pytest.raises(AccessDenied):
        await skip_identity(result(asking), bea, Context(purpose=" - "))
    assert await skip_identity(result(asking), bea, Context(purpose="I know her")) == {("crm", "1")}
    entries = [
        (entry.outcome, entry.purpose) async for entry in AccessEntry.objects.filter(event="identity_check").order_by("seq")
    ]
    assert entries == [("asked", ""), ("skipped", "I know her")]


async def test_nobody_is_checked_of_several_or_of_those_left_or_where_nothing_is_asked(asking: World) -> None:
    bea = await viewer(asking)
    several = result(asking, record_of("crm", "1", ROSA), record_of("crm", "2", ROSA))
    left_over = result(asking, choice=Choice(rejected=frozenset({("crm", "9")})))
    for found in (several, left_over, replace(result(asking), people=())):
        with pytest.raises(AccessDenied):
            await compare_identity(found, bea, "1941-05-02", Context())
    asking.riverside.identity_check = "off"
    await asking.riverside.asave()
    with pytest.raises(AccessDenied):
        await compare_identity(result(asking), bea, "1941-05-02", Context())
    assert await AccessEntry.objects.filter(event="denied").acount() == 4
    assert not await AccessEntry.objects.filter(event="identity_check").aexists()


async def test_a_restricted_client_cannot_be_checked(asking: World) -> None:
    hidden = result(asking, record_of("crm", "1", {**ROSA, "restricted": True}))
    with pytest.raises(AccessDenied):
        await compare_identity(hidden, await viewer(asking), "1941-05-02", Context())
    assert (await compare_identity(hidden, await viewer(asking, "admin"), "1941-05-02", Context())).verdict is Verdict.PASSED


async def test_people_are_not_told_apart_by_what_they_will_be_asked_for(asking: World) -> None:
    luis = {**ROSA, "name": "Luis Castillo", "date_of_birth": "1939-01-01", "language": "Spanish"}
    both = result(asking, record_of("crm", "1", ROSA), record_of("crm", "2", luis))
    for channel in ("panel", "api"):
        shown = await disclose(both, await viewer(asking, "admin", channel), Context())
        assert [card.disambiguator for card in shown.matches] == ["", "Language: Spanish"]
        assert not re.search(r"\b1939\b", repr(shown.matches))


async def test_where_nothing_waits_nothing_is_asked(asking: World) -> None:
    shown = await disclose(result(asking, record_of("crm", "1", {"name": "Rosa"})), await viewer(asking), Context())
    assert shown.question == ""
