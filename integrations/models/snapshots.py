"""Configuration kept in the process, so that a lookup need not read the database before it asks its sources.

Every change of a model that the registry calls versioned writes a new version in its own transaction. A process believes
the version that it saw for up to a second; so a change is seen at once where it was made, and within two seconds everywhere.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import models, transaction
from django.db.models.signals import post_delete, post_save

from integrations.models.keys import KeyField
from integrations.models.registry import versioned
from integrations.single_flight import SingleFlight
from integrations.storage.database_thread import in_database_thread

BELIEVED_S = 1.0
MAX_KEPT = 10_000


class ConfigurationVersion(models.Model):
    """One row, whose value is another after every change. Random, because counting would mean to read first."""

    value = KeyField(max_length=32)

    def __str__(self) -> str:
        return self.value


class _Seen:
    """The version that this process saw last. ``changes``: how many it knows of; what was begun before one does not count."""

    def __init__(self) -> None:
        self.changes = 0
        self._value = ""
        self._at = float("-inf")
        self._being_read = False
        self._lock = threading.Lock()

    def at_hand(self) -> str | None:
        """None when it must be read again. While one thread does, the others go on for another second."""
        with self._lock:
            age = time.monotonic() - self._at
            if age < BELIEVED_S or (self._being_read and age < 2 * BELIEVED_S):
                return self._value
            self._being_read = True
            return None

    def read(self) -> str:
        try:
            asked_at = time.monotonic()
            value = ConfigurationVersion.objects.values_list("value", flat=True).first() or ""
            with self._lock:
                self._value, self._at = value, asked_at
            return value
        finally:
            self._being_read = False

    def forget(self) -> None:
        with self._lock:
            self.changes += 1
            self._at = float("-inf")


_seen = _Seen()


class Snapshots[K, V]:
    """What ``load(key)`` read of the configuration (sync, from the database), kept until the configuration changes.

    A None is not kept: what does not exist yet must be found once it does.
    """

    def __init__(self, load: Callable[[K], V]) -> None:
        self._load = load
        self._kept: dict[K, tuple[str, V]] = {}
        self._readings: SingleFlight[V] = SingleFlight()

    async def get(self, key: K) -> V:
        """The value, without leaving the event loop when it is at hand."""
        version = _seen.at_hand()
        if version is not None and (kept := self._kept.get(key)) and kept[0] == version:
            return kept[1]
        # Once for all who ask meanwhile: after a change, or when a process begins, everybody does.
        return await self._readings.join((key, version, _seen.changes), lambda: in_database_thread(self._read, key, version))

    def _read(self, key: K, version: str | None) -> V:
        # The version first: a change that comes in between is then noticed, and not taken for what was loaded.
        if version is None:
            version = _seen.read()
            if (kept := self._kept.get(key)) and kept[0] == version:
                return kept[1]
        value = self._load(key)
        if value is not None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[key] = (version, value)
        return value

    def clear(self) -> None:
        self._kept.clear()


def configuration_changed(**_signal: Any) -> None:
    """Write a new version, within the transaction that changes the configuration. (sync)"""
    version = secrets.token_hex(16)
    if not ConfigurationVersion.objects.filter(pk=1).update(value=version):
        ConfigurationVersion.objects.create(pk=1, value=version)
    _seen.forget()
    transaction.on_commit(_seen.forget)


for _model in versioned():
    post_save.connect(configuration_changed, sender=_model, dispatch_uid=f"version-{_model.__name__}-saved")
    post_delete.connect(configuration_changed, sender=_model, dispatch_uid=f"version-{_model.__name__}-deleted")
