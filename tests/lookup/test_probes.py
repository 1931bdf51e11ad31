"""Probing the systems: through the API and the command."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import cache
from django.core.management import call_command
from django.test import AsyncClient, Client

from integrations import connectors
from integrations.lookup import close_sources
from integrations.lookup.probes import Probe, overall_of
from integrations.models import AccessEntry, Connector
from tests.factories import World, make_api_key, make_connector
from tests.lookup.service_fakes import ServiceConnector

PATH = "/api/v1/health"
SINCE = "2026-05-01T08:00:00+00:00"


@pytest.fixture
def connected(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connector]:
    """Riverside with one system that can be probed."""
    known = {"services": ServiceConnector}
    monkeypatch.setattr("integrations.lookup.sources.kinds", lambda: known)
    monkeypatch.setattr(connectors, "kinds", lambda: known)
    ServiceConnector.asked.clear()
    yield make_connector(world.riverside, "care", "services", name="Care places", timeout_ms=100)
    async_to_sync(close_sources)()


def also(world: World, key: str, health: str, **facts: Any) -> Connector:
    return make_connector(world.riverside, key, "services", timeout_ms=100, options={"health": health}, **facts)


def health(world: World, method: str = "get", scopes: list[str] | None = None) -> Any:
    key, _row = make_api_key(world.riverside, name=f"monitor-{method}-{scopes}", scopes=scopes or ["health"])
    return answered(key, method)


def answered(key: str, method: str = "get") -> Any:
    async def ask() -> Any:
        return await getattr(AsyncClient(), method)(PATH, headers={"Authorization": f"Bearer {key}"})

    return async_to_sync(ask)()


def command(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("probe_connectors", *arguments, stdout=out, stderr=err)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_a_system_that_answers_is_healthy(world: World, connected: Connector) -> None:
    response = health(world)
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    body = response.json()
    assert set(body) == {"timestamp", "services", "overall"}
    assert datetime.fromisoformat(body["timestamp"]).tzinfo is not None
    assert body["overall"] == "healthy"
    assert set(body["services"]["care"]) == {"status", "since"}
    assert body["services"]["care"]["status"] == "healthy"


@pytest.mark.parametrize(
    ("how", "status", "words"),
    [
        ("degraded", "degraded", "slowly"),
        ("rate_limited", "degraded", "too many requests"),
        ("unavailable", "unhealthy", "cannot be reached"),
        ("invalid_response", "unhealthy", "could not be read"),
        ("hang", "unhealthy", "did not answer in time"),
        ("crash", "unhealthy", "mistake in the portal"),
        ("auth", "needs_attention", "sign-in"),
    ],
)
def test_what_a_probe_finds_is_a_status_and_a_sentence(
    world: World, connected: Connector, how: str, status: str, words: str
) -> None:
    also(world, "other", how)
    body = health(world).json()
    other = body["services"]["other"]
    assert (other["status"], words in other["error"], body["overall"]) == (status, True, "degraded")
    assert "415 555" not in str(body)
    assert body["services"]["care"]["status"] == "healthy"


def test_a_system_that_is_not_set_up_correctly_needs_attention(world: World, connected: Connector) -> None:
    make_connector(world.riverside, "broken", "services", options={"nonsense": True})
    also(world, "off", "unavailable", enabled=False)
    services = health(world).json()["services"]
    assert set(services) == {"care", "broken"}
    assert (services["broken"]["status"], "not set up correctly" in services["broken"]["error"]) == ("needs_attention", True)


def test_who_polls_is_told_what_was_found_a_moment_ago(world: World, connected: Connector) -> None:
    key, _row = make_api_key(world.riverside, scopes=["health"])
    first, second = answered(key).json(), answered(key).json()
    assert first["services"] == second["services"]
    assert len(ServiceConnector.asked) == 1
    connected.options = {"health": "unavailable"}
    connected.save()
    assert answered(key).json()["services"]["care"]["status"] == "unhealthy"


def test_since_is_when_the_status_last_changed(world: World, connected: Connector) -> None:
    known = f'{{"care": {{"status": "healthy", "since": "{SINCE}"}}}}'
    cache.set(f"health-since:{world.riverside.pk}", known, None)
    key, _row = make_api_key(world.riverside, scopes=["health"])
    assert answered(key).json()["services"]["care"]["since"] == SINCE
    connected.options = {"health": "unavailable"}
    connected.save()
    assert answered(key).json()["services"]["care"]["since"] > SINCE


@pytest.mark.parametrize(
    ("systems", "overall"),
    [
        ([], "healthy"),
        ([("healthy", True)], "healthy"),
        ([("healthy", False), ("unhealthy", False)], "degraded"),
        ([("healthy", False), ("needs_attention", True)], "unhealthy"),
        ([("unhealthy", False), ("needs_attention", False)], "unhealthy"),
        ([("degraded", True)], "degraded"),
    ],
)
def test_all_systems_together(systems: list[tuple[str, bool]], overall: str) -> None:
    assert overall_of([Probe("key", "Label", essential, status, "") for status, essential in systems]) == overall


def test_only_a_key_with_the_scope_may_ask_and_only_with_get(world: World, connected: Connector) -> None:
    assert health(world, scopes=["lookup"]).status_code == 403
    assert AccessEntry.objects.get().event == "denied"
    assert Client().get(PATH).status_code == 401
    response = health(world, "post")
    assert (response.status_code, response["Allow"]) == (405, "GET")
    assert ServiceConnector.asked == []


def test_another_organisation_sees_its_own_systems_only(world: World, connected: Connector) -> None:
    key, _row = make_api_key(world.harbor, scopes=["health"])
    assert answered(key).json()["services"] == {}


def test_the_schema_describes_it_as_a_get(world: World) -> None:
    schema = Client().get("/api/schema", headers={"Accept": "application/vnd.oai.openapi+json"}).json()
    assert set(schema["paths"][PATH]) == {"get"}


def test_the_command_says_a_line_for_each_system_and_ends_with_0_when_all_are_well(world: World, connected: Connector) -> None:
    assert command("riverside") == (0, "riverside: Care places (care) well. It answers and accepts our sign-in.\n", "")


@pytest.mark.parametrize(("how", "code"), [("unavailable", 1), ("auth", 1), ("degraded", 0)])
def test_the_command_ends_with_1_if_a_system_cannot_be_used(world: World, connected: Connector, how: str, code: int) -> None:
    also(world, "other", how)
    assert command("riverside")[0] == code
    ended, out, _err = command()
    assert ended == code
    assert out.startswith("harbor: no system is connected.\n")
    assert len(out.splitlines()) == 3


def test_the_command_asks_anew_each_time(world: World, connected: Connector) -> None:
    for _attempt in range(2):
        command("riverside")
    assert len(ServiceConnector.asked) == 2


def test_an_unknown_organisation_is_told_with_the_known_ones(world: World) -> None:
    code, out, err = command("nowhere")
    assert (code, out, "harbor, riverside" in err) == (2, "", True)
