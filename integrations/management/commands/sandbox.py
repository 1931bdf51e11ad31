"""``manage.py sandbox``: the simulator systems, on a port of their own."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from connie_portal.process import Port, address, end_with_parent, inherited, listen
from integrations.sandbox.server import Sandbox, serving

FIRST_PORT = 8001


class Command(BaseCommand):
    help = "Run the simulators of the outside systems, for the demo and for trying things out. Listens on 127.0.0.1 only."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--panel-url", default="", help="the portal's panel, for links from the page of callers")
        parser.add_argument("--listen-fd", type=int, help="a listening socket that the parent process hands down")
        parser.add_argument("--parent-fd", type=int, help="end when this pipe closes, that is, when the parent process ends")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["listen_fd"] is None:
            listener = listen(Port("CONNIE_SANDBOX_PORT", settings.SANDBOX_PORT, FIRST_PORT))
        else:
            listener = inherited(options["listen_fd"])
        if options["parent_fd"] is not None:
            end_with_parent(options["parent_fd"])
        asyncio.run(self._run(listener, options["panel_url"]))

    async def _run(self, listener: socket.socket, panel_url: str) -> None:
        asked_to_end = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, asked_to_end.set)
        async with serving(Sandbox(panel_url), listener):
            self.stdout.write(f"Sandbox: {address(listener)}/")
            self.stdout.flush()
            await asked_to_end.wait()
