"""The client databases of the demo: SQLite files as an organisation's own software would have left them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from integrations.sandbox.people import Row

FILE_NAME = "clients.sqlite3"
_TABLES = {
    "customers": (
        "id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT, email TEXT, phone TEXT, mobile TEXT, account_id TEXT, "
        "vip INTEGER, language TEXT, preferred_agent TEXT, address TEXT, date_of_birth TEXT, member_since TEXT, programs TEXT, "
        "notes TEXT, dietary_restrictions TEXT, primary_care_provider TEXT, primary_caregiver TEXT, emergency_contact TEXT, "
        "voicemail TEXT, say_who TEXT, do_not_call INTEGER, agreed_to TEXT, best_time TEXT, interpreter TEXT, "
        "outstanding_balance TEXT, last_payment TEXT, payment_method TEXT, auto_pay_enabled INTEGER, "
        "ssn TEXT, credit_card TEXT, password_hash TEXT, bank_account TEXT"
    ),
    "customer_accounts": "customer_id INTEGER PRIMARY KEY REFERENCES customers(id), status TEXT, last_visit TEXT",
}
_INDEXES = (
    "CREATE INDEX customers_phone ON customers(phone)",
    "CREATE INDEX customers_mobile ON customers(mobile)",
)


def write_client_database(folder: Path, customers: Iterable[Row], accounts: Iterable[Row]) -> Path:
    """Write ``clients.sqlite3`` into the folder, whole or not at all; returns its path. Only the owner may read it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target, draft = folder / FILE_NAME, folder / f".{FILE_NAME}.{os.getpid()}"
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    try:
        with closing(sqlite3.connect(draft)) as database, database:
            for name, columns in _TABLES.items():
                database.execute(f"CREATE TABLE {name} ({columns})")
            for statement in _INDEXES:
                database.execute(statement)
            _insert(database, "customers", customers)
            _insert(database, "customer_accounts", accounts)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return target


def _insert(database: sqlite3.Connection, table: str, rows: Iterable[Row]) -> None:
    for row in rows:
        marks = ", ".join("?" for _ in row)
        database.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
