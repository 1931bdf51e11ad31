"""What an admin enters for a list. Most of it is set by choosing columns at an upload."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from integrations.connectors.base import ConnectorOptions, ConnectorSecrets
from integrations.connectors.directory.sheet import spreadsheet_id
from integrations.errors import ConfigurationError


class DirectoryOptions(ConnectorOptions):
    phone_columns: list[str] = Field(
        ["phone"], min_length=1, description="The columns with phone numbers. Choosing columns at an upload sets them."
    )
    id_column: str = Field("", description="The column with an id of each person; empty if the list has none.")
    spreadsheet: str = Field("", description="For a Google Sheet: its address in the browser. Empty for uploaded files.")
    tab: str = Field("", description="The sheet's tab; empty for the first one.")
    read_every_hours: int = Field(24, ge=0, le=744, description="How often the sheet is read again by itself; 0 for never.")
    base_url: str = Field("https://sheets.googleapis.com", description="Where Google's service answers.")

    @field_validator("spreadsheet")
    @classmethod
    def known_spreadsheet(cls, entered: str) -> str:
        """Raises ValueError, pydantic's way."""
        try:
            return spreadsheet_id(entered) if entered else ""
        except ConfigurationError as problem:
            raise ValueError(str(problem).removeprefix("spreadsheet: ")) from None


class DirectorySecrets(ConnectorSecrets):
    service_account: SecretStr = Field(
        SecretStr(""), description="For a Google Sheet: the JSON key file of the service account that it is shared with."
    )
