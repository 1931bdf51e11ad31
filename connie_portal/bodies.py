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

from integrations.storage.database_thread import in_database_thread

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
        """Wait until the client has gone."""
        await self.taken.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


class BodyRefused(Exception):
    """``code`` is the error's, ``str()`` the sentence for whoever sent it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


async def taken_whole(scope: Scope, receive: Receive) -> Receive:
    """``receive`` for Django's own pages, which take a body whole: it was read already, so that nobody works while it comes.

    Who is not logged in sends little; large files are an administrator's. Raises BodyRefused, RequestAborted.
    """
    headers = dict(scope["headers"])
    if _is_coded(headers):
        raise BodyRefused("unsupported_media_type", "Send the body as it is, without a content coding.")
    allowed = await _allowed(scope, int(headers.get(b"content-length") or 0), ANYBODY)
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestAborted
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        allowed = await _allowed(scope, size, allowed)
        more = message.get("more_body", False)
    waiting = [{"type": "http.request", "body": b"".join(parts), "more_body": False}]

    async def again() -> Mapping[str, Any]:
        return waiting.pop() if waiting else await receive()

    return again


async def _allowed(scope: Scope, wanted: int, allowed: int) -> int:
    """The bytes that the sender may send, who is looked for only when it is more than was known to be ``allowed``."""
    if wanted > allowed:
        with suppress(AnyDatabaseError):
            allowed = await in_database_thread(_most, scope)
    if wanted > allowed:
        sentence = f"This is larger than {allowed // 1024} KiB, which is what can be sent here."
        if allowed == ANYBODY:
            sentence += " If you were logged in before, log in again."
        raise BodyRefused("too_large", sentence)
    return allowed


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
