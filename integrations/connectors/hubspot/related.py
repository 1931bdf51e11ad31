"""What belongs to a contact: its company, its open deals and its open tickets, with the names of their stages."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Mapping
from typing import Any

from integrations.connectors.base import MAX_RECORDS, Health, parsed
from integrations.connectors.hubspot.answers import CrmObject, Page, Pipelines, Stage
from integrations.connectors.hubspot.search import searched
from integrations.connectors.hubspot.session import Session
from integrations.connectors.mapping import FieldMapping
from integrations.deadline import Deadline
from integrations.errors import MissingScope, SourceError
from integrations.outbound.http import segment
from integrations.profile import JSON

STAGES_TTL_S = 3_600
# A person's tickets are looked through from the newest one on.
MAX_TICKETS = 100
# Each part settles before the caller gives up on all of them, and the names of stages before what they adorn.
_SHARE_OF_PART = 0.9
_SHARE_OF_STAGES = 0.5
_OBJECTS = {"company": "companies", "deals": "deals", "tickets": "tickets"}


class Related:
    """Asks for those parts of ``{"details": {"company", "deals", "tickets"}}`` that the mapping reads."""

    def __init__(self, session: Session, mapping: FieldMapping) -> None:
        self.session = session
        self.fields = {part: _fields_reading(part, mapping) for part in _OBJECTS}
        self._stages = {name: Stages(session, name) for name in ("deals", "tickets")}

    def parts(self, hints: Mapping[str, JSON]) -> list[str]:
        """What is worth asking for, after what the search has told."""
        nothing = {"company": not hints.get("company_id"), "deals": hints.get("deals") == "none"}
        return [part for part, fields in self.fields.items() if fields and not nothing.get(part)]

    async def gather(
        self, contact_id: str, hints: Mapping[str, JSON], deadline: Deadline
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """What was found by part, and the fields that are missing because their part did not come.

        Raises SourceError only if nothing came. A missing scope is not a reason: the contact itself may be read.
        """
        deadline = deadline.within(deadline.left() * _SHARE_OF_PART)
        parts = self.parts(hints)
        asked = [self._part(part, contact_id, str(hints.get("company_id")), deadline) for part in parts]
        answers = dict(zip(parts, await asyncio.gather(*asked, return_exceptions=True), strict=True))
        failed = {part: answer for part, answer in answers.items() if isinstance(answer, BaseException)}
        for error in failed.values():
            if not isinstance(error, SourceError) or (len(failed) == len(answers) and not isinstance(error, MissingScope)):
                raise error
        lost = tuple(field for part in failed for field in self.fields[part])
        return {part: answer for part, answer in answers.items() if part not in failed}, lost

    async def health(self, deadline: Deadline) -> Health:
        """Whether the sign-in has the scopes for what the mapping reads. Raises SourceError where contacts cannot be read."""
        wanted = {_OBJECTS[part]: fields for part, fields in self.fields.items() if fields}
        names = ["contacts", *wanted]
        tried = await asyncio.gather(*(self.session.try_scope(name, deadline) for name in names), return_exceptions=True)
        missing: dict[str, str] = {}
        for name, error in zip(names, tried, strict=True):
            if name in wanted and isinstance(error, MissingScope):
                missing[name] = " or ".join(error.scopes)
            elif error is not None:
                raise error
        if not missing:
            return Health("healthy")
        empty = ", ".join(field for name in missing for field in wanted[name])
        return Health(
            "degraded",
            f"Callers are found, but these fields stay empty: {empty}. At HubSpot, add to the app the scope "
            f"{' and '.join(missing.values())}; or leave the fields out.",
        )

    def _part(self, part: str, contact_id: str, company_id: str, deadline: Deadline) -> Awaitable[Any]:
        if part == "company":
            return self._company(company_id, deadline)
        return self._open_deals(contact_id, deadline) if part == "deals" else self._open_tickets(contact_id, deadline)

    async def _company(self, company_id: str, deadline: Deadline) -> str | None:
        company = await self._read("companies", company_id, {"properties": "name"}, deadline)
        return company.properties.get("name") if company else None

    async def _open_deals(self, contact_id: str, deadline: Deadline) -> list[dict[str, Any]]:
        """``{"label": "Winter grant (Agreement)", "stage": "Agreement"}`` for each, at most ten."""
        of_contact: dict[str, object] = {"propertyName": "associations.contact", "operator": "EQ", "value": contact_id}
        still_open: dict[str, object] = {"propertyName": "hs_is_closed", "operator": "EQ", "value": "false"}
        body = searched([{"filters": [of_contact, still_open]}], ["dealname", "dealstage"], MAX_RECORDS)
        deals, stages = await asyncio.gather(
            self._several("deals", "search", body, deadline), self._stages["deals"].known(deadline)
        )
        return [_shown(deal, "dealname", "Deal", stages.get(deal.properties.get("dealstage") or "")) for deal in deals]

    async def _open_tickets(self, contact_id: str, deadline: Deadline) -> list[dict[str, Any]]:
        """The same for tickets, the newest first. Which are open is told by their stage, else by their having an end."""
        query = {"properties": "hs_object_id", "associations": "tickets"}
        contact, stages = await asyncio.gather(
            self._read("contacts", contact_id, query, deadline), self._stages["tickets"].known(deadline)
        )
        theirs = contact.associations.get("tickets") if contact else None
        newest = sorted({ref.id for ref in theirs.results} if theirs else (), key=_age, reverse=True)[:MAX_TICKETS]
        if not newest:
            return []
        body = {
            "properties": ["subject", "hs_pipeline_stage", "closed_date"],
            "propertiesWithHistory": [],
            "inputs": [{"id": one} for one in newest],
        }
        shown = []
        for ticket in sorted(
            await self._several("tickets", "batch/read", body, deadline), key=lambda one: _age(one.id), reverse=True
        ):
            stage = stages.get(ticket.properties.get("hs_pipeline_stage") or "")
            if not (stage.closed if stage else ticket.properties.get("closed_date")):
                shown.append(_shown(ticket, "subject", "Ticket", stage))
        return shown[:MAX_RECORDS]

    async def _read(self, name: str, object_id: str, query: Mapping[str, str], deadline: Deadline) -> CrmObject | None:
        path = f"{self.session.path('objects', name)}/{segment(object_id)}"
        body = await self.session.request("GET", path, deadline, query=query, missing_ok=True)
        return parsed(CrmObject, body, self.session.connector) if body is not None else None

    async def _several(self, name: str, how: str, body: JSON, deadline: Deadline) -> list[CrmObject]:
        page = await self.session.request("POST", f"{self.session.path('objects', name)}/{how}", deadline, json=body)
        return parsed(Page, page, self.session.connector).results


class Stages:
    """The stages of one sort of object by their ids, which are all that an object itself tells. Asked for once an hour."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self._path = session.path("pipelines", name)
        self._known: dict[str, Stage] = {}
        self._until = float("-inf")

    async def known(self, deadline: Deadline) -> Mapping[str, Stage]:
        """A deal without its stage's name is still worth showing, so a failure here is not one."""
        if time.monotonic() > self._until:
            patience = deadline.within(deadline.left() * _SHARE_OF_STAGES)
            try:
                body = await self._session.request("GET", self._path, patience)
                pipelines = parsed(Pipelines, body, self._session.connector).results
            except SourceError:
                return self._known
            self._known = {stage.id: stage for pipeline in pipelines for stage in pipeline.stages}
            self._until = time.monotonic() + STAGES_TTL_S
        return self._known


def _fields_reading(part: str, mapping: FieldMapping) -> list[str]:
    reads = re.compile(rf"\bdetails\.\"?{part}\b")
    return [field for field, expression in mapping.expressions.items() if reads.search(expression)]


def _shown(one: CrmObject, title: str, word: str, stage: Stage | None) -> dict[str, Any]:
    name = one.properties.get(title) or f"{word} {one.id}"
    return {"label": f"{name} ({stage.label})" if stage else name, "stage": stage.label if stage else None}


def _age(object_id: str) -> tuple[int, str]:
    """Ids are numbers that grow."""
    return len(object_id), object_id
