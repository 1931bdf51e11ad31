"""The admin's first page says what is connected, what is wrong, what is missing, and the next step."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

import integrations.admin.home  # noqa: F401 -- before any test replaces the kinds that it imports
from integrations.connectors.salesforce.connector import SalesforceConnector
from integrations.connectors.salesforce.session import Usage
from integrations.disclosure import audit
from integrations.jobs import schedule
from integrations.lookup.breaker import OpenCircuit
from integrations.lookup.sources import plan_with
from integrations.models import AccessEntry, Person
from tests.factories import World, make_api_key, make_connector
from tests.known_callers import Source, install_fake_kind

LogIn = Callable[[Person], Client]


def home(client: Client) -> str:
    response = client.get("/admin/")
    assert response.status_code == 200
    return response.content.decode()


def test_a_new_organisation_is_told_to_connect_its_first_system(world: World, log_in: LogIn) -> None:
    html = home(log_in(world.ann))
    assert "Riverside Senior Services" in html
    assert "No system connected yet." in html
    assert "<strong>Next:</strong>" in html
    assert html.index("Connect the system that knows most") < html.index("Before the first call")


def test_each_step_follows_from_what_is_there(world: World, log_in: LogIn, monkeypatch: pytest.MonkeyPatch) -> None:
    install_fake_kind(monkeypatch)
    monkeypatch.setattr("integrations.admin.home.kinds", lambda: {"fake": Source})
    monkeypatch.setattr(Source, "label", "Fake", raising=False)
    Source(world)
    make_api_key(world.riverside)
    ann = log_in(world.ann)
    assert "Next:</strong> <a" in home(ann)
    assert "Try it with the number" in home(ann).split("Next:")[1].split("</p>")[0]


@pytest.mark.parametrize(
    ("word", "says"), [("auth", "It no longer accepts our sign-in."), ("circuit_open", "left alone for a moment")]
)
def test_what_is_paused_says_why(world: World, log_in: LogIn, word: str, says: str) -> None:
    row = make_connector(world.riverside, "crm", "hubspot", secrets={"token": "t"})
    _plan, source = plan_with(world.riverside.pk, row.pk)
    source.breaker.pause = OpenCircuit(word, 9e12, 9e12)
    assert says in home(log_in(world.ann))


def test_what_is_not_set_up_and_what_is_switched_off_are_told_apart(world: World, log_in: LogIn) -> None:
    make_connector(world.riverside, "crm", "hubspot")
    make_connector(world.riverside, "later", "hubspot", secrets={"token": "t"}, enabled=False)
    html = home(log_in(world.ann))
    assert "Something is missing or wrong in its settings." in html
    assert "Switched off: it is not asked." in html


def test_what_calls_do_without_is_said_first(world: World, log_in: LogIn) -> None:
    row = make_connector(world.riverside, "crm", "hubspot", secrets={"token": "t"})
    make_api_key(world.riverside)
    ann = log_in(world.ann)
    audit.record_now(audit.Entry(world.riverside.pk, "lookup", "person", subject="+14155550123"))
    assert "Everything that a call needs is set up." in home(ann)
    assert "Before the first call" not in home(ann)
    _plan, source = plan_with(world.riverside.pk, row.pk)
    source.breaker.pause = OpenCircuit("auth", 9e12, 9e12)
    assert "1 system cannot be used as it is." in home(ann)
    assert "Everything that a call needs is set up." not in home(ann)


def test_what_is_still_being_set_up_is_missed_by_nobody(world: World, log_in: LogIn) -> None:
    make_connector(world.riverside, "crm", "hubspot", enabled=False)
    html = home(log_in(world.ann))
    assert "Something is missing or wrong in its settings." in html
    assert "cannot be used as it is." not in html


def test_nobody_sees_another_organisations_systems(world: World, log_in: LogIn) -> None:
    make_connector(world.riverside, "crm", "hubspot", name="Riverside HubSpot", secrets={"token": "t"})
    assert "Riverside" not in home(log_in(world.cy))


def test_more_systems_cost_no_more_queries(world: World, log_in: LogIn) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            home(ann)
        return len(captured)

    ann = log_in(world.ann)
    make_connector(world.riverside, "crm", "hubspot", secrets={"token": "t"})
    few = queries()
    for number in range(5):
        make_connector(world.riverside, f"more-{number}", "hubspot", secrets={"token": "t"}, enabled=bool(number % 2))
    assert queries() == few


def test_a_superuser_sees_every_organisation(root: Client) -> None:
    html = home(root)
    assert "Harbor Food Pantry" in html
    assert "Riverside Senior Services" in html


def test_a_pause_is_ended_on_record(world: World, log_in: LogIn) -> None:
    row = make_connector(world.riverside, "crm", "hubspot", secrets={"token": "t"})
    _plan, source = plan_with(world.riverside.pk, row.pk)
    source.breaker.pause = OpenCircuit("auth", 9e12, 9e12)
    ann = log_in(world.ann)
    chosen = {"action": "ask_again", "_selected_action": [row.pk]}
    assert ann.post("/admin/integrations/connector/", chosen).status_code == 302
    assert "It no longer accepts our sign-in." not in home(ann)
    assert AccessEntry.objects.filter(event="admin_change", outcome="pause ended").count() == 1


def test_that_no_runner_works_is_said_to_whoever_looks_after_the_portal(
    world: World, log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No runner has worked" not in home(log_in(world.ann))
    monkeypatch.setattr(schedule, "_awake_since", schedule.time.monotonic() - 3_600)
    assert "No runner has worked yet" in home(log_in(world.ann))


@pytest.mark.parametrize(("used", "says"), [(7_999, "7,999 of 10,000"), (8_500, "Once all are used, it answers nobody")])
def test_what_a_system_told_of_its_limits_is_said(world: World, log_in: LogIn, used: int, says: str) -> None:
    secrets = {"client_id": "portal", "client_secret": "s"}
    options = {"base_url": "https://riverside.my.salesforce.com"}
    row = make_connector(world.riverside, "sf", "salesforce", secrets=secrets, options=options)
    _plan, source = plan_with(world.riverside.pk, row.pk)
    assert isinstance(source.connector, SalesforceConnector)
    source.connector.session.usage = Usage(used, 10_000)
    ann = log_in(world.ann)
    assert says in home(ann)
    assert says in ann.get(f"/admin/integrations/connector/{row.pk}/change/").content.decode()
