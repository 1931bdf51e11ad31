"""What every endpoint shares: native async, a key, a JSON object in, one error shape out."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import parse_qsl

import orjson
import structlog
from django.core.exceptions import RequestAborted, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import FormParser, JSONParser
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from integrations.api.errors import error_response
from integrations.api.keys import Client, Forbidden, Unauthenticated, authenticate
from integrations.api.schema import FORM, JSON
from integrations.errors import AuditUnavailable, TooManyUnknown

MAX_BODY = 64 * 1024
_UTF_8 = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})
_MARK = b"\xef\xbb\xbf"  # what some editors begin a text in UTF-8 with
_NOT_JSON = "The request body is not valid JSON."

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
    parser_classes = [JSONParser, FormParser]

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
    """The body as a JSON object, or as a form of the same names. Raises BadRequest, for what can be told from the headers
    before anything is read."""
    if not (_is_json(request) or request.content_type == FORM):
        sentence = f"Send JSON with the header 'Content-Type: {JSON}', or a form as '{FORM}'."
        raise BadRequest("unsupported_media_type", sentence)
    refuse_coded(request)
    return fields_of(request, await read_body(request))


def refuse_coded(request: HttpRequest) -> None:
    """Raises BadRequest for a body that is compressed, or in another character set than UTF-8."""
    if (request.content_params or {}).get("charset", "").strip().lower() not in _UTF_8:
        raise BadRequest("unsupported_media_type", "Send the body in UTF-8; another 'charset' is not read.")
    if _coding(request, "Content-Encoding") not in ("", "identity") or _coding(request, "Transfer-Encoding") not in (
        "",
        "chunked",
    ):
        raise BadRequest("unsupported_media_type", "Send the body as it is, without a content coding.")


async def read_body(request: HttpRequest) -> bytes:
    """The body as it came. Raises BadRequest."""
    try:
        return await _read(request)
    except RequestDataTooBig:
        raise BadRequest("too_large", f"The request body is larger than {MAX_BODY // 1024} KiB.") from None
    except (RequestAborted, UnreadablePostError):
        raise BadRequest("invalid_json", _NOT_JSON) from None


def fields_of(request: HttpRequest, body: bytes) -> dict[str, Any]:
    """What the body says, a form or a JSON object. What a form leaves empty it does not say. Raises BadRequest."""
    if request.content_type == FORM:
        try:
            return dict(parse_qsl(body.removeprefix(_MARK).decode(), errors="strict"))
        except ValueError:
            raise BadRequest("invalid_request", "The form is not written in UTF-8.") from None
    try:
        said = orjson.loads(body.removeprefix(_MARK))
    except ValueError:
        raise BadRequest("invalid_json", _NOT_JSON) from None
    if not isinstance(said, dict):
        raise BadRequest("invalid_request", "The request body must be a JSON object.")
    return said


def _is_json(request: HttpRequest) -> bool:
    content_type = (request.content_type or "").lower()
    return content_type == JSON or content_type.endswith("+json")


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
