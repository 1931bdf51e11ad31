"""The page on which a call flow, or a Flex configuration, is looked through before it goes live."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from integrations.calls.addresses import public_url
from integrations.errors import ConfigurationError
from integrations.models import Organization
from integrations.routing.flow_check import MAX_PASTED, Owner, check


@sensitive_post_parameters("flow")  # a key may stand in an address
def flow_page(request: HttpRequest, organization: Organization, context: dict[str, Any]) -> HttpResponse:
    """The form, and what was found. What is pasted is kept nowhere."""
    pasted = request.POST.get("flow", "")
    facts: dict[str, Any] = {"title": _("Check a flow"), "organization": organization, "largest": MAX_PASTED}
    if request.method == "POST":
        try:
            facts["findings"] = check(pasted, Owner(organization.slug, public_url()))
            facts["checked"] = True
        except ConfigurationError as problem:
            facts["problem"] = str(problem)
        facts["pasted"] = pasted[:MAX_PASTED]
    return TemplateResponse(request, "admin/check_flow.html", {**context, **facts}, headers={"Cache-Control": "no-store"})
