"""The Django applications: the portal itself, and its admin site."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Connie portal"


class PortalAdminConfig(AdminConfig):
    default_site = "integrations.admin.site.PortalAdminSite"
