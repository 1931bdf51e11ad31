"""What a bench starts: stubs, the reference, the portal. Each a process of its own, ended with the block."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bench.load import Target
from tests.servers import PASSWORD, USER, MariaDb

ROOT = Path(__file__).resolve().parent.parent
START_S = 30
Sources = Sequence[Mapping[str, Any]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def process(command: Sequence[str], port: int, environment: Mapping[str, str]) -> AsyncIterator[subprocess.Popen[bytes]]:
    """A server that listens on ``port`` when the block begins."""
    nothing = subprocess.DEVNULL
    running = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdin=nothing, stdout=nothing)
    try:
        for _try in range(START_S * 20):
            try:
                _reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            except OSError:
                if running.poll() is not None:
                    raise RuntimeError(f"{command[0]} ended at once, with {running.returncode}") from None
                await asyncio.sleep(0.05)
        yield running
    finally:
        running.terminate()
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


async def told(port: int, path: str) -> bytes:
    """What a server answers, once it does."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    body = await reader.readexactly(length)
    writer.close()
    return body


@dataclass(frozen=True)
class Stubs:
    """The systems that are asked."""

    port: int

    def delayed(self, *latencies_ms: int) -> list[dict[str, Any]]:
        """One source each, which answers after that time."""
        return [self.source(f"s{number}", f"delay/{ms}") for number, ms in enumerate(latencies_ms, start=1)]

    def hanging(self, timeout_ms: int) -> dict[str, Any]:
        """A source that takes a request and never answers."""
        return {**self.source("hung", "hang"), "timeout_ms": timeout_ms}

    def source(self, key: str, path: str) -> dict[str, Any]:
        return {"key": key, "url": f"http://127.0.0.1:{self.port}/{path}/{key}", "timeout_ms": 5_000}

    async def tell(self, path: str) -> dict[str, Any]:
        """``_counts`` or ``_reset``."""
        facts: dict[str, Any] = json.loads(await told(self.port, path))
        return facts


@asynccontextmanager
async def stubs() -> AsyncIterator[Stubs]:
    port = free_port()
    async with process([sys.executable, "-m", "bench.stubs", str(port)], port, {}):
        yield Stubs(port)


REFERENCE = ROOT / "bench" / "reference"
REFERENCE_KEY = "the-bench-key-of-the-reference"


@cache
def why_no_reference() -> str:
    """The reason why the reference cannot be run here; ``""`` if it can. Its driver is installed the first time."""
    if not shutil.which("node"):
        return "Node is not installed"
    if (REFERENCE / "node_modules" / "mysql2").exists():
        return ""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed, which fetches the reference's database driver"
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    made = subprocess.run(command, cwd=REFERENCE, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return "" if made.returncode == 0 else f"npm could not fetch the reference's database driver: {made.stderr[-200:]}"


@asynccontextmanager
async def reference(sources: Sources, server: MariaDb) -> AsyncIterator[Target]:
    """The usual approach, in Node: bench/reference/server.js, with a database of its own on ``server``."""
    port = free_port()
    name = f"reference_{port}"
    server.run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    database = {"host": server.host, "port": server.port, "user": USER, "password": PASSWORD, "database": name}
    listed = [{"name": source["key"], "url": source["url"], "timeoutMs": source["timeout_ms"]} for source in sources]
    environment = {
        "PORT": str(port),
        "SOURCES": json.dumps(listed),
        "DATABASE": json.dumps(database),
        "API_KEY_HASH": hashlib.sha256(REFERENCE_KEY.encode()).hexdigest(),
        "SUBJECT_KEY": "bench-" * 8,
    }
    async with process(["node", "bench/reference/server.js"], port, environment) as running:
        yield Target(port, "/lookup", running.pid, f"Authorization: Bearer {REFERENCE_KEY}\r\n")


@dataclass(frozen=True)
class Portal:
    """The portal with one organisation for each scenario."""

    port: int
    pid: int
    keys: Mapping[str, str]

    def target(self, organization: str) -> Target:
        return Target(self.port, "/api/v1/lookup", self.pid, f"Authorization: Bearer {self.keys[organization]}\r\n")

    def flow(self, organization: str) -> Target:
        """The same organisation as a flow of Twilio Studio asks it."""
        path = f"/api/v1/studio/{organization}/enrich"
        return Target(self.port, path, self.pid, public_url=f"http://127.0.0.1:{self.port}")


@asynccontextmanager
async def portals(
    organizations: Mapping[str, Sources], database_url: str = "", redis_url: str = "", count: int = 1
) -> AsyncIterator[list[Portal]]:
    """Portals as in production: each a ``manage.py serve``, on SQLite with synchronous=FULL or on ``database_url``."""
    async with AsyncExitStack() as stack:
        environment = {
            "DJANGO_SETTINGS_MODULE": "connie_portal.settings",
            "CONNIE_DATA_DIR": stack.enter_context(data_directory()),
            "CONNIE_SECRET_KEY": "bench-" * 10,
            "CONNIE_ENCRYPTION_KEYS": "YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtMTI=",
            "CONNIE_INDEX_KEY": "bench-" * 8,
            "CONNIE_ALLOW_PRIVATE": "1",
            "CONNIE_DATABASE_URL": database_url,
            "CONNIE_REDIS_URL": redis_url,
            "CONNIE_LOG_LEVEL": "ERROR",
        }
        keys = prepared(organizations, environment)
        found = []
        for port in (free_port() for _process in range(count)):
            own = {**environment, "CONNIE_PORT": str(port), "CONNIE_PUBLIC_URL": f"http://127.0.0.1:{port}"}
            running = await stack.enter_async_context(process([sys.executable, "manage.py", "serve"], port, own))
            await told(port, "livez")  # it listens before it is ready
            found.append(Portal(port, running.pid, keys))
        yield found


def prepared(organizations: Mapping[str, Sources], environment: Mapping[str, str]) -> dict[str, str]:
    """A database with these organisations; returns an API key for each."""
    command = [sys.executable, "-m", "bench.prepare", json.dumps({slug: list(row) for slug, row in organizations.items()})]
    made = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True)
    keys: dict[str, str] = json.loads(made.stdout.splitlines()[-1])
    return keys


@contextmanager
def data_directory() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="connie-bench-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
