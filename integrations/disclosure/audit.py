"""The audit trail's doors.

``record()`` (async) and ``record_now()`` commit an entry by themselves, before anything leaves. ``record_within()``
adds it to the caller's own short transaction, as its last statement.

Entries of ``record()`` are committed in groups by one thread of the process: what arrives while a group is being
committed forms the next one, so the cost of a commit is shared by all who wait for it and nobody lingers for company.
What belongs to the same occasion, such as the call that it was about, goes with them (``Beside``).
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple, Self

import structlog
from django.db import Error as AnyDatabaseError
from django.db import OperationalError, connection, transaction

from integrations.disclosure.chain import BrokenChain, Entry, extend, subject_text, verify
from integrations.errors import AuditUnavailable

__all__ = [
    "Beside", "BrokenChain", "Entry", "record", "record_anywhere", "record_now", "record_within", "subject_text", "verify",
    "writer",
]  # fmt: skip

WAIT_S = 0.5
GROUP_SIZE = 128
COMMIT_ATTEMPTS = 3
DEADLOCK = 1213
# Beyond this many waiting entries the database is not keeping up, and waiting in line would end in a refusal anyway.
MAX_WAITING = 5_000
# What could not be written beside its entry is tried again behind it.
LATE_ATTEMPTS, LATE_PAUSE_S = 3, 0.1
MAX_LATE = 1_000

log = structlog.get_logger(__name__)


class Beside(ABC):
    """What is written in an entry's transaction if it can be at once, and by itself afterwards if not.

    It never costs the entry anything: neither its commit nor time.
    """

    @classmethod
    @abstractmethod
    def write(cls, several: Sequence[Self]) -> None:
        """Write those of one group, within an open transaction. Waits for no lock that another transaction holds. (sync)"""


class GroupWriter:
    """Commits entries in groups, on a thread and a connection of its own.

    Of its own, because a request's connection may be within a transaction, and because connecting anew for every
    entry would cost more than the entry.
    """

    def __init__(self) -> None:
        self._waiting: deque[_Submitted] = deque()
        self._arrived = threading.Condition()
        self._thread: threading.Thread | None = None
        self._late = _Late()

    def submit(self, entry: Entry, waiter: asyncio.Future[None] | None = None, beside: Beside | None = None) -> Future[None]:
        """A future that is done once the entry is committed. Raises AuditUnavailable when too many wait already.

        ``waiter`` is woken then, on its loop: all of a group at once, which on a busy loop is much cheaper than one by one.
        By then ``beside`` is written too, unless it could not be at once.
        """
        _ = entry.columns  # what cannot be stored must fail here, alone, and not take its group along
        future: Future[None] = Future()
        with self._arrived:
            if len(self._waiting) >= MAX_WAITING:
                raise AuditUnavailable("too many entries are waiting")
            self._waiting.append(_Submitted(entry, future, waiter, beside))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="audit-writer", daemon=True)
                self._thread.start()
            self._arrived.notify()
        return future

    def close(self) -> None:
        """Commit what waits, end the thread and its connection. The next entry starts a new one."""
        with self._arrived:
            thread, self._thread = self._thread, None
            self._arrived.notify_all()
        if thread:
            thread.join()
        self._late.finish()

    def _run(self) -> None:
        try:
            while group := self._next_group():
                self._commit(group)
        finally:
            connection.close()

    def _next_group(self) -> list[_Submitted]:
        """What waits, up to the group's size; empty when nothing waits and the writer was closed, though another thread may
        have been started since."""
        with self._arrived:
            while not self._waiting and self._thread is threading.current_thread():
                self._arrived.wait()
            taken = [self._waiting.popleft() for _index in range(min(GROUP_SIZE, len(self._waiting)))]
        # Whoever gave up waiting has shown nothing, so there is nothing to record.
        group = [one for one in taken if one.committed.set_running_or_notify_cancel()]
        return group if group or not taken else self._next_group()

    def _commit(self, group: list[_Submitted]) -> None:
        entries, companions = [one.entry for one in group], [one.beside for one in group if one.beside]
        error, accompanied = _try_commit(entries, companions)
        if error and companions:
            error, accompanied = _try_commit(entries)  # it may have been for them
        for one in group:
            # One bad entry fails its whole group: each gets a chance by itself.
            alone = _try_commit([one.entry])[0] if error and len(group) > 1 else error
            if alone:
                one.committed.set_exception(AuditUnavailable(f"the entry could not be committed ({type(alone).__name__})"))
            else:
                one.committed.set_result(None)
        _wake([one.waiter for one in group if one.waiter])
        if companions and not accompanied:
            self._late.write([one.beside for one in group if one.beside and not one.committed.exception()])


class _Submitted(NamedTuple):
    """An entry, how it ends, who on a loop waits for that, and what goes with it."""

    entry: Entry
    committed: Future[None]
    waiter: asyncio.Future[None] | None
    beside: Beside | None


class _Late:
    """What could not be written with its entry: one by one, on a thread of its own, so that no entry waits for it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit-beside")
        self._room = threading.BoundedSemaphore(MAX_LATE)

    def write(self, companions: Sequence[Beside]) -> None:
        for one in companions:
            if self._room.acquire(blocking=False):
                self._thread.submit(self._write, one)

    def finish(self) -> None:
        """Wait until nothing is left."""
        self._thread.submit(lambda: None).result()

    def _write(self, beside: Beside) -> None:
        self._room.release()
        problem = ""
        for _attempt in range(LATE_ATTEMPTS):
            try:
                with transaction.atomic():
                    beside.write([beside])
                break
            except Exception as error:
                problem = type(error).__name__
                threading.Event().wait(LATE_PAUSE_S)
        else:
            log.error("audit.beside_lost", what=type(beside).__name__, problem=problem)
        connection.close()


def _wake(waiters: list[asyncio.Future[None]]) -> None:
    for loop in {waiter.get_loop() for waiter in waiters}:
        own = [waiter for waiter in waiters if waiter.get_loop() is loop]
        with suppress(RuntimeError):  # the loop has ended, and who waited with it
            loop.call_soon_threadsafe(_wake_here, own)


def _wake_here(waiters: list[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)


writer = GroupWriter()


def _try_commit(entries: list[Entry], companions: Sequence[Beside] = ()) -> tuple[Exception | None, bool]:
    """What kept the entries from being committed, and whether their companions were."""
    try:
        # A connection that the server closed in the meantime would fail every later group.
        if connection.connection is not None and not connection.is_usable():
            connection.close()
        return None, _commit(entries, companions)
    except Exception as error:
        return error, False


def _commit(entries: list[Entry], companions: Sequence[Beside] = ()) -> bool:
    for attempt in range(COMMIT_ATTEMPTS):
        try:
            with transaction.atomic(durable=True):
                extend(entries)
                return _written(companions)
        except OperationalError as error:
            # MariaDB chose this transaction as the victim of a lock conflict, and nothing of it was kept.
            if attempt == COMMIT_ATTEMPTS - 1 or error.args[0] != DEADLOCK:
                raise
    raise RuntimeError("the last attempt either returns or raises")


def _written(companions: Sequence[Beside]) -> bool:
    try:
        with transaction.atomic():
            for kind in {type(one) for one in companions}:
                kind.write([one for one in companions if isinstance(one, kind)])
    except Exception:
        if connection.needs_rollback:
            raise  # more than they is lost
        return False
    return True


async def record(entry: Entry, beside: Beside | None = None) -> None:
    """Commit ``entry``. Raises AuditUnavailable if it is not committed within 500 ms: then nothing may leave.

    ``beside`` is written with it where that can be done at once.
    """
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    # The entry of a request that goes away meanwhile is written all the same.
    committed = writer.submit(entry, waiter, beside)
    try:
        async with asyncio.timeout(WAIT_S):
            await waiter
    except TimeoutError as error:
        # It may have been committed, or refused, in time, and it was this process that was too busy to look.
        if not committed.done():
            committed.cancel()
            raise AuditUnavailable("the entry was not committed in time") from error
    committed.result()


def record_now(entry: Entry) -> None:
    """Commit ``entry`` on this thread's connection, outside any transaction. Raises AuditUnavailable."""
    try:
        _commit([entry])
    except AnyDatabaseError as error:
        raise AuditUnavailable("the entry could not be committed") from error


def record_within(entry: Entry) -> None:
    """Add ``entry`` to the open transaction, as its last statement: it is committed with what it tells of."""
    if not connection.in_atomic_block:
        raise RuntimeError("record_within() belongs inside a transaction; use record_now().")
    extend([entry])


def record_anywhere(entry: Entry) -> None:
    """Record a refusal or signal, which happen inside a transaction (admin saves) as well as outside one."""
    if connection.in_atomic_block:
        extend([entry])
    else:
        record_now(entry)
