"""A simulator of Twilio's Event Streams: sinks, subscriptions, and deliveries that are signed as Twilio signs them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web

DELIVERY_S = 5.0
TRIES = 4
SCHEMA = "https://events-schemas.twilio.com/TaskRouter.WDSEvent/4"
_KNOWN = {
    "com.twilio.taskrouter.task": (
        "created updated canceled completed deleted system-deleted wrapup transfer-initiated transfer-completed "
        "transfer-failed transfer-canceled transfer-attempt-failed"
    ),
    "com.twilio.taskrouter.reservation": "created accepted rejected timeout canceled rescinded completed failed wrapup",
    "com.twilio.voice.status-callback.call": "initiated ringing answered completed",
    "com.twilio.apiusage.taskrouter": "ratelimits",
    "com.twilio.messaging.message": "sent delivered failed",
}
_ERRORS = {
    400: (20001, "Invalid parameter."),
    401: (20003, "Authenticate"),
    403: (20006, "Access Denied"),
    404: (20404, "The requested resource was not found"),
    412: (20412, "Precondition Failed"),
    429: (20429, "Too Many Requests"),
    500: (20500, "Internal Server Error"),
    503: (20503, "Service unavailable"),
}


def sid(prefix: str) -> str:
    return prefix + uuid.uuid4().hex


def moment(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def error(status: int, message: str = "", *, headers: dict[str, str] | None = None) -> web.Response:
    """An error in Twilio's shape."""
    code, usual = _ERRORS[status]
    more = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": message or usual, "more_info": more, "status": status}
    return web.json_response(body, status=status, headers=headers)


def failed(message: str) -> web.Response:
    return error(400, message)


def page_of(request: web.Request, key: str, rows: list[dict[str, Any]]) -> web.Response:
    """A page of a list with Twilio's ``meta``."""
    try:
        size, page = int(request.query.get("PageSize", 50)), int(request.query.get("Page", 0))
    except ValueError:
        return failed("PageSize and Page must be numbers.")
    if not 1 <= size <= 1000 or page < 0:
        return failed("PageSize must be from 1 to 1000.")

    def at(number: int) -> str:
        return str(request.url.update_query({"PageSize": str(size), "Page": str(number)}))

    meta = {
        "page": page,
        "page_size": size,
        "first_page_url": at(0),
        "previous_page_url": at(page - 1) if page else None,
        "url": at(page),
        "next_page_url": at(page + 1) if len(rows) > (page + 1) * size else None,
        "key": key,
    }
    return web.json_response({key: rows[page * size : (page + 1) * size], "meta": meta})


class EventStreams:
    """Sinks, subscriptions and what is delivered to them. ``token`` signs. ``deliveries``: the status of each, 0 for none."""

    def __init__(self, account_sid: str, token: str) -> None:
        self.account_sid, self.token = account_sid, token
        self.types = {f"{head}.{name}" for head, names in _KNOWN.items() for name in names.split()}
        self.sinks: dict[str, dict[str, Any]] = {}
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.subscribed: dict[str, dict[str, int]] = {}
        self.deliveries: list[tuple[str, int]] = []
        self.pause_s = 0.5
        self._under_way: set[asyncio.Task[None]] = set()

    def routes(self, guarded: Callable[[Any], Any]) -> list[web.RouteDef]:
        events = "/v1/Subscriptions/{sid}/SubscribedEvents"
        return [
            web.get("/v1/Types", guarded(self._types)),
            web.get("/v1/Sinks", guarded(self._list_sinks)),
            web.post("/v1/Sinks", guarded(self._create_sink)),
            web.get("/v1/Sinks/{sid}", guarded(self._fetch_sink)),
            web.delete("/v1/Sinks/{sid}", guarded(self._delete_sink)),
            web.post("/v1/Sinks/{sid}/Test", guarded(self._test)),
            web.get("/v1/Subscriptions", guarded(self._list_subscriptions)),
            web.post("/v1/Subscriptions", guarded(self._subscribe)),
            web.delete("/v1/Subscriptions/{sid}", guarded(self._unsubscribe)),
            web.get(events, guarded(self._list_types)),
            web.post(events, guarded(self._add_type)),
        ]

    async def close(self) -> None:
        for delivery in self._under_way:
            delivery.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    # -- Sinks and subscriptions ------------------------------------------------------------------------------------

    async def _types(self, request: web.Request) -> web.Response:
        rows = [
            {"type": name, "schema_id": "TaskRouter.WDSEvent", "status": "available", "description": name}
            for name in sorted(self.types)
        ]
        return page_of(request, "types", rows)

    async def _list_sinks(self, request: web.Request) -> web.Response:
        return page_of(request, "sinks", list(self.sinks.values()))

    async def _create_sink(self, request: web.Request) -> web.Response:
        form = await request.post()
        try:
            configuration = json.loads(str(form["SinkConfiguration"]))
            usable = form["SinkType"] == "webhook" and configuration["destination"].startswith(("https://", "http://"))
            description = str(form["Description"])
        except (KeyError, ValueError, TypeError, AttributeError):
            usable = False
        if not usable:
            return failed("Description, SinkType=webhook and SinkConfiguration with a destination are required.")
        now, own = moment(datetime.now(UTC)), sid("DG")
        address = str(request.url / own)
        row = {"sid": own, "description": description, "sink_type": "webhook", "sink_configuration": configuration}
        links = {"sink_test": f"{address}/Test", "sink_validate": f"{address}/Validate"}
        self.sinks[own] = {**row, "status": "active", "date_created": now, "date_updated": now, "url": address, "links": links}
        return web.json_response(self.sinks[own], status=201)

    async def _fetch_sink(self, request: web.Request) -> web.Response:
        row = self.sinks.get(request.match_info["sid"])
        return web.json_response(row) if row else error(404)

    async def _delete_sink(self, request: web.Request) -> web.Response:
        own = request.match_info["sid"]
        if own not in self.sinks:
            return error(404)
        if any(row["sink_sid"] == own for row in self.subscriptions.values()):
            return failed(f"Sink with SID {own} is in use")
        del self.sinks[own]
        return web.Response(status=204)

    async def _test(self, request: web.Request) -> web.Response:
        row = self.sinks.get(request.match_info["sid"])
        if row is None:
            return error(404)
        # As Twilio does: the id of a test event is the account's, each time the same.
        event = self._event("com.twilio.eventstreams.test-event", self.account_sid, {"test_id": str(uuid.uuid4())})
        self._deliver(row["sink_configuration"]["destination"], [{**event, "source": "Sink"}])
        return web.json_response({"result": "submitted"}, status=201)

    async def _list_subscriptions(self, request: web.Request) -> web.Response:
        sink = request.query.get("SinkSid")
        return page_of(request, "subscriptions", [r for r in self.subscriptions.values() if sink in (None, r["sink_sid"])])

    async def _subscribe(self, request: web.Request) -> web.Response:
        form = await request.post()
        sink = str(form.get("SinkSid"))
        if sink not in self.sinks or "Description" not in form:
            return failed("Description and SinkSid are required.")
        if any(row["sink_sid"] == sink for row in self.subscriptions.values()):
            return failed(f"Sink with SID {sink} is in use")
        types: dict[str, int] = {}
        for place, text in enumerate(form.getall("Types", [])):
            try:
                wanted = json.loads(str(text))
                types[wanted["type"]] = int(wanted.get("schema_version", 4))
            except (ValueError, TypeError, KeyError):
                return failed(f"Missing required input parameter event_types[{place}].type")
        if unknown := [name for name in types if name not in self.types] or ([] if types else ["none"]):
            return failed(f"Type not found in the system: {unknown[0]}")
        now, own = moment(datetime.now(UTC)), sid("DF")
        address = str(request.url / own)
        row = {"sid": own, "account_sid": self.account_sid, "sink_sid": sink, "description": str(form["Description"])}
        links = {"subscribed_events": f"{address}/SubscribedEvents"}
        self.subscriptions[own] = {**row, "date_created": now, "date_updated": now, "url": address, "links": links}
        self.subscribed[own] = types
        return web.json_response(self.subscriptions[own], status=201)

    async def _unsubscribe(self, request: web.Request) -> web.Response:
        if self.subscriptions.pop(request.match_info["sid"], None) is None:
            return error(404)
        del self.subscribed[request.match_info["sid"]]
        return web.Response(status=204)

    async def _list_types(self, request: web.Request) -> web.Response:
        own = request.match_info["sid"]
        if own not in self.subscribed:
            return error(404)
        return page_of(request, "types", [self._subscribed_type(own, name, request) for name in self.subscribed[own]])

    async def _add_type(self, request: web.Request) -> web.Response:
        own, form = request.match_info["sid"], await request.post()
        name = str(form.get("Type"))
        if own not in self.subscribed:
            return error(404)
        if name not in self.types:
            return failed(f"Type not found in the system: {name}")
        self.subscribed[own].setdefault(name, 4)
        return web.json_response(self._subscribed_type(own, name, request), status=201)

    def _subscribed_type(self, own: str, name: str, request: web.Request) -> dict[str, Any]:
        facts = {"account_sid": self.account_sid, "subscription_sid": own, "type": name}
        return {**facts, "schema_version": self.subscribed[own][name], "url": f"{request.url.with_query(None)}/{name}"}

    # -- Deliveries -------------------------------------------------------------------------------------------------

    def tell(self, happened: dict[str, Any]) -> None:
        """Deliver what happened in TaskRouter to every sink that subscribed to its type."""
        name = f"com.twilio.taskrouter.{happened['event_type']}"
        event = self._event(name, sid("EZ"), _wrapped(happened))
        for own, types in self.subscribed.items():
            if name in types:
                self._deliver(self.sinks[self.subscriptions[own]["sink_sid"]]["sink_configuration"]["destination"], [event])

    def _event(self, name: str, own: str, data: dict[str, Any]) -> dict[str, Any]:
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        kind = {"specversion": "1.0", "type": name, "source": self.account_sid, "id": own, "dataschema": SCHEMA}
        return {**kind, "datacontenttype": "application/json", "time": time, "data": data}

    def _deliver(self, destination: str, events: list[dict[str, Any]]) -> None:
        delivery = asyncio.get_running_loop().create_task(self._post(destination, json.dumps(events).encode()))
        self._under_way.add(delivery)
        delivery.add_done_callback(self._under_way.discard)

    async def _post(self, destination: str, body: bytes) -> None:
        """Deliver at least once: again until it was taken, or often enough."""
        address, signature = signed(destination, body, self.token)
        headers = {"Content-Type": "application/json", "X-Twilio-Signature": signature, "I-Twilio-Idempotency-Token": sid("")}
        for tried in range(TRIES):
            status = 0
            try:
                async with (
                    aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(DELIVERY_S)) as session,
                    session.post(address, data=body, headers=headers, allow_redirects=False) as response,
                ):
                    status = response.status
            except (aiohttp.ClientError, TimeoutError):
                status = 0
            self.deliveries.append((destination, status))
            if 200 <= status < 300:
                return
            await asyncio.sleep(self.pause_s * 2**tried)


def signed(destination: str, body: bytes, token: str) -> tuple[str, str]:
    """The address with the body's hash, and the signature over it."""
    mark = "&" if "?" in destination else "?"
    address = f"{destination}{mark}bodySHA256={hashlib.sha256(body).hexdigest()}"
    digest = hmac.new(token.encode(), address.encode(), hashlib.sha1).digest()
    return address, base64.b64encode(digest).decode()


def _wrapped(happened: dict[str, Any]) -> dict[str, Any]:
    """An event of TaskRouter as its ``data`` carries it."""
    when = datetime.fromtimestamp(happened["event_date_ms"] / 1000, UTC)
    stamp = when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    own = {"sid": happened["sid"], "eventtype": happened["event_type"], "account_sid": happened["account_sid"]}
    return {
        "sid": happened["sid"],
        "name": "".join(word.title() for word in happened["event_type"].replace(".", "-").split("-")),
        "account_sid": happened["account_sid"],
        "timestamp": stamp,
        "level": "INFO",
        "group": happened["resource_type"],
        "product_name": "TaskRouter",
        "publisher": "Flex Task Assignment",
        "publisher_metadata": "{}",
        "payload_type": "application/json",
        "payload": {**own, "timestamp": stamp, **happened["event_data"]},
    }
