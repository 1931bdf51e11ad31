"""``CONNIE_EMAIL_URL`` → Django's MAILERS entry."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from connie_portal.env import EnvironmentProblem

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


def mailer_settings(url: str, data_dir: Path) -> dict[str, Any]:
    """``smtp://``, ``smtp+starttls://`` or ``smtps://user:password@host:port``; ``""`` writes mails to files."""
    if not url:
        return {
            "BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "OPTIONS": {"file_path": str(data_dir / "mail")},
        }
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port, parts = None, urlsplit("")
    if parts.scheme not in _PORTS or not parts.hostname:
        raise EnvironmentProblem("CONNIE_EMAIL_URL must look like smtp+starttls://user:password@mail.example.org:587.")
    return {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {
            "host": parts.hostname,
            "port": port or _PORTS[parts.scheme],
            "username": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "use_tls": parts.scheme == "smtp+starttls",
            "use_ssl": parts.scheme == "smtps",
            "timeout": 10,
        },
    }
