"""Latency and faults of the simulators, switched while they run: what a bad day of a vendor looks like on the wire."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

DEFAULT_LATENCY_MS = 80
MAX_LATENCY_MS = 60_000
HUGE_BYTES = 50 * 1024 * 1024
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ErrorAnswer = Callable[[int], web.Response]

FAULTS = {
    "refuse": "hangs up at once",
    "reset": "breaks off in the middle of its answer",
    "hang": "takes the request and never answers",
    "trickle": "answers one byte at a time, without end",
    "500": "answers with an internal error",
    "503": "says that it is down for maintenance",
    "429": "says that it is asked too often",
    "401": "no longer accepts our sign-in",
    "403": "says that our sign-in may not read this",
    "garbage": "answers with something that is not data",
    "truncated": "answers with half of what it announced",
    "huge": "answers with 50 MB",
}


@dataclass
class Switches:
    """The state of one simulator. ``requests`` counts those that reached it since the start."""

    system: str
    latency_ms: int = DEFAULT_LATENCY_MS
    fault: str | None = None
    requests: int = 0

    def state(self) -> dict[str, object]:
        return {"latency_ms": self.latency_ms, "fault": self.fault, "requests": self.requests}

    def change(self, wanted: dict[str, object]) -> None:
        """Set what ``wanted`` names. Raises ValueError with a sentence; nothing is changed then."""
        latency, fault = wanted.get("latency_ms", self.latency_ms), wanted.get("fault", self.fault)
        if isinstance(latency, bool) or not isinstance(latency, int) or not 0 <= latency <= MAX_LATENCY_MS:
            raise ValueError(f"latency_ms must be a whole number from 0 to {MAX_LATENCY_MS}.")
        if fault is not None and (not isinstance(fault, str) or fault not in FAULTS):
            raise ValueError(f"fault must be null or one of: {', '.join(FAULTS)}.")
        self.latency_ms, self.fault = latency, fault

    async def answer(self, request: web.Request, handler: Handler, error: ErrorAnswer) -> web.StreamResponse:
        """What the simulator sends: the handler's answer after the latency, or the fault's. ``error`` builds error bodies."""
        self.requests += 1
        fault = self.fault
        if fault == "refuse":
            return _cut(request)
        await asyncio.sleep(self.latency_ms / 1000)
        if fault is None:
            return await handler(request)
        if fault.isdigit():
            return error(int(fault))
        return await _FAULTY[fault](request)


def _cut(request: web.Request) -> web.Response:
    """Reset the connection: with lingering off, closing sends RST instead of FIN."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


async def _started(request: web.Request, length: int | None = None) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = length
    await response.prepare(request)
    return response


async def _reset(request: web.Request) -> web.StreamResponse:
    response = await _started(request, 10_000)
    await response.write(b'{"total": 1, "results": [')
    _cut(request)
    return response


async def _hang(_request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError("unreachable: ended by cancellation when the client leaves")


async def _trickle(request: web.Request) -> web.StreamResponse:
    response = await _started(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.2)


async def _garbage(_request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"\x1f\x8b\xff<html>not data", content_type="application/json")


async def _truncated(request: web.Request) -> web.StreamResponse:
    response = await _started(request, 10_000)
    await response.write(json.dumps({"total": 1, "results": []}).encode()[:-4])
    if request.transport is not None:
        request.transport.close()
    return response


async def _huge(request: web.Request) -> web.StreamResponse:
    response = await _started(request)
    block = b" " * 65_536
    await response.write(b'{"results": [')
    for _ in range(HUGE_BYTES // len(block)):
        await response.write(block)
    await response.write(b"]}")
    return response


_FAULTY: dict[str, Handler] = {
    "reset": _reset,
    "hang": _hang,
    "trickle": _trickle,
    "garbage": _garbage,
    "truncated": _truncated,
    "huge": _huge,
}
