"""A sandbox on a free port, and a client that talks to it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest_asyncio

from integrations.sandbox import hubspot
from integrations.sandbox.server import Sandbox, serving

SEARCH = "/crm/v3/objects/contacts/search"


@dataclass
class Client:
    """Asks one running sandbox."""

    sandbox: Sandbox
    session: aiohttp.ClientSession
    address: str

    async def search(self, body: dict[str, Any], path: str = SEARCH, token: str = hubspot.TOKEN) -> tuple[int, Any]:
        async with self.session.post(path, json=body, headers={"Authorization": f"Bearer {token}"}) as response:
            return response.status, await response.json()

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.session.get(path, headers={"Authorization": f"Bearer {hubspot.TOKEN}"}) as response:
            return response.status, await response.json()

    async def control(self, wanted: object) -> tuple[int, Any]:
        async with self.session.post("/_control", json=wanted) as response:
            return response.status, await response.json()


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    """The sandbox answers at once unless a test says otherwise."""
    listener = socket.create_server(("127.0.0.1", 0))
    sandbox = Sandbox("http://127.0.0.1:8000/panel/riverside/")
    sandbox.switches["hubspot"].latency_ms = 0
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with serving(sandbox, listener), aiohttp.ClientSession(base, timeout=aiohttp.ClientTimeout(10)) as session:
        yield Client(sandbox, session, base)
