"""The API's description of itself: what each endpoint takes, and every answer that it can give, errors in one shape."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from integrations.api.errors import STATUS_OF

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
KEY = ("bearer", "basic")
TWILIO = "twilio"

# Code → when it is given, and what the message then says.
WHEN = {
    "invalid_json": ("The body is not JSON.", "The request body is not valid JSON."),
    "invalid_phone": ("The number cannot be looked up.", "This number needs its area code."),
    "invalid_request": ("The request, or a field of it, cannot be used.", "Some fields cannot be used."),
    "unauthenticated": (
        "No key, a wrong one, or one that expired or was deactivated; no signature of Twilio's, or a wrong one.",
        "Send an API key: 'Authorization: Bearer KEY', or Basic with the key as password.",
    ),
    "forbidden": (
        "The key lacks the scope, or belongs to another organisation. It is on record.",
        "This API key belongs to another organisation.",
    ),
    "not_found": ("There is nothing at this address, or no such organisation.", "There is no such organisation."),
    "method_not_allowed": ("Use the method named in Allow.", "Use POST here."),
    "not_acceptable": ("It cannot be had in the form that Accept asks for.", "Could not satisfy the request Accept header."),
    "request_timeout": ("The request did not arrive in time.", "The request did not arrive in time."),
    "too_large": ("The body is too large.", "The request body is larger than 64 KiB."),
    "address_too_long": ("The address is too long.", "The address is longer than 8 KiB."),
    "unsupported_media_type": (
        "The body is neither JSON nor a form, is not in UTF-8, or has a content coding such as gzip.",
        "Send the body as it is, without a content coding.",
    ),
    "throttled": (
        "Too many numbers that nobody has; wait as long as Retry-After says.",
        "Too many numbers that nobody has were asked for. Try again later.",
    ),
    "headers_too_long": ("The headers are too long, or too many.", "The headers are longer than 32 KiB, or too many."),
    "internal": ("A mistake of ours; it has been logged.", "Something went wrong here. It has been logged."),
    "audit_unavailable": (
        "The access record could not be written, so the answer holds no caller data.",
        "The access record cannot be written at the moment, so nothing is shown.",
    ),
}
CODES = tuple((code, WHEN[code][0]) for code in STATUS_OF)
_ANYWHERE = (
    "invalid_request", "unauthenticated", "forbidden", "method_not_allowed", "request_timeout", "address_too_long",
    "headers_too_long", "internal", "audit_unavailable",
)  # fmt: skip
_WITH_BODY = ("invalid_json", "too_large", "unsupported_media_type")


class ErrorDetail(serializers.Serializer[Any]):
    code = serializers.ChoiceField(choices=CODES, help_text="For programs: a code keeps its meaning.")
    message = serializers.CharField(help_text="For people: what to change. Its wording may change.")
    fields = serializers.DictField(  # type: ignore[assignment]  # the contract's name shadows the base class's
        child=serializers.ListField(child=serializers.CharField()),
        help_text="Field → sentences; empty where no field is to blame.",
    )


class Error(serializers.Serializer[Any]):
    """Every error of every endpoint."""

    error = ErrorDetail()


_REQUEST_ID = {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}
_HEADERS = (
    OpenApiParameter(
        "X-Request-Id", _REQUEST_ID, OpenApiParameter.HEADER,
        description="Your id for this request, which the answer and the portal's log tell. One is made where none comes.",
    ),
    OpenApiParameter("X-Request-Id", _REQUEST_ID, OpenApiParameter.HEADER, response=True, description="The request's id."),
    OpenApiParameter(
        "WWW-Authenticate", OpenApiTypes.STR, OpenApiParameter.HEADER, response=[401], description="How to send a key."
    ),
    OpenApiParameter("Allow", OpenApiTypes.STR, OpenApiParameter.HEADER, response=[405], description="The method to use."),
    OpenApiParameter("Retry-After", OpenApiTypes.INT, OpenApiParameter.HEADER, response=[429], description="Seconds to wait."),
)  # fmt: skip


def described(
    name: str,
    answer: type[serializers.Serializer[Any]],
    *,
    tag: str = "",
    request: type[serializers.Serializer[Any]] | None = None,
    asked: Mapping[str, Mapping[str, Any]] | None = None,
    answered: Mapping[str, Mapping[str, Any]] | None = None,
    errors: Sequence[str] = (),
    auth: Sequence[str] = KEY,
) -> Callable[..., Any]:
    """Describe a view's method. ``asked`` and ``answered`` are examples by name; ``errors`` what it gives beside the usual."""
    codes = {*_ANYWHERE, *(_WITH_BODY if request else ()), *errors}
    schemes: list[Any] = [{scheme: []} for scheme in auth]
    examples = [
        OpenApiExample(said, value=dict(value), request_only=True, media_type=media)
        for said, value in (asked or {}).items()
        for media in (JSON, FORM)
    ]
    examples += [
        OpenApiExample(said, value=dict(value), response_only=True, status_codes=["200"])
        for said, value in (answered or {}).items()
    ]
    return extend_schema(
        operation_id=name,
        tags=[tag or name],
        request=request,
        responses={200: OpenApiResponse(answer, "The answer."), **_errors(codes)},
        examples=examples,
        parameters=list(_HEADERS),
        auth=schemes,
    )


def described_for_studio(name: str, answer: type[serializers.Serializer[Any]], **facts: Any) -> Callable[..., Any]:
    """The same for an address whose askers Twilio's signature may vouch for."""
    return described(name, answer, tag="studio", errors=("not_found",), auth=(*KEY, TWILIO), **facts)


def _errors(codes: set[str]) -> dict[int, OpenApiResponse]:
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in STATUS_OF:
        if code in codes:
            by_status[STATUS_OF[code]].append(code)
    return {
        status: OpenApiResponse(
            Error, " · ".join(f"`{code}`: {WHEN[code][0]}" for code in of), examples=[_example(code) for code in of]
        )
        for status, of in by_status.items()
    }


def _example(code: str) -> OpenApiExample:
    return OpenApiExample(code, value={"error": {"code": code, "message": WHEN[code][1], "fields": {}}})
