from __future__ import annotations

import re
import time
from typing import Any

import pytest
from django.test import Client

from integrations.calls import CallFacts
from integrations.disclosure import audit
from integrations.errors import AuditUnavailable
from integrations.models import AccessEntry, Call, Connector, PanelOpening, TierRule
from integrations.phone import Withheld
from tests.factories import World, make_connector
from tests.known_callers import ROSA, Source
from tests.lookup.fakes import FakeConnector
from tests.panel.conftest import address, content, logged_in

# -- Who gets nothing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "caller/"])
def test_strangers_are_sent_to_log_in(world: World, source: Source, path: str) -> None:
    response = Client().get(address(world) + path)
    assert response.status_code == 302
    assert response["Location"].startswith("/login/?next=/panel/riverside/")


@pytest.mark.parametrize(("method", "path"), [("get", ""), ("get", "caller/"), ("post", "reveal")])
def test_cy_gets_nothing_and_it_is_on_record(world: World, source: Source, method: str, path: str) -> None:
    url = address(world) + path
    client = logged_in(world, world.cy)
    response = getattr(client, method)(url, {"field": "outstanding_balance", "reason": "curious"} if method == "post" else None)
    assert response.status_code == 404
    assert "Rosa" not in response.content.decode()
    entry = AccessEntry.objects.select_related("organization").get()
    assert (entry.event, entry.organization.slug, entry.actor_label) == ("denied", "harbor", "cy")


def test_a_call_of_another_organisation_cannot_be_opened_through_ones_own(world: World, source: Source) -> None:
    key = address(world).split("/")[3]
    response = logged_in(world, world.cy).get(f"/panel/harbor/{key}/")
    assert response.status_code == 404
    assert AccessEntry.objects.get().event == "denied"


def test_an_unknown_key_is_not_found(bea: Client, source: Source) -> None:
    assert bea.get(f"/panel/riverside/{'0' * 32}/").status_code == 404


def test_opening_needs_a_log_in_and_membership(world: World, source: Source) -> None:
    response = Client().post("/panel/riverside/open", {"phone": "+14155550123"})
    assert (response.status_code, response.json()["error"]["code"]) == (401, "unauthenticated")
    response = logged_in(world, world.cy).post("/panel/riverside/open", {"phone": "+14155550123"})
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")
    assert AccessEntry.objects.get().event == "denied"
    assert not Call.objects.exists()


def test_the_page_of_a_call_comes_first_in_the_list_of_recent_ones_and_its_parts_do_not_count(
    bea: Client, world: World, source: Source
) -> None:
    url = address(world)
    PanelOpening.objects.all().delete()
    content(bea, url)
    assert not PanelOpening.objects.exists()
    assert bea.get(url).status_code == 200
    assert PanelOpening.objects.get().person == world.bea


@pytest.mark.parametrize("body", ["{broken", "[]", "null"])
def test_a_body_that_is_no_json_object_opens_nothing(bea: Client, source: Source, body: str) -> None:
    response = bea.post("/panel/riverside/open", body, content_type="application/json")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_json")
    assert not Call.objects.exists()


def test_a_phone_that_is_no_text_is_unusable_and_not_withheld(bea: Client, source: Source) -> None:
    response = bea.post("/panel/riverside/open", {"phone": 4155550123}, content_type="application/json")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_phone")


@pytest.mark.parametrize(("method", "path"), [("get", "caller/"), ("post", "reveal")])
def test_htmx_is_sent_to_log_in_and_not_given_its_page_to_swap_in(world: World, source: Source, method: str, path: str) -> None:
    url = address(world)
    response = getattr(Client(), method)(f"{url}{path}", headers={"HX-Request": "true"})
    assert response["HX-Redirect"] == f"/login/?next={url}"
    assert response.content == b""


def test_opening_needs_the_token_against_forged_requests(world: World, source: Source) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.user(world.bea))
    assert client.post("/panel/riverside/open", {"phone": "+14155550123"}).status_code == 403


# -- The shell and opening -----------------------------------------------------------------------------------------


def test_the_shell_holds_no_data_and_tolerates_a_query(bea: Client, source: Source) -> None:
    html = bea.get("/panel/riverside/?phone=%2B14155550123").content.decode()
    assert "4155550123" not in html
    assert 'data-open="/panel/riverside/open"' in html


@pytest.mark.parametrize("content_type", ["application/json", "form"])
def test_opening_names_the_panel_of_the_call(bea: Client, world: World, source: Source, content_type: str) -> None:
    body = {"phone": " 14155550123", "call_sid": "CA9", "task_sid": "", "direction": "outbound"}
    extra: Any = {"content_type": "application/json"} if content_type != "form" else {}
    response = bea.post("/panel/riverside/open", body, **extra)
    call = Call.objects.get()
    assert response.json() == {"url": f"/panel/riverside/{call.key}/"}
    assert (call.number, call.call_sid, call.direction) == ("+14155550123", "CA9", "outbound")
    assert re.fullmatch(r"[0-9a-f]{32}", call.key)


@pytest.mark.parametrize("body", [{}, {"phone": ""}, {"phone": "anonymous"}])
def test_without_a_number_the_call_is_withheld(bea: Client, source: Source, body: dict[str, str]) -> None:
    assert bea.post("/panel/riverside/open", body).status_code == 200
    assert Call.objects.get().number == ""


@pytest.mark.parametrize("phone", ["abc", "4" * 65, "+1", "4" * 1_000_000])
def test_a_number_that_cannot_be_used_is_refused_with_a_sentence(bea: Client, source: Source, phone: str) -> None:
    response = bea.post("/panel/riverside/open", {"phone": phone}, content_type="application/json")
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_phone"
    assert not Call.objects.exists()


# -- What is shown -------------------------------------------------------------------------------------------------


def test_the_page_comes_at_once_with_the_number_and_nothing_else(bea: Client, world: World, source: Source) -> None:
    html = bea.get(address(world)).content.decode()
    assert "(415) 555-0123" in html
    assert "Rosa" not in html
    assert 'data-stream="/panel/riverside/' in html
    entry = AccessEntry.objects.get()
    assert (entry.event, entry.call_sid) == ("open", "CA1")


def test_one_caller_as_a_basic_agent_sees_them(bea: Client, world: World, source: Source) -> None:
    html = content(bea, address(world))
    assert "Rosa Castillo" in html
    assert "r•••@mail.org" in html
    assert "Matched by number, not verified" in html
    assert "Clients · just now" in html
    assert "Reveal" in html
    for hidden in ("42.50", "rosa@mail.org", "Prefers mornings"):
        assert hidden not in html


def test_an_admin_sees_the_balance_and_that_it_needs_attention(world: World, source: Source) -> None:
    client = logged_in(world, world.ann)
    html = content(client, address(world))
    assert "Needs attention" in html
    assert "Balance $42.50 open" in html


def test_a_hidden_field_is_nowhere_in_the_page(bea: Client, world: World, source: Source) -> None:
    TierRule.objects.create(tier=world.bea.tier, target="account_id", effect="hide")
    html = content(bea, address(world))
    assert "RS-1" not in html
    assert "field-account_id" not in html


def test_a_number_that_the_tier_may_not_see_is_masked(bea: Client, world: World, source: Source) -> None:
    TierRule.objects.create(tier=world.bea.tier, target="phone", effect="mask")
    url = address(world)
    for html in (bea.get(url).content.decode(), content(bea, url)):
        assert "555-0123" not in html
        assert "••• 0123" in html


def test_without_javascript_the_whole_page_comes_with_its_content(bea: Client, world: World, source: Source) -> None:
    html = bea.get(f"{address(world)}caller/").content.decode()
    assert html.startswith("<!doctype html>")
    assert "Rosa Castillo" in html


def test_a_withheld_caller_offers_the_search(bea: Client, world: World, source: Source) -> None:
    html = content(bea, address(world, CallFacts(Withheld(), "CA2")))
    assert "Number withheld" in html
    assert "Ask for the name or number, then search below." in html


def test_nobody_found_says_what_to_do(bea: Client, world: World, source: Source) -> None:
    source.answers(people=[])
    html = content(bea, address(world))
    assert "Nobody has this number" in html
    assert "Ask for the name or another number" in html


def test_several_people_show_names_and_nothing_else(bea: Client, world: World, source: Source) -> None:
    source.answers(people=[ROSA, {**ROSA, "id": "2", "name": "Luis Castillo", "account_id": "RS-2"}])
    html = content(bea, address(world))
    assert "2 people share this number" in html
    assert "Rosa Castillo" in html
    assert "Luis Castillo" in html
    assert "mail.org" not in html
    assert "Reveal" not in html


def test_one_system_down_names_it_and_keeps_the_rest(bea: Client, world: World, source: Source) -> None:
    make_connector(world.riverside, "crm", "fake", name="HubSpot", options={"fails": "unavailable"})
    html = content(bea, address(world))
    assert "HubSpot is missing. It cannot be reached at the moment." in html
    assert "Rosa Castillo" in html


def test_several_systems_down_are_named_in_one_notice(bea: Client, world: World, source: Source) -> None:
    make_connector(world.riverside, "crm", "fake", name="HubSpot", options={"fails": "unavailable"})
    make_connector(world.riverside, "sales", "fake", name="Salesforce", options={"fails": "auth"})
    html = content(bea, address(world))
    assert html.count("notice-warn") == 1
    assert "2 systems are missing. What the other systems know is here." in html
    assert "HubSpot: cannot be reached</li>" in html
    assert "Salesforce: sign-in refused</li>" in html


def test_a_missing_system_beside_several_people_says_that_there_may_be_more(bea: Client, world: World, source: Source) -> None:
    source.answers(people=[ROSA, {**ROSA, "id": "2", "name": "Luis Castillo", "account_id": "RS-2"}])
    make_connector(world.riverside, "crm", "fake", name="HubSpot", options={"fails": "unavailable"})
    html = content(bea, address(world))
    assert "There may be more people with this number." in html
    assert "What the other systems know is here." not in html


def test_old_answers_are_marked_once_for_each_card(
    bea: Client, world: World, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, real = address(world), time.time
    assert "tag-warn" not in content(bea, url)
    monkeypatch.setattr(time, "time", lambda: real() + 400)
    html = content(bea, url)
    cards = html.split('<section class="card"')[1:]
    assert len(cards) > 1
    assert all(card.count("tag-warn") == 1 for card in cards if "Clients" in card)
    assert all(card.index("tag-warn") < card.index("<dl") for card in cards if "tag-warn" in card)


def test_all_systems_down_says_so(bea: Client, world: World, source: Source) -> None:
    source.answers(fails="timeout")
    html = content(bea, address(world))
    assert "No system answered" in html
    assert "did not answer in time" in html


def test_no_system_connected_says_whom_to_ask(bea: Client, world: World, source: Source) -> None:
    Connector.objects.all().delete()
    assert "No system is connected yet" in content(bea, address(world))


def test_a_conflict_shows_both_values_and_sources(bea: Client, world: World, source: Source) -> None:
    other = {**ROSA, "id": "7", "name": "Rosa M. Castillo"}
    make_connector(world.riverside, "crm", "fake", name="HubSpot", priority=500, options={"people": [other]})
    html = content(bea, address(world))
    assert "systems disagree" in html
    assert "Rosa M. Castillo" in html


def test_masks_that_look_alike_are_no_disagreement_to_look_at(bea: Client, world: World, source: Source) -> None:
    other = {**ROSA, "id": "7", "notes": "Prefers evenings"}
    make_connector(world.riverside, "crm", "fake", name="HubSpot", priority=500, options={"people": [other]})
    html = content(bea, address(world))
    assert "P•••" in html
    assert "systems disagree" not in html


def test_a_value_that_could_not_be_read_is_named(bea: Client, world: World, source: Source) -> None:
    source.answers(people=[{**ROSA, "outstanding_balance": "a lot"}])
    assert "Clients: Outstanding balance" in content(bea, address(world))


def test_markup_in_a_value_stays_text(bea: Client, world: World, source: Source) -> None:
    source.answers(people=[{**ROSA, "name": "<script>alert(1)</script>", "account_id": '"><img src=x>'}])
    html = content(bea, address(world))
    assert "<script>alert" not in html
    assert "<img" not in html


def test_without_audit_neither_page_nor_content_shows_anything(
    bea: Client, world: World, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_entry: object) -> None:
        raise AuditUnavailable

    url = address(world)
    monkeypatch.setattr(audit, "record", refuse)
    for html in (bea.get(url).content.decode(), content(bea, url)):
        assert "The caller cannot be shown" in html
        assert "Rosa" not in html
        assert "555-0123" not in html


# -- Reveal --------------------------------------------------------------------------------------------------------


def reveal(client: Client, url: str, **body: str) -> str:
    response = client.post(f"{url}reveal", body, headers={"HX-Request": "true"})
    assert response.status_code == 200
    return response.content.decode()


def test_a_reason_reveals_one_field_and_is_on_record_first(bea: Client, world: World, source: Source) -> None:
    html = reveal(bea, address(world), field="outstanding_balance", reason="The caller asked about it", more="the bill")
    assert "$42.50" in html
    assert "Rosa" not in html
    entry = AccessEntry.objects.get()
    assert (entry.event, entry.purpose, entry.call_sid) == ("reveal", "The caller asked about it – the bill", "CA1")


@pytest.mark.parametrize("reason", ["", "   ", "\u200b", "\u2060\u00ad", "\x00", ".", "–"])
def test_without_a_reason_nothing_is_revealed(bea: Client, world: World, source: Source, reason: str) -> None:
    html = reveal(bea, address(world), field="outstanding_balance", reason=reason)
    assert "Say why you need to see it" in html
    assert "42.50" not in html


@pytest.mark.parametrize("field", ["email", "ssn", "no_such_field", ""])
def test_what_is_not_to_be_revealed_is_refused_and_on_record(bea: Client, world: World, source: Source, field: str) -> None:
    html = reveal(bea, address(world), field=field, reason="curious")
    assert "cannot be revealed" in html
    assert "rosa@mail.org" not in html
    assert AccessEntry.objects.get().event == "denied"


def test_a_reveal_belongs_to_the_showing_that_it_was_asked_from(bea: Client, world: World, source: Source) -> None:
    url = address(world)
    shown = re.search(r'name="view_id" value="([0-9a-f]{32})"', content(bea, url))
    assert shown
    reveal(bea, url, field="outstanding_balance", reason="bill", view_id=shown[1])
    assert set(AccessEntry.objects.values_list("event", "view_id")) == {("lookup", shown[1]), ("reveal", shown[1])}


def test_a_made_up_showing_is_not_put_on_record(bea: Client, world: World, source: Source) -> None:
    reveal(bea, address(world), field="outstanding_balance", reason="bill", view_id="x" * 200)
    assert re.fullmatch(r"[0-9a-f]{32}", AccessEntry.objects.get().view_id)


@pytest.mark.parametrize("field", ["outstanding_balance", "email"])
def test_a_reveal_while_a_system_is_down_says_so(bea: Client, world: World, source: Source, field: str) -> None:
    source.answers(fails="unavailable")
    html = reveal(bea, address(world), field=field, reason="bill")
    assert "because a system did not answer" in html


def test_without_audit_nothing_is_revealed(bea: Client, world: World, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_entry: object) -> None:
        raise AuditUnavailable

    url = address(world)
    monkeypatch.setattr(audit, "record", refuse)
    assert "42.50" not in reveal(bea, url, field="outstanding_balance", reason="bill")


def test_a_reveal_cannot_be_had_by_address(bea: Client, world: World, source: Source) -> None:
    assert bea.get(f"{address(world)}reveal?field=outstanding_balance&reason=x").status_code == 405


def test_an_expired_page_is_told_so_and_kept_nowhere(world: World, source: Source) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.user(world.bea))
    response = client.post("/search/", {"phone": "+14155550123"})
    assert response.status_code == 403
    assert "too old to be sent" in response.content.decode()
    opened = client.post("/panel/riverside/open", {"phone": "+14155550123"})
    assert opened.json()["error"]["code"] == "forbidden"
    assert "no-store" in client.get("/panel/nowhere/00000000000000000000000000000000/caller/x")["Cache-Control"]


@pytest.mark.parametrize("phone", [["a"], 5, {"a": 1}, True])
def test_a_phone_that_is_no_text_is_refused(bea: Client, source: Source, phone: object) -> None:
    response = bea.post("/panel/riverside/open", {"phone": phone}, content_type="application/json")
    assert response.json()["error"]["code"] == "invalid_phone"


def test_a_description_that_is_too_large_is_refused(bea: Client, source: Source) -> None:
    response = bea.post("/panel/riverside/open", {"phone": "4" * 3_000_000}, content_type="application/json")
    assert response.json()["error"]["code"] == "too_large"


# -- The browser's safety ------------------------------------------------------------------------------------------


def test_pages_forbid_inline_code_and_have_none(bea: Client, world: World, source: Source) -> None:
    url = address(world)
    for response in (bea.get("/panel/riverside/"), bea.get(url), bea.get(f"{url}caller/"), bea.get("/")):
        policy = response["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        html = response.content.decode()
        assert not re.search(r"\son\w+=|<style|\sstyle=|javascript:", html)
        for script in re.findall(r"<script\b[^>]*>", html):
            assert "src=" in script


# -- Kept answers ------------------------------------------------------------------------------------------------


def test_a_second_look_asks_nobody_and_asking_again_does(world: World, bea: Client, source: Source) -> None:
    url = address(world)
    content(bea, url)
    html = content(bea, url)
    assert "answered just now" in html
    assert len(FakeConnector.asked) == 1
    assert "Rosa Castillo" in bea.get(f"{url}caller/?refresh=1", headers={"HX-Request": "true"}).content.decode()
    assert len(FakeConnector.asked) == 2


def test_a_kept_answer_is_a_disclosure_like_any_other(world: World, bea: Client, source: Source) -> None:
    url = address(world)
    content(bea, url)
    content(bea, url)
    assert AccessEntry.objects.filter(event="lookup").count() == 2
