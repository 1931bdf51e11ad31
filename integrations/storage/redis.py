"""Connections to the portal's Redis server that cost nobody their time.

They wait briefly and never try twice. A server that goes on not answering is left alone for a while, by everything in this
process at once: a page asks the cache several times, and would wait each time anew.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import structlog
from redis import Redis
from redis import asyncio as aio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as NoAnswer
from redis.retry import Retry

log = structlog.get_logger(__name__)

# A server beside the portal answers within a millisecond or two.
WAIT_S = 0.25
# Who asks on the loop can go on without.
WAIT_ASYNC_S = 0.1
# Who has not answered for so long is left alone: less than that may be a moment in which this process itself was busy.
PATIENCE_S = 0.2
LEFT_ALONE_S = 5.0
# One that is gone refuses at once, which costs nobody anything.
SILENCE = (NoAnswer, TimeoutError)


class LeftAlone(NoConnection):
    """The server did not answer lately, and is not asked at this moment."""


class Circuit:
    """Whether one server may be asked now. After a pause, one asks while the others still do without."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._silent_since: float | None = None
        self._closed_until = 0.0
        self._tried_by = 0

    def admit(self, who: object) -> None:
        """Raises LeftAlone while the server is left alone. ``who`` asks, a connection, sends several commands to begin with."""
        if self._silent_since is None:
            return
        with self._lock:
            now = time.monotonic()
            if now >= self._closed_until:
                self._tried_by = id(who)
                if self._closed_until:
                    self._closed_until = now + 2 * WAIT_S  # this one finds out
            elif self._tried_by != id(who):
                raise LeftAlone("Redis did not answer lately.")

    def answered(self) -> None:
        if self._silent_since is not None:
            with self._lock:
                if self._closed_until:
                    log.info("redis.back")
                self._silent_since, self._closed_until = None, 0.0

    def failed(self) -> None:
        with self._lock:
            now = time.monotonic()
            if self._silent_since is None:
                self._silent_since = now
            elif self._closed_until or now - self._silent_since >= PATIENCE_S:
                if not self._closed_until:
                    log.warning("redis.left_alone", seconds=LEFT_ALONE_S)
                self._closed_until, self._tried_by = now + LEFT_ALONE_S, 0


_circuits: dict[str, Circuit] = {}


def circuit_of(address: str) -> Circuit:
    """The process's one for a server: ``host:port``, or the path of its socket."""
    return _circuits.setdefault(address, Circuit())


def circuit_for(url: str) -> Circuit:
    """The same, by the server's URL."""
    parts = urlsplit(url)
    return circuit_of(parts.path if parts.scheme == "unix" else f"{parts.hostname or 'localhost'}:{parts.port or 6379}")


def _circuit(connection: Any) -> Circuit:
    return circuit_of(getattr(connection, "path", None) or f"{connection.host}:{connection.port}")


class _Brief:
    """Asks nobody who is left alone, and notes who does not answer."""

    def connect(self) -> None:
        circuit = _circuit(self)
        circuit.admit(self)
        try:
            super().connect()  # type: ignore[misc]  # of the connection that this is mixed into
        except SILENCE:
            circuit.failed()
            raise

    def send_packed_command(self, *args: Any, **facts: Any) -> None:
        _circuit(self).admit(self)
        super().send_packed_command(*args, **facts)  # type: ignore[misc]

    def read_response(self, *args: Any, **facts: Any) -> Any:
        circuit = _circuit(self)
        try:
            response = super().read_response(*args, **facts)  # type: ignore[misc]
        except ResponseError:
            circuit.answered()  # it refuses, but it is there
            raise
        except SILENCE:
            circuit.failed()
            raise
        circuit.answered()
        return response


class BriefConnection(_Brief, Connection):
    """A connection over TCP."""


class BriefTlsConnection(_Brief, SSLConnection):
    """A connection over TLS."""


class BriefSocketConnection(_Brief, UnixDomainSocketConnection):
    """A connection over a socket of this machine."""


class _BriefAsync:
    """Asks nobody who is left alone. Who uses it notes what came of it: a command that took too long is cancelled there."""

    async def connect(self) -> None:
        _circuit(self).admit(self)
        await super().connect()  # type: ignore[misc]  # of the connection that this is mixed into

    async def send_packed_command(self, *args: Any, **facts: Any) -> None:
        _circuit(self).admit(self)
        await super().send_packed_command(*args, **facts)  # type: ignore[misc]


class BriefAsyncConnection(_BriefAsync, aio.Connection):
    """A connection over TCP, on a loop."""


class BriefAsyncTlsConnection(_BriefAsync, aio.SSLConnection):
    """A connection over TLS, on a loop."""


class BriefAsyncSocketConnection(_BriefAsync, aio.UnixDomainSocketConnection):
    """A connection over a socket of this machine, on a loop."""


def pool_options(url: str, wait_s: float = WAIT_S) -> dict[str, Any]:
    """Options for a pool of connections that block, and of which each answer may take so long."""
    kinds: dict[str, type] = {"rediss": BriefTlsConnection, "unix": BriefSocketConnection}
    return {**_brief(wait_s), "connection_class": kinds.get(urlsplit(url).scheme, BriefConnection)}


def _brief(wait_s: float) -> dict[str, Any]:
    return {"socket_timeout": wait_s, "socket_connect_timeout": wait_s, "retry": Retry(NoBackoff(), 0)}


def one_try(url: str, wait_s: float) -> Redis:
    """A client that asks even who is left alone: to see how the server is."""
    client: Redis = Redis.from_url(url, **_brief(wait_s))
    return client


def async_client(url: str, wait_s: float) -> aio.Redis:
    """A client for the running loop."""
    kinds: dict[str, type] = {"rediss": BriefAsyncTlsConnection, "unix": BriefAsyncSocketConnection}
    kind = kinds.get(urlsplit(url).scheme, BriefAsyncConnection)
    waits = {**_brief(wait_s), "retry": AsyncRetry(NoBackoff(), 0)}
    client: aio.Redis = aio.Redis.from_url(url, connection_class=kind, **waits)
    return client


class Unavailable(Exception):
    """Redis did not answer in time, or not as it should; the name of the problem alone, because its text may hold data."""


class LoopClients:
    """The way to one Redis server for asynchronous code: one client for each running loop. Each use waits for WAIT_ASYNC_S."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._clients: dict[asyncio.AbstractEventLoop, aio.Redis] = {}
        self._circuit = circuit_for(url)

    @property
    def here(self) -> aio.Redis:
        """The running loop's client."""
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients = {known: client for known, client in self._clients.items() if not known.is_closed()}
            self._clients[loop] = async_client(self._url, WAIT_ASYNC_S)
        return self._clients[loop]

    @asynccontextmanager
    async def briefly(self) -> AsyncIterator[None]:
        """Raises LeftAlone while the server is, and Unavailable where it does not answer within the block in time."""
        try:
            async with asyncio.timeout(WAIT_ASYNC_S):
                yield
            self._circuit.answered()
        except LeftAlone:
            raise
        except (RedisError, OSError, TimeoutError) as trouble:
            if isinstance(trouble, SILENCE):
                self._circuit.failed()
            raise Unavailable(type(trouble).__name__) from None

    async def close(self) -> None:
        """Let go of the running loop's connections."""
        if client := self._clients.pop(asyncio.get_running_loop(), None):
            await client.aclose()


@cache
def client_of(url: str) -> LoopClients:
    """The process's one for a server."""
    return LoopClients(url)
