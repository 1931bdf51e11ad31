"""A stand-in of HubSpot's CRM: contacts, companies, deals, pipelines and account info, as its public API answers them."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from aiohttp import web

from integrations.phone import Number, classify
from integrations.sandbox import people
from integrations.sandbox.people import Row
from integrations.sandbox.switches import Switches

TOKEN = "sandbox-hubspot-token"
MAX_GROUPS, MAX_FILTERS_PER_GROUP, MAX_FILTERS = 5, 6, 18
MAX_BODY_CHARACTERS = 3_000
MAX_LIMIT = 200
_UPDATED = "2026-11-20T08:00:00Z"
_DEFAULTS = {
    "contacts": ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
    "companies": ("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
    "deals": ("amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate", "hs_object_id", "pipeline"),
}
# Present on every contact, with or without a value; asking for any other property is silently ignored.
_KNOWN = {
    "contacts": frozenset(
        {
            *("firstname", "lastname", "email", "phone", "mobilephone", "company", "lifecyclestage", "hs_lead_status"),
            *("hubspot_owner_id", "notes_last_contacted", "createdate", "lastmodifieddate", "hs_object_id", "hs_language"),
            *("address", "city", "state", "zip", "country", "date_of_birth", "associatedcompanyid", "num_associated_deals"),
            *("hs_searchable_calculated_phone_number", "hs_searchable_calculated_mobile_number"),
            *(name for contact in people.CONTACTS for name in contact),
        }
    ),
    "companies": frozenset({*_DEFAULTS["companies"], *(name for company in people.COMPANIES for name in company)}),
    "deals": frozenset({*_DEFAULTS["deals"], "hs_is_closed", "associations.contact"}),
}
_STATUS_ERRORS = {
    400: ("VALIDATION_ERROR", "The request is not valid."),
    401: ("EXPIRED_AUTHENTICATION", "The access token is expired or is not valid."),
    403: ("MISSING_SCOPES", "This app does not have the scopes that this request needs."),
    404: ("OBJECT_NOT_FOUND", "The object was not found."),
    429: ("RATE_LIMITS", "You have reached your secondly limit."),
    500: ("INTERNAL_ERROR", "Internal error."),
    503: ("SERVICE_UNAVAILABLE", "Down for maintenance."),
}


def error(status: int, message: str = "") -> web.Response:
    """An error in HubSpot's shape."""
    category, usual = _STATUS_ERRORS[status]
    body = {"status": "error", "message": message or usual, "correlationId": str(uuid.uuid4()), "category": category}
    if status == 429:
        body["policyName"] = "SECONDLY"
    return web.json_response(body, status=status)


class HubSpot:
    """The stand-in's data and routes."""

    def __init__(self, switches: Switches) -> None:
        self.switches = switches
        self.objects: dict[str, dict[str, Row]] = {
            "contacts": {contact["hs_object_id"]: _contact(contact) for contact in people.CONTACTS},
            "companies": {company["hs_object_id"]: dict(company) for company in people.COMPANIES},
            "deals": {deal["hs_object_id"]: _deal(deal) for deal in people.DEALS},
        }

    def routes(self) -> list[web.RouteDef]:
        """Under both ways in which HubSpot spells versions: ``/crm/v3/objects`` and ``/crm/objects/2026-03``."""
        routes = []
        for objects, pipelines in (
            ("/crm/v3/objects", "/crm/v3/pipelines"),
            (r"/crm/objects/{date:\d{4}-\d{2}}", r"/crm/pipelines/{date:\d{4}-\d{2}}"),
        ):
            routes += [
                web.post(objects + "/{type:contacts|deals}/search", self._behind_switches(self._search)),
                web.get(objects + r"/{type:contacts|companies}/{id:\d+}", self._behind_switches(self._read)),
                web.get(pipelines + "/deals", self._behind_switches(self._pipelines)),
            ]
        account = r"/account-info/{version:v3|\d{4}-\d{2}}/details"
        return [*routes, web.get(account, self._behind_switches(self._account))]

    def _behind_switches(self, action: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            if request.headers.get("Authorization") != f"Bearer {TOKEN}":
                return error(401)
            answer: web.StreamResponse = await action(request)
            return answer

        async def switched(request: web.Request) -> web.StreamResponse:
            return await self.switches.answer(request, handle, error)

        return switched

    async def _search(self, request: web.Request) -> web.Response:
        text = await request.text()
        if len(text) > MAX_BODY_CHARACTERS:
            return error(400, f"The request body is longer than {MAX_BODY_CHARACTERS} characters.")
        kind = request.match_info["type"]
        try:
            body = json.loads(text)
            found = [row for row in self.objects[kind].values() if _selected(row, body, kind)]
            limit, after = int(body.get("limit", 10)), int(body.get("after") or 0)
            if not 0 <= limit <= MAX_LIMIT:
                raise ValueError(f"limit must be at most {MAX_LIMIT}.")
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            return error(400, f"The request is not valid: {problem}")
        page = found[after : after + limit]
        answer: Row = {"total": len(found), "results": [_presented(row, kind, body.get("properties")) for row in page]}
        if after + limit < len(found):
            answer["paging"] = {"next": {"after": str(after + limit)}}
        return web.json_response(answer)

    async def _read(self, request: web.Request) -> web.Response:
        kind = request.match_info["type"]
        row = self.objects[kind].get(request.match_info["id"])
        if row is None:
            return error(404)
        wanted = request.query.get("properties")
        return web.json_response(_presented(row, kind, wanted.split(",") if wanted else None))

    async def _pipelines(self, _request: web.Request) -> web.Response:
        stages = [
            {
                "id": stage,
                "label": label,
                "displayOrder": order,
                "metadata": {"isClosed": str(closed).lower()},
                "archived": False,
            }
            for order, (stage, label, closed) in enumerate(people.STAGES)
        ]
        pipeline = {"id": "default", "label": "Services", "displayOrder": 0, "stages": stages, "archived": False}
        return web.json_response({"results": [pipeline]})

    async def _account(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "portalId": 1234567,
                "accountType": "DEVELOPER_TEST",
                "timeZone": "US/Pacific",
                "companyCurrency": "USD",
                "utcOffset": "-08:00",
                "utcOffsetMilliseconds": -28_800_000,
                "uiDomain": "app.hubspot.com",
                "dataHostingLocation": "na1",
            }
        )


def _contact(row: Row) -> Row:
    """With the properties that HubSpot calculates: numbers without country code, for searching."""
    return {
        "lastmodifieddate": _UPDATED,
        **row,
        "hs_searchable_calculated_phone_number": _without_country_code(row.get("phone")),
        "hs_searchable_calculated_mobile_number": _without_country_code(row.get("mobilephone")),
    }


def _without_country_code(stored: object) -> str | None:
    number = classify(stored, "US")
    return number.nsn if isinstance(number, Number) else None


def _deal(row: Row) -> Row:
    closed = next(is_closed for stage, _label, is_closed in people.STAGES if stage == row["dealstage"])
    deal = {name: value for name, value in row.items() if name != "contact"}
    return {
        **deal,
        "pipeline": "default",
        "createdate": "2026-01-15T10:00:00Z",
        "hs_lastmodifieddate": _UPDATED,
        "hs_is_closed": str(closed).lower(),
        "associations.contact": row["contact"],
    }


def _presented(row: Row, kind: str, properties: list[str] | None) -> Row:
    """Only what was asked for leaves, as text or null; three properties always do."""
    changed = "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"
    always = ("hs_object_id", "createdate", changed)
    names = [name for name in properties or _DEFAULTS[kind] if name in _KNOWN[kind] and not name.startswith("associations.")]
    values = {name: row.get(name) for name in sorted({*names, *always})}
    created, updated = row.get("createdate", "2024-01-01T00:00:00Z"), row.get(changed, _UPDATED)
    return {"id": row["hs_object_id"], "properties": values, "createdAt": created, "updatedAt": updated, "archived": False}


def _selected(row: Row, body: Row, kind: str) -> bool:
    """Whether the row passes the free text and any of the filter groups. Raises ValueError where HubSpot refuses."""
    groups = body.get("filterGroups") or []
    filters = [len(group["filters"]) for group in groups]
    if len(groups) > MAX_GROUPS or max(filters, default=0) > MAX_FILTERS_PER_GROUP or sum(filters) > MAX_FILTERS:
        raise ValueError(f"at most {MAX_GROUPS} filter groups, {MAX_FILTERS_PER_GROUP} filters each, {MAX_FILTERS} in all.")
    results = [[_passes(row, condition, kind) for condition in group["filters"]] for group in groups]
    return _mentions(row, str(body.get("query") or "")) and (not groups or any(all(group) for group in results))


def _passes(row: Row, condition: Row, kind: str) -> bool:
    name, operator = condition["propertyName"], condition["operator"]
    if name not in _KNOWN[kind]:
        raise ValueError(f"there is no property {name}.")
    stored = str(row.get(name) or "").lower()
    if operator in ("IN", "NOT_IN"):
        # As HubSpot does: stored text is compared in lower case, the values as they were sent.
        return bool(stored in condition["values"]) is (operator == "IN")
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return bool(stored) is (operator == "HAS_PROPERTY")
    value = str(condition["value"]).lower()
    if operator == "CONTAINS_TOKEN":
        word = value.strip("*")
        return word in re.split(r"[\s@.]+", stored) or ("*" in value and word in stored)
    if operator in ("EQ", "NEQ"):
        return bool(stored == value) is (operator == "EQ")
    raise ValueError(f"the operator {operator} is not known.")


def _mentions(row: Row, query: str) -> bool:
    names = ("firstname", "lastname", "email", "phone", "mobilephone", "company")
    searched = " ".join(str(row.get(name) or "") for name in (*names, "hs_searchable_calculated_phone_number")).lower()
    return all(word in searched for word in query.lower().split())
