"""Rules of the menu are entered line by line, and tried with a number before anybody calls."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.disclosure import audit
from integrations.errors import AuditUnavailable
from integrations.models import AccessEntry, MenuRule, Person
from tests.admin.conftest import admin_changes
from tests.factories import World
from tests.known_callers import ROSA, Source, install_fake_kind

LogIn = Callable[[Person], Client]
ADD = "admin:integrations_menurule_add"
TRY = "admin:integrations_menurule_try_rules"


@pytest.fixture
def source(world: World, monkeypatch: pytest.MonkeyPatch) -> Source:
    install_fake_kind(monkeypatch)
    return Source(world)


def sent(*lines: tuple[str, str, str], how: str = "all", **facts: Any) -> dict[str, Any]:
    """What a browser sends of the form."""
    data: dict[str, Any] = {"name": "first", "enabled": "on", "position": 100, "queue": "Care team", "conditions-how": how}
    for at, (field, comparison, value) in enumerate([*lines, ("", "", "")]):
        data |= {f"conditions-{at}-field": field, f"conditions-{at}-comparison": comparison, f"conditions-{at}-value": value}
    return data | facts


def refused(client: Client, data: dict[str, Any]) -> str:
    answer = client.post(reverse(ADD), data)
    assert answer.status_code == 200
    assert not MenuRule.objects.exists()
    return html.unescape(answer.content.decode())


def test_a_rule_is_entered_line_by_line(world: World, log_in: LogIn) -> None:
    lines = [
        ("language", "one_of", "es, Spanish"),
        ("vip_status", "is", "yes"),
        ("outstanding_balance", "above", "12.50"),
        ("last_visit", "on_or_before", "30 days ago"),
        ("programs", "known", ""),
    ]
    ann = log_in(world.ann)
    assert ann.post(reverse(ADD), sent(*lines, how="any", options="spanish, billing")).status_code == 302
    rule = MenuRule.objects.get(organization=world.riverside)
    assert rule.options == ["spanish", "billing"]
    assert rule.conditions == {
        "any": [
            {"field": "language", "one_of": ["es", "Spanish"]},
            {"field": "vip_status", "is": True},
            {"field": "outstanding_balance", "above": 12.5},
            {"field": "last_visit", "on_or_before": "30 days ago"},
            {"field": "programs", "known": True},
        ]
    }
    assert admin_changes(world.riverside)[0]["model"] == "menurule"
    change = reverse("admin:integrations_menurule_change", args=[rule.pk])
    page = ann.get(change).content.decode()
    for value in ("es, Spanish", "12.5", "30 days ago"):
        assert f'value="{value}"' in page
    # Saved as it is shown, nothing changes.
    before = MenuRule.objects.filter(pk=rule.pk).values().get()
    as_shown = [*lines[:2], ("outstanding_balance", "above", "12.5"), *lines[3:4], ("programs", "known", "yes")]
    ann.post(change, sent(*as_shown, how="any", options="spanish, billing"))
    assert MenuRule.objects.filter(pk=rule.pk).values().get() == before
    assert len(admin_changes(world.riverside)[-1]["changed"]) == 0


def test_without_a_line_it_fits_everybody(world: World, log_in: LogIn) -> None:
    log_in(world.ann).post(reverse(ADD), sent())
    assert MenuRule.objects.get().conditions == {}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("vip_status", "is", "perhaps"), "Line 1: The field says yes or no"),
        (("outstanding_balance", "above", "much"), "Line 1: Give an amount"),
        (("language", "above", "3"), "Line 1: language cannot be asked this."),
        (("language", "", "es"), "Line 1: choose how to compare."),
        (("ssn", "is", "078"), "Line 1: There is no field called ssn."),
    ],
)
def test_a_line_that_cannot_be_used_is_named(world: World, log_in: LogIn, line: Any, words: str) -> None:
    assert words in refused(log_in(world.ann), sent(line))


def test_a_rule_that_gives_nothing_is_refused(world: World, log_in: LogIn) -> None:
    assert "Say what the rule gives" in refused(log_in(world.ann), sent(queue=""))


def test_conditions_that_no_table_holds_stand_in_brackets(world: World, log_in: LogIn) -> None:
    nested = {"all": [{"not": {"field": "language", "is": "es"}}]}
    rule = MenuRule.objects.create(organization=world.riverside, name="first", queue="Care team", conditions=nested)
    ann, change = log_in(world.ann), reverse("admin:integrations_menurule_change", args=[rule.pk])
    assert "in more than one way" in ann.get(change).content.decode()
    text = '{"not": {"field": "language", "is": "en"}}'
    assert ann.post(change, sent(**{"conditions-text": text})).status_code == 302
    rule.refresh_from_db()
    assert rule.conditions == {"not": {"field": "language", "is": "en"}}
    assert "not an object in curly brackets" in ann.post(change, sent(**{"conditions-text": "{nope"})).content.decode()


def test_the_list_says_what_each_gives_and_which_cannot_be_used(world: World, log_in: LogIn) -> None:
    bad = {"field": "shoe_size", "is": "9"}
    MenuRule.objects.create(organization=world.riverside, name="bad", queue="Care team", priority=5, conditions=bad)
    page = log_in(world.ann).get(reverse("admin:integrations_menurule_changelist")).content.decode()
    assert "queue: Care team · priority: 5" in page
    assert "There is no field called shoe_size." in page


# -- Trying them ---------------------------------------------------------------------------------------------------


@pytest.fixture
def rules(world: World) -> None:
    owes = {"field": "outstanding_balance", "above": 0}
    active = {"all": [{"field": "status", "is": "active"}, {"field": "language", "is": "es"}]}
    make = MenuRule.objects.create
    make(organization=world.riverside, name="spanish", position=1, greeting="Bienvenidos.", conditions=active)
    make(organization=world.riverside, name="owes", position=2, queue="Billing", conditions=owes)
    make(organization=world.riverside, name="everybody", position=3, greeting="Welcome.")
    make(organization=world.harbor, name="theirs", greeting="Harbor")


def tried(client: Client, person: Person, tier: str, number: str = "(415) 555-0123") -> str:
    row = person.organization.tiers.get(name=tier)
    answer = client.post(reverse(TRY), {"number": number, "tier": row.pk})
    assert "no-store" in answer["Cache-Control"]
    return " ".join(html.unescape(answer.content.decode()).split())


def test_it_is_shown_which_rules_fit_and_why_the_others_do_not(
    world: World, log_in: LogIn, source: Source, rules: None
) -> None:
    page = tried(log_in(world.ann), world.ann, "admin")
    assert "<code>menu_queue</code> Billing" in page
    assert "<code>menu_greeting</code> Welcome." in page
    assert "Language is es: not known" in page
    assert "Status is active: yes" in page
    assert "Harbor" not in page
    entry = AccessEntry.objects.get(event="lookup")
    assert (entry.channel, entry.purpose) == ("admin", "Trying the menu rules as the tier admin")
    assert {shown["field"] for shown in entry.fields} == {"status", "outstanding_balance"}


def test_a_tier_that_does_not_see_a_field_is_not_routed_by_it(world: World, log_in: LogIn, source: Source, rules: None) -> None:
    page = tried(log_in(world.ann), world.ann, "basic")
    assert "menu_queue" not in page
    assert "Outstanding balance is more than 0: not known" in page


def test_nobody_learns_by_a_rule_what_they_do_not_see(world: World, log_in: LogIn, source: Source, rules: None) -> None:
    world.ann.tier = world.bea.tier
    world.ann.save()
    page = tried(log_in(world.ann), world.ann, "admin")
    assert "menu_queue" not in page
    assert "you do not, so they count as not known here: Outstanding balance" in page


def test_nothing_is_shown_where_it_cannot_be_put_on_record(
    world: World, log_in: LogIn, source: Source, rules: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise AuditUnavailable

    monkeypatch.setattr(audit, "record", full)
    page = tried(log_in(world.ann), world.ann, "admin")
    assert "menu_greeting" not in page
    assert 'role="alert"' in page


def test_another_organisations_tier_cannot_be_tried(world: World, log_in: LogIn, source: Source, rules: None) -> None:
    source.answers(people=[ROSA])
    page = tried(log_in(world.cy), world.ann, "admin")
    assert "Riverside" not in page
    assert "Select a valid choice" in page
    assert not AccessEntry.objects.filter(event="lookup").exists()


def test_a_superuser_who_is_none_of_its_people_sees_no_caller(world: World, root: Client, source: Source, rules: None) -> None:
    assert "Only people of this organisation can try its rules" in tried(root, world.ann, "admin")


def test_a_withheld_number_and_one_that_is_none_are_answered(world: World, log_in: LogIn, source: Source, rules: None) -> None:
    ann = log_in(world.ann)
    assert "<code>menu_greeting</code> Welcome." in tried(ann, world.ann, "basic", "anonymous")
    assert 'role="alert"' in tried(ann, world.ann, "basic", "12")
