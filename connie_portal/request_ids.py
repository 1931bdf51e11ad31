"""One id for each request: its answer tells it, and so does every line of the log that is written for it.

Who asks may send their own, so that both sides' logs tell of the same request. What the log's last processor takes for a
number or an address is blanked there, in an id as anywhere.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from structlog.contextvars import bind_contextvars

NAME = "X-Request-Id"
_HEADER = NAME.lower().encode()
_WELL_FORMED = re.compile(rb"[A-Za-z0-9._-]{1,64}")

Send = Callable[[Mapping[str, Any]], Awaitable[None]]


def made() -> str:
    """An id of our own."""
    return secrets.token_hex(16)


def identified(scope: Mapping[str, Any], send: Send) -> Send:
    """``send`` that tells the request's id; from here on the log tells it too."""
    request_id = _sent(scope["headers"]) or made()
    bind_contextvars(request_id=request_id)
    header = (_HEADER, request_id.encode())

    async def sending(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), header]}
        await send(message)

    return sending


def _sent(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The id that came; "" where none did, several, or one in another form."""
    ids = [value for name, value in headers if name == _HEADER]
    return ids[0].decode() if len(ids) == 1 and _WELL_FORMED.fullmatch(ids[0]) else ""
