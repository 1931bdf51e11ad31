"""Addresses of the API."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import path
from django.utils.csp import CSP
from django.views.decorators.csp import csp_override
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from integrations.api.availability import AvailabilityView
from integrations.api.health import HealthView
from integrations.api.lookup import LookupView
from integrations.api.studio import EnrichView
from integrations.api.voicemail import VoicemailView

# Swagger UI styles its elements one by one.
_DOCS_CSP: dict[str, Any] = {**settings.SECURE_CSP, "style-src": [CSP.SELF, CSP.UNSAFE_INLINE]}

urlpatterns = [
    path("v1/lookup", LookupView.as_view(), name="api-lookup"),
    path("v1/studio/<slug:org>/enrich", EnrichView.as_view(), name="api-enrich"),
    path("v1/studio/<slug:org>/voicemail", VoicemailView.as_view(), name="api-voicemail"),
    path("v1/availability", AvailabilityView.as_view(), name="api-availability"),
    path("v1/health", HealthView.as_view(), name="api-health"),
    path("schema", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs", csp_override(_DOCS_CSP)(SpectacularSwaggerSplitView.as_view(url_name="api-schema")), name="api-docs"),
]
