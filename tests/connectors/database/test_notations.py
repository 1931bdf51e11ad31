"""Numbers as they stand in databases: in every notation, as floats, with a trunk zero; in either dialect."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from integrations.connectors.database import notations
from integrations.deadline import Deadline
from integrations.errors import SourceTimeout
from integrations.outbound.recording import recording
from integrations.phone import Number, classify
from tests.connectors.database.conftest import Database, find
from tests.servers import MariaDb

# In which each number is another one's: 415-555-0101 to …0127.
US = (
    "(415) 555-0101", "(415)555-0102", "(415) 555 0103", "(415)-555-0104", "415 555-0105", "415-5550106", "415/555-0107",
    "1 415 555 0108", "1 (415) 555-0109", "+1 415 555 0110", "+1.415.555.0111", "1.415.555.0112", "+1-415-555-0113",
    "+1(415)555-0114", "001 415 555 0115", "415-555-0116 ", "(415) 555-0117 x12", "415-555-0118 ext. 12",
    "415-555-0119 (cell)", "415 - 555 - 0120", "415-555-0121 / 415-555-0999", "415.555.0122", "415–555–0123",
    "415\u00a0555\u00a00124", "\u202a+14155550125\u202c", "1-415-555-0126", "14155550127",
)  # fmt: skip


@dataclass
class Filled:
    """A database whose table a test fills."""

    made: Database
    run: Any

    def people(self, column: str, *phones: Any, more: str = "") -> None:
        self.run(f"CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(80), {column}{more})")
        for index, phone in enumerate(phones, 1):
            shown = "NULL" if phone is None else repr(phone) if not isinstance(phone, str) else f"'{phone}'"
            self.run(f"INSERT INTO people (id, name, phone) VALUES ({index}, 'Person {index}', {shown})")

    async def ids(self, caller: str, region: str = "US", **options: Any) -> list[str]:
        connector = self.made.connector(**{"table": "people", "phone_columns": ["phone"], **options})
        connector.settings = replace(connector.settings, region=region)
        return [record.record_id for record in await find(connector, number(caller))]


def number(raw: str) -> Number:
    found = classify(raw, "US")
    assert isinstance(found, Number)
    return found


@pytest.fixture(params=["sqlite", "mariadb"])
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Filled]:
    if request.param == "sqlite":
        (tmp_path / "riverside").mkdir()
        opened = sqlite3.connect(tmp_path / "riverside" / "clients.sqlite3", isolation_level=None)
        yield Filled(Database("sqlite:///clients.sqlite3", tmp_path), opened.execute)
        opened.close()
        return
    mariadb: MariaDb = request.getfixturevalue("mariadb")
    name = f"notations_{uuid.uuid4().hex[:8]}"
    mariadb.run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    yield Filled(Database(mariadb.url(name), tmp_path), lambda statement: mariadb.run(statement, database=name))
    mariadb.run(f"DROP DATABASE {name}")


async def test_every_usual_notation_is_found(filled: Filled) -> None:
    filled.people("phone VARCHAR(80)", *US)
    missed = [stored for index, stored in enumerate(US, 1) if await filled.ids(f"+1415555{100 + index:04}") != [str(index)]]
    assert missed == []
    assert await filled.ids("+14155550999") == ["21"]
    assert await filled.ids("+524155550101") == []


async def test_numbers_of_a_column_with_empty_cells_are_found(filled: Filled) -> None:
    """Numbers stand there as pandas and spreadsheets write them: as floats, or as text with a point."""
    filled.people("phone DOUBLE", 4155550123.0, None)
    assert await filled.ids("+14155550123") == ["1"]
    filled.run("DROP TABLE people")
    filled.people("phone VARCHAR(40)", "4155550124.0", "     4155550125", "NULL")
    assert await filled.ids("+14155550124") == ["1"]
    assert await filled.ids("+14155550125") == ["2"]


async def test_digits_with_a_trunk_zero_or_a_prefix_are_found(filled: Filled) -> None:
    filled.people("phone VARCHAR(40)", "02079460018", "442079460019", "00442079460020", "2079460021")
    own = {"region": "GB", "phone_columns": [], "digits_columns": ["phone"]}
    for index, caller in enumerate(("+442079460018", "+442079460019", "+442079460020", "+442079460021"), 1):
        assert await filled.ids(caller, **own) == [str(index)]


async def test_a_leading_blank_of_ones_own_query_loses_nobody(filled: Filled) -> None:
    filled.people("phone VARCHAR(40)", " 415-555-0123", "     4155550124", "415-555-0125 ")
    query = "SELECT id, name, phone FROM people WHERE REPLACE(REPLACE(phone, '-', ''), ' ', '') = :nsn"
    for index in (1, 2, 3):
        assert await filled.ids(f"+1415555012{index + 2}", query=query) == [str(index)]


async def test_a_filler_in_a_table_is_nobody(filled: Filled) -> None:
    filled.people("phone VARCHAR(40)", "000-000-0000", "999-999-9999", "415-555-0124")
    connector = filled.made.connector(table="people", phone_columns=["phone"])
    assert await find(connector, Number("+19999999999", "US")) == []
    assert await filled.ids("+14155550124") == ["3"]


async def test_two_forms_of_a_mobile_number_find_each_other(filled: Filled) -> None:
    filled.people("phone VARCHAR(40)", "521 55 1234 5678", "(11) 8765-4321", "011 15-2345-6789")
    assert await filled.ids("+525512345678") == ["1"]
    assert await filled.ids("+5511987654321", region="BR") == ["2"]
    assert await filled.ids("+5491123456789", region="AR") == ["3"]


async def test_every_row_is_looked_at_only_where_the_likely_notations_found_nobody(filled: Filled) -> None:
    filled.people("phone VARCHAR(40)", "(415) 555-0101", "415/555-0102", "555-0103", "wrong: 415-555-0104")
    connector = filled.made.connector(table="people", phone_columns=["phone"])
    await connector.warm_up(Deadline(5))
    for caller, statements in (("+14155550101", 1), ("+14155550102", 2), ("+14155550199", 2)):
        with recording() as recorded:
            await connector.find(number(caller), Deadline(5))
        assert len(recorded.sent) == statements
    # What cannot be read is told to whoever tries the system.
    with recording() as recorded:
        assert await connector.find(number("+14155550104"), Deadline(5)) == []
    assert recorded.unread == 1
    await connector.close()


async def test_a_table_that_is_too_large_for_that_is_asked_so_no_more_for_a_while(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.people("phone VARCHAR(40)", "415/555-0102")
    connector = filled.made.connector(table="people", phone_columns=["phone"])
    await connector.warm_up(Deadline(5))
    fetch, asked = connector.sql.fetch, []

    async def slow(statement: str, values: Any, deadline: Deadline) -> Any:
        asked.append(statement)
        if "LIKE" in statement:
            assert deadline.left() <= notations.SCAN_S
            raise SourceTimeout("clients")
        return await fetch(statement, values, deadline)

    monkeypatch.setattr(connector.sql, "fetch", slow)
    assert connector.last_known_health.message == ""
    for _time in range(2):
        assert await connector.find(number("+14155550102"), Deadline(5)) == []
    assert sum("LIKE" in statement for statement in asked) == 1
    assert connector.last_known_health.status == "healthy"
    assert "digits_columns" in connector.last_known_health.message
    await connector.close()
