"""What is PostgreSQL's own about asking a database: its driver, which is not installed everywhere, and what its errors mean.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Generator, Mapping
from functools import cache
from typing import Any

from integrations.deadline import Deadline
from integrations.errors import (
    AuthFailed,
    InvalidResponse,
    MissingScope,
    SourceError,
    SourceTimeout,
    SourceUnavailable,
)
from integrations.outbound.database_url import DatabaseUrl, postgresql_driver

# Columns that our user may read, of the table that its search path finds.
COLUMNS = """
SELECT column_name AS name FROM information_schema.columns
WHERE table_name = CAST(:table AS text) AND table_schema = (
  SELECT nspname FROM pg_namespace JOIN pg_class ON pg_class.relnamespace = pg_namespace.oid
  WHERE pg_class.oid = to_regclass(quote_ident(CAST(:table AS text)))
)
"""
CONNECT_S = 3  # whole seconds, at least 2: the driver takes no others
GRACE_S = 0.2
# How often the driver looks up from waiting for the server.
_LOOK_EVERY_S = 0.1

_BY_STATE: Mapping[str, type[SourceError]] = {
    "28000": AuthFailed,
    "28P01": AuthFailed,
    "42501": MissingScope,
    "57014": SourceTimeout,  # its statement_timeout
    "3D000": InvalidResponse,
    "42P01": InvalidResponse,
    "42703": InvalidResponse,
}
# Too many connections, and whatever ends them.
_UNAVAILABLE = ("08", "53", "57", "58", "XX")
_NOT_THERE = {"42P01", "42703"}
# A connection that is refused has no code, only the server's words.
_REFUSED_SIGN_IN = ("authentication failed", "no password supplied", "pg_hba.conf", 'FATAL:  role "')


def errors() -> tuple[type[Exception], ...]:
    """What the driver raises."""
    return (postgresql_driver().Error,)


def connect(url: DatabaseUrl, address: str, password: str) -> Any:
    """A connection to exactly this address. The URL's host is the name that its certificate has to hold.

    Everything that the driver would otherwise take from the environment or from files of the process's user is given.
    """
    certified = {"sslmode": "verify-full", "sslrootcert": ssl.get_default_verify_paths().cafile or "system"}
    return _bounded_connection().connect(
        host=url.host,
        hostaddr=address,
        port=url.port,
        user=url.user,
        password=password,
        dbname=url.database,
        passfile=os.devnull,
        options="",
        application_name="connie-portal",
        client_encoding="UTF8",
        target_session_attrs="any",
        gssencmode="disable",
        connect_timeout=CONNECT_S,
        autocommit=True,
        prepare_threshold=None,
        **(certified if url.tls else {"sslmode": "prefer", "sslcert": os.devnull, "sslkey": os.devnull}),
    )


def rows(connection: Any, statement: str, values: Mapping[str, Any], seconds: float, deadline: Deadline) -> Generator[Any]:
    """One row after the other as a dict, never all of them at once. ``statement`` has its values as ``%(name)s``.

    The session is made read-only and its time limited anew for each statement: the last one may have changed that.
    Raises TimeoutError past the deadline, and what the driver raises.
    """
    connection.patience_s = seconds + GRACE_S
    with connection.cursor(row_factory=postgresql_driver().rows.dict_row) as cursor:
        cursor.execute(f"SET default_transaction_read_only = on; SET statement_timeout = {max(1, int(seconds * 1000))}")
        for row in cursor.stream(statement, values):
            if deadline.left() <= 0:
                raise TimeoutError
            yield row


def classified(source: str, error: Exception) -> SourceError:
    """What the driver meant. Its text may hold values, so only codes and the names of tables and columns are passed on."""
    if isinstance(error, postgresql_driver().errors.ConnectionTimeout):
        return SourceTimeout(source)
    state = getattr(error, "sqlstate", None) or ""
    if kind := _BY_STATE.get(state):
        return kind(source, _missing(error) if state in _NOT_THERE else f"code {state}")
    if state and not state.startswith(_UNAVAILABLE):
        return InvalidResponse(source, f"code {state}")
    if not state and 'FATAL:  database "' in str(error):
        return InvalidResponse(source, "there is no such database")
    if not state and any(words in str(error) for words in _REFUSED_SIGN_IN):
        return AuthFailed(source, "the server refuses the user")
    return SourceUnavailable(source, f"code {state}" if state else type(error).__name__)


def _missing(error: Any) -> str:
    """``relation "people" does not exist``: between the quotes stands a name of the statement."""
    parts = str(error.diag.message_primary or "").split('"')
    return f"there is no table or column {parts[1] if len(parts) > 2 else 'of this name'}"


@cache
def _bounded_connection() -> Any:
    """The driver's connection, which by itself waits for ever for a server that has fallen silent."""
    base: Any = postgresql_driver().Connection

    class BoundedConnection(base):  # type: ignore[misc]  # known only where it is installed
        patience_s = float(CONNECT_S)

        def wait(self, gen: Any, interval: float = _LOOK_EVERY_S, timeout: float | None = None) -> Any:
            return super().wait(self._bounded(gen), interval)

        def _bounded(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
            until = time.monotonic() + self.patience_s
            try:
                wanted = next(gen)
                while True:
                    ready = yield wanted
                    if time.monotonic() > until and not ready:
                        # Hung up at once: to call off the statement would mean to wait for the same server again.
                        self.pgconn.finish()
                        raise postgresql_driver().errors.ConnectionTimeout
                    wanted = gen.send(ready)
            except StopIteration as ended:
                return ended.value

    return BoundedConnection
