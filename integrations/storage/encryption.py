"""Secrets and personal data at rest: one encrypted column type, and a keyed index for looking such columns up."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from functools import cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.functional import Promise

from integrations.errors import ConfigurationError

INDEX_VERSION = 1


def fernet_for(secret: str) -> Fernet:
    """Any text as a key: operators need not know Fernet's own format."""
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()))


@cache
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([fernet_for(key) for key in keys])


def encrypt(text: str) -> str:
    """Encrypt with the newest key of CONNIE_ENCRYPTION_KEYS."""
    return _box(tuple(settings.ENCRYPTION_KEYS)).encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """Decrypt with whichever key fits. Raises ConfigurationError when none does."""
    try:
        return _box(tuple(settings.ENCRYPTION_KEYS)).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise ConfigurationError(
            "Stored data cannot be decrypted. Put the key it was written with back into CONNIE_ENCRYPTION_KEYS."
        ) from error


def blind_index(text: str, *, scope: str) -> str:
    """A keyed digest (64 lower-hex characters) by which equal values of one scope can be found without being read."""
    mac = _keyed(settings.INDEX_KEY).copy()
    mac.update(f"{scope}\0{text}".encode())
    return mac.hexdigest()


@cache
def _keyed(secret: str) -> hmac.HMAC:
    # Not hmac.digest(): that lets go of the interpreter for every digest, and a lookup that makes a few waits each time until
    # another thread, which writes the audit trail, gives it back.
    return hmac.new(secret.encode(), digestmod="sha256")


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]  # not generic at run time
    """Text that is only readable with the portal's keys. Cannot be filtered on."""

    description = "Encrypted text"

    def get_prep_value(self, value: Any) -> Any:
        if value is None or value == "":
            return value
        return encrypt(str(super().get_prep_value(value)))

    def from_db_value(self, value: str | None, _expression: Any, _connection: BaseDatabaseWrapper) -> str | None:
        return decrypt(value) if value else value

    def get_lookup(self, lookup_name: str) -> Any:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None


class EncryptedJSONField(models.TextField):  # type: ignore[type-arg]  # not generic at run time
    """A JSON value that is only readable with the portal's keys. Cannot be filtered on."""

    description = "Encrypted JSON"

    def get_prep_value(self, value: Any) -> Any:
        if value is None or isinstance(value, Promise):
            return value
        return encrypt(json.dumps(value))

    def from_db_value(self, value: str | None, _expression: Any, _connection: BaseDatabaseWrapper) -> Any:
        return json.loads(decrypt(value)) if value else None

    def to_python(self, value: Any) -> Any:
        """The value as it is: a text column's own way would turn the value into Python's notation of it in full_clean()."""
        return value

    def value_to_string(self, obj: models.Model) -> str:
        raise ConfigurationError("Encrypted columns are not written to dumps; use 'manage.py config export'.")

    def get_lookup(self, lookup_name: str) -> Any:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None
