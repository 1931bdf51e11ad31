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
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pymysql
from pymysql.constants import CR, ER
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from integrations.connectors.base import Deadline, NetworkPolicy
from integrations.connectors.recording import record_sent
from integrations.errors import (
    AddressRefused,
    AuthFailed,
    ConfigurationError,
    InvalidResponse,
    MissingScope,
    PortalError,
    SourceTimeout,
    SourceUnavailable,
)
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
_URL_OPTIONS = {"ssl"}
_EXAMPLE = "Write it like mysql://reader@db.example.org/clients, or sqlite:///clients.sqlite3."
_NAME = re.compile(r"[A-Za-z0-9_$]{1,64}")
_DATABASE_NAME = re.compile(r"[A-Za-z0-9_$-]{1,64}")  # never part of a statement, so a hyphen does no harm
_HOST = re.compile(r"[A-Za-z0-9_:-]+(\.[A-Za-z0-9_-]+)*\.?")


@dataclass(frozen=True)
class DatabaseUrl:
    """A checked address. ``path`` is set for SQLite files, the rest for servers."""

    dialect: str  # mysql | sqlite
    user: str = ""
    host: str = ""
    port: int = 3306
    database: str = ""
    tls: bool = False
    path: Path = Path()


def checked_url(url: str, folder: Path) -> DatabaseUrl:
    """``mysql://user@host[:port]/db[?ssl=true]`` or ``sqlite:///FILE`` below ``folder``.

    Raises ConfigurationError saying what to change.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigurationError(
            "url: this is not a database address. Write it like mysql://reader@db.example.org/clients."
        ) from None
    if parts.password:
        raise ConfigurationError("url: leave the password out of the address; it belongs into the secrets.")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(set(options) - _URL_OPTIONS):
        raise ConfigurationError(f"url: the option {unknown[0]!r} cannot be used. Only these can: {', '.join(_URL_OPTIONS)}.")
    if parts.scheme == "sqlite":
        return DatabaseUrl("sqlite", path=_sqlite_path(unquote(parts.path), parts.netloc, folder))
    if parts.scheme == "postgresql":
        raise ConfigurationError("url: PostgreSQL cannot be connected yet. Use a mysql:// address.")
    database = unquote(parts.path.removeprefix("/"))
    if parts.scheme != "mysql" or not parts.username or not _DATABASE_NAME.fullmatch(database):
        raise ConfigurationError(f"url: this address cannot be used. {_EXAMPLE}")
    if not _HOST.fullmatch(parts.hostname or ""):
        raise ConfigurationError(f"url: this address cannot be used. {_EXAMPLE}")
    if options.get("ssl", "false") not in {"true", "false"}:
        raise ConfigurationError("url: ssl must be true or false.")
    tls = options.get("ssl") == "true"
    return DatabaseUrl("mysql", unquote(parts.username), str(parts.hostname), port or 3306, database, tls=tls)


def _sqlite_path(path: str, netloc: str, folder: Path) -> Path:
    """Links are followed before the check, so that none leads out of the folder."""
    root = folder.resolve()
    target = (root / path.removeprefix("/")).resolve()
    if netloc or not path.strip("/") or "\0" in path or not target.is_relative_to(root) or target == root:
        raise ConfigurationError(
            "url: the file must lie in the organisation's folder of sources, like sqlite:///clients.sqlite3."
        )
    return target


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
        self, connector: str, url: str, password: str, network: NetworkPolicy, folder: Path, *, concurrency: int = 10
    ) -> None:
        self.connector = connector
        self.url = checked_url(url, folder)
        self.network = network
        self._password = password
        self._closed = False
        self._asked = threading.local()  # .deadline: of the question that this thread works on
        self._threads = ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix=f"sql-{connector}")
        self._engine = self._make_engine(concurrency)

    def quoted(self, *names: str) -> str:
        """``table`` or ``table.column`` in the database's quotes. The names have passed ``checked_name``."""
        quote = self._engine.dialect.identifier_preparer.quote_identifier
        return ".".join(quote(name) for name in names)

    async def fetch(self, statement: str, values: Mapping[str, Any], deadline: Deadline) -> list[dict[str, JSON]]:
        """Rows as dicts, at most MAX_ROWS. ``:name`` in the statement is bound. Raises SourceError, ConfigurationError."""
        began, status = time.monotonic(), ""
        try:
            rows = await self._in_thread(lambda: self._fetch(statement, values, deadline), deadline)
            status = "ok"
        finally:
            record_sent(" ".join(statement.split()), status, began)
        return rows

    async def columns(self, table: str, deadline: Deadline) -> list[str]:
        """The names of a table's columns; ``[]`` if there is no such table."""
        statement = _COLUMNS_OF_SQLITE if self.url.dialect == "sqlite" else _COLUMNS_OF_MYSQL
        return [str(row["name"]) for row in await self.fetch(statement, {"table": table}, deadline)]

    async def close(self) -> None:
        """Close idle connections; those in use close when they come back."""
        self._closed = True
        self._threads.shutdown(wait=False)
        self._engine.pool.dispose()

    async def _in_thread[T](self, work: Callable[[], T], deadline: Deadline) -> T:
        if self._closed:
            raise SourceUnavailable(self.connector, "its configuration has just changed")
        queued = self._threads.submit(work)
        # As many threads as connections: waiting for one is waiting for the other. Once it runs, this does nothing.
        impatience = asyncio.get_running_loop().call_later(min(ACQUIRE_S, deadline.left()), queued.cancel)
        try:
            async with asyncio.timeout(deadline.left()):
                return await asyncio.wrap_future(queued)
        except TimeoutError:
            raise SourceTimeout(self.connector) from None
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            raise SourceTimeout(self.connector, "no connection was free in time") from None
        finally:
            impatience.cancel()

    # -- In the thread -------------------------------------------------------------------------------------------

    def _fetch(self, statement: str, values: Mapping[str, Any], deadline: Deadline) -> list[dict[str, JSON]]:
        if deadline.left() <= 0:
            raise SourceTimeout(self.connector, "no connection was free in time")
        self._asked.deadline = deadline
        try:
            with self._engine.connect() as connection:
                limited = self._limited(connection, statement, deadline)
                with connection.execute(text(limited), dict(values)) as result:
                    return self._readable(islice(result.mappings(), MAX_ROWS))
        except PoolTimeout:
            raise SourceTimeout(self.connector, "no connection was free in time") from None
        except (SQLAlchemyError, OSError, UnicodeError) as error:
            raise self._classified(error) from None
        finally:
            if self._closed:
                self._engine.pool.dispose()  # the connection came back after the others were closed

    def _limited(self, connection: Connection, statement: str, deadline: Deadline) -> str:
        """Bound the statement on the server: a client that stops listening does not stop it there."""
        seconds = max(0.01, min(STATEMENT_S, deadline.left()))
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
                raise InvalidResponse(self.connector, _TOO_LARGE)
            readable.append(values)
        return readable

    # -- Connecting ----------------------------------------------------------------------------------------------

    def _make_engine(self, concurrency: int) -> Engine:
        connect = self._connect_sqlite if self.url.dialect == "sqlite" else self._connect_mysql
        scheme = "sqlite://" if self.url.dialect == "sqlite" else "mysql+pymysql://"
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
        )
        event.listen(engine, "checkin", _made_idle)
        return engine

    def _connect_sqlite(self) -> sqlite3.Connection:
        # Resolved again: a link may have been laid since the address was checked.
        if self.url.path.resolve() != self.url.path:
            raise AddressRefused("The database file was replaced by a link.")
        driver = sqlite3.connect(f"{self.url.path.as_uri()}?mode=ro", uri=True, check_same_thread=False, timeout=1)
        driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_BYTES)
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

    def _guarded_socket(self, deadline: Deadline) -> socket.socket:
        problem: Exception = SourceUnavailable(self.connector, "the name has no address")
        for family, kind, protocol, _name, address in socket.getaddrinfo(self.url.host, self.url.port, type=socket.SOCK_STREAM):
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
        code = cause.args[0] if cause is not None and cause.args and isinstance(cause.args[0], int) else 0
        if code in _AUTH_CODES:
            return AuthFailed(self.connector, f"code {code}")
        if code in _RIGHT_CODES:
            return MissingScope(self.connector, f"code {code}")
        if (
            code in _STATEMENT_TIMEOUT_CODES
            or isinstance(cause, TimeoutError)
            or any(word in str(cause) for word in _TIMEOUT_WORDS)
        ):
            return SourceTimeout(self.connector, f"code {code}")
        if isinstance(cause, _TooLarge) or "too big" in str(cause):
            return InvalidResponse(self.connector, _TOO_LARGE)
        if code in _MISSING_CODES or "no such" in str(cause):
            named = _MISSING_NAME.search(str(cause))
            return InvalidResponse(self.connector, f"there is no table or column {named[1] if named else 'of this name'}")
        if isinstance(
            cause, sqlite3.OperationalError | pymysql.err.OperationalError | pymysql.err.InterfaceError | OSError | UnicodeError
        ):
            return SourceUnavailable(self.connector, f"code {code}")
        return InvalidResponse(self.connector, f"{type(cause).__name__} {code}")


class _TooLarge(pymysql.err.OperationalError):
    """An answer that nobody could use. To the pool it is a lost connection."""


class _BoundedDriver(pymysql.Connection):
    """Hangs up on an answer that grows too large: the driver collects all of it before it hands out the first row."""

    bytes_left = MAX_BYTES

    def _read_bytes(self, num_bytes: int) -> bytes:
        self.bytes_left -= num_bytes
        if self.bytes_left < 0:
            self._force_close()  # type: ignore[attr-defined]  # missing in the stubs
            raise _TooLarge(CR.CR_SERVER_LOST)
        return bytes(super()._read_bytes(num_bytes))  # type: ignore[misc]


_TOO_LARGE = f"the rows are larger than {MAX_BYTES // 1024} KiB"
# Names as the statement writes them; values are bound, so that none can stand here.
_MISSING_NAME = re.compile(r"(?:Table|column|table:?|column:) '?([\w$.]{1,130})'?")
# Beside a wrong password: no password where one is needed, one that expired, a locked account (MySQL's, MariaDB's).
_AUTH_CODES = {ER.ACCESS_DENIED_ERROR, 1698, 1820, 1862, 3118, 4151}
_RIGHT_CODES = {
    ER.DBACCESS_DENIED_ERROR,
    ER.TABLEACCESS_DENIED_ERROR,
    ER.COLUMNACCESS_DENIED_ERROR,
    ER.SPECIFIC_ACCESS_DENIED_ERROR,
    ER.PROCACCESS_DENIED_ERROR,
}
_MISSING_CODES = {ER.NO_SUCH_TABLE, ER.BAD_FIELD_ERROR, ER.BAD_DB_ERROR}
# MariaDB's limit, MySQL's limit, a statement that was killed.
_STATEMENT_TIMEOUT_CODES = {1969, 3024, 1317}
_TIMEOUT_WORDS = ("interrupted", "timed out")  # SQLite's limit; a server that fell silent


def _made_idle(driver: Any, _record: Any) -> None:
    """Without the last question's limits; what comes next is a ping, which a living server answers at once."""
    if isinstance(driver, sqlite3.Connection):
        driver.set_progress_handler(None, 0)
    elif driver is not None:
        driver._read_timeout = PING_S


def _plain(value: Any) -> JSON:
    """A driver's value as JSON, or as a date for the vocabulary to shape. Exact numbers stay exact as text."""
    if isinstance(value, Decimal | timedelta):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        raw = bytes(value)
        if raw in (b"\0", b"\1"):  # MySQL's BIT(1), its usual yes or no
            return raw[0]
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw.hex()  # a binary key stays one of its kind
    return value
