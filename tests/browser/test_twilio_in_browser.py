"""An admin has Twilio tell the portal of calls, in a real browser: shown first, done, told of a call, taken away again."""

from __future__ import annotations

import pytest
from django.conf import settings
from playwright.sync_api import expect

from integrations.models import TwilioAccount
from integrations.sandbox import twilio
from tests.browser.conftest import Visitor
from tests.factories import World
from tests.twilio.conftest import Platform
from tests.twilio.conftest import platform as platform


@pytest.fixture
def account(world: World, platform: Platform, address: str, monkeypatch: pytest.MonkeyPatch) -> TwilioAccount:
    facts = {"PUBLIC_URL": address, "ALLOW_PRIVATE": True}
    facts |= {"TWILIO_EVENTS_URL": platform.url, "TWILIO_TASKROUTER_URL": platform.url}
    for name, value in facts.items():
        monkeypatch.setattr(settings, name, value)
    return TwilioAccount.objects.create(
        organization=world.riverside,
        account_sid=twilio.ACCOUNT_SID,
        auth_tokens=[twilio.AUTH_TOKEN],
        api_key_sid=twilio.API_KEY,
        api_secret=twilio.API_SECRET,
        workspace_sid=twilio.WORKSPACE_SID,
    )


def test_twilio_is_set_up_tells_and_is_left_as_it_was(visitor: Visitor, account: TwilioAccount, platform: Platform) -> None:
    page = visitor.page
    page.set_viewport_size({"width": 1100, "height": 900})
    visitor.log_in("ann")
    page.goto(f"{visitor.address}/admin/integrations/twilioaccount/{account.pk}/change/")
    page.get_by_role("link", name="Set up Twilio").first.click()
    expect(page.get_by_role("heading", name="Have Twilio tell the portal of calls", level=1)).to_be_visible()
    expect(page.get_by_text("It is not set up: Twilio sends the portal nothing.")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Make a sink that sends to")).to_be_visible()
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_text("Done. The test event arrived.")).to_be_visible(timeout=15_000)
    expect(page.get_by_text("It is set up: Twilio sends the portal the events")).to_be_visible()
    page.get_by_role("button", name="Take it away", exact=True).click()
    expect(page.get_by_text("It is not set up: Twilio sends the portal nothing.")).to_be_visible()
    assert platform.twilio.streams.sinks == {}
    assert visitor.problems == []
