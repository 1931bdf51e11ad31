"""Lists of people that an organisation uploads or keeps in a sheet: read, checked, and put in use as a whole."""

from __future__ import annotations

import base64
import csv
import io
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched
from typing import Any, cast

import structlog
from django.db import models, transaction
from django.utils import timezone
from pydantic import ValidationError

from integrations.configuration.history import recorded, write_down
from integrations.connectors import build
from integrations.connectors.rows import MAX_BYTES, Filed, Reading, RowsConnector, Table, UnusableRow, read_csv
from integrations.deadline import Deadline
from integrations.disclosure import audit
from integrations.disclosure.viewers import Viewer
from integrations.errors import AuditUnavailable, ConfigurationError, SourceError
from integrations.lookup.source_settings import settings_of
from integrations.lookup.sources import plan_with
from integrations.models import (
    ActorKind,
    Channel,
    ConfigurationChange,
    Connector,
    DirectoryKey,
    DirectoryList,
    DirectoryRow,
    DirectoryUpload,
    Event,
)
from integrations.models.directory import digest_scope
from integrations.outbound.loop import on_loop
from integrations.storage.bulk import insert
from integrations.storage.encryption import blind_index

log = structlog.get_logger(__name__)

# So many rows are written in a transaction: other writers wait for a few hundredths of a second at most.
CHUNK = 200
MAX_TOLD = 100
# An upload whose columns nobody chose, and a list whose writing was cut off, are removed after this.
ABANDONED_AFTER = timedelta(hours=1)
FETCH_S = 120.0
# What one statement carries to a MariaDB as it is installed, with room to spare.
MAX_PACKED = 8 * 1024 * 1024


def keep_upload(row: Connector, content: bytes, file_name: str, viewer: Viewer) -> tuple[DirectoryUpload, Table]:
    """Store a file until its columns are chosen, in place of an earlier one. Raises ConfigurationError for an unusable file."""
    if len(content) > MAX_BYTES:
        raise ConfigurationError(
            f"The file is larger than {MAX_BYTES // 1024**2} MB. Leave out columns that calls do not need."
        )
    table = read_csv(content)
    packed = base64.b64encode(zlib.compress(content)).decode()
    if len(packed) > MAX_PACKED:
        raise ConfigurationError("The file is too large to be kept. Leave out columns that calls do not need.")
    row.uploads.all().delete()
    upload = DirectoryUpload.objects.create(
        connector=row, file_name=file_name[-120:], content=packed, uploaded_by=viewer.actor_label
    )
    return upload, table


def keep_table(row: Connector, table: Table, name: str, viewer: Viewer) -> DirectoryUpload:
    """The same for a list that was read from where it is kept."""
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(column.label for column in table.columns)
    lines.writerows(one.cells for one in table.rows)
    return keep_upload(row, text.getvalue().encode(), name, viewer)[0]


def is_known(row: Connector, table: Table) -> bool:
    """Whether a list with these columns was chosen before, so that another one can take its place as it is."""
    return row.lists.filter(current_for=row).exists() and _fits(_connector(row), table)


def table_of(upload: DirectoryUpload) -> Table:
    return read_csv(zlib.decompress(base64.b64decode(upload.content)))


def likely_columns(row: Connector, table: Table) -> dict[str, str]:
    """What each column is taken for: as was chosen before, if the list has those columns; else as it is headed."""
    connector = _connector(row)
    chosen_before = bool(row.fields) or "phone_columns" in row.options
    if chosen_before and _fits(connector, table):
        return connector.as_configured(table.columns)
    return connector.guess(table.columns)


def fetched(row: Connector) -> Table:
    """The list from where it is kept. Raises SourceError, ConfigurationError."""
    connector = _connector(row)

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
        hours = _connector(connector).read_every_hours if connector else 0
    except ConfigurationError:
        return False
    return bool(hours) and now - max(used.read_at, used.tried_at or used.read_at) >= timedelta(hours=hours)


def _portal(row: Connector) -> Viewer:
    """The actor in the audit trail: nobody asked for it, and nobody is shown anything."""
    return Viewer(row.organization_id, row.organization.slug, ActorKind.PORTAL, "", "the portal", 0, "", Channel.RUNNER)


def put_in_use(
    row: Connector, table: Table, viewer: Viewer, *, origin: str, chosen: Mapping[str, str] | None = None
) -> DirectoryList:
    """Write the list's rows and then, in one step, ask it instead of the one before. (sync, for seconds)

    ``chosen`` is what the columns are, if that was chosen anew; it is saved with the connector. Raises ConfigurationError
    and leaves everything as it was if the list cannot be used.
    """
    if chosen is None and not row.lists.filter(current_for=row).exists() and not _fits(_connector(row), table):
        chosen = likely_columns(row, table)
    if chosen is not None:
        _read_as(row, _connector(row).reading(chosen), table)
    file = _connector(row).filer(table.columns)
    written = DirectoryList(connector=row, origin=origin[-160:], read_by=viewer.actor_label, read_at=timezone.now())
    written.save()
    try:
        _write(written, table, file)
        replaced = _switch(row, written, viewer, chosen_anew=chosen is not None)
    except BaseException:
        _remove(written)
        raise
    row.uploads.all().delete()
    for old in replaced:
        _remove(old)
    return written


def abandoned() -> tuple[models.QuerySet[DirectoryUpload], models.QuerySet[DirectoryList]]:
    """Uploads that nobody went on with, and lists whose writing was cut off."""
    before = timezone.now() - ABANDONED_AFTER
    uploads = DirectoryUpload.objects.filter(uploaded_at__lt=before)
    return uploads, DirectoryList.objects.filter(current_for=None, read_at__lt=before)


def remove_abandoned() -> int:
    """How many there were. (sync)"""
    uploads, cut_off = abandoned()
    removed, _by_model = uploads.delete()
    for one in list(cut_off):
        _remove(one)
        removed += 1
    return removed


def _connector(row: Connector) -> RowsConnector:
    """Built from the row as it is in memory, with choices that are not saved yet. Raises ConfigurationError."""
    plan, _source = plan_with(row.organization_id, row.pk)
    try:
        connector = build(settings_of(row, row.organization, plan.vocabulary))
        _ = connector.options, connector.secrets, connector.mapping
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ConfigurationError(f"The settings of this system need to be completed first: {place}.") from None
    if not isinstance(connector, RowsConnector):
        raise ConfigurationError("This system is not a list, so nothing can be uploaded for it.")
    return connector


def _fits(connector: RowsConnector, table: Table) -> bool:
    try:
        connector.filer(table.columns)
    except ConfigurationError:
        return False
    return True


def _read_as(row: Connector, reading: Reading, table: Table) -> None:
    """Take over what the columns are; what was configured with more than a column's name stays."""
    named = {column.name for column in table.columns}
    kept = {name: text for name, text in row.fields.items() if isinstance(text, str) and not text.isidentifier()}
    kept = {name: text for name, text in kept.items() if name not in named}
    row.fields = kept | dict(reading.fields)
    row.options = row.options | dict(reading.options)


@dataclass
class _Lines:
    """Lines that are not rows now, as (line, why), and those that lost a value, as (line, the fields' labels)."""

    refused: list[tuple[int, str]]
    unreadable: list[tuple[int, str]] = field(default_factory=list)


def _write(written: DirectoryList, table: Table, file: Callable[[Mapping[str, str]], Filed]) -> None:
    """Raises ConfigurationError if no row is usable."""
    lines = _Lines(list(table.refused))
    for chunk in batched(_filed(table, file, lines), CHUNK):
        _write_chunk(written, chunk)
        written.rows += len(chunk)
    if not written.rows:
        raise ConfigurationError(
            f"No row can be used, so nothing was changed. Line {lines.refused[0][0]}: {lines.refused[0][1]}"
        )
    written.refused_count, written.refused = len(lines.refused), sorted(lines.refused)[:MAX_TOLD]
    written.unreadable_count, written.unreadable = len(lines.unreadable), lines.unreadable[:MAX_TOLD]


def _filed(table: Table, file: Callable[[Mapping[str, str]], Filed], lines: _Lines) -> Iterator[Filed]:
    """Each usable row once."""
    first_of: dict[str, int] = {}
    for row in table.rows:
        try:
            filed = file(table.named(row))
        except UnusableRow as problem:
            lines.refused.append((row.line, str(problem)))
            continue
        first = first_of.setdefault(filed.content["id"], row.line)
        if first != row.line:
            lines.refused.append((row.line, f"Line {first} is the same person."))
            continue
        if filed.unreadable:
            lines.unreadable.append((row.line, ", ".join(filed.unreadable)))
        yield filed


def _write_chunk(written: DirectoryList, chunk: tuple[Filed, ...]) -> None:
    scope = digest_scope(written.connector_id)
    numbered = list(enumerate(chunk, start=written.rows))
    rows = [DirectoryRow(list=written, number=number, content=cast("Any", filed.content)) for number, filed in numbered]
    keys = [(written.pk, number, blind_index(key, scope=scope)) for number, filed in numbered for key in filed.keys]
    with transaction.atomic():
        DirectoryRow.objects.bulk_create(rows)
        insert(DirectoryKey, ("list_id", "number", "digest"), keys)


def _switch(row: Connector, written: DirectoryList, viewer: Viewer, *, chosen_anew: bool) -> list[DirectoryList]:
    """One short transaction: from here on lookups ask the new list. Returns those that are no longer asked."""
    with recorded(viewer.actor_label, ConfigurationChange.By.LIST):
        stored = Connector.objects.select_for_update().get(pk=row.pk)
        if chosen_anew:  # else somebody may have changed them while the list was read
            stored.options, stored.fields = row.options, row.fields
        replaced = list(DirectoryList.objects.filter(current_for=stored))
        DirectoryList.objects.filter(current_for=stored).update(current_for=None)
        written.current_for = stored
        written.save()
        stored.save(update_fields=["options", "fields"])  # a new version: nothing that was kept of the old list counts
        write_down()
        detail = {"model": "connector", "object": str(row.pk), "changed": ["list"], "rows": written.rows}
        audit.record_within(viewer.entry(Event.ADMIN_CHANGE, outcome="changed", detail=detail))
    return replaced


def _remove(old: DirectoryList) -> None:
    """Remove the rows in chunks, each a transaction of its own."""
    for model in (DirectoryKey, DirectoryRow):
        _remove_all(model._default_manager.filter(list=old))
    old.delete()


def _remove_all(rows: models.QuerySet[models.Model]) -> None:
    while keys := list(rows.values_list("pk", flat=True)[: 5 * CHUNK]):
        rows.filter(pk__in=keys).delete()
