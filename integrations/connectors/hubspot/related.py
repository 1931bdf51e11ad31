"""What belongs to a contact: its company, and its open deals with the names of their stages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

from integrations.connectors.base import MAX_RECORDS, Deadline
from integrations.connectors.http import HttpDoor, segment
from integrations.connectors.hubspot.answers import CrmObject, Page, Pipelines, parse
from integrations.errors import SourceError

STAGES_KEPT_S = 3_600
# Each part settles before the caller gives up on all of them, and the names of stages before the deals that they adorn.
_SHARE_OF_PART = 0.9
_SHARE_OF_STAGES = 0.5


def api_path(version: str, area: str, name: str) -> str:
    """``/crm/v3/objects/contacts``, or with a dated version ``/crm/objects/2026-03/contacts``."""
    return f"/crm/v3/{area}/{name}" if version == "v3" else f"/crm/{area}/{version}/{name}"


class Related:
    """Asks for companies and deals and, once an hour, for what the stages of deals are called."""

    def __init__(self, connector: str, http: HttpDoor, version: str) -> None:
        self.connector = connector
        self.http = http
        self.version = version
        self._stages: dict[str, str] = {}
        self._stages_until = 0.0

    async def gather(self, contact_id: str, company_id: str | None, *, deals: bool, deadline: Deadline) -> dict[str, Any]:
        """``{"company": name, "deals": [...]}`` of what is asked for. Raises SourceError only if nothing came."""
        deadline = deadline.within(deadline.left() * _SHARE_OF_PART)
        asked: dict[str, Awaitable[Any]] = {}
        if company_id:
            asked["company"] = self._company(company_id, deadline)
        if deals:
            asked["deals"] = self._open_deals(contact_id, deadline)
        answers = dict(zip(asked, await asyncio.gather(*asked.values(), return_exceptions=True), strict=True))
        errors = [answer for answer in answers.values() if isinstance(answer, BaseException)]
        if errors and (len(errors) == len(answers) or not all(isinstance(error, SourceError) for error in errors)):
            raise errors[0]
        return {name: None if isinstance(answer, BaseException) else answer for name, answer in answers.items()}

    async def _company(self, company_id: str, deadline: Deadline) -> str | None:
        path = f"{api_path(self.version, 'objects', 'companies')}/{segment(company_id)}"
        body = await self.http.request("GET", path, deadline, query={"properties": "name"}, missing_ok=True)
        return parse(CrmObject, body, self.connector).properties.get("name") if body else None

    async def _open_deals(self, contact_id: str, deadline: Deadline) -> list[dict[str, Any]]:
        """``{"label": "Winter grant (Agreement)", "stage": "Agreement"}`` for each, at most ten."""
        of_contact = {"propertyName": "associations.contact", "operator": "EQ", "value": contact_id}
        still_open = {"propertyName": "hs_is_closed", "operator": "EQ", "value": "false"}
        body = {
            "filterGroups": [{"filters": [of_contact, still_open]}],
            "properties": ["dealname", "dealstage"],
            "sorts": [],
            "limit": MAX_RECORDS,
        }
        path = f"{api_path(self.version, 'objects', 'deals')}/search"
        page, stages = await asyncio.gather(self.http.request("POST", path, deadline, json=body), self._stage_names(deadline))
        shown = []
        for deal in parse(Page, page, self.connector).results:
            name = deal.properties.get("dealname") or f"Deal {deal.id}"
            stage = stages.get(deal.properties.get("dealstage") or "")
            shown.append({"label": f"{name} ({stage})" if stage else name, "stage": stage})
        return shown

    async def _stage_names(self, deadline: Deadline) -> dict[str, str]:
        """Stage id → name: HubSpot answers with opaque ids. A deal without its stage's name is still worth showing, so
        a failure here is not one."""
        if time.monotonic() > self._stages_until:
            patience = deadline.within(deadline.left() * _SHARE_OF_STAGES)
            try:
                body = await self.http.request("GET", api_path(self.version, "pipelines", "deals"), patience)
                pipelines = parse(Pipelines, body, self.connector).results
            except SourceError:
                return self._stages
            self._stages = {stage.id: stage.label for pipeline in pipelines for stage in pipeline.stages}
            self._stages_until = time.monotonic() + STAGES_KEPT_S
        return self._stages
