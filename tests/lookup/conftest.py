from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from integrations.lookup import close_sources
from tests.known_callers import install_fake_kind


@pytest.fixture
async def fake_kind(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The one kind of system that there is, ``fake``; nothing is left of another test's."""
    await asyncio.to_thread(install_fake_kind, monkeypatch)
    yield
    await close_sources()


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shared is waited for, however busy the machine is with other tests."""
    monkeypatch.setattr("integrations.storage.redis.WAIT_ASYNC_S", 5.0)
