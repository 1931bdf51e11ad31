"""A restricted client does not exist for anyone but the tier admin."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from integrations.disclosure import Context, disclose
from integrations.disclosure.viewers import viewer_of_person
from integrations.errors import AccessDenied
from integrations.lookup import Choice, LookupRequest, asking, look_up
from integrations.lookup.restricted import trace_of
from integrations.models import AccessEntry, CallRecord, Channel, RestrictedRecord
from integrations.phone import Number
from integrations.profile import SourceRecord
from tests.api.conftest import Api
from tests.factories import World, make_api_key, make_connector
from tests.known_callers import ROSA, Source, install_fake_kind
from tests.lookup.fakes import FakeConnector
from tests.panel.conftest import address, content, logged_in

HIDDEN: dict[str, Any] = {**ROSA, "restricted": "yes"}
LUIS = {**ROSA, "id": "2", "name": "Luis Castillo", "email": "luis@mail.org"}


@pytest.fixture
def source(world: World, monkeypatch: pytest.MonkeyPatch) -> Source:
    install_fake_kind(monkeypatch)
    found = Source(world)
    found.row.fields = {"restricted": "restricted"}
    found.answers(people=[HIDDEN])
    return found


def test_for_an_agent_it_is_a_number_that_nobody_has(world: World, source: Source) -> None:
    html = content(logged_in(world, world.bea), address(world))
    assert "Nobody has this number" in html
    assert "Rosa" not in html
    assert "not known there" in html
    entry = AccessEntry.objects.get(event="lookup")
    assert (entry.outcome, entry.fields, entry.detail["match_count"]) == ("not_found", [], 0)


def test_the_tier_admin_sees_it_and_that_it_is_restricted(world: World, source: Source) -> None:
    html = content(logged_in(world, world.ann), address(world))
    assert "Rosa Castillo" in html
    assert "Restricted record: only administrators see it" in html


def test_beside_another_person_only_the_other_is_there(world: World, source: Source) -> None:
    source.answers(people=[HIDDEN, LUIS])
    html = content(logged_in(world, world.bea), address(world))
    assert "Luis Castillo" in html
    assert "Rosa" not in html
    assert "people share this number" not in html


def test_what_says_something_unreadable_is_restricted(world: World, source: Source) -> None:
    source.answers(people=[{**ROSA, "restricted": "ask Ann"}])
    assert "Rosa" not in content(logged_in(world, world.bea), address(world))


def test_whoever_is_not_restricted_is_shown_without_a_word_of_it(world: World, source: Source) -> None:
    source.answers(people=[{**ROSA, "restricted": "no"}])
    html = content(logged_in(world, world.bea), address(world))
    assert "Rosa Castillo" in html
    assert "estricted" not in html


@pytest.mark.parametrize(("path", "facts"), [("reveal", {"field": "outstanding_balance", "reason": "asked"}), ("pick", {})])
def test_nothing_of_it_can_be_revealed_or_picked(world: World, source: Source, path: str, facts: dict[str, str]) -> None:
    response = logged_in(world, world.bea).post(address(world) + path, facts)
    assert "42.50" not in response.content.decode()
    assert not AccessEntry.objects.filter(event__in=["reveal", "pick"]).exists()


async def test_the_api_answers_as_if_it_did_not_exist(world: World, source: Source) -> None:
    basic, _row = await sync_to_async(make_api_key)(world.riverside, "advanced", name="advanced")
    body = (await Api(basic).post({"phone": "+14155550123"})).json()
    assert (body["lookup_status"], body["match_count"], body["caller"], body["fields"]) == ("not_found", 0, {}, {})
    assert body["sources"][0]["status"] == "not_found"
    full, _row = await sync_to_async(make_api_key)(world.riverside, "admin", name="full")
    assert (await Api(full).post({"phone": "+14155550123"})).json()["caller"]["name"] == "Rosa Castillo"


@pytest.mark.parametrize("payments", [{"more": [{"id": "p", "outstanding_balance": "42.50"}]}, {"details_fail": "unavailable"}])
async def test_what_was_asked_about_it_looks_as_for_a_number_that_nobody_has(
    world: World, source: Source, payments: dict[str, Any]
) -> None:
    facts = {"details_by": "clients", "options": payments}
    await sync_to_async(make_connector)(world.riverside, "payments", "fake", **facts)
    key, _row = await sync_to_async(make_api_key)(world.riverside, "advanced", name="advanced")

    async def told() -> tuple[str, dict[str, tuple[str, bool]]]:
        body = (await Api(key).post({"phone": "+14155550123", "refresh": True})).json()
        asked = {one["name"]: (one["status"], one["latency_ms"] is None) for one in body["sources"]}
        return body["lookup_status"], asked

    restricted = await told()
    await sync_to_async(source.answers)(people=[])
    assert restricted == await told() == ("not_found", {"clients": ("not_found", False), "payments": ("skipped", True)})


def test_nor_is_it_counted_among_those_who_were_not_picked(world: World, source: Source) -> None:
    source.answers(people=[HIDDEN, LUIS, {**LUIS, "id": "3", "name": "Eva Castillo", "email": "eva@mail.org"}])
    bea, url = logged_in(world, world.bea), address(world)
    luis = content(bea, url).partition("Luis Castillo")[2].partition('name="match_id" value="')[2][:32]
    bea.post(f"{url}pick", {"match_id": luis})
    assert "Choose again: 1 other has this number" in content(bea, url)


# -- By an admin's list ---------------------------------------------------------------------------------------------------


@pytest.fixture
def listed(source: Source, world: World) -> RestrictedRecord:
    """Rosa, whose record says nothing of it."""
    source.answers(people=[ROSA], others=[LUIS])
    return RestrictedRecord.objects.create(organization=world.riverside, connector=source.row, record_id="1")


def test_whoever_is_listed_is_there_for_the_tier_admin_alone(world: World, listed: RestrictedRecord) -> None:
    html = content(logged_in(world, world.bea), address(world))
    assert "Nobody has this number" in html
    assert "Rosa" not in html
    html = content(logged_in(world, world.ann), address(world))
    assert "Rosa Castillo" in html
    assert "Restricted record: only administrators see it" in html


def test_it_takes_effect_at_once_and_ends_at_once(world: World, source: Source, listed: RestrictedRecord) -> None:
    bea, url = logged_in(world, world.bea), address(world)
    listed.delete()
    assert "Rosa Castillo" in content(bea, url)
    RestrictedRecord.objects.create(organization=world.riverside, connector=source.row, record_id="1")
    assert "Rosa" not in content(bea, url)


def test_the_id_that_people_see_in_the_system_is_enough(world: World, source: Source, listed: RestrictedRecord) -> None:
    source.answers(people=[{**ROSA, "id": "Contact/1"}])
    assert "Rosa" not in content(logged_in(world, world.bea), address(world))
    source.answers(people=[{**ROSA, "id": "Contact/11"}])
    assert "Rosa Castillo" in content(logged_in(world, world.bea), address(world))


def test_the_same_id_elsewhere_is_somebody_else(world: World, source: Source, listed: RestrictedRecord) -> None:
    listed.delete()
    other = make_connector(world.riverside, "other", "fake", enabled=False)
    theirs = make_connector(world.harbor, "clients", "fake")
    RestrictedRecord.objects.create(organization=world.riverside, connector=other, record_id="1")
    RestrictedRecord.objects.create(organization=world.harbor, connector=theirs, record_id="1")
    assert "Rosa Castillo" in content(logged_in(world, world.bea), address(world))


def test_one_record_of_several_hides_the_whole_person(world: World, source: Source, listed: RestrictedRecord) -> None:
    make_connector(world.riverside, "copy", "fake", options={"people": [{**ROSA, "id": "9"}]})
    bea, url = logged_in(world, world.bea), address(world)
    assert "Rosa" not in content(bea, url)
    searched = bea.post(f"{url}search", {"reason": "said so", "text": "castillo"}, headers={"HX-Request": "true"})
    assert "Luis Castillo" in searched.content.decode()
    assert "Rosa" not in searched.content.decode()


def test_a_search_and_what_follows_from_it_do_not_find_them(world: World, source: Source, listed: RestrictedRecord) -> None:
    bea, ann, url = logged_in(world, world.bea), logged_in(world, world.ann), address(world)
    why = {"reason": "said so", "text": "castillo"}

    def found(client: Client) -> str:
        return client.post(f"{url}search", why, headers={"HX-Request": "true"}).content.decode()

    assert "Rosa" not in found(bea)
    assert "Luis Castillo" in found(bea)
    html = found(ann)
    rosa = html.partition("Rosa Castillo")[2].partition('name="match_id" value="')[2][:32]
    bea.post(f"{url}search/pick", {**why, "match_id": rosa})
    assert not CallRecord.objects.exists()
    ann.post(f"{url}search/pick", {**why, "match_id": rosa})
    assert "Rosa Castillo" in content(ann, url)
    assert "Rosa" not in content(bea, url)
    assert "42.50" not in bea.post(f"{url}reveal", {"field": "outstanding_balance", "reason": "asked"}).content.decode()


async def test_the_api_does_not_find_them(world: World, listed: RestrictedRecord) -> None:
    basic, _row = await sync_to_async(make_api_key)(world.riverside, "advanced", name="advanced")
    body = (await Api(basic).post({"phone": "+14155550123"})).json()
    assert (body["lookup_status"], body["match_count"], body["caller"]) == ("not_found", 0, {})


# -- In every word as nobody ----------------------------------------------------------------------------------------------


async def _told(key: str, **facts: Any) -> dict[str, Any]:
    """The API's answer without what differs each time."""
    body = (await Api(key).post({"phone": "+14155550123", **facts})).json()
    body.pop("lookup_timestamp")
    for source in body["sources"]:
        source["latency_ms"] = source["latency_ms"] is not None
        source["age_s"] = source["age_s"] and round(source["age_s"] / 10)
    return dict(body)


async def _agents_key(world: World) -> str:
    return (await sync_to_async(make_api_key)(world.riverside, "advanced", name="agents"))[0]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that have passed since answers were kept."""
    passed, wall, steady = [0.0], time.time, time.monotonic
    monkeypatch.setattr("integrations.lookup.cache.time.time", lambda: wall() + passed[0])
    monkeypatch.setattr("integrations.lookup.cache.time.monotonic", lambda: steady() + passed[0])
    return passed


@pytest.mark.parametrize("marked_by", ["system", "list", "another system"])
async def test_cold_kept_and_refreshed_it_is_told_as_nobody_is(
    world: World, source: Source, clock: list[float], marked_by: str
) -> None:
    """What is asked besides is told alike: details, a simulator, and a copy in another system."""
    facts: dict[str, Any] = {"details_by": "clients", "options": {"more": [{"id": "p", "outstanding_balance": "42.50"}]}}
    await sync_to_async(make_connector)(world.riverside, "payments", "fake", **facts)
    copy = await sync_to_async(make_connector)(world.riverside, "copy", "fake", options={"people": []})
    key, seen = await _agents_key(world), []
    if marked_by == "list":
        await sync_to_async(RestrictedRecord.objects.create)(organization=world.riverside, connector=source.row, record_id="1")
    people = {"system": [HIDDEN], "list": [ROSA], "another system": [HIDDEN]}[marked_by]
    for shown in (people, []):
        await sync_to_async(source.answers)(people=shown)
        copy.options = {"people": [{**ROSA, "id": "9"}] if shown and marked_by == "another system" else []}
        await sync_to_async(copy.save)()
        FakeConnector.asked.clear()
        clock[0] += 100_000
        told = [await _told(key), await _told(key)]
        for seconds in (50, 20, 400, 4_000):
            clock[0] += seconds
            told += [await _told(key)]
        told += [await _told(key, refresh=True), await _told(key)]
        seen.append((told, list(FakeConnector.asked)))
    restricted, nobody = seen
    assert restricted[0] == nobody[0]
    assert sorted(restricted[1]) == sorted(nobody[1])
    assert ("payments", "details") not in restricted[1]
    assert [told["sources"][0]["cached"] for told in restricted[0]] == [False, True, True, False, False, False, False, True]


async def test_what_the_tier_admin_looked_at_is_not_at_hand_for_others(world: World, source: Source) -> None:
    key = await _agents_key(world)
    admins, _row = await sync_to_async(make_api_key)(world.riverside, "admin", name="full")
    assert (await _told(admins))["caller"]["name"] == "Rosa Castillo"
    assert (await _told(key))["sources"][0]["cached"] is False
    assert (await _told(admins))["sources"][0]["cached"] is True
    assert (await _told(key))["sources"][0]["cached"] is True


async def test_where_nobody_can_be_restricted_all_share_what_is_kept(world: World, source: Source) -> None:
    source.row.fields = {}
    await sync_to_async(source.answers)(people=[ROSA])
    admins, _row = await sync_to_async(make_api_key)(world.riverside, "admin", name="full")
    await _told(admins)
    assert (await _told(await _agents_key(world)))["sources"][0]["cached"] is True


async def test_of_a_couple_the_other_is_told_as_if_they_were_alone(world: World, source: Source) -> None:
    payments = {"details_by": "clients", "options": {"more": [{"id": "p", "outstanding_balance": "42.50"}]}}
    await sync_to_async(make_connector)(world.riverside, "payments", "fake", **payments)
    key = await _agents_key(world)
    seen = []
    # The second time with the address that the two of them share, by which nobody may be missed.
    for wife, husband in ((HIDDEN, LUIS), ({**HIDDEN, "email": LUIS["email"]}, LUIS)):
        for people in ([wife, husband], [husband]):
            await sync_to_async(source.answers)(people=people)
            told = await _told(key, refresh=True)
            told["fields"] = {name: field["masked"] for name, field in told["fields"].items()}
            seen.append(told)
    assert seen[0] == seen[1] == seen[2] == seen[3]
    assert seen[0]["caller"]["name"] == "Luis Castillo"
    assert "outstanding_balance" in seen[0]["fields"]


async def test_a_stand_in_is_asked_exactly_where_nobody_would_be_known(world: World, source: Source) -> None:
    await sync_to_async(make_connector)(
        world.riverside, "simulator", "fake", fallback_for=source.row, options={"people": [LUIS]}
    )
    told = await _told(await _agents_key(world))
    assert (told["lookup_status"], told["sources"][1]["status"]) == ("not_found", "skipped")


async def test_what_only_details_say_of_it_is_worded_as_nobody_too(world: World, source: Source) -> None:
    await sync_to_async(source.answers)(people=[ROSA])
    facts = {"details_by": "clients", "fields": {"restricted": "restricted"}}
    facts["options"] = {"more": [{"id": "p", "status": "paid", "restricted": "yes"}]}
    await sync_to_async(make_connector)(world.riverside, "visits", "fake", **facts)
    key = await _agents_key(world)
    told = [await _told(key), await _told(key)]
    await sync_to_async(source.answers)(people=[])
    nobody = [await _told(key), await _told(key)]
    assert told == nobody


def test_what_an_admin_said_of_it_changes_nothing_for_others(world: World, source: Source) -> None:
    """Neither who was picked, nor who is not calling, nor with what they were searched for."""
    source.answers(people=[HIDDEN, LUIS], others=[{**HIDDEN, "id": "7", "name": "Ines Hidden", "email": "i@mail.org"}])
    ann, bea, url = logged_in(world, world.ann), logged_in(world, world.bea), address(world)

    def chosen(html: str, name: str) -> str:
        return html.partition(name)[2].partition('name="match_id" value="')[2][:32]

    before = _comparable(content(bea, url))
    assert "Luis Castillo" in before
    ann.post(f"{url}pick", {"match_id": chosen(content(ann, url), "Rosa Castillo")})
    assert _comparable(content(bea, url)) == before
    ann.post(f"{url}not-this-person")
    assert "Rosa" not in content(bea, url)
    ann.post(f"{url}choose-again")
    why = {"reason": "said so", "text": "hidden"}
    found = ann.post(f"{url}search", why, headers={"HX-Request": "true"}).content.decode()
    ann.post(f"{url}search/pick", {**why, "match_id": chosen(found, "Ines Hidden")})
    assert "Ines Hidden" in content(ann, url)
    assert _comparable(content(bea, url)) == before


def _comparable(html: str) -> str:
    return re.sub(r"csrfmiddlewaretoken\" value=\"\w+|nonce=\"[^\"]+|answered [a-z\d. ]+|[0-9a-f]{32}", "", html)


def test_remarks_about_it_are_not_repeated(world: World, source: Source) -> None:
    source.answers(people=[HIDDEN], remarks=["One number could not be read."])
    assert "could not be read" not in content(logged_in(world, world.bea), address(world))
    assert "could not be read" in content(logged_in(world, world.ann), address(world))


async def test_a_result_in_which_they_count_is_shown_to_nobody_else(world: World, source: Source) -> None:
    result = await look_up(LookupRequest(world.riverside.pk, Number("+14155550123", "US"), with_restricted=True))
    viewer = viewer_of_person(world.bea, channel=Channel.PANEL, address="")
    with pytest.raises(AccessDenied):
        await disclose(result, viewer, Context())


async def test_who_is_taken_out_takes_as_long_as_nobody(world: World, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is read and dropped comes a little later than an empty one: chance hides which it was."""
    waits: list[tuple[float, float]] = []

    def chance(*between: float) -> float:
        waits.append(between)  # type: ignore[arg-type]
        return 0.0

    monkeypatch.setattr(asking, "random", SimpleNamespace(uniform=chance))
    for people, hidden in (([HIDDEN], True), ([], True), ([ROSA], False)):
        await sync_to_async(source.answers)(people=people)
        waits.clear()
        await look_up(LookupRequest(world.riverside.pk, Number("+14155550123", "US")))
        assert waits == ([(0, asking.NOBODY_WITHIN_S)] if hidden else [])


def test_of_who_is_taken_out_no_more_is_kept_than_links_them() -> None:
    trace = trace_of(SourceRecord("crm", "1", {"name": "Rosa", "email": "rosa@mail.org", "notes": "x"}, external_id="E"))
    assert (trace.fields, trace.external_id) == ({"email": "rosa@mail.org"}, "E")


async def test_a_pick_of_somebody_listed_is_none_for_whoever_may_not_know_of_them(world: World, source: Source) -> None:
    await sync_to_async(source.answers)(people=[LUIS])
    await RestrictedRecord.objects.acreate(organization=world.riverside, connector=source.row, record_id="1")
    rosa = Choice(picked=frozenset({("clients", "1")}))
    request = LookupRequest(world.riverside.pk, Number("+14155550123", "US"), choice=rosa)
    told = await look_up(request)
    assert (len(told.people), told.choice) == (1, Choice())
    assert (await look_up(replace(request, with_restricted=True))).people == ()


@pytest.mark.parametrize("written", ["Kx-007", "kx-007 ", "\uff4bx-007", "KX-007"])
def test_an_id_in_another_case_or_width_means_the_same_record(world: World, source: Source, written: str) -> None:
    source.answers(people=[{**ROSA, "id": "kX-007"}])
    RestrictedRecord.objects.create(organization=world.riverside, connector=source.row, record_id=written)
    assert "Rosa" not in content(logged_in(world, world.bea), address(world))
    source.answers(people=[{**ROSA, "id": "kX-0071"}])
    assert "Rosa" in content(logged_in(world, world.bea), address(world))
