"""The page of deliveries: to read without what was sent, and to have one processed again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import models
from django.test import Client
from django.urls import reverse

from integrations.models import Person, WebhookDelivery
from tests.admin.conftest import NUMBER, admin_changes
from tests.factories import World

LIST = "admin:integrations_webhookdelivery_changelist"


def process_again(client: Client, *rows: WebhookDelivery) -> Any:
    chosen = {"action": "process_again", "_selected_action": [row.pk for row in rows]}
    return client.post(reverse(LIST), chosen, follow=True)


def given_up(world: World, **facts: Any) -> WebhookDelivery:
    facts = {"key": "event:1", "payload": {"from": NUMBER}, "state": "dead", "attempts": 8, "error": "It failed."} | facts
    return WebhookDelivery.objects.create(
        organization=world.riverside, source="twilio/task-events", kind="task.created", **facts
    )


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
