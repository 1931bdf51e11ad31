"""The smaller simulators answer what the presets ask for."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.connectors.base import AvailabilityQuestion, Connector, DetailKeys, SourceSettings
from integrations.connectors.rest.connector import RestConnector
from integrations.deadline import Deadline
from integrations.errors import AuthFailed
from integrations.outbound.http import close_clients
from integrations.sandbox import care
from tests.http_stub import LOOPBACK_ALLOWED
from tests.sandbox.conftest import Client

MARGARET = DetailKeys(record_ids={"clients": "1"})


def connected(client: Client, system: str, token: str = care.TOKEN) -> Connector:
    client.sandbox.switches[system].latency_ms = 0
    options: dict[str, Any] = {"preset": system, "base_url": f"{client.address}/{system}", "health": {"path": "/ping"}}
    return RestConnector(
        SourceSettings(
            key=system, label=system, kind="rest", organization="riverside", options=options, secrets={"token": token},
            details_by="clients", network=LOOPBACK_ALLOWED, currency="USD",
        )
    )  # fmt: skip


async def test_payments_knows_who_owes_what(client: Client) -> None:
    (record,) = await connected(client, "payments").details(MARGARET, Deadline(5))
    assert record.fields["outstanding_balance"]["amount_minor"] == 4250
    unknown = DetailKeys(record_ids={"clients": "99"})
    assert await connected(client, "payments").details(unknown, Deadline(5)) == []
    await close_clients()


async def test_appointments_are_those_that_were_asked_for(client: Client) -> None:
    (record,) = await connected(client, "appointments").details(MARGARET, Deadline(5))
    assert [visit["status"] for visit in record.fields["appointments"]] == ["confirmed", "scheduled"]
    await close_clients()


@pytest.mark.parametrize(("service", "available"), [("Meals", True), ("respite care", False), ("zeppelin", None)])
async def test_availability_is_told(client: Client, service: str, available: bool | None) -> None:
    question = AvailabilityQuestion(service, "94110", "2026-11-23")
    assert (await connected(client, "availability").availability(question, Deadline(5))).available is available
    await close_clients()


async def test_each_is_healthy_and_wants_its_token(client: Client) -> None:
    for system in care.SYSTEMS:
        assert (await connected(client, system).health(Deadline(5))).status == "healthy"
        with pytest.raises(AuthFailed):
            await connected(client, system, "wrong").health(Deadline(5))
    await close_clients()
