from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from integrations.disclosure import Context, Disclosure, DisclosureSession, Viewer, audit, disclose, reveal
from integrations.disclosure.context import clean_reason
from integrations.disclosure.fields import MAX_RULES, disclosed_fields
from integrations.disclosure.matches import DISAMBIGUATORS, match_id
from integrations.disclosure.policy import IdentityGate, Policy
from integrations.disclosure.viewers import authorise, viewer_of_person
from integrations.errors import AccessDenied, AuditUnavailable
from integrations.lookup import LookupResult, LookupStatus
from integrations.lookup.merge import merge
from integrations.models import AccessEntry, Person, TierRule
from integrations.phone import classify
from integrations.profile import FIELDS, Match, Sensitivity, SourceRecord
from tests.factories import World

ROSA: dict[str, Any] = {
    "name": "Rosa Castillo",
    "email": "rosa@mail.org",
    "date_of_birth": "1941-05-02",
    "outstanding_balance": {"amount_minor": 4250, "currency": "USD"},
    "dietary_restrictions": "No nuts",
    "notes": "Prefers mornings",
    "last_visit": "2026-10-01",
}


def viewer(person: Person) -> Viewer:
    return viewer_of_person(person, channel="panel", address="127.0.0.1")


def result_of(world: World, *people: dict[str, Any], conflicting: dict[str, Any] | None = None) -> LookupResult:
    merged = []
    for index, fields in enumerate(people):
        records = [SourceRecord("clients", str(index), fields, (Match("phone", "(415) 555-0123"),))]
        if conflicting:
            records.append(SourceRecord("crm", str(index), conflicting))
        merged.append(merge(records, {"clients": 1, "crm": 2}, FIELDS, "US"))
    status = (LookupStatus.NOT_FOUND, LookupStatus.OK, LookupStatus.AMBIGUOUS)[min(len(people), 2)]
    number = classify("+14155550123", "US")
    return LookupResult(world.riverside.pk, number, status, tuple(merged), (), datetime.now(UTC))


async def show(world: World, person: Person, result: LookupResult) -> Disclosure:
    return await disclose(result, viewer(person), Context(call_sid="CA1"))


async def test_a_basic_agent_gets_clear_masked_and_revealable_fields(world: World) -> None:
    shown = await show(world, world.bea, result_of(world, ROSA))
    assert shown.caller["name"] == "Rosa Castillo"
    assert shown.caller["email"] == "r•••@mail.org"
    assert shown.caller["date_of_birth"] == "1941"
    assert "outstanding_balance" not in shown.caller
    assert shown.fields["outstanding_balance"].revealable
    assert shown.fields["outstanding_balance"].value is None
    assert not shown.fields["email"].revealable


async def test_an_admin_sees_all_in_the_clear(world: World) -> None:
    assert (await show(world, world.ann, result_of(world, ROSA))).caller == ROSA


async def test_a_tier_without_rules_sees_nothing(world: World) -> None:
    await TierRule.objects.filter(tier=world.bea.tier).adelete()
    shown = await show(world, world.bea, result_of(world, ROSA))
    assert shown.fields == {}


async def test_a_field_rule_beats_a_sensitivity_rule(world: World) -> None:
    await TierRule.objects.acreate(tier=world.bea.tier, target="name", effect="hide")
    assert "name" not in (await show(world, world.bea, result_of(world, ROSA))).fields


async def test_no_rule_can_show_a_never_field(world: World) -> None:
    for target in ("ssn", "never"):
        await TierRule.objects.acreate(tier=world.ann.tier, target=target, effect="clear")
    planted = result_of(world, {**ROSA, "ssn": "078-05-1120"})
    assert "ssn" not in (await show(world, world.ann, planted)).fields


async def test_conflicts_pass_the_same_effect(world: World) -> None:
    other = {"email": "rosa.c@other.org", "outstanding_balance": {"amount_minor": 1, "currency": "USD"}}
    shown = await show(world, world.bea, result_of(world, ROSA, conflicting=other))
    assert shown.fields["email"].conflicts == (("crm", "r•••@other.org"),)
    assert shown.fields["outstanding_balance"].conflicts == ()


async def test_several_people_show_a_disambiguator_and_nothing_else(world: World) -> None:
    shown = await show(
        world, world.ann, result_of(world, ROSA, {**ROSA, "name": "Luis Castillo", "date_of_birth": "1938-01-01"})
    )
    assert shown.caller == {}
    assert shown.fields == {}
    assert [(card.name, card.disambiguator) for card in shown.matches] == [
        ("Rosa Castillo", "Date of birth: 1941"),
        ("Luis Castillo", "Date of birth: 1938"),
    ]
    assert len({card.match_id for card in shown.matches}) == 2


async def test_a_card_tells_the_number_only_to_whoever_may_see_it(world: World) -> None:
    result = result_of(world, ROSA, {**ROSA, "name": "Luis Castillo"})
    assert {card.why for card in (await show(world, world.bea, result)).matches} == {"clients: phone (415) 555-0123"}
    for effect in ("mask", "reveal", "hide"):
        await TierRule.objects.aupdate_or_create(tier=world.bea.tier, target="phone", defaults={"effect": effect})
        assert {card.why for card in (await show(world, world.bea, result)).matches} == {"clients"}


async def test_a_card_tells_nothing_that_waits_for_a_reason(world: World) -> None:
    for target in ("name", *DISAMBIGUATORS):
        await TierRule.objects.aupdate_or_create(tier=world.bea.tier, target=target, defaults={"effect": "reveal"})
    cards = (await show(world, world.bea, result_of(world, ROSA, {**ROSA, "name": "Luis", "date_of_birth": "1938"}))).matches
    assert [(card.name, card.disambiguator) for card in cards] == [("", "")] * 2


def test_a_match_is_named_otherwise_in_each_organisation(world: World) -> None:
    (person,) = result_of(world, ROSA).people
    assert len({match_id(person, organization.pk) for organization in (world.riverside, world.harbor)}) == 2


async def test_what_tells_people_apart_is_what_differs(world: World) -> None:
    shown = await show(world, world.ann, result_of(world, ROSA, {**ROSA, "last_visit": "2025-01-01"}))
    assert [card.disambiguator for card in shown.matches] == ["Last visit: Oct 1, 2026", "Last visit: Jan 1, 2025"]
    entry = await AccessEntry.objects.aget()
    assert [field["field"] for field in entry.fields] == ["name", "last_visit"]


async def test_the_entry_names_fields_and_effects_and_holds_no_value(world: World) -> None:
    await show(world, world.bea, result_of(world, ROSA))
    entry = await AccessEntry.objects.aget()
    assert {"field": "email", "effect": "mask", "sources": ["clients"]} in entry.fields
    assert {"field": "notes", "effect": "mask", "sources": ["clients"]} in entry.fields
    assert (entry.actor_label, entry.tier, entry.call_sid, entry.event) == ("Bea", "basic", "CA1", "lookup")
    everything = str(entry.__dict__)
    # As words: the entry's hashes may hold any four digits.
    assert not re.search(r"\b(Rosa|rosa@\w+|1941|nuts|\d*4155550123)\b", everything)


async def test_without_a_committed_entry_nothing_is_returned(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_entry: object) -> None:
        raise AuditUnavailable

    monkeypatch.setattr(audit, "record", refuse)
    with pytest.raises(AuditUnavailable):
        await show(world, world.ann, result_of(world, ROSA))
    with pytest.raises(AuditUnavailable):
        await reveal(result_of(world, ROSA), viewer(world.bea), "outstanding_balance", Context(purpose="bill"))


async def test_what_could_not_be_put_on_record_is_not_taken_for_shown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_entry: object) -> None:
        raise AuditUnavailable

    session = DisclosureSession(viewer(world.bea), Context())
    with monkeypatch.context() as failing:
        failing.setattr(audit, "record", refuse)
        with pytest.raises(AuditUnavailable):
            await session.disclose(result_of(world, ROSA))
    shown = await session.disclose(result_of(world, ROSA))
    entry = await AccessEntry.objects.aget()
    assert {row["field"] for row in entry.fields} == set(shown.fields)


async def test_a_result_of_another_organisation_is_refused(world: World) -> None:
    result = replace(result_of(world, ROSA), organization_id=world.harbor.pk)
    with pytest.raises(AccessDenied):
        await show(world, world.ann, result)


async def test_a_reveal_gives_one_value_and_an_entry_with_the_reason(world: World) -> None:
    shown = await reveal(
        result_of(world, ROSA), viewer(world.bea), "outstanding_balance", Context(purpose="asked about the bill")
    )
    assert shown.value == {"amount_minor": 4250, "currency": "USD"}
    entry = await AccessEntry.objects.aget()
    assert (entry.event, entry.purpose) == ("reveal", "asked about the bill")
    assert entry.fields == [{"field": "outstanding_balance", "effect": "revealed", "sources": ["clients"]}]


@pytest.mark.parametrize(
    ("field", "reason"),
    [("email", "curious"), ("ssn", "curious"), ("no_such_field", "x"), ("outstanding_balance", ""), ("address", "not there")],
)
async def test_a_reveal_that_is_not_due_is_refused_and_on_record(world: World, field: str, reason: str) -> None:
    with pytest.raises(AccessDenied):
        await reveal(result_of(world, ROSA), viewer(world.bea), field, Context(purpose=reason))
    entry = await AccessEntry.objects.aget()
    assert entry.event == "denied"


async def test_no_reason_reveals_what_a_rule_hides(world: World) -> None:
    await TierRule.objects.acreate(tier=world.bea.tier, target="outstanding_balance", effect="hide")
    with pytest.raises(AccessDenied):
        await reveal(result_of(world, ROSA), viewer(world.bea), "outstanding_balance", Context(purpose="asked"))
    assert await AccessEntry.objects.filter(event="denied", outcome="hide").acount() == 1


async def test_no_reveal_before_one_person_is_chosen(world: World) -> None:
    with pytest.raises(AccessDenied):
        await reveal(result_of(world, ROSA, ROSA), viewer(world.bea), "outstanding_balance", Context(purpose="bill"))


async def test_cy_is_refused_and_the_refusal_is_on_her_own_chain(world: World) -> None:
    with pytest.raises(AccessDenied):
        await sync_to_async(authorise)(world.user(world.cy), "riverside", channel="panel", address="127.0.0.1")
    entry = await AccessEntry.objects.select_related("organization").aget()
    assert (entry.organization.slug, entry.event, entry.actor_label) == ("harbor", "denied", "cy")


async def test_a_superuser_without_a_person_sees_no_callers(world: World) -> None:
    user = world.user(world.cy)
    user.is_superuser = True
    await user.asave()
    with pytest.raises(AccessDenied):
        await sync_to_async(authorise)(user, "riverside", channel="panel", address="")


async def test_a_deactivated_person_is_refused(world: World) -> None:
    await Person.objects.filter(pk=world.bea.pk).aupdate(active=False)
    with pytest.raises(AccessDenied):
        await sync_to_async(authorise)(world.user(world.bea), "riverside", channel="panel", address="")


async def test_a_value_that_is_too_old_leaves_its_place_to_whoever_may_see_it(world: World) -> None:
    kept = SourceRecord("clients", "1", {"name": "Rosa"}, stale=True, outdated=("outstanding_balance", "dietary_restrictions"))
    aged = merge([kept], {}, FIELDS, "US")
    result = replace(result_of(world, ROSA), people=(aged,))
    await TierRule.objects.filter(tier=world.bea.tier, target="health").adelete()
    shown = await show(world, world.bea, result)
    balance = shown.fields["outstanding_balance"]
    assert (balance.value, balance.outdated, balance.revealable, balance.withheld) == (None, True, False, True)
    assert "outstanding_balance" not in shown.caller
    assert "dietary_restrictions" not in shown.fields  # no rule, so not even that there is one
    with pytest.raises(AccessDenied):
        await reveal(result, viewer(world.bea), "outstanding_balance", Context(purpose="asked"))
    entry = await AccessEntry.objects.filter(event="lookup").alast()
    assert entry is not None
    assert {"field": "outstanding_balance", "effect": "outdated", "sources": ["clients"]} in entry.fields


async def test_of_one_person_each_tier_sees_its_own_however_often_they_look(world: World) -> None:
    result = result_of(world, ROSA)
    for _time in range(2):
        assert (await show(world, world.ann, result)).caller == ROSA
        basic = await show(world, world.bea, result)
        assert (basic.caller["email"], basic.fields["outstanding_balance"].value) == ("r•••@mail.org", None)
    assert await AccessEntry.objects.acount() == 4


async def test_of_one_person_a_changed_rule_counts_at_once(world: World) -> None:
    result = result_of(world, ROSA)
    for _time in range(2):
        assert "name" in (await show(world, world.bea, result)).fields
    await TierRule.objects.acreate(tier=world.bea.tier, target="name", effect="hide")
    assert "name" not in (await show(world, world.bea, result)).fields


async def test_of_one_person_a_changed_word_counts_at_once(world: World) -> None:
    result = result_of(world, ROSA)
    await show(world, world.bea, result)
    hidden = {**FIELDS, "name": replace(FIELDS["name"], sensitivity=Sensitivity.NEVER)}
    shown = await show(world, world.bea, replace(result, vocabulary=hidden))
    assert "name" not in shown.fields


async def test_of_one_person_only_so_much_is_kept(world: World) -> None:
    (person,) = result_of(world, ROSA).people
    for number in range(40):
        policy = Policy({"name": "clear" if number % 2 else "hide"})
        assert ("name" in disclosed_fields(person, policy, FIELDS, IdentityGate.OPEN)) is bool(number % 2)
    assert len(person.shown) <= MAX_RULES


async def test_of_one_person_before_a_check_nothing_is_seen_of_after_it(world: World) -> None:
    (person,) = result_of(world, ROSA).people
    policy = Policy({"financial": "clear"}, question="birth_date")
    for _time in range(2):
        seen = {gate: disclosed_fields(person, policy, FIELDS, gate).get("outstanding_balance") for gate in IdentityGate}
        assert seen[IdentityGate.CLOSED] is None
        assert seen[IdentityGate.VERIFY] is not None
        assert seen[IdentityGate.VERIFY].value is None
        assert seen[IdentityGate.OPEN] is not None
        assert seen[IdentityGate.OPEN].value == ROSA["outstanding_balance"]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("asked for it", "asked for it"), ("\u200bbill\u3164 due", "bill due"), ("問", "問"), ("é", "é"),
     ("", ""), ("  ", ""), ("12345", ""), ("- . !", ""), ("\u3164\u115f\uffa0", ""), ("\u200b\u2060", ""), ("\u2800", ""),
     ("1\ufe0f2\u20e3", ""), ("٣٤", ""), ("½²①", ""), ("\u17b4\u17b5", ""), ("\U000e0041", ""), ("\ue000", "")],
)  # fmt: skip
def test_a_reason_holds_letters_that_can_be_seen(typed: str, kept: str) -> None:
    assert clean_reason(typed) == kept
