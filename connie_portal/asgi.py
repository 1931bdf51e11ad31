"""The ASGI application: the API on a thin stack of middleware, everything else on the full one."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import closing
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "connie_portal.settings")

import django

django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402 -- Django is to be set up first
from django.core.exceptions import RequestAborted  # noqa: E402
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix  # noqa: E402
from django.urls import resolve, set_script_prefix  # noqa: E402

from integrations.connectors import warm_up  # noqa: E402
from integrations.phone import classify  # noqa: E402

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

THIN_PATH = "/api/v1/"
STATIC_PATH = "/static/"
# Asked by address, and also while every thread waits for a database.
HEALTH_PATHS = frozenset({"/livez", "/readyz"})


class ThinHandler(ASGIHandler):
    """Django's own request path without sessions, cookies and pages, and without a thread.

    Each synchronous middleware costs an asynchronous request more than its view does, and the API, which is asked
    while a phone rings, needs none of them: it has no cookie to protect and no page to decorate. The signals of a
    request's start and end have synchronous receivers, for which Django would start a thread per request; so they are
    not sent, and what uses the database here does so by ``integrations.models.hop``.
    """

    def __init__(self, middleware: list[str]) -> None:
        self._own = middleware
        super().__init__()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with closing(body):
            set_script_prefix(get_script_prefix(scope))
            request, refusal = self.create_request(scope, body)
            if refusal is not None:
                await self.send_response(refusal, send)
            elif request is not None:
                await _unless_they_leave(self._answer(request, send), receive)

    async def _answer(self, request: ASGIRequest, send: Send) -> None:
        await self.send_response(await self.run_get_response(request), send)

    def load_middleware(self, is_async: bool = False) -> None:
        full = settings.MIDDLEWARE
        settings.MIDDLEWARE = self._own
        try:
            super().load_middleware(is_async)
        finally:
            settings.MIDDLEWARE = full


async def _unless_they_leave(answer: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Nobody waits for an answer whose client has gone, and no source is asked for it any longer."""
    leaving = asyncio.create_task(_disconnected(receive, asyncio.current_task()))
    try:
        await answer
    except asyncio.CancelledError:
        if not leaving.done():
            raise  # it was not the client
    finally:
        leaving.cancel()


async def _disconnected(receive: Receive, answering: asyncio.Task[None] | None) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
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
    path = scope["path"] if scope["type"] == "http" else ""
    if path.startswith(THIN_PATH) or path in HEALTH_PATHS:
        chosen: ASGIHandler = thin_application
    else:
        chosen = static_application if path.startswith(STATIC_PATH) else full_application
    await chosen(scope, receive, send)
