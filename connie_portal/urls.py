"""Every address of the portal. Each delivery package owns its own."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from connie_portal import health

handler400 = "connie_portal.problems.bad_request"
handler403 = "connie_portal.problems.permission_denied"
handler404 = "connie_portal.problems.page_not_found"
handler500 = "connie_portal.problems.server_error"

urlpatterns = [
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("admin/", admin.site.urls),
    path("api/", include("integrations.api.urls")),
    path("hooks/", include("integrations.webhooks.urls")),
    path("panel/", include("integrations.panel.urls")),
    path("", include("integrations.dashboard.urls")),
]
