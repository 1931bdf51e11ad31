"""What a panel's views answer with: a template in the organisation's time, a part of it, or a problem as JSON."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from integrations.errors import NothingShown
from integrations.lookup.availability import knows_services
from integrations.panel.access import PanelRequest
from integrations.presentation.translation import translated


async def draw(
    request: HttpRequest, panel: PanelRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """A template of the panel, in the organisation's time."""
    context |= {"organization": panel.organization, "call": panel.call}
    if template == "call.html" and "unrecorded" not in context:
        context["knows_services"] = await knows_services(panel.organization.pk)

    def drawn() -> HttpResponse:
        with panel.at_home():
            return render(request, f"integrations/panel/{template}", context, status=status)

    # The context processors read the session.
    return await sync_to_async(drawn)()


async def draw_part(request: HttpRequest, panel: PanelRequest, part: str, page: str, context: dict[str, Any]) -> HttpResponse:
    """The part alone for htmx, else the page with it."""
    return await draw(request, panel, part if panel.htmx else page, context)


async def cannot_be_shown(request: HttpRequest, panel: PanelRequest, problem: NothingShown) -> HttpResponse:
    """The call's page without the caller, and why."""
    return await draw(request, panel, "call.html", {"unrecorded": translated(problem.public_message)}, status=503)


def back_to_call(panel: PanelRequest) -> HttpResponse:
    """Lead to the call's page, which is drawn anew as a whole."""
    if panel.call is None:
        raise LookupError("this visit is not to a call")
    back = reverse("panel-call", args=[panel.organization.slug, panel.call.key])
    return HttpResponseClientRedirect(back) if panel.htmx else redirect(back)


def problem_as_json(code: str, message: str, status: int) -> JsonResponse:
    return JsonResponse({"error": {"code": code, "message": message, "fields": {}}}, status=status)
