"""A panel that is opened or refreshed while old answers are kept: what replaces them moves nothing that the reader is in."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.test_panel_in_browser import shoot
from tests.factories import World
from tests.known_callers import ROSA, Source
from tests.lookup.fakes import FakeConnector
from tests.lookup.test_renewal import let_age

pytestmark = pytest.mark.browser


def complete(page: Page) -> None:
    page.wait_for_selector("#caller[data-complete]")


@pytest.fixture
def opened(visitor: Visitor, source: Source) -> Page:
    """The panel of a caller who was looked up just now."""
    source.row.timeout_ms = 6_000
    source.answers(people=[ROSA])
    visitor.log_in()
    visitor.open_call()
    return visitor.page


def test_an_old_answer_is_shown_and_replaced_by_the_new_one(opened: Page, visitor: Visitor) -> None:
    let_age(700, name="Rosa of old")
    FakeConnector.not_held_back.clear()
    visitor.open_call(call_sid="CA2")
    opened.wait_for_selector(".caller-name >> text=Rosa of old")
    assert "refreshing" in opened.inner_text("#part-contact")
    assert "being asked again" in opened.inner_text("#field-outstanding_balance")
    assert "being asked again" in opened.inner_text("#part-sources")
    shoot(opened, "renewing")
    FakeConnector.not_held_back.set()
    opened.wait_for_selector(".caller-name >> text=Rosa Castillo")
    opened.wait_for_selector("#field-outstanding_balance .reveal")
    assert "refreshing" not in opened.inner_text("main")
    assert visitor.problems == []


def test_one_that_cannot_be_asked_again_says_so(opened: Page, visitor: Visitor) -> None:
    let_age(700)
    FakeConnector.broken.add("clients")
    visitor.open_call(call_sid="CA2")
    opened.wait_for_selector("#part-missing >> text=was asked again and did not answer")
    assert "too old to show" in opened.inner_text("#field-outstanding_balance")
    assert opened.inner_text(".caller-name") == "Rosa Castillo"
    shoot(opened, "not-renewed")


def test_a_refresh_leaves_what_was_typed_revealed_and_focused(opened: Page, visitor: Visitor) -> None:
    opened.locator("#field-outstanding_balance summary").click()
    opened.select_option("#reason-outstanding_balance", "The caller asked about it")
    opened.click("#field-outstanding_balance form button")
    opened.wait_for_selector("#field-outstanding_balance >> text=$42.50")
    opened.locator("#search summary").click()
    opened.fill("#search-text", "Luis Cas")
    opened.set_viewport_size({"width": 420, "height": 500})
    opened.evaluate("window.scrollTo(0, 120)")
    place = "document.getElementById('search-text').getBoundingClientRect().top"
    before = opened.evaluate(place)
    heading = opened.evaluate_handle("document.querySelector('.caller-name')")
    FakeConnector.people_now["clients"] = [{**ROSA, "email": "rosa@new.org"}]
    opened.evaluate("document.getElementById('refresh').click()")
    opened.wait_for_selector("#field-email >> text=@new.org")
    assert opened.input_value("#search-text") == "Luis Cas"
    assert opened.evaluate("document.activeElement.id") == "search-text"
    assert opened.evaluate(place) == before
    expect(opened.locator("#field-outstanding_balance")).to_contain_text("$42.50")
    assert heading.evaluate("element => element.isConnected"), "the heading was torn down"
    assert visitor.problems == []


def test_a_refresh_of_what_is_not_kept_takes_nothing_away_meanwhile(visitor: Visitor, world: World, source: Source) -> None:
    source.row.timeout_ms, source.row.cache = 6_000, {"fresh_s": 0}
    source.answers(people=[ROSA])
    visitor.log_in()
    visitor.open_call()
    page = visitor.page
    FakeConnector.not_held_back.clear()
    FakeConnector.people_now["clients"] = [{**ROSA, "email": "rosa@new.org"}]
    page.evaluate(
        """() => { window.sawNobody = false;
            const look = () => { window.sawNobody ||= !document.querySelector('.caller-name')?.innerText.includes('Rosa'); };
            new MutationObserver(look).observe(document.body, { subtree: true, childList: true }); }"""
    )
    page.click("#refresh")
    page.wait_for_function("document.getElementById('announcement').textContent.includes('again')")
    FakeConnector.not_held_back.set()
    page.wait_for_selector("#field-email >> text=@new.org")
    assert not page.evaluate("window.sawNobody")


def test_nothing_of_one_person_stays_when_a_refresh_finds_another(opened: Page) -> None:
    opened.locator("#field-outstanding_balance summary").click()
    opened.select_option("#reason-outstanding_balance", "The caller asked about it")
    opened.click("#field-outstanding_balance form button")
    opened.wait_for_selector("#field-outstanding_balance >> text=$42.50")
    FakeConnector.people_now["clients"] = [{**ROSA, "id": "2", "name": "Luis Castillo"}]
    opened.click("#refresh")
    opened.wait_for_selector(".caller-name >> text=Luis Castillo")
    assert "$42.50" not in opened.inner_text("main")


def test_a_refresh_that_gets_no_answer_leaves_what_is_there(opened: Page) -> None:
    opened.route(re.compile("/stream/|/caller/"), lambda route: route.abort())
    opened.click("#refresh")
    opened.wait_for_selector("text=What you see is from before")
    assert opened.inner_text(".caller-name") == "Rosa Castillo"
    shoot(opened, "not-refreshed")
