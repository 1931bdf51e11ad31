"""The web server, warmed up behind its first callers, by itself or with the runner beside it."""

from __future__ import annotations

import asyncio
import socket

import uvicorn

from connie_portal.runner import Runner
from integrations.lookup import close_sources, warm_up_sources


class Server(uvicorn.Server):
    """The web in a process of its own."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            warm_up_sources()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._stop(sockets)
        await close_sources()

    async def _stop(self, sockets: list[socket.socket] | None) -> None:
        """Answer what is under way, and take nothing new."""
        await super().shutdown(sockets)


class ServerWithRunner(Server):
    """The web and the runner in one process, on one loop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._runner = Runner()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._runner.start(asyncio.get_running_loop())

    async def _stop(self, sockets: list[socket.socket] | None) -> None:
        await asyncio.gather(asyncio.to_thread(self._runner.stop), super()._stop(sockets))
