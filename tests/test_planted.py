"""Numbers and passwords planted in the demo's systems appear nowhere: not in pages, answers, logs or the database."""

from __future__ import annotations

import asyncio
import io
import logging
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection
from django.test import AsyncClient

from integrations.lookup import close_sources
from integrations.management.commands.seed_demo import seed
from integrations.models import Connector, TierRule, User
from integrations.sandbox.people import PLANTED
from integrations.sandbox.server import Sandbox, serving

PHONE = "+14155550109"


def digits(text: str) -> str:
    return re.sub(r"[\s.-]", "", text)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    logging.getLogger().addHandler(handler)
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.DEBUG)
    yield written
    logging.getLogger().setLevel(level)
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def demo(transactional_db: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """The demo's data, every field cleared for everybody: only the boundary itself can stop what is planted."""
    monkeypatch.setattr(settings, "SOURCES_DIR", tmp_path)
    monkeypatch.setattr(settings, "ALLOW_PRIVATE", True)
    facts = seed()
    for target in ("basic", "personal", "financial", "health"):
        TierRule.objects.filter(target=target).update(effect="clear")
    return facts


async def visit(facts: dict[str, Any], listener: socket.socket) -> list[str]:
    """Everything that comes out when the planted caller is looked up, by API and in the panel."""
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with serving(Sandbox(), listener):
        row = await Connector.objects.aget(organization__slug="riverside", kind="hubspot")
        row.options = {**row.options, "base_url": address}
        row.fields = {**row.fields, "notes": "properties.notes"}
        await row.asave()
        key = {"Authorization": f"Bearer {facts['api_key']}"}
        answer = await AsyncClient().post("/api/v1/lookup", {"phone": PHONE}, content_type="application/json", headers=key)
        client = AsyncClient()
        await sync_to_async(client.force_login)(await User.objects.aget(username="bea"))
        opened = await client.post("/panel/riverside/open", {"phone": PHONE})
        page = await client.get(f"{opened.json()['url']}caller/")
        await close_sources()
    return [answer.content.decode(), page.content.decode()]


def test_planted_values_appear_nowhere(demo: dict[str, Any], log: io.StringIO) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        outputs = asyncio.run(visit(demo, listener))
    assert all("Gloria Testerman" in text for text in outputs)
    assert '"status":"found"' in outputs[0]
    everything = digits("\n".join([*outputs, log.getvalue(), stored()]))
    for planted in PLANTED:
        assert digits(planted) not in everything


def stored() -> str:
    """Every value of every table of the portal's own database."""
    values = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            values += [str(row) for row in cursor.fetchall()]
    return "\n".join(values)


def test_this_test_would_notice_a_value_that_came_out(demo: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.coercion.scrub", lambda value: value)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        outputs = asyncio.run(visit(demo, listener))
    assert any(digits(planted) in digits(text) for planted in PLANTED for text in outputs)
