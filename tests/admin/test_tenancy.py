"""Nothing crosses organisations: every registered page, as Cy, who is admin of Harbor alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.db import models
from django.test import Client
from django.urls import reverse

from integrations.disclosure import audit
from integrations.disclosure.refusals import flush
from integrations.models import AccessEntry, Connector, Organization, Person, Role, Tier, User
from tests.admin.conftest import denials, page, registered
from tests.factories import World

Filled = dict[type[models.Model], Any]
LogIn = Callable[[Person], Client]


def content(client: Client, url: str) -> str:
    return client.get(url, follow=True).content.decode()


def test_lists_hold_nothing_of_another_organisation(world: World, filled: Filled, log_in: LogIn) -> None:
    cy = log_in(world.cy)
    for model in registered():
        for search in ("", "?q=river", "?q=ann", "?q=CA", "?q=WT"):
            answer = cy.get(reverse(page(model, "changelist")) + search)
            assert answer.status_code in (200, 403), model
            assert "riverside" not in answer.content.decode().lower(), (model, search)


def test_no_page_of_a_row_of_another_organisation_opens(world: World, filled: Filled, log_in: LogIn) -> None:
    cy = log_in(world.cy)
    for model, row in filled.items():
        for action in ("change", "delete", "history"):
            url = reverse(page(model, action), args=[row.pk])
            assert cy.get(url).status_code in (302, 403), (model, action)
            assert "riverside" not in content(cy, url).lower(), (model, action)


def test_nothing_that_is_sent_to_a_row_of_another_organisation_changes_it(world: World, filled: Filled, log_in: LogIn) -> None:
    cy = log_in(world.cy)
    before = {model: model._default_manager.filter(pk=row.pk).values().get() for model, row in filled.items()}
    for model, row in filled.items():
        for action, data in (("change", {"name": "taken", "_save": "1"}), ("delete", {"post": "yes"})):
            assert cy.post(reverse(page(model, action), args=[row.pk]), data).status_code in (302, 403), (model, action)
    for model, row in filled.items():
        assert model._default_manager.filter(pk=row.pk).values().get() == before[model], model


def test_actions_leave_another_organisations_rows_alone(world: World, filled: Filled, log_in: LogIn) -> None:
    cy = log_in(world.cy)
    before = {model: model._default_manager.filter(pk=row.pk).values().get() for model, row in filled.items()}
    for model, row in filled.items():
        for action in ("delete_selected", *(getattr(admin.site._registry[model], "actions", None) or ())):
            cy.post(reverse(page(model, "changelist")), {"action": action, "_selected_action": [row.pk], "post": "yes"})
    for model, row in filled.items():
        assert model._default_manager.filter(pk=row.pk).values().get() == before[model], model


def test_forms_offer_no_row_of_another_organisation(world: World, filled: Filled, log_in: LogIn) -> None:
    theirs = {name for model, row in filled.items() for name in [str(row).lower()] if "riverside" in name}
    assert theirs
    for model in registered():
        answer = log_in(world.cy).get(reverse(page(model, "add")), follow=True)
        assert answer.status_code in (200, 403), model
        assert not [name for name in theirs if name in answer.content.decode().lower()], model


def test_a_tier_of_another_organisation_is_refused_in_a_form(world: World, filled: Filled, log_in: LogIn) -> None:
    facts = {
        "organization": world.riverside.pk,
        "username": "dan",
        "email": "dan@harbor.example",
        "role": "agent",
        "tier": world.riverside.tiers.get(name="admin").pk,
    }
    answer = log_in(world.cy).post(reverse("admin:integrations_person_add"), facts)
    assert answer.status_code == 200
    assert not Person.objects.filter(user__username="dan").exists()


def test_a_forged_organisation_is_overruled(world: World, filled: Filled, log_in: LogIn) -> None:
    facts = {"organization": world.riverside.pk, "name": "kitchen", "rules-TOTAL_FORMS": 0, "rules-INITIAL_FORMS": 0}
    log_in(world.cy).post(reverse("admin:integrations_tier_add"), facts)
    assert not Tier.objects.filter(organization=world.riverside, name="kitchen").exists()
    assert Tier.objects.filter(organization=world.harbor, name="kitchen").exists()


def test_autocompletion_knows_only_the_own_organisation(world: World, filled: Filled, log_in: LogIn) -> None:
    cy = log_in(world.cy)
    asked = 0
    for model in registered():
        for field in model._meta.get_fields():
            if isinstance(field, models.ForeignKey) and field.related_model in admin.site._registry:
                source = {"app_label": model._meta.app_label, "model_name": model._meta.model_name, "field_name": field.name}
                answer = cy.get(reverse("admin:autocomplete"), {**source, "term": ""})
                asked += 1
                if answer.status_code == 200:
                    keys = {int(found["id"]) for found in answer.json()["results"]}
                    row = filled[field.related_model]
                    assert row.pk not in keys, (model, field.name)
    assert asked > 5


def test_opening_a_row_of_another_organisation_is_on_its_record(world: World, filled: Filled, log_in: LogIn) -> None:
    connector = filled[Connector]
    log_in(world.cy).get(reverse("admin:integrations_connector_change", args=[connector.pk]))
    assert denials(world.harbor) == ["open connector in admin"]
    assert denials(world.riverside) == []


def test_agents_and_supervisors_get_no_page_at_all(world: World, filled: Filled, log_in: LogIn) -> None:
    world.user(world.bea).is_staff = True
    world.user(world.bea).save()
    for role in (Role.AGENT, Role.SUPERVISOR):
        world.bea.role = role
        world.bea.save()
        bea = log_in(world.bea)
        urls = [reverse("admin:index"), *(reverse(page(model, "changelist")) for model in registered())]
        for url in urls:
            assert bea.get(url, follow=True).status_code == 403, url
    assert set(denials(world.riverside)) == {"open admin"}


def test_an_admin_who_was_deactivated_gets_no_page(world: World, log_in: LogIn) -> None:
    world.cy.active = False
    world.cy.save()
    assert log_in(world.cy).get(reverse("admin:index"), follow=True).status_code == 403


def test_strangers_are_sent_to_the_portals_log_in(world: World) -> None:
    answer = Client().get(reverse("admin:integrations_person_changelist"), follow=True)
    url, _status = answer.redirect_chain[-1]
    assert url.startswith(reverse("login") + "?next=")
    assert "integrations/person" in url


def test_superusers_see_every_organisation(root: Client, filled: Filled) -> None:
    for model, row in filled.items():
        listed = root.get(reverse(page(model, "changelist")))
        assert listed.status_code == 200, model
        assert listed.context["cl"].result_count >= 1, model
        assert root.get(reverse(page(model, "change"), args=[row.pk])).status_code == 200, model


def test_every_page_renders_for_an_organisations_admin(world: World, filled: Filled, log_in: LogIn) -> None:
    ann = log_in(world.ann)
    assert ann.get(reverse("admin:index")).status_code == 200
    for model, row in filled.items():
        if model is User:  # for superusers alone
            assert ann.get(reverse(page(model, "changelist"))).status_code == 403
            continue
        pages = [reverse(page(model, "changelist"))]
        pages += [reverse(page(model, action), args=[row.pk]) for action in ("change", "history")]
        assert [ann.get(url).status_code for url in pages] == [200, 200, 200], model
        assert ann.get(reverse(page(model, "add"))).status_code in (200, 403), model


def test_somebody_who_is_admin_twice_sees_both_organisations_and_no_third(world: World, log_in: LogIn) -> None:
    Person.objects.create(organization=world.riverside, user=world.cy.user, role=Role.ADMIN, tier=world.riverside.tiers.first())
    third = Organization.objects.create(slug="third", name="Third")
    cy = log_in(world.cy)
    listed = cy.get(reverse("admin:integrations_organization_changelist")).context["cl"].queryset
    assert set(listed) == {world.riverside, world.harbor}
    offered = cy.get(reverse("admin:integrations_tier_add")).content.decode()
    assert "Harbor Food Pantry" in offered
    assert third.name not in offered


def test_the_reserved_organisation_is_for_superusers(world: World, root: Client, log_in: LogIn) -> None:
    system = Organization.objects.system()
    assert root.get(reverse("admin:integrations_organization_change", args=[system.pk])).status_code == 200
    assert log_in(world.ann).get(reverse("admin:integrations_organization_change", args=[system.pk])).status_code == 302


def test_a_refused_page_is_on_the_record_of_the_admins_organisation(world: World, log_in: LogIn) -> None:
    assert log_in(world.ann).get(reverse("admin:integrations_organization_add")).status_code == 403
    assert denials(world.riverside) == ["open integrations_organization_add in admin"]


def test_every_try_at_a_row_of_another_organisation_is_on_record(world: World, filled: Filled, log_in: LogIn) -> None:
    cy = log_in(world.cy)
    for model, row in filled.items():
        for action in ("change", "delete", "history"):
            cy.get(reverse(page(model, action), args=[row.pk]))
    flush()
    rows = AccessEntry.objects.filter(organization=world.harbor, event="denied")
    said = [row.detail["what"] for row in rows for _time in range(row.detail["count"])]
    assert denials(world.riverside) == []
    # Beside those, what no admin may do at all.
    expected = {f"open {model._meta.model_name} in admin": 3 for model in filled}
    assert {what: said.count(what) for what in said if what in expected} == expected


def test_columns_of_another_table_cannot_be_asked_by_address(world: World, filled: Filled, log_in: LogIn) -> None:
    for query in ("organization__audit_secret__isnull=0", "user__password__startswith=a", "tier__organization__slug=riverside"):
        assert log_in(world.cy).get(reverse("admin:integrations_person_changelist") + "?" + query).status_code == 400, query


def test_a_rule_of_another_organisations_tier_cannot_be_taken(world: World, filled: Filled, log_in: LogIn) -> None:
    theirs = world.riverside.tiers.get(name="basic").rules.get(target="financial")
    own = world.harbor.tiers.get(name="basic")
    facts = {
        "name": "basic",
        "rules-TOTAL_FORMS": 1,
        "rules-INITIAL_FORMS": 1,
        "rules-0-id": theirs.pk,
        "rules-0-tier": own.pk,
        "rules-0-target": "financial",
        "rules-0-effect": "clear",
    }
    log_in(world.cy).post(reverse("admin:integrations_tier_change", args=[own.pk]), facts)
    theirs.refresh_from_db()
    assert (theirs.tier.organization, theirs.effect) == (world.riverside, "reveal")


def test_whoever_has_several_organisations_sees_which_tier_is_whose(world: World, root: Client) -> None:
    added = root.get(reverse("admin:integrations_apikey_add")).context["adminform"].form
    assert "Harbor Food Pantry: basic" in [label for _value, label in added.fields["tier"].choices]
    changed = root.get(reverse("admin:integrations_person_change", args=[world.bea.pk])).context["adminform"].form
    assert {tier.organization for tier in changed.fields["tier"].queryset} == {world.riverside}


def test_entries_of_several_chains_stand_in_the_order_in_which_they_were_written(world: World, root: Client) -> None:
    for organization, what in ((world.riverside, "first"), (world.riverside, "second"), (world.harbor, "third")):
        entry = audit.Entry(organization_id=organization.pk, event="denied", actor_kind="anonymous", outcome=what)
        audit.record_now(entry)
    shown = root.get(reverse("admin:integrations_accessentry_changelist")).context["cl"].result_list
    assert [row.outcome for row in shown if row.event == "denied"] == ["third", "second", "first"]


@pytest.mark.parametrize(
    "query",
    ["at__year=99999", "at__year=0", "at__year=x", "at__year=99999999999999999999", "at__month=13", "at__gte=nonsense",
     "organization__id__exact=99999999999999999999", "organization__in=1,99999999999999999999", "p=99999999999999999999"],
)  # fmt: skip
def test_a_list_that_is_asked_for_what_cannot_be_is_shown_as_a_whole(world: World, root: Client, query: str) -> None:
    answer = root.get(f"{reverse('admin:integrations_accessentry_changelist')}?{query}", follow=True)
    assert answer.status_code == 200
    assert answer.context["cl"].model is AccessEntry


@pytest.mark.parametrize(
    ("model", "query"),
    [("apikey", "hash__startswith=a"), ("apikey", "hash=a"), ("call", "number_index__gt=a"), ("call", "number=a"),
     ("accessentry", "subject_key__startswith=a"), ("accessentry", "at__second=1"), ("accessentry", "prev_hash__contains=a"),
     ("connector", "secrets__contains=a"), ("connector", "organization__audit_secret__startswith=a"),
     ("person", "user__password__startswith=p"), ("person", "role__startswith=a"), ("call", "created_at__second=1")],
)  # fmt: skip
def test_a_list_is_asked_by_its_own_filters_only(world: World, log_in: LogIn, model: str, query: str) -> None:
    url = reverse(f"admin:integrations_{model}_changelist")
    assert log_in(world.ann).get(f"{url}?{query}").status_code == 400


@pytest.mark.parametrize(
    ("model", "query"),
    [("accessentry", "event__exact=lookup"), ("accessentry", "at__gte=2026-01-01 00:00:00%2B00:00"),
     ("person", "role__exact=admin"),
     ("person", "active__exact=1"), ("call", "direction__exact=inbound"), ("connector", "enabled__exact=1"),
     ("connector", "q=crm")],
)  # fmt: skip
def test_and_by_those_as_before(world: World, log_in: LogIn, model: str, query: str) -> None:
    assert log_in(world.ann).get(reverse(f"admin:integrations_{model}_changelist") + f"?{query}").status_code == 200
