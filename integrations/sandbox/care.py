"""Simulators of smaller systems that are connected by description: payments, appointments, availability of services."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from integrations.sandbox import people
from integrations.sandbox.switches import Switches

TOKEN = "sandbox-services-token"
SYSTEMS = ("payments", "appointments", "availability")
Action = Callable[[web.Request], Awaitable[web.Response]]

# Customer id → days from today, hour, title, status, where.
_VISITS: dict[str, tuple[tuple[int, int, str, str, str], ...]] = {
    "1": (
        (0, 14, "Home care visit", "confirmed", "At home"),
        (6, 10, "Hearing aid check", "scheduled", "Riverside, room 2"),
        (9, 11, "Lunch club", "cancelled", "Riverside, hall"),
    ),
    "2": ((2, 9, "Transport to dialysis", "confirmed", "At home"),),
    "6": ((20, 13, "Nutrition advice", "scheduled", "By phone"),),
}
# Service → where, days until the next place, note.
_SERVICES: dict[str, tuple[tuple[str, int, str], ...]] = {
    "meals": (("Mission kitchen", 1, "Delivered Monday to Friday"), ("Bayview kitchen", 3, "Bring an ID")),
    "transport": (("Van 2", 0, "Two seats, until 5 pm"),),
    "respite care": (),
}


def error(status: int) -> web.Response:
    return web.json_response({"error": {"status": status}}, status=status)


class CareSystems:
    """The simulators' data and routes, each behind switches of its own."""

    def __init__(self, switches: dict[str, Switches]) -> None:
        self.switches = switches
        self.customers = {str(customer["id"]): customer for customer in people.CUSTOMERS}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/payments/customer/{id}/status", self._behind("payments", self._status)),
            web.post("/appointments/appointments", self._behind("appointments", self._appointments)),
            web.post("/availability/availability", self._behind("availability", self._availability)),
            *(web.get(f"/{system}/ping", self._behind(system, self._ping)) for system in SYSTEMS),
        ]

    def _behind(self, system: str, action: Action) -> Action:
        async def handle(request: web.Request) -> web.StreamResponse:
            if request.headers.get("Authorization") != f"Bearer {TOKEN}":
                return error(401)
            try:
                return await action(request)
            except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
                return error(400)

        async def switched(request: web.Request) -> Any:
            return await self.switches[system].answer(request, handle, error)

        return switched

    async def _ping(self, _request: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def _status(self, request: web.Request) -> web.Response:
        customer = self.customers.get(request.match_info["id"])
        if customer is None or "outstanding_balance" not in customer:
            return error(404)
        body = {
            "balance": customer["outstanding_balance"],
            "last_payment_date": customer.get("last_payment"),
            "default_method": customer.get("payment_method"),
            "auto_pay": bool(customer.get("auto_pay_enabled")),
        }
        return web.json_response(body)

    async def _appointments(self, request: web.Request) -> web.Response:
        asked = await request.json()
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        visits = [
            {
                "id": f"v{asked['customer_id']}-{days}",
                "start": (midnight + timedelta(days=days, hours=hour + 8)).isoformat(),
                "end": (midnight + timedelta(days=days, hours=hour + 9)).isoformat(),
                "title": title,
                "status": status,
                "location": place,
            }
            for days, hour, title, status, place in _VISITS.get(asked["customer_id"], ())
            if status in asked["status"]
        ]
        return web.json_response({"data": visits})

    async def _availability(self, request: web.Request) -> web.Response:
        asked = await request.json()
        places = _SERVICES.get(asked["service_type"].strip().casefold())
        if places is None:
            return web.json_response({"message": "no such service"})
        options = [
            {
                "service": asked["service_type"],
                "location": place,
                "next_at": (datetime.now(UTC) + timedelta(days=days)).date().isoformat(),
                "note": note,
            }
            for place, days, note in places
        ]
        return web.json_response({"available": bool(options), "options": options})
