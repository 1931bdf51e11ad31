"""A simulator of Salesforce: signing in, the search index, and queries for numbers, as its REST API answers them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from integrations.sandbox import people
from integrations.sandbox.people import Row
from integrations.sandbox.switches import Switches

CLIENT_ID = "sandbox-salesforce-client"
CLIENT_SECRET = "sandbox-salesforce-secret"
TOKEN = "00D!sandbox-salesforce-token"
DAILY_REQUESTS = 15_000
MAX_QUERIES = 5
PHONES = {
    "Contact": ("Phone", "MobilePhone", "HomePhone", "OtherPhone"),
    "Lead": ("Phone", "MobilePhone"),
    "Account": ("Phone", "Fax"),
}
_OF_EVERY = ("Id", "Name", "CreatedDate", "LastActivityDate", "Owner.Name", "Description")
# Asking for any other field is an error, unlike at HubSpot.
_KNOWN = {
    "Contact": {
        *(*_OF_EVERY, *PHONES["Contact"], "FirstName", "LastName", "Email", "Birthdate", "AccountId", "Account.Name"),
        *(f"Mailing{part}" for part in ("Street", "City", "State", "PostalCode")),
    },
    "Lead": {
        *(*_OF_EVERY, *PHONES["Lead"], "FirstName", "LastName", "Email", "Company", "Status", "IsConverted"),
        *("Street", "City", "State", "PostalCode"),
    },
    "Account": {*_OF_EVERY, *PHONES["Account"], *(f"Billing{part}" for part in ("Street", "City", "State", "PostalCode"))},
}
_STATUS_ERRORS = {
    400: (400, "MALFORMED_QUERY", "unexpected token"),
    401: (401, "INVALID_SESSION_ID", "Session expired or invalid"),
    403: (403, "INSUFFICIENT_ACCESS", "insufficient access rights on object id"),
    404: (404, "NOT_FOUND", "The requested resource does not exist"),
    429: (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    500: (500, "UNKNOWN_EXCEPTION", "An unexpected error occurred."),
    503: (503, "SERVER_UNAVAILABLE", "Too many requests are waiting."),
}
_TEXT = r"'(?:[^'\\]|\\.)*'"
_COMPARISON = rf"(\w+) IN \(({_TEXT}(?:, {_TEXT})*)\)"
_EQUAL, _LIKE = rf"(\w+) = ({_TEXT})", rf"(\w+) LIKE ({_TEXT})"
_CONDITIONS = {" OR ": (_COMPARISON, _EQUAL), " AND ": (_LIKE,)}
_CONDITION = "|".join(f"{one}(?:{word}{one})*" for word, ones in _CONDITIONS.items() for one in ones)
_QUERY = re.compile(rf"SELECT (?P<fields>[\w., ]+) FROM (?P<object>\w+) WHERE (?P<where>{_CONDITION}) LIMIT (?P<limit>\d+)")


class Refused(Exception):
    """A request that Salesforce refuses, with its code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.body = [{"message": message, "errorCode": code}]


def error(status: int) -> web.Response:
    """An error in Salesforce's shape, and with the status that it uses for it."""
    own_status, code, message = _STATUS_ERRORS[status]
    return web.json_response([{"message": message, "errorCode": code}], status=own_status)


class Salesforce:
    """The simulator's data and routes."""

    def __init__(self, switches: Switches) -> None:
        self.switches = switches
        self.used = 0
        self.objects: dict[str, tuple[Row, ...]] = people.SALESFORCE

    def routes(self) -> list[web.RouteDef]:
        api = r"/services/data/{version:v\d+\.0}"
        return [
            web.post("/services/oauth2/token", self._switched(self._token)),
            web.get(f"{api}/", self._switched(self._signed_in(self._resources))),
            web.post(f"{api}/parameterizedSearch", self._switched(self._signed_in(self._search))),
            web.post(f"{api}/composite", self._switched(self._signed_in(self._composite))),
        ]

    def _switched(self, action: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self.switches.answer(request, action, error)

        return handle

    def _signed_in(self, action: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            if request.headers.get("Authorization") != f"Bearer {TOKEN}":
                return error(401)
            self.used += 1
            try:
                answer: web.StreamResponse = await action(request)
            except Refused as refusal:
                answer = web.json_response(refusal.body, status=400)
            except (ValueError, TypeError, KeyError, AttributeError):
                answer = error(400)
            answer.headers["Sforce-Limit-Info"] = f"api-usage={self.used}/{DAILY_REQUESTS}"
            return answer

        return handle

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form.get("grant_type") != "client_credentials":
            refusal = {"error": "unsupported_grant_type", "error_description": "grant type not supported"}
            return web.json_response(refusal, status=400)
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            refusal = {"error": "invalid_client", "error_description": "invalid client credentials"}
            return web.json_response(refusal, status=400)
        here = f"{request.scheme}://{request.host}"
        return web.json_response(
            {"access_token": TOKEN, "instance_url": here, "id": f"{here}/id/00D/005", "token_type": "Bearer"}
        )

    async def _resources(self, request: web.Request) -> web.Response:
        version = request.match_info["version"]
        return web.json_response({name: f"/services/data/{version}/{name}" for name in ("composite", "query", "search")})

    async def _search(self, request: web.Request) -> web.Response:
        body = await request.json()
        found: list[Row] = []
        for wanted in body["sobjects"]:
            name, limit = wanted["name"], int(wanted["limit"])
            rows = [row for row in self._of(name, wanted["fields"]) if _indexed(row, name, body["in"], body["q"])]
            found += [presented(row, name, wanted["fields"]) for row in rows[:limit]]
        return web.json_response({"searchRecords": found[: int(body["overallLimit"])]})

    async def _composite(self, request: web.Request) -> web.Response:
        asked = (await request.json())["compositeRequest"]
        if len(asked) > MAX_QUERIES:
            raise Refused("LIMIT_EXCEEDED", "too many queries")
        return web.json_response({"compositeResponse": [self._part(one) for one in asked]})

    def _part(self, asked: Row) -> Row:
        try:
            address = urlsplit(asked["url"])
            if asked["method"] != "GET" or not re.fullmatch(r"/services/data/v\d+\.0/query", address.path):
                raise Refused("NOT_FOUND", "only queries are played here")
            records = self._selected(parse_qs(address.query)["q"][0])
            status, body = 200, {"totalSize": len(records), "done": True, "records": records}
        except Refused as refusal:
            return {"body": refusal.body, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": asked["referenceId"]}
        return {"body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": asked["referenceId"]}

    def _selected(self, text: str) -> list[Row]:
        query = _QUERY.fullmatch(text)
        if query is None:
            raise Refused("MALFORMED_QUERY", "unexpected token")
        fields, name = query["fields"].split(", "), query["object"]
        rows = [row for row in self._of(name, fields) if _holds(row, query["where"])]
        return [presented(row, name, fields) for row in rows[: int(query["limit"])]]

    def _of(self, name: str, fields: Iterable[str]) -> tuple[Row, ...]:
        """All records of an object. Raises Refused where Salesforce does not know it, or one of the fields."""
        if name not in _KNOWN:
            raise Refused("INVALID_TYPE", f"sObject type '{name}' is not supported.")
        if unknown := set(fields) - _KNOWN[name]:
            raise Refused("INVALID_FIELD", f"No such column '{min(unknown)}' on entity '{name}'.")
        return self.objects.get(name, ())


def _indexed(row: Row, name: str, place: str, wanted: str) -> bool:
    """A number by its digits, in any notation but not with and without its country code; a name by the beginnings of its
    words; an e-mail address as a whole. Raises Refused."""
    if place == "PHONE" and all(term.isdigit() for term in wanted.split(" OR ")):
        return any(digits(row.get(phone)) in wanted.split(" OR ") for phone in PHONES[name])
    if place == "NAME" and all(re.fullmatch(r"(\w|\\')+\*", term) for term in wanted.split(" AND ")):
        starts = [term[:-1].replace("\\", "") for term in wanted.split(" AND ")]
        words = re.findall(r"[\w']+", str(row["Name"]).lower())
        return all(any(word.startswith(start) for word in words) for start in starts)
    if place == "EMAIL" and re.fullmatch(r'"[^"]+"', wanted):
        return str(row.get("Email") or "").lower() == wanted.strip('"').lower()
    raise Refused("MALFORMED_SEARCH", "unexpected search")


def _holds(row: Row, condition: str) -> bool:
    """Whether a WHERE that ``_QUERY`` has taken apart holds; Salesforce compares without regard to case."""
    likes = re.findall(_LIKE, condition)
    if likes:
        return all(_text(value).strip("%").lower() in str(row.get(field) or "").lower() for field, value in likes)
    compared = {field: {_text(value)} for field, value in re.findall(_EQUAL, condition)}
    compared |= {field: {_text(value) for value in re.findall(_TEXT, values)} for field, values in _in_lists(condition)}
    return any(str(row.get(field)).lower() in {value.lower() for value in values} for field, values in compared.items())


def _in_lists(condition: str) -> list[tuple[str, str]]:
    return [(found[0], found[1]) for found in re.findall(_COMPARISON, condition)]


def _text(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted[1:-1])


def digits(stored: object) -> str:
    return re.sub(r"\D", "", str(stored or ""))


def presented(row: Row, name: str, fields: Iterable[str]) -> Row:
    """What was asked for, parents nested; a field without a value is null."""
    url = f"/services/data/v67.0/sobjects/{name}/{row['Id']}"
    shown: Row = {"attributes": {"type": name, "url": url}, "Id": row["Id"]}
    for path in fields:
        parent, _dot, field = path.partition(".")
        if field:
            shown[parent] = {"attributes": {"type": parent}, field: row[parent][field]} if parent in row else None
        else:
            shown[path] = row.get(path)
    return shown
