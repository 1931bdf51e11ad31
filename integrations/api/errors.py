"""The one error shape of the API: ``{"error": {"code", "message", "fields": {name: [sentence]}}}``."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from django.http import Http404, HttpResponse

STATUS_OF = {
    "invalid_json": 400,
    "invalid_phone": 400,
    "invalid_request": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "request_timeout": 408,
    "too_large": 413,
    "address_too_long": 414,
    "unsupported_media_type": 415,
    "throttled": 429,
    "headers_too_long": 431,
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
        # Basic too: Twilio sends the name and password of an address only where it is asked for them.
        response["WWW-Authenticate"] = 'Basic realm="connie", Bearer realm="connie"'
    return response


def as_error(problem: Exception, _context: object) -> HttpResponse | None:
    """What REST framework's own views (the description of the API) refuse, in the one shape; None for a mistake of ours."""
    status = getattr(problem, "status_code", 404 if isinstance(problem, Http404) else 500)
    code = next((code for code, of in STATUS_OF.items() if of == status), "invalid_request")
    if status >= 500:
        return None
    return error_response(code, str(getattr(problem, "detail", "")) or "There is nothing at this address, or not in this form.")
