"""A served portal while strangers hold connections on which they send half a request."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
from contextlib import ExitStack

import pytest

from tests.disclosure.test_processes import environment
from tests.factories import World
from tests.servers import free_port
from tests.test_serve_several import PATIENCE_S, ROOT, eventually, ready

HALVES = [
    b"",
    b"GET /li",
    b"GET /livez HTTP/1.1\r\nHost: loc",
    b"POST /api/v1/lookup HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{",
    b"POST /login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\nuser",
    b"POST /login/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nus",
]


@pytest.fixture
def port(world: World) -> object:
    port = free_port()
    more = {"CONNIE_PORT": str(port), "DJANGO_SETTINGS_MODULE": "tests.short_limits"}
    command = [sys.executable, "manage.py", "serve"]
    process = subprocess.Popen(command, cwd=ROOT, env={**environment(), **more}, stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: ready(port), "the portal did not start")
        yield port
    finally:
        process.kill()
        process.wait()


def test_300_half_sent_requests_are_answered_or_ended_and_keep_nobody_waiting(port: int) -> None:
    with ExitStack() as open_now:
        halves = [open_now.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE_S)) for _each in range(300)]
        for index, half in enumerate(halves):
            half.sendall(HALVES[index % len(HALVES)])
        for _time in range(20):
            lives = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
            lives.request("GET", "/livez")
            assert lives.getresponse().status == 200
            lives.close()
        statuses = {_first_line(half) for half in halves}
    assert statuses == {b"", b"HTTP/1.1 408 Request Timeout", b"HTTP/1.1 401 Unauthorized"}


def _first_line(connection: socket.socket) -> bytes:
    """The first line of what comes until the portal ends the connection."""
    received = b""
    while part := connection.recv(65_536):
        received += part
    return received.split(b"\r\n")[0]
