"""Numbers that many people turned out to share are proposed to whoever administers the organisation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integrations.admin import shared_numbers
from integrations.admin.shared_numbers import MANY, proposals
from integrations.disclosure import audit
from integrations.disclosure.viewers import viewer_of_person
from integrations.models import AccessEntry, Channel, ConfigurationChange, Event, Organization, Person
from tests.admin.conftest import admin_changes
from tests.factories import World

LogIn = Callable[[Person], Client]
HOME = "+14155550150"


def looked_up(person: Person, people: int, number: str = HOME, **detail: object) -> None:
    viewer = viewer_of_person(person, channel=Channel.PANEL, address="127.0.0.1")
    audit.record_now(viewer.entry(Event.LOOKUP, subject=number, detail={"match_count": people, **detail}))


def page(organization: Organization) -> str:
    return reverse("admin:integrations_organization_shared", args=[organization.pk])


def test_cy_and_agents_see_and_change_nothing(world: World, log_in: LogIn) -> None:
    looked_up(world.bea, MANY)
    (proposal,) = proposals(world.riverside)
    for person in (world.cy, world.bea):
        client = log_in(person)
        assert client.get(page(world.riverside)).status_code in {302, 403}
        assert client.post(page(world.riverside), {"key": proposal.key}).status_code in {302, 403}
    assert Organization.objects.get(pk=world.riverside.pk).shared_numbers == []


def test_a_number_is_proposed_from_six_people_on(world: World) -> None:
    looked_up(world.bea, MANY - 1)
    assert proposals(world.riverside) == []
    looked_up(world.bea, MANY + 2)
    looked_up(world.bea, MANY)
    (proposal,) = proposals(world.riverside)
    assert (proposal.hint, proposal.people) == ("0150", MANY + 2)
    assert proposals(world.harbor) == []


def test_what_was_searched_for_by_name_is_no_number(world: World) -> None:
    looked_up(world.bea, MANY, "Castillo", found_by="name")
    looked_up(world.bea, MANY, "")
    assert proposals(world.riverside) == []


def test_a_count_that_restricted_clients_are_part_of_tells_nothing(world: World) -> None:
    looked_up(world.ann, MANY)
    assert proposals(world.riverside) == []


def test_what_is_long_ago_is_forgotten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up(world.bea, MANY)
    later = timezone.now() + timedelta(days=31)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    assert proposals(world.riverside) == []


def test_only_so_many_lookups_are_looked_through(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up(world.bea, MANY)
    looked_up(world.bea, 1, "+14155550151")
    monkeypatch.setattr(shared_numbers, "MAX_LOOKUPS", 1)
    assert proposals(world.riverside) == []


def test_an_admin_is_led_to_it_and_treats_it_as_shared(world: World, log_in: LogIn) -> None:
    looked_up(world.bea, MANY)
    ann = log_in(world.ann)
    assert page(world.riverside) in ann.get(reverse("admin:index")).content.decode()
    shown = ann.get(page(world.riverside)).content.decode()
    assert "Number ending 0150" in shown
    assert "5550150" not in shown
    (proposal,) = proposals(world.riverside)
    ann.post(page(world.riverside), {"key": proposal.key})
    riverside = Organization.objects.get(pk=world.riverside.pk)
    assert riverside.shared_numbers == [HOME]
    assert proposals(riverside) == []
    assert [detail["changed"] for detail in admin_changes(world.riverside)] == [["shared_numbers"]]
    assert ConfigurationChange.objects.filter(organization=riverside, model="organization").count() == 1
    assert page(world.riverside) not in ann.get(reverse("admin:index")).content.decode()


def test_what_is_on_the_list_takes_no_others_place(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_numbers, "MAX_PROPOSED", 2)
    for last, people in ((0, 30), (1, 20), (2, 9)):
        looked_up(world.bea, people, f"+1415555015{last}")
    world.riverside.shared_numbers = ["+14155550150", "+14155550151"]
    with CaptureQueriesContext(connection) as asked:
        assert [proposal.hint for proposal in proposals(world.riverside)] == ["0152"]
    assert len(asked) == 2  # the trail, and the one number that is shown


def test_another_form_of_a_number_on_the_list_is_not_proposed(world: World) -> None:
    looked_up(world.bea, MANY, "+525512345678")
    world.riverside.shared_numbers = ["+5215512345678"]
    assert proposals(world.riverside) == []


def test_a_full_list_takes_no_more_as_in_the_form(world: World, log_in: LogIn) -> None:
    world.riverside.shared_numbers = [f"+1415555{last}" for last in range(1000, 1500)]
    world.riverside.save()
    looked_up(world.bea, MANY)
    (proposal,) = proposals(world.riverside)
    answer = log_in(world.ann).post(page(world.riverside), {"key": proposal.key}, follow=True)
    assert [str(message) for message in answer.context["messages"]] == ["Numbers that many people share: Give at most 500."]
    assert len(Organization.objects.get(pk=world.riverside.pk).shared_numbers) == 500
    assert admin_changes(world.riverside) == []


@pytest.mark.parametrize("key", ["", "x" * 64, "0" * 100])
def test_a_key_that_names_no_proposal_changes_nothing(world: World, log_in: LogIn, key: str) -> None:
    looked_up(world.bea, MANY)
    log_in(world.ann).post(page(world.riverside), {"key": key})
    assert Organization.objects.get(pk=world.riverside.pk).shared_numbers == []
    assert not AccessEntry.objects.filter(event=Event.ADMIN_CHANGE).exists()
