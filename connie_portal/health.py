"""Whether this process lives, and whether it can serve. For load balancers and start scripts: no data, no log-in."""

from __future__ import annotations

import asyncio
import shutil
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from integrations.jobs.schedule import silence as runner_silence
from integrations.models import PeriodicRun
from integrations.storage.database_thread import in_database_thread
from integrations.storage.redis import one_try

NO_REDIS = "The portal's Redis server does not answer."
REDIS_TAKES_NOTHING = "The portal's Redis server takes nothing new: {why}."
REDIS_REFUSES = "The portal's Redis server refuses the sign-in. Check the name and the password in CONNIE_REDIS_URL."
NO_DATABASE = "The portal's database does not answer."
NOT_WRITABLE = "The portal's database takes nothing new: {why}. No caller is shown until it does."
NOT_MIGRATED = "The portal's database is not up to date. Run: manage.py migrate"
REDIS_WAIT_S = 0.5
MAX_WAIT_S = 4.0
# With less room than this the next entries of the audit trail may not find any.
LEAST_ROOM = 4 * 1024 * 1024
# What SQLite and MariaDB say, as an operator needs it.
_WHY = {
    "full": "the disk is full",
    "readonly": "it may only be read",
    "read-only": "it may only be read",
    "read only": "it may only be read",
    "lock": "something else is writing to it and does not end",
}
# The one row of the periodic runs that is nobody's work.
_PROBE: dict[str, Any] = {"name": "readyz", "period": 0}


def unapplied_migrations() -> list[str]:
    """The names of the migrations that the database still lacks. Raises django.db.Error."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [str(migration) for migration, _backwards in plan]


class _NotMigratedYet(Exception):
    pass


def redis_problem() -> str:
    """What keeps the server of CONNIE_REDIS_URL from being used, as a sentence; empty if nothing does, or there is none.
    (sync)"""
    if not settings.REDIS_URL:
        return ""
    try:
        with one_try(settings.REDIS_URL, REDIS_WAIT_S) as client:
            client.set("connie:readyz", "1", px=1_000)
    except (AuthenticationError, NoPermissionError):
        return REDIS_REFUSES
    except OutOfMemoryError:
        return REDIS_TAKES_NOTHING.format(why="its memory is full")
    except ReadOnlyError:
        return REDIS_TAKES_NOTHING.format(why="it is a replica that may only be read")
    except ResponseError as refusal:
        saves = str(refusal).startswith("MISCONF")
        return REDIS_TAKES_NOTHING.format(why="it cannot save to its disk" if saves else "its log says why")
    except (RedisError, OSError, ValueError):
        return NO_REDIS
    return ""


@cache
def _migrated() -> None:
    """Raises until the database is up to date; from then on it stays so for this process, and the answer is kept."""
    if unapplied_migrations():
        raise _NotMigratedYet


@never_cache
@require_safe
async def livez(_request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers at all."""
    return _text("ok")


@never_cache
@require_safe
async def readyz(_request: HttpRequest) -> HttpResponse:
    """200 when the database is up to date and takes what is new, and Redis, if there is one, too; else 503 with a sentence.

    Without a runner calls are answered as before, so its absence is said, but takes no web process out of service.
    """
    try:
        problem, silence = await asyncio.wait_for(in_database_thread(_state), MAX_WAIT_S)
    except TimeoutError:
        problem, silence = NO_DATABASE, ""
    return _text(problem, 503) if problem else _text(f"ready\n{silence}".rstrip())


def _state() -> tuple[str, str]:
    """What is wrong, if anything is; and what is said beside it."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        _migrated()
        if problem := _room_problem() or _write_problem() or redis_problem():
            return problem, ""
        return "", runner_silence()
    except AnyDatabaseError:
        return NO_DATABASE, ""
    except _NotMigratedYet:
        return NOT_MIGRATED, ""


def _room_problem() -> str:
    folders = [settings.DATA_DIR]
    if connection.vendor == "sqlite":
        folders.append(Path(connection.settings_dict["NAME"]).parent)
    if min(shutil.disk_usage(folder).free for folder in folders) < LEAST_ROOM:
        return NOT_WRITABLE.format(why=_WHY["full"])
    return ""


def _write_problem() -> str:
    """Found out by writing: a database that can be read may be on a disk that is full."""
    try:
        if not PeriodicRun.objects.filter(**_PROBE).update(handed_at=timezone.now()):
            PeriodicRun.objects.get_or_create(**_PROBE)
    except AnyDatabaseError as problem:
        text = str(problem).lower()
        return NOT_WRITABLE.format(why=next((why for word, why in _WHY.items() if word in text), "it refuses"))
    return ""


def _text(sentence: str, status: int = 200) -> HttpResponse:
    return HttpResponse(f"{sentence}\n", status=status, content_type="text/plain; charset=utf-8")
