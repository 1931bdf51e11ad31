"""Everything that the admin site shows."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.models import Group

from integrations.admin import (
    audit,
    calls,
    connectors,
    deliveries,
    health,
    history,
    menu_rules,
    organizations,
    people,
    restricted,
)

__all__ = [
    "audit",
    "calls",
    "connectors",
    "deliveries",
    "health",
    "history",
    "menu_rules",
    "organizations",
    "people",
    "restricted",
]

# Rights follow from roles and tiers; Django's groups would only seem to grant something.
if admin.site.is_registered(Group):
    admin.site.unregister(Group)
