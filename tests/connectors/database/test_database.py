from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from integrations.connectors.base import Deadline, NetworkPolicy, SourceSettings
from integrations.connectors.database.connector import DatabaseConnector
from integrations.connectors.sql import MAX_ROWS
from integrations.errors import AddressRefused, ConfigurationError, SourceError
from integrations.phone import Number
from tests.connectors.http_stub import LOOPBACK_ALLOWED
from tests.servers import PASSWORD, MariaDb, free_port

NUMBER = Number("+14155550123", "US")
JOIN = {"table": "customer_accounts", "key": "customer_id", "columns": ["status", "last_visit"]}

TABLES = (
    """CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name VARCHAR(80), last_name VARCHAR(80), email VARCHAR(190),
       phone VARCHAR(40), mobile VARCHAR(40), phone_digits VARCHAR(20), notes VARCHAR(2000), vip INTEGER,
       outstanding_balance DECIMAL(10,2), case_worker VARCHAR(80),
       ssn VARCHAR(20), credit_card VARCHAR(40), password_hash VARCHAR(80), bank_account VARCHAR(40))""",
    "CREATE TABLE customer_accounts (id INTEGER PRIMARY KEY, customer_id INTEGER, status VARCHAR(20), last_visit DATE)",
    """INSERT INTO customers VALUES
       (1, 'José', 'Núñez-Øster', 'jose@x.org', '(415) 555-0123', NULL, '4155550123', 'Card 4111 1111 1111 1111', 1, 42.50,
        'Ann', '078-05-1120', '4111111111111111', '$2b$12$secrethash', 'DE89370400440532013000'),
       (2, 'Harold', 'Lindqvist', NULL, '+14155550102', NULL, '14155550102', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL),
       (3, 'Edith', 'Lindqvist', NULL, NULL, '415 555 0102', '4155550102', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL)""",
    "INSERT INTO customer_accounts VALUES (1, 1, 'active', '2026-10-01'), (2, 1, 'closed', '2020-01-01')",
)


@dataclass
class Database:
    """One database in either dialect, and how a connector reaches it."""

    url: str
    folder: Path

    def connector(self, mapping: dict[str, Any] | None = None, **options: Any) -> DatabaseConnector:
        return DatabaseConnector(
            SourceSettings(
                key="clients",
                label="Clients",
                kind="database",
                organization="riverside",
                options={"url": self.url, **options},
                secrets={"password": PASSWORD},
                mapping=mapping or {},
                network=LOOPBACK_ALLOWED,
                sources_dir=self.folder,
            )
        )


@pytest.fixture
def sqlite(tmp_path: Path) -> Database:
    (tmp_path / "riverside").mkdir()
    with sqlite3.connect(tmp_path / "riverside" / "clients.sqlite3") as connection:
        for statement in TABLES:
            connection.execute(statement)
    connection.close()
    return Database("sqlite:///clients.sqlite3", tmp_path)


@pytest.fixture
def server(mariadb: MariaDb, tmp_path: Path) -> Iterator[Database]:
    name = f"clients_{uuid.uuid4().hex[:8]}"
    mariadb.run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    mariadb.run(*TABLES, database=name)
    yield Database(mariadb.url(name), tmp_path)
    mariadb.run(f"DROP DATABASE {name}")


@pytest.fixture(params=["sqlite", "mariadb"])
def database(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue("sqlite" if request.param == "sqlite" else "server")
    return found


async def find(connector: DatabaseConnector, number: Number = NUMBER, seconds: float = 5) -> Any:
    try:
        return await connector.find(number, Deadline(seconds))
    finally:
        await connector.close()


async def test_a_person_is_found_with_the_joined_table(database: Database) -> None:
    (record,) = await find(database.connector(join=JOIN))
    assert record.record_id == "1"
    assert record.fields["name"] == "José Núñez-Øster"
    assert record.fields["status"] == "active"
    assert record.fields["last_visit"] == "2026-10-01"
    assert record.fields["vip_status"] is True
    assert record.fields["outstanding_balance"] == {"amount_minor": 4250, "currency": "USD"}
    assert (record.matched[0].field, record.matched[0].stored) == ("phone", "(415) 555-0123")


async def test_a_household_is_two_records(database: Database) -> None:
    records = await find(database.connector(), Number("+14155550102", "US"))
    assert [record.fields["first_name"] for record in records] == ["Harold", "Edith"]


async def test_nobody_is_an_empty_list(database: Database) -> None:
    assert await find(database.connector(), Number("+14155550199", "US")) == []


async def test_a_column_of_digits_is_searched_without_notations(database: Database) -> None:
    records = await find(database.connector(phone_columns=[], digits_columns=["phone_digits"]), Number("+14155550102", "US"))
    assert {record.record_id for record in records} == {"2", "3"}


async def test_planted_values_are_neither_selected_nor_returned(database: Database) -> None:
    connector = database.connector(join={**JOIN, "columns": ["status"]})
    statement, _values = (await connector._statement(Deadline(5))).by_phone(NUMBER)
    assert not [name for name in ("ssn", "credit_card", "password_hash", "bank_account") if name in statement]
    (record,) = await find(connector)
    assert not [v for v in ("078-05-1120", "4111", "secrethash", "DE8937") if v in str(record)]
    assert record.fields["notes"] == "Card [removed]"


async def test_an_own_field_is_mapped_and_a_missing_column_is_named(database: Database) -> None:
    (record,) = await find(
        database.connector({"preferred_agent": "case_worker || 'nobody'", "language": "not_null(case_worker)"})
    )
    assert record.fields["preferred_agent"] == "Ann"
    with pytest.raises(SourceError, match="no column 'shoe_size'"):
        await find(database.connector({"language": "shoe_size"}))


@pytest.mark.parametrize(
    ("options", "named"),
    [({"table": "people"}, "people"), ({"id_column": "key"}, "key"), ({"phone_columns": ["tel"]}, "tel"),
     ({"join": {**JOIN, "columns": ["colour"]}}, "colour")],
)  # fmt: skip
async def test_a_table_or_column_that_is_not_there_is_named(database: Database, options: Any, named: str) -> None:
    with pytest.raises(SourceError, match=named) as raised:
        await find(database.connector(**options))
    assert raised.value.status == "invalid_response"


async def test_a_query_of_the_admins_is_used_and_its_hits_are_verified(database: Database) -> None:
    query = "SELECT id, first_name, phone FROM customers WHERE phone LIKE '%555%' OR phone = :phone"
    records = await find(database.connector(query=query))
    assert [record.record_id for record in records] == ["1"]


async def test_a_query_may_use_functions_that_are_named_like_writes(database: Database) -> None:
    query = "SELECT id, phone FROM customers WHERE replace(replace(phone, ') ', ''), '-', '') LIKE '%4155550123' OR id = 1"
    assert await find(database.connector(query=f"{query} AND :phone <> ''"))


async def test_a_query_cannot_bring_what_is_never_shown(database: Database) -> None:
    connector = database.connector({"notes": "password_hash"}, query="SELECT * FROM customers WHERE id = 1 AND :phone <> ''")
    (record,) = await find(connector)
    assert "notes" not in record.fields


async def test_a_query_for_a_whole_table_brings_no_more_rows_than_can_be_used(server: Database, mariadb: MariaDb) -> None:
    connector = server.connector()
    rows = await connector.sql.fetch("SELECT seq FROM seq_1_to_1000000", {}, Deadline(5))
    assert len(rows) == MAX_ROWS
    await connector.close()


async def test_rows_that_are_too_large_are_refused(database: Database) -> None:
    wide = "x" * 300_000
    connector = database.connector()
    with pytest.raises(SourceError, match="larger than") as raised:
        await connector.sql.fetch(f"SELECT '{wide}' AS a" + f" UNION ALL SELECT '{wide}'" * 7, {}, Deadline(5))
    assert raised.value.status == "invalid_response"
    await connector.close()


async def test_a_column_that_goes_away_costs_one_lookup(server: Database, mariadb: MariaDb) -> None:
    connector = server.connector()
    assert await connector.find(NUMBER, Deadline(5))
    mariadb.run("ALTER TABLE customers DROP COLUMN vip", database=server.url.rpartition("/")[2])
    with pytest.raises(SourceError) as raised:
        await connector.find(NUMBER, Deadline(5))
    assert raised.value.status == "invalid_response"
    assert await find(connector)


async def test_a_closed_connector_is_unavailable(database: Database) -> None:
    connector = database.connector()
    assert await find(connector)
    with pytest.raises(SourceError) as raised:
        await connector.find(NUMBER, Deadline(5))
    assert raised.value.status == "unavailable"


@pytest.mark.parametrize(
    "query",
    ["DELETE FROM customers WHERE phone = :phone", "SELECT 1; DROP TABLE customers", "SELECT * FROM customers",
     "SELECT * FROM customers WHERE phone = :other", "SELECT * FROM customers WHERE phone = :phone -- x",
     "SELECT * FROM customers WHERE phone = :phone INTO OUTFILE '/tmp/x'", "UPDATE customers SET phone = :phone",
     "WITH x AS (SELECT 1) DELETE FROM customers WHERE phone = :phone", "PRAGMA table_info(:phone)"],
)  # fmt: skip
def test_only_one_select_with_a_bound_number_is_a_query(sqlite: Database, query: str) -> None:
    with pytest.raises(ValidationError, match="query: "):
        _ = sqlite.connector(query=query).options


async def test_the_session_is_read_only(server: Database, sqlite: Database) -> None:
    for database in (server, sqlite):
        connector = database.connector()
        with pytest.raises(SourceError):
            await connector.sql.fetch("UPDATE customers SET first_name = 'x'", {}, Deadline(5))
        (record,) = await find(connector)
        assert record.fields["first_name"] == "José"


@pytest.mark.parametrize("name", ["customers; DROP TABLE x", "a b", "`x`", "a'b", 'a"b', "", "x" * 65, "a.b"])
def test_a_name_that_cannot_be_quoted_is_refused(sqlite: Database, name: str) -> None:
    for options in ({"table": name}, {"id_column": name}, {"phone_columns": [name]}, {"join": {**JOIN, "columns": [name]}}):
        with pytest.raises(ValidationError):
            _ = sqlite.connector(**options).options


async def test_a_number_is_bound_and_never_part_of_the_statement(database: Database) -> None:
    connector = database.connector()
    evil = Number("+14155550123", "US")
    statement, values = (await connector._statement(Deadline(5))).by_phone(evil)
    assert "4155550123" not in statement
    assert "4155550123" in values.values()
    await connector.close()


# -- Time ----------------------------------------------------------------------------------------------------------

SLOW = "SELECT id, phone, SLEEP(20) FROM customers WHERE phone = :phone OR 1 = 1"


async def test_a_slow_statement_is_gone_from_the_server_after_the_deadline(server: Database, mariadb: MariaDb) -> None:
    connector = server.connector(query=SLOW)
    with pytest.raises(SourceError) as raised:
        await connector.find(NUMBER, Deadline(0.4))
    assert raised.value.status == "timeout"
    for _attempt in range(100):
        running = [row for row in mariadb.run("SHOW PROCESSLIST") if "SLEEP(20)" in str(row)]
        if not running:
            break
        await asyncio.sleep(0.05)
    assert running == []
    await connector.close()


async def test_a_slow_sqlite_statement_ends_at_the_deadline(sqlite: Database) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(x) AS id FROM n WHERE x <> :phone"
    connector = sqlite.connector(query=endless)
    with pytest.raises(SourceError) as raised:
        await connector.find(NUMBER, Deadline(0.2))
    assert raised.value.status == "timeout"
    await connector.close()
    assert await find(sqlite.connector())


async def test_more_lookups_than_connections_time_out_within_their_deadline(server: Database) -> None:
    connector = server.connector(query=SLOW)
    outcomes = await asyncio.gather(*(connector.find(NUMBER, Deadline(0.5)) for _n in range(25)), return_exceptions=True)
    assert {getattr(outcome, "status", outcome) for outcome in outcomes} == {"timeout"}
    # The pool is usable again once the server has given up on the slow ones.
    assert (await connector.sql.fetch("SELECT 1 AS one", {}, Deadline(5))) == [{"one": 1}]
    await connector.close()


# -- What may be reached -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["mysql://u:pw@h/db", "mysql://u@h/db?read_default_file=/etc/my.cnf", "mysql://u@h/db?local_infile=1",
     "mysql://u@h/db?unix_socket=/tmp/s", "mysql://u@h/db?init_command=x", "mysql://h/db", "mysql://u@h/", "mysql://u@/db",
     "mysql://u@h:99999/db", "mysql://u@a..b/db", "mysql://u@h/d%2Fb",
     "postgresql://u@h/db", "oracle://u@h/db", "", "sqlite:///", "sqlite:///../other/clients.sqlite3",
     "sqlite:////etc/passwd", "sqlite://host/x", "sqlite:///a/../../x"],
)  # fmt: skip
def test_an_address_that_cannot_be_used_says_what_to_change(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^url: .*\.$"):
        _ = Database(url, tmp_path).connector().sql


def test_a_link_out_of_the_organisations_folder_is_refused(sqlite: Database, tmp_path: Path) -> None:
    (tmp_path / "secret.sqlite3").write_bytes(b"")
    (tmp_path / "riverside" / "link.sqlite3").symlink_to(tmp_path / "secret.sqlite3")
    with pytest.raises(ConfigurationError):
        _ = Database("sqlite:///link.sqlite3", tmp_path).connector().sql


async def test_a_link_laid_later_is_refused(sqlite: Database, tmp_path: Path) -> None:
    connector = sqlite.connector()
    _ = connector.sql
    file = tmp_path / "riverside" / "clients.sqlite3"
    file.rename(tmp_path / "elsewhere.sqlite3")
    os.symlink(tmp_path / "elsewhere.sqlite3", file)
    with pytest.raises(AddressRefused):
        await find(connector)


async def test_a_missing_file_is_unavailable_and_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as raised:
        await find(Database("sqlite:///none.sqlite3", tmp_path).connector())
    assert raised.value.status == "unavailable"
    assert not os.path.exists(tmp_path / "riverside")  # noqa: ASYNC240 -- nothing else runs


@pytest.mark.parametrize(
    "policy",
    [NetworkPolicy(), NetworkPolicy(allow_private=True)],
)
async def test_loopback_is_refused_without_its_permission(server: Database, policy: NetworkPolicy) -> None:
    connector = server.connector()
    object.__setattr__(connector.settings, "network", policy)
    with pytest.raises(AddressRefused):
        await find(connector)


async def test_the_portals_own_server_is_refused(server: Database, mariadb: MariaDb) -> None:
    own = NetworkPolicy(allow_private=True, allow_loopback=True, own=frozenset({("127.0.0.1", mariadb.port)}))
    connector = server.connector()
    object.__setattr__(connector.settings, "network", own)
    with pytest.raises(AddressRefused):
        await find(connector)


# -- Failures ------------------------------------------------------------------------------------------------------


async def test_a_wrong_password_is_auth_and_in_no_text(server: Database) -> None:
    connector = server.connector()
    object.__setattr__(connector.settings, "secrets", {"password": "wrong-password"})
    with pytest.raises(SourceError) as raised:
        await find(connector)
    assert raised.value.status == "auth"
    assert "wrong-password" not in str(raised.value)


async def test_a_user_without_the_right_is_auth(server: Database, mariadb: MariaDb) -> None:
    user = f"reader_{uuid.uuid4().hex[:8]}"
    name = server.url.rpartition("/")[2]
    mariadb.run(
        f"CREATE USER {user}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
        f"GRANT SELECT (id) ON {name}.customers TO {user}@'127.0.0.1'",
    )
    query = "SELECT id, phone FROM customers WHERE phone = :phone"
    with pytest.raises(SourceError) as raised:
        await find(Database(mariadb.url(name, user), server.folder).connector(query=query))
    assert raised.value.status == "auth"


async def test_a_server_that_is_down_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as raised:
        await find(Database(f"mysql://reader@127.0.0.1:{free_port()}/clients", tmp_path).connector())
    assert raised.value.status == "unavailable"


async def test_a_server_that_says_nothing_holds_no_thread_past_the_deadline(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connector = Database(f"mysql://reader@127.0.0.1:{silent.getsockname()[1]}/clients", tmp_path).connector()
        for _round in range(2):
            outcomes = await asyncio.gather(
                *(connector.find(NUMBER, Deadline(0.3)) for _n in range(10)), return_exceptions=True
            )
            assert {getattr(outcome, "status", outcome) for outcome in outcomes} <= {"timeout", "unavailable"}
        async with asyncio.timeout(3):
            await asyncio.to_thread(connector.sql._threads.shutdown)  # returns once the last thread has let go
        await connector.close()


async def test_tls_is_demanded_where_it_is_asked_for(tmp_path: Path, server: Database) -> None:
    with pytest.raises(SourceError) as raised:
        await find(Database(f"{server.url}?ssl=true", tmp_path).connector())
    assert raised.value.status == "unavailable"


async def test_a_connection_that_the_server_closed_is_replaced(server: Database, mariadb: MariaDb) -> None:
    connector = server.connector()
    assert await connector.find(NUMBER, Deadline(5))
    for row in mariadb.run("SHOW PROCESSLIST"):
        if row[3] == server.url.rpartition("/")[2]:
            mariadb.run(f"KILL {row[0]}")
    assert await find(connector)


async def test_health_asks_for_nobody(database: Database) -> None:
    connector = database.connector()
    assert (await connector.health(Deadline(5))).status == "healthy"
    await connector.close()
