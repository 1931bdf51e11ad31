"""What the portal keeps on disk is its owner's alone: 0600 in a folder of 0700, whatever was there before."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

# Folders that the portal itself makes in its data directory.
OWN_FOLDERS = frozenset({"mail", "sources"})
FOR_OTHERS = 0o077


def keep_to_the_owner() -> None:
    """What this process and its children make from now on is for nobody else, whatever the umask was."""
    os.umask(FOR_OTHERS)


def make_private(folder: Path, *files: Path) -> list[str]:
    """Take from others what they may do with the data directory and with what is in it; ``files`` lie elsewhere.

    Returns sentences for the operator: what others could read until now, and what they can read still.
    """
    said: list[str] = []
    if (mode := _open_to_others(folder)) is not None:
        if _is_ours(folder):
            folder.chmod(0o700)
            said.append(f"The data directory {folder} was open to others ({mode:03o}). Now it is its owner's alone (700).")
        else:
            said.append(
                f"The data directory {folder} is open to others ({mode:03o}), and more than the portal's own is in it. "
                "Run chmod 700 on it, or set CONNIE_DATA_DIR to a folder of its own."
            )
    if (mail := folder / "mail").is_dir() and _open_to_others(mail) is not None:
        mail.chmod(0o700)
    opened = [path for path in (*_files_in(folder), *files) if _tightened(path)]
    if opened:
        said.append(
            f"{len(opened)} file(s) of the portal could be read by others, {opened[0]} among them. Now they cannot (600)."
        )
    return said


def _open_to_others(path: Path) -> int | None:
    """The mode, if others may do anything with it."""
    mode = stat.S_IMODE(path.stat().st_mode)
    return mode if mode & FOR_OTHERS else None


def _is_ours(folder: Path) -> bool:
    """Nobody but the portal uses it: closing /tmp or somebody's home to others would break what is none of its business."""
    facts = folder.stat()
    if facts.st_uid != os.geteuid() or facts.st_mode & stat.S_ISVTX:
        return False
    return all(entry.name in OWN_FOLDERS or not entry.is_dir() for entry in folder.iterdir())


def _files_in(folder: Path) -> Iterator[Path]:
    """The portal's own. What lies in ``sources`` is the organisations', and may be somebody else's to write."""
    patterns = ("*.sqlite3", "*.sqlite3-*", "*.sqlite3.*", "demo.*", "mail/*")
    return (path for pattern in patterns for path in folder.glob(pattern))


def _tightened(path: Path) -> bool:
    """Whether others could do anything with this file, which is over now."""
    try:
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode) or not facts.st_mode & FOR_OTHERS or facts.st_uid != os.geteuid():
            return False
        path.chmod(stat.S_IMODE(facts.st_mode) & ~FOR_OTHERS)
    except OSError:
        return False
    return True
