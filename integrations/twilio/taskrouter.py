"""TaskRouter: writing our own keys into a task without losing anybody else's, and reading what happened.

A task's attributes are one text that each writer replaces as a whole. So they are read with their version, our keys are
merged in, and Twilio refuses the write (412) if somebody was faster; then it begins anew. Nobody else's key is touched.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import structlog

from integrations.errors import InvalidResponse, SourceError
from integrations.profile import JSON
from integrations.twilio.client import TOTAL_S, TWILIO, Answer, Session, TwilioClient, decoded, in_sync, is_sid, raise_for

MAX_ATTRIBUTES = 4_096  # characters, spaces included: Twilio's limit, which cannot be changed
MAX_WRITES = 8
CONFLICT_PAUSE_S = 0.05
EVENTS_PER_PAGE = 100
_NOT_UPDATABLE = 20001
_ENDED = frozenset({"completed", "canceled"})

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """How a write of our keys ended."""

    MERGED = "merged"
    UNCHANGED = "unchanged"  # they were there already, so nothing was sent
    OVER = "over"  # there is no such task any more: the call has ended
    TOO_LARGE = "too_large"  # with them the attributes would be longer than Twilio takes; nothing was sent
    UNAVAILABLE = "unavailable"  # Twilio could not be asked, refused, or others wrote all the time; ``why`` says which


@dataclass(frozen=True)
class Merged:
    """``why`` is "", "conflict", or the status word of the error. ``size``: characters of the attributes as they are now."""

    outcome: Outcome
    why: str = ""
    size: int = 0


@dataclass(frozen=True)
class Task:
    """A task as it was read. ``version`` goes back with a write."""

    version: str
    status: str
    attributes: dict[str, JSON] = field(repr=False)


def merged(theirs: Mapping[str, JSON], own: Mapping[str, JSON]) -> dict[str, JSON]:
    """``theirs`` with our keys: objects are merged key by key, anything else of ours replaces what stood there.

    Nothing of ours is null, because other writers of a task drop keys that are; "" stands for it.
    """
    result = dict(theirs)
    for key, value in own.items():
        before = result.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            result[key] = merged(before, value)
        else:
            result[key] = _without_nulls(value)
    return result


def _without_nulls(value: JSON) -> JSON:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return {key: _without_nulls(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value


def _written(attributes: Mapping[str, JSON]) -> str:
    """The shortest text in JSON. Raises ValueError for what JSON has no word for."""
    text = json.dumps(attributes, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a pair, as somebody else's program may have cut it
        return json.dumps(attributes, separators=(",", ":"), allow_nan=False)
    return text


def size_of(text: str) -> int:
    """Characters as Twilio may count them: one beyond the first plane counts as two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass(frozen=True)
class TaskRouter:
    """The tasks of one account's workspace."""

    client: TwilioClient

    def merge_attributes_in_sync(self, task_sid: str, own: Mapping[str, JSON], total_s: float = TOTAL_S) -> Merged:
        """``merge_attributes()`` for jobs."""
        return in_sync(self.merge_attributes(task_sid, own, total_s))

    async def merge_attributes(self, task_sid: str, own: Mapping[str, JSON], total_s: float = TOTAL_S) -> Merged:
        """Write our keys into the task's attributes. Never raises for what Twilio does; ends within ``total_s``."""
        if not is_sid(task_sid, "WT"):
            return Merged(Outcome.OVER)
        try:
            async with self.client.open(total_s) as session:
                result = await self._merge(session, task_sid, own)
        except SourceError as problem:
            log.warning("taskrouter.not_written", why=problem.status, problem=problem.detail)
            return Merged(Outcome.UNAVAILABLE, problem.status)
        if result.outcome in {Outcome.TOO_LARGE, Outcome.UNAVAILABLE}:
            log.warning("taskrouter.not_written", why=result.why or result.outcome.value, size=result.size)
        return result

    async def _merge(self, session: Session, task_sid: str, own: Mapping[str, JSON]) -> Merged:
        for written in range(MAX_WRITES):
            task = await self._read(session, task_sid)
            if task is None:
                return Merged(Outcome.OVER)
            before, text = self._texts(task, own)
            if text == before:
                return Merged(Outcome.UNCHANGED, size=size_of(text))
            if size_of(text) > MAX_ATTRIBUTES:
                return Merged(Outcome.TOO_LARGE, size=size_of(text))
            answer = await session.post(
                *self._path(task_sid), form=[("Attributes", text)], headers={"If-Match": task.version}, repeat=True
            )
            if answer.status == 404 or await self._has_ended(session, task_sid, answer):
                return Merged(Outcome.OVER)
            if answer.status != 412:
                raise_for(answer)
                return Merged(Outcome.MERGED, size=size_of(text))
            pause = random.uniform(0.5, 1.5) * CONFLICT_PAUSE_S * 2 ** min(written, 4)
            if pause >= session.deadline.left():
                break
            await session.sleep(pause)
        return Merged(Outcome.UNAVAILABLE, "conflict")

    def _texts(self, task: Task, own: Mapping[str, JSON]) -> tuple[str, str]:
        try:
            return _written(task.attributes), _written(merged(task.attributes, own))
        except (ValueError, RecursionError):
            raise InvalidResponse(TWILIO, "the task's attributes cannot be written as JSON") from None

    async def _has_ended(self, session: Session, task_sid: str, answer: Answer) -> bool:
        """Whether a refusal means that the call is over. The code alone also stands for requests that are wrong."""
        if answer.status != 400 or answer.code != _NOT_UPDATABLE:
            return False
        task = await self._read(session, task_sid)
        return task is None or task.status in _ENDED

    async def _read(self, session: Session, task_sid: str) -> Task | None:
        """None: there is no such task any more."""
        answer = await session.get(*self._path(task_sid))
        if answer.status == 404:
            return None
        body = answer.json()
        version, text = answer.headers.get("etag", ""), body.get("attributes") or "{}"
        attributes = decoded(text) if isinstance(text, str) else None
        if not version or not isinstance(attributes, dict):
            # Written all the same, it would take somebody's keys away.
            raise InvalidResponse(TWILIO, "the task came without its version or its attributes")
        return Task(version, str(body.get("assignment_status")), attributes)

    async def has_workspace(self, total_s: float = TOTAL_S) -> bool:
        """Whether the account has the workspace that is set. Raises SourceError."""
        async with self.client.open(total_s) as session:
            answer = await session.get("v1", "Workspaces", self.client.access.workspace_sid)
        if answer.status != 404:
            raise_for(answer)
        return answer.status != 404

    def _path(self, task_sid: str) -> tuple[str, ...]:
        return ("v1", "Workspaces", self.client.access.workspace_sid, "Tasks", task_sid)

    def events_in_sync(self, since: datetime, until: datetime, total_s: float = TOTAL_S) -> list[dict[str, Any]]:
        """``events()`` for jobs."""
        return in_sync(self.events(since, until, total_s))

    async def events(self, since: datetime, until: datetime, total_s: float = TOTAL_S) -> list[dict[str, Any]]:
        """What happened in the workspace, as Twilio lists it: kept there for 30 days.

        Raises SourceError, also where there are more than 5,000 events: ask for a shorter time then.
        """
        query = {"StartDate": _moment(since), "EndDate": _moment(until), "PageSize": str(EVENTS_PER_PAGE)}
        path = ("v1", "Workspaces", self.client.access.workspace_sid, "Events")
        async with self.client.open(total_s) as session, aclosing(session.pages(*path, key="events", query=query)) as pages:
            return [event async for event in pages]


def _moment(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
