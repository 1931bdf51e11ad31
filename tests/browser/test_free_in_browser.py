"""Asking what is free, beside a call, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from integrations import connectors
from tests.browser.conftest import Visitor
from tests.browser.test_panel_in_browser import shoot
from tests.factories import World, make_connector
from tests.known_callers import Source
from tests.lookup.fakes import FakeConnector
from tests.lookup.service_fakes import ServiceConnector

pytestmark = pytest.mark.browser

PLACES = [
    {"service": "Meals", "location": "Mission kitchen", "next_at": "2026-05-04", "note": "Delivered Monday to Friday"},
    {"service": "Meals", "location": "Bayview kitchen", "next_at": "", "note": "Bring an ID"},
]


def test_what_is_free_is_asked_by_keyboard_and_the_caller_stays(
    visitor: Visitor, world: World, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"fake": FakeConnector, "services": ServiceConnector}
    monkeypatch.setattr("integrations.lookup.sources.kinds", lambda: known)
    monkeypatch.setattr(connectors, "kinds", lambda: known)
    care = make_connector(world.riverside, "care", "services", name="Care places", options={"places": PLACES})
    visitor.log_in()
    visitor.open_call()
    page = visitor.page
    page.focus("#free summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("meals")
    page.keyboard.press("Tab")
    page.keyboard.type("94110")
    page.keyboard.press("Enter")
    expect(page.locator("#free-answer")).to_contain_text("Something is free: meals")
    expect(page.locator("#free-answer")).to_contain_text("Mission kitchen")
    expect(page.locator(".caller-name")).to_have_text("Rosa Castillo")
    expect(page.locator("#free-where")).to_have_value("94110")
    shoot(page, "free")
    care.options = {"fails": "unavailable"}
    care.save()
    page.click("#free button")
    expect(page.locator("#free-answer")).to_contain_text("No system answered")
    shoot(page, "free-unknown")
    assert visitor.problems == []


def test_a_form_without_an_answer_says_so_keeps_what_was_typed_and_works_once_there_is_one(
    visitor: Visitor, world: World, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"fake": FakeConnector, "services": ServiceConnector}
    monkeypatch.setattr("integrations.lookup.sources.kinds", lambda: known)
    monkeypatch.setattr(connectors, "kinds", lambda: known)
    make_connector(world.riverside, "care", "services", name="Care places", options={"places": PLACES})
    visitor.log_in()
    visitor.open_call()
    page = visitor.page
    page.click("#free summary")
    page.fill("#free-service", "meals")
    page.fill("#free-where", "94110")
    page.route("**/free*", lambda route: route.fulfill(status=500))
    page.click("#free button")
    expect(page.locator("#free .no-answer")).to_have_text("The portal did not answer. What you typed is still here: try again.")
    expect(page.locator("#free-service")).to_have_value("meals")
    shoot(page, "free-no-answer")
    page.unroute("**/free*")
    page.click("#free button")
    expect(page.locator("#free-answer")).to_contain_text("Something is free: meals")
    expect(page.locator(".no-answer")).to_have_count(0)
