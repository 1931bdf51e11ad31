"""``manage.py probe_connectors [ORG]``: whether each connected system answers; exit 1 if one cannot be used."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.core.management.base import CommandParser

from integrations.lookup import close_sources
from integrations.lookup.probes import Probe, probe
from integrations.management.base import PortalCommand
from integrations.models import Organization

_WORDS = {"healthy": "well", "degraded": "slow or busy", "unhealthy": "down", "needs_attention": "needs attention"}
_WELL = "It answers and accepts our sign-in."


class Command(PortalCommand):
    help = "Ask every enabled system of an organisation, or of all, whether it answers. Ends with 1 if one cannot be used."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization", metavar="ORG", nargs="?", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["organization"]
        organizations = [self.organization(slug)] if slug else list(Organization.objects.tenants().order_by("slug"))
        found = async_to_sync(_probe_all)([organization.pk for organization in organizations])
        for organization, probes in zip(organizations, found, strict=True):
            for one in probes:
                self.stdout.write(f"{organization.slug}: {one.label} ({one.key}) {_WORDS[one.status]}. {one.message or _WELL}")
            if not probes:
                self.stdout.write(f"{organization.slug}: no system is connected.")
        if not all(one.usable for probes in found for one in probes):
            raise SystemExit(1)


async def _probe_all(organization_ids: list[int]) -> list[list[Probe]]:
    try:
        return [await probe(pk, anew=True) for pk in organization_ids]
    finally:
        await close_sources()
