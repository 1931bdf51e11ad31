"""A copy of a connected system."""

from __future__ import annotations

from copy import deepcopy

from django.utils.translation import gettext as _

from integrations.models import Connector, Organization

_NOT_COPIED = {"id", "key", "name", "enabled", "secrets", "secret_refs", "version", "updated_at"}


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
