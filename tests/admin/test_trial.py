"""Trying a system with a number: an admin sees in the browser that a lookup works, or why it does not."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from integrations.disclosure import audit
from integrations.errors import AuditUnavailable
from integrations.models import AccessEntry, Connector, Person, RestrictedRecord
from tests.factories import World, make_connector
from tests.known_callers import ROSA, Source, install_fake_kind
from tests.lookup.fakes import FakeConnector

LogIn = Callable[[Person], Client]


@pytest.fixture
def source(world: World, monkeypatch: pytest.MonkeyPatch) -> Source:
    install_fake_kind(monkeypatch)
    monkeypatch.setattr("integrations.admin.connector_form.kinds", lambda: {"fake": FakeConnector})
    return Source(world)


def address(connector: Connector) -> str:
    return reverse("admin:integrations_connector_try_it", args=[connector.pk])


def tried(client: Client, connector: Connector, number: str = "(415) 555-0123") -> str:
    response = client.post(address(connector), {"number": number})
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    return response.content.decode()


def test_what_was_found_is_shown_on_record_with_what_each_tier_would_see(world: World, log_in: LogIn, source: Source) -> None:
    source.answers(people=[{**ROSA, "notes": None}], more=[{"id": "1", "notes": "needs a ramp"}])
    html = tried(log_in(world.ann), source.row)
    assert "It answered and knows the caller." in html
    assert "Rosa Castillo" in html
    assert "needs a ramp" in html
    assert "$42.50" in html
    for effect in ("shown", "masked, cannot be revealed", "hidden until revealed with a reason"):
        assert effect in html
    entry = AccessEntry.objects.get(event="lookup")
    assert (entry.actor_label, entry.channel, entry.purpose) == ("Ann", "admin", "Trying the system Clients")


@pytest.mark.parametrize("asked_by", ["number", "record"])
def test_a_restricted_client_looks_as_one_whom_nobody_knows(world: World, log_in: LogIn, source: Source, asked_by: str) -> None:
    """Administrators of the systems see nobody either, unless their tier sees such clients."""
    world.ann.tier = world.bea.tier
    world.ann.save()
    source.answers(people=[ROSA], more=[{"id": "1", "notes": "needs a ramp"}])
    visits = {"details_by": "clients", "options": {"more": [{"id": "v", "last_visit": "2026-11-01", "status": "visited"}]}}
    row = source.row if asked_by == "number" else make_connector(world.riverside, "visits", "fake", **visits)
    ann = log_in(world.ann)
    assert "Rosa Castillo" in (known := tried(ann, row)) or "visited" in known
    RestrictedRecord.objects.create(organization=world.riverside, connector=source.row, record_id="1")
    hidden = tried(ann, row)
    for told in ("Rosa Castillo", "visited", "knows the caller", "found, not shown to you"):
        assert told not in hidden
    source.answers(people=[])
    assert _comparable(tried(ann, row)) == _comparable(hidden)


def test_a_system_that_wants_to_know_more_than_others_do_shows_nothing_of_theirs(
    world: World, log_in: LogIn, source: Source
) -> None:
    row = make_connector(world.riverside, "visits", "fake", details_by="clients")
    html = tried(log_in(world.ann), row)
    assert "Nothing is known about the caller that it could be asked with." in html
    assert "Rosa Castillo" not in html


def _comparable(html: str) -> str:
    """The answer without what differs each time."""
    return re.sub(r"csrfmiddlewaretoken\" value=\"\w+|nonce=\"[^\"]+|[\d.]+ ms", "", html)


def test_a_system_that_is_not_enabled_yet_can_be_tried_and_is_asked_anew_each_time(
    world: World, log_in: LogIn, source: Source
) -> None:
    source.row.enabled = False
    source.row.save()
    ann = log_in(world.ann)
    for _time in range(2):
        assert "Rosa Castillo" in tried(ann, source.row)
    assert FakeConnector.asked.count(("clients", "find")) == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"people": []}, "does not know this number"),
        ({"fails": "auth"}, "It no longer accepts our sign-in."),
        ({"fails": "unavailable"}, "It cannot be reached at the moment."),
        ({"people": [ROSA, {**ROSA, "id": "2", "name": "Luis Castillo"}]}, "knows several people"),
        ({"people": [{**ROSA, "outstanding_balance": "lots"}]}, "not readable: it has another type"),
    ],
)
def test_each_outcome_is_a_sentence(world: World, log_in: LogIn, source: Source, options: dict[str, object], says: str) -> None:
    source.answers(**options)
    assert says in tried(log_in(world.ann), source.row)


def test_a_failed_trial_pauses_nothing(world: World, log_in: LogIn, source: Source) -> None:
    source.answers(fails="auth")
    ann = log_in(world.ann)
    for _time in range(3):
        tried(ann, source.row)
    assert FakeConnector.asked.count(("clients", "find")) == 3


def test_a_system_that_is_asked_by_anothers_id_is_tried_with_what_the_other_finds(
    world: World, log_in: LogIn, source: Source
) -> None:
    payments = make_connector(world.riverside, "payments", "fake", details_by="clients")
    payments.options = {"more": [{"id": "1", "outstanding_balance": "7.50"}]}
    payments.save()
    assert "7.50" in tried(log_in(world.ann), payments) or "750" in tried(log_in(world.ann), payments)
    source.answers(people=[])
    assert "no other system found exactly one person" in tried(log_in(world.ann), payments)


@pytest.mark.parametrize(
    ("number", "says"), [("anonymous", "A withheld number"), ("12", "not a phone number"), ("", "is empty")]
)
def test_what_is_no_number_is_refused_in_a_sentence(
    world: World, log_in: LogIn, source: Source, number: str, says: str
) -> None:
    assert says in tried(log_in(world.ann), source.row, number)
    assert FakeConnector.asked == []


def test_nobody_else_can_try_it(world: World, log_in: LogIn, root: Client, source: Source) -> None:
    for person in (world.bea, world.cy):
        response = log_in(person).post(address(source.row), {"number": "+14155550123"})
        assert response.status_code in (302, 403, 404)
        assert "Rosa" not in response.content.decode()
    assert FakeConnector.asked == []
    assert "Only people of this organisation" in tried(root, source.row)
    assert FakeConnector.asked == []


def test_what_cannot_be_put_on_record_is_not_shown(
    world: World, log_in: LogIn, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = log_in(world.ann)

    async def unavailable(*_: object) -> None:
        raise AuditUnavailable("the database is gone")

    monkeypatch.setattr(audit, "record", unavailable)
    html = tried(ann, source.row)
    assert AuditUnavailable.public_message in html
    assert "Rosa" not in html


def test_a_system_that_finds_somebody_by_any_number_is_refused(world: World, log_in: LogIn, source: Source) -> None:
    source.answers(people=[ROSA], careless=True)
    html = tried(log_in(world.ann), source.row)
    assert "It found somebody by a number that nobody has" in html


def test_a_system_that_tells_numbers_apart_raises_no_doubt(world: World, log_in: LogIn, source: Source) -> None:
    source.answers(people=[ROSA])
    assert "a number that nobody has" not in tried(log_in(world.ann), source.row)
