"""What every endpoint shares: native async, a key, a JSON object in, one error shape out."""

from __future__ import annotations

from typing import Any, ClassVar

import orjson
import structlog
from django.core.exceptions import RequestAborted, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from integrations.api.errors import error_response
from integrations.api.keys import Client, Forbidden, Unauthenticated, authenticate
from integrations.errors import AuditUnavailable, TooManyUnknown

MAX_BODY = 64 * 1024

log = structlog.get_logger(__name__)


class BadRequest(Exception):
    """The body cannot be used. ``code`` is the error's; ``fields`` maps names to sentences."""

    def __init__(self, code: str, message: str, fields: dict[str, list[str]] | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.fields = code, message, fields


class ApiView(APIView):
    """An endpoint. Sub-classes set ``scope`` and implement ``async answer(client, body)``.

    REST framework supplies the schema and the serializers; its own dispatch is synchronous and is not used.
    """

    scope: ClassVar[str]

    async def post(self, request: HttpRequest) -> HttpResponse:
        """Authenticate first: a stranger learns nothing about what a body should hold."""
        client = await authenticate(request, self.scope)
        return await self.answer(client, await read_object(request))

    async def answer(self, client: Client, body: dict[str, Any]) -> HttpResponse:
        raise NotImplementedError

    async def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override]
        method = (request.method or "").lower()
        offered = [name for name in ("get", "post") if name in self.http_method_names and hasattr(self, name)]
        handler = getattr(self, method) if method in offered else None
        if handler is None:
            allowed = ", ".join(name.upper() for name in offered)
            response = error_response("method_not_allowed", f"Use {allowed} here.")
            response["Allow"] = allowed
            return response
        try:
            response = await handler(request, *args, **kwargs)
        except Unauthenticated as problem:
            response = error_response("unauthenticated", str(problem))
        except Forbidden as problem:
            response = error_response("forbidden", str(problem))
        except BadRequest as problem:
            response = error_response(problem.code, problem.message, problem.fields)
        except TooManyUnknown as problem:
            response = error_response("throttled", problem.public_message)
            response["Retry-After"] = str(problem.retry_after)
        except (AuditUnavailable, OperationalError, InterfaceError) as problem:
            # Without the database there is no entry, and without an entry no caller data.
            log.error("audit.unavailable", problem=type(problem).__name__)
            response = error_response("audit_unavailable", AuditUnavailable.public_message)
        return response


async def read_object(request: HttpRequest) -> dict[str, Any]:
    """The body as a JSON object. Raises BadRequest, for what can be told from the headers before anything is read."""
    content_type = (request.content_type or "").lower()
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise BadRequest("unsupported_media_type", "Send JSON with the header 'Content-Type: application/json'.")
    if _coding(request, "Content-Encoding") not in ("", "identity") or _coding(request, "Transfer-Encoding") not in (
        "",
        "chunked",
    ):
        raise BadRequest("unsupported_media_type", "Send the body as it is, without a content coding.")
    try:
        body = orjson.loads(await _read(request))
    except RequestDataTooBig:
        raise BadRequest("too_large", f"The request body is larger than {MAX_BODY // 1024} KiB.") from None
    except (ValueError, RequestAborted, UnreadablePostError):
        raise BadRequest("invalid_json", "The request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise BadRequest("invalid_request", "The request body must be a JSON object.")
    return body


def _coding(request: HttpRequest, header: str) -> str:
    return request.headers.get(header, "").strip().lower()


async def _read(request: HttpRequest) -> bytes:
    # The thin stack leaves the body unread until now.
    incoming = getattr(request, "incoming", None)
    body = request.body if incoming is None else await incoming.read(MAX_BODY)
    if body is None or len(body) > MAX_BODY:
        raise RequestDataTooBig
    return body


def validated(serializer: Serializer[Any], body: dict[str, Any]) -> dict[str, Any]:
    """The serializer's values out of ``body``. Raises BadRequest with its sentences.

    The serializer keeps nothing of the body, so that one can serve all requests: making one costs more than using it.
    """
    try:
        return dict(serializer.run_validation(body))
    except ValidationError as problem:
        fields = {name: [str(message) for message in messages] for name, messages in problem.detail.items()}  # type: ignore[union-attr]
        raise BadRequest("invalid_request", "Some fields cannot be used.", fields) from None
