"""An agent looks for who is calling by name, e-mail address or number: on record, with a reason, and kept for the call."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from integrations.calls import CallFacts
from integrations.disclosure import audit
from integrations.errors import AuditUnavailable
from integrations.models import AccessEntry, CallRecord, TierRule
from integrations.phone import Withheld
from tests.factories import World
from tests.known_callers import ROSA, Source
from tests.lookup.fakes import FakeConnector
from tests.panel.conftest import address, content, logged_in

LUIS = {**ROSA, "id": "2", "name": "Luis Castillo", "email": "luis@mail.org", "account_id": "RS-2", "notes": "Has a dog"}
MARA = {**ROSA, "id": "3", "name": "Mara Okafor", "email": "mara@mail.org", "account_id": "RS-3", "notes": "Quiet"}
WHY = {"reason": "The caller said who they are", "more": ""}


@pytest.fixture
def people(source: Source) -> Source:
    source.answers(people=[ROSA], others=[LUIS, MARA])
    return source


def search(client: Client, url: str, text: str, *, htmx: bool = True, **changes: str) -> str:
    headers = {"HX-Request": "true"} if htmx else {}
    response = client.post(f"{url}search", {**WHY, "text": text, **changes}, headers=headers)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    return response.content.decode()


def found(html: str) -> dict[str, str]:
    """Name → match id, in the order shown."""
    return dict(re.findall(r'match-name">([^<]+)</p>.*?name="match_id" value="([0-9a-f]{32})"', html, re.DOTALL))


def pick(client: Client, url: str, text: str, name: str) -> None:
    wanted = found(search(client, url, text))[name]
    response = client.post(f"{url}search/pick", {**WHY, "text": text, "match_id": wanted})
    assert (response.status_code, response["Location"]) == (302, url)


def test_without_a_reason_nobody_is_searched_for(world: World, bea: Client, people: Source) -> None:
    url = address(world)
    for reason in ("", "  ", "-"):
        assert "Say why you search" in search(bea, url, "castillo", reason=reason)
    assert FakeConnector.asked == []
    assert not AccessEntry.objects.filter(event="search").exists()


@pytest.mark.parametrize(("text", "sentence"), [("R", "two letters"), ("", "Type a name"), ("x@y", "whole e-mail address")])
def test_what_cannot_be_searched_for_is_told(world: World, bea: Client, people: Source, text: str, sentence: str) -> None:
    assert sentence in search(bea, address(world), text)
    assert FakeConnector.asked == []


@pytest.mark.parametrize("path", ["search", "search/pick"])
def test_cy_and_strangers_find_nobody(world: World, people: Source, path: str) -> None:
    url = address(world)
    posted = {**WHY, "text": "castillo", "match_id": "0" * 32}
    assert Client().post(url + path, posted)["Location"].startswith("/login/?next=/panel/riverside/")
    assert logged_in(world, world.cy).post(url + path, posted).status_code == 404
    assert AccessEntry.objects.get().event == "denied"
    assert FakeConnector.asked == []


@pytest.mark.parametrize(
    ("rule", "effect", "text"),
    [
        ("name", "mask", "castillo"),
        ("basic", "hide", "castillo"),
        ("email", "hide", "luis@mail.org"),
        ("phone", "hide", "+14155550123"),
    ],
)
def test_a_tier_that_is_kept_from_it_cannot_search_by_it(
    world: World, bea: Client, people: Source, rule: str, effect: str, text: str
) -> None:
    TierRule.objects.update_or_create(tier=world.bea.tier, target=rule, defaults={"effect": effect})
    html = search(bea, address(world), text)
    assert "You may not search in this way" in html
    assert "Castillo" not in html
    assert FakeConnector.asked == []
    entry = AccessEntry.objects.get(event="denied")
    assert (entry.detail["what"], entry.outcome, entry.purpose) == ("search", effect, WHY["reason"])
    bea.post(f"{address(world)}search/pick", {**WHY, "text": text, "match_id": "0" * 32})
    assert AccessEntry.objects.filter(event="denied").count() == 2


def test_it_shows_who_might_be_meant_and_no_more_than_tells_them_apart(world: World, bea: Client, people: Source) -> None:
    html = search(bea, address(world), "castillo")
    assert list(found(html)) == ["Luis Castillo", "Rosa Castillo"]
    assert "Account: RS-2" in html
    assert "name in Clients" in html
    assert "Searched: Clients" in html
    for hidden in ("Has a dog", "mail.org", "42.50", "Mara", "<html"):
        assert hidden not in html


def test_the_entry_tells_who_searched_why_and_how_but_not_in_clear_for_what(world: World, bea: Client, people: Source) -> None:
    html = search(bea, address(world), "Luis@Mail.org", more="rang twice")
    entry = AccessEntry.objects.get(event="search")
    assert (entry.actor_label, entry.call_sid, entry.outcome) == ("Bea", "CA1", "ok")
    assert entry.purpose == "The caller said who they are – rang twice"
    assert entry.detail == {"found_by": "email", "match_count": 1, "matches": [found(html)["Luis Castillo"]]}
    assert entry.sources == ["clients"]
    assert audit.subject_text(entry) == "luis@mail.org"
    assert "luis" not in repr(vars(entry)).casefold()


def test_a_search_that_cannot_be_recorded_shows_nobody(
    world: World, bea: Client, people: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = address(world)
    wanted = found(search(bea, url, "luis"))["Luis Castillo"]

    async def unavailable(*_: object) -> None:
        raise AuditUnavailable("the database is gone")

    monkeypatch.setattr("integrations.disclosure.audit.record", unavailable)
    assert "Luis" not in search(bea, url, "luis").replace('value="luis"', "")
    response = bea.post(f"{url}search/pick", {**WHY, "text": "luis", "match_id": wanted})
    assert response.status_code == 503
    assert not CallRecord.objects.exists()


def test_who_is_picked_is_shown_on_record_and_after_a_refresh(world: World, bea: Client, people: Source) -> None:
    url = address(world)
    pick(bea, url, "luis", "Luis Castillo")
    for _look in range(2):
        html = content(bea, url)
        assert "Luis Castillo" in html
        assert "Rosa" not in html
        assert "Found by search (not by number), not verified" in html
    entry = AccessEntry.objects.get(event="pick")
    assert (entry.actor_label, entry.purpose, entry.detail["found_by"]) == ("Bea", WHY["reason"], "name")
    assert audit.subject_text(entry) == "luis"
    shown = AccessEntry.objects.filter(event="lookup").first()
    assert shown
    assert (shown.detail["found_by"], audit.subject_text(shown)) == ("name", "+14155550123")
    assert list(CallRecord.objects.values_list("record_id", "state", "found_by")) == [("2", "picked", "name:luis")]
    assert "luis" not in CallRecord.objects.extra(select={"raw": "found_by"}).values_list("raw", flat=True)[0]


def test_a_field_of_theirs_is_revealed_with_a_reason(world: World, bea: Client, people: Source) -> None:
    url = address(world)
    pick(bea, url, "luis", "Luis Castillo")
    assert "$42.50" not in content(bea, url)
    response = bea.post(f"{url}reveal", {"field": "outstanding_balance", "reason": "asked"}, headers={"HX-Request": "true"})
    assert "$42.50" in response.content.decode()


def test_a_withheld_caller_can_be_searched_for_and_shown(world: World, bea: Client, people: Source) -> None:
    url = address(world, CallFacts(Withheld(), "CA2"))
    html = content(bea, url)
    assert "Ask for the name or number, then search below." in html
    pick(bea, url, "mara", "Mara Okafor")
    html = content(bea, url)
    assert "Mara Okafor" in html
    assert "Number withheld" in html
    bea.post(f"{url}choose-again")
    assert "Ask for the name or number" in content(bea, url)


def test_one_who_is_gone_is_not_replaced_by_who_has_the_number(world: World, bea: Client, people: Source) -> None:
    url = address(world)
    pick(bea, url, "luis", "Luis Castillo")
    people.answers(people=[ROSA])
    html = content(bea, url)
    assert "Not found any more" in html
    assert "Rosa" not in html
    assert "Choose again" in html
    bea.post(f"{url}choose-again")
    assert "Rosa Castillo" in content(bea, url)


def test_who_was_said_not_to_be_calling_can_be_found_by_a_search_all_the_same(
    world: World, bea: Client, people: Source
) -> None:
    url = address(world)
    bea.post(f"{url}not-this-person")
    pick(bea, url, "rosa", "Rosa Castillo")
    assert "Rosa Castillo" in content(bea, url)


def test_many_are_shown_up_to_twenty_with_what_to_do(world: World, bea: Client, source: Source) -> None:
    crowd: list[dict[str, Any]] = [{"id": str(n), "name": f"Rosa {chr(65 + n)}", "account_id": f"A{n}"} for n in range(23)]
    source.answers(people=crowd)
    html = search(bea, address(world), "rosa")
    assert len(found(html)) == 20
    assert "There are more: narrow it down" in html
    entry = AccessEntry.objects.get(event="search")
    assert (entry.detail["match_count"], len(entry.detail["matches"])) == (23, 20)


def test_one_who_is_not_among_the_found_cannot_be_picked(world: World, bea: Client, people: Source) -> None:
    url = address(world)
    mara = found(search(bea, url, "mara"))["Mara Okafor"]
    bea.post(f"{url}search/pick", {**WHY, "text": "luis", "match_id": mara})
    assert not CallRecord.objects.exists()
    assert not AccessEntry.objects.filter(event="pick").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"people": []}, "Nobody found"),
        ({"fails": "unavailable"}, "No system answered"),
        ({"fails": "crash"}, "No system answered"),
    ],
)
def test_finding_nobody_says_why_and_what_to_do(
    world: World, bea: Client, source: Source, options: dict[str, Any], words: str
) -> None:
    source.answers(**options)
    assert words in search(bea, address(world), "rosa")


def test_without_a_system_it_says_so(world: World, bea: Client, source: Source) -> None:
    source.row.delete()
    assert "None of your systems can be searched in this way" in search(bea, address(world), "rosa")


def test_a_restricted_client_is_found_by_the_tier_admin_alone(world: World, bea: Client, people: Source) -> None:
    people.row.fields = {"restricted": "restricted"}
    people.answers(people=[ROSA], others=[{**LUIS, "restricted": "yes"}])
    url = address(world)
    html = search(bea, url, "luis")
    assert "Nobody found" in html
    assert AccessEntry.objects.get(event="search").detail["match_count"] == 0
    ann = logged_in(world, world.ann)
    pick(ann, url, "luis", "Luis Castillo")
    assert "Luis Castillo" in content(ann, url)
    assert "Luis" not in content(bea, url)


def test_without_javascript_it_is_a_page_with_the_form_and_a_way_back(world: World, bea: Client, people: Source) -> None:
    url = address(world)
    html = bea.get(f"{url}search").content.decode()
    assert 'name="text"' in html
    html = search(bea, url, "luis", htmx=False)
    assert 'value="luis"' in html
    assert f'href="{url}caller/"' in html
    assert list(found(html)) == ["Luis Castillo"]


def test_the_form_is_beside_every_call_and_open_where_the_number_is_withheld(world: World, bea: Client, people: Source) -> None:
    for facts, is_open in ((None, False), (CallFacts(Withheld(), "CA2"), True)):
        html = bea.get(address(world, facts)).content.decode()
        assert bool(re.search(r'<details [^>]*id="search" open>', html)) is is_open
        assert 'id="search-text"' in html


def test_it_is_posted_with_a_token(world: World, people: Source) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.user(world.bea))
    for path in ("search", "search/pick"):
        assert client.post(f"{address(world)}{path}", {**WHY, "text": "rosa"}).status_code == 403
