from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from integrations.connectors.base import SourceSettings
from integrations.connectors.salesforce.connector import SalesforceConnector
from integrations.outbound.http import close_clients
from tests.connectors.contract import fixture
from tests.http_stub import LOOPBACK_ALLOWED, Request, Stub, Write, current_request, reply, stub_server

HERE = Path(__file__).parent
TOKEN_PATH = "/services/oauth2/token"
CLIENT = {"client_id": "3MVG9.portal", "client_secret": "s3cret"}


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with stub_server() as server:
        yield server
        await close_clients()


def salesforce(
    stub: Stub, mapping: dict[str, str | bool] | None = None, secrets: dict[str, str] | None = None, **options: Any
) -> SalesforceConnector:
    settings = SourceSettings(
        key="crm",
        label="Salesforce",
        kind="salesforce",
        organization="riverside",
        options={"base_url": stub.url, **options},
        secrets=CLIENT if secrets is None else secrets,
        mapping=mapping or {},
        network=LOOPBACK_ALLOWED,
    )
    return SalesforceConnector(settings)


def recorded(name: str, status: int = 200, **headers: str) -> Write:
    return reply(fixture(HERE, name), status, **headers)


def signed_in(answer: Write, *tokens: Write) -> Write:
    """The sign-in answers ``tokens`` one after the other, by default a good one; everything else gets ``answer``."""
    left = list(tokens or [recorded("token")])

    async def write(writer: Any) -> None:
        if current_request.get().path == TOKEN_PATH:
            await (left.pop(0) if len(left) > 1 else left[0])(writer)
        else:
            await answer(writer)

    return write


def minted(stub: Stub) -> list[Request]:
    return [request for request in stub.requests if request.path == TOKEN_PATH]


def asked(stub: Stub) -> list[Request]:
    """The requests but for those to sign in."""
    return [request for request in stub.requests if request.path != TOKEN_PATH]
