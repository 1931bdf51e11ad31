"""Rules of the menu: which of them fit, what a flow gets, and that no bad one costs the others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from integrations.disclosure import Disclosed
from integrations.models import CustomField, MenuRule, Organization
from integrations.models.people import Effect
from integrations.profile import FIELDS
from integrations.routing import menu
from integrations.routing.menu import menu_for, rules_of
from tests.factories import World

SPANISH = {"field": "language", "one_of": ["es", "Spanish"]}
VIP = {"field": "vip_status", "is": True}
OWES = {"field": "outstanding_balance", "above": 0}


def rule(organization: Organization, name: str, conditions: Any, **gives: Any) -> MenuRule:
    row = MenuRule(organization=organization, name=name, conditions=conditions, **gives)
    row.full_clean()
    row.save()
    return row


def shown(effect: Effect = Effect.CLEAR, **values: Any) -> dict[str, Disclosed]:
    return {name: Disclosed(FIELDS[name], effect, value, "crm", datetime.now(UTC), False) for name, value in values.items()}


async def given(world: World, caller: dict[str, Disclosed]) -> dict[str, Any]:
    return menu_for(caller, await rules_of(world.riverside.pk)).values


@pytest.fixture
def rules(world: World) -> None:
    riverside = world.riverside
    rule(riverside, "Spanish", SPANISH, position=10, options=["spanish", "billing"], language="es", greeting="Bienvenidos.")
    rule(riverside, "important", {"any": [VIP, OWES]}, position=20, queue="Care team", priority=10, options=["billing"])
    rule(riverside, "everybody", {}, position=30, options=["appointments", "billing"], greeting="Welcome to Riverside.")
    rule(riverside, "off", {}, position=1, enabled=False, greeting="Never said.")
    rule(world.harbor, "Harbor", {}, position=1, queue="Harbor")


async def test_each_value_comes_from_the_first_rule_that_fits_and_gives_it(world: World, rules: None) -> None:
    assert await given(world, shown(language="es", vip_status=True)) == {
        "menu_option": "spanish",
        "menu_options": "spanish,billing",
        "menu_greeting": "Bienvenidos.",
        "menu_queue": "Care team",
        "menu_priority": 10,
        "language": "es",
    }
    assert await given(world, {}) == {
        "menu_option": "appointments",
        "menu_options": "appointments,billing",
        "menu_greeting": "Welcome to Riverside.",
    }


@pytest.mark.parametrize("effect", [Effect.MASK, Effect.REVEAL])
async def test_what_is_not_shown_in_the_clear_decides_nothing(world: World, rules: None, effect: Effect) -> None:
    caller = shown(effect, vip_status=True, outstanding_balance={"amount_minor": 100, "currency": "USD"})
    assert "menu_queue" not in await given(world, caller)


async def test_a_value_that_is_too_old_decides_nothing(world: World, rules: None) -> None:
    caller = {name: field._replace(outdated=True) for name, field in shown(vip_status=True).items()}
    assert "menu_queue" not in await given(world, caller)


async def test_a_priority_of_zero_is_given(world: World) -> None:
    await MenuRule.objects.acreate(organization=world.riverside, name="last", priority=0)
    assert await given(world, {}) == {"menu_priority": 0}


async def test_a_rule_that_can_no_longer_be_used_is_left_out_and_logged(
    world: World, rules: None, caplog: pytest.LogCaptureFixture
) -> None:
    await MenuRule.objects.acreate(organization=world.riverside, name="gone", position=1, queue="Nowhere", conditions={
        "field": "shoe_size", "is": "9"
    })  # fmt: skip
    found = await rules_of(world.riverside.pk)
    assert found.unusable == ("gone",)
    assert (await given(world, shown(vip_status=True)))["menu_queue"] == "Care team"
    assert "menu.rule_unusable" in caplog.text
    assert "gone" in caplog.text


async def test_a_rule_that_breaks_costs_no_other(world: World, rules: None, caplog: pytest.LogCaptureFixture) -> None:
    found = await rules_of(world.riverside.pk)

    class Breaking:
        def decide(self, *_: Any) -> bool:
            raise RuntimeError("rosa@mail.org")

    broken = menu.Rule("broken", Breaking(), {"queue": "Nowhere"})  # type: ignore[arg-type]
    both = menu.Rules((broken, *found.rules))
    assert menu_for(shown(vip_status=True), both).queue == "Care team"
    assert "broken" in caplog.text
    assert "rosa" not in caplog.text


async def test_a_change_counts_at_once(world: World, rules: None) -> None:
    assert (await given(world, {}))["menu_greeting"] == "Welcome to Riverside."
    row = await MenuRule.objects.aget(name="everybody")
    row.greeting = "Good evening."
    await row.asave()
    assert (await given(world, {}))["menu_greeting"] == "Good evening."


async def test_days_are_those_of_the_organisation(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # In Los Angeles it is still the 29th.
    monkeypatch.setattr(menu, "datetime", Frozen)
    await MenuRule.objects.acreate(
        organization=world.riverside, name="today", queue="Front desk", conditions={"field": "last_visit", "is": "today"}
    )
    assert await given(world, shown(last_visit="2026-11-29")) == {"menu_queue": "Front desk"}
    assert await given(world, shown(last_visit="2026-11-30")) == {}


class Frozen(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> Frozen:
        return cls(2026, 11, 30, 4, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "Say what the rule gives"),
        ({"queue": "a", "conditions": {"field": "nope", "is": "x"}}, "There is no field called nope"),
        ({"queue": "a", "conditions": {"field": "email", "is": "x@x.org"}}, "There is no field called email"),
        ({"queue": "a", "conditions": {"field": "ssn", "is": "x"}}, "There is no field called ssn"),
        ({"queue": "a", "conditions": {"all": [VIP, {"field": "language", "is": 3}]}}, "Line 2: Give a text"),
        ({"greeting": 'Say "hello"'}, "without quotation marks"),
        ({"greeting": "{{trigger.call.From}}"}, "without quotation marks"),
        ({"queue": "é" * 20}, "each with an accent counts as six"),
        ({"options": ["a,b"]}, "letters from a to z"),
        ({"options": ["a"] * 11}, "at most 10"),
        ({"language": "Spanish"}, "code of a language"),
        ({"priority": 10_001}, "10000"),
    ],
)
def test_what_cannot_be_used_is_refused_when_it_is_saved(world: World, facts: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        MenuRule(organization=world.riverside, name="x", **facts).full_clean()
    assert words in str(refused.value)


def test_a_field_of_the_organisations_own_can_be_asked(world: World) -> None:
    CustomField.objects.create(
        organization=world.riverside, name="case_worker", label="Case worker", type="text", sensitivity="basic"
    )
    condition = {"field": "case_worker", "is": "Bea"}
    rule(world.riverside, "own", condition, queue="Bea")
    with pytest.raises(ValidationError):
        rule(world.harbor, "own", condition, queue="Bea")
