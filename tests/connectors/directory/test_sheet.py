"""A Google Sheet, read over a real socket from a server that answers as Google's documentation says."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError

from integrations.connectors import build
from integrations.connectors.base import SourceSettings
from integrations.connectors.directory import sheet
from integrations.connectors.rows import RowsConnector
from integrations.deadline import Deadline
from integrations.errors import AuthFailed, ConfigurationError, MissingScope, SourceError
from integrations.outbound.http import close_clients
from tests.http_stub import LOOPBACK_ALLOWED, Stub, current_request, reply, stub_server

SPREADSHEET = "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
ROWS: list[list[str]] = [["name", "phone"], ["Rosa", "4155550123"], [], ["Luis", "4155550124"]]


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with stub_server() as server:
        yield server
        await close_clients()


def listed(stub: Stub, tab: str = "", spreadsheet: str = SPREADSHEET, key: str | None = None) -> RowsConnector:
    account = {
        "type": "service_account",
        "client_email": "reader@p.iam.example",
        "private_key": PEM,
        "token_uri": f"{stub.url}/token",
    }
    settings = SourceSettings(
        "list", "List", "directory", "riverside",
        options={"base_url": stub.url, "spreadsheet": spreadsheet, "tab": tab},
        secrets={"service_account": json.dumps(account) if key is None else key},
        network=LOOPBACK_ALLOWED,
    )  # fmt: skip
    built = build(settings)
    assert isinstance(built, RowsConnector)
    return built


def google(rows: list[list[str]], title: str = "Clients", refuses: Any = None) -> Any:
    """Signs in, tells the tabs, and gives the asked rows of the tab."""

    async def write(writer: Any) -> None:
        request = current_request.get()
        path = unquote(urlsplit(request.path).path)
        if path == "/token":
            answer = reply({"access_token": "ya29.token", "expires_in": 3599, "token_type": "Bearer"})
        elif refuses:
            answer = refuses
        elif "/values/" in path:
            first, last = (int(number) for number in path.rpartition("!")[2].split(":"))
            answer = reply(
                {"range": path, "majorDimension": "ROWS", "values": rows[first - 1 : last]} if rows else {"range": path}
            )
        else:
            tabs = [("Notes", 5), (title, len(rows))]
            answer = reply({"sheets": [{"properties": {"title": t, "gridProperties": {"rowCount": n}}} for t, n in tabs]})
        await answer(writer)

    return write


async def test_the_named_tab_is_read_with_the_lines_as_in_the_sheet(stub: Stub) -> None:
    stub.answer(google(ROWS, title="Ann's clients"))
    table = await listed(stub, "Ann's clients").read_table(Deadline(5))
    assert [(row.line, row.cells) for row in table.rows] == [(2, ("Rosa", "4155550123")), (4, ("Luis", "4155550124"))]
    assert "'Ann''s clients'!1:4" in unquote(stub.requests[-1].path)
    assert stub.requests[-1].headers["authorization"] == "Bearer ya29.token"


async def test_a_long_sheet_is_read_in_blocks_also_behind_a_long_gap(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "BLOCK", 2)
    rows = [["name", "phone"], ["Rosa", "1"], [], [], [], [], ["Luis", "2"]]
    stub.answer(google(rows))
    table = await listed(stub, "Clients").read_table(Deadline(5))
    assert [(row.line, row.cells[0]) for row in table.rows] == [(2, "Rosa"), (7, "Luis")]


async def test_the_sign_in_asks_to_read_only_and_is_signed_by_the_service_account(stub: Stub) -> None:
    stub.answer(google(ROWS))
    await listed(stub, "Clients").read_table(Deadline(5))
    form = parse_qs(stub.requests[0].body.decode())
    head, claims, signature = form["assertion"][0].split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert (said["iss"], said["scope"]) == ("reader@p.iam.example", sheet.SCOPE)
    assert said["aud"] == f"{stub.url}/token"
    assert head
    assert signature


@pytest.mark.parametrize(
    ("answer", "error"),
    [(reply({}, 403), MissingScope), (reply({}, 404), MissingScope), (reply({}, 401), AuthFailed),
     (reply({}, 500), SourceError), (reply({"sheets": "none"}), SourceError), (reply([]), SourceError),
     (reply(b"<html>"), SourceError)],
)  # fmt: skip
async def test_what_google_refuses_is_told_apart(stub: Stub, answer: Any, error: type[SourceError]) -> None:
    stub.answer(google(ROWS, refuses=answer))
    with pytest.raises(error):
        await listed(stub).read_table(Deadline(5))


async def test_a_dead_token_is_minted_anew_once(stub: Stub) -> None:
    stub.answer(google(ROWS, refuses=reply({}, 401)))
    with pytest.raises(AuthFailed):
        await listed(stub).read_table(Deadline(5))
    assert [request.path for request in stub.requests].count("/token") == 2


async def test_a_tab_that_is_not_there_is_named_with_those_that_are(stub: Stub) -> None:
    stub.answer(google(ROWS))
    with pytest.raises(ConfigurationError, match=r"no tab called 'People'\. It has: Notes, Clients"):
        await listed(stub, "People").read_table(Deadline(5))


def test_the_address_in_the_browser_is_taken_as_it_is(stub: Stub) -> None:
    address = f"https://docs.google.com/spreadsheets/d/{SPREADSHEET}/edit?gid=0#gid=0"
    assert listed(stub, spreadsheet=address).options.spreadsheet == SPREADSHEET


@pytest.mark.parametrize("entered", ["my list", "https://docs.google.com/document/d/x", "../../secret"])
def test_what_is_no_spreadsheet_is_refused_when_saved(stub: Stub, entered: str) -> None:
    with pytest.raises(ValidationError, match="copy the sheet's address"):
        _ = listed(stub, spreadsheet=entered).options


@pytest.mark.parametrize(
    "key", ["", "{}", "ya29.token", json.dumps({"type": "service_account", "client_email": "a", "private_key": "b"})]
)
def test_what_is_no_key_file_is_refused_when_saved_without_repeating_it(stub: Stub, key: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        _ = listed(stub, key=key).mapping
    assert "ya29" not in str(raised.value)
