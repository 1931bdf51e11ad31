"""The ASGI application: the API and webhooks on a thin stack of middleware, everything else on the full one."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Coroutine
from contextlib import closing
from io import BytesIO
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "connie_portal.settings")

import django

django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402 -- Django is to be set up first
from django.core.exceptions import RequestAborted  # noqa: E402
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import resolve, set_script_prefix  # noqa: E402

from connie_portal.bodies import BodyRefused, Incoming, Receive, Scope, taken_whole  # noqa: E402
from connie_portal.request_ids import Send, identified  # noqa: E402
from connie_portal.turns import TooBusy, refuse_crowd, turn  # noqa: E402
from integrations.api.errors import STATUS_OF, error_response  # noqa: E402
from integrations.connectors import warm_up  # noqa: E402
from integrations.phone import classify  # noqa: E402

THIN_PATHS = ("/api/v1/", "/hooks/")
STATIC_PATH = "/static/"
# Asked by address, and also while every thread waits for a database.
HEALTH_PATHS = frozenset({"/livez", "/readyz"})


class ThinHandler(ASGIHandler):
    """Django's own request path without sessions, cookies and pages, and without a thread.

    Each synchronous middleware costs an asynchronous request more than its view does, and the API, which is asked
    while a phone rings, needs none of them: it has no cookie to protect and no page to decorate. The signals of a
    request's start and end have synchronous receivers, for which Django would start a thread per request; so they are
    not sent, and what uses the database here does so by ``integrations.storage.database_thread``.
    """

    def __init__(self, middleware: list[str]) -> None:
        self._own = middleware
        super().__init__()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The request's body is left unread: a view takes it as ``request.incoming`` when it knows whose it is."""
        incoming = Incoming(scope, receive)
        with closing(BytesIO()) as nothing:
            set_script_prefix(get_script_prefix(scope))
            request, refusal = self.create_request(scope, nothing)
            if refusal is not None:
                await self.send_response(error_response("invalid_request", "This address cannot be read."), send)
            elif request is not None:
                request.incoming = incoming  # type: ignore[attr-defined]  # read by integrations.api.views
                await _unless_they_leave(self._answer(request, send), incoming)

    async def _answer(self, request: ASGIRequest, send: Send) -> None:
        await self.send_response(await self.run_get_response(request), send)

    def load_middleware(self, is_async: bool = False) -> None:
        full = settings.MIDDLEWARE
        settings.MIDDLEWARE = self._own
        try:
            super().load_middleware(is_async)
        finally:
            settings.MIDDLEWARE = full


async def _unless_they_leave(answer: Coroutine[Any, Any, None], incoming: Incoming) -> None:
    """Nobody waits for an answer whose client has gone, and no source is asked for it any longer."""
    leaving = asyncio.create_task(_left(incoming, asyncio.current_task()))
    try:
        await answer
    except asyncio.CancelledError:
        if not leaving.done():
            raise  # it was not the client
    finally:
        leaving.cancel()


async def _left(incoming: Incoming, answering: asyncio.Task[None] | None) -> None:
    await incoming.left()
    if answering:
        answering.cancel()


full_application = ASGIHandler()
thin_application = ThinHandler(settings.API_MIDDLEWARE)
static_application = ThinHandler(settings.STATIC_MIDDLEWARE)

# What the first caller after a start would otherwise wait for: the kinds of system, the views, the numbering plans.
warm_up()
resolve("/")
classify("+14155550100", "US")

# What is loaded by now stays for as long as the process, and a lookup leaves next to nothing that only the collector would
# find (an object in ten). It is let go of what was loaded, and looks no sooner than 200 lookups at once make new objects:
# at a quarter of that it went through what they were still using, which took a tenth of their time.
gc.collect()
gc.freeze()
gc.set_threshold(400_000, 20, 20)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """One of the three, by path."""
    path = ""
    if scope["type"] == "http":
        path, send = scope["path"], identified(scope, send)
    if path.startswith(THIN_PATHS) or path in HEALTH_PATHS:
        await thin_application(scope, receive, send)
    elif path.startswith(STATIC_PATH):
        await static_application(scope, receive, send)
    elif path:
        await _within_limits(scope, receive, send)
    else:
        await full_application(scope, receive, send)  # which says that it speaks HTTP only


async def _within_limits(scope: Scope, receive: Receive, send: Send) -> None:
    """Django's own pages, each when its body is here and a thread is free for it."""
    try:
        refuse_crowd(scope)  # before anything is done for it
        whole = await taken_whole(scope, receive)
        async with turn(scope) as mine:
            await full_application(scope, whole, mine.until_answered(send))
    except RequestAborted:
        return
    except (BodyRefused, TooBusy) as problem:
        await _refuse(error_response(problem.code, str(problem)), send)


async def _refuse(answer: HttpResponse, send: Send) -> None:
    """Sent as it is, because Django's way of sending costs as much as all the rest of refusing a crowd."""
    headers = [(name.encode(), value.encode()) for name, value in answer.items()]
    headers.append((b"content-length", str(len(answer.content)).encode()))
    if answer.status_code == STATUS_OF["throttled"]:
        headers.append((b"retry-after", b"5"))
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": answer.content})
