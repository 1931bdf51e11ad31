"""What the portal and the sandbox answer leaves at once: nothing of it waits for the client to acknowledge the rest."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from connie_portal import server
from connie_portal.process import Port, inherited, listen
from integrations.management.commands.serve import _configuration
from integrations.sandbox.server import Sandbox, serving


def made(host: str) -> socket.socket:
    return listen(Port("CONNIE_PORT", None, 18_100), host)


def handed_down(host: str) -> socket.socket:
    """Hand a socket down as a parent does that says nothing of the protocol."""
    return inherited(socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET).detach())


class Server(server.Server):
    """Tells when it has begun."""

    begun: asyncio.Event

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.begun.set()


@asynccontextmanager
async def portal(listener: socket.socket) -> AsyncIterator[None]:
    web = Server(_configuration())
    web.begun = asyncio.Event()
    running = asyncio.create_task(web.serve(sockets=[listener]))
    try:
        await web.begun.wait()
        yield
    finally:
        web.should_exit = True
        await running


@asynccontextmanager
async def sandbox(listener: socket.socket) -> AsyncIterator[None]:
    async with serving(Sandbox(), listener):
        yield


def waits_for_nothing(client: tuple[object, ...]) -> bool:
    """The option of the connection's other end, which this process holds too."""
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            end = socket.socket(fileno=os.dup(int(descriptor)))
        except OSError:
            continue  # no socket
        with end:
            try:
                is_the_other = end.getpeername()[:2] == client
            except OSError:
                continue  # it listens
            if is_the_other:
                return bool(end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    raise AssertionError("nobody serves this client")


@pytest.mark.parametrize("taken", [made, handed_down])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(("serves", "path"), [(portal, "/livez"), (sandbox, "/_control")])
async def test_a_kept_connection_is_served_without_delay(
    monkeypatch: pytest.MonkeyPatch, taken: Callable[[str], socket.socket], host: str, serves: Callable[..., object], path: str
) -> None:
    monkeypatch.setattr(server, "warm_up_sources", lambda: None)
    listener = taken(host)
    port = listener.getsockname()[1]
    async with serves(listener):  # type: ignore[attr-defined]
        reader, writer = await asyncio.open_connection(host, port)
        try:
            for _time in range(2):
                writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                assert b"HTTP/1.1 200 " in await reader.readuntil(b"\r\n\r\n")
                assert waits_for_nothing(writer.get_extra_info("sockname")[:2])
        finally:
            writer.close()


@pytest.mark.parametrize("taken", [made, handed_down])
def test_a_listening_socket_says_that_it_speaks_tcp(taken: Callable[[str], socket.socket]) -> None:
    with taken("127.0.0.1") as listener:
        assert listener.proto == socket.IPPROTO_TCP
