"""The order of connected systems, by which one wins a conflict."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from django.db.models import QuerySet

from integrations.models import Connector, Organization

_STEP = 10


def orders_of(rows: QuerySet[Connector]) -> list[tuple[Organization, list[Connector]]]:
    """Each organisation with its systems, the one that wins first."""
    ordered = rows.select_related("organization").order_by("organization__name", "organization", "priority", "key")
    return [(organization, list(own)) for organization, own in groupby(ordered, key=lambda row: row.organization)]


def move(row: Connector, *, up: bool) -> Iterator[Connector]:
    """Change places with the one above or below. Yields what it saved. Within a transaction.

    Only those two get another priority, unless there are equal ones, whose order nobody chose.
    """
    systems = list(Connector.objects.select_for_update().filter(organization=row.organization_id).order_by("priority", "key"))
    priorities = [system.priority for system in systems]
    if len(set(priorities)) < len(priorities):
        priorities = [_STEP * position for position in range(1, len(systems) + 1)]
    place = systems.index(row)
    other = place - 1 if up else place + 1
    if 0 <= other < len(systems):
        systems[place], systems[other] = systems[other], systems[place]
    for system, priority in zip(systems, priorities, strict=True):
        if system.priority != priority:
            system.priority = priority
            system.save(update_fields=["priority"])
            yield system
