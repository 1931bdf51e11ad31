"""A simulator of HubSpot's CRM: contacts with what belongs to them, pipelines, account info and signing in, as its public
API answers them."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Awaitable, Callable

from aiohttp import web

from integrations.phone import Number, classify
from integrations.sandbox import people
from integrations.sandbox.people import Row
from integrations.sandbox.switches import Switches

TOKEN = "sandbox-hubspot-token"
CLIENT_ID = "sandbox-hubspot-client"
CLIENT_SECRET = "sandbox-hubspot-secret"
REFRESH_TOKEN = "sandbox-hubspot-refresh"
TOKEN_LIFE_S = 1_800
MAX_GROUPS, MAX_FILTERS_PER_GROUP, MAX_FILTERS = 5, 6, 18
MAX_BODY_CHARACTERS = 3_000
MAX_LIMIT = 200
_UPDATED = "2026-11-20T08:00:00Z"
_DEFAULTS = {
    "contacts": ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
    "companies": ("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
    "tickets": (
        *("content", "createdate", "hs_lastmodifieddate", "hs_object_id", "hs_pipeline", "hs_pipeline_stage"),
        *("hs_ticket_category", "hs_ticket_priority", "subject"),
    ),
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
            "hs_merged_object_ids",
            *(name for contact in people.CONTACTS for name in contact),
        }
    ),
    "companies": frozenset({*_DEFAULTS["companies"], *(name for company in people.COMPANIES for name in company)}),
    "deals": frozenset({*_DEFAULTS["deals"], "hs_is_closed", "associations.contact"}),
    "tickets": frozenset({*_DEFAULTS["tickets"], "closed_date", "associations.contact"}),
}
_STAGES = {"deals": people.STAGES, "tickets": people.TICKET_STAGES}
_SCOPES = {
    "contacts": "crm.objects.contacts.read",
    "companies": "crm.objects.companies.read",
    "deals": "crm.objects.deals.read",
    "tickets": "tickets",
}
Action = Callable[[web.Request], Awaitable[web.StreamResponse]]
_STATUS_ERRORS = {
    400: ("VALIDATION_ERROR", "The request is not valid."),
    401: ("EXPIRED_AUTHENTICATION", "The access token is expired or is not valid."),
    403: ("MISSING_SCOPES", "This app does not have the scopes that this request needs."),
    404: ("OBJECT_NOT_FOUND", "The object was not found."),
    429: ("RATE_LIMITS", "You have reached your secondly limit."),
    500: ("INTERNAL_ERROR", "Internal error."),
    503: ("SERVICE_UNAVAILABLE", "Down for maintenance."),
}


def error(status: int, message: str = "", scope: str = "crm.objects.contacts.read") -> web.Response:
    """An error in HubSpot's shape. ``scope``: which one a 403 names."""
    category, usual = _STATUS_ERRORS[status]
    body: Row = {"status": "error", "message": message or usual, "correlationId": str(uuid.uuid4()), "category": category}
    if status == 429:
        body["policyName"] = "SECONDLY"
    if status == 403:
        needed = "One or more of the following scopes are required."
        body["errors"] = [{"message": needed, "context": {"requiredGranularScopes": [scope]}}]
    return web.json_response(body, status=status)


class HubSpot:
    """The simulator's data and routes. ``scopes``: what its app was granted; ``tokens``: those that are good now."""

    def __init__(self, switches: Switches) -> None:
        self.switches = switches
        self.scopes = set(_SCOPES.values())
        self.tokens = {TOKEN}
        self.objects: dict[str, dict[str, Row]] = {
            "contacts": {contact["hs_object_id"]: _contact(contact) for contact in people.CONTACTS},
            "companies": {company["hs_object_id"]: dict(company) for company in people.COMPANIES},
            "deals": {deal["hs_object_id"]: _deal(deal) for deal in people.DEALS},
            "tickets": {ticket["hs_object_id"]: _ticket(ticket) for ticket in people.TICKETS},
        }

    def routes(self) -> list[web.RouteDef]:
        """The routes under both ways in which HubSpot spells versions: ``/crm/v3/objects`` and ``/crm/objects/2026-03``."""
        routes = []
        for objects, pipelines in (
            ("/crm/v3/objects", "/crm/v3/pipelines"),
            (r"/crm/objects/{date:\d{4}-\d{2}}", r"/crm/pipelines/{date:\d{4}-\d{2}}"),
        ):
            routes += [
                web.post(objects + "/{type:contacts|deals|tickets}/search", self._guarded(self._search)),
                web.post(objects + "/{type:contacts|companies|deals|tickets}/batch/read", self._guarded(self._read_several)),
                web.get(objects + r"/{type:contacts|companies}/{id:\d+}", self._guarded(self._read)),
                web.get(pipelines + "/{type:deals|tickets}", self._guarded(self._pipelines)),
            ]
        account = r"/account-info/{version:v3|\d{4}-\d{2}}/details"
        token = r"/oauth/{version:v3|\d{4}-\d{2}}/token"
        return [
            *routes,
            web.get(account, self._guarded(self._account)),
            web.post(token, self._behind_switches(self._token)),
        ]

    def _behind_switches(self, action: Action) -> Action:
        async def switched(request: web.Request) -> web.StreamResponse:
            return await self.switches.answer(request, action, error)

        return switched

    def _guarded(self, action: Action) -> Action:
        """The action for those who are signed in, and as far as the scopes reach."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
                return error(401)
            scope = _SCOPES.get(request.match_info.get("type", ""))
            if scope and scope not in self.scopes:
                return error(403, scope=scope)
            return await action(request)

        return self._behind_switches(handle)

    async def _token(self, request: web.Request) -> web.Response:
        """Another access token for the app's refresh token, which stays the same."""
        form = await request.post()
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return _refused_token("BAD_CLIENT_ID", "missing or unknown client id")
        if (form.get("grant_type"), form.get("refresh_token")) != ("refresh_token", REFRESH_TOKEN):
            return _refused_token("BAD_REFRESH_TOKEN", "missing or invalid refresh token")
        token = f"sandbox-access-{uuid.uuid4()}"
        self.tokens.add(token)
        facts = {"access_token": token, "refresh_token": REFRESH_TOKEN, "expires_in": TOKEN_LIFE_S, "hub_id": 1234567}
        more = {"token_type": "bearer", "token_use": "access_token", "scopes": sorted(self.scopes)}
        return web.json_response({**facts, **more})

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
        answer = _presented(row, kind, wanted.split(",") if wanted else None)
        if associated := self._associated(row["hs_object_id"], request.query.get("associations", "").split(",")):
            answer["associations"] = associated
        return web.json_response(answer)

    def _associated(self, contact_id: str, names: list[str]) -> Row:
        """The associations; sorts that there are none of are left out."""
        ids = {
            name: [key for key, row in self.objects[name].items() if row["associations.contact"] == contact_id]
            for name in names
            if name in _STAGES
        }
        return {
            name: {"results": [{"id": key, "type": f"contact_to_{name.removesuffix('s')}"} for key in keys]}
            for name, keys in ids.items()
            if keys
        }

    async def _read_several(self, request: web.Request) -> web.Response:
        kind = request.match_info["type"]
        try:
            body = await request.json()
            ids = [str(one["id"]) for one in body["inputs"]]
            names = [str(name) for name in body["properties"]]
        except (ValueError, TypeError, KeyError):
            return error(400)
        found = [_presented(self.objects[kind][one], kind, names) for one in ids if one in self.objects[kind]]
        answer: Row = {"status": "COMPLETE", "results": found, "startedAt": _UPDATED, "completedAt": _UPDATED}
        if missing := [one for one in ids if one not in self.objects[kind]]:
            problem = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "Could not get some objects."}
            answer |= {"numErrors": 1, "errors": [{**problem, "context": {"ids": missing}}]}
        return web.json_response(answer, status=207 if missing else 200)

    async def _pipelines(self, request: web.Request) -> web.Response:
        kind = request.match_info["type"]
        stages = [
            {
                "id": stage,
                "label": label,
                "displayOrder": order,
                "metadata": _stage_metadata(kind, closed),
                "archived": False,
            }
            for order, (stage, label, closed) in enumerate(_STAGES[kind])
        ]
        pipeline = {"id": "0", "label": "Services", "displayOrder": 0, "stages": stages, "archived": False}
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


def _refused_token(status: str, message: str) -> web.Response:
    """HubSpot says it in its own words, beside those of OAuth."""
    facts = {"status": status, "message": message, "correlationId": str(uuid.uuid4())}
    return web.json_response({**facts, "error": "invalid_grant", "error_description": message}, status=400)


def _stage_metadata(kind: str, closed: bool) -> Row:
    told = {"isClosed": str(closed).lower()}
    return {**told, "ticketState": "CLOSED" if closed else "OPEN"} if kind == "tickets" else told


def _contact(row: Row) -> Row:
    """The contact with the properties that HubSpot calculates: numbers without country code, for searching."""
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


def _ticket(row: Row) -> Row:
    ticket = {name: value for name, value in row.items() if name != "contact"}
    return {**ticket, "hs_pipeline": "0", "hs_lastmodifieddate": _UPDATED, "associations.contact": row["contact"]}


def _presented(row: Row, kind: str, properties: list[str] | None) -> Row:
    """What leaves: only what was asked for, as text or null; three properties always do."""
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
