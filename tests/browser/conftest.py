"""A real Chromium against the portal on a real socket."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, sync_playwright

from tests.factories import PASSWORD, World
from tests.known_callers import Source, install_fake_kind
from tests.served import portal_served

INSTALL = "apt-get install -y --no-install-recommends chromium-headless-shell fonts-dejavu-core"


# Not for the session: Playwright's loop runs in this thread, where other modules' tests run loops of their own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if path is None:
        pytest.fail(f"Chromium is missing. Install it: {INSTALL}")
    # Playwright runs an event loop in this thread; the ORM is used between its calls, never within one.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def source(world: World, monkeypatch: pytest.MonkeyPatch) -> Source:
    install_fake_kind(monkeypatch)
    return Source(world)


@pytest.fixture
def address(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address where the portal answers, served as in production but within the test's process."""
    monkeypatch.setattr(settings, "ALLOWED_HOSTS", ["127.0.0.1"])
    with portal_served() as served:
        yield served


@dataclass
class Visitor:
    """Someone at the browser. ``problems`` collects what the console reports, policy violations included."""

    page: Page
    address: str
    problems: list[str]

    def log_in(self, username: str = "bea") -> None:
        self.page.goto(f"{self.address}/login/")
        self.page.fill("[name=username]", username)
        self.page.fill("[name=password]", PASSWORD)
        self.page.click("main button")
        self.page.wait_for_url(f"{self.address}/")

    def open_call(self, phone: str = "%2B14155550123", call_sid: str = "CA1") -> None:
        self.page.goto(f"{self.address}/panel/riverside/#phone={phone}&call_sid={call_sid}")
        self.page.wait_for_url("**/panel/riverside/*/")
        self.page.wait_for_selector("#caller:not([aria-busy])")


@pytest.fixture
def visitor(chromium: Browser, address: str) -> Iterator[Visitor]:
    context = chromium.new_context(viewport={"width": 420, "height": 900}, reduced_motion="reduce")
    # Without motion: a picture taken while a colour changes shows one that nobody sees.
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: problems.append(f"{page.url}: {error.stack}"))
    yield Visitor(page, address, problems)
    context.close()
