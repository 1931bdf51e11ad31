"""An admin's first half hour, in a real browser: from an empty organisation to callers from a list and from HubSpot."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from integrations.models import Connector
from integrations.sandbox.hubspot import TOKEN
from integrations.sandbox.server import Sandbox, serving
from tests.browser.conftest import Visitor
from tests.factories import World

MARGARET = "+14155550100"
CSV = """Client ID,Name,Phone,Program,SSN
17,Margaret Whitfield,(415) 555-0100,Lunch,078-05-1120
18,Pete Novak,call his son,Rides,
"""


@pytest.fixture
def hubspot(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The simulator of HubSpot on a real socket, with a loop of its own."""
    monkeypatch.setattr(settings, "ALLOW_PRIVATE", True)
    loop, ended, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    async def serve() -> None:
        async with serving(Sandbox(), listener):
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    ready.wait(10)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    loop.call_soon_threadsafe(ended.set)
    thread.join(10)
    loop.close()


def upload_a_list(page: Page, folder: Path) -> None:
    page.get_by_role("link", name="Connect the system that knows most about your callers").first.click()
    page.select_option("[name=kind]", "directory")
    page.fill("[name=key]", "our-list")
    page.fill("[name=name]", "Our list")
    page.click("[name=_save]")
    expect(page.get_by_role("heading", name="Our list: the list")).to_be_visible()
    (folder / "clients.csv").write_text(CSV, encoding="utf-8")
    page.set_input_files("#file", folder / "clients.csv")
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("clients.csv has 2 rows.")).to_be_visible()
    expect(page.get_by_label("Client ID")).to_have_value("record_id")
    expect(page.get_by_label("Program")).to_have_value("programs")
    page.get_by_role("button", name="Use this list").click()
    expect(page.get_by_text("1 person is looked up from now on.")).to_be_visible()
    expect(page.get_by_text("Line 3: What stands below “Phone” is not a phone number")).to_be_visible()
    page.get_by_role("button", name="Switch it on").click()
    expect(page.get_by_text("Calls ask Our list from now on.")).to_be_visible()


def connect_hubspot(page: Page, address: str, hubspot: str) -> None:
    page.goto(f"{address}/admin/integrations/connector/add/")
    page.select_option("[name=kind]", "hubspot")
    page.fill("[name=key]", "crm")
    page.fill("[name=name]", "HubSpot")
    page.click("[name=_save]")
    # HubSpot itself is a public address; that of its stand-in is one that only a superuser may allow.
    Connector.objects.filter(key="crm").update(allow_private=True)
    page.fill("[name=option-base_url]", hubspot)
    page.fill("[name=secret_token]", "copied-wrongly")
    page.click("[name=_continue]")
    expect(page.get_by_text("It no longer accepts our sign-in.")).to_be_visible()
    page.fill("[name=secret_token]", TOKEN)
    page.locator("label[for=id_enabled], #id_enabled").first.check()
    page.click("[name=_continue]")
    expect(page.get_by_text("HubSpot answers and accepts the sign-in.")).to_be_visible()


def try_a_number(page: Page, shown: str) -> None:
    page.get_by_role("link", name="Try it with a number").first.click()
    page.fill("#number", MARGARET)
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("It answered and knows the caller.")).to_be_visible()
    expect(page.get_by_text(shown).first).to_be_visible()


def test_from_an_empty_organisation_to_callers_of_a_list_and_of_hubspot(
    world: World, visitor: Visitor, hubspot: str, tmp_path: Path
) -> None:
    page = visitor.page
    page.set_viewport_size({"width": 1280, "height": 900})
    visitor.log_in("ann")
    page.goto(f"{visitor.address}/admin/")
    expect(page.get_by_text("No system connected yet.")).to_be_visible()
    upload_a_list(page, tmp_path)
    try_a_number(page, "Margaret Whitfield")
    assert "078-05-1120" not in page.content()
    connect_hubspot(page, visitor.address, hubspot)
    try_a_number(page, "Margaret Whitfield")
    page.goto(f"{visitor.address}/admin/")
    expect(page.get_by_text("Asked on every call.")).to_have_count(2)
    expect(page.get_by_text("Next:")).to_be_visible()
    visitor.page.set_viewport_size({"width": 420, "height": 900})
    page.goto(f"{visitor.address}/panel/riverside/#phone=%2B14155550100&call_sid=CA1")
    page.wait_for_url("**/panel/riverside/*/")
    page.wait_for_selector("#caller:not([aria-busy])")
    expect(page.get_by_text("Our list").first).to_be_visible()
    expect(page.get_by_text("HubSpot").first).to_be_visible()
    assert visitor.problems == []
