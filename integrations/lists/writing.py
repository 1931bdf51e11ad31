"""A list put in use as a whole: written in short transactions beside the one that is asked, and then asked instead of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import batched
from typing import Any, cast

from django.db import models, transaction
from django.utils import timezone

from integrations.configuration.history import recorded, write_down
from integrations.connectors.rows import Filed, Table, UnusableRow
from integrations.disclosure import audit
from integrations.disclosure.viewers import Viewer
from integrations.errors import ConfigurationError
from integrations.lists.columns import connector_of, fits, likely_columns, read_as
from integrations.models import (
    ConfigurationChange,
    Connector,
    DirectoryKey,
    DirectoryList,
    DirectoryRow,
    DirectoryUpload,
    Event,
)
from integrations.models.directory import digest_scope
from integrations.storage.bulk import insert
from integrations.storage.encryption import blind_index

# So many rows are written in a transaction: other writers wait for a few hundredths of a second at most.
CHUNK = 200
MAX_TOLD = 100
# An upload whose columns nobody chose, and a list whose writing was cut off, are removed after this.
ABANDONED_AFTER = timedelta(hours=1)


def put_in_use(
    row: Connector, table: Table, viewer: Viewer, *, origin: str, chosen: Mapping[str, str] | None = None
) -> DirectoryList:
    """Write the list's rows and then, in one step, ask it instead of the one before. (sync, for seconds)

    ``chosen`` is what the columns are, if that was chosen anew; it is saved with the connector. Raises ConfigurationError
    and leaves everything as it was if the list cannot be used.
    """
    if chosen is None and not row.lists.filter(current_for=row).exists() and not fits(connector_of(row), table):
        chosen = likely_columns(row, table)
    if chosen is not None:
        read_as(row, connector_of(row).reading(chosen), table)
    file = connector_of(row).filer(table.columns)
    written = DirectoryList(connector=row, origin=origin[-160:], read_by=viewer.actor_label, read_at=timezone.now())
    written.save()
    try:
        _write(written, table, file)
        replaced = _switch(row, written, viewer, chosen_anew=chosen is not None)
    except BaseException:
        remove_list(written)
        raise
    row.uploads.all().delete()
    for old in replaced:
        remove_list(old)
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
        remove_list(one)
        removed += 1
    return removed


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


def remove_list(old: DirectoryList) -> None:
    """Remove the rows in chunks, each a transaction of its own."""
    for model in (DirectoryKey, DirectoryRow):
        _remove_all(model._default_manager.filter(list=old))
    old.delete()


def _remove_all(rows: models.QuerySet[models.Model]) -> None:
    while keys := list(rows.values_list("pk", flat=True)[: 5 * CHUNK]):
        rows.filter(pk__in=keys).delete()
