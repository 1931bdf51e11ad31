"""Every kind of system × everything that can go wrong with it, seen from a whole lookup at real sockets.

In each cell: the lookup ends, another system's fields are there, the status word is right, the breaker does what it should,
and nothing is left over. ``make test`` writes what was seen as one table (``test-report/faults.md``).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from pytest_django.fixtures import Settings

from integrations.lookup import LookupRequest, LookupResult, close_sources, look_up
from integrations.lookup.backends import backends
from integrations.lookup.sources import plan_of
from integrations.models import Connector
from integrations.phone import Number
from tests import http_stub
from tests.factories import World, make_connector
from tests.fault_report import note
from tests.http_stub import Stub, Write, current_request, reply, stub_server
from tests.servers import PASSWORD, MariaDb, free_port

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = Number("+14155550123", "US")
SECRET = "a-secret-that-nobody-may-see"
PATIENCE_S = 20
WAIT_MS = 1_000

# What a kind is told to answer when it knows nobody.
EMPTY: dict[str, Any] = {
    "hubspot": {"total": 0, "results": []},
    "salesforce": {"searchRecords": []},
    "rest": {"people": []},
}
SHAPE = {
    "auth": {"type": "bearer"},
    "lookup": {
        "steps": [
            {
                "requires": ["phone_e164"], "method": "GET", "path": "/people", "query": {"phone": "{phone_e164}"},
                "records": "people", "map": {"id": "id", "phone": "phone", "name": "name"},
            }
        ]
    },
}  # fmt: skip


def configuration(kind: str, base_url: str) -> dict[str, Any]:
    options: dict[str, Any] = {"base_url": base_url}
    secrets = {"token": SECRET}
    if kind == "salesforce":
        secrets = {"client_id": "portal", "client_secret": SECRET}
    if kind == "rest":
        options |= SHAPE
    return {"options": options, "secrets": secrets}


@dataclass(frozen=True)
class Fault:
    """``answer`` is what the simulator does once it is reached; ``address`` where it is asked instead, if anywhere else.

    ``breaker``: ``counted`` towards opening the circuit, ``paused`` under the status's own word, or ``untouched``.
    """

    name: str
    status: str
    breaker: str
    answer: Write | None = None
    address: str = ""


HTTP_FAULTS = [
    Fault("connection refused", "unavailable", "counted", address="http://127.0.0.1:{closed}"),
    Fault("connection reset", "unavailable", "counted", http_stub.reset),
    Fault("hangs before the answer", "timeout", "counted", http_stub.hang),
    Fault("hangs within the answer", "timeout", "counted", http_stub.hang_in_body),
    Fault("one byte at a time", "timeout", "counted", http_stub.trickle),
    Fault("500", "unavailable", "counted", reply({}, 500)),
    Fault("503 with Retry-After", "unavailable", "counted", reply({}, 503, Retry_After="2")),
    Fault("429 with Retry-After", "rate_limited", "paused", reply({}, 429, Retry_After="2")),
    Fault("sign-in refused", "auth", "paused", reply({}, 401)),
    Fault("HTML instead of JSON", "invalid_response", "untouched", reply(b"<html>Welcome</html>", Content_Type="text/html")),
    Fault("cut off", "invalid_response", "untouched", http_stub.truncated),
    Fault("wrong character set", "invalid_response", "untouched", reply('{"people": ["José"]}'.encode("latin-1"))),
    Fault("50 MB", "invalid_response", "untouched", http_stub.huge),
    Fault("name not resolved", "unavailable", "counted", address="https://nowhere.invalid"),
]


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with stub_server() as server:
        yield server


@pytest.fixture(autouse=True)
async def nothing_is_left(capfd: pytest.CaptureFixture[str]) -> AsyncIterator[None]:
    """No task goes on, and nothing that was logged names the caller or a secret."""
    before = asyncio.all_tasks()
    yield
    await close_sources()
    left = {task for task in asyncio.all_tasks() - before if "http_stub" not in repr(task)}
    left.discard(asyncio.current_task())  # type: ignore[arg-type]
    assert not left
    out, err = capfd.readouterr()
    for secret in (SECRET, PASSWORD, "5550123"):
        assert secret not in out + err


@pytest.fixture
def healthy(world: World, settings: Settings, tmp_path: Path) -> Connector:
    """A second system, whose fields must be there whatever the first one does."""
    settings.ALLOW_PRIVATE = True
    settings.SOURCES_DIR = tmp_path
    (tmp_path / "riverside").mkdir()
    with sqlite3.connect(tmp_path / "riverside" / "clients.sqlite3") as file:
        file.execute("CREATE TABLE customers (id INTEGER, name TEXT, phone TEXT)")
        file.execute("INSERT INTO customers VALUES (1, 'Rosa Castillo', '+14155550123')")
    file.close()
    return make_connector(world.riverside, "clients", "database", options={"url": "sqlite:///clients.sqlite3"})


async def connected(world: World, kind: str, **facts: Any) -> None:
    await sync_to_async(make_connector)(
        world.riverside,
        "faulty",
        kind,
        allow_private=True,
        hosts=["nowhere.invalid"],
        timeout_ms=WAIT_MS,
        priority=1,
        **facts,
    )


async def looked_up(world: World) -> LookupResult:
    async with asyncio.timeout(PATIENCE_S):
        return await look_up(LookupRequest(world.riverside.pk, NUMBER, refresh=True))


async def breaker_of(world: World) -> str:
    plan = await plan_of(world.riverside.pk)
    (source,) = (source for source in plan.sources if source.key == "faulty")
    if source.breaker.pause:
        return "paused"
    return "counted" if source.breaker._failures else "untouched"


async def seen(world: World, fault: Fault, kind: str) -> None:
    result = await looked_up(world)
    outcomes = {outcome.key: outcome for outcome in result.sources}
    assert outcomes["clients"].status.value == "found"
    assert [person.fields["name"].value for person in result.people] == ["Rosa Castillo"]
    assert outcomes["faulty"].status.value == fault.status
    assert outcomes["faulty"].message
    assert await breaker_of(world) == fault.breaker
    note(fault.name, kind, f"{fault.status}, {fault.breaker}" if fault.breaker != "untouched" else fault.status)


def signed_in(kind: str, answer: Write) -> Write:
    """The simulator's sign-in works; what fails is what it is asked."""

    async def write(writer: asyncio.StreamWriter) -> None:
        if kind == "salesforce" and current_request.get().path.endswith("/oauth2/token"):
            await reply({"access_token": "00D.token", "instance_url": "https://x.my.salesforce.com"})(writer)
        else:
            await answer(writer)

    return write


@pytest.mark.parametrize("fault", HTTP_FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("kind", list(EMPTY))
async def test_a_system_behind_http_fails(world: World, healthy: Connector, stub: Stub, kind: str, fault: Fault) -> None:
    if fault.answer:
        stub.answer(signed_in(kind, fault.answer))
    base_url = (fault.address or stub.url).format(closed=free_port(), port=stub.port)
    await connected(world, kind, **configuration(kind, base_url))
    await seen(world, fault, kind)
    await close_sources()
    async with asyncio.timeout(PATIENCE_S):
        while stub.writers:  # no connection stays open, however the exchange ended
            await stub.all_closed.wait()


@pytest.mark.parametrize("kind", list(EMPTY))
async def test_a_system_whose_tls_fails(world: World, healthy: Connector, kind: str) -> None:
    async with listening(_speaking_http) as port:
        await connected(world, kind, **configuration(kind, f"https://127.0.0.1:{port}"))
        await seen(world, Fault("TLS fails", "unavailable", "counted"), kind)
        await close_sources()


# -- Databases -------------------------------------------------------------------------------------------------------


async def _silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def _resetting(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _speaking_http(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    writer.close()


@asynccontextmanager
async def listening(behaviour: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[int]:
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            await behaviour(reader, writer)
        except asyncio.CancelledError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(
    ("fault", "behaviour"),
    [
        (Fault("connection reset", "unavailable", "counted"), _resetting),
        (Fault("hangs before the answer", "timeout", "counted"), _silent),
        (Fault("HTML instead of JSON", "invalid_response", "untouched"), _speaking_http),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_what_answers_is_no_database(world: World, healthy: Connector, fault: Fault, behaviour: Any) -> None:
    async with listening(behaviour) as port:
        await connected(world, "database", **on_server(f"mysql://reader@127.0.0.1:{port}/clients"))
        await seen(world, fault, "database")
        await close_sources()


@pytest.mark.parametrize(
    ("fault", "url"),
    [
        (Fault("connection refused", "unavailable", "counted"), "mysql://reader@127.0.0.1:{closed}/clients"),
        (Fault("name not resolved", "unavailable", "counted"), "mysql://reader@nowhere.invalid/clients"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_a_database_cannot_be_reached(world: World, healthy: Connector, fault: Fault, url: str) -> None:
    await connected(world, "database", **on_server(url.format(closed=free_port())))
    await seen(world, fault, "database")


def on_server(url: str, password: str = PASSWORD, query: str = "") -> dict[str, Any]:
    return {"options": {"url": url} | ({"query": query} if query else {}), "secrets": {"password": password}}


@pytest.fixture
def clients(mariadb: MariaDb) -> Iterator[MariaDb]:
    mariadb.run(
        "CREATE DATABASE IF NOT EXISTS faults", "CREATE TABLE IF NOT EXISTS faults.customers (id INT, phone VARCHAR(40))"
    )
    yield mariadb
    mariadb.run("DROP DATABASE faults")


SLOW = "SELECT id, phone FROM customers WHERE phone = :phone OR SLEEP(30) = 0"
LARGE = "SELECT 1 AS id, :phone AS phone, REPEAT('x', 15000000) AS notes"


@pytest.mark.parametrize(
    ("fault", "facts"),
    [
        (Fault("sign-in refused", "auth", "paused"), {"password": "wrong"}),
        (Fault("hangs within the answer", "timeout", "counted"), {"query": SLOW}),
        (Fault("50 MB", "invalid_response", "untouched"), {"query": LARGE}),
        (Fault("TLS fails", "unavailable", "counted"), {"tls": True}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_a_database_fails(
    world: World, healthy: Connector, clients: MariaDb, fault: Fault, facts: dict[str, Any]
) -> None:
    clients.run("INSERT INTO faults.customers VALUES (1, 'nobody')")
    url = clients.url("faults") + ("?ssl=true" if facts.pop("tls", False) else "")
    await connected(world, "database", **on_server(url, **facts))
    await seen(world, fault, "database")
    statements = clients.run("SELECT info FROM information_schema.processlist WHERE db = 'faults' AND info LIKE '%SLEEP(30)%'")
    assert [row for row in statements if "processlist" not in str(row[0])] == []


# -- Redis -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*EMPTY, "database"])
@pytest.mark.parametrize("trouble", ["Redis is down", "Redis hangs"])
async def test_redis_fails(
    world: World, healthy: Connector, stub: Stub, clients: MariaDb, settings: Settings, kind: str, trouble: str
) -> None:
    async with listening(_silent) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{free_port() if trouble == 'Redis is down' else silent}/0"
        backends.cache_clear()
        try:
            if kind == "database":
                await connected(world, kind, **on_server(clients.url("faults")))
            else:
                stub.answer(signed_in(kind, reply(EMPTY[kind])))
                await connected(world, kind, **configuration(kind, stub.url))
            await seen_without_redis(world, trouble, kind)
        finally:
            await close_sources()
            backends.cache_clear()


async def seen_without_redis(world: World, trouble: str, kind: str) -> None:
    """The sources are asked as ever; only what would be shared is not."""
    result = await looked_up(world)
    assert {outcome.key: outcome.status.value for outcome in result.sources} == {"clients": "found", "faulty": "not_found"}
    assert await breaker_of(world) == "untouched"
    note(trouble, kind, "asked as ever")
