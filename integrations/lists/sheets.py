"""Lists that are kept elsewhere: fetched, and read again as often as they are configured to be."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from integrations.connectors.rows import Table
from integrations.deadline import Deadline
from integrations.disclosure.viewers import Viewer
from integrations.errors import AuditUnavailable, ConfigurationError, SourceError
from integrations.lists.columns import connector_of, is_known
from integrations.lists.writing import put_in_use
from integrations.models import (
    ActorKind,
    Channel,
    Connector,
    DirectoryList,
)
from integrations.outbound.loop import on_loop

log = structlog.get_logger(__name__)

FETCH_S = 120.0


def fetched(row: Connector) -> Table:
    """The list from where it is kept. Raises SourceError, ConfigurationError."""
    connector = connector_of(row)

    async def read_table() -> Table:
        try:
            return await connector.read_table(Deadline(FETCH_S))
        finally:
            await connector.close()

    return on_loop(read_table(), FETCH_S + 5)


def due(now: datetime) -> list[int]:
    """The ids of connectors whose sheet is to be read again: those in use, as often as they are configured to be."""
    used = DirectoryList.objects.filter(current_for__enabled=True).select_related("current_for__organization")
    return [one.connector_id for one in used if _is_due(one, now)]


def read_again(row: Connector) -> None:
    """Put the sheet as it is now in use; if that cannot be, leave everything and note why. (sync, for seconds)"""
    used = DirectoryList.objects.filter(current_for=row).first()
    if used is None:
        return
    try:
        table = fetched(row)
        if not is_known(row, table):
            raise ConfigurationError("The sheet's columns are no longer those that were chosen. Choose them anew on this page.")
        put_in_use(row, table, _portal(row), origin=used.origin)
    except (ConfigurationError, SourceError, AuditUnavailable) as problem:
        why = str(problem) if isinstance(problem, ConfigurationError) else problem.public_message
        DirectoryList.objects.filter(pk=used.pk).update(problem=why[:500], tried_at=timezone.now())
        log.warning("list.not_read", connector=row.key, problem=type(problem).__name__)


def _is_due(used: DirectoryList, now: datetime) -> bool:
    connector = used.current_for
    try:
        hours = connector_of(connector).read_every_hours if connector else 0
    except ConfigurationError:
        return False
    return bool(hours) and now - max(used.read_at, used.tried_at or used.read_at) >= timedelta(hours=hours)


def _portal(row: Connector) -> Viewer:
    """The actor in the audit trail: nobody asked for it, and nobody is shown anything."""
    return Viewer(row.organization_id, row.organization.slug, ActorKind.PORTAL, "", "the portal", 0, "", Channel.RUNNER)
