"""The ASGI application: the API on a thin stack of middleware, everything else on the full one."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "connie_portal.settings")

import django

django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402 -- Django is to be set up first
from django.core.handlers.asgi import ASGIHandler  # noqa: E402

THIN_PATH = "/api/v1/"


class ThinHandler(ASGIHandler):
    """Django's own request path without sessions, cookies and pages.

    Each synchronous middleware costs an asynchronous request more than its view does, and the API, which is asked
    while a phone rings, needs none of them: it has no cookie to protect and no page to decorate.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        full = settings.MIDDLEWARE
        settings.MIDDLEWARE = settings.API_MIDDLEWARE
        try:
            super().load_middleware(is_async)
        finally:
            settings.MIDDLEWARE = full


full_application = ASGIHandler()
thin_application = ThinHandler()


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """One of the two, by path."""
    thin = scope["type"] == "http" and scope["path"].startswith(THIN_PATH)
    await (thin_application if thin else full_application)(scope, receive, send)
