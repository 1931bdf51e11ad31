"""Web processes and runners on a real MariaDB and a real Redis: one trail, no single process that matters, a clean end."""

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
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from integrations.disclosure import audit
from integrations.jobs.schedule import LEASE
from integrations.models import PeriodicRun
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
def portal(redis: RedisServer, *layout: str, family: int = 2) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Two web processes, or ``family`` of another layout."""
    port = free_port()
    more = {"CONNIE_REDIS_URL": redis.url, "CONNIE_PORT": str(port)}
    command = [sys.executable, "manage.py", "serve", *(layout or ("--web", "2", "--runners", "0"))]
    process = subprocess.Popen(command, cwd=ROOT, env={**environment(), **more}, stdout=subprocess.DEVNULL)
    try:
        serves = "0" not in layout[:2]
        eventually(lambda: len(children(process.pid)) == family and (ready(port) or not serves), "the portal did not start")
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


def sweeps() -> int:
    return PeriodicRun.objects.filter(name="sweep", done_at__isnull=False).count()


def test_runners_are_replaced_when_they_die_and_do_each_work_once(world: World, redis: RedisServer) -> None:
    _needs_mariadb()
    with portal(redis, "--web", "0", "--runners", "2") as (process, _port):
        eventually(lambda: sweeps() > 0, "no runner worked")
        first, second = children(process.pid)
        for runner in (first, second):
            os.kill(runner, signal.SIGKILL)
        eventually(lambda: len(now := children(process.pid)) == 2 and not {first, second} & set(now), "not replaced")
        PeriodicRun.objects.all().delete()
        eventually(lambda: sweeps() > 0, "what replaced them does not work")
        minutes = PeriodicRun.objects.filter(name="sweep").values_list("period", flat=True)
        assert len(minutes) == len(set(minutes))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_runner_may_stand_beside_the_web(world: World, redis: RedisServer) -> None:
    _needs_mariadb()
    key, _row = make_api_key(world.riverside)
    with portal(redis, "--runners", "1") as (_process, port):
        eventually(lambda: sweeps() > 0, "no runner worked")
        assert look_up(port, key) == [200]


def cleanings(*, done: bool) -> QuerySet[PeriodicRun]:
    return PeriodicRun.objects.filter(name="cleaning", began_at__isnull=False, done_at__isnull=not done)


def test_what_a_killed_runner_was_doing_is_done_by_the_next(world: World, redis: RedisServer) -> None:
    _needs_mariadb()
    Session.objects.create(session_key="old", expire_date=timezone.now() - timedelta(days=1))
    # The runner waits for a row that is held here, and is killed meanwhile.
    with portal(redis, "--web", "0", "--runners", "2") as (process, _port), transaction.atomic():
        assert Session.objects.select_for_update().get()
        eventually(lambda: cleanings(done=False).exists(), "no runner began")
        for pid in [process.pid, *children(process.pid)]:
            os.kill(pid, signal.SIGKILL)
    assert Session.objects.exists()
    assert cleanings(done=False).update(handed_at=timezone.now() - LEASE) == 1
    with portal(redis, "--web", "0", "--runners", "2"):
        eventually(lambda: cleanings(done=True).exists(), "it was left undone")
    assert not Session.objects.exists()


def test_the_portal_goes_on_without_redis_and_says_so(world: World) -> None:
    _needs_mariadb()
    key, _row = make_api_key(world.riverside)
    with redis_server() as passing, portal(passing) as (_process, port):
        passing.stop()
        eventually(lambda: not ready(port), "it says that it is ready")
        assert look_up(port, key) == [200]
