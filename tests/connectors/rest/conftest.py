from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from integrations.connectors.base import SourceSettings
from integrations.connectors.rest.connector import RestConnector
from integrations.outbound.http import close_clients
from tests.http_stub import LOOPBACK_ALLOWED, Stub, stub_server

BY_PHONE: dict[str, Any] = {
    "steps": [
        {
            "path": "/people",
            "query": {"phone": "{phone_e164}"},
            "records": "people",
            "map": {"id": "id", "name": "name", "phone": "phone", "notes": "notes"},
        }
    ]
}


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with stub_server() as server:
        yield server
        await close_clients()


def rest(stub: Stub, *, secrets: dict[str, str] | None = None, details_by: str = "", **options: Any) -> RestConnector:
    """A system that is described by ``options``, at the stub."""
    mapping = options.pop("mapping", {})
    if "preset" not in options:
        options.setdefault("lookup", BY_PHONE)
    settings = SourceSettings(
        key="payments",
        label="Payments",
        kind="rest",
        organization="riverside",
        currency="USD",
        options={"base_url": stub.url, **options},
        secrets=secrets or {},
        mapping=mapping,
        details_by=details_by,
        network=LOOPBACK_ALLOWED,
    )
    return RestConnector(settings)
