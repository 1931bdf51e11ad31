"""Riverside with one made-up source, for tests of the pages: what it answers is given per test."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from integrations import connectors
from integrations.lookup import close_sources
from integrations.models import Connector
from tests.factories import World, make_connector
from tests.lookup.fakes import FakeConnector

ROSA: dict[str, Any] = {
    "id": "1",
    "name": "Rosa Castillo",
    "email": "rosa@mail.org",
    "status": "active",
    "notes": "Prefers mornings",
    "outstanding_balance": "42.50",
    "account_id": "RS-1",
    "phone": "(415) 555-0123",
}


class Source:
    """One connected system whose answers a test chooses."""

    def __init__(self, world: World) -> None:
        self.row: Connector = make_connector(world.riverside, "clients", "fake", name="Clients", timeout_ms=300)
        self.answers(people=[ROSA])

    def answers(self, **options: Any) -> None:
        self.row.options = options
        self.row.save()


def install_fake_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"fake": FakeConnector}
    monkeypatch.setattr("integrations.lookup.sources.kinds", lambda: known)
    monkeypatch.setattr(connectors, "kinds", lambda: known)
    # On a thread of its own: a browser test's thread has a loop already.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _forget()).result()


async def _forget() -> None:
    await close_sources()
    FakeConnector.forget()
