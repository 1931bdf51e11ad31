"""Checking who is calling, in a real browser, by keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.test_panel_in_browser import shoot
from tests.factories import World
from tests.known_callers import ROSA, Source

pytestmark = pytest.mark.browser


@pytest.fixture
def asking(world: World, source: Source) -> Source:
    world.riverside.identity_check = "zip"
    world.riverside.save()
    source.row.fields = {"address": "address"}
    source.answers(people=[{**ROSA, "address": "1 Main St, San Francisco, CA 94110"}])
    return source


def test_the_caller_is_asked_and_payments_appear(visitor: Visitor, asking: Source) -> None:
    visitor.log_in()
    visitor.open_call()
    page = visitor.page
    expect(page.locator("#field-outstanding_balance")).to_contain_text("after the check")
    shoot(page, "check-due")
    page.focus("#part-check button")
    page.keyboard.press("Enter")
    expect(page.locator("#identity-answer")).to_be_focused()
    page.keyboard.type("94111")
    page.keyboard.press("Enter")
    expect(page.locator("#identity-problem")).to_contain_text("2 tries are left")
    expect(page.locator("#identity-answer")).to_be_focused()
    shoot(page, "check-failed")
    page.keyboard.type("94110")
    page.keyboard.press("Enter")
    page.wait_for_selector(".verified")
    expect(page.locator("#field-outstanding_balance")).to_contain_text("Reveal")
    assert "94110" not in page.url
    shoot(page, "check-passed")
    assert visitor.problems == []


def test_the_check_is_skipped_with_a_reason_by_keyboard(visitor: Visitor, asking: Source) -> None:
    visitor.log_in()
    visitor.open_call()
    page = visitor.page
    page.click("#part-check button")
    expect(page.locator("#identity-answer")).to_be_focused()
    # htmx puts the focus there once more when it has settled, some 20 ms later.
    expect(page.locator("#part-check")).not_to_contain_class("htmx-settling")
    page.focus("#part-check summary")
    page.keyboard.press("Enter")
    reasons = page.locator("#part-check select")
    expect(reasons).to_be_visible()
    page.keyboard.press("Tab")
    expect(reasons).to_be_focused()
    page.keyboard.press("I")  # one letter: a browser that is slow takes two for two choices
    expect(reasons).to_have_value("I know the caller")
    shoot(page, "check-skipping")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".verify")).to_contain_text("the check was skipped")
    assert visitor.problems == []
