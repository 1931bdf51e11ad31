"""The sandbox: every stand-in on one port, with a page and a control address to switch them."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from integrations.sandbox.care import SYSTEMS, CareSystems
from integrations.sandbox.hubspot import HubSpot
from integrations.sandbox.page import index
from integrations.sandbox.salesforce import Salesforce
from integrations.sandbox.switches import Switches
from integrations.sandbox.twilio import Twilio

SHUTDOWN_S = 1.0
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}


class Sandbox:
    """All simulators and their switches by system name. ``panel_url``: where the page's callers link to, or ""."""

    def __init__(self, panel_url: str = "") -> None:
        self.panel_url = panel_url
        self.switches = {system: Switches(system) for system in ("hubspot", "salesforce", *SYSTEMS, "twilio")}
        self.hubspot = HubSpot(self.switches["hubspot"])
        self.salesforce = Salesforce(self.switches["salesforce"])
        self.care = CareSystems(self.switches)
        self.twilio = Twilio(self.switches["twilio"])

    def application(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/_control", self._state),
                web.post("/_control", self._change),
                *self.hubspot.routes(),
                *self.salesforce.routes(),
                *self.care.routes(),
                *self.twilio.routes(),
            ]
        )
        app.on_cleanup.append(self.twilio.close)
        return app

    async def _page(self, _request: web.Request) -> web.Response:
        return web.Response(text=index(self.switches, self.panel_url), content_type="text/html", headers=_PAGE_HEADERS)

    async def _state(self, _request: web.Request) -> web.Response:
        return web.json_response({name: switches.state() for name, switches in self.switches.items()})

    async def _change(self, request: web.Request) -> web.Response:
        """Change the switches. JSON gets the new state, or 400 with a sentence; the page's forms lead back to the page."""
        try:
            from_page = request.content_type != "application/json"
            wanted = await _form(request) if from_page else await request.json()
            system = wanted.get("system") if isinstance(wanted, dict) else None
            if not isinstance(system, str) or system not in self.switches:
                raise ValueError(f"system must be one of: {', '.join(self.switches)}.")
            self.switches[system].change(wanted)
        except json.JSONDecodeError:
            return web.json_response({"error": "The body is not JSON."}, status=400)
        except ValueError as problem:
            return web.json_response({"error": str(problem)}, status=400)
        return web.Response(status=303, headers={"Location": "/"}) if from_page else await self._state(request)


async def _form(request: web.Request) -> dict[str, object]:
    """A form's texts as the control address's JSON has them."""
    fields: dict[str, object] = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    if "fault" in fields:
        fields["fault"] = fields["fault"] or None
    if "latency_ms" in fields:
        latency = str(fields["latency_ms"])
        fields["latency_ms"] = int(latency) if latency.isdigit() else latency
    return fields


@asynccontextmanager
async def serving(sandbox: Sandbox, listener: socket.socket) -> AsyncIterator[None]:
    """Serve on the listening socket until the block ends; requests that hang are ended with it."""
    runner = web.AppRunner(sandbox.application(), access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()
