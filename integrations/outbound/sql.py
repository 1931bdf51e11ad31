"""The one SQL door: every question to an organisation's own database goes through here.

It owns what must not differ between connectors: which hosts and files may be opened, read-only sessions, bound values,
the pool (10 connections, 3 s to get one), and limits that hold on the server as well as here.
"""

from __future__ import annotations

import asyncio
import re
import socket
import sqlite3
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pymysql
from pymysql.constants import CR
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from integrations.deadline import Deadline
from integrations.errors import (
    AddressRefused,
    ConfigurationError,
    InvalidResponse,
    PortalError,
    SourceTimeout,
    SourceUnavailable,
)
from integrations.figures import MAX_SAFE
from integrations.outbound import postgresql
from integrations.outbound.database_url import checked_url
from integrations.outbound.encodings import USUAL, checked_encoding, kept, readable, tolerant
from integrations.outbound.network import NetworkPolicy
from integrations.outbound.recording import record_sent
from integrations.outbound.sql_errors import classified
from integrations.profile import JSON

ACQUIRE_S = 3.0
STATEMENT_S = 5.0
PING_S = 1.0
MAX_ROWS = 1_024  # more than a table can have columns, so that their names fit
MAX_BYTES = 2 * 1024 * 1024
RECYCLE_S = 1_800
# 1 marks what a virtual table hides; the plain table_info leaves out computed columns as well.
_COLUMNS_OF_SQLITE = "SELECT name FROM pragma_table_xinfo(:table) WHERE hidden <> 1"
_COLUMNS_OF_MYSQL = (
    "SELECT column_name AS name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = :table"
)
_COLUMNS = {"sqlite": _COLUMNS_OF_SQLITE, "mysql": _COLUMNS_OF_MYSQL, "postgresql": postgresql.COLUMNS}
_NAME = re.compile(r"[A-Za-z0-9_$]{1,64}")


def checked_name(name: str, place: str) -> str:
    """A table's or column's name that can be quoted safely. Raises ConfigurationError naming the place."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{place}: {name!r} is not a name of a table or column.")
    return name


class SqlDoor:
    """One connector's way to one database. ``folder`` is where its organisation's SQLite files lie.

    Drivers block, so each door has as many threads as connections: a database that hangs fills its own and no others.
    """

    def __init__(
        self,
        source: str,
        url: str,
        password: str,
        network: NetworkPolicy,
        folder: Path,
        *,
        concurrency: int = 10,
        encoding: str = "",
    ) -> None:
        self.source = source
        self.url = checked_url(url, folder)
        self.network = network.towards(self.url.host, self.url.port, "url") if self.url.host else network
        self._password = password
        self._encoding = encoding and checked_encoding(encoding)
        self._closed = False
        self._asked = threading.local()  # .deadline: of the question that this thread works on
        self._threads = ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix=f"sql-{source}")
        self._engine = self._make_engine(concurrency)

    def quoted(self, *names: str) -> str:
        """``table`` or ``table.column`` in the database's quotes. The names have passed ``checked_name``."""
        quote = self._engine.dialect.identifier_preparer.quote_identifier
        return ".".join(quote(name) for name in names)

    async def fetch(self, statement: str, values: Mapping[str, Any], deadline: Deadline) -> list[dict[str, JSON]]:
        """Rows as dicts, at most MAX_ROWS, with UNDECODABLE for each text that is not of its encoding. ``:name`` in the
        statement is bound. Raises SourceError, ConfigurationError."""
        began, status = time.monotonic(), ""
        try:
            rows = await self._in_thread(lambda: self._fetch(statement, values, deadline), deadline)
            status = "ok"
        finally:
            record_sent(" ".join(statement.split()), status, began)
        return rows

    async def columns(self, table: str, deadline: Deadline) -> list[str]:
        """The names of a table's columns; ``[]`` if there is no such table."""
        rows = await self.fetch(_COLUMNS[self.url.dialect], {"table": table}, deadline)
        return [str(row["name"]) for row in rows]

    async def close(self) -> None:
        """Close idle connections; those in use close when they come back."""
        self._closed = True
        self._threads.shutdown(wait=False)
        self._engine.pool.dispose()

    async def _in_thread[T](self, work: Callable[[], T], deadline: Deadline) -> T:
        if self._closed:
            raise SourceUnavailable(self.source, "its configuration has just changed")
        queued = self._threads.submit(work)
        # As many threads as connections: waiting for one is waiting for the other. Once it runs, this does nothing.
        impatience = asyncio.get_running_loop().call_later(min(ACQUIRE_S, deadline.left()), queued.cancel)
        try:
            async with asyncio.timeout(deadline.left()):
                return await asyncio.wrap_future(queued)
        except TimeoutError:
            raise SourceTimeout(self.source) from None
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            raise SourceTimeout(self.source, "no connection was free in time") from None
        finally:
            impatience.cancel()

    # -- In the thread -------------------------------------------------------------------------------------------

    def _fetch(self, statement: str, values: Mapping[str, Any], deadline: Deadline) -> list[dict[str, JSON]]:
        if deadline.left() <= 0:
            raise SourceTimeout(self.source, "no connection was free in time")
        self._asked.deadline = deadline
        try:
            with self._engine.connect() as connection:
                if self.url.dialect == "postgresql":
                    return self._fetch_postgresql(connection, statement, values, deadline)
                limited = self._limited(connection, statement, deadline)
                with connection.execute(text(limited), dict(values)) as result:
                    return self._readable(islice(result.mappings(), MAX_ROWS))
        except PoolTimeout:
            raise SourceTimeout(self.source, "no connection was free in time") from None
        except (SQLAlchemyError, OSError, UnicodeError) as error:
            raise self._classified(error) from None
        finally:
            if self._closed:
                self._engine.pool.dispose()  # the connection came back after the others were closed

    def _fetch_postgresql(
        self, connection: Connection, statement: str, values: Mapping[str, Any], deadline: Deadline
    ) -> list[dict[str, JSON]]:
        bound = str(text(statement).compile(dialect=self._engine.dialect))
        found = postgresql.rows(connection.connection.driver_connection, bound, values, _limit(deadline), deadline)
        try:
            with closing(found):
                return self._readable(islice(found, MAX_ROWS))
        except BaseException as error:
            connection.invalidate()  # whatever it still has to say, nobody listens
            if isinstance(error, postgresql.errors()):
                raise postgresql.classified(self.source, error) from None
            raise

    def _limited(self, connection: Connection, statement: str, deadline: Deadline) -> str:
        """Bound the statement on the server: a client that stops listening does not stop it there."""
        seconds = _limit(deadline)
        driver: Any = connection.connection.driver_connection
        if self.url.dialect == "sqlite":
            driver.set_progress_handler(lambda: int(deadline.left() <= 0), 1_000)
            return statement
        driver.bytes_left = MAX_BYTES
        driver._read_timeout = seconds + 0.2
        if "mariadb" in driver.server_version.lower():
            return f"SET STATEMENT max_statement_time={seconds:.3f} FOR {statement}"
        connection.exec_driver_sql(f"SET SESSION max_execution_time={int(seconds * 1000)}")
        return statement

    def _readable(self, rows: Iterable[Mapping[Any, Any]]) -> list[dict[str, JSON]]:
        size = 0
        readable = []
        for row in rows:
            values = {name: _plain(value) for name, value in row.items()}
            size += sum(len(value) for value in values.values() if isinstance(value, str))
            if size > MAX_BYTES:
                raise InvalidResponse(self.source, _TOO_LARGE)
            readable.append(values)
        return readable

    # -- Connecting ----------------------------------------------------------------------------------------------

    def _make_engine(self, concurrency: int) -> Engine:
        connecting: dict[str, tuple[str, Callable[[], Any], dict[str, Any]]] = {
            "sqlite": ("sqlite://", self._connect_sqlite, {}),
            "mysql": ("mysql+pymysql://", self._connect_mysql, {}),
            "postgresql": ("postgresql+psycopg://", self._connect_postgresql, {"use_native_hstore": False}),
        }
        scheme, connect, own = connecting[self.url.dialect]
        engine = create_engine(
            scheme,
            creator=connect,
            poolclass=QueuePool,
            pool_size=concurrency,
            max_overflow=0,
            pool_timeout=ACQUIRE_S,
            pool_recycle=RECYCLE_S,
            pool_pre_ping=self.url.dialect != "sqlite",
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
            **own,
        )
        event.listen(engine, "checkin", _made_idle)
        if self.url.dialect == "mysql":
            event.listen(engine, "connect", self._read_texts)  # after SQLAlchemy's own, which names an encoding
        return engine

    def _connect_sqlite(self) -> sqlite3.Connection:
        # Resolved again: a link may have been laid since the address was checked.
        if self.url.path.resolve() != self.url.path:
            raise AddressRefused("The database file was replaced by a link.")
        driver = sqlite3.connect(f"{self.url.path.as_uri()}?mode=ro", uri=True, check_same_thread=False, timeout=1)
        driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_BYTES)
        # SQLite stores whatever bytes it is given.
        driver.text_factory = lambda raw: kept(raw, self._encoding or USUAL)
        return driver

    def _connect_mysql(self) -> Any:
        """Resolve, look at the address, open the socket to exactly that address, and only then speak."""
        deadline: Deadline = self._asked.deadline
        sock = self._guarded_socket(deadline)
        patience = max(0.05, min(STATEMENT_S, deadline.left()))
        tls = ssl.create_default_context() if self.url.tls else None
        driver = _BoundedDriver(
            host=self.url.host,
            user=self.url.user,
            password=self._password,
            database=self.url.database,
            charset="utf8mb4",
            ssl=tls,
            local_infile=False,
            read_timeout=patience,
            write_timeout=patience,
            autocommit=True,
            defer_connect=True,
        )
        try:
            driver.connect(sock)
            with driver.cursor() as cursor:
                cursor.execute("SET SESSION TRANSACTION READ ONLY")
                cursor.execute(f"SET SESSION sql_select_limit={MAX_ROWS}")
        except BaseException:
            sock.close()
            raise
        return driver

    def _read_texts(self, driver: Any, _record: Any) -> None:
        if self._encoding:
            with driver.cursor() as cursor:  # as they are stored, whatever the columns say that they are
                cursor.execute("SET SESSION character_set_results=NULL")
        driver.encoding = tolerant(self._encoding or USUAL)

    def _connect_postgresql(self) -> Any:
        """Resolve, look at the address, and connect to exactly that address."""
        problem: Exception = SourceUnavailable(self.source, "the name has no address")
        for _family, _kind, _protocol, _name, address in self._addresses():
            self.network.check(str(address[0]), self.url.port)
            try:
                return postgresql.connect(self.url, str(address[0]), self._password)
            except postgresql.errors() as error:
                problem = postgresql.classified(self.source, error)
        raise problem

    def _addresses(self) -> list[tuple[Any, ...]]:
        try:
            return socket.getaddrinfo(self.url.host, self.url.port, type=socket.SOCK_STREAM)
        except UnicodeError:
            raise SourceUnavailable(self.source, "the host's name cannot be one") from None

    def _guarded_socket(self, deadline: Deadline) -> socket.socket:
        problem: Exception = SourceUnavailable(self.source, "the name has no address")
        for family, kind, protocol, _name, address in self._addresses():
            self.network.check(str(address[0]), self.url.port)
            sock = socket.socket(family, kind, protocol)
            sock.settimeout(max(0.05, min(ACQUIRE_S, deadline.left())))
            try:
                sock.connect(address)
            except OSError as error:
                sock.close()
                problem = error
                continue
            return sock
        raise problem

    def _classified(self, error: Exception) -> PortalError:
        """What the driver meant. Its text may hold names and values, so only classes and codes are passed on."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        if self.url.dialect == "postgresql" and isinstance(cause, postgresql.errors()):
            return postgresql.classified(self.source, cause)
        if isinstance(cause, _TooLarge) or "too big" in str(cause):
            return InvalidResponse(self.source, _TOO_LARGE)
        return classified(self.source, cause)


class _TooLarge(pymysql.err.OperationalError):
    """An answer that nobody could use. To the pool it is a lost connection."""


# With these, a server is sent the password itself, or what it can be had from in seconds.
_READABLE_PASSWORDS = {b"mysql_clear_password", b"dialog", b"mysql_old_password"}


class _BoundedDriver(pymysql.Connection):
    """Hangs up on an answer that grows too large: the driver collects all of it before it hands out the first row."""

    bytes_left = MAX_BYTES

    def _process_auth(self, plugin_name: bytes, auth_packet: Any, handler: Any = None) -> Any:
        """Refuses what would hand the password to whoever answers, be it the server or somebody in between."""
        if plugin_name in _READABLE_PASSWORDS and not self._secure:  # type: ignore[attr-defined]  # missing in the stubs
            raise pymysql.err.OperationalError(CR.CR_AUTH_PLUGIN_CANNOT_LOAD, "it wants the password unencrypted")
        return super()._process_auth(plugin_name, auth_packet, handler)  # type: ignore[misc]

    def _read_bytes(self, num_bytes: int) -> bytes:
        self.bytes_left -= num_bytes
        if self.bytes_left < 0:
            self._force_close()  # type: ignore[attr-defined]  # missing in the stubs
            raise _TooLarge(CR.CR_SERVER_LOST)
        return bytes(super()._read_bytes(num_bytes))  # type: ignore[misc]


_TOO_LARGE = f"the rows are larger than {MAX_BYTES // 1024} KiB"


def _made_idle(driver: Any, _record: Any) -> None:
    """Take off the last question's limits; what comes next is a ping, which a living server answers at once."""
    if isinstance(driver, sqlite3.Connection):
        driver.set_progress_handler(None, 0)
    elif isinstance(driver, _BoundedDriver):
        driver._read_timeout = PING_S  # type: ignore[attr-defined]  # missing in the stubs
    elif driver is not None:
        driver.patience_s = PING_S


def _limit(deadline: Deadline) -> float:
    """Seconds for one statement."""
    return max(0.01, min(STATEMENT_S, deadline.left()))


_READABLE = (str, int, float, date, dict)


def _plain(value: Any) -> JSON:
    """A driver's value as JSON, or as a date for the vocabulary to shape."""
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, bytes | bytearray | memoryview):
        raw = bytes(value)
        if raw in (b"\0", b"\1"):  # MySQL's BIT(1), its usual yes or no
            return raw[0]
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw.hex()  # a binary key stays one of its kind
    if type(value) is str:
        return readable(value)
    return value if value is None or isinstance(value, _READABLE) else str(value)


def _number(value: Decimal) -> JSON:
    """Exactly: a number where JSON has it, since in a text "1.234" may be a thousand and more; else a text."""
    if not value.is_finite() or not -MAX_SAFE <= value <= MAX_SAFE or value.adjusted() < -16:
        return str(value)
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)
