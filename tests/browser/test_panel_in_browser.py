from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from integrations.errors import AuditUnavailable
from integrations.models import AccessEntry, Connector
from tests.browser.conftest import Visitor
from tests.factories import World, make_connector
from tests.known_callers import ROSA, Source
from tests.lookup.fakes import FakeConnector

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
SHOTS = ROOT / "test-report" / "screenshots"
SIZES = [(350, "light"), (350, "dark"), (700, "light"), (700, "dark"), (1280, "light"), (1280, "dark")]


def shoot(page: Page, state: str) -> None:
    """Every state at every width, light and dark; none may need to be scrolled sideways."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    for width, scheme in SIZES:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=SHOTS / f"{state}-{width}-{scheme}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{state} at {width} px"


def test_a_call_is_opened_from_its_address_and_shown(visitor: Visitor, source: Source) -> None:
    visitor.log_in()
    visitor.open_call()
    assert visitor.page.inner_text(".caller-name") == "Rosa Castillo"
    assert visitor.page.inner_text(".caller-number").startswith("(415) 555-0123")
    assert "4155550123" not in visitor.page.url
    shoot(visitor.page, "found")
    assert visitor.problems == []


def test_a_call_is_kept_while_its_agent_logs_in(visitor: Visitor, source: Source) -> None:
    page = visitor.page
    page.goto(f"{visitor.address}/panel/riverside/#phone=+14155550123&call_sid=CA7")
    page.wait_for_selector("#state-log-in:not([hidden])")
    shoot(page, "log-in-needed")
    page.click("#log-in")
    page.fill("[name=username]", "bea")
    page.fill("[name=password]", "a-long-test-password")
    page.click("main button")
    page.wait_for_selector(".caller-name >> text=Rosa Castillo")
    assert AccessEntry.objects.filter(event="lookup", call_sid="CA7").exists()


def test_a_field_is_revealed_with_a_reason_by_keyboard_alone(visitor: Visitor, source: Source) -> None:
    visitor.log_in()
    visitor.open_call()
    page = visitor.page
    page.focus("#field-outstanding_balance summary")
    page.keyboard.press("Enter")
    shoot(page, "revealing")
    page.keyboard.press("Tab")
    page.keyboard.press("T")  # The caller asked about it
    page.keyboard.press("Tab")
    page.keyboard.type("the October bill")
    page.keyboard.press("Enter")
    page.wait_for_selector("#field-outstanding_balance >> text=$42.50")
    assert page.evaluate("document.activeElement.closest('.field').id") == "field-outstanding_balance"
    entry = AccessEntry.objects.get(event="reveal")
    assert entry.purpose == "The caller asked about it – the October bill"
    assert visitor.problems == []


def test_every_control_can_be_reached_and_seen_by_tabbing(visitor: Visitor, source: Source) -> None:
    visitor.log_in()
    visitor.open_call()
    page = visitor.page
    page.evaluate("document.activeElement.blur()")
    reached = set()
    for _press in range(60):
        page.keyboard.press("Tab")
        focused: Any = page.evaluate(
            """() => { const e = document.activeElement, s = getComputedStyle(e);
                const outlined = s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0;
                return [e.tagName, e.innerText.trim().slice(0, 20), outlined]; }"""
        )
        if focused[0] == "BODY":
            break
        reached.add(focused[1])
        assert focused[2], f"{focused[1]} has no visible focus"
    assert {"Skip to the content", "Log out", "Ask again"} <= reached
    assert any(text.startswith("Reveal") for text in reached)


def test_a_question_mark_lists_the_keys_and_r_asks_again(visitor: Visitor, source: Source) -> None:
    visitor.log_in()
    visitor.open_call()
    page = visitor.page
    page.keyboard.press("?")
    assert page.is_visible("#keys")
    shoot(page, "keys")
    page.keyboard.press("Escape")
    source.answers(people=[{**ROSA, "name": "Rosa M. Castillo"}])
    page.keyboard.press("r")
    page.wait_for_selector(".caller-name >> text=Rosa M. Castillo")


def test_a_connection_that_fails_is_said(visitor: Visitor, source: Source) -> None:
    visitor.log_in()
    page = visitor.page
    page.route(re.compile("/stream/"), lambda route: route.abort())
    page.route(re.compile("/caller/"), lambda route: route.abort())
    page.goto(f"{visitor.address}/panel/riverside/#phone=%2B14155550123")
    page.wait_for_selector("text=The caller could not be loaded")
    shoot(page, "not-loaded")


def test_the_page_shows_where_things_will_be_while_it_waits(visitor: Visitor, source: Source) -> None:
    visitor.log_in()
    page = visitor.page
    page.route("**/stream/", lambda _route: None)
    page.goto(f"{visitor.address}/panel/riverside/#phone=%2B14155550123")
    page.wait_for_selector("#caller[aria-busy] .skeleton")
    assert "(415) 555-0123" in page.inner_text("#caller")
    shoot(page, "waiting")
    page.unroute_all(behavior="ignoreErrors")


def test_late_answers_fill_in_and_leave_the_reader_alone(visitor: Visitor, world: World, source: Source) -> None:
    """The fast system's fields come while the slow one is still asked; what is being read and typed stays."""
    late = {**ROSA, "id": "9", "notes": "Speaks slowly", "account_id": "RS-9"}
    slow = make_connector(world.riverside, "crm", "fake", name="HubSpot", timeout_ms=6_000, priority=500)
    slow.options = {"people": [late], "fails": "wait"}
    slow.fields = {"language": "notes", "notes": False}
    slow.save()
    visitor.log_in()
    page = visitor.page
    page.goto(f"{visitor.address}/panel/riverside/#phone=%2B14155550123&call_sid=CA1")
    page.wait_for_selector(".caller-name >> text=Rosa Castillo")
    assert page.is_visible(".source-idle >> text=being asked")
    shoot(page, "filling-in")
    page.focus("#field-outstanding_balance summary")
    page.keyboard.press("Enter")
    page.fill("#more-outstanding_balance", "half a rea")
    page.evaluate("window.scrollTo(0, 40)")
    scrolled = page.evaluate("window.scrollY")
    FakeConnector.released.set()
    page.wait_for_selector("#field-language >> text=Speaks slowly")
    page.wait_for_function("document.querySelectorAll('.source-good').length === 2")
    assert page.evaluate("document.activeElement.id") == "more-outstanding_balance"
    assert page.input_value("#more-outstanding_balance") == "half a rea"
    assert page.evaluate("window.scrollY") == scrolled
    assert page.inner_text("#announcement") == "All systems have answered."
    assert visitor.problems == []


def reading_while_a_system_is_still_asked(visitor: Visitor, world: World, late: dict[str, Any]) -> Page:
    """Rosa's panel with a half-typed reason, while ``late`` is still to come."""
    slow = make_connector(world.riverside, "crm", "fake", name="HubSpot", timeout_ms=6_000, priority=500)
    slow.options = {"people": [late], "fails": "wait"}
    slow.save()
    visitor.log_in()
    page = visitor.page
    page.goto(f"{visitor.address}/panel/riverside/#phone=%2B14155550123&call_sid=CA1")
    page.wait_for_selector(".caller-name >> text=Rosa Castillo")
    page.focus("#field-outstanding_balance summary")
    page.keyboard.press("Enter")
    page.fill("#more-outstanding_balance", "half a rea")
    return page


def test_a_late_second_person_leaves_nothing_of_the_first_not_even_where_the_reader_is(
    visitor: Visitor, world: World, source: Source
) -> None:
    luis = {"id": "9", "name": "Luis Castillo", "email": "luis@mail.org", "phone": ROSA["phone"]}
    page = reading_while_a_system_is_still_asked(visitor, world, luis)
    FakeConnector.released.set()
    page.wait_for_selector(".caller-name >> text=2 people share this number")
    assert page.query_selector("#part-cards, .field") is None
    assert page.evaluate("document.activeElement.textContent") == "2 people share this number"
    assert visitor.problems == []


def test_what_can_no_longer_be_recorded_is_taken_away_even_where_the_reader_is(
    visitor: Visitor, world: World, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = reading_while_a_system_is_still_asked(visitor, world, {**ROSA, "id": "9", "company": "Ferry & Co"})

    async def unavailable(*_: object) -> None:
        raise AuditUnavailable("the database is gone")

    monkeypatch.setattr("integrations.disclosure.audit.record", unavailable)
    FakeConnector.released.set()
    page.wait_for_selector("text=The caller cannot be shown")
    assert page.query_selector("#part-cards, #part-head") is None


def test_one_of_several_is_picked_by_keyboard_and_unpicked(visitor: Visitor, source: Source) -> None:
    source.answers(people=[ROSA, {**ROSA, "id": "2", "name": "Luis Castillo", "account_id": "RS-2"}])
    visitor.log_in()
    visitor.open_call()
    page = visitor.page
    page.locator(".matches li", has_text="Luis Castillo").get_by_role("button").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".caller-name >> text=Luis Castillo")
    page.wait_for_selector("#caller:not([aria-busy])")
    shoot(page, "picked")
    page.get_by_role("button", name="Not this person").click()
    page.wait_for_selector("text=1 other person has this number")
    page.get_by_role("button", name="Not them either").click()
    page.wait_for_selector("text=Not who this number belongs to")
    shoot(page, "set-aside")
    page.get_by_role("button", name="Choose again").click()
    page.wait_for_selector("text=2 people share this number")
    assert visitor.problems == []


def test_two_seconds_without_an_answer_are_explained(visitor: Visitor, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.lookup.stages.SOFT_DEADLINE_S", 0.05)
    source.row.timeout_ms = 6_000
    source.answers(people=[ROSA], fails="wait")
    visitor.log_in()
    page = visitor.page
    page.goto(f"{visitor.address}/panel/riverside/#phone=%2B14155550123&call_sid=CA1")
    page.wait_for_selector("#part-missing >> text=It has not answered yet.")
    shoot(page, "slow")
    FakeConnector.released.set()
    page.wait_for_selector(".caller-name >> text=Rosa Castillo")
    assert page.query_selector("#part-missing .notice") is None
    assert visitor.problems == []


def test_without_streams_the_panel_fills_in_all_the_same(visitor: Visitor, world: World, source: Source) -> None:
    slow = make_connector(world.riverside, "crm", "fake", name="HubSpot", timeout_ms=6_000, priority=500)
    slow.options = {"people": [{**ROSA, "id": "9", "company": "Ferry & Co"}], "fails": "wait"}
    slow.fields = {"company": "company"}
    slow.save()
    visitor.log_in()
    page = visitor.page
    page.route(re.compile("/stream/"), lambda route: route.abort())
    page.goto(f"{visitor.address}/panel/riverside/#phone=%2B14155550123&call_sid=CA1")
    page.wait_for_selector(".caller-name >> text=Rosa Castillo")
    assert page.is_visible(".source-idle >> text=being asked")
    FakeConnector.released.set()
    page.wait_for_selector("#field-company >> text=Ferry & Co")
    page.wait_for_function("document.querySelectorAll('.source-good').length === 2")
    assert FakeConnector.asked.count(("crm", "find")) == 1


@pytest.mark.parametrize(
    ("state", "options", "says"),
    [
        ("not-found", {"people": []}, "Nobody has this number"),
        ("several", {"people": [ROSA, {**ROSA, "id": "2", "name": "Luis Castillo"}]}, "2 people share this number"),
        ("all-down", {"fails": "unavailable"}, "No system answered"),
        (
            "crowded",
            {"people": [{**ROSA, "name": "Maximiliana " * 9, "notes": "x" * 400, "account_id": "A" * 120}]},
            "Maximiliana",
        ),
    ],
)
def test_each_state_in_pictures(visitor: Visitor, source: Source, state: str, options: dict[str, Any], says: str) -> None:
    source.answers(**options)
    visitor.log_in()
    visitor.open_call()
    assert says in visitor.page.inner_text("main")
    shoot(visitor.page, state)
    assert visitor.problems == []


def test_the_states_without_a_number_and_without_a_system(visitor: Visitor, source: Source) -> None:
    visitor.log_in()
    shoot(visitor.page, "dashboard")
    visitor.open_call(phone="anonymous", call_sid="CA2")
    shoot(visitor.page, "withheld")
    visitor.page.goto(f"{visitor.address}/panel/riverside/")
    visitor.page.wait_for_selector("#state-idle:not([hidden])")
    shoot(visitor.page, "no-call")
    Connector.objects.all().delete()
    visitor.open_call()
    shoot(visitor.page, "no-system")


def test_what_an_admin_sees_of_systems_that_disagree_and_one_that_is_missing(
    visitor: Visitor, world: World, source: Source
) -> None:
    source.answers(people=[ROSA])
    other = {**ROSA, "id": "9", "email": "rosa@mail.org", "name": "Rosa M. Castillo"}
    make_connector(world.riverside, "crm", "fake", name="HubSpot", options={"people": [other]})
    make_connector(world.riverside, "rides", "fake", name="Rides", options={"fails": "timeout"})
    visitor.log_in("ann")
    visitor.open_call()
    shoot(visitor.page, "admin")
    for sentence in ("Needs attention", "systems disagree", "Rides is missing"):
        assert visitor.page.is_visible(f"text={sentence}")


def test_escape_closes_what_was_opened_and_gives_the_focus_back(visitor: Visitor, source: Source) -> None:
    visitor.log_in()
    visitor.open_call()
    page = visitor.page
    summary = page.locator("#field-outstanding_balance summary")
    summary.focus()
    page.keyboard.press("Enter")
    page.fill("#more-outstanding_balance", "the bill")
    page.keyboard.press("Escape")
    expect(page.locator("#more-outstanding_balance")).to_be_hidden()
    expect(summary).to_be_focused()
    assert visitor.problems == []


def test_the_keys_are_shown_to_whoever_does_not_know_them(visitor: Visitor, source: Source) -> None:
    visitor.log_in()
    visitor.open_call()
    page = visitor.page
    page.get_by_role("button", name="Keys").click()
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("search for the caller")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Keys")).to_be_focused()
    assert visitor.problems == []
