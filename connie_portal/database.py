"""``CONNIE_DATABASE_URL`` → Django's DATABASES entry."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from connie_portal.env import EnvironmentProblem

# Deferred transactions that turn into writers fail at once under SQLite; IMMEDIATE ones wait their turn.
# synchronous=FULL: an audit entry that was acknowledged survives a power cut.
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    # Longer than this a request has no use for: the audit gives up after half a second, a lookup after six.
    "timeout": 2,
    "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;",
}


def database_settings(url: str, data_dir: Path) -> dict[str, Any]:
    """``""`` or ``sqlite:///FILE`` (relative to the data directory), or ``mysql://user:password@host:port/name``."""
    if not url:
        return _sqlite(data_dir / "connie.sqlite3")
    try:
        parts = urlsplit(url)
        port = parts.port or 3306
    except ValueError:
        raise EnvironmentProblem(
            "CONNIE_DATABASE_URL names a host or a port that cannot be. Ports go up to 65535; an IPv6 address stands in [ ]."
        ) from None
    if parts.scheme == "sqlite":
        return _sqlite(data_dir / unquote(parts.path.removeprefix("/")))
    if parts.scheme != "mysql":
        raise EnvironmentProblem(
            "CONNIE_DATABASE_URL must begin with mysql:// or sqlite:///, like mysql://connie:password@127.0.0.1:3306/connie."
        )
    name = parts.path.removeprefix("/")
    if not parts.hostname or not name:
        raise EnvironmentProblem("CONNIE_DATABASE_URL needs a host and a database name: mysql://user:password@host:3306/name.")
    if find_spec("MySQLdb") is None:
        raise EnvironmentProblem(
            "CONNIE_DATABASE_URL names a MariaDB, and its driver is not installed here. Install it with: "
            "scripts/bootstrap.sh mysql."
        )
    return {
        "ENGINE": "django.db.backends.mysql",
        "NAME": unquote(name),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname,
        "PORT": port,
        # Persistent connections leak under ASGI: each request may run on a thread of its own.
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            "charset": "utf8mb4",
            "isolation_level": "read committed",
            "connect_timeout": 5,
            # As installed it waits 50 seconds for a row and a day for a table: no page has so long.
            "init_command": "SET SESSION innodb_lock_wait_timeout = 3, lock_wait_timeout = 5",
        },
        "TEST": {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_general_ci"},
    }


def database_files(entry: dict[str, Any]) -> list[Path]:
    """The SQLite file of a DATABASES entry, with those that stand beside it while it is used; of another database none."""
    if not entry["ENGINE"].endswith("sqlite3"):
        return []
    return [Path(f"{entry['NAME']}{ending}") for ending in ("", "-wal", "-shm")]


def _sqlite(path: Path) -> dict[str, Any]:
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": path, "CONN_MAX_AGE": 0, "OPTIONS": dict(SQLITE_OPTIONS)}
