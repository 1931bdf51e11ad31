"""The portal's SQLite file: held by one portal, looked over, copied while it is used, and put back."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import quote

# What SQLite keeps beside a file. A write-ahead log is part of its own file only: beside another it destroys that one.
BESIDE = ("-wal", "-shm", "-journal")
KEPT_ASIDE = ".replaced"
# So long a start looks over a file; a few gigabytes.
LOOK_S = 5.0


class FileProblem(Exception):
    """A database file cannot be used, copied or put back. ``str()`` is a sentence for the operator."""


def hold(database: Path) -> IO[str] | None:
    """The right to be the one who uses the file, until the returned file is closed; None if another process has it."""
    lock = open(f"{database}.lock", "w", encoding="utf-8")  # noqa: SIM115 -- held by the caller
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def look_over(database: Path, seconds: float = LOOK_S) -> None:
    """Raises FileProblem for a file that is torn or no database. What takes longer than ``seconds`` is not waited for."""
    if not database.exists():
        return
    deadline = time.monotonic() + seconds
    with _told(f"The portal's database {database}"), closing(_open(database)) as connection:
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        with suppress(sqlite3.OperationalError):  # also if somebody else is writing at this moment
            _check(connection, "quick_check")


def copy(database: Path, target: Path) -> None:
    """A whole and verified copy, also while the portal runs, in place of what was at ``target``. Raises FileProblem."""
    if not database.exists():
        raise FileProblem(f"There is no database at {database} yet, so there is nothing to copy.")
    if target.exists() and any(target.samefile(one) for one in _family(database) if one.exists()):
        raise FileProblem(f"{target} is the database itself. Name another file.")
    with _draft(target) as draft, _told("The portal's database"):
        with closing(_open(database)) as theirs, closing(_open(draft)) as ours:
            theirs.backup(ours)
            _settle(ours)
        _put(draft, target)


def put_back(copied: Path, database: Path, known: set[str]) -> None:
    """Verify a copy and put it in the place of the database, which is kept aside. Nobody else may hold the database.

    ``known``: the names of this version's migrations. Raises FileProblem; then everything is as it was.
    """
    if not copied.is_file():
        raise FileProblem(f"There is no file {copied}. Give the path of one that 'manage.py backup' made.")
    if database.exists() and copied.samefile(database):
        raise FileProblem(f"{copied} is the database itself. Name a copy of it.")
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _draft(database) as draft, _told(f"{copied}"):
        shutil.copyfile(copied, draft)
        if (log := Path(f"{copied}-wal")).exists():  # of a copy that was made by hand
            shutil.copyfile(log, f"{draft}-wal")
        with closing(_open(draft)) as connection:
            _settle(connection)
            _refuse_others(connection, copied, known)
        _keep_aside(database)
        _put(draft, database)


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=10, isolation_level=None)


def _settle(connection: sqlite3.Connection) -> None:
    """Everything in the one file, and whole."""
    connection.execute("PRAGMA journal_mode=DELETE")
    _check(connection, "integrity_check")


def _check(connection: sqlite3.Connection, how: str) -> None:
    (found,) = connection.execute(f"PRAGMA {how}(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError("malformed")


def _refuse_others(connection: sqlite3.Connection, copied: Path, known: set[str]) -> None:
    try:
        rows = connection.execute("SELECT name FROM django_migrations WHERE app = 'integrations'")
        applied = {name for (name,) in rows}
    except sqlite3.OperationalError:
        applied = set()
    if not applied:
        raise FileProblem(f"{copied} is no copy of the portal's database. Nothing was changed.")
    if later := applied - known:
        raise FileProblem(
            f"{copied} was made by a later version of the portal (it has {max(later)}). Bring in that version first; "
            "nothing was changed."
        )


def _keep_aside(database: Path) -> None:
    """The log first: from here on it belongs to the file that is kept, and to no other."""
    for ending in (*BESIDE, ""):
        now, aside = Path(f"{database}{ending}"), Path(f"{database}{KEPT_ASIDE}{ending}")
        aside.unlink(missing_ok=True)
        if now.exists():
            now.rename(aside)


def _family(database: Path) -> list[Path]:
    return [database, *(Path(f"{database}{ending}") for ending in BESIDE)]


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """An empty file beside ``target`` that nobody else may read, gone afterwards unless it took the target's place."""
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        yield draft
    except OSError as problem:
        raise FileProblem(f"{problem.filename or target}: {problem.strerror}. Nothing was changed.") from problem
    finally:
        for path in _family(draft):
            path.unlink(missing_ok=True)


def _put(draft: Path, target: Path) -> None:
    """Put the file there in one step, and on the disk before anybody relies on it."""
    for path in (draft, target.parent):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            if path == draft:
                draft.replace(target)
        finally:
            os.close(descriptor)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """SQLite's findings as a sentence."""
    try:
        yield
    except sqlite3.OperationalError as problem:
        raise FileProblem(f"{what} cannot be read or copied ({problem}). Nothing was changed.") from problem
    except sqlite3.DatabaseError as problem:
        raise FileProblem(f"{what} is damaged or no database. Put a backup in its place: manage.py restore FILE") from problem
