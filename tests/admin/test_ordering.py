"""Connected systems as a whole: their order, and a copy of one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.messages import get_messages
from django.db import models
from django.test import Client
from django.urls import reverse

from integrations.models import Connector, Organization, Person
from tests.admin.conftest import TOKEN, admin_changes, denials
from tests.factories import World, make_connector

Filled = dict[type[models.Model], Any]
LogIn = Callable[[Person], Client]
ORDER = reverse("admin:integrations_connector_order")


def copy_page(connector: Connector) -> str:
    return reverse("admin:integrations_connector_copy", args=[connector.pk])


def order_of(organization: Organization) -> list[str]:
    return list(organization.connectors.order_by("priority", "key").values_list("key", flat=True))


def test_another_organisations_system_can_be_neither_copied_nor_moved(world: World, filled: Filled, log_in: LogIn) -> None:
    connector, cy = filled[Connector], log_in(world.cy)
    make_connector(world.riverside, "db", "database", priority=200)
    assert cy.get(copy_page(connector)).status_code == 404
    assert cy.post(copy_page(connector)).status_code == 404
    assert "Riverside" not in cy.get(ORDER).content.decode()
    assert cy.post(ORDER, {"move": f"down-{connector.pk}"}).status_code == 404
    assert order_of(world.riverside) == ["crm", "db"]
    assert Connector.objects.count() == 2
    assert denials(world.harbor) == ["open connector in admin"]


def test_agents_can_neither_copy_nor_move(world: World, filled: Filled, log_in: LogIn) -> None:
    bea = log_in(world.bea)
    for answer in (bea.post(copy_page(filled[Connector])), bea.get(ORDER), bea.post(ORDER, {"move": "up-1"})):
        assert answer.status_code in (302, 403)
    assert Connector.objects.count() == 1


def test_a_copy_has_the_settings_and_no_secret_and_is_switched_off(world: World, filled: Filled, log_in: LogIn) -> None:
    connector, ann = filled[Connector], log_in(world.ann)
    connector.options, connector.fields = {"api_version": "v3"}, {"notes": False}
    connector.secret_refs = {"token": "env:HUBSPOT_TOKEN"}
    connector.save()
    page = ann.get(copy_page(connector))
    assert Connector.objects.count() == 1, "to look at the page copies nothing"
    assert "no secret" in page.content.decode()
    answer = ann.post(copy_page(connector))
    made = Connector.objects.get(key="crm-copy")
    assert answer["Location"] == reverse("admin:integrations_connector_change", args=[made.pk])
    assert (made.name, made.kind, made.enabled) == ("Copy of Riverside CRM", "hubspot", False)
    assert (made.options, made.fields) == ({"api_version": "v3"}, {"notes": False})
    assert (made.secrets, made.secret_refs) == ({}, {})
    (said,) = (str(message) for message in get_messages(answer.wsgi_request))
    assert said.startswith("Copy of Riverside CRM was made. It is switched off, and no secret was copied")
    assert [change["model"] for change in admin_changes(world.riverside)] == ["connector"]
    (told,) = world.riverside.configuration_changes.filter(who="Ann")
    assert (told.what, told.label) == ("added", "Copy of Riverside CRM")
    assert TOKEN not in str(told.changes)


def test_each_copy_gets_a_key_of_its_own(world: World, log_in: LogIn) -> None:
    longest, ann = make_connector(world.riverside, "k" * 40, "hubspot", name="N" * 80), log_in(world.ann)
    for _time in range(2):
        assert ann.post(copy_page(longest)).status_code == 302
    assert set(world.riverside.connectors.values_list("key", flat=True)) == {"k" * 40, "k" * 35 + "-copy", "k" * 33 + "-copy-2"}


def test_a_copy_reaches_private_addresses_only_if_a_superuser_made_it(
    world: World, filled: Filled, log_in: LogIn, root: Client
) -> None:
    connector = filled[Connector]
    connector.allow_private, connector.hosts = ["10.0.0.5"], ["crm.example.org"]
    connector.save()
    log_in(world.ann).post(copy_page(connector))
    root.post(copy_page(connector))
    anns, roots = (Connector.objects.get(key=key) for key in ("crm-copy", "crm-copy-2"))
    assert (anns.allow_private, anns.hosts) == ([], [])
    assert (roots.allow_private, roots.hosts) == (["10.0.0.5"], ["crm.example.org"])


def test_a_system_changes_places_with_its_neighbour(world: World, filled: Filled, log_in: LogIn) -> None:
    ann = log_in(world.ann)
    for key, priority in (("db", 200), ("list", 300)):
        make_connector(world.riverside, key, "database", priority=priority)
    db = Connector.objects.get(key="db")
    assert ann.post(ORDER, {"move": f"up-{db.pk}"})["Location"] == f"{ORDER}?moved=up-{db.pk}"
    assert order_of(world.riverside) == ["db", "crm", "list"]
    assert Connector.objects.get(key="list").version == 1, "what keeps its place is left alone"
    assert ann.post(ORDER, {"move": f"down-{db.pk}"}).status_code == 302
    assert order_of(world.riverside) == ["crm", "db", "list"]
    assert [change["changed"] for change in admin_changes(world.riverside)] == [["priority"]] * 4
    told = world.riverside.configuration_changes.filter(model="connector", object_id=str(db.pk)).latest("pk")
    assert told.changes == [["Priority", "100", "200"]]


def test_systems_of_equal_priority_get_one_each(world: World, log_in: LogIn) -> None:
    rows = [make_connector(world.riverside, key, "database") for key in ("a", "b", "c")]
    log_in(world.ann).post(ORDER, {"move": f"up-{rows[2].pk}"})
    assert order_of(world.riverside) == ["a", "c", "b"]


def test_the_ends_stay_and_nonsense_is_refused(world: World, filled: Filled, log_in: LogIn) -> None:
    connector, ann = filled[Connector], log_in(world.ann)
    for direction in ("up", "down"):
        assert ann.post(ORDER, {"move": f"{direction}-{connector.pk}"}).status_code == 302
    for move in ("", "up", "up-", "up-x", "sideways-1", f"left-{connector.pk}", "up-99999999999999999999"):
        assert ann.post(ORDER, {"move": move}).status_code == 404, move
    assert Connector.objects.get(pk=connector.pk).version == connector.version
