"""The HubSpot simulator answers as HubSpot's public API does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from integrations.connectors.base import DetailKeys, SourceSettings
from integrations.connectors.hubspot.connector import HubSpotConnector
from integrations.deadline import Deadline
from integrations.errors import AuthFailed, MissingScope
from integrations.outbound.http import close_clients
from integrations.phone import Number
from integrations.sandbox import hubspot
from integrations.sandbox.people import CONTACTS
from tests.http_stub import LOOPBACK_ALLOWED
from tests.sandbox.conftest import SEARCH, Client


def by(name: str, value: str, operator: str = "EQ") -> dict[str, Any]:
    return {"filters": [{"propertyName": name, "operator": operator, "value": value}]}


async def test_a_contact_is_found_by_the_number_without_its_country_code(client: Client) -> None:
    group = by("hs_searchable_calculated_phone_number", "4155550100")
    status, answer = await client.search({"filterGroups": [group], "properties": ["firstname", "phone", "mobilephone"]})
    assert (status, answer["total"]) == (200, 1)
    properties = answer["results"][0]["properties"]
    assert properties["firstname"] == "Margaret"
    assert properties["phone"] == "+1 415-555-0100"
    assert properties["mobilephone"] is None, "a property without a value is null"


async def test_only_requested_properties_leave(client: Client) -> None:
    group = by("hs_searchable_calculated_phone_number", "4155550109")
    _, answer = await client.search({"filterGroups": [group], "properties": ["email", "no_such_property"]})
    assert set(answer["results"][0]["properties"]) == {"email", "hs_object_id", "createdate", "lastmodifieddate"}


async def test_a_number_with_country_code_finds_nothing_in_the_calculated_property(client: Client) -> None:
    _, answer = await client.search({"filterGroups": [by("hs_searchable_calculated_phone_number", "14155550100")]})
    assert answer == {"total": 0, "results": []}


async def test_groups_are_alternatives_and_in_takes_any_of_its_values(client: Client) -> None:
    variants = {"filters": [{"propertyName": "phone", "operator": "IN", "values": ["4155550109", "(415) 555-0101"]}]}
    _, answer = await client.search({"filterGroups": [by("mobilephone", "+14155550104"), variants]})
    assert {row["properties"]["firstname"] for row in answer["results"]} == {"Priya", "José", "Gloria"}


async def test_more_results_than_the_limit_are_paged(client: Client) -> None:
    body = {"filterGroups": [{"filters": [{"propertyName": "email", "operator": "HAS_PROPERTY"}]}], "limit": 2}
    _, first = await client.search(body)
    _, second = await client.search({**body, "after": first["paging"]["next"]["after"]})
    assert first["total"] == len(CONTACTS)
    ids = [row["id"] for row in first["results"] + second["results"]]
    assert len(set(ids)) == 4


@pytest.mark.parametrize(
    "body",
    [
        {"filterGroups": [by("email", "a@example.org")] * 6},
        {"filterGroups": [{"filters": by("email", "a@example.org")["filters"] * 7}]},
        {"filterGroups": [by("email", "x" * 3_000)]},
        {"filterGroups": [by("no_such_property", "1")]},
        {"filterGroups": [by("email", "1", "SOUNDS_LIKE")]},
        {"filterGroups": [{"filters": [{"propertyName": "email"}]}]},
        {"filterGroups": [], "limit": 201},
        ["not", "an", "object"],
    ],
)
async def test_what_hubspot_refuses_is_refused(client: Client, body: Any) -> None:
    status, answer = await client.search(body)
    assert (status, answer["status"], answer["category"]) == (400, "error", "VALIDATION_ERROR")


async def test_dated_paths_answer_like_versioned_ones(client: Client) -> None:
    body = {"filterGroups": [by("firstname", "priya")]}
    assert await client.search(body) == await client.search(body, "/crm/objects/2026-03/contacts/search")
    assert await client.get("/crm/v3/pipelines/deals") == await client.get("/crm/pipelines/2026-03/deals")
    assert (await client.get("/account-info/v3/details"))[0] == (await client.get("/account-info/2026-03/details"))[0] == 200


async def test_open_deals_of_a_contact_are_found_with_their_stage(client: Client) -> None:
    filters = by("associations.contact", "1004")["filters"] + by("hs_is_closed", "false")["filters"]
    body = {"filterGroups": [{"filters": filters}], "properties": ["dealname", "dealstage"]}
    _, answer = await client.search(body, SEARCH.replace("contacts", "deals"))
    assert {row["properties"]["dealname"] for row in answer["results"]} == {"Winter meals grant", "Van for outings"}
    _, pipelines = await client.get("/crm/v3/pipelines/deals")
    labels = {stage["id"]: stage["label"] for stage in pipelines["results"][0]["stages"]}
    assert {labels[row["properties"]["dealstage"]] for row in answer["results"]} == {"Agreement sent", "Needs assessment"}


async def test_a_company_is_read_by_id_and_a_missing_object_is_404(client: Client) -> None:
    status, company = await client.get("/crm/v3/objects/companies/9002?properties=name")
    assert (status, company["properties"]["name"]) == (200, "Bright Future Foundation")
    status, answer = await client.get("/crm/v3/objects/contacts/999999")
    assert (status, answer["category"]) == (404, "OBJECT_NOT_FOUND")


async def test_a_wrong_token_is_refused(client: Client) -> None:
    status, answer = await client.search({"filterGroups": []}, token="wrong")
    assert (status, answer["category"]) == (401, "EXPIRED_AUTHENTICATION")


async def test_a_contacts_tickets_are_read_by_their_ids(client: Client) -> None:
    _, contact = await client.get("/crm/v3/objects/contacts/1001?associations=tickets&properties=email")
    ids = [one["id"] for one in contact["associations"]["tickets"]["results"]]
    body = {"properties": ["subject", "no_such_property"], "inputs": [{"id": one} for one in [*ids, "0"]]}
    status, answer = await client.search(body, "/crm/v3/objects/tickets/batch/read")
    assert (status, answer["errors"][0]["context"]) == (207, {"ids": ["0"]})
    assert [row["properties"]["subject"] for row in answer["results"]] == ["Walking frame to be repaired", "Lunch came late"]
    _, alone = await client.get("/crm/v3/objects/contacts/1003?associations=tickets")
    assert "associations" not in alone


async def test_stages_of_tickets_tell_which_are_the_end(client: Client) -> None:
    _, pipelines = await client.get("/crm/v3/pipelines/tickets")
    states = {stage["label"]: stage["metadata"]["ticketState"] for stage in pipelines["results"][0]["stages"]}
    assert (states["Waiting on us"], states["Closed"]) == ("OPEN", "CLOSED")


@pytest.mark.parametrize("wrong", ["client_secret", "refresh_token", "grant_type"])
async def test_a_token_is_given_for_the_right_secrets_alone(client: Client, wrong: str) -> None:
    form = {**OAUTH, "grant_type": "refresh_token"}
    async with client.session.post("/oauth/v3/token", data={**form, wrong: "x"}) as refused:
        assert (refused.status, (await refused.json())["error"]) == (400, "invalid_grant")
    async with client.session.post("/oauth/v3/token", data=form) as granted:
        token = (await granted.json())["access_token"]
    assert (await client.search({"filterGroups": []}, token=token))[0] == 200


# -- The connector against it ---------------------------------------------------------------------------------------

OAUTH = {"client_id": hubspot.CLIENT_ID, "client_secret": hubspot.CLIENT_SECRET, "refresh_token": hubspot.REFRESH_TOKEN}
MARGARET = Number("+14155550100", "US")


@pytest.fixture
async def connector(client: Client) -> AsyncIterator[HubSpotConnector]:
    """Signed in with OAuth."""
    options = {"base_url": client.address, "sign_in": "oauth"}
    settings = SourceSettings(
        "crm", "HubSpot", "hubspot", "riverside", options=options, secrets=OAUTH, network=LOOPBACK_ALLOWED
    )
    made = HubSpotConnector(settings)
    yield made
    await made.close()
    await close_clients()


async def test_a_caller_is_found_with_open_deals_and_open_tickets(connector: HubSpotConnector) -> None:
    (record,) = await connector.find(MARGARET, Deadline(5))
    keys = DetailKeys(record_ids={"crm": record.record_id}, hints=record.hints)
    (more,) = await connector.details(keys, Deadline(5))
    assert more.fields["open_cases"] == ["Walking frame to be repaired (Waiting on us)"]
    assert more.fields["open_deals"] == ["Home care, spring 2027 (Needs assessment)"]
    assert (await connector.health(Deadline(5))).status == "healthy"


async def test_a_token_that_was_taken_back_costs_nobody_an_answer(client: Client, connector: HubSpotConnector) -> None:
    await connector.find(MARGARET, Deadline(5))
    client.sandbox.hubspot.tokens.clear()
    assert await connector.find(MARGARET, Deadline(5))


async def test_a_scope_that_was_taken_away_is_named(client: Client, connector: HubSpotConnector) -> None:
    client.sandbox.hubspot.scopes.remove("tickets")
    assert "the scope tickets" in (await connector.health(Deadline(5))).message
    client.sandbox.hubspot.scopes.clear()
    with pytest.raises(MissingScope) as raised:
        await connector.find(MARGARET, Deadline(5))
    assert raised.value.scopes == ("crm.objects.contacts.read",)


async def test_an_app_that_was_removed_is_a_failed_sign_in(
    client: Client, connector: HubSpotConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubspot, "REFRESH_TOKEN", "another")
    with pytest.raises(AuthFailed) as raised:
        await connector.find(MARGARET, Deadline(5))
    assert type(raised.value) is AuthFailed
