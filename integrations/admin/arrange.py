"""Connected systems as a whole: their order, and a copy of one of them."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from itertools import groupby

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from integrations.models import Connector, Organization

_NOT_COPIED = {"id", "key", "name", "enabled", "secrets", "secret_refs", "version", "updated_at"}
_STEP = 10


def make_copy(row: Connector, *, keeps_private: bool) -> Connector:
    """A system with the same settings under another key, switched off and without secrets. Within a transaction.

    Unless ``keeps_private``, private addresses and other hosts are closed to it: only a superuser opens them.
    """
    Organization.objects.select_for_update().get(pk=row.organization_id)  # two copies at once get two keys
    columns = [column.attname for column in Connector._meta.concrete_fields if column.name not in _NOT_COPIED]
    made = Connector(**{name: deepcopy(getattr(row, name)) for name in columns})
    made.key, made.name = _free_key(row), _("Copy of %(name)s") % {"name": row.name}
    made.name = made.name[: Connector._meta.get_field("name").max_length]
    made.enabled = False
    if not keeps_private:
        made.allow_private, made.hosts = [], []
    made.save()
    return made


def _free_key(row: Connector) -> str:
    longest = Connector._meta.get_field("key").max_length or 0
    taken = set(row.organization.connectors.values_list("key", flat=True))
    count = 1
    while True:
        suffix = "-copy" if count == 1 else f"-copy-{count}"
        key = row.key[: longest - len(suffix)] + suffix
        if key not in taken:
            return key
        count += 1


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
