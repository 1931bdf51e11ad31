"""Fixtures for every test. Three people recur: Ann (admin), Bea (basic agent), and Cy, who must see nothing."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests import servers
from tests.factories import World, make_world

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@pytest.fixture(autouse=True)
def network_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests talk to servers that they start themselves on loopback, and to nothing else."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def check(address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in LOOPBACK:
            pytest.fail(f"A test tried to reach {address[0]}.")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        check(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        check(address)
        return connect_ex(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)


@pytest.fixture(autouse=True)
def process_state_forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the portal keeps in memory, and its threads' connections, belong to one test's database."""
    from django.core.cache import cache

    from integrations.disclosure import audit, chain, refusals
    from integrations.jobs import schedule
    from integrations.lookup import attempts
    from integrations.lookup.backends import backends
    from integrations.models.snapshots import _seen

    # A test that is about the log writes it when it wants to.
    monkeypatch.setattr(attempts, "FLUSH_EVERY_S", 3_600.0)
    # A process that has just started waits a while before it misses its runner.
    monkeypatch.setattr(schedule, "_awake_since", time.monotonic())
    _seen.forget()
    backends.cache_clear()
    chain.audit_key.cache_clear()
    refusals._counts.clear()
    cache.clear()
    yield
    audit.writer.close()
    attempts.attempts.forget()
    attempts.attempts.close()


@pytest.fixture
def world(transactional_db: None) -> World:
    """Riverside and Harbor with Ann, Bea and Cy, in a database that every thread of the test sees."""
    return make_world()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[servers.MariaDb]:
    """A server that plays an organisation's database: the one that `make test` started, or one of the session's own."""
    if port := os.environ.get("CONNIE_TEST_MARIADB_PORT"):
        yield servers.MariaDb(int(port))
        return
    try:
        with servers.mariadb() as own:
            yield own
    except servers.MissingServer as missing:
        pytest.fail(str(missing))
