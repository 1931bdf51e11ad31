"""The Django applications: the portal itself, and its admin site."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Connie portal"

    def ready(self) -> None:
        # Not from the admin package itself: Django imports that while it is still making the site.
        import integrations.admin.registry

        # Registers what is recorded of logging in and out.
        import integrations.dashboard.sessions  # noqa: F401


class PortalAdminConfig(AdminConfig):
    default_site = "integrations.admin.site.PortalAdminSite"
