"""Several people share a number: the agent says who is calling, on record, and it holds for the call."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from integrations.calls import CallFacts, open_call
from integrations.errors import AuditUnavailable
from integrations.models import AccessEntry, CallRecord
from tests.factories import World, make_connector
from tests.known_callers import ROSA, Source
from tests.panel.conftest import NUMBER, address, content, logged_in

LUIS = {**ROSA, "id": "2", "name": "Luis Castillo", "email": "luis@mail.org", "account_id": "RS-2"}


@pytest.fixture
def household(source: Source) -> Source:
    source.answers(people=[ROSA, LUIS], more=[{"id": "1", "notes": "needs a ramp"}])
    return source


def match_ids(html: str) -> dict[str, str]:
    """Name → match id, in the order shown."""
    pattern = r'match-name">([^<]+)</p>.*?name="match_id" value="([0-9a-f]{32})"'
    return dict(re.findall(pattern, html, re.DOTALL))


def pick(client: Client, url: str, name: str) -> None:
    response = client.post(f"{url}pick", {"match_id": match_ids(content(client, url))[name]})
    assert (response.status_code, response["Location"]) == (302, url)


def test_the_one_who_is_picked_is_shown_on_record_and_after_a_refresh(world: World, bea: Client, household: Source) -> None:
    url = address(world)
    pick(bea, url, "Luis Castillo")
    html = content(bea, url)
    assert "Luis Castillo" in html
    assert "Rosa" not in html
    assert "Chosen by an agent, not verified" in html
    assert "Choose again: 1 other has this number" in html
    entry = AccessEntry.objects.get(event="pick")
    assert (entry.actor_label, entry.call_sid, entry.detail["match_count"]) == ("Bea", "CA1", 2)
    assert list(CallRecord.objects.values_list("record_id", "state", "person__user__username")) == [("2", "picked", "bea")]


def test_details_are_asked_for_the_one_who_is_picked_and_for_nobody_before(
    world: World,
    bea: Client,
    household: Source,
) -> None:
    url = address(world)
    assert "ramp" not in content(bea, url)
    household.answers(people=[ROSA, LUIS], more=[{"id": "2", "language": "Spanish"}])
    household.row.fields = {"language": "language"}
    household.row.save()
    pick(bea, url, "Luis Castillo")
    assert "Spanish" in content(bea, url)


def test_not_this_person_leaves_the_others_or_nobody(world: World, bea: Client, source: Source) -> None:
    url = address(world)
    bea.post(f"{url}not-this-person")
    html = content(bea, url)
    assert "Rosa" not in html
    assert "Not who this number belongs to" in html
    assert "1 person has this number" in html
    assert AccessEntry.objects.get(event="not_this_person").detail["match_count"] == 1
    source.answers(people=[ROSA, LUIS], more=[{"id": "2", "notes": "needs a ramp"}])
    html = content(bea, url)
    assert "1 other person has this number" in html
    assert set(match_ids(html)) == {"Luis Castillo"}
    assert "field-" not in html
    assert "ramp" not in html


def test_choosing_again_brings_all_of_them_back(world: World, bea: Client, household: Source) -> None:
    url = address(world)
    pick(bea, url, "Luis Castillo")
    bea.post(f"{url}choose-again")
    assert set(match_ids(content(bea, url))) == {"Rosa Castillo", "Luis Castillo"}
    assert AccessEntry.objects.filter(event="choose_again").count() == 1


def test_the_last_pick_of_a_number_only_orders_the_list(world: World, bea: Client, household: Source) -> None:
    pick(bea, address(world), "Luis Castillo")
    later = open_call(world.riverside.pk, CallFacts(NUMBER, "CA2"))
    html = content(bea, f"/panel/riverside/{later.key}/")
    assert list(match_ids(html)) == ["Luis Castillo", "Rosa Castillo"]
    assert html.count("Chosen when this number called last") == 1
    assert "2 people share this number" in html


def test_the_pick_of_another_organisations_call_orders_nothing(world: World, bea: Client, household: Source) -> None:
    theirs = open_call(world.harbor.pk, CallFacts(NUMBER, "CA1"))
    connector = make_connector(world.harbor, "clients", "fake")
    CallRecord.objects.create(call=theirs, connector=connector, record_id="2")
    assert "Chosen when" not in content(bea, address(world))


@pytest.mark.parametrize("match_id", ["", "0" * 32, "' OR 1=1"])
def test_one_who_is_not_there_cannot_be_picked(world: World, bea: Client, household: Source, match_id: str) -> None:
    url = address(world)
    assert bea.post(f"{url}pick", {"match_id": match_id}).status_code == 302
    assert not CallRecord.objects.exists()
    assert not AccessEntry.objects.filter(event="pick").exists()


@pytest.mark.parametrize("path", ["pick", "not-this-person", "choose-again"])
def test_cy_and_strangers_choose_nothing(world: World, household: Source, path: str) -> None:
    url = address(world)
    assert Client().post(url + path)["Location"].startswith("/login/?next=/panel/riverside/")
    assert logged_in(world, world.cy).post(url + path).status_code == 404
    assert AccessEntry.objects.get().event == "denied"
    assert not CallRecord.objects.exists()


@pytest.mark.parametrize("path", ["pick", "not-this-person", "choose-again"])
def test_a_choice_that_cannot_be_recorded_is_not_kept(
    world: World,
    bea: Client,
    household: Source,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    url = address(world)
    wanted = match_ids(content(bea, url))["Luis Castillo"]

    async def unavailable(*_: object) -> None:
        raise AuditUnavailable("the database is gone")

    monkeypatch.setattr("integrations.disclosure.audit.record", unavailable)
    response = bea.post(url + path, {"match_id": wanted})
    assert response.status_code == 503
    assert "The caller cannot be shown" in response.content.decode()
    assert not CallRecord.objects.exists()
