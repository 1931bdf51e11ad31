"""The Salesforce simulator answers what the connector asks, in both ways of searching."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from integrations.connectors.base import SourceSettings
from integrations.connectors.salesforce.connector import SalesforceConnector
from integrations.deadline import Deadline
from integrations.errors import AuthFailed, MissingScope, RateLimited
from integrations.outbound.http import close_clients
from integrations.phone import Number, classify
from integrations.sandbox import people, salesforce
from tests.http_stub import LOOPBACK_ALLOWED
from tests.sandbox.conftest import Client

SECRETS = {"client_id": salesforce.CLIENT_ID, "client_secret": salesforce.CLIENT_SECRET}
MARGARET = Number("+14155550100", "US")
BOTH = pytest.mark.parametrize("search", ["parameterized", "soql"])


@pytest.fixture(autouse=True)
async def at_once(client: Client) -> AsyncIterator[None]:
    client.sandbox.switches["salesforce"].latency_ms = 0
    yield
    await close_clients()


def connected(client: Client, secrets: dict[str, str] | None = None, **options: Any) -> SalesforceConnector:
    return SalesforceConnector(
        SourceSettings(
            key="salesforce", label="Salesforce", kind="salesforce", organization="riverside",
            options={"base_url": client.address, **options}, secrets=secrets or SECRETS, network=LOOPBACK_ALLOWED,
        )
    )  # fmt: skip


@BOTH
async def test_a_contact_is_found_with_its_account(client: Client, search: str) -> None:
    (record,) = await connected(client, search=search).find(MARGARET, Deadline(5))
    assert record.record_id == "Contact/003Sb0000000C01IAA"
    assert (record.fields["email"], record.fields["company"]) == ("margaret.whitfield@example.org", "Riverside Volunteers")
    assert record.unreadable == ()


@BOTH
@pytest.mark.parametrize(("phone", "ids"), [("+14155550160", ["Account/001Sb0000000A01IAA"]), ("+14155550199", [])])
async def test_an_account_is_found_by_its_number_but_nobody_by_a_fax(
    client: Client, search: str, phone: str, ids: list[str]
) -> None:
    found = await connected(client, search=search).find(Number(phone, "US"), Deadline(5))
    assert [record.record_id for record in found] == ids


@BOTH
async def test_a_field_that_it_does_not_have_is_refused(client: Client, search: str) -> None:
    lead = {"name": "Lead", "fields": {"notes": "No_Such__c"}}
    with pytest.raises(MissingScope, match="INVALID_FIELD"):
        await connected(client, search=search, objects=[lead]).find(MARGARET, Deadline(5))


async def test_a_wrong_secret_is_refused(client: Client) -> None:
    with pytest.raises(AuthFailed):
        await connected(client, {**SECRETS, "client_secret": "wrong"}).find(MARGARET, Deadline(5))


async def test_being_asked_too_often_is_told_as_salesforce_does(client: Client) -> None:
    await client.control({"system": "salesforce", "fault": "429"})
    async with client.session.post("/services/data/v67.0/composite", json={}) as response:
        assert (response.status, (await response.json())[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")
    await client.control({"system": "salesforce", "fault": None})
    connector = connected(client)
    await connector.find(MARGARET, Deadline(5))
    await client.control({"system": "salesforce", "fault": "429"})
    with pytest.raises(RateLimited):
        await connector.find(MARGARET, Deadline(5))


async def test_usage_is_counted_and_health_is_told(client: Client) -> None:
    connector = connected(client)
    await connector.find(MARGARET, Deadline(5))
    assert (await connector.health(Deadline(5))).status == "healthy"
    assert connector.usage
    assert (connector.usage.used, connector.usage.allowed) == (2, salesforce.DAILY_REQUESTS)
    client.sandbox.salesforce.used = 13_000
    assert (await connector.health(Deadline(5))).status == "degraded"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT Id FROM Contact",
        "SELECT Id FROM Contact WHERE Phone IN ('x') OR Name != '' LIMIT 10",
        "SELECT Id FROM Contact WHERE Phone IN ('x') OR Phone LIKE '%' LIMIT 10",
        "DELETE FROM Contact",
    ],
)
async def test_other_queries_than_for_numbers_are_malformed(client: Client, query: str) -> None:
    part = {"method": "GET", "url": f"/services/data/v67.0/query?q={query.replace(' ', '+')}", "referenceId": "a"}
    headers = {"Authorization": f"Bearer {salesforce.TOKEN}"}
    async with client.session.post(
        "/services/data/v67.0/composite", json={"compositeRequest": [part]}, headers=headers
    ) as response:
        (answered,) = (await response.json())["compositeResponse"]
    assert (answered["httpStatusCode"], answered["body"][0]["errorCode"]) == (400, "MALFORMED_QUERY")


async def test_without_a_token_nothing_is_told(client: Client) -> None:
    async with client.session.post("/services/data/v67.0/parameterizedSearch", json={}) as response:
        assert (response.status, (await response.json())[0]["errorCode"]) == (401, "INVALID_SESSION_ID")


def test_those_whom_salesforce_knows_are_those_whose_description_says_so() -> None:
    numbers = [
        classify(row[name], "US")
        for row in people.SALESFORCE["Contact"]
        for name in salesforce.PHONES["Contact"]
        if row.get(name)
    ]
    known = {number.e164 for number in numbers if isinstance(number, Number)}
    told = {caller.phone for caller in people.CALLERS if "Salesforce" in caller.what or "all three systems" in caller.what}
    assert told == known & {caller.phone for caller in people.CALLERS}
    emails = {row["email"].lower() for row in people.CONTACTS if "email" in row}
    assert {row["Email"] for row in people.SALESFORCE["Contact"]} <= emails
