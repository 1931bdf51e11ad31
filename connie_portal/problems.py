"""What is answered when no view could: JSON below /api/, a plain page elsewhere."""

from __future__ import annotations

import sys

from django.db import InterfaceError, InternalError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _

from integrations.api.errors import error_response
from integrations.errors import AuditUnavailable


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, 400, "invalid_request", _("This request could not be understood."))


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(
        request,
        403,
        "forbidden",
        _("Your role does not open this page. If you need it, ask an administrator of your organisation."),
    )


def forged_request(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A post without its token: mostly a page that was open while its session ended."""
    message = _("This page is too old to be sent. Reload it and try again.")
    if request.path.startswith("/panel/") and request.path.endswith("/open"):
        return error_response("forbidden", message)
    return _answer(request, 403, "forbidden", message)


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, 404, "not_found", _("There is nothing at this address, or you may not see it."))


class BlankPages(MiddlewareMixin):
    """Puts a sentence into Django's answer to a method that an address does not take, which has no body."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if response.status_code != 405 or response.streaming or response.content:
            return response
        message = _("This address cannot be opened like this. Go back to your calls and start again from there.")
        answer = _answer(request, 405, "method_not_allowed", message)
        answer["Allow"] = response["Allow"]
        return answer


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer where nobody else did; a database that cannot do it now is no fault of the page, and has a sentence."""
    if isinstance(sys.exception(), OperationalError | InternalError | InterfaceError | AuditUnavailable):
        message = _("The portal can record nothing at this moment, so this was not done. Please try again in a minute.")
        return _answer(request, 503, "audit_unavailable", message)
    return _answer(request, 500, "internal", _("Something went wrong on our side. It has been noted; please try again."))


def _answer(request: HttpRequest, status: int, code: str, message: str) -> HttpResponse:
    if request.path.startswith(("/api/", "/hooks/")):
        return error_response(code, message)
    response = render(request, "problem.html", {"message": message}, status=status)
    # The same address may work for somebody else, or after logging in.
    response["Cache-Control"] = "no-store"
    return response
