"""Whether this process lives, and whether it can serve. For load balancers and start scripts: no data, no log-in."""

from __future__ import annotations

from functools import cache

import redis
from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from integrations.periodic import silence as runner_silence

NO_REDIS = "The portal's Redis server does not answer."
NO_DATABASE = "The portal's database does not answer."
NOT_MIGRATED = "The portal's database is not up to date. Run: manage.py migrate"
REDIS_WAIT_S = 1.0


def unapplied_migrations() -> list[str]:
    """The names of the migrations that the database still lacks. Raises django.db.Error."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [str(migration) for migration, _backwards in plan]


class _NotMigratedYet(Exception):
    pass


def redis_answers() -> bool:
    """Whether the server of CONNIE_REDIS_URL can be used now. (sync)"""
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=REDIS_WAIT_S, socket_connect_timeout=REDIS_WAIT_S
        ) as client:
            return bool(client.ping())
    except (redis.RedisError, ValueError):
        return False


@cache
def _migrated() -> None:
    """Raises until the database is up to date; from then on it stays so for this process, and the answer is kept."""
    if unapplied_migrations():
        raise _NotMigratedYet


@never_cache
@require_safe
def livez(_request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers at all."""
    return _text("ok")


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """200 when the database answers and is up to date; else 503 with a sentence.

    Without a runner calls are answered as before, so its absence is said, but takes no web process out of service.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        _migrated()
        if settings.REDIS_URL and not redis_answers():
            return _text(NO_REDIS, 503)
        silence = runner_silence()
    except AnyDatabaseError:
        return _text(NO_DATABASE, 503)
    except _NotMigratedYet:
        return _text(NOT_MIGRATED, 503)
    return _text(f"ready\n{silence}".rstrip())


def _text(sentence: str, status: int = 200) -> HttpResponse:
    return HttpResponse(f"{sentence}\n", status=status, content_type="text/plain; charset=utf-8")
