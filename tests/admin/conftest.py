from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.db import models
from django.test import Client
from django.urls import reverse

from integrations.disclosure import audit
from integrations.models import (
    AccessEntry,
    Attempt,
    Call,
    CallTask,
    ConfigurationChange,
    Connector,
    CustomField,
    MenuRule,
    Organization,
    PanelOpening,
    Person,
    Reservation,
    RestrictedRecord,
    SlowSystem,
    TwilioAccount,
    User,
    WebhookDelivery,
)
from integrations.profile import FIELDS
from tests.factories import World, make_api_key, make_connector

NUMBER = "+14155550142"
TOKEN = "pat-na1-very-secret"
AUTH_TOKEN = "twilio-very-secret"


@pytest.fixture(autouse=True)
def nothing_is_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is saved here is at no vendor; the tests of probing say otherwise."""

    async def unknown(*_: object) -> None:
        return None

    monkeypatch.setattr("integrations.admin.connectors.probe_one", unknown)


@pytest.fixture
def log_in() -> Callable[[Person], Client]:
    """A browser in which somebody is logged in."""

    def client_of(person: Person) -> Client:
        client = Client()
        assert person.user is not None
        client.force_login(person.user)
        return client

    return client_of


@pytest.fixture
def root(world: World) -> Client:
    """A superuser's browser."""
    client = Client()
    client.force_login(User.objects.create_superuser("root", "root@connie.example", "a-long-test-password"))
    return client


@pytest.fixture
def filled(world: World) -> dict[type[models.Model], Any]:
    """One row of Riverside in every model that the admin shows. What each is called holds the word Riverside."""
    riverside = world.riverside
    call = Call(organization=riverside, call_sid="CAriverside")
    call.set_number(NUMBER)
    call.save()
    task = CallTask.objects.create(organization=riverside, call=call, task_sid="WTriverside")
    entry = audit.Entry(riverside.pk, "lookup", "person", actor_label="Riverside Ann", subject=NUMBER)
    audit.record_now(entry)
    crm = make_connector(riverside, "crm", "hubspot", name="Riverside CRM", secrets={"token": TOKEN})
    rows = [
        riverside,
        world.ann,
        world.ann.user,
        riverside.tiers.get(name="basic"),
        make_api_key(riverside, name="riverside-studio")[1],
        crm,
        RestrictedRecord.objects.create(organization=riverside, connector=crm, record_id="riverside-7"),
        SlowSystem.objects.get(pk=crm.pk),
        Attempt.objects.create(
            organization=riverside,
            connector=crm,
            at=datetime.now(UTC),
            question="find",
            outcome="timeout",
            ms=3_000,
            retries=0,
            cached=False,
        ),
        CustomField.objects.create(organization=riverside, name="riverside_pet", label="Riverside pet", sensitivity="basic"),
        MenuRule.objects.create(organization=riverside, name="riverside greeting", greeting="Riverside"),
        TwilioAccount.objects.create(organization=riverside, account_sid="AC" + "5" * 32, auth_tokens=[AUTH_TOKEN]),
        call,
        task,
        Reservation.objects.create(
            task=task, reservation_sid="WRriverside", worker_sid="WKriverside", state="accepted", began_at=datetime.now(UTC)
        ),
        PanelOpening.objects.create(call=call, person=world.ann),
        WebhookDelivery.objects.create(
            organization=riverside,
            source="twilio/task-events",
            key="event:riverside",
            kind="task.created",
            payload={"from": NUMBER},
        ),
        AccessEntry.objects.filter(organization=riverside).latest("seq"),
        ConfigurationChange.objects.create(
            organization=riverside, who="Riverside Ann", by="admin", what="changed", model="tier", label="Riverside basic"
        ),
    ]
    made = {type(row): row for row in rows}
    assert made.keys() == set(registered()), "Add a row of the new model here."
    return made


def registered() -> list[type[models.Model]]:
    return list(admin.site._registry)


def page(model: type[models.Model], action: str) -> str:
    """The name of one of a model's pages: ``changelist``, ``add``, ``change``, ``delete``, ``history``."""
    return f"admin:{model._meta.app_label}_{model._meta.model_name}_{action}"


def denials(organization: Organization) -> list[str]:
    """What was refused, as the organisation's record tells it."""
    rows = AccessEntry.objects.filter(organization=organization, event="denied").order_by("seq")
    return [row.detail["what"] for row in rows]


def admin_changes(organization: Organization) -> list[dict[str, Any]]:
    rows = AccessEntry.objects.filter(organization=organization, event="admin_change").order_by("seq")
    return [row.detail for row in rows]


def facts_of(connector: Connector, **changes: Any) -> dict[str, Any]:
    """What the browser sends when a connector's form is saved."""
    facts: dict[str, Any] = {name: getattr(connector, name) for name in ("key", "name", "priority", "timeout_ms", "details_by")}
    facts |= {"options": json.dumps(connector.options), "initial-options": json.dumps(connector.options)}
    for column, names in (("cache", ("fresh_s", "stale_s", "negative_s")), ("limits", ("rps", "concurrency"))):
        stored = getattr(connector, column)
        facts |= {f"{column}-{name}": "" if stored.get(name) is None else stored[name] for name in names}
    facts |= {f"fields-{name}": "" for name in FIELDS}
    for name, expression in connector.fields.items():
        facts |= {f"fields-{name}-left-out": "on"} if expression is False else {f"fields-{name}": expression}
    if connector.enabled:
        facts["enabled"] = "on"
    return facts | changes


def save(client: Client, connector: Connector, **changes: Any) -> Any:
    url = reverse("admin:integrations_connector_change", args=[connector.pk])
    return client.post(url, facts_of(connector, **changes))
