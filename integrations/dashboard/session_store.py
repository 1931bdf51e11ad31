"""Web sessions, in the database. One that was ended is over at once, even while the database cannot be written.

They are not kept in the cache as well: a cache that is away when somebody logs out would hand the session out again later.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import structlog
from django.conf import settings
from django.contrib.sessions.backends import db
from django.db import Error as AnyDatabaseError
from django.db import connection

MAX_ENDED = 10_000
RETRY_EVERY_S = 5.0

log = structlog.get_logger(__name__)


class EndedSessions:
    """Sessions that are over, but still stand in the database: refused by this process, and deleted as soon as that works."""

    def __init__(self) -> None:
        self._ended: dict[str, float] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def __contains__(self, key: object) -> bool:
        return key in self._ended

    def add(self, key: str) -> None:
        """Refuse the session from now on, and go on trying to delete it."""
        with self._lock:
            if len(self._ended) >= MAX_ENDED:
                del self._ended[next(iter(self._ended))]
            self._ended[key] = time.monotonic()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ended-sessions", daemon=True)
                self._thread.start()
        log.error("session.end_not_written")

    def delete_all(self) -> None:
        """Delete what can be deleted, and forget what is older than any cookie."""
        for key, since in list(self._ended.items()):
            try:
                db.SessionStore().delete(key)
            except AnyDatabaseError:
                if time.monotonic() - since < settings.SESSION_COOKIE_AGE:
                    continue
            with self._lock:
                self._ended.pop(key, None)

    def _run(self) -> None:
        while True:
            time.sleep(RETRY_EVERY_S)
            try:
                self.delete_all()
            finally:
                connection.close()
            with self._lock:
                if not self._ended:
                    self._thread = None
                    return


ended = EndedSessions()


class SessionStore(db.SessionStore):
    """Django's own, that forgets at once."""

    @classmethod
    def get_model_class(cls) -> Any:
        return db.SessionStore.get_model_class()

    def load(self) -> dict[str, Any]:
        return {} if self._is_over() else super().load()

    async def aload(self) -> dict[str, Any]:
        return {} if self._is_over() else await super().aload()

    def delete(self, session_key: str | None = None) -> None:
        try:
            super().delete(session_key)
        except AnyDatabaseError:
            self._end(session_key)

    async def adelete(self, session_key: str | None = None) -> None:
        try:
            await super().adelete(session_key)
        except AnyDatabaseError:
            self._end(session_key)

    def _is_over(self) -> bool:
        if self.session_key not in ended:
            return False
        self._session_key = None  # what is saved from here on is another session
        return True

    def _end(self, session_key: str | None) -> None:
        if key := session_key or self.session_key:
            ended.add(key)
