"""The queue of stored work: huey behind Django's own way to enqueue tasks.

It only wakes a runner soon. What is to be done stands in the portal's own tables, so an entry carries the ids of rows and
nothing else, nothing is kept of what came of it, and one that is lost is put there again by a runner.
"""

from __future__ import annotations

import sqlite3
import traceback
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.db import close_old_connections, transaction
from django.tasks import Task, TaskResult, TaskResultStatus
from django.tasks.backends.base import BaseTaskBackend
from django.tasks.exceptions import InvalidTask
from django.utils.crypto import get_random_string
from django.utils.module_loading import import_string
from huey import RedisHuey, SqliteHuey, crontab
from huey.api import Huey, TaskWrapper
from huey.registry import Message
from huey.serializer import Serializer
from redis import ConnectionPool
from redis.exceptions import RedisError

from integrations.storage.redis import pool_options

log = structlog.get_logger(__name__)

HAND_OUT = "integrations.tasks.hand_out"
# A runner waits for work for one second at a time.
REDIS_WAIT_S = 3.0


class AsJson(Serializer):  # type: ignore[misc]  # huey has no type information
    """Entries as JSON: a pickle would let whoever can write to the queue run code in a runner."""

    def _serialize(self, data: Message) -> bytes:
        return orjson.dumps({"id": data.id, "name": data.name, "eta": data.eta, "args": data.args})

    def _deserialize(self, data: bytes) -> Message:
        facts = orjson.loads(data)
        eta = datetime.fromisoformat(facts["eta"]) if facts["eta"] else None
        return Message(facts["id"], facts["name"], eta, args=facts["args"], kwargs={})


@dataclass(frozen=True)
class Queue:
    """``perform(path, *ids)`` puts a task on it."""

    huey: Huey
    perform: TaskWrapper


@cache
def queue() -> Queue:
    """The process's: in Redis if there is one, else in a file of the data directory."""
    options = {"results": False, "immediate": False, "serializer": AsJson()}
    if settings.REDIS_URL:
        pool = ConnectionPool.from_url(settings.REDIS_URL, **pool_options(settings.REDIS_URL, REDIS_WAIT_S))
        huey = RedisHuey("connie", connection_pool=pool, **options)
    else:
        # Without waiting for the disk: an entry that a power cut takes is put there again.
        huey = SqliteHuey("connie", filename=str(settings.DATA_DIR / "queue.sqlite3"), fsync=False, **options)
    huey.periodic_task(crontab(), name="hand_out")(_hand_out)
    return Queue(huey, huey.task(name="perform")(_perform))


class QueueBackend(BaseTaskBackend):
    """Django's ``TASKS`` on the queue. A task is put there once the transaction that made its rows is committed."""

    supports_defer = True

    def enqueue[**P, R](self, task: Task[P, R], args: Any, kwargs: Any) -> TaskResult[P, R]:
        """Raises InvalidTask for anything but ids. A queue that is away costs time only: a runner finds the rows."""
        self.validate_task(task)
        if kwargs or not all(type(one) is int for one in args):
            raise InvalidTask("A task takes the ids of rows and nothing else, so that no caller's data is in the queue.")
        transaction.on_commit(partial(_put, task.module_path, list(args), task.run_after))
        return TaskResult(
            task=task, id=get_random_string(32), status=TaskResultStatus.READY, enqueued_at=None, started_at=None,
            finished_at=None, last_attempted_at=None, args=list(args), kwargs={}, backend=self.alias, errors=[], worker_ids=[],
        )  # fmt: skip


def _put(path: str, ids: list[int], after: datetime | None) -> None:
    try:
        perform = queue().perform
        perform.schedule((path, *ids), eta=after) if after else perform(path, *ids)
    except (RedisError, sqlite3.Error, OSError) as problem:
        log.warning("queue.unavailable", task=path, problem=type(problem).__name__)


def _perform(path: str, *ids: int) -> None:
    """Run a task on a thread of the runner, which leaves no connection behind. Never raises."""
    close_old_connections()
    try:
        task = import_string(path)
        if not isinstance(task, Task):
            raise InvalidTask(f"{path} is not a task.")
        task.call(*ids)
    except Exception as problem:
        # Its text may hold data: the type and the place only.
        last = traceback.extract_tb(problem.__traceback__)[-1]
        log.error("task.failed", task=path, problem=type(problem).__name__, where=f"{last.name}:{last.lineno}")
    finally:
        close_old_connections()


def _hand_out() -> None:
    _perform(HAND_OUT)
