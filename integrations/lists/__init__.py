"""Lists of people that an organisation uploads or keeps in a sheet: read, checked, and put in use as a whole."""

from __future__ import annotations

from integrations.lists.columns import is_known, likely_columns
from integrations.lists.sheets import due, fetched, read_again
from integrations.lists.uploads import keep_table, keep_upload, table_of
from integrations.lists.writing import abandoned, put_in_use, remove_abandoned

__all__ = [
    "abandoned",
    "due",
    "fetched",
    "is_known",
    "keep_table",
    "keep_upload",
    "likely_columns",
    "put_in_use",
    "read_again",
    "remove_abandoned",
    "table_of",
]
