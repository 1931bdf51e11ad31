from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import QueuePool

from integrations.deadline import Deadline
from integrations.errors import AddressRefused, ConfigurationError, SourceError
from integrations.outbound.database_url import checked_url
from integrations.outbound.network import NetworkPolicy
from integrations.outbound.sql import MAX_ROWS, SqlDoor
from tests.connectors.database.conftest import NUMBER, Database, find
from tests.servers import PASSWORD, MariaDb, free_port

# -- What comes back -----------------------------------------------------------------------------------------------


async def test_a_query_for_a_whole_table_brings_no_more_rows_than_can_be_used(server: Database, sqlite: Database) -> None:
    counted = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5000) SELECT x FROM n"
    for database, statement in ((server, "SELECT seq FROM seq_1_to_1000000"), (sqlite, counted)):
        connector = database.connector()
        assert len(await connector.sql.fetch(statement, {}, Deadline(5))) == MAX_ROWS
        await connector.close()


async def test_rows_that_are_too_large_are_refused(database: Database) -> None:
    wide = "x" * 300_000
    connector = database.connector()
    with pytest.raises(SourceError, match="larger than") as raised:
        await connector.sql.fetch(f"SELECT '{wide}' AS a" + f" UNION ALL SELECT '{wide}'" * 7, {}, Deadline(5))
    assert raised.value.status == "invalid_response"
    await connector.close()


async def test_an_enormous_answer_is_cut_off_and_costs_one_question(server: Database, sqlite: Database) -> None:
    four_gigabytes = "SELECT REPEAT('x', 4000000) AS a FROM seq_1_to_1000"
    for database, statement in ((server, four_gigabytes), (sqlite, "SELECT length(hex(zeroblob(100000000))) AS a")):
        connector = database.connector()
        with pytest.raises(SourceError, match="larger than"):
            await connector.sql.fetch(statement, {}, Deadline(5))
        assert await find(connector)


async def test_what_one_answer_may_cost_is_counted_anew_for_the_next(server: Database) -> None:
    connector = server.connector()
    for _question in range(3):
        (row,) = await connector.sql.fetch("SELECT REPEAT('x', 1500000) AS a", {}, Deadline(5))
        assert len(row["a"]) == 1_500_000
    await connector.close()


async def test_a_closed_connector_is_unavailable(database: Database) -> None:
    connector = database.connector()
    assert await find(connector)
    with pytest.raises(SourceError) as raised:
        await connector.find(NUMBER, Deadline(5))
    assert raised.value.status == "unavailable"


async def test_a_connection_in_use_while_its_connector_closes_is_closed_afterwards(server: Database, mariadb: MariaDb) -> None:
    connector = server.connector(query="SELECT id, phone, SLEEP(0.4) FROM customers WHERE id = 1 AND :phone <> ''")
    asking = asyncio.create_task(connector.find(NUMBER, Deadline(5)))
    for _attempt in range(100):
        if any("SLEEP(0.4)" in str(row) for row in mariadb.run("SHOW PROCESSLIST")):
            break
        await asyncio.sleep(0.01)
    await connector.close()
    assert len(await asking) == 1
    await asyncio.to_thread(connector.sql._threads.shutdown)
    pool = connector.sql._engine.pool
    assert isinstance(pool, QueuePool)
    assert (pool.checkedout(), pool.checkedin()) == (0, 0)


async def test_the_session_is_read_only(server: Database, sqlite: Database) -> None:
    for database in (server, sqlite):
        connector = database.connector()
        with pytest.raises(SourceError):
            await connector.sql.fetch("UPDATE customers SET first_name = 'x'", {}, Deadline(5))
        (record,) = await find(connector)
        assert record.fields["first_name"] == "José"


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


async def test_after_the_deadline_a_thread_begins_no_statement_and_ends_the_one_that_runs(sqlite: Database) -> None:
    counting = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 20000000) SELECT count(x) AS id FROM n"
    connector = sqlite.connector()
    for statement, seconds in (("SELECT 1 AS id", 0.0), (counting, 0.05)):
        with pytest.raises(SourceError) as raised:
            await asyncio.to_thread(connector.sql._fetch, statement, {}, Deadline(seconds))
        assert raised.value.status == "timeout"
    await connector.close()


async def test_more_lookups_than_connections_time_out_within_their_deadline(server: Database) -> None:
    connector = server.connector(query=SLOW)
    outcomes = await asyncio.gather(*(connector.find(NUMBER, Deadline(1.5)) for _n in range(25)), return_exceptions=True)
    assert {getattr(outcome, "status", outcome) for outcome in outcomes} == {"timeout"}
    # The pool is usable again once the server has given up on the slow ones.
    assert (await connector.sql.fetch("SELECT 1 AS one", {}, Deadline(5))) == [{"one": 1}]
    await connector.close()


async def test_a_lookup_gives_up_waiting_for_a_connection_before_its_deadline(
    server: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.outbound.sql.ACQUIRE_S", 0.2)
    connector = server.connector(query=SLOW)
    outcomes = await asyncio.gather(*(connector.find(NUMBER, Deadline(1.5)) for _n in range(12)), return_exceptions=True)
    waited_in_vain = [outcome for outcome in outcomes if "no connection was free" in str(outcome)]
    assert len(waited_in_vain) == 2
    assert {getattr(outcome, "status", outcome) for outcome in outcomes} == {"timeout"}
    await connector.close()


async def test_a_lookup_that_is_called_off_ends_as_such(server: Database) -> None:
    connector = server.connector(query=SLOW)
    task = asyncio.create_task(connector.find(NUMBER, Deadline(1)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await connector.close()


# -- What may be reached -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["mysql://u:pw@h/db", "mysql://u@h/db?read_default_file=/etc/my.cnf", "mysql://u@h/db?local_infile=1",
     "mysql://u@h/db?unix_socket=/tmp/s", "mysql://u@h/db?init_command=x", "mysql://h/db", "mysql://u@h/", "mysql://u@/db",
     "mysql://u@h:99999/db", "mysql://u@a..b/db", "mysql://u@h/d%2Fb",
     "oracle://u@h/db", "", "sqlite:///", "sqlite:///../other/clients.sqlite3",
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
    folder = tmp_path / "riverside"
    folder.mkdir()  # where it could be made
    with pytest.raises(SourceError) as raised:
        await find(Database("sqlite:///none.sqlite3", tmp_path).connector())
    assert raised.value.status == "unavailable"
    assert os.listdir(folder) == []


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


async def test_a_host_that_cannot_be_a_name_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as raised:
        await find(Database(f"mysql://reader@{'a' * 70}.example/clients", tmp_path).connector())
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


def packet(number: int, body: bytes) -> bytes:
    """One packet of MySQL's protocol."""
    return len(body).to_bytes(3, "little") + bytes([number]) + body


@asynccontextmanager
async def pretender(answer: bytes, further: bytes = b"") -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that greets like MySQL's, answers the sign-in and then the first statement as told; its port, what it heard."""
    heard: list[bytes] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        flags = 0x00000200 | 0x00008000 | 0x00080000
        greeting = b"\x0a8.0.0\0" + b"\x01\0\0\0" + b"a" * 8 + b"\0" + flags.to_bytes(4, "little")[:2] + b"\x2d\x02\0"
        greeting += flags.to_bytes(4, "little")[2:] + b"\x15" + b"\0" * 10 + b"b" * 12 + b"\0mysql_native_password\0"
        writer.write(packet(0, greeting))
        for body in (answer, further) if further else (answer,):
            head = await reader.readexactly(4)
            heard.append(await reader.readexactly(int.from_bytes(head[:3], "little")))
            writer.write(packet(head[3] + 1, body))
        heard.append(await reader.read(1_000))
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], heard


@pytest.mark.parametrize("plugin", [b"mysql_clear_password", b"dialog", b"mysql_old_password"])
async def test_a_server_that_wants_the_password_itself_is_not_told_it(tmp_path: Path, plugin: bytes) -> None:
    """The server asks for it in place of the usual proof, once in the greeting's answer, by a switch of the method."""
    async with pretender(b"\xfe" + plugin + b"\0" + b"c" * 20 + b"\0") as (port, heard):
        with pytest.raises(SourceError):
            await find(Database(f"mysql://reader@127.0.0.1:{port}/clients", tmp_path).connector())
    assert b"reader" in heard[0]
    assert PASSWORD.encode() not in b"".join(heard)


async def test_a_server_that_asks_for_a_file_is_not_sent_it(tmp_path: Path) -> None:
    """A statement may be answered with the name of a file that the client is to load from its own disk."""
    file = tmp_path / "keys"
    file.write_text("the portal's own keys")
    async with pretender(b"\0\0\0\x02\0\0\0", b"\xfb" + str(file).encode()) as (port, heard):
        with pytest.raises((SourceError, RuntimeError)):
            await find(Database(f"mysql://reader@127.0.0.1:{port}/clients", tmp_path).connector())
    assert len(heard) == 3
    assert b"keys" not in heard[2]


def test_the_portals_own_server_is_refused_by_its_name_before_it_is_looked_for(tmp_path: Path) -> None:
    network = NetworkPolicy(own=frozenset({("db.portal.example", 3306)}))
    with pytest.raises(AddressRefused, match="The portal itself"):
        SqlDoor("clients", "mysql://reader@db.portal.example/clients", "", network, tmp_path)


@pytest.mark.parametrize(
    ("url", "tls"),
    [("mysql://u@db.example.org/c", True), ("mysql://u@10.0.0.5/c", True), ("mysql://u@localhost.example/c", True),
     ("mysql://u@db.example.org/c?ssl=false", False), ("mysql://u@127.0.0.1/c", False), ("mysql://u@127.9.9.9/c", False),
     ("mysql://u@localhost/c", False), ("mysql://u@localhost/c?ssl=true", True)],
)  # fmt: skip
def test_whatever_is_not_this_machine_is_spoken_to_encrypted(tmp_path: Path, url: str, tls: bool) -> None:
    assert checked_url(url, tmp_path).tls is tls
