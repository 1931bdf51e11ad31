"""The rows of uploaded lists, as the kinds that need them get them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from integrations.connectors.rows import StoredRow
from integrations.errors import NoListYet
from integrations.models.directory import DirectoryKey, DirectoryList, DirectoryRow, digest_scope
from integrations.storage.database_thread import in_database_thread
from integrations.storage.encryption import blind_index

# So many are read for one question at most: the beginning of a name may be that of thousands.
MAX_ROWS = 500


class StoredRows:
    """The list that one connector uses now (``integrations.connectors.rows.RowReader``)."""

    def __init__(self, connector_id: int) -> None:
        self._connector_id = connector_id

    async def rows(self, keys: Sequence[str]) -> list[StoredRow]:
        """The rows in the order of the list, MOST_ROWS at most."""
        return await in_database_thread(self._rows, keys)

    async def count(self) -> int:
        return await in_database_thread(self._count)

    def _rows(self, keys: Sequence[str]) -> list[StoredRow]:
        digests = [blind_index(key, scope=digest_scope(self._connector_id)) for key in keys]
        filed = DirectoryKey.objects.filter(list__current_for=self._connector_id, digest__in=digests)
        found = list(filed.values_list("list", "number", "list__read_at")[:MAX_ROWS])
        if not found:
            self._count()
            return []
        list_id, _number, read_at = found[0]
        rows = DirectoryRow.objects.filter(list=list_id, number__in={number for _list, number, _at in found})
        contents: Iterable[Any] = rows.order_by("number").values_list("content", flat=True)
        return [StoredRow(content, read_at) for content in contents]

    def _count(self) -> int:
        count = DirectoryList.objects.filter(current_for=self._connector_id).values_list("rows", flat=True).first()
        if count is None:
            raise NoListYet("No list has been read yet. Open this system in the admin and choose “List”.")
        return count
