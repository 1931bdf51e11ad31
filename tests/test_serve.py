"""Starting the portal, and asking whether it can serve."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import uvicorn
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.test import Client
from pytest_django.fixtures import Settings

from connie_portal import health
from connie_portal.env import EnvironmentProblem
from connie_portal.process import Port, address, listen
from connie_portal.server import Server, ServerWithRunner
from integrations.management.commands.serve import Layout


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    health._migrated.cache_clear()
    yield
    health._migrated.cache_clear()


def test_a_process_that_answers_is_alive() -> None:
    assert Client().get("/livez").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_portal_with_an_up_to_date_database_is_ready() -> None:
    response = Client().get("/readyz")
    assert (response.status_code, response.content) == (200, b"ready\n")
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db(transaction=True)
def test_a_portal_without_its_migrations_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "unapplied_migrations", lambda: ["integrations.9999_next"])
    response = Client().get("/readyz")
    assert (response.status_code, response.content.decode().strip()) == (503, health.NOT_MIGRATED)


@pytest.mark.django_db(transaction=True)
def test_a_portal_without_its_database_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise DatabaseError('(2002, "Can\'t connect to secret-host")')

    monkeypatch.setattr(health, "connection", SimpleNamespace(cursor=refuse))
    response = Client().get("/readyz")
    assert (response.status_code, response.content.decode().strip()) == (503, health.NO_DATABASE)


@pytest.mark.parametrize("kind", [Server, ServerWithRunner])
async def test_a_server_lets_go_of_its_connections_when_it_ends(kind: type[Server], monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    async def answered(_self: object, _sockets: object) -> None:
        done.append("answered")

    async def closed() -> None:
        done.append("closed")

    monkeypatch.setattr(uvicorn.Server, "shutdown", answered)
    monkeypatch.setattr("connie_portal.server.close_sources", closed)
    monkeypatch.setattr("connie_portal.runner.Runner.stop", lambda _self: done.append("runner"))
    await kind(uvicorn.Config("nothing:app")).shutdown()
    assert done[-1] == "closed"
    assert set(done[:-1]) >= {"answered"}


NOWHERE = "redis://127.0.0.1:1/0"


@pytest.mark.parametrize(
    ("options", "redis", "vendor", "sentence"),
    [
        ({"web": 2}, "", "mysql", "Set CONNIE_REDIS_URL, or use --web 1"),
        ({"web": 2}, NOWHERE, "sqlite", "a SQLite file belongs to one process"),
        ({"runners": 1}, "", "mysql", "a separate runner needs a Redis server"),
        ({"runners": 1}, NOWHERE, "sqlite", "a SQLite file belongs to one process"),
        ({"web": 0, "runners": 1}, "", "mysql", "a separate runner needs a Redis server"),
        ({"web": 0, "runners": 1}, NOWHERE, "sqlite", "a SQLite file belongs to one process"),
        ({"web": 0}, "", "mysql", "Nothing is left to run"),
        ({"web": -1}, "", "mysql", "cannot be below 0"),
        ({"runners": -1}, NOWHERE, "mysql", "cannot be below 0"),
    ],
)
def test_unsafe_combinations_are_refused_in_a_sentence(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, options: dict[str, int], redis: str, vendor: str, sentence: str
) -> None:
    settings.REDIS_URL = redis
    monkeypatch.setattr("integrations.management.commands.serve.connection", SimpleNamespace(vendor=vendor))
    with pytest.raises(CommandError, match=sentence):
        call_command("serve", **options)


@pytest.mark.parametrize(
    ("web", "runners", "redis", "layout"),
    [
        (1, None, "", Layout(1, 0, together=True)),
        (1, 0, "", Layout(1, 0, together=True)),
        (1, None, NOWHERE, Layout(1, 0, together=True)),
        (1, 0, NOWHERE, Layout(1, 0)),
        (1, 2, NOWHERE, Layout(1, 2)),
        (3, None, NOWHERE, Layout(3, 1)),
        (3, 0, NOWHERE, Layout(3, 0)),
        (0, 1, NOWHERE, Layout(0, 1)),
    ],
)
def test_somebody_does_the_stored_work_unless_it_is_said_that_others_do(
    settings: Settings, web: int, runners: int | None, redis: str, layout: Layout
) -> None:
    settings.REDIS_URL = redis
    assert Layout.of(web, runners) == layout


@pytest.mark.django_db(transaction=True)
def test_a_portal_without_its_redis_is_not_ready(settings: Settings) -> None:
    settings.REDIS_URL = NOWHERE
    response = Client().get("/readyz")
    assert (response.status_code, response.content.decode().strip()) == (503, health.NO_REDIS)


@pytest.mark.django_db
def test_serving_without_the_migrations_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.management.commands.serve.unapplied_migrations", lambda: ["integrations.9999_next"])
    with pytest.raises(CommandError, match=r"Run: manage\.py migrate"):
        call_command("serve")


def test_an_unset_port_is_the_next_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        first = taken.getsockname()[1]
        with listen(Port("CONNIE_PORT", None, first)) as listener:
            assert first < listener.getsockname()[1] < first + 100
            assert address(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_two_that_start_together_get_different_ports() -> None:
    with listen(Port("CONNIE_PORT", None, 18_000)) as one, listen(Port("CONNIE_PORT", None, 18_000)) as other:
        assert address(one) != address(other)


@pytest.mark.parametrize("number", [-1, 0, 65_536])
def test_a_port_out_of_range_is_refused_in_a_sentence(number: int) -> None:
    with pytest.raises(EnvironmentProblem, match=r"CONNIE_PORT must be a port between 1 and 65535"):
        listen(Port("CONNIE_PORT", number, 8_000))


def test_an_address_of_another_machine_is_refused_in_a_sentence() -> None:
    with pytest.raises(EnvironmentProblem, match=r"Cannot listen on 192\.0\.2\.1"):
        listen(Port("CONNIE_PORT", None, 8_000), "192.0.2.1")
