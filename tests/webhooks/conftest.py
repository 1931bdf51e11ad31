from __future__ import annotations

from typing import Any

import pytest
from django.test import AsyncClient
from pytest_django.fixtures import Settings

from integrations.models import TwilioAccount
from integrations.twilio.events import Form
from tests.factories import World
from tests.twilio.told import ACCOUNT, TOKEN, WORKSPACE, Told, body_of, signed

PUBLIC = "https://portal.example.org"


@pytest.fixture
def riverside(world: World, settings: Settings) -> World:
    """Riverside has a Twilio account, and Harbor another."""
    settings.PUBLIC_URL = PUBLIC
    settings.ALLOWED_HOSTS = ["*"]
    facts: dict[str, Any] = {"workspace_sid": WORKSPACE, "auth_tokens": [TOKEN]}
    TwilioAccount.objects.create(organization=world.riverside, account_sid=ACCOUNT, **facts)
    facts["auth_tokens"] = ["an-auth-token-of-harbor"]
    TwilioAccount.objects.create(organization=world.harbor, account_sid="AC" + "f" * 32, **facts)
    return world


def path_of(hook_key: str, form: Form) -> str:
    return f"/hooks/{hook_key}/twilio/{form.value}"


async def send(hook_key: str, form: Form, told: list[Told], token: str = TOKEN) -> Any:
    """Send it as Twilio does, signed with ``token``."""
    return await send_body(hook_key, form, body_of(form, told), token)


async def send_body(hook_key: str, form: Form, body: bytes, token: str = TOKEN, **changed: str) -> Any:
    headers = signed(path_of(hook_key, form), body, json_body=form is Form.EVENT_STREAMS, token=token, public=PUBLIC) | changed
    path = headers.pop("path")
    return await AsyncClient().post(path, body, content_type=headers.pop("Content-Type"), headers=headers)
