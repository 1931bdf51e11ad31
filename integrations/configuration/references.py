"""``env:NAME`` and ``file:PATH``: how the configuration file names a secret without holding it."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings


class Unresolved(Exception):
    """A reference leads nowhere. ``str()`` is a sentence that names the reference and never the value."""


@dataclass(frozen=True)
class Secret:
    """A secret as it is compared: by reference and fingerprint (SHA-256). ``value`` is ``""`` where it is stored hashed.

    ``unreferenced``: it is stored without a reference, and ``reference`` is the export's placeholder for it.
    """

    reference: str
    fingerprint: str
    value: str = field(default="", repr=False, compare=False)
    unreferenced: bool = field(default=False, compare=False)

    @property
    def stored_reference(self) -> str:
        """A placeholder is no reference: it leads nowhere."""
        return "" if self.unreferenced else self.reference


def fingerprint(value: str) -> str:
    """64 lower-hex characters."""
    return hashlib.sha256(value.encode()).hexdigest()


def placeholder(*names: str) -> str:
    """The reference that an export shows for a secret that has none: ``env:CHANGE_ME_CRM_TOKEN``."""
    return "env:CHANGE_ME_" + re.sub(r"[^A-Z0-9]+", "_", "_".join(names).upper()).strip("_")


def as_stored(reference: str, own_placeholder: str, fingerprint: str, value: str = "") -> Secret:
    """A secret of the database; ``reference`` is ``""`` if it was stored without one."""
    return Secret(reference or own_placeholder, fingerprint, value, unreferenced=not reference)


def resolve(reference: str) -> Secret:
    """The secret that ``reference`` names. Paths are relative to the repository's root. Raises Unresolved."""
    scheme, _, name = reference.partition(":")
    value = _from_environment(name) if scheme == "env" else _from_file(name)
    return Secret(reference, fingerprint(value), value)


def _from_environment(name: str) -> str:
    if value := os.environ.get(name):
        return value
    raise Unresolved(f"The environment variable {name} is not set. Set it, or name another one.")


def _from_file(name: str) -> str:
    try:
        value = (Path(settings.BASE_DIR) / name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError, ValueError):
        raise Unresolved(f"The file {name} cannot be read as text. Make it readable, or name another one.") from None
    if not value:
        raise Unresolved(f"The file {name} is empty. Put the secret into it, or name another one.")
    return value
