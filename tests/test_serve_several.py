"""Two web processes on a real MariaDB and a real Redis: one trail, no single process that matters, a clean end."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from integrations.disclosure import audit
from tests.disclosure.test_processes import environment
from tests.factories import World, make_api_key
from tests.servers import RedisServer, free_port, redis_server

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 30


def _needs_mariadb() -> None:
    if connection.vendor != "mysql":
        pytest.skip("several processes need MariaDB; the suite's second run has it")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


def eventually(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


def ask(port: int, method: str, path: str, body: str | None = None, **headers: str) -> int:
    """The status, over a connection of its own; 0 when nobody answers."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        client.request(method, path, body, headers)
        return client.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        client.close()


def ready(port: int) -> bool:
    return ask(port, "GET", "/readyz") == 200


def look_up(port: int, key: str, count: int = 1) -> list[int]:
    """The statuses of lookups one after the other."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    body = json.dumps({"phone": "+14155550123"})
    return [ask(port, "POST", "/api/v1/lookup", body, **headers) for _time in range(count)]


@contextmanager
def portal(redis: RedisServer) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port = free_port()
    more = {"CONNIE_REDIS_URL": redis.url, "CONNIE_PORT": str(port)}
    command = [sys.executable, "manage.py", "serve", "--web", "2"]
    process = subprocess.Popen(command, cwd=ROOT, env={**environment(), **more}, stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: ready(port) and len(children(process.pid)) == 2, "the portal did not start")
        yield process, port
    finally:
        process.kill()
        process.wait()


def test_two_processes_answer_outlive_one_another_and_write_one_chain(world: World, redis: RedisServer) -> None:
    _needs_mariadb()
    key, _row = make_api_key(world.riverside)
    with portal(redis) as (process, port):
        with ThreadPoolExecutor(8) as threads:
            statuses = [status for found in threads.map(lambda _n: look_up(port, key, 10), range(8)) for status in found]
        assert statuses == [200] * 80
        first, second = children(process.pid)
        os.kill(first, signal.SIGKILL)
        eventually(lambda: len(now := children(process.pid)) == 2 and first not in now, "nobody took the dead one's place")
        assert second in children(process.pid)
        eventually(lambda: ready(port), "the portal did not come back")
        assert look_up(port, key, 5) == [200] * 5
        assert audit.verify(world.riverside) == 85


@pytest.mark.parametrize("wanted", [signal.SIGTERM, signal.SIGINT])
def test_all_of_them_end_when_asked_to(world: World, redis: RedisServer, wanted: signal.Signals) -> None:
    _needs_mariadb()
    with portal(redis) as (process, _port):
        family = children(process.pid)
        process.send_signal(wanted)
        assert process.wait(10) == 0
        eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family), "a process was left")


def test_none_of_them_outlives_a_killed_parent(world: World, redis: RedisServer) -> None:
    _needs_mariadb()
    with portal(redis) as (process, _port):
        family = children(process.pid)
        process.kill()
        eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family), "a process was left")


def test_the_portal_goes_on_without_redis_and_says_so(world: World) -> None:
    _needs_mariadb()
    key, _row = make_api_key(world.riverside)
    with redis_server() as passing, portal(passing) as (_process, port):
        passing.stop()
        eventually(lambda: not ready(port), "it says that it is ready")
        assert look_up(port, key) == [200]
