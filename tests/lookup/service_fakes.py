"""A kind of system that knows services and no people, and answers as its options say."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from integrations.connectors.base import (
    Availability,
    AvailabilityOption,
    AvailabilityQuestion,
    Connector,
    ConnectorOptions,
    Health,
)
from integrations.deadline import Deadline
from tests.lookup.fakes import ERRORS


class ServiceOptions(ConnectorOptions):
    """``fails``: an error's status word, ``crash`` or ``hang``. ``health``: what a probe finds, or such a word."""

    available: bool | None = True
    places: list[dict[str, str]] = []
    fails: str = ""
    health: str = "healthy"


class ServiceConnector(Connector):
    kind = "services"
    label = "Services"
    capabilities = frozenset({"availability", "health"})
    Options = ServiceOptions
    field_table: ClassVar[dict[str, str]] = {}
    asked: ClassVar[list[tuple[str, Any]]] = []

    async def availability(self, question: AvailabilityQuestion, deadline: Deadline) -> Availability:
        self.asked.append((self.key, question))
        await self._fail(self.options.fails)
        return Availability(self.options.available, tuple(AvailabilityOption(**place) for place in self.options.places))

    async def health(self, deadline: Deadline) -> Health:
        self.asked.append((self.key, "health"))
        if self.options.health in {"healthy", "degraded"}:
            return Health(self.options.health, "" if self.options.health == "healthy" else "It answers slowly.")
        await self._fail(self.options.health)
        return Health("healthy")

    async def _fail(self, how: str) -> None:
        await asyncio.sleep(0)
        if how == "hang":
            await asyncio.Event().wait()
        elif how == "crash":
            raise KeyError("415 555 0123")
        elif how:
            raise ERRORS[how](self.key)
