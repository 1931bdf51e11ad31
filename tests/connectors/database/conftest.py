"""An organisation's database in either dialect, and how a connector reaches it."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integrations.connectors.base import SourceSettings
from integrations.connectors.database.connector import DatabaseConnector
from integrations.deadline import Deadline
from integrations.phone import Number
from tests.http_stub import LOOPBACK_ALLOWED
from tests.servers import PASSWORD, MariaDb

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
    # A key, a flag and a column of digits as other systems keep them.
    """CREATE TABLE members (member BINARY(2) PRIMARY KEY, phone VARCHAR(40), vip_status BIT(1),
       digits VARCHAR(40) GENERATED ALWAYS AS (REPLACE(REPLACE(phone, '-', ''), '+', '')) VIRTUAL)""",
    """INSERT INTO members (member, phone, vip_status)
       VALUES (x'fffd', '+1-415-555--0123', x'01'), (x'fffe', '+1-415-555--0123', x'00')""",
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
                currency="USD",
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
