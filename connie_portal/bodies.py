"""How much of a request's body is read, from whom, and when: as little as possible before it is known who sends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user
from django.core.exceptions import RequestAborted
from django.db import Error as AnyDatabaseError
from django.http import HttpRequest, parse_cookie

from integrations.models.hop import hop

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]

# From anybody: a log-in, a call that is opened.
ANYBODY = 64 * 1024
# What a multipart form adds to the file in it.
_ENVELOPE = 64 * 1024


class Incoming:
    """A request's body before it is read.

    Who needs it calls ``read`` with the most that it takes; nobody need. ``taken`` is set when nothing of it is left, so
    that from then on whoever listens hears that the client has gone.
    """

    def __init__(self, scope: Scope, receive: Receive) -> None:
        headers = dict(scope["headers"])
        self._receive = receive
        self.length = int(headers.get(b"content-length") or 0)
        self.taken = asyncio.Event()
        if scope["method"] in ("GET", "HEAD", "OPTIONS") and not self.length and b"transfer-encoding" not in headers:
            self.taken.set()

    async def read(self, limit: int) -> bytes | None:
        """The whole; None as soon as it is more than ``limit`` bytes. Raises RequestAborted."""
        if self.length > limit:
            return None
        parts, size, more = [], 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise RequestAborted
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > limit:
                return None
            more = message.get("more_body", False)
        self.taken.set()
        return b"".join(parts)

    async def left(self) -> None:
        """Until the client has gone."""
        await self.taken.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


class LimitedBody:
    """The body for those who read it whole, before it is known whose it is: Django's own pages.

    Who is not logged in sends little; large files are an administrator's. What is refused ends as if the client had gone,
    and then ``refusal`` is an error's code and sentence.
    """

    def __init__(self, scope: Scope, receive: Receive) -> None:
        headers = dict(scope["headers"])
        self.refusal: tuple[str, str] | None = None
        self._scope, self._receive = scope, receive
        self._announced = int(headers.get(b"content-length") or 0)
        self._coded = _is_coded(headers)
        self._size, self._allowed = 0, ANYBODY

    async def receive(self) -> Mapping[str, Any]:
        if self._coded:
            self.refusal = ("unsupported_media_type", "Send the body as it is, without a content coding.")
        elif self._announced > self._allowed:
            await self._ask_for(self._announced)
        if self.refusal:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._size += len(message.get("body", b""))
        if self._size > self._allowed:
            await self._ask_for(self._size)
        return {"type": "http.disconnect"} if self.refusal else message

    async def _ask_for(self, wanted: int) -> None:
        with suppress(AnyDatabaseError):
            self._allowed = await hop(_most, self._scope)
        if wanted > self._allowed:
            sentence = f"This is larger than {self._allowed // 1024} KiB, which is what can be sent here."
            if self._allowed == ANYBODY:
                sentence += " If you were logged in before, log in again."
            self.refusal = ("too_large", sentence)


def _most(scope: Scope) -> int:
    cookies = parse_cookie(b"; ".join(value for name, value in scope["headers"] if name == b"cookie").decode("latin-1"))
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(cookies.get(settings.SESSION_COOKIE_NAME))
    request.user = get_user(request)
    if not request.user.is_authenticated:
        return ANYBODY
    if scope["path"].startswith("/admin/") and admin.site.has_permission(request):
        return settings.FILE_UPLOAD_MAX_MEMORY_SIZE + _ENVELOPE
    most: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return most


def _is_coded(headers: Mapping[bytes, bytes]) -> bool:
    coding = headers.get(b"content-encoding", b"").strip().lower()
    transfer = headers.get(b"transfer-encoding", b"").strip().lower()
    return coding not in (b"", b"identity") or transfer not in (b"", b"chunked")
