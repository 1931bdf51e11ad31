"""Whether this process lives, and whether it can serve. For load balancers and start scripts: no data, no log-in."""

from __future__ import annotations

from functools import cache

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

NO_DATABASE = "The portal's database does not answer."
NOT_MIGRATED = "The portal's database is not up to date. Run: manage.py migrate"


def unapplied_migrations() -> list[str]:
    """The names of the migrations that the database still lacks. Raises DatabaseError."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [str(migration) for migration, _backwards in plan]


class _NotMigratedYet(Exception):
    pass


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
    """200 when the database answers and is up to date; else 503 with a sentence."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        _migrated()
    except DatabaseError:
        return _text(NO_DATABASE, 503)
    except _NotMigratedYet:
        return _text(NOT_MIGRATED, 503)
    return _text("ready")


def _text(sentence: str, status: int = 200) -> HttpResponse:
    return HttpResponse(f"{sentence}\n", status=status, content_type="text/plain; charset=utf-8")
