"""A simulator of Twilio's TaskRouter: tasks with versions, their lives, and the list of what happened.

What it enforces is what a client has to live with: a write of an older version is refused (412), a task is gone soon after its
end (404), attributes have at most 4,096 characters, and whoever asks too often has to wait (429).
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from integrations.sandbox.switches import Switches
from integrations.sandbox.twilio_events import EventStreams, error, failed, moment, page_of, sid

ACCOUNT_SID = f"AC{'5a' * 16}"
AUTH_TOKEN = "sandbox-twilio-auth-token"
API_KEY = f"SK{'5b' * 16}"
API_SECRET = "sandbox-twilio-api-secret"
WORKSPACE_SID = f"WS{'5c' * 16}"
WORKFLOW_SID, QUEUE_SID, CHANNEL_SID = f"WW{'5d' * 16}", f"WQ{'5e' * 16}", f"TC{'5f' * 16}"
MAX_ATTRIBUTES = 4_096
_STATUSES = ("pending", "reserved", "assigned", "canceled", "wrapping", "completed")
_ENDED = frozenset({"completed", "canceled"})
_TASK_EVENTS = {"canceled": "task.canceled", "completed": "task.completed", "wrapping": "task.wrapup"}
# What an agent does: the reservation's new state, and the task's.
ACTIONS = {
    "reserve": ("created", "reserved"),
    "accept": ("accepted", "assigned"),
    "reject": ("rejected", "pending"),
    "timeout": ("timeout", "pending"),
    "rescind": ("rescinded", "pending"),
    "wrapup": ("wrapup", "wrapping"),
    "complete": ("completed", "completed"),
}


@dataclass
class Task:
    """``ended_at``: when it was completed or cancelled, by the monotonic clock."""

    attributes: str
    priority: int = 0
    timeout: int = 86_400
    channel: str = "voice"
    sid: str = field(default_factory=lambda: sid("WT"))
    version: int = 0
    status: str = "pending"
    reason: str | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: float | None = None
    reservation: str = ""
    worker: str = ""


class Twilio:
    """The simulator's data and routes.

    ``lingers_s``: how long a task can still be read after its end. ``budget``: requests until it says 429; None is no end.
    """

    def __init__(self, switches: Switches) -> None:
        self.switches = switches
        self.tasks: dict[str, Task] = {}
        self.happened: list[dict[str, Any]] = []
        self.lingers_s = 0.0
        self.budget: int | None = None
        self.retry_after: str | None = "0.05"
        self.streams = EventStreams(ACCOUNT_SID, AUTH_TOKEN)

    async def close(self, _app: web.Application) -> None:
        await self.streams.close()

    def routes(self) -> list[web.RouteDef]:
        workspace = "/v1/Workspaces/{workspace}"
        return [
            web.get(workspace, self._guarded(self._workspace)),
            web.post(f"{workspace}/Tasks", self._guarded(self._create)),
            web.get(f"{workspace}/Tasks/{{sid}}", self._guarded(self._fetch)),
            web.post(f"{workspace}/Tasks/{{sid}}", self._guarded(self._update)),
            web.get(f"{workspace}/Events", self._guarded(self._events)),
            web.post("/_twilio/act", self._act),
            *self.streams.routes(self._guarded),
        ]

    def _guarded(self, action: Callable[[web.Request], Awaitable[web.Response]]) -> Callable[[web.Request], Any]:
        async def checked(request: web.Request) -> web.StreamResponse:
            if not _signed_in(request.headers.get("Authorization", "")):
                return error(401)
            if self.budget is not None:
                if self.budget <= 0:
                    return error(429, headers={"Retry-After": self.retry_after} if self.retry_after else None)
                self.budget -= 1
            if request.match_info.get("workspace", WORKSPACE_SID) != WORKSPACE_SID:
                return error(404)
            return await action(request)

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self.switches.answer(request, checked, error)

        return handle

    # -- Tasks ------------------------------------------------------------------------------------------------------

    def create(self, attributes: dict[str, Any], **facts: Any) -> Task:
        """A task as Studio's *Send to Flex* makes one."""
        task = Task(json.dumps(attributes), **facts)
        self.tasks[task.sid] = task
        self._tell("task.created", task)
        return task

    def act(self, task: Task, action: str, worker: str) -> None:
        """What an agent does in Flex with a task, like ``accept``."""
        state, status = ACTIONS[action]
        if action == "reserve":
            task.reservation, task.worker = sid("WR"), worker
        self._touch(task, status=status)
        self._tell(f"reservation.{state}", task)
        if name := _TASK_EVENTS.get(status):
            self._tell(name, task)

    def found(self, task_sid: str) -> Task | None:
        task = self.tasks.get(task_sid)
        gone = task is None or (task.ended_at is not None and time.monotonic() >= task.ended_at + self.lingers_s)
        return None if gone else task

    def _touch(self, task: Task, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(task, name, value)
        if task.status in _ENDED and task.ended_at is None:
            task.ended_at = time.monotonic()
        task.version += 1
        task.updated = datetime.now(UTC)

    async def _workspace(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"account_sid": ACCOUNT_SID, "sid": WORKSPACE_SID, "friendly_name": "Flex Task Assignment", "url": _own(request)}
        )

    async def _create(self, request: web.Request) -> web.Response:
        form = await request.post()
        text = str(form.get("Attributes", "{}"))
        if problem := _unusable(text):
            return failed(problem)
        channel = str(form.get("TaskChannel", "default"))
        task = Task(text, int(str(form.get("Priority", 0))), int(str(form.get("Timeout", 86_400))), channel)
        self.tasks[task.sid] = task
        self._tell("task.created", task)
        return _shown(request, task, 201)

    async def _fetch(self, request: web.Request) -> web.Response:
        task = self.found(request.match_info["sid"])
        return _shown(request, task) if task else error(404)

    async def _update(self, request: web.Request) -> web.Response:
        form = await request.post()  # from here on nothing else is awaited, so that nobody comes between
        task = self.found(request.match_info["sid"])
        if task is None:
            return error(404)
        wanted = request.headers.get("If-Match", "").strip('"')
        if wanted and wanted != str(task.version):
            return error(412)
        if task.status in _ENDED:
            return failed("Cannot update a task that has ended.")
        changes: dict[str, Any] = {}
        if "Attributes" in form:
            changes["attributes"] = str(form["Attributes"])
            if problem := _unusable(changes["attributes"]):
                return failed(problem)
        if "AssignmentStatus" in form:
            changes["status"], changes["reason"] = str(form["AssignmentStatus"]), str(form.get("Reason", ""))
            if changes["status"] not in _STATUSES:
                return failed("AssignmentStatus is not valid.")
        self._touch(task, **changes)
        self._tell(_TASK_EVENTS.get(str(changes.get("status")), "task.updated"), task)
        return _shown(request, task)

    async def _act(self, request: web.Request) -> web.Response:
        """Take what the page that plays Flex sends: ``{"task_sid", "action", "worker_sid"}``."""
        try:
            wanted = dict(await request.json())
        except (ValueError, TypeError):
            return web.json_response({"error": "The body is not a JSON object."}, status=400)
        task = self.found(str(wanted.get("task_sid")))
        if task is None or wanted.get("action") not in ACTIONS:
            problem = f"task_sid must be of a task that is there, action one of: {', '.join(ACTIONS)}."
            return web.json_response({"error": problem}, status=400)
        self.act(task, wanted["action"], str(wanted.get("worker_sid") or task.worker or sid("WK")))
        return web.json_response({"status": task.status, "reservation_sid": task.reservation})

    # -- What happened ----------------------------------------------------------------------------------------------

    def _tell(self, name: str, task: Task) -> None:
        now = datetime.now(UTC)
        resource = name.partition(".")[0]
        data = _event_data(task, name)
        row = {
            "account_sid": ACCOUNT_SID,
            "actor_sid": WORKSPACE_SID,
            "actor_type": "workspace",
            "event_data": data,
            "event_date": moment(now),
            "event_date_ms": int(now.timestamp() * 1000),
            "event_type": name,
            "resource_sid": task.reservation if resource == "reservation" else task.sid,
            "resource_type": resource,
            "sid": sid("EV"),
            "source": "twilio",
            "source_ip_address": "192.0.2.1",
            "workspace_sid": WORKSPACE_SID,
        }
        self.happened.append(row)
        self.streams.tell(row)

    async def _events(self, request: web.Request) -> web.Response:
        wanted = request.query
        rows = self.happened
        try:
            if "Minutes" in wanted:
                rows = _since(rows, datetime.now(UTC) - timedelta(minutes=int(wanted["Minutes"])))
            if "StartDate" in wanted:
                rows = _since(rows, datetime.fromisoformat(wanted["StartDate"]))
            if "EndDate" in wanted:
                end = datetime.fromisoformat(wanted["EndDate"]).timestamp() * 1000
                rows = [row for row in rows if row["event_date_ms"] <= end]
        except (ValueError, TypeError):
            return failed("StartDate and EndDate must be ISO 8601 dates, Minutes a number.")
        for name, key in (("EventType", "event_type"), ("Sid", "sid")):
            rows = [row for row in rows if row[key] == wanted[name]] if name in wanted else rows
        if "TaskSid" in wanted:
            rows = [row for row in rows if row["event_data"]["task_sid"] == wanted["TaskSid"]]
        return page_of(request, "events", rows[::-1])


def _since(rows: list[dict[str, Any]], begin: datetime) -> list[dict[str, Any]]:
    return [row for row in rows if row["event_date_ms"] >= begin.timestamp() * 1000]


def _signed_in(header: str) -> bool:
    pairs = ((ACCOUNT_SID, AUTH_TOKEN), (API_KEY, API_SECRET))
    return header in {f"Basic {base64.b64encode(':'.join(pair).encode()).decode()}" for pair in pairs}


def _own(request: web.Request) -> str:
    return str(request.url.with_query(None))


def _unusable(text: str) -> str:
    """Twilio's objection to attributes; "" if there is none."""
    if len(text) > MAX_ATTRIBUTES:
        return f"Attributes are longer than {MAX_ATTRIBUTES} characters."
    try:
        usable = isinstance(json.loads(text), dict)
    except ValueError:
        usable = False
    return "" if usable else "Attributes must be a JSON object."


def _shown(request: web.Request, task: Task, status: int = 200) -> web.Response:
    facts = {
        "account_sid": ACCOUNT_SID,
        "age": int((datetime.now(UTC) - task.created).total_seconds()),
        "assignment_status": task.status,
        "attributes": task.attributes,
        "addons": "{}",
        "date_created": moment(task.created),
        "date_updated": moment(task.updated),
        "task_queue_entered_date": moment(task.created),
        "virtual_start_time": moment(task.created),
        "priority": task.priority,
        "reason": task.reason,
        "sid": task.sid,
        "task_queue_sid": QUEUE_SID,
        "task_queue_friendly_name": "Everyone",
        "task_channel_sid": CHANNEL_SID,
        "task_channel_unique_name": task.channel,
        "timeout": task.timeout,
        "workflow_sid": WORKFLOW_SID,
        "workflow_friendly_name": "Assign to anyone",
        "workspace_sid": WORKSPACE_SID,
        "ignore_capacity": False,
        "routing_target": None,
        "url": _own(request),
        "links": {"reservations": f"{_own(request)}/Reservations"},
    }
    headers = {"ETag": f'"{task.version}"', "X-Rate-Limit-Limit": "60", "X-Rate-Limit-Remaining": "59"}
    return web.json_response(facts, status=status, headers=headers)


def _event_data(task: Task, name: str) -> dict[str, Any]:
    data = {
        "workspace_sid": WORKSPACE_SID,
        "workspace_name": "Flex Task Assignment",
        "task_sid": task.sid,
        "task_attributes": task.attributes,
        "task_age": int((datetime.now(UTC) - task.created).total_seconds()),
        "task_priority": task.priority,
        "task_assignment_status": task.status,
        "task_version": task.version,
        "task_channel_sid": CHANNEL_SID,
        "task_channel_unique_name": task.channel,
        "task_queue_sid": QUEUE_SID,
        "task_queue_name": "Everyone",
        "workflow_sid": WORKFLOW_SID,
        "workflow_name": "Assign to anyone",
    }
    if name.startswith("reservation."):
        data |= {
            "reservation_sid": task.reservation,
            "worker_sid": task.worker,
            "worker_name": f"agent-{task.worker[-4:]}",
            "worker_attributes": "{}",
            "worker_activity_sid": f"WA{uuid.UUID(int=1).hex}",
            "worker_activity_name": "Available",
        }
    if name == "task.canceled":
        data["task_canceled_reason"] = task.reason or "hangup"
    if name == "task.completed":
        data["task_completed_reason"] = task.reason or ""
    return data
