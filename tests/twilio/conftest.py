"""The simulator of Twilio at a real socket, on a thread of its own, so that several writers can be tried at once."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from integrations.sandbox import twilio as stand_in
from integrations.sandbox.server import Sandbox, serving
from integrations.twilio.client import TwilioAccess, TwilioClient
from integrations.twilio.taskrouter import TaskRouter

ACCESS = TwilioAccess(stand_in.ACCOUNT_SID, stand_in.API_KEY, stand_in.API_SECRET, stand_in.WORKSPACE_SID)


@dataclass
class Noted(httpx.AsyncBaseTransport):
    """Passes on to the network and keeps what was asked and answered."""

    exchanges: list[tuple[httpx.Request, httpx.Response]] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async with httpx.AsyncHTTPTransport(trust_env=False) as network:
            response = await network.handle_async_request(request)
            await response.aread()
        kept = httpx.Response(response.status_code, headers=response.headers, content=response.content)
        self.exchanges.append((request, kept))
        return kept


@dataclass
class Platform:
    """The running stand-in. ``call()`` runs a function where its state lives."""

    sandbox: Sandbox
    url: str
    loop: asyncio.AbstractEventLoop
    noted: Noted = field(default_factory=Noted)

    @property
    def twilio(self) -> stand_in.Twilio:
        return self.sandbox.twilio

    def call(self, function: Any, *arguments: Any, **facts: Any) -> Any:
        async def run() -> Any:
            return function(*arguments, **facts)

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    def create(self, attributes: dict[str, Any], **facts: Any) -> stand_in.Task:
        task: stand_in.Task = self.call(self.twilio.create, attributes, **facts)
        return task

    def client(self, access: TwilioAccess = ACCESS, transport: httpx.AsyncBaseTransport | None = None) -> TwilioClient:
        return TwilioClient(access, self.url, transport)

    @property
    def router(self) -> TaskRouter:
        return TaskRouter(self.client())


@pytest.fixture
def platform() -> Iterator[Platform]:
    listener = socket.create_server(("127.0.0.1", 0))
    sandbox = Sandbox()
    sandbox.switches["twilio"].latency_ms = 0
    loop, ended, running = asyncio.new_event_loop(), asyncio.Event(), threading.Event()

    async def serve() -> None:
        async with serving(sandbox, listener):
            running.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert running.wait(10)
    yield Platform(sandbox, f"http://127.0.0.1:{listener.getsockname()[1]}", loop)
    loop.call_soon_threadsafe(ended.set)
    thread.join(10)
    loop.close()
