"""Files and fetched tables, kept until somebody has chosen what their columns are."""

from __future__ import annotations

import base64
import csv
import io
import zlib

from integrations.connectors.rows import MAX_BYTES, Table, read_csv
from integrations.disclosure.viewers import Viewer
from integrations.errors import ConfigurationError
from integrations.models import (
    Connector,
    DirectoryUpload,
)

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


def table_of(upload: DirectoryUpload) -> Table:
    return read_csv(zlib.decompress(base64.b64decode(upload.content)))
