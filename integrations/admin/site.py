"""The admin site: who may enter, by which door, and under which browser rules."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse
from django.urls import reverse
from django.utils.csp import CSP
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csp import csp_override
from unfold.sites import UnfoldAdminSite

from integrations.presentation.formatting import at_home

# Unfold's scripts evaluate expressions of its templates, and its dialogs are frames of the admin's own pages. Nobody else
# can frame these pages, and nothing of them can be sent elsewhere all the same.
ADMIN_CSP: dict[str, list[str]] = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, CSP.UNSAFE_INLINE, CSP.UNSAFE_EVAL],
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-src": [CSP.SELF],
    "frame-ancestors": [CSP.SELF],
}


class PortalAdminSite(UnfoldAdminSite):  # type: ignore[misc]  # Unfold has no type information
    """Open to superusers and to people whose role in an organisation is admin; Django's staff flag opens nothing."""

    index_title = _("Set up the portal")

    def has_permission(self, request: HttpRequest) -> bool:
        from integrations.admin.tenancy import administered

        return bool(request.user.is_active and (administered(request) is None or administered(request)))

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        told = _refusals_on_record(_at_home(view))
        guarded: Callable[..., Any] = csp_override(ADMIN_CSP)(super().admin_view(told, cacheable))
        return guarded

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The portal's own log-in is the only one. Whoever is logged in and gets here was refused."""
        from integrations.admin.tenancy import record_refusal

        if request.user.is_authenticated and not self.has_permission(request):
            record_refusal(request, "open admin")
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"), reverse("login"))


def _at_home(view: Callable[..., Any]) -> Callable[..., Any]:
    """Drawn at once, because a page that is drawn after the view has ended would be drawn in UTC."""

    @wraps(view)
    def telling(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        from integrations.admin.tenancy import place_of

        with at_home(*place_of(request)):
            response = view(request, *args, **kwargs)
            return response.render() if isinstance(response, SimpleTemplateResponse) else response

    return telling


def _refusals_on_record(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def recording(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        from integrations.admin.tenancy import record_refusal

        try:
            return view(request, *args, **kwargs)
        except PermissionDenied:
            page = request.resolver_match.url_name if request.resolver_match else ""
            record_refusal(request, f"open {page} in admin")
            raise

    return recording
