"""A portal as in production, for the long tests: processes on MariaDB and Redis, with two systems that answer over HTTP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.disclosure.test_processes import environment
from tests.factories import World, make_api_key, make_connector
from tests.servers import RedisServer, free_port, redis_server
from tests.soak.callers import Door
from tests.test_serve_several import ROOT, children, eventually, ready

STEP = {
    "path": "/people",
    "query": {"phone": "{phone_e164}"},
    "records": "people",
    "map": {name: name for name in ("id", "name", "email", "phone", "status", "account_id", "notes")},
}
Serving = tuple[subprocess.Popen[bytes], Door]
Portal = Callable[..., AbstractContextManager[Serving]]


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def stubs() -> Iterator[int]:
    """The addresses where the systems listen."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.stubs", str(port)], cwd=ROOT)
    try:
        yield port
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def portal(world: World, stubs: int, redis: RedisServer) -> Portal:
    """Riverside with two systems, one a little slower, served in a layout: ``with portal("--web", "2", family=3) as …``."""
    key, _row = make_api_key(world.riverside)
    for name, ms in (("quick", 20), ("slow", 80)):
        options = {"base_url": f"http://127.0.0.1:{stubs}/delay/{ms}/{name}", "lookup": {"steps": [STEP]}}
        make_connector(world.riverside, name, "rest", options=options, allow_private=True, cache={"fresh_s": 5, "stale_s": 10})

    @contextmanager
    def serving(*layout: str, family: int, port: int = 0, **settings: str) -> Iterator[Serving]:
        port = port or free_port()
        more = {
            "CONNIE_REDIS_URL": redis.url,
            "CONNIE_PORT": str(port),
            "CONNIE_ALLOW_PRIVATE": "1",
            "CONNIE_LOG_LEVEL": "ERROR",
            **settings,
        }
        command = [sys.executable, "manage.py", "serve", *layout]
        process = subprocess.Popen(command, cwd=ROOT, env={**environment(), **more}, stdout=subprocess.DEVNULL)
        try:
            eventually(lambda: len(children(process.pid)) == family and ready(port), "the portal did not start")
            yield process, Door(port, key)
        finally:
            process.terminate()
            process.wait(20)

    return serving
