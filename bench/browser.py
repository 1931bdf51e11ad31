"""How soon a field is on an agent's screen after its system has answered, in Chromium."""

from __future__ import annotations

import shutil

from playwright.async_api import Page, async_playwright

from bench.load import median
from bench.servers import Portal, Stubs

LOOKS = 9
PASSWORD = "a-long-bench-password"
# Notes when text first stands in the page, by the machine's clock.
WATCH = """
window.seen = {};
const look = () => {
  const name = document.querySelector(".caller-name")?.textContent;
  if (name === "Rosa Castillo") window.seen.name ??= Date.now();
};
new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });
"""


def chromium() -> str | None:
    """The path of Chromium; None where it is not installed."""
    return shutil.which("chromium-headless-shell") or shutil.which("chromium")


async def first_field(stubs: Stubs, ours: Portal, organization: str, source: str) -> tuple[float, float]:
    """Median milliseconds from the answer of ``source`` to the caller's name on screen, and the worst."""
    delays = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = await browser.new_page()
        await _log_in(page, ours, organization)
        await page.add_init_script(WATCH)
        for look in range(LOOKS + 1):
            await page.goto("about:blank")
            await page.goto(f"http://127.0.0.1:{ours.port}/panel/{organization}/#phone=%2B1415300{look:04d}&call_sid=CA{look}")
            await page.wait_for_selector(".caller-name >> text=Rosa Castillo")
            seen = await page.evaluate("window.seen.name")
            answered = (await stubs.tell("_counts"))["answered_at"][source]
            delays.append(seen - answered * 1000)
        await browser.close()
    return median(delays[1:]), max(delays[1:])


async def _log_in(page: Page, ours: Portal, organization: str) -> None:
    await page.goto(f"http://127.0.0.1:{ours.port}/login/")
    await page.fill("[name=username]", f"agent-{organization}")
    await page.fill("[name=password]", PASSWORD)
    await page.click("main button")
    await page.wait_for_url(f"http://127.0.0.1:{ours.port}/")
