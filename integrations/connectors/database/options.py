"""What an admin sets for a database, checked when it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from integrations.connectors.base import ConnectorOptions, ConnectorSecrets
from integrations.connectors.database.aliases import hidden_columns
from integrations.connectors.database.query import checked_query
from integrations.errors import ConfigurationError
from integrations.outbound.encodings import checked_encoding
from integrations.outbound.sql import checked_name
from integrations.redaction import named_like


class JoinOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    key: str = Field(description="The column of this table that holds the id of the main one.")
    columns: list[str]


Scalar = str | int | float | bool | None
Condition = Scalar | list[Scalar]
# How a file writes what JSON calls null: TOML has no word for it.
NULL = "null"


class DatabaseOptions(ConnectorOptions):
    url: str = Field(description="mysql://reader@db.example.org/clients, postgresql://… or sqlite:///clients.sqlite3.")
    table: str = Field("customers", description="The table that holds people.")
    id_column: str = Field("id", description="Its column that identifies a person.")
    phone_columns: list[str] = Field(["phone", "mobile"], description="Columns with numbers as people write them.")
    digits_columns: list[str] = Field([], description="Columns with nothing but the digits of a number: faster to search.")
    join: JoinOptions | None = Field(None, description="A second table with more about the person.")
    where: dict[str, Condition] | None = Field(
        None,
        description='Only rows with these values, like {"is_deleted": 0, "kind": ["client", "member"], "left_at": null}.',
    )
    encoding: str = Field("", description="That of the database's texts, like cp1252, where it is not what the database says.")
    query: str | None = Field(None, description="Instead of a table: a SELECT with :phone, :digits or :nsn.")

    @property
    def conditions(self) -> dict[str, tuple[Scalar, ...]]:
        """``where`` as one of which values a column holds; None for none at all."""
        listed = {name: one if isinstance(one, list) else [one] for name, one in (self.where or {}).items()}
        return {name: tuple(None if value == NULL else value for value in values) for name, values in listed.items()}

    @model_validator(mode="after")
    def names_can_be_quoted(self) -> Self:
        """Raises ValueError (pydantic's way) naming the option."""
        names = {"table": [self.table], "id_column": [self.id_column]}
        names |= {"phone_columns": self.phone_columns, "digits_columns": self.digits_columns}
        if self.join:
            names["join"] = [self.join.table, self.join.key, *self.join.columns]
        names["where"] = [name for column in self.where or {} for name in column.split(".", 1)]
        try:
            for place, values in names.items():
                for value in values:
                    checked_name(value, place)
            read = {place: values for place, values in names.items() if not (self.query and place != "id_column")}
            for place, values in read.items():
                _nobody_reads(place, values, {})
            if self.query:
                checked_query(self.query)
                _nobody_reads("id_column", [self.id_column], hidden_columns(self.query))
            if self.encoding:
                checked_encoding(self.encoding)
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
        if self.query and self.where:
            raise ValueError("where: write the conditions into the query itself.")
        if self.encoding and self.url.startswith("postgresql"):
            raise ValueError("encoding: PostgreSQL says itself how its texts are written; leave this out.")
        if any(condition == [] for condition in (self.where or {}).values()):
            raise ValueError("where: an empty list of values would leave nobody.")
        if not self.query and not (self.phone_columns or self.digits_columns):
            raise ValueError("phone_columns: name at least one column that holds phone numbers.")
        return self


def _nobody_reads(place: str, columns: list[str], hidden: Mapping[str, str]) -> None:
    """Raises ConfigurationError for a column that nobody may see."""
    for column in columns:
        if named := named_like(hidden.get(column.casefold(), column)):
            raise ConfigurationError(f"{place}: {column} is named like {named}, which nobody may see. Choose another column.")


class DatabaseSecrets(ConnectorSecrets):
    password: SecretStr = Field(SecretStr(""), description="Of the database user; none for a SQLite file.")
