"""The admin in a real browser: its scripts run under its browser rules."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from integrations.connectors.hubspot.options import HubSpotSecrets
from tests.browser.conftest import Visitor
from tests.factories import World, make_connector
from tests.known_callers import Source


def test_the_admin_runs_without_a_refused_script(world: World, visitor: Visitor) -> None:
    make_connector(world.riverside, "crm", "hubspot", name="Client records")
    page = visitor.page
    page.set_viewport_size({"width": 1440, "height": 900})
    visitor.log_in("ann")
    for path in ("person/", "person/add/", "tier/", "apikey/add/", "connector/", "connector/add/", "accessentry/"):
        page.goto(f"{visitor.address}/admin/integrations/{path}")
        expect(page.get_by_text("People and access")).to_be_visible()
    page.goto(f"{visitor.address}/admin/integrations/connector/")
    page.get_by_role("link", name="Client records").click()
    page.get_by_text(re.compile("fields are read")).click()
    expect(page.get_by_label("E-mail: read from instead")).to_be_visible()
    assert page.locator("input[type=password]").count() == len(HubSpotSecrets.model_fields)
    assert visitor.problems == []


def test_the_menu_of_a_narrow_window_opens_without_a_mouse(world: World, visitor: Visitor) -> None:
    page = visitor.page
    page.set_viewport_size({"width": 1024, "height": 800})
    visitor.log_in("ann")
    page.goto(f"{visitor.address}/admin/integrations/accessentry/")
    expect(page.get_by_text("People and access")).to_be_hidden()
    menu = page.get_by_role("button", name="Menu")
    expect(menu).to_have_attribute("aria-expanded", "false")
    menu.press("Enter")
    expect(page.get_by_text("People and access")).to_be_visible()
    expect(menu).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_text("Show all")).to_have_count(0)  # nothing is narrowed
    page.goto(f"{visitor.address}/admin/integrations/accessentry/?q=ann")
    expect(page.get_by_text("Show all")).to_be_visible()


def test_a_tier_can_be_made_while_inviting_somebody(world: World, visitor: Visitor) -> None:
    page = visitor.page
    page.set_viewport_size({"width": 1440, "height": 900})
    visitor.log_in("ann")
    page.goto(f"{visitor.address}/admin/integrations/person/add/")
    page.locator(".related-widget-wrapper", has=page.locator("#id_tier")).get_by_text("more_vert").click()
    page.locator("#add_id_tier").click()
    dialog = page.frame_locator("iframe")
    dialog.locator("#id_name").fill("night")
    dialog.locator("button[name=_save]").click()
    expect(page.locator("#id_tier option:checked")).to_have_text("night")
    assert visitor.problems == []


def test_systems_are_ordered_and_copied_and_their_history_is_read(world: World, visitor: Visitor) -> None:
    make_connector(world.riverside, "crm", "hubspot", name="Client records", priority=10)
    make_connector(world.riverside, "db", "database", name="Members", priority=20)
    page = visitor.page
    page.set_viewport_size({"width": 1440, "height": 900})
    visitor.log_in("ann")
    page.goto(f"{visitor.address}/admin/integrations/connector/")
    page.get_by_role("link", name="Change the order").click()
    ranked = page.locator(".ranked > li")
    expect(ranked).to_contain_text(["Client records", "Members"])
    page.get_by_role("button", name="Down: Client records").press("Enter")
    expect(ranked).to_contain_text(["Members", "Client records"])
    page.get_by_role("link", name="Members").click()
    page.get_by_role("link", name="Copy", exact=True).click()
    expect(page.get_by_role("heading", name="Copy Members")).to_be_visible()
    page.get_by_role("button", name="Make the copy").click()
    expect(page.get_by_text("Copy of Members was made. It is switched off")).to_be_visible()
    expect(page.locator("[name=key]")).to_have_value("db-copy")
    page.goto(f"{visitor.address}/admin/integrations/connector/")
    page.get_by_role("link", name="Members", exact=True).click()
    page.get_by_role("link", name="History").first.click()
    expect(page.get_by_role("heading", name="Members: what was changed")).to_be_visible()
    expect(page.locator(".history > li")).to_contain_text("Priority: 20")
    expect(page.locator(".history > li")).to_contain_text("Ann, in the admin")
    page.get_by_role("link", name="All changes of settings").click()
    expect(page.get_by_role("link", name="Copy of Members")).to_be_visible()
    assert visitor.problems == []


def test_a_pasted_record_is_read_and_a_number_tried(world: World, visitor: Visitor, source: Source) -> None:
    page = visitor.page
    page.set_viewport_size({"width": 350, "height": 900})
    visitor.log_in("ann")
    page.goto(f"{visitor.address}/admin/integrations/connector/{source.row.pk}/try/")
    page.get_by_text("Or paste a record").click()
    page.get_by_label("Sample").fill('{"id": "1", "name": "Rosa Castillo", "ssn": "078051120"}')
    page.get_by_role("button", name="Read it").click()
    expect(page.get_by_role("status")).to_contain_text("Read without asking anyone: 1 of 7 fields")
    expect(page.get_by_role("cell", name="Rosa Castillo")).to_be_visible()
    expect(page.get_by_role("cell", name="dropped: named like a social security number")).to_be_visible()
    folded = page.get_by_role("cell", name="nothing there").first
    expect(folded).to_be_hidden()
    page.get_by_text("6 fields have nothing there").click()
    expect(folded).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.fill("#number", "(415) 555-0123")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("status")).to_contain_text("It answered and knows the caller.")
    assert visitor.problems == []
