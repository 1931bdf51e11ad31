"""The admin's lists say in words what they tell of: times in the organisation's zone, effects, kinds, and nothing at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from integrations.disclosure import audit
from integrations.models import Call, Organization, Person, TierRule
from tests.factories import World, make_connector

LogIn = Callable[[Person], Client]
EVENING = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)


def listed(client: Client, model: str) -> str:
    response = client.get(reverse(f"admin:integrations_{model}_changelist"))
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def call(world: World) -> Call:
    call = Call(organization=world.riverside, call_sid="CAriverside")
    call.set_number("+14155550142")
    call.save()
    Call.objects.filter(pk=call.pk).update(created_at=EVENING)
    return call


@pytest.mark.parametrize(("zone", "shown"), [("America/Los_Angeles", "3:30 p.m."), ("Asia/Tokyo", "Nov 24, 2026, 8:30 a.m.")])
def test_times_are_told_in_the_organisations_zone(world: World, log_in: LogIn, call: Call, zone: str, shown: str) -> None:
    Organization.objects.filter(pk=world.riverside.pk).update(timezone=zone)
    assert shown in listed(log_in(world.ann), "call")


def test_who_looks_after_several_zones_reads_times_in_utc(world: World, root: Client, call: Call) -> None:
    Organization.objects.filter(pk=world.riverside.pk).update(timezone="America/Los_Angeles")
    Organization.objects.filter(pk=world.harbor.pk).update(timezone="America/New_York")
    assert "11:30 p.m." in listed(root, "call")


def test_an_access_entry_says_what_was_seen(world: World, log_in: LogIn) -> None:
    shown = (
        {"field": "name", "effect": "clear", "sources": ["crm"]},
        {"field": "email", "effect": "mask", "sources": ["crm"]},
        {"field": "outstanding_balance", "effect": "verify_first", "sources": ["crm"]},
    )
    seen = {"actor_label": "Bea", "fields": shown, "sources": ("crm",), "outcome": "not_found"}
    make_connector(world.riverside, "crm", "hubspot", name="Our HubSpot")
    audit.record_now(audit.Entry(world.riverside.pk, "lookup", "person", **seen))
    revealed = ({"field": "outstanding_balance", "effect": "revealed", "sources": ["crm"]},)
    audit.record_now(audit.Entry(world.riverside.pk, "reveal", "person", actor_label="Bea", fields=revealed))
    ann = log_in(world.ann)
    html = listed(ann, "accessentry")
    assert "shown: 1 · masked: 1 · hidden until the caller is checked: 1" in html
    assert "revealed: Outstanding balance" in html
    assert "nobody found" in html
    entry = world.riverside.access_entries.get(event="lookup")
    page = ann.get(reverse("admin:integrations_accessentry_change", args=[entry.pk])).content.decode()
    assert "shown: Name · masked: E-mail" in page
    assert "Our HubSpot" in page
    assert "+00:00" not in page


def test_the_list_of_tiers_says_what_each_sees(world: World, log_in: LogIn) -> None:
    TierRule.objects.filter(tier__organization=world.riverside, tier__name="basic", target="health").delete()
    html = listed(log_in(world.ann), "tier")
    assert "shown: basic · masked, cannot be revealed: personal · hidden until revealed with a reason: financial" in html
    assert "not shown: health" in html


def test_an_empty_list_says_so_and_what_to_do(world: World, log_in: LogIn) -> None:
    html = listed(log_in(world.ann), "restrictedrecord")
    assert "Nothing here yet." in html
    assert "Add restricted client" in html
    filtered = log_in(world.ann).get(reverse("admin:integrations_restrictedrecord_changelist"), {"q": "7"}).content.decode()
    assert "Nothing here matches" in filtered


def test_a_new_system_is_not_of_any_kind_before_one_is_chosen(world: World, log_in: LogIn) -> None:
    ann = log_in(world.ann)
    url = reverse("admin:integrations_connector_add")
    assert '<option value="" selected>Choose</option>' in " ".join(ann.get(url).content.decode().split())
    sent = {"organization": world.riverside.pk, "kind": "", "name": "Clients", "key": "clients"}
    assert ann.post(url, sent).status_code == 200
    assert not world.riverside.connectors.exists()


def test_systems_are_listed_by_what_their_kind_is_called(world: World, log_in: LogIn) -> None:
    make_connector(world.riverside, "crm", "database", name="Clients")
    assert "SQL database" in listed(log_in(world.ann), "connector")


def test_a_ready_made_description_is_chosen_by_its_name(world: World, log_in: LogIn) -> None:
    row = make_connector(world.riverside, "pay", "rest", name="Payments", options={"preset": "gone"})
    form = log_in(world.ann).get(reverse("admin:integrations_connector_change", args=[row.pk])).context["adminform"].form
    offered = [name for name, _label in form.fields["option-preset"].choices]
    assert offered[:3] == ["", "acuity", "appointments"]
    assert offered[-1] == "gone"  # or saving would replace it without a word
