"""What an admin sets for a database, checked when it is saved."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from integrations.connectors.base import ConnectorOptions, ConnectorSecrets
from integrations.connectors.database.statement import checked_query
from integrations.connectors.sql import checked_name
from integrations.errors import ConfigurationError


class JoinOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    key: str = Field(description="The column of this table that holds the id of the main one.")
    columns: list[str]


class DatabaseOptions(ConnectorOptions):
    url: str = Field(description="mysql://reader@db.example.org/clients, postgresql://… or sqlite:///clients.sqlite3.")
    table: str = Field("customers", description="The table that holds people.")
    id_column: str = Field("id", description="Its column that identifies a person.")
    phone_columns: list[str] = Field(["phone", "mobile"], description="Columns with numbers as people write them.")
    digits_columns: list[str] = Field([], description="Columns with nothing but the digits of a number: faster to search.")
    join: JoinOptions | None = Field(None, description="A second table with more about the person.")
    query: str | None = Field(None, description="Instead of a table: a SELECT with :phone, :digits or :nsn.")

    @model_validator(mode="after")
    def names_can_be_quoted(self) -> Self:
        """Raises ValueError (pydantic's way) naming the option."""
        names = {"table": [self.table], "id_column": [self.id_column]}
        names |= {"phone_columns": self.phone_columns, "digits_columns": self.digits_columns}
        if self.join:
            names["join"] = [self.join.table, self.join.key, *self.join.columns]
        try:
            for place, values in names.items():
                for value in values:
                    checked_name(value, place)
            if self.query:
                checked_query(self.query)
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
        if not self.query and not (self.phone_columns or self.digits_columns):
            raise ValueError("phone_columns: name at least one column that holds phone numbers.")
        return self


class DatabaseSecrets(ConnectorSecrets):
    password: SecretStr = Field(SecretStr(""), description="Of the database user; none for a SQLite file.")
