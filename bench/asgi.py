"""The portal's application, with ``/empty`` on Django's own handler: the same thin middleware, nothing of ours in the path."""

from __future__ import annotations

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "bench.settings"

from django.conf import settings
from django.core.handlers.asgi import ASGIHandler

from connie_portal.asgi import Receive, Scope, Send
from connie_portal.asgi import application as portal

full = settings.MIDDLEWARE
settings.MIDDLEWARE = settings.API_MIDDLEWARE
plain = ASGIHandler()
settings.MIDDLEWARE = full


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """As the portal's, but for the empty view."""
    await (plain if scope["path"] == "/empty" else portal)(scope, receive, send)
