"""The columns of a list: what each is taken for, and the connector that reads them so."""

from __future__ import annotations

from pydantic import ValidationError

from integrations.connectors import build
from integrations.connectors.rows import Reading, RowsConnector, Table
from integrations.errors import ConfigurationError
from integrations.lookup.source_settings import settings_of
from integrations.lookup.sources import plan_with
from integrations.models import Connector


def likely_columns(row: Connector, table: Table) -> dict[str, str]:
    """What each column is taken for: as was chosen before, if the list has those columns; else as it is headed."""
    connector = connector_of(row)
    chosen_before = bool(row.fields) or "phone_columns" in row.options
    if chosen_before and fits(connector, table):
        return connector.as_configured(table.columns)
    return connector.guess(table.columns)


def is_known(row: Connector, table: Table) -> bool:
    """Whether a list with these columns was chosen before, so that another one can take its place as it is."""
    return row.lists.filter(current_for=row).exists() and fits(connector_of(row), table)


def fits(connector: RowsConnector, table: Table) -> bool:
    """Whether the table has the columns that the connector is configured for."""
    try:
        connector.filer(table.columns)
    except ConfigurationError:
        return False
    return True


def read_as(row: Connector, reading: Reading, table: Table) -> None:
    """Take over what the columns are; what was configured with more than a column's name stays."""
    named = {column.name for column in table.columns}
    kept = {name: text for name, text in row.fields.items() if isinstance(text, str) and not text.isidentifier()}
    kept = {name: text for name, text in kept.items() if name not in named}
    row.fields = kept | dict(reading.fields)
    row.options = row.options | dict(reading.options)


def connector_of(row: Connector) -> RowsConnector:
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
