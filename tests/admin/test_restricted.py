"""An admin lists clients whom only the tier admin may see: within their own organisation, and on record."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from integrations.connectors import kinds
from integrations.lookup.restricted import restricted_in
from integrations.models import Connector, Person, RestrictedRecord
from integrations.profile import SourceRecord
from tests.admin.conftest import admin_changes, denials
from tests.factories import World, make_connector

LogIn = Callable[[Person], Client]
ADD = "admin:integrations_restrictedrecord_add"


@pytest.fixture
def crm(world: World) -> Connector:
    return make_connector(world.riverside, "crm", "hubspot", name="HubSpot")


def listed(connector: Connector, **facts: Any) -> dict[str, Any]:
    return {"connector": connector.pk, "record_id": "101", "note": ""} | facts


def test_a_client_is_listed_with_who_did_it_and_taken_off_again(world: World, crm: Connector, log_in: LogIn) -> None:
    ann = log_in(world.ann)
    assert ann.post(reverse(ADD), listed(crm, record_id=" 101 ", note="Asked for it")).status_code == 302
    row = RestrictedRecord.objects.get()
    assert (row.organization, row.connector, row.record_id, row.added_by) == (world.riverside, crm, "101", "Ann")
    ann.post(reverse("admin:integrations_restrictedrecord_delete", args=[row.pk]), {"post": "yes"})
    assert not RestrictedRecord.objects.exists()
    changes = admin_changes(world.riverside)
    assert [change["model"] for change in changes] == ["restrictedrecord"] * 2
    assert "101" not in repr([change["changed"] for change in changes])


def test_the_note_is_kept_encrypted(world: World, crm: Connector) -> None:
    RestrictedRecord.objects.create(organization=world.riverside, connector=crm, record_id="1", note="Lives with her abuser")
    with connection.cursor() as cursor:
        cursor.execute("SELECT note FROM integrations_restrictedrecord")
        assert "abuser" not in cursor.fetchone()[0]


def test_systems_of_another_organisation_cannot_be_chosen(world: World, crm: Connector, log_in: LogIn) -> None:
    theirs = make_connector(world.harbor, "crm", "hubspot", name="Harbor CRM")
    ann = log_in(world.ann)
    assert "Harbor" not in ann.get(reverse(ADD)).content.decode()
    assert ann.post(reverse(ADD), listed(theirs)).status_code == 200
    assert not RestrictedRecord.objects.exists()


def test_a_superuser_cannot_mix_organisations_either(world: World, crm: Connector, root: Client) -> None:
    answer = root.post(reverse(ADD), listed(crm, organization=world.harbor.pk))
    assert "Choose a system of the same organisation" in answer.content.decode()
    assert not RestrictedRecord.objects.exists()


def test_agents_and_other_organisations_admins_see_no_list(world: World, crm: Connector, log_in: LogIn) -> None:
    row = RestrictedRecord.objects.create(organization=world.riverside, connector=crm, record_id="of-Riverside-101")
    url = reverse("admin:integrations_restrictedrecord_change", args=[row.pk])
    assert log_in(world.bea).get(url).status_code in (302, 403)
    cy = log_in(world.cy)
    assert cy.get(url).status_code in (302, 403)
    assert "of-Riverside-101" not in cy.get(reverse("admin:integrations_restrictedrecord_changelist")).content.decode()
    assert denials(world.harbor)


@pytest.mark.parametrize("record_id", ["", "   "])
def test_without_an_id_nobody_is_listed(world: World, crm: Connector, log_in: LogIn, record_id: str) -> None:
    assert log_in(world.ann).post(reverse(ADD), listed(crm, record_id=record_id)).status_code == 200
    assert not RestrictedRecord.objects.exists()


def test_who_is_listed_is_not_exchanged_for_another(world: World, crm: Connector, log_in: LogIn) -> None:
    row = RestrictedRecord.objects.create(organization=world.riverside, connector=crm, record_id="101")
    url = reverse("admin:integrations_restrictedrecord_change", args=[row.pk])
    log_in(world.ann).post(url, listed(crm, record_id="102", note="moved"))
    row.refresh_from_db()
    assert (row.record_id, row.note) == ("101", "moved")


SALESFORCE = "0035e00000AbCdEAAV"


@pytest.mark.parametrize(
    "written",
    [SALESFORCE, SALESFORCE[:15], SALESFORCE.lower(), SALESFORCE.upper(), f"Contact/{SALESFORCE}", f" {SALESFORCE} ",
     f"https://riverside.lightning.force.com/lightning/r/Contact/{SALESFORCE}/view",
     f"https://riverside.my.salesforce.com/{SALESFORCE[:15]}"],
)  # fmt: skip
def test_a_salesforce_record_is_the_same_however_its_id_is_written(world: World, log_in: LogIn, written: str) -> None:
    crm = make_connector(world.riverside, "sf", "salesforce")
    assert log_in(world.ann).post(reverse(ADD), listed(crm, record_id=written)).status_code == 302
    restricted = restricted_in(world.riverside.pk, kinds())
    assert restricted.holds(SourceRecord("sf", f"Contact/{SALESFORCE}", {}))
    # Another record, whose id differs in one capital only.
    assert not restricted.holds(SourceRecord("sf", "Contact/0035e00000AbcdEAAF", {}))
    again = log_in(world.ann).post(reverse(ADD), listed(crm, record_id=SALESFORCE))
    assert "This record is listed already." in again.content.decode()


@pytest.mark.parametrize(
    ("kind", "written", "says"),
    [
        ("salesforce", SALESFORCE[:15].lower(), "tells capital from small letters"),
        ("salesforce", SALESFORCE[:15].upper(), "tells capital from small letters"),
        ("salesforce", "0035e00000AbCdEAA9", "do not fit"),
        ("salesforce", "101", "15 or 18 letters and digits"),
        ("hubspot", "Rosa Castillo", "A HubSpot record id is a number"),
        ("hubspot", "https://app.hubspot.com/contacts/1/record/0-1/101", "without the address of the page"),
        ("database", "https://intranet.example/clients/101", "without the address of the page"),
    ],
)
def test_an_id_that_the_system_cannot_mean_is_refused(world: World, log_in: LogIn, kind: str, written: str, says: str) -> None:
    system = make_connector(world.riverside, "system", kind)
    answer = log_in(world.ann).post(reverse(ADD), listed(system, record_id=written))
    assert says in unescape(answer.content.decode())
    assert not RestrictedRecord.objects.exists()


@pytest.mark.parametrize("written", ["00101", "101.0", "\uff11\uff10\uff11", "1 0 1", "\u200b101"])
def test_a_number_is_the_same_with_zeros_or_wide_digits(world: World, crm: Connector, log_in: LogIn, written: str) -> None:
    assert log_in(world.ann).post(reverse(ADD), listed(crm, record_id=written)).status_code == 302
    assert restricted_in(world.riverside.pk, kinds()).holds(SourceRecord("crm", "101", {}))
