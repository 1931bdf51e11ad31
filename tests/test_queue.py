"""Stored work from being enqueued to being done, with a real consumer on a file and on a real Redis."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction
from django.tasks.exceptions import InvalidTask
from django.utils import timezone
from pytest_django.fixtures import Settings

from connie_portal.queue import _perform, queue
from connie_portal.runner import Runner
from tests import queue_tasks
from tests.factories import World
from tests.queue_tasks import done, fail, note, use_the_loop
from tests.servers import RedisServer, redis_server

PATIENCE_S = 20


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


def forget_queue() -> None:
    if queue.cache_info().currsize:
        queue().huey.storage.close()
    queue.cache_clear()
    queue_tasks.done.queue.clear()


@pytest.fixture(params=["file", "redis"])
def place(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[str]:
    """The place of the queue. Work that recurs is left out, so that nothing comes in between."""
    settings.DATA_DIR = tmp_path
    settings.REDIS_URL = request.getfixturevalue("redis").url if request.param == "redis" else ""
    forget_queue()
    queue().huey.storage.flush_all()
    yield request.param
    forget_queue()


@contextmanager
def running() -> Iterator[asyncio.AbstractEventLoop]:
    """A runner, and the loop of its process."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        runner = Runner()
        runner._consumer.scheduler = threading.Thread(target=lambda: None)
        runner.start(loop)
        try:
            yield loop
        finally:
            runner.stop()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def waiting() -> int:
    return int(queue().huey.storage.queue_size())


def test_work_is_put_on_the_queue_once_its_rows_are_committed_and_not_before(world: World, place: str) -> None:
    with transaction.atomic():
        note.enqueue(7)
        assert waiting() == 0
    assert waiting() == 1
    with running():
        assert done.get(timeout=PATIENCE_S) == 7


def test_what_is_rolled_back_leaves_no_work(world: World, place: str) -> None:
    with transaction.atomic():
        note.enqueue(7)
        transaction.set_rollback(True)
    assert waiting() == 0


@pytest.mark.parametrize("carried", ["+14155550123", {"name": "Rosa"}, 1.5, None, True])
def test_a_task_that_would_carry_anything_but_ids_is_refused(world: World, place: str, carried: object) -> None:
    with pytest.raises(InvalidTask):
        note.enqueue(carried)  # type: ignore[arg-type]
    with pytest.raises(InvalidTask):
        note.enqueue(row_id=7)
    assert waiting() == 0


def test_an_entry_is_plain_json(world: World, place: str) -> None:
    note.enqueue(7)
    (entry,) = queue().huey.storage.enqueued_items()
    assert bytes(entry).startswith(b'{"id":"')
    assert b'"args":["tests.queue_tasks.note",7]' in bytes(entry)


def test_work_that_fails_costs_only_itself_and_tells_nobodys_data(
    world: World, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), running():
        fail.enqueue(6)
        note.enqueue(7)
        assert done.get(timeout=PATIENCE_S) == 7
    assert "ValueError" in caplog.text
    assert "Rosa" not in caplog.text
    assert "0123" not in caplog.text


def test_nothing_is_kept_of_what_came_of_it(world: World, place: str) -> None:
    with running():
        fail.enqueue(6)
        note.enqueue(7)
        assert done.get(timeout=PATIENCE_S) == 7
    assert queue().huey.storage.result_store_size() == 0


def test_a_task_hands_coroutines_to_the_loop_of_its_process(world: World, place: str) -> None:
    with running() as loop:
        use_the_loop.enqueue(1)
        assert done.get(timeout=PATIENCE_S) is loop


def test_work_for_later_waits(world: World, place: str) -> None:
    note.using(run_after=timezone.now() + timedelta(hours=1)).enqueue(7)
    entry = queue().huey.dequeue()
    queue().huey.execute(entry)
    assert done.empty()
    assert [task.args for task in queue().huey.scheduled()] == [["tests.queue_tasks.note", 7]]


def test_a_queue_that_is_away_costs_the_request_nothing(world: World, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    forget_queue()
    try:
        with transaction.atomic():
            note.enqueue(7)
    finally:
        forget_queue()


def test_a_runner_outlives_its_redis(world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connie_portal.runner.MAX_PAUSE_S", 0.2)
    with redis_server() as passing:
        settings.REDIS_URL = passing.url
        forget_queue()
        try:
            with running():
                note.enqueue(1)
                assert done.get(timeout=PATIENCE_S) == 1
                passing.stop()
                note.enqueue(2)  # nobody can be told of it
                with redis_server(passing.port):
                    note.enqueue(3)
                    assert done.get(timeout=PATIENCE_S) == 3
        finally:
            forget_queue()


@pytest.mark.parametrize("path", ["os.getcwd", "tests.queue_tasks.done", "no.such.module"])
def test_only_tasks_are_run(world: World, caplog: pytest.LogCaptureFixture, path: str) -> None:
    _perform(path)
    assert "task.failed" in caplog.text
