"""The one error shape of the API: ``{"error": {"code", "message", "fields": {name: [sentence]}}}``."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from django.http import HttpResponse

STATUS_OF = {
    "invalid_json": 400,
    "invalid_phone": 400,
    "invalid_request": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "too_large": 413,
    "unsupported_media_type": 415,
    "throttled": 429,
    "internal": 500,
    "audit_unavailable": 503,
}


def json_response(body: object, status: int = 200) -> HttpResponse:
    """``body`` as JSON that no cache may keep."""
    return HttpResponse(
        orjson.dumps(body), status=status, content_type="application/json", headers={"Cache-Control": "no-store"}
    )


def error_response(code: str, message: str, fields: Mapping[str, list[str]] | None = None) -> HttpResponse:
    """An error with the status that belongs to ``code``; ``message`` says what to change."""
    response = json_response({"error": {"code": code, "message": message, "fields": dict(fields or {})}}, STATUS_OF[code])
    if code == "unauthenticated":
        response["WWW-Authenticate"] = 'Bearer realm="connie"'
    return response
