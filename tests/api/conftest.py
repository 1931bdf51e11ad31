from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from integrations import connectors
from integrations.lookup import close_sources
from tests.factories import World, make_api_key, make_connector
from tests.lookup.fakes import FakeConnector

ROSA = {"id": "1", "name": "Rosa Castillo", "email": "rosa@mail.org", "outstanding_balance": "42.50", "notes": "ok"}


class Api:
    """A program with a key."""

    def __init__(self, key: str) -> None:
        self.client = AsyncClient()
        self.headers: dict[str, str] = {"Authorization": f"Bearer {key}"}

    async def post(self, body: Any, path: str = "/api/v1/lookup", **extra: Any) -> Any:
        extra.setdefault("content_type", "application/json")
        return await self.client.post(path, body, headers=self.headers, **extra)


@pytest.fixture
async def api(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    """Riverside's key of tier basic; one source knows Rosa."""
    known = {"fake": FakeConnector}
    monkeypatch.setattr("integrations.lookup.sources.kinds", lambda: known)
    monkeypatch.setattr(connectors, "kinds", lambda: known)
    FakeConnector.forget()
    await sync_to_async(make_connector)(world.riverside, "clients", "fake", name="Clients", options={"people": [ROSA]})
    key, _row = await sync_to_async(make_api_key)(world.riverside)
    yield Api(key)
    await close_sources()
