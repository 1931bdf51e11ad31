"""Searching for the caller, beside a call, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.test_panel_in_browser import shoot
from tests.known_callers import ROSA, Source

pytestmark = pytest.mark.browser

LUIS = {**ROSA, "id": "2", "name": "Luis Castillo", "email": "luis@mail.org", "account_id": "RS-2"}


def test_a_withheld_caller_is_searched_for_and_picked_by_keyboard(visitor: Visitor, source: Source) -> None:
    source.answers(people=[ROSA], others=[LUIS])
    visitor.log_in()
    visitor.open_call(phone="anonymous", call_sid="CA9")
    page = visitor.page
    expect(page.locator("#search-text")).to_be_visible()
    shoot(page, "search-withheld")
    page.keyboard.press("s")
    expect(page.locator("#search-text")).to_be_focused()
    page.keyboard.type("castillo")
    page.keyboard.press("Tab")
    page.keyboard.press("T")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#found .match-name")).to_have_text(["Luis Castillo", "Rosa Castillo"])
    shoot(page, "search-found")
    page.locator("#found button").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".caller-name >> text=Luis Castillo")
    expect(page.locator(".verify")).to_contain_text("Found by search (not by number)")
    page.reload()
    page.wait_for_selector(".caller-name >> text=Luis Castillo")
    shoot(page, "search-picked")
    assert "castillo" not in page.url.casefold()
    assert visitor.problems == []


def test_nobody_found_leads_to_the_search(visitor: Visitor, source: Source) -> None:
    source.answers(people=[], others=[LUIS])
    visitor.log_in()
    visitor.open_call()
    page = visitor.page
    expect(page.locator("#search-text")).to_be_hidden()
    page.click("[data-search]")
    expect(page.locator("#search-text")).to_be_focused()
    page.fill("#search-text", "nobody")
    page.select_option("#search-reason", index=1)
    page.click("#search button")
    expect(page.locator("#found")).to_contain_text("Nobody found")
    expect(page.locator("#search-text")).to_have_value("nobody")
    shoot(page, "search-nobody")
    assert visitor.problems == []
