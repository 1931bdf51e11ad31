"""People as the rows of a database tell of them: by which id, of which rows, in which letters."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from integrations.deadline import Deadline
from integrations.errors import InvalidResponse, MissingColumn
from integrations.outbound.recording import remarks
from integrations.outbound.sql_errors import classified
from integrations.phone import Number
from integrations.search_query import By, SearchQuery
from tests.connectors.database.conftest import JOIN, NUMBER, Database, find
from tests.servers import MariaDb

OTHER = Number("+14155550124", "US")
Make = Callable[..., Database]


@pytest.fixture(params=["sqlite", "mariadb"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """A database of the given statements, in either dialect."""
    made: list[str] = []
    server: MariaDb | None = request.getfixturevalue("mariadb") if request.param == "mariadb" else None

    def with_tables(*statements: str) -> Database:
        if server is None:
            (tmp_path / "riverside").mkdir()
            with sqlite3.connect(tmp_path / "riverside" / "clients.sqlite3") as connection:
                for statement in statements:
                    connection.execute(statement)
            connection.close()
            return Database("sqlite:///clients.sqlite3", tmp_path)
        made.append(f"people_{uuid.uuid4().hex[:8]}")
        server.run(f"CREATE DATABASE {made[-1]} CHARACTER SET utf8mb4")
        server.run(*statements, database=made[-1])
        return Database(server.url(made[-1]), tmp_path)

    yield with_tables
    for name in made:
        assert server
        server.run(f"DROP DATABASE {name}")


# -- Ids ----------------------------------------------------------------------------------------------------------------

PEOPLE = (
    "CREATE TABLE people (pid INTEGER, name VARCHAR(80), phone VARCHAR(40))",
    "CREATE VIEW customers AS SELECT pid AS id, name, phone FROM people",
    """INSERT INTO people VALUES (1, 'Willa Fennimore', '415-555-0123'), (NULL, 'Otto Grimsby', '415-555-0123'),
       (7, 'Nell Harker', '415-555-0124'), (7, 'Abel Stroud', '415-555-0124')""",
)


@pytest.mark.parametrize("options", [{}, {"query": "SELECT * FROM customers WHERE phone LIKE '%-0123' AND :phone <> ''"}])
async def test_a_row_without_an_id_costs_that_row_and_is_told(make: Make, options: dict[str, Any]) -> None:
    with remarks() as said:
        records = await find(make(*PEOPLE).connector(**options))
    assert [(record.record_id, record.fields["name"]) for record in records] == [("1", "Willa Fennimore")]
    assert said == ["A record of it has no id that can be used, so it is left out."]


async def test_an_id_is_what_other_systems_are_asked_by(make: Make) -> None:
    table = make(
        "CREATE TABLE customers (id DOUBLE PRECISION, name VARCHAR(80), phone VARCHAR(40))",
        "INSERT INTO customers VALUES (7.0, 'Willa Fennimore', '415-555-0123')",
    )
    connector = table.connector()
    [record] = await connector.find(NUMBER, Deadline(5))
    assert (record.record_id, record.fields["account_id"]) == ("7", "7")
    search_query = SearchQuery(By.NUMBER, NUMBER.e164, NUMBER)
    assert [one.record_id for one in await connector.fetch("7", search_query, Deadline(5))] == ["7"]
    await connector.close()


async def test_a_row_without_an_id_alone_is_nobody_and_told(make: Make) -> None:
    database = make(*PEOPLE, "DELETE FROM people WHERE pid = 1")
    with remarks() as said:
        assert await find(database.connector()) == []
    assert said


async def test_two_people_with_one_id_are_told_apart(make: Make) -> None:
    connector = make(*PEOPLE).connector()
    with remarks() as said:
        nell, abel = await connector.find(OTHER, Deadline(5))
    assert {nell.fields["name"], abel.fields["name"]} == {"Nell Harker", "Abel Stroud"}
    assert nell.record_id != abel.record_id
    assert "account_id" not in nell.fields  # what another system has by that id is either's
    assert said
    (again,) = await connector.fetch(abel.record_id, SearchQuery(By.NAME, "Abel"), Deadline(5))
    assert (again.record_id, again.fields) == (abel.record_id, abel.fields)
    await connector.close()


async def test_several_rows_of_one_person_are_one_person(database: Database) -> None:
    with remarks() as said:
        assert len(await find(database.connector(join=JOIN))) == 1
    assert said == []


CONTACTS = (
    "CREATE TABLE contact_phone (id INTEGER PRIMARY KEY, contact_id INTEGER, tel VARCHAR(40), mobile VARCHAR(40))",
    "INSERT INTO contact_phone VALUES (6, 204, '415-555-0123', '415-555-0199'), (7, 201, '415-555-0124', NULL)",
)


async def test_the_account_is_the_configured_id_and_never_another_columns(make: Make) -> None:
    connector = make(*CONTACTS).connector(table="contact_phone", id_column="contact_id", phone_columns=["tel"])
    (record,) = await find(connector)
    assert (record.record_id, record.fields["account_id"]) == ("204", "204")
    assert record.fields["phone"] == "415-555-0123"  # by which people are found, and not what is called so
    assert "phones" not in record.fields


async def test_an_id_column_may_have_a_name_that_is_no_word(make: Make) -> None:
    database = make(
        "CREATE TABLE customers (`2id$` INTEGER, phone VARCHAR(40))", "INSERT INTO customers VALUES (5, '4155550123')"
    )
    (record,) = await find(database.connector(id_column="2id$"))
    assert record.fields["account_id"] == "5"


# -- Which rows count ---------------------------------------------------------------------------------------------------

MEMBERS = (
    "CREATE TABLE customers (id INTEGER, name VARCHAR(80), phone VARCHAR(40), kind VARCHAR(9), gone VARCHAR(9), hidden INT)",
    """INSERT INTO customers VALUES (1, 'Ann One', '4155550123', 'client', NULL, 0),
       (2, 'Ben Two', '4155550123', 'member', 'NULL', 0),
       (3, 'Cid Three', '4155550123', 'donor', NULL, 0), (4, 'Dee Four', '4155550123', 'client', '2020', 1)""",
    "CREATE TABLE extra (customer_id INTEGER, deleted INTEGER)",
    "INSERT INTO extra VALUES (1, 0), (2, 1), (3, 0), (4, 0)",
)


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ({"hidden": 0}, "123"),
        ({"hidden": False}, "123"),
        ({"kind": ["client", "member"]}, "124"),
        ({"kind": ["client", "member"], "hidden": 0}, "12"),
        ({"gone": None}, "13"),
        ({"gone": "null"}, "13"),
        ({"gone": ["2020", None]}, "134"),
        ({"gone": "2020"}, "4"),
        ({"kind": "client' OR '1'='1"}, ""),
        ({"extra.deleted": 0}, "134"),
        ({"extra.deleted": 0, "hidden": 0}, "13"),
    ],
)
async def test_only_rows_that_count_are_read_in_every_question(make: Make, where: dict[str, Any], ids: str) -> None:
    join = {"table": "extra", "key": "customer_id", "columns": ["deleted"]}
    connector = make(*MEMBERS).connector(where=where, join=join)
    assert "".join(record.record_id for record in await connector.find(NUMBER, Deadline(5))) == ids
    for record_id, name in (("1", "Ann"), ("2", "Ben"), ("3", "Cid"), ("4", "Dee")):
        known = int(record_id in ids)
        search_query = SearchQuery(By.NAME, name)
        assert len([one for one in await connector.search(search_query, Deadline(5)) if search_query.fits(one.fields)]) == known
        assert len(await connector.fetch(record_id, SearchQuery(By.NAME, name), Deadline(5))) == known
    await connector.close()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"where": {"kind": []}}, "an empty list"),
        ({"where": {"a; b": 1}}, "not a name"),
        ({"where": {"a.b.c": 1}}, "not a name"),
        ({"where": {"kind": 1}, "query": "SELECT 1 WHERE :phone"}, "into the query itself"),
        ({"encoding": "klingon"}, "not an encoding"),
        ({"encoding": "idna"}, "not an encoding"),
        ({"encoding": "utf-16"}, "not an encoding"),
        ({"encoding": "base64"}, "not an encoding"),
        ({"encoding": "cp1252", "url": "postgresql://a@b/c"}, "PostgreSQL says itself"),
    ],
)
def test_what_cannot_be_a_condition_or_an_encoding_says_why(sqlite: Database, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        _ = sqlite.connector(**{"url": sqlite.url, **options}).options if "url" not in options else _built(sqlite, options)


def _built(database: Database, options: dict[str, Any]) -> Any:
    return type(database.connector()).Options.model_validate(options)


@pytest.mark.parametrize("where", [{"colour": 1}, {"elsewhere.deleted": 0}, {"extra.colour": 0}])
async def test_a_condition_on_what_is_not_there_is_named_to_the_admin_only(make: Make, where: dict[str, Any]) -> None:
    connector = make(*MEMBERS).connector(where=where, join={"table": "extra", "key": "customer_id", "columns": ["deleted"]})
    with pytest.raises(MissingColumn, match=r"colour|elsewhere") as raised:
        await connector.find(NUMBER, Deadline(5))
    assert raised.value.public_message == "It sent an answer that could not be read."
    health = await connector.health(Deadline(5))
    assert health.status == "needs_attention"
    assert "colour" in health.message or "elsewhere" in health.message
    await connector.close()


# -- Letters ------------------------------------------------------------------------------------------------------------

BYTES = (
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, phone TEXT, notes TEXT)",
    "INSERT INTO customers VALUES (1, CAST(x'4A6F73E92050F16172757A' AS TEXT), '415-555-0123', 'ok')",
    "INSERT INTO customers VALUES (2, 'Nell Harker', '415-555-0124', CAST(x'636166E9' AS TEXT))",
)


@pytest.fixture
def bytes_within(tmp_path: Path) -> Database:
    (tmp_path / "riverside").mkdir()
    with sqlite3.connect(tmp_path / "riverside" / "clients.sqlite3") as connection:
        for statement in BYTES:
            connection.execute(statement)
    connection.close()
    return Database("sqlite:///clients.sqlite3", tmp_path)


async def test_a_text_that_is_no_text_costs_itself_and_is_told(bytes_within: Database) -> None:
    with remarks() as said:
        (jose,) = await find(bytes_within.connector())
        (nell,) = await find(bytes_within.connector(), OTHER)
    assert (jose.record_id, jose.fields["notes"], jose.unreadable) == ("1", "ok", ("name",))
    assert (nell.fields["name"], nell.unreadable) == ("Nell Harker", ("notes",))
    assert said == ["Some text of it is not in the encoding that it should be in, so it is left out."]


async def test_a_mark_of_a_restricted_client_that_cannot_be_read_keeps_them_hidden(bytes_within: Database) -> None:
    (nell,) = await find(bytes_within.connector({"restricted": "notes"}), OTHER)
    assert "restricted" in nell.unreadable


@pytest.mark.parametrize("query", [None, "SELECT * FROM customers WHERE phone LIKE '%0123' AND :phone <> ''"])
async def test_the_encoding_of_a_database_can_be_told(bytes_within: Database, query: str | None) -> None:
    (jose,) = await find(bytes_within.connector(encoding="cp1252", query=query))
    assert (jose.fields["name"], jose.unreadable) == ("José Pñaruz", ())


@pytest.fixture
def mixed(mariadb: MariaDb, tmp_path: Path) -> Iterator[Database]:
    """A table that says utf8mb4 and holds other bytes, as programs leave it that never said what they write."""
    name = f"mixed_{uuid.uuid4().hex[:8]}"
    mariadb.run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    mariadb.run(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(80) CHARACTER SET latin1, phone VARCHAR(40),"
        " notes VARCHAR(80), mark BIT(1), born DATE)",
        # UTF-8 in a column that is said to be latin1.
        "INSERT INTO customers VALUES (1, CONVERT(x'4A6F73C3A9' USING latin1), '415-555-0123', 'Øster', b'1', '1941-03-02')",
        database=name,
    )
    yield Database(mariadb.url(name), tmp_path)
    mariadb.run(f"DROP DATABASE {name}")


async def test_a_server_is_read_as_it_says_or_as_the_admin_says(mixed: Database) -> None:
    mapping: dict[str, Any] = {"date_of_birth": "born", "vip_status": "mark"}
    (usual,) = await find(mixed.connector(mapping))
    assert (usual.fields["name"], usual.fields["notes"]) == ("JosÃ©", "Øster")
    (told,) = await find(mixed.connector(mapping, encoding="utf-8"))
    assert (told.fields["name"], told.fields["notes"]) == ("José", "Øster")
    assert (told.fields["date_of_birth"], told.fields["vip_status"]) == ("1941-03-02", True)


async def test_a_byte_of_a_server_that_is_no_text_costs_itself(mixed: Database) -> None:
    (record,) = await find(mixed.connector(encoding="ascii"))
    assert (record.record_id, record.unreadable) == ("1", ("name", "notes"))


# -- Whose failure it is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expression",
    ["abs(-9223372036854775808)", "json('{')", "CASE WHEN name LIKE 'J%' THEN json_extract('{', '$.a') END"],
)
async def test_a_row_that_fails_in_sqlite_says_nothing_of_the_next_caller(bytes_within: Database, expression: str) -> None:
    query = f"SELECT id, phone, {expression} AS notes FROM customers WHERE phone LIKE '%0123' AND :phone <> ''"
    with pytest.raises(InvalidResponse):
        await find(bytes_within.connector(query=query))


@pytest.mark.parametrize("expression", ["18446744073709551615 + id", "-id - 9223372036854775807 - 9223372036854775807"])
async def test_a_row_that_fails_on_a_server_says_nothing_of_the_next_caller(mixed: Database, expression: str) -> None:
    query = f"SELECT id, phone, {expression} AS notes FROM customers WHERE id = 1 AND :phone <> ''"
    with pytest.raises(InvalidResponse):
        await find(mixed.connector(query=query))


def test_what_ails_a_server_counts_against_it(tmp_path: Path) -> None:
    (tmp_path / "broken.sqlite3").write_bytes(b"SQLite format 3\0" + b"\xff" * 4_096)
    broken = sqlite3.connect(tmp_path / "broken.sqlite3")
    with pytest.raises(sqlite3.DatabaseError) as raised:
        broken.execute("SELECT * FROM sqlite_schema")
    broken.close()
    assert classified("clients", raised.value).retryable
