"""What a driver's error of MySQL, MariaDB or SQLite means.

Its text may hold names and values, so only classes, codes and the names of tables and columns are passed on.

https://mariadb.com/kb/en/mariadb-error-codes/
https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html
https://sqlite.org/rescode.html
"""

from __future__ import annotations

import re
import sqlite3

import pymysql
from pymysql.constants import ER

from integrations.errors import AuthFailed, InvalidResponse, MissingScope, SourceError, SourceTimeout, SourceUnavailable

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


# What ails the server or the file as a whole, and so everybody's question. Unlike it, most errors are of one question: a number
# out of range, a text that is no JSON, a function of a view that takes no such value.
_SQLITE_AILS = {
    *(sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_IOERR),
    *(sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOTADB),
}
_MYSQL_AILS = {
    *(ER.CANT_OPEN_FILE, ER.ERROR_ON_READ, ER.DISK_FULL, ER.GET_ERRNO, ER.NOT_KEYFILE, ER.OUTOFMEMORY, ER.OUT_OF_SORTMEMORY),
    *(ER.CON_COUNT_ERROR, ER.OUT_OF_RESOURCES, ER.BAD_HOST_ERROR, ER.HANDSHAKE_ERROR, ER.SERVER_SHUTDOWN, ER.NORMAL_SHUTDOWN),
    *(ER.RECORD_FILE_FULL, ER.HOST_IS_BLOCKED, ER.HOST_NOT_PRIVILEGED, ER.CANT_CREATE_THREAD, ER.ABORTING_CONNECTION),
    *(ER.NET_READ_ERROR, ER.NET_READ_INTERRUPTED, ER.NET_ERROR_ON_WRITE, ER.NET_WRITE_INTERRUPTED, ER.NEW_ABORTING_CONNECTION),
    *(ER.CRASHED_ON_USAGE, ER.CRASHED_ON_REPAIR, ER.TOO_MANY_USER_CONNECTIONS, ER.LOCK_WAIT_TIMEOUT, ER.LOCK_DEADLOCK),
    *(ER.USER_LIMIT_REACHED, 1290, 1836, 1927, 4031),
}


def _is_of_the_server(cause: BaseException | None, code: int) -> bool:
    if isinstance(cause, sqlite3.Error):
        # The module's own complaints carry no code of SQLite's; the upper byte says more of the same.
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE_AILS
    # Below a thousand and from two thousand on it is the connection that failed; MySQL's errors of questions go on at three.
    # Without a code the driver complains of what it reads: whatever answers there is no database.
    return isinstance(cause, pymysql.err.Error) and (code in _MYSQL_AILS or 0 < code < 1000 or 2000 <= code < 3000)


def classified(source: str, cause: BaseException | None) -> SourceError:
    """The class of failure: what is the server's counts towards leaving it alone, what is of one question does not."""
    code = cause.args[0] if cause is not None and cause.args and isinstance(cause.args[0], int) else 0
    if code in _AUTH_CODES:
        return AuthFailed(source, f"code {code}")
    if code in _RIGHT_CODES:
        return MissingScope(source, f"code {code}")
    if (
        code in _STATEMENT_TIMEOUT_CODES
        or isinstance(cause, TimeoutError)
        or any(word in str(cause) for word in _TIMEOUT_WORDS)
    ):
        return SourceTimeout(source, f"code {code}")
    if code in _MISSING_CODES or "no such" in str(cause):
        named = _MISSING_NAME.search(str(cause))
        return InvalidResponse(source, f"there is no table or column {named[1] if named else 'of this name'}")
    if isinstance(cause, OSError | pymysql.err.InterfaceError) or _is_of_the_server(cause, code):
        return SourceUnavailable(source, f"code {code}")
    # Of this question or its rows: the next caller's may be answered.
    return InvalidResponse(source, f"{type(cause).__name__} {code}")
