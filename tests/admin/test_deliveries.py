"""The page of deliveries: to read without what was sent, and to have one processed again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import models
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from integrations.models import CallIntake, ConfigurationChange, Person, WebhookDelivery
from integrations.twilio.events import SLOWED
from tests.admin.conftest import NUMBER, admin_changes
from tests.factories import World

LIST = "admin:integrations_webhookdelivery_changelist"


def process_again(client: Client, *rows: WebhookDelivery) -> Any:
    chosen = {"action": "process_again", "_selected_action": [row.pk for row in rows]}
    return client.post(reverse(LIST), chosen, follow=True)


def given_up(world: World, **facts: Any) -> WebhookDelivery:
    facts = {"key": "event:1", "kind": "task.created", "payload": {"from": NUMBER}, "state": "dead", "attempts": 8} | facts
    return WebhookDelivery.objects.create(organization=world.riverside, source="twilio/task-events", **facts)


def test_what_was_sent_is_on_no_page(
    world: World, filled: dict[type[models.Model], Any], log_in: Callable[[Person], Client]
) -> None:
    row = filled[WebhookDelivery]
    for url in (reverse(LIST), reverse("admin:integrations_webhookdelivery_change", args=[row.pk])):
        page = log_in(world.ann).get(url)
        assert page.status_code == 200
        assert "task.created" in page.content.decode()
        assert NUMBER[1:] not in page.content.decode()


def test_other_admins_and_agents_process_nothing_again(world: World, log_in: Callable[[Person], Client]) -> None:
    row = given_up(world)
    for person in (world.cy, world.bea):
        process_again(log_in(person), row)
        row.refresh_from_db()
        assert (row.state, row.attempts) == ("dead", 8)


def test_an_admin_has_one_processed_again_on_record(world: World, log_in: Callable[[Person], Client]) -> None:
    row, useless = given_up(world), given_up(world, key="event:2", payload=None, state="ignored")
    page = process_again(log_in(world.ann), row, useless).content.decode()
    assert "1 delivery is processed again." in page
    assert "Of 1 delivery nothing was kept" in page
    row.refresh_from_db()
    assert (row.state, row.attempts, row.error) == ("waiting", 0, "")
    assert [change["object"] for change in admin_changes(world.riverside)] == [str(row.pk)]


def test_the_first_page_tells_what_is_wrong_with_what_others_tell(world: World, log_in: Callable[[Person], Client]) -> None:
    page = log_in(world.ann).get(reverse("admin:index")).content.decode()
    assert "given up" not in page
    given_up(world)
    given_up(world, key="event:2", kind=SLOWED, payload=None, state="ignored", error="")
    problem = "This system refuses our sign-in."
    CallIntake.objects.create(organization=world.riverside, problems={"AC" + "5" * 32: problem})
    page = log_in(world.ann).get(reverse("admin:index")).content.decode()
    assert "1 delivery could not be processed and was given up." in page
    assert "Twilio said 1 time within the last day that TaskRouter is asked too often." in page
    assert f"What happened to calls could not be fetched from Twilio: {problem}" in page
    assert "given up" not in log_in(world.cy).get(reverse("admin:index")).content.decode()


def renew(client: Client, world: World) -> Any:
    chosen = {"action": "renew_webhook_key", "_selected_action": [world.riverside.pk]}
    return client.post(reverse("admin:integrations_organization_changelist"), chosen, follow=True)


def test_only_its_own_admin_gives_an_organisation_a_new_webhook_key(
    world: World, log_in: Callable[[Person], Client], settings: Settings
) -> None:
    settings.PUBLIC_URL = "https://portal.example.org"
    old = world.riverside.hook_key
    page = reverse("admin:integrations_organization_change", args=[world.riverside.pk])
    for person in (world.cy, world.bea):
        renew(log_in(person), world)
        assert old not in log_in(person).get(page, follow=True).content.decode()
    world.riverside.refresh_from_db()
    assert world.riverside.hook_key == old
    ann = log_in(world.ann)
    assert f"https://portal.example.org/hooks/{old}/twilio/event-streams" in ann.get(page).content.decode()
    renew(ann, world)
    world.riverside.refresh_from_db()
    assert world.riverside.hook_key != old
    (change,) = admin_changes(world.riverside)
    assert change["changed"] == ["hook_key"]
    told = ConfigurationChange.objects.get(organization=world.riverside)
    assert old not in str(told.__dict__)
    assert world.riverside.hook_key not in str(told.__dict__)
