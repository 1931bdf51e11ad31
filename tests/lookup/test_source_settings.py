"""Building what a kind is built from, of a stored connector or one about to be: one way, which always has the guard."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from integrations.configuration import schema
from integrations.configuration.check_connector import check_connector
from integrations.connectors import build
from integrations.errors import AddressRefused
from integrations.lookup.source_settings import own_addresses, settings_of
from integrations.models import Organization
from integrations.outbound.network import OWN
from integrations.profile import FIELDS
from tests.factories import World, make_connector

PACKAGE = Path(__file__).resolve().parents[2] / "integrations"
LOOKUP = {"steps": [{"path": "/p", "query": {"phone": "{phone_e164}"}, "map": {"id": "id", "name": "name"}}]}
OUR_OWN = ["https://10.0.0.5:3307", "https://10.0.0.6:6379", "https://portal.example.org"]


@pytest.fixture
def servers(settings: Settings) -> Iterator[None]:
    """A portal with a database, a Redis and an address of its own, where private addresses are open to connectors."""
    settings.DATABASE_URL = "mysql://portal:secret@10.0.0.5:3307/portal"
    settings.REDIS_URL = "redis://10.0.0.6/0"
    settings.PUBLIC_URL = "https://portal.example.org"
    settings.ALLOW_PRIVATE = True
    own_addresses.cache_clear()
    yield
    own_addresses.cache_clear()


def options(base_url: str) -> dict[str, Any]:
    return {"base_url": base_url, "lookup": LOOKUP}


def refusals(base_url: str, home: Organization) -> list[str]:
    table = schema.Organization.model_construct(
        slug=home.slug, region=home.region, timezone=home.timezone, currency=home.currency
    )
    row = schema.Connector(key="crm", kind="rest", name="CRM", options=options(base_url), allow_private=True)
    return [sentence for _where, sentence in check_connector(row, table, {}, set(), FIELDS, set())]


@pytest.mark.django_db
@pytest.mark.parametrize("base_url", OUR_OWN)
def test_a_stored_connector_never_reaches_the_portals_own_servers(base_url: str, servers: None, world: World) -> None:
    row = make_connector(world.riverside, "inside", "rest", options=options(base_url), allow_private=True)
    with pytest.raises(AddressRefused, match="The portal itself"):
        _ = build(settings_of(row, world.riverside, FIELDS)).mapping


@pytest.mark.django_db
@pytest.mark.parametrize("base_url", OUR_OWN)
def test_one_that_would_is_not_stored(base_url: str, servers: None, world: World) -> None:
    assert refusals(base_url, world.riverside) == [OWN]


@pytest.mark.django_db
def test_what_is_beside_them_is_open_to_who_was_allowed_it(servers: None, world: World) -> None:
    assert refusals("https://10.0.0.5:8443", world.riverside) == []


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.9", "::1", "::ffff:127.0.0.1"])
def test_what_listens_on_this_machine_is_reached_by_none_of_its_addresses(
    address: str, servers: None, settings: Settings, world: World
) -> None:
    settings.PORT, settings.REDIS_URL = 8123, "redis://localhost:6390/0"
    own_addresses.cache_clear()
    row = make_connector(world.riverside, "inside", "rest", options=options("https://10.0.0.9"), allow_private=True)
    network = settings_of(row, world.riverside, FIELDS).network
    for port in (8123, 6390):
        with pytest.raises(AddressRefused, match="The portal itself"):
            network.check(address, port)
    network.check(address, 8124)


@pytest.mark.django_db
def test_true_opens_nothing_private_unless_the_installation_lets_it(servers: None, settings: Settings, world: World) -> None:
    row = make_connector(world.riverside, "inside", "rest", options=options("https://10.0.0.9"), allow_private=True)
    settings_of(row, world.riverside, FIELDS).network.check("10.0.0.9", 443)
    settings.ALLOW_PRIVATE = False
    with pytest.raises(AddressRefused, match="closed to connectors"):
        settings_of(row, world.riverside, FIELDS).network.check("10.0.0.9", 443)


def test_settings_are_made_in_one_place() -> None:
    places = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"SourceSettings", "NetworkPolicy"}
    }
    assert {place for place in places if not place.endswith("network.py")} == {"lookup/source_settings.py"}
