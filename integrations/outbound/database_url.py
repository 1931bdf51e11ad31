"""A database's address as an admin writes it, checked before anything is opened."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from integrations.errors import ConfigurationError

_PORTS = {"mysql": 3306, "postgresql": 5432}
_OPTIONS = {"ssl"}
_EXAMPLE = "Write it like mysql://reader@db.example.org/clients, postgresql://… or sqlite:///clients.sqlite3."
_NAME = re.compile(r"[A-Za-z0-9_$-]{1,64}")  # never part of a statement, so a hyphen does no harm
_HOST = re.compile(r"[A-Za-z0-9_:-]+(\.[A-Za-z0-9_-]+)*\.?")


@dataclass(frozen=True)
class DatabaseUrl:
    """A checked address. ``path`` is set for SQLite files, the rest for servers."""

    dialect: str  # mysql | postgresql | sqlite
    user: str = ""
    host: str = ""
    port: int = 0
    database: str = ""
    tls: bool = False
    path: Path = Path()


def checked_url(url: str, folder: Path) -> DatabaseUrl:
    """``mysql://user@host[:port]/db[?ssl=true|false]``, the same with postgresql, or ``sqlite:///FILE`` below ``folder``.

    Raises ConfigurationError saying what to change, and for PostgreSQL where its driver is not installed.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigurationError(f"url: this is not a database address. {_EXAMPLE}") from None
    if parts.password:
        raise ConfigurationError("url: leave the password out of the address; it belongs into the secrets.")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(set(options) - _OPTIONS):
        raise ConfigurationError(f"url: the option {unknown[0]!r} cannot be used. Only these can: {', '.join(_OPTIONS)}.")
    if parts.scheme == "sqlite":
        return DatabaseUrl("sqlite", path=_sqlite_path(unquote(parts.path), parts.netloc, folder))
    database = unquote(parts.path.removeprefix("/"))
    if parts.scheme not in _PORTS or not parts.username or not _NAME.fullmatch(database):
        raise ConfigurationError(f"url: this address cannot be used. {_EXAMPLE}")
    if not _HOST.fullmatch(parts.hostname or ""):
        raise ConfigurationError(f"url: this address cannot be used. {_EXAMPLE}")
    asked = options.get("ssl")
    if asked not in {"true", "false", None}:
        raise ConfigurationError("url: ssl must be true or false.")
    if parts.scheme == "postgresql":
        postgresql_driver()
    # Whatever is not this machine is spoken to encrypted, unless somebody says otherwise.
    tls = asked == "true" if asked else not _is_here(str(parts.hostname))
    port = port or _PORTS[parts.scheme]
    return DatabaseUrl(parts.scheme, unquote(parts.username), str(parts.hostname), port, database, tls=tls)


def _is_here(host: str) -> bool:
    """Whether it names this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


@cache
def postgresql_driver() -> Any:
    """psycopg. Raises ConfigurationError where it is not installed."""
    try:
        return import_module("psycopg")
    except ImportError:
        raise ConfigurationError(
            "url: PostgreSQL cannot be reached, because its driver is not installed here. Whoever runs the portal installs it "
            "with: .venv/bin/pip install 'psycopg[binary]'."
        ) from None


def _sqlite_path(path: str, netloc: str, folder: Path) -> Path:
    """Links are followed before the check, so that none leads out of the folder."""
    root = folder.resolve()
    target = (root / path.removeprefix("/")).resolve()
    if netloc or not path.strip("/") or "\0" in path or not target.is_relative_to(root) or target == root:
        raise ConfigurationError(
            "url: the file must lie in the organisation's folder of sources, like sqlite:///clients.sqlite3."
        )
    return target
