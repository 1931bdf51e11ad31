"""A Google Sheet, read through a service account that it was shared with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from integrations.connectors.rows import Table, table_of
from integrations.deadline import Deadline
from integrations.errors import ConfigurationError, InvalidResponse, MissingScope
from integrations.figures import count
from integrations.outbound.http import Answer, HttpDoor, segment
from integrations.outbound.network import NetworkPolicy
from integrations.outbound.oauth import JWT_BEARER, AccessTokens, assertion, rsa_key
from integrations.profile import JSON

SCOPE = "https://www.googleapis.com/auth/spreadsheets.readonly"
# A block of rows stays well below the HTTP door's cap on a body.
BLOCK = 1_000
_IN_ADDRESS = re.compile(r"/spreadsheets/d/([\w-]{20,})")
_ID = re.compile(r"[\w-]{20,}")


class ServiceAccount(BaseModel):
    """The key file that Google makes for a service account."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Literal["service_account"]
    client_email: str
    private_key: str
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 -- an address


def service_account(text: str) -> ServiceAccount:
    """Raises ConfigurationError without repeating anything of the key."""
    try:
        account = ServiceAccount.model_validate_json(text)
    except ValidationError:
        raise ConfigurationError(
            "service_account: paste the whole JSON key file of a service account, from the first bracket to the last."
        ) from None
    rsa_key(account.private_key)
    return account


def spreadsheet_id(entered: str) -> str:
    """The id in the address of the browser, or the id itself. Raises ConfigurationError."""
    found = _IN_ADDRESS.search(entered)
    if found:
        return found[1]
    if _ID.fullmatch(entered.strip()):
        return entered.strip()
    raise ConfigurationError(
        "spreadsheet: copy the sheet's address from the browser, like https://docs.google.com/spreadsheets/d/…/edit."
    )


class Sheet:
    """One tab of one spreadsheet. Raises ConfigurationError for an address or a key that can never work."""

    def __init__(
        self, connector: str, base_url: str, network: NetworkPolicy, account: ServiceAccount, spreadsheet: str, tab: str
    ) -> None:
        self.connector = connector
        self.account = account
        self.tab = tab
        self._path = f"/v4/spreadsheets/{segment(spreadsheet_id(spreadsheet))}"
        self._door = HttpDoor(connector, base_url, network)
        self._tokens = AccessTokens(connector, account.token_uri, network, self._grant)

    async def table(self, deadline: Deadline) -> Table:
        """The whole tab, read block by block. Raises SourceError, ConfigurationError."""
        tab = await self._tab(deadline)
        lines: list[tuple[int, Sequence[object]]] = []
        for first in range(1, tab.rows + 1, BLOCK):
            rows = f"{first}:{min(first + BLOCK - 1, tab.rows)}"
            # Rows without content between others come as empty ones, those at the end not at all.
            lines += enumerate(await self._values(tab.title, rows, deadline), start=first)
        return table_of(lines)

    async def check(self, deadline: Deadline) -> None:
        """Whether the tab is there and may be read."""
        await self._tab(deadline)

    async def close(self) -> None:
        await self._tokens.close()

    async def _tab(self, deadline: Deadline) -> _Tab:
        body = await self._request(self._path, {"fields": "sheets.properties(title,gridProperties.rowCount)"}, deadline)
        try:
            tabs = [_Tab(str(one["properties"]["title"]), _rows(one["properties"])) for one in body["sheets"]]
        except (KeyError, TypeError, ValueError):
            raise InvalidResponse(self.connector, "unexpected shape at sheets") from None
        found = next((tab for tab in tabs if self.tab in ("", tab.title)), None)
        if found is None:
            known = ", ".join(tab.title for tab in tabs[:20])
            raise ConfigurationError(f"tab: the spreadsheet has no tab called {self.tab!r}. It has: {known}.")
        return found

    async def _values(self, title: str, rows: str, deadline: Deadline) -> list[Sequence[object]]:
        # As Google writes a range: the tab in quotation marks, those inside doubled.
        # https://developers.google.com/sheets/api/guides/concepts
        quoted = "'" + title.replace("'", "''") + f"'!{rows}"
        query = {"majorDimension": "ROWS", "valueRenderOption": "FORMATTED_VALUE"}
        body = await self._request(f"{self._path}/values/{segment(quoted)}", query, deadline)
        values = body.get("values", []) if isinstance(body, dict) else None
        if not isinstance(values, list) or not all(isinstance(row, list) for row in values):
            raise InvalidResponse(self.connector, "unexpected shape at values")
        return values

    async def _request(self, path: str, query: Mapping[str, str], deadline: Deadline) -> JSON:
        async def send(authorization: str) -> Answer:
            return await self._door.ask("GET", path, deadline, query=query, headers={"Authorization": authorization})

        answer = await self._tokens.authorized(send, deadline)
        if answer.status in (403, 404):
            raise MissingScope(self.connector, f"share the sheet with {self.account.client_email}")
        return self._door.checked(answer)

    def _grant(self) -> dict[str, Any]:
        claims = {"iss": self.account.client_email, "scope": SCOPE, "aud": self.account.token_uri}
        return {"grant_type": JWT_BEARER, "assertion": assertion(self.account.private_key, claims)}


@dataclass(frozen=True)
class _Tab:
    title: str
    rows: int


MAX_ROWS = 10_000_000


def _rows(properties: Mapping[str, JSON]) -> int:
    """A tab that is a chart has no rows."""
    grid = properties.get("gridProperties")
    return count(grid.get("rowCount"), MAX_ROWS) if isinstance(grid, dict) else 0
