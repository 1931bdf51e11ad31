"""PostgreSQL: what can be told without a server, and, where its driver and a server are installed, the server itself."""

from __future__ import annotations

import asyncio
import socket
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import postgresql as dialect

from integrations.connectors.database.statement import Join, Statement
from integrations.deadline import Deadline
from integrations.errors import AddressRefused, AuthFailed, ConfigurationError, MissingScope, SourceError
from integrations.outbound import postgresql
from integrations.outbound.database_url import DatabaseUrl, checked_url, postgresql_driver
from integrations.outbound.network import NetworkPolicy
from integrations.search_query import SearchQuery, read
from tests.connectors.database.conftest import JOIN, NUMBER, TABLES, Database, find
from tests.servers import MissingServer, PostgreSql, free_port
from tests.servers import postgresql as postgresql_server

FOLDER = Path("sources")


class Refusal(Exception):
    """The refusal in place of the driver's."""

    sqlstate: str | None = None


def driver_in_memory(connect: Any) -> Any:
    """The driver, as much of it as connecting needs."""
    connection = type("Connection", (), {"connect": staticmethod(connect)})
    errors = SimpleNamespace(ConnectionTimeout=type("ConnectionTimeout", (Refusal,), {}))
    return SimpleNamespace(Connection=connection, Error=Refusal, errors=errors)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """The arguments with which the driver is asked to connect; it refuses."""
    asked: list[dict[str, Any]] = []

    def connect(**facts: Any) -> Any:
        asked.append(facts)
        raise Refusal('FATAL:  password authentication failed for user "reader"')

    driver = driver_in_memory(connect)
    for place in ("database_url", "postgresql"):
        monkeypatch.setattr(f"integrations.outbound.{place}.postgresql_driver", lambda: driver)
    monkeypatch.setattr("integrations.outbound.sql.create_engine", lambda _scheme, **facts: SimpleNamespace(**facts))
    monkeypatch.setattr("integrations.outbound.sql.event.listen", lambda *_facts: None)
    postgresql._bounded_connection.cache_clear()
    yield asked
    postgresql._bounded_connection.cache_clear()


# -- Without a driver -----------------------------------------------------------------------------------------------


def test_without_the_driver_the_address_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    postgresql_driver.cache_clear()
    with pytest.raises(ConfigurationError, match=r"^url: .*psycopg\[binary\]"):
        checked_url("postgresql://reader@db.example.org/clients", FOLDER)
    postgresql_driver.cache_clear()


# -- With one that is played ----------------------------------------------------------------------------------------


def test_an_address_has_the_usual_port_and_no_options_but_ssl(played: Any) -> None:
    assert checked_url("postgresql://reader@db.example.org/clients", FOLDER) == DatabaseUrl(
        "postgresql", "reader", "db.example.org", 5432, "clients", tls=True
    )
    assert not checked_url("postgresql://reader@db.example.org/clients?ssl=false", FOLDER).tls
    secured = checked_url("postgresql://reader@db.example.org:6432/clients?ssl=true", FOLDER)
    assert (secured.port, secured.tls) == (6432, True)


@pytest.mark.parametrize(
    "url",
    ["postgresql://u:pw@h/db", "postgresql://u@h/db?host=/tmp", "postgresql://u@h/db?hostaddr=127.0.0.1",
     "postgresql://u@h/db?options=-c%20x", "postgresql://u@h/db?passfile=/etc/x", "postgresql://u@h/db?service=x",
     "postgresql://u@h/db?sslmode=disable", "postgresql://u@h/db?ssl=maybe", "postgresql://h/db", "postgresql://u@h/",
     "postgresql://u@/db", "postgresql://u@%2Ftmp/db", "postgresql://u@h1,h2/db", "postgresql://u@h/a%20host=b",
     "postgresql:///db", "postgres://u@h/db"],
)  # fmt: skip
def test_an_address_that_cannot_be_used_says_what_to_change(played: Any, url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^url: .*\.$"):
        checked_url(url, FOLDER)


def with_addresses(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 5432)) for address in addresses]
    monkeypatch.setattr("integrations.outbound.sql.socket.getaddrinfo", lambda *_asked, **_more: found)


def door(tmp_path: Path, url: str, network: NetworkPolicy) -> Any:
    connector = Database(url, tmp_path).connector()
    connector.settings = SimpleNamespace(**{**vars(connector.settings), "network": network})  # type: ignore[assignment]
    return connector.sql


def test_exactly_the_address_that_was_looked_at_is_connected_to(
    played: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_addresses(monkeypatch, "93.184.216.34")
    sql = door(tmp_path, "postgresql://reader@db.example.org/clients?ssl=true", NetworkPolicy())
    with pytest.raises(AuthFailed):
        sql._connect_postgresql()
    (asked,) = played
    assert (asked["hostaddr"], asked["host"], asked["port"]) == ("93.184.216.34", "db.example.org", 5432)
    assert (asked["sslmode"], asked["autocommit"], asked["prepare_threshold"]) == ("verify-full", True, None)
    # Nothing is left to the environment, to files of the process's user, or to another server.
    assert {"password", "passfile", "options", "target_session_attrs", "gssencmode"} <= set(asked)


@pytest.mark.parametrize("address", ["10.0.0.5", "127.0.0.1", "169.254.169.254", "::1", "192.168.1.1"])
def test_a_name_that_leads_to_a_closed_address_is_refused_before_anything_is_sent(
    played: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    with_addresses(monkeypatch, address)
    sql = door(tmp_path, "postgresql://reader@db.example.org/clients", NetworkPolicy())
    with pytest.raises(AddressRefused):
        sql._connect_postgresql()
    assert played == []


def test_every_address_of_a_name_is_looked_at(
    played: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_addresses(monkeypatch, "93.184.216.34", "10.0.0.5")
    sql = door(tmp_path, "postgresql://reader@db.example.org/clients", NetworkPolicy())
    with pytest.raises(AddressRefused):
        sql._connect_postgresql()
    assert [asked["hostaddr"] for asked in played] == ["93.184.216.34"]


@pytest.mark.parametrize(
    ("state", "words", "status", "kind"),
    [
        ("28P01", "password authentication failed", "auth", AuthFailed),
        ("42501", "permission denied for table customers", "auth", MissingScope),
        ("57014", "canceling statement due to statement timeout", "timeout", SourceError),
        ("53300", "sorry, too many clients already", "unavailable", SourceError),
        ("57P01", "terminating connection", "unavailable", SourceError),
        ("22P02", 'invalid input syntax for type bigint: "+14155550123"', "invalid_response", SourceError),
        (None, 'connection failed: FATAL:  password authentication failed for user "reader"', "auth", AuthFailed),
        (None, 'connection failed: FATAL:  database "reader" does not exist', "invalid_response", SourceError),
        (None, "connection failed: Connection refused", "unavailable", SourceError),
    ],
)
def test_its_codes_have_their_errors_and_its_words_are_not_repeated(
    played: Any, state: str | None, words: str, status: str, kind: type[SourceError]
) -> None:
    problem = Refusal(words)
    problem.sqlstate = state
    error = postgresql.classified("clients", problem)
    assert (error.status, isinstance(error, kind)) == (status, True)
    assert "4155550123" not in str(error)
    assert "reader" not in str(error)


def compiled(asked: tuple[str, Any] | None) -> str:
    """The statement as the driver gets it."""
    assert asked is not None
    return str(text(asked[0]).compile(dialect=dialect.psycopg.dialect()))  # type: ignore[attr-defined]


def statement() -> Statement:
    prepared = dialect.dialect().identifier_preparer  # type: ignore[attr-defined]
    quoted = lambda *names: ".".join(prepared.quote_identifier(name) for name in names)  # noqa: E731
    sql: Any = SimpleNamespace(quoted=quoted, url=DatabaseUrl("postgresql"))
    made = Statement(sql, "customers", "id", ["phone"], [], Join(JOIN["table"], JOIN["key"], ("status",)))  # type: ignore[arg-type]
    made.columns = ["id", "phone", "first_name"]
    return made


def test_statements_are_written_in_its_own_way() -> None:
    by_phone = compiled(statement().by_phone(NUMBER))
    assert by_phone.startswith('SELECT "customers"."id" AS "id", ')
    assert 'LEFT JOIN "customer_accounts" ON "customer_accounts"."customer_id" = "customers"."id"' in by_phone
    assert "%(v0)s" in by_phone
    search_query = read("Rosa 100%", "US")
    assert isinstance(search_query, SearchQuery)
    by_name = compiled(statement().by_text(search_query, ["first_name"]))
    assert '"customers"."first_name" ILIKE %(b0)s ESCAPE \'!\'' in by_name
    assert '"id" = %(record_id)s' in compiled(statement().by_id("7"))


# -- With a server --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgreSql]:
    try:
        with postgresql_server() as server:
            yield server
    except MissingServer as missing:
        pytest.skip(f"PostgreSQL is not installed here: {missing}")


@pytest.fixture
def clients(postgres: PostgreSql, tmp_path: Path) -> Iterator[Database]:
    name = f"clients_{uuid.uuid4().hex[:8]}"
    postgres.run(f"CREATE DATABASE {name}")
    spelt = [one.replace("BINARY(2)", "BYTEA").replace("BIT(1)", "BOOLEAN") for one in TABLES if "members" not in one]
    postgres.run(*spelt, "CREATE TABLE writes (id INTEGER)", "CREATE SEQUENCE counter", database=name)
    yield Database(postgres.url(name), tmp_path)
    postgres.run(f"DROP DATABASE {name} WITH (FORCE)")


class TestServer:
    async def test_somebody_is_found_with_what_belongs_to_them(self, clients: Database) -> None:
        (record,) = await find(clients.connector({"language": "case_worker"}, join=JOIN, digits_columns=["phone_digits"]))
        assert record.record_id == "1"
        assert (record.fields["name"], record.fields["outstanding_balance"]["amount_minor"]) == ("José Núñez-Øster", 4250)
        assert (record.fields["status"], record.fields["language"]) == ("active", "Ann")
        assert "078-05-1120" not in str(record)
        assert record.matched[0].field == "phone"

    async def test_somebody_is_found_by_name_in_capital_letters_and_by_address(self, clients: Database) -> None:
        connector = clients.connector()
        for words in ("LINDQ har", "jose@x.org"):
            search_query = read(words, "US")
            assert isinstance(search_query, SearchQuery)
            assert len(await connector.search(search_query, Deadline(5))) == 1, words
        (again,) = await connector.fetch("1", search_query, Deadline(5))
        assert again.record_id == "1"
        await connector.close()

    async def test_a_query_of_the_admins_is_used(self, clients: Database) -> None:
        query = "SELECT id, first_name, phone FROM customers WHERE phone LIKE '%555%' AND id::text <> :phone"
        assert [record.record_id for record in await find(clients.connector(query=query))] == ["1"]

    @pytest.mark.parametrize(
        ("options", "named"),
        [({"table": "people"}, "people"), ({"phone_columns": ["tel"]}, "tel"),
         ({"query": "SELECT id, phone FROM people WHERE phone = :phone"}, "people"),
         ({"query": "SELECT id, shoe_size FROM customers WHERE phone = :phone"}, "shoe_size")],
    )  # fmt: skip
    async def test_what_is_not_there_is_named(self, clients: Database, options: Any, named: str) -> None:
        with pytest.raises(SourceError, match=named) as raised:
            await find(clients.connector(**options))
        assert raised.value.status == "invalid_response"

    async def test_nothing_can_be_written_also_after_a_query_has_tried_to_allow_it(self, clients: Database) -> None:
        connector = clients.connector()
        allow = "SELECT set_config('default_transaction_read_only', 'off', false)"
        for write in ("INSERT INTO writes VALUES (1)", "SELECT nextval('counter')", "DELETE FROM customers"):
            await connector.sql.fetch(allow, {}, Deadline(5))
            with pytest.raises(SourceError, match="25006"):
                await connector.sql.fetch(write, {}, Deadline(5))
        await connector.close()

    async def test_a_slow_statement_is_gone_from_the_server_after_the_deadline(
        self, clients: Database, postgres: PostgreSql
    ) -> None:
        connector = clients.connector(query="SELECT id, phone, pg_sleep(20) FROM customers WHERE phone = :phone OR id = 1")
        with pytest.raises(SourceError) as raised:
            await connector.find(NUMBER, Deadline(0.4))
        assert raised.value.status == "timeout"
        running = (
            "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(20)%' AND pid <> pg_backend_pid()"
        )
        for _attempt in range(100):
            if not postgres.run(running):
                break
            await asyncio.sleep(0.05)
        assert postgres.run(running) == []
        await connector.close()

    async def test_no_more_rows_and_bytes_come_than_can_be_used(self, clients: Database) -> None:
        connector = clients.connector()
        assert len(await connector.sql.fetch("SELECT * FROM generate_series(1, 1000000)", {}, Deadline(5))) == 1_024
        with pytest.raises(SourceError, match="larger than"):
            await connector.sql.fetch("SELECT repeat('x', 300000) FROM generate_series(1, 10000)", {}, Deadline(5))
        assert await find(connector)

    async def test_values_of_its_own_types_are_readable(self, clients: Database) -> None:
        connector = clients.connector()
        made = "gen_random_uuid() AS a, ARRAY[1.5, 2] AS b, true AS c, '{\"x\": 1}'::jsonb AS d, inet '10.0.0.1' AS e"
        (row,) = await connector.sql.fetch(f"SELECT {made}, time '10:00' AS f, '\\x00ff'::bytea AS g", {}, Deadline(5))
        assert len(row["a"]) == 36
        assert (row["b"], row["c"], row["d"], row["e"]) == ([1.5, 2], True, {"x": 1}, "10.0.0.1")
        assert row["g"] == "00ff"
        await connector.close()

    async def test_a_wrong_password_and_a_missing_right_are_told_apart(self, clients: Database, postgres: PostgreSql) -> None:
        stranger = Database(clients.url.replace("connie@", "nobody@"), clients.folder)
        with pytest.raises(AuthFailed) as raised:
            await find(stranger.connector())
        assert type(raised.value) is AuthFailed
        name = clients.url.rpartition("/")[2]
        postgres.run("DROP ROLE IF EXISTS narrow", "CREATE ROLE narrow LOGIN PASSWORD 'connie-test-password'")
        narrow = Database(clients.url.replace("connie@", "narrow@"), clients.folder)
        with pytest.raises(MissingScope):
            await find(narrow.connector(query="SELECT id, phone FROM customers WHERE phone = :phone"))
        postgres.run("GRANT SELECT (id, phone) ON customers TO narrow", database=name)
        (record,) = await find(narrow.connector())
        assert record.fields == {"phone": "(415) 555-0123", "account_id": "1"}
        postgres.run("DROP OWNED BY narrow", database=name)
        postgres.run("DROP ROLE narrow")

    async def test_a_connection_that_was_ended_costs_nobody_an_answer(self, clients: Database, postgres: PostgreSql) -> None:
        connector = clients.connector()
        assert await connector.find(NUMBER, Deadline(5))
        postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'connie-portal'")
        assert await find(connector)

    async def test_a_server_that_is_not_there_is_unavailable(self, tmp_path: Path) -> None:
        nobody = Database(f"postgresql://u@127.0.0.1:{free_port()}/db", tmp_path)
        with pytest.raises(SourceError) as raised:
            await find(nobody.connector())
        assert raised.value.status == "unavailable"

    @pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
    async def test_a_server_that_hangs_or_is_another_one_ends_at_the_deadline(self, tmp_path: Path, greeting: bytes) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(greeting)
            await reader.read(-1)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(SourceError) as raised:
            await find(Database(f"postgresql://u@127.0.0.1:{port}/db", tmp_path).connector(), seconds=0.5)
        assert raised.value.status in {"timeout", "unavailable"}
        server.close()

    async def test_a_server_that_falls_silent_in_mid_session_frees_its_thread(
        self, clients: Database, postgres: PostgreSql
    ) -> None:
        """A relay stands between the portal and the server, and stops passing on."""
        silent, relays = asyncio.Event(), set[asyncio.Task[Any] | None]()

        async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while (chunk := await source.read(65_536)) and not silent.is_set():
                target.write(chunk)

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            relays.add(asyncio.current_task())
            theirs, ours = await asyncio.open_connection("127.0.0.1", postgres.port)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(pass_on(reader, ours))
                    both.create_task(pass_on(theirs, writer))
            finally:
                for end in (ours, writer):
                    end.close()
                    await end.wait_closed()

        server = await asyncio.start_server(relay, "127.0.0.1", 0)
        behind = clients.url.replace(f":{postgres.port}/", f":{server.sockets[0].getsockname()[1]}/")
        connector = Database(behind, clients.folder).connector()
        assert await connector.find(NUMBER, Deadline(5))
        silent.set()
        with pytest.raises(SourceError) as raised:
            await connector.find(NUMBER, Deadline(0.5))
        assert raised.value.status == "timeout"
        await connector.close()
        await asyncio.to_thread(connector.sql._threads.shutdown)
        server.close()
        for one in relays:
            assert one is not None
            one.cancel()
        await asyncio.gather(*(one for one in relays if one), return_exceptions=True)
