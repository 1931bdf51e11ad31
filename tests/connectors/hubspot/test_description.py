"""Requests, and the payloads that the tests answer with, held against HubSpot's published descriptions."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from integrations.connectors.hubspot.session import SCOPES
from integrations.deadline import Deadline
from integrations.search_query import By, SearchQuery
from tests.connectors.contract import NUMBER, fixture
from tests.connectors.hubspot.conftest import HERE, OAUTH, by_path, hubspot
from tests.connectors.hubspot.descriptions import ACCOUNT, ASSOCIATIONS, CONTACTS, VERSIONS, check, description
from tests.connectors.hubspot.test_hubspot import keys_of
from tests.http_stub import Stub

OBJECTS = {"2026-09": "/crm/objects/2026-09", "v3": "/crm/v3/objects"}


async def sent(stub: Stub, version: str) -> list[Any]:
    """Every request that a call, its details, a search by name and a probe make."""
    keys = await keys_of(stub, "found")
    stub.answer(by_path())
    connector = hubspot(stub, secrets=OAUTH, sign_in="oauth", api_version=version)
    await connector.find(NUMBER, Deadline(5))
    await connector.search(SearchQuery(By.NAME, "Rosa"), Deadline(5))
    await connector.details(keys, Deadline(5))
    await connector.health(Deadline(5))
    return stub.requests


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_body_is_what_the_description_asks_for(stub: Stub, version: str) -> None:
    described = description(f"hubspot-contacts-{version}")
    schemas = {"/search": "PublicObjectSearchRequest", "/batch/read": "BatchReadInputSimplePublicObjectId"}
    checked = set()
    for request in (await sent(stub, version))[1:]:
        for ending, schema in schemas.items():
            if request.path.endswith(ending):
                # One description serves all sorts of objects; that of contacts stands for them.
                check(request.json, schema, described)
                checked.add(request.path)
    objects = OBJECTS[version]
    assert checked == {
        *(f"{objects}/{name}/search" for name in ("contacts", "deals")),
        *(f"{objects}/{name}/batch/read" for name in ("contacts", "companies", "deals", "tickets")),
    }


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_address_of_contacts_and_accounts_is_described_with_its_parameters(stub: Stub, version: str) -> None:
    paths = {_one_sort(path): told for path, told in description(f"hubspot-contacts-{version}")["paths"].items()}
    paths |= description(f"hubspot-account-info-{version}")["paths"]
    asked = 0
    for request in (await sent(stub, version))[1:]:
        url = urlsplit(request.path)
        if "/contacts" not in url.path and "/account-info" not in url.path:
            continue
        described = paths[url.path.replace("/contacts/101", "/contacts/{id}")][request.method.lower()]
        known = {parameter["name"] for parameter in described["parameters"] if parameter["in"] == "query"}
        assert {name for name, _value in parse_qsl(url.query)} <= known
        asked += 1
    assert asked == 5  # two searches, one contact, two of the probe


def _one_sort(path: str) -> str:
    """The dated description is one of all sorts of objects."""
    return path.replace("{objectType}", "contacts").replace("{objectId}", "{id}").replace("{contactId}", "{id}")


@pytest.mark.parametrize(
    ("name", "described_by", "schema"),
    [
        ("found", CONTACTS, "CollectionResponseWithTotalSimplePublicObject"),
        ("contact_with_tickets", CONTACTS, "SimplePublicObjectWithAssociations"),
        ("contact_without_tickets", CONTACTS, "SimplePublicObjectWithAssociations"),
        ("tickets", CONTACTS, "BatchResponseSimplePublicObject"),
        ("missing_scope", CONTACTS, "Error"),
        ("missing_tickets_scope", CONTACTS, "Error"),
        ("expired_token", CONTACTS, "Error"),
        ("account", ACCOUNT, "PortalInformationResponse"),
    ],
)
def test_the_recorded_payloads_have_the_described_shape(name: str, described_by: str, schema: str) -> None:
    body = fixture(HERE, name)
    # A property without a value is null on the wire, which version 3.0 of OpenAPI writes as "nullable".
    check(_without_nulls(body), schema, description(described_by))


def test_the_scopes_that_are_named_exist() -> None:
    described = description(ASSOCIATIONS)["components"]["securitySchemes"]["oauth2"]["flows"]["authorizationCode"]["scopes"]
    assert set(SCOPES.values()) <= set(described)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value
