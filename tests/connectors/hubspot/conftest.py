from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from integrations.connectors.base import SourceSettings
from integrations.connectors.hubspot.connector import HubSpotConnector
from integrations.outbound.http import close_clients
from tests.connectors.contract import fixture
from tests.http_stub import LOOPBACK_ALLOWED, Stub, Write, current_request, reply, stub_server

HERE = Path(__file__).parent
OAUTH = {"client_id": "7fff1e36", "client_secret": "ee9b-s3cret", "refresh_token": "1e8fbfb1-refresh"}
# Which answer belongs to which request, by parts of its path.
BY_PATH = {
    "/oauth/": "token",
    "/account-info/": "account",
    "/tickets/batch/read": "tickets",
    "/batch/read": "no_such_objects",
    "/pipelines/…/deals": "pipelines",
    "/pipelines/…/tickets": "ticket_pipelines",
    "/companies/": "company",
    "/deals/search": "deals",
    "/contacts/search": "found",
    "/contacts/101": "contact_with_tickets",
}


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with stub_server() as server:
        yield server
        await close_clients()


def hubspot(
    stub: Stub, mapping: dict[str, str | bool] | None = None, secrets: dict[str, str] | None = None, **options: Any
) -> HubSpotConnector:
    settings = SourceSettings(
        key="crm",
        label="HubSpot",
        kind="hubspot",
        organization="riverside",
        options={"base_url": stub.url, **options},
        secrets={"token": "pat-na1-secret"} if secrets is None else secrets,
        mapping=mapping or {},
        network=LOOPBACK_ALLOWED,
    )
    return HubSpotConnector(settings)


def recorded(name: str, status: int = 200, **headers: str) -> Write:
    return reply(fixture(HERE, name), status, **headers)


def by_path(others: Mapping[str, Write] | None = None) -> Write:
    """Each request gets the answer that was recorded for it, unless ``others`` has another one for a part of its path."""
    exceptions = others or {}

    async def answer(writer: Any) -> None:
        path = current_request.get().path
        write = next((write for part, write in exceptions.items() if _within(part, path)), None)
        await (write or recorded(next(name for part, name in BY_PATH.items() if _within(part, path))))(writer)

    return answer


def _within(part: str, path: str) -> bool:
    return all(piece in path for piece in part.split("…"))
