"""One stored number and one caller, in every kind of system: who is taken for whom."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from integrations.connectors import build
from integrations.connectors.base import Connector, SourceSettings
from integrations.connectors.rows import RowsConnector, UnusableRow, read_csv
from integrations.deadline import Deadline
from integrations.outbound.http import close_clients
from integrations.outbound.recording import recording, remarks
from integrations.phone import Number, classify
from integrations.profile import SourceRecord
from tests.connectors.directory.test_directory import Kept
from tests.connectors.salesforce.conftest import CLIENT, signed_in
from tests.http_stub import LOOPBACK_ALLOWED, Stub, reply, stub_server

KINDS = ("hubspot", "salesforce", "salesforce-soql", "database", "database-query", "rest", "directory")


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with stub_server() as server:
        yield server
        await close_clients()


class Kinds:
    """Systems that hold one person, Willa, whose number is written as a test says."""

    def __init__(self, stub: Stub, folder: Path) -> None:
        self.stub, self.folder = stub, folder

    def holding(self, name: str, stored: Any, region: str = "US", home: str = "US") -> Connector:
        kind = name.partition("-")[0]
        options, secrets = getattr(self, f"_{name.replace('-', '_')}")(stored)
        settings = SourceSettings(
            "s", "S", kind, "o", options, secrets, region=region, home=home, network=LOOPBACK_ALLOWED, sources_dir=self.folder
        )
        if kind != "directory":
            return build(settings)
        table = read_csv(f"name,phone\nWilla,{stored}\n".encode())
        built = build(settings)
        assert isinstance(built, RowsConnector)
        return build(settings, Kept([built.filer(table.columns)(table.named(row)) for row in table.rows]))

    async def find(self, name: str, stored: Any, caller: str, region: str = "US", home: str = "US") -> list[SourceRecord]:
        number = classify(caller, home)
        assert isinstance(number, Number)
        connector = self.holding(name, stored, region, home)
        try:
            return await connector.find(number, Deadline(5))
        finally:
            await connector.close()

    def _hubspot(self, stored: Any) -> tuple[dict[str, Any], dict[str, str]]:
        self.stub.answer(reply({"results": [{"id": "1", "properties": {"firstname": "Willa", "phone": stored}}]}))
        return {"base_url": self.stub.url}, {"token": "t"}

    def _salesforce(self, stored: Any) -> tuple[dict[str, Any], dict[str, str]]:
        row = {"attributes": {"type": "Contact"}, "Id": "003Hs00004aRosaIAI", "Name": "Willa", "Phone": stored}
        self.stub.answer(signed_in(reply({"searchRecords": [row]})))
        return {"base_url": self.stub.url}, CLIENT

    def _salesforce_soql(self, stored: Any) -> tuple[dict[str, Any], dict[str, str]]:
        row = {"attributes": {"type": "Contact"}, "Id": "003Hs00004aRosaIAI", "Name": "Willa", "Phone": stored}
        parts = [{"httpStatusCode": 200, "body": {"records": rows}} for rows in ([row], [], [])]
        self.stub.answer(signed_in(reply({"compositeResponse": parts})))
        return {"base_url": self.stub.url, "search": "soql"}, CLIENT

    def _database(self, stored: Any) -> tuple[dict[str, Any], dict[str, str]]:
        (self.folder / "o").mkdir(exist_ok=True)
        file = self.folder / "o" / "clients.sqlite3"
        with sqlite3.connect(file) as opened:
            opened.execute("DROP TABLE IF EXISTS customers")
            opened.execute(f"CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, phone {_column(stored)})")
            opened.execute("INSERT INTO customers VALUES (1, 'Willa', ?)", (stored,))
        opened.close()
        return {"url": "sqlite:///clients.sqlite3"}, {}

    def _database_query(self, stored: Any) -> tuple[dict[str, Any], dict[str, str]]:
        options, secrets = self._database(stored)
        return {**options, "query": "SELECT id, name, phone FROM customers WHERE :phone > ''"}, secrets

    def _rest(self, stored: Any) -> tuple[dict[str, Any], dict[str, str]]:
        self.stub.answer(reply([{"id": 1, "name": "Willa", "phone": stored}]))
        fields = {"id": "id", "name": "name", "phone": "phone"}
        step = {"path": "/", "query": {"p": "{phone}"}, "records": "@", "map": fields}
        return {"base_url": self.stub.url, "lookup": {"steps": [step]}}, {}

    def _directory(self, _stored: Any) -> tuple[dict[str, Any], dict[str, str]]:
        return {"phone_columns": ["phone"]}, {}


def _column(stored: Any) -> str:
    return "REAL" if isinstance(stored, float) else "TEXT"


@pytest.fixture
def kinds(stub: Stub, tmp_path: Path) -> Kinds:
    return Kinds(stub, tmp_path)


@pytest.mark.parametrize("name", KINDS)
async def test_a_foreign_caller_is_not_taken_for_a_local_client(kinds: Kinds, name: str) -> None:
    """San Miguel de Allende has the same digits as San Francisco."""
    assert await kinds.find(name, "(415) 555-0100", "+524155550100") == []
    assert await kinds.find(name, "(312) 867-5309", "+523128675309") == []
    assert len(await kinds.find(name, "(415) 555-0100", "+14155550100")) == 1


@pytest.mark.parametrize("name", KINDS)
async def test_a_system_of_another_country_has_its_own_numbers(kinds: Kinds, name: str) -> None:
    (found,) = await kinds.find(name, "415 555 0100", "+524155550100", region="MX")
    assert found.fields["phone"] == "+52 415 555 0100"
    assert await kinds.find(name, "415 555 0100", "+14155550100", region="MX") == []


@pytest.mark.parametrize("name", KINDS)
async def test_a_number_with_its_country_code_is_what_it_says(kinds: Kinds, name: str) -> None:
    (found,) = await kinds.find(name, "+52 415 555 0100", "+524155550100")
    assert found.fields["phone"] == "+52 415 555 0100"
    assert len(await kinds.find(name, "+1 415-555-0100", "+14155550100", region="MX")) == 1


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    "stored",
    [
        " 415-555-0123",
        "415-555-0123 ext12",
        "415-555-0101 / 415-555-0123",
        "415-555-0123 (cell)",
        "4155550123.0",
        "x4155550123",
    ],
)
async def test_a_number_is_found_within_what_is_stored(kinds: Kinds, name: str, stored: str) -> None:
    (found,) = await kinds.find(name, stored, "+14155550123")
    assert "555" in found.matched[0].stored
    assert await kinds.find(name, stored, "+14155550124") == []


@pytest.mark.parametrize("name", KINDS)
async def test_fillers_and_local_numbers_are_nobodys(kinds: Kinds, name: str) -> None:
    for stored in ("999-999-9999", "000-000-0000", "555-0123"):
        if name == "directory":
            with pytest.raises(UnusableRow, match="area code" if stored == "555-0123" else "not a phone number"):
                await kinds.find(name, stored, "+14155550123")
        else:
            assert await kinds.find(name, stored, "+14155550123") == []


@pytest.mark.parametrize("name", KINDS)
async def test_a_line_with_two_forms_is_found_by_either(kinds: Kinds, name: str) -> None:
    for stored, caller in (("5215512345678", "+525512345678"), ("+541123456789", "+5491123456789")):
        assert len(await kinds.find(name, stored, caller)) == 1


@pytest.mark.parametrize("name", [name for name in KINDS if name != "directory"])
async def test_what_cannot_be_read_is_told_to_whoever_tries_the_system(kinds: Kinds, name: str) -> None:
    with recording() as recorded:
        assert await kinds.find(name, "wrong number: 415-555-0123", "+14155550123") == []
        assert await kinds.find(name, "415-555-0124", "+14155550123") == []  # another's, and readable
    assert recorded.unread == 1


@pytest.mark.parametrize("name", [name for name in KINDS if name != "directory"])
async def test_what_cannot_be_read_is_told_beside_the_system_at_every_call(kinds: Kinds, name: str) -> None:
    with remarks() as said:
        assert await kinds.find(name, "415-555-0124", "+14155550123") == []
    assert said == []
    with remarks() as said:
        assert await kinds.find(name, "415*555*0123", "+14155550123") == []
    assert said == ["It named somebody without a number that can be compared, so they are not taken for the caller."]
